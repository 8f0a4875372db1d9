"""Sessions that outlived their hub are listed and ended without one. Real holders."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine

from nacre.hub.paths import prepare
from nacre.hub.remains import remaining_sessions
from tests.unit.hub.conftest import TERMINAL, UID


def run(body: Coroutine[object, object, None]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(120):
            await body

    asyncio.run(whole())


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_they_are_found_and_ended(make_sessions) -> None:
    async def body() -> None:
        async with make_sessions() as manager:
            infos = [
                await manager.start(user, "sleep", ("/bin/sleep", "600"), TERMINAL, {}, uid=uid)
                for user, uid in (("alice", UID), ("alice", UID), ("bob", UID + 1))
            ]
            async with remaining_sessions(make_sessions.paths, {UID, UID + 1}.__contains__) as remains:
                rows = await remains.sessions()
                assert {row.id for row in rows} == {info.id for info in infos}
                assert {row.app for row in rows} == {"sleep"}
                assert await remains.end_user_sessions("alice") == 2
                assert await remains.end_user_sessions("alice") == 0
                assert [row.user for row in await remains.sessions()] == ["bob"]
                assert await remains.end_session("no-such") is False
            # What was not ended goes on.
            async with remaining_sessions(make_sessions.paths, {UID, UID + 1}.__contains__) as remains:
                (row,) = await remains.sessions()
                assert alive(row.pid)
                assert await remains.end_session(row.id) is True
                assert await remains.sessions() == []

    run(body())


def test_a_state_in_which_nothing_runs(tmp_path) -> None:
    async def body() -> None:
        async with remaining_sessions(prepare(tmp_path / "state"), bool) as remains:
            assert await remains.sessions() == []
            assert await remains.end_session("x") is False
            assert await remains.end_user_sessions("alice") == 0

    run(body())
