"""Channels on which nothing moves for a while, by a clock that the tests set."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from nacre.aio.phases import Sending
from nacre.aio.timed_channel import Activity, TimedChannel, TimedEditorChannel, TimedServerChannel


class Clock:
    """The part of an event loop that has the time."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[asyncio.TimerHandle] = []

    def time(self) -> float:
        return self.now

    def get_debug(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: Any) -> None:
        self.timers.remove(handle)

    def call_at(self, when: float, callback: Callable[..., Any], *args: Any) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self)  # type: ignore[arg-type]  # what it asks of a loop is there
        timer._scheduled = True  # type: ignore[attr-defined]  # as loops do
        self.timers.append(timer)
        return timer

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while due := [timer for timer in self.timers if timer.when() <= end]:
            timer = min(due, key=lambda timer: timer.when())
            self.timers.remove(timer)
            timer._scheduled = False  # type: ignore[attr-defined]  # likewise
            self.now = max(self.now, timer.when())
            timer._run()
        self.now = end


@pytest.fixture
def clock() -> Clock:
    return Clock()


def made(clock: Clock, kind: type[TimedChannel[Any]] = TimedChannel, *args: Any) -> Any:
    logger = logging.getLogger("nacre")
    link: Any = SimpleNamespace(loop=clock, channel_logger=lambda number: logger, active=False)
    channel = kind(link, *args)
    channel.bind(0, SimpleNamespace(connection_made=lambda chan: None, connection_lost=lambda error: None))
    channel.opened()
    return channel


def closed(channel: Any) -> bool:
    return channel._sending is Sending.CLOSED


def test_a_channel_on_which_nothing_moves_is_closed(clock: Clock) -> None:
    channel = made(clock)
    channel.limit(Activity(lambda kind: (5.0, 0.0)), "x")
    for move in (lambda: channel.data_arrived(b"x", None), channel.writable):
        clock.forward(4.5)
        move()
    clock.forward(4.5)
    assert not closed(channel)
    clock.forward(0.5)
    assert closed(channel)
    assert not clock.timers


def test_what_moves_on_one_counts_for_all_where_the_limit_is_of_all(clock: Clock) -> None:
    activity = Activity(lambda kind: (9.0 if kind == "short" else 0.0, 20.0))
    busy, idle, short = made(clock), made(clock), made(clock)
    for channel, kind in ((busy, "long"), (idle, "long"), (short, "short")):
        channel.limit(activity, kind)
    for _ in range(3):
        clock.forward(8)
        busy.data_arrived(b"x", None)
    assert [closed(channel) for channel in (busy, idle, short)] == [False, False, True]
    clock.forward(20)
    assert closed(busy)
    assert closed(idle)


def test_a_channel_that_has_gone_is_not_looked_at(clock: Clock) -> None:
    channel = made(clock)
    channel.limit(Activity(lambda kind: (5.0, 0.0)), "x")
    assert len(clock.timers) == 1
    channel.gone(None)
    assert not clock.timers


def test_no_limit_needs_no_timer(clock: Clock) -> None:
    channel = made(clock)
    channel.limit(Activity(lambda kind: (0.0, 0.0)), "x")
    assert not clock.timers
    plain = made(clock)
    plain.writable()
    plain.gone(None)


@pytest.mark.parametrize("kind", [TimedServerChannel, TimedEditorChannel])
@pytest.mark.parametrize(
    ("request_name", "subsystem", "forced", "wanted"),
    [
        ("shell", None, None, "session:shell"),
        ("exec", None, None, "session:command"),
        ("subsystem", "sftp", None, "session:subsystem:sftp"),
        ("subsystem", None, "sftp", "session:subsystem:sftp"),
        ("env", None, None, None),
    ],
)
def test_the_kind_of_a_session_is_what_was_asked_for(
    clock: Clock, kind: Any, request_name: str, subsystem: str | None, forced: str | None, wanted: str | None
) -> None:
    channel = made(clock, kind, SimpleNamespace())
    asked: list[str] = []
    channel.limit(Activity(lambda kind: asked.append(kind) or (0.0, 0.0)))  # type: ignore[func-returns-value]  # it is None
    channel._failed = True  # nothing is started
    channel._subsystem = subsystem
    channel.set_extra_info(original_command=forced or "")
    channel.request_granted(request_name)
    assert asked == ([] if wanted is None else [wanted])
