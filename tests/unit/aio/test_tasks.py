"""Callbacks that are plain or coroutines, and the tasks that come of them."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from nacre.aio.tasks import Tasks, settle
from tests.support.face import asynctest


def make(parent: Tasks | None = None) -> tuple[Tasks, list[tuple[BaseException, str]]]:
    reports: list[tuple[BaseException, str]] = []
    return Tasks(asyncio.get_running_loop(), lambda *report: reports.append(report), parent), reports


@asynctest
async def test_a_plain_value_costs_no_task() -> None:
    tasks, _ = make()
    results: list[Any] = []

    async def ours() -> None:
        results.append(await settle(1))
        results.append(await settle("two"))

    tasks.begin(ours(), "here")
    assert results == [1, "two"]
    assert not tasks


@asynctest
async def test_an_awaitable_runs_inside_a_task() -> None:
    tasks, _ = make()
    results: list[Any] = []

    async def callback() -> str:
        async with asyncio.timeout(5):  # needs a current task
            await asyncio.sleep(0)
        return "done"

    async def ours() -> None:
        results.append(await settle("inline"))
        results.append(await settle(callback()))

    tasks.begin(ours(), "here")
    assert results == ["inline"]
    assert len(tasks) == 1
    await tasks.wait()
    assert results == ["inline", "done"]


@asynctest
async def test_what_a_task_raises_is_reported() -> None:
    tasks, reports = make()

    async def fails() -> None:
        raise ValueError("no")

    tasks.spawn(fails(), "the handler")
    await tasks.wait()
    await asyncio.sleep(0)
    assert [(str(error), where) for error, where in reports] == [("no", "the handler")]


@asynctest
async def test_failed_is_told_in_place_of_the_report() -> None:
    tasks, reports = make()
    told: list[BaseException] = []

    async def fails() -> None:
        raise ValueError("no")

    tasks.spawn(fails(), "the handler", told.append)
    await tasks.wait()
    await asyncio.sleep(0)
    assert not reports
    assert str(told[0]) == "no"


@asynctest
async def test_the_end_lets_what_it_has_woken_finish_and_cancels_the_rest() -> None:
    tasks, _ = make()
    woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    finished: list[str] = []

    async def waits_for_the_end() -> None:
        await woken
        finished.append("woken")

    async def waits_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            finished.append("cancelled")
            raise

    tasks.spawn(waits_for_the_end(), "a")
    tasks.spawn(waits_for_ever(), "b")
    await asyncio.sleep(0)
    woken.set_result(None)
    tasks.end()
    await tasks.wait()
    assert finished == ["woken", "cancelled"]


@asynctest
async def test_what_is_spawned_after_the_end_is_cancelled() -> None:
    tasks, _ = make()
    tasks.end()
    task = tasks.spawn(asyncio.sleep(60), "late")
    await tasks.wait()
    assert task.cancelled()


@asynctest
async def test_tasks_belong_to_the_parent_too() -> None:
    parent, _ = make()
    child, _ = make(parent)
    child.spawn(asyncio.sleep(60), "a")
    assert len(parent) == len(child) == 1
    parent.cancel()
    await parent.wait()
    assert not parent
    assert not child


@asynctest
async def test_a_released_task_is_left_to_the_parent() -> None:
    parent, _ = make()
    child, _ = make(parent)
    task = child.spawn(asyncio.sleep(60), "a")
    child.release(task)
    child.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    parent.cancel()
    await parent.wait()


@asynctest
async def test_waiting_leaves_out_the_task_that_waits() -> None:
    tasks, _ = make()
    await tasks.spawn(tasks.wait(), "waits for all but itself")


@asynctest
async def test_a_callback_that_is_not_begun_before_the_end_is_closed() -> None:
    tasks, reports = make()
    begun: list[str] = []

    async def callback() -> None:
        begun.append("callback")

    async def ours() -> None:
        await settle(callback())

    tasks.begin(ours(), "here")
    tasks.cancel()
    await tasks.wait()
    gc.collect()  # "never awaited" would be a warning, and warnings are errors
    assert begun == []
    assert reports == []


def test_settle_passes_exceptions_on() -> None:
    async def fails() -> None:
        raise KeyError("x")

    async def ours() -> None:
        await settle(fails())

    with pytest.raises(KeyError):
        asyncio.run(ours())


@asynctest
async def test_a_handler_that_calls_exit_ends_neither_the_loop_nor_the_program() -> None:
    tasks, reports = make()
    told: list[BaseException] = []

    async def at_once() -> None:
        raise SystemExit(3)

    async def later() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise SystemExit(4)

    tasks.spawn(at_once(), "the handler", told.append)
    waiting = tasks.spawn(later(), "another")
    await asyncio.sleep(0)
    waiting.cancel()
    await tasks.wait()
    await asyncio.sleep(0)
    assert [type(error) for error in told] == [RuntimeError]
    assert [(type(error), str(error)) for error, _ in reports] == [
        (RuntimeError, "a callback or handler tried to end the program: SystemExit(4)")
    ]


@asynctest
async def test_a_handler_that_cancels_itself_has_failed_and_one_that_we_cancel_has_not() -> None:
    tasks, reports = make()
    told: list[BaseException] = []

    async def cancels_itself() -> None:
        raise asyncio.CancelledError

    async def waits() -> None:
        await asyncio.Event().wait()

    tasks.spawn(cancels_itself(), "the handler", told.append)
    await tasks.wait()
    await asyncio.sleep(0)
    assert [type(error) for error in told] == [asyncio.CancelledError]
    tasks.spawn(waits(), "the handler", told.append)
    await asyncio.sleep(0)
    tasks.cancel()
    await tasks.wait()
    await asyncio.sleep(0)
    assert len(told) == 1
    assert not reports


@asynctest
async def test_a_task_is_shown_as_the_coroutine_that_it_runs() -> None:
    tasks, _ = make()

    async def remarkable() -> None:
        await settle(asyncio.sleep(0))

    tasks.begin(remarkable(), "here")
    task = next(iter(tasks._tasks))
    assert "remarkable" in repr(task)
    assert asyncio.iscoroutine(task.get_coro())
    await task


@asynctest
async def test_a_callback_may_take_so_long() -> None:
    assert await settle(5, 0.01) == 5

    async def soon() -> int:
        await asyncio.sleep(0)
        return 6

    assert await settle(soon(), 60) == 6
    with pytest.raises(TimeoutError, match=r"no answer within 0\.01 s"):
        await settle(asyncio.Event().wait(), 0.01)

    async def its_own() -> None:
        raise TimeoutError("of the program")

    with pytest.raises(TimeoutError, match="of the program"):
        await settle(its_own(), 60)
