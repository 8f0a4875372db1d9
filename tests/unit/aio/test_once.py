"""Something that happens once: everybody who waits goes on, and who comes later does not wait."""

from __future__ import annotations

import asyncio

import pytest

from nacre.aio.once import Once
from tests.support.face import asynctest


@asynctest
async def test_everybody_goes_on_when_it_happens() -> None:
    once = Once()
    waiting = [asyncio.create_task(once.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not once.is_set()
    assert not any(task.done() for task in waiting)
    once.set()
    await asyncio.gather(*waiting)
    assert once.is_set()
    await once.wait()
    once.set()


@asynctest
async def test_who_is_cancelled_is_forgotten() -> None:
    once = Once()
    first, second = (asyncio.create_task(once.wait()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert len(once._waiters or ()) == 1
    once.set()
    await second


@asynctest
async def test_cancelled_in_the_turn_in_which_it_happens() -> None:
    once = Once()
    task = asyncio.create_task(once.wait())
    await asyncio.sleep(0)
    task.cancel()
    once.set()
    with pytest.raises(asyncio.CancelledError):
        await task
