"""Calls that block: other tasks run meanwhile, so many at once and no more, and nobody is held up at the end."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from functools import partial

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
async def test_calls_about_one_subject_leave_threads_for_others():
    waiters = Waiters("test", at_once=6)
    go, inside = threading.Event(), []

    def block(name):
        inside.append(name)
        assert go.wait(30)
        return name

    calls = [
        asyncio.ensure_future(waiters.call(partial(block, f"{name}{at}"), ("here", name)))
        for at, name in enumerate("aaabaa")
    ]
    while len(inside) < 4:
        await asyncio.sleep(0)
    assert await waiters.call(lambda: 1, ("there", "c")) == 1  # though more of "here" were there before
    assert inside == ["a0", "a1", "a2", "b3"]
    calls[4].cancel()
    go.set()
    found = await asyncio.gather(*calls, return_exceptions=True)
    assert [name for name in found if isinstance(name, str)] == ["a0", "a1", "a2", "b3", "a5"]
    while waiters._running:
        await asyncio.sleep(0)
    assert not waiters._about


@asynctest
async def test_a_call_that_was_given_up_is_not_kept():
    waiters = Waiters("test", at_once=1)
    go = threading.Event()
    first = asyncio.ensure_future(waiters.call(lambda: go.wait(30)))

    async def give_up():
        wanted = threading.Event()  # can be watched
        call = asyncio.ensure_future(waiters.call(wanted.wait))
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        return weakref.ref(wanted)

    kept = await give_up()
    await asyncio.sleep(0)
    gc.collect()  # of the exceptions
    assert kept() is None
    assert not waiters._calls
    go.set()
    assert await first


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
