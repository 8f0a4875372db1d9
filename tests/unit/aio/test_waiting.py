"""Calls that block: other tasks run meanwhile, so many at once and no more, and nobody is held up at the end."""

from __future__ import annotations

import asyncio
import threading

import pytest

from nacre.aio.waiting import Waiters
from tests.support.face import asynctest


@asynctest
async def test_results_and_failures():
    waiters = Waiters("test")
    assert await waiters.call(lambda: 5) == 5
    with pytest.raises(KeyError):
        await waiters.call(lambda: {}["lost"])
    assert await waiters.call(lambda: threading.current_thread().daemon) is True


@asynctest
async def test_others_run_meanwhile_and_so_many_at_once():
    waiters = Waiters("test", at_once=2)
    go, inside, most = threading.Event(), [], []

    def block():
        inside.append(None)
        most.append(len(inside))
        assert go.wait(30)
        inside.pop()

    calls = [asyncio.ensure_future(waiters.call(block)) for _ in range(5)]
    while len(inside) < 2:
        await asyncio.sleep(0)
    assert not any(call.done() for call in calls)
    go.set()
    await asyncio.gather(*calls)
    assert max(most) == 2
    assert len(most) == 5


@asynctest
async def test_who_stops_waiting_leaves_the_call_to_itself():
    waiters = Waiters("test", at_once=1)
    go, done = threading.Event(), []

    def block(value):
        assert go.wait(30)
        done.append(value)

    first = asyncio.ensure_future(waiters.call(lambda: block(1)))
    second = asyncio.ensure_future(waiters.call(lambda: block(2)))
    last = asyncio.ensure_future(waiters.call(lambda: block(3)))
    await asyncio.sleep(0)
    for call in (first, second):
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    go.set()
    await last
    assert done == [1, 3]  # what had begun ends; what had not never begins


@asynctest
async def test_a_thread_that_the_system_does_not_give_fails_that_call_alone(monkeypatch) -> None:
    waiters = Waiters("test", at_once=1)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as none_left:
        none_left.setattr(threading.Thread, "start", refuse)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="new thread"):
                await waiters.call(lambda: 1)
    assert await waiters.call(lambda: 2) == 2
