"""What a channel does when the program fails at what it was asked, and the tasks that belong to it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import nacre
from tests.support.face import (
    Recorder,
    SessionServer,
    asynctest,
    connected,
    reported,
    serving,
    two_sessions,
)


@pytest.mark.parametrize(
    "callback", ["connection_made", "session_started", "data_received", "eof_received", "pause_writing"]
)
@asynctest
async def test_a_session_callback_that_fails_closes_its_channel_alone(callback: str) -> None:
    class Failing(Recorder):
        pass

    def fail(self: Any, *args: Any) -> None:
        raise ZeroDivisionError(callback)

    setattr(Failing, callback, fail)
    made: list[Any] = []
    sessions = iter([Recorder(), Failing()])
    async with (
        serving(
            server_factory=lambda: SessionServer(lambda: next(sessions), made), encoding=None
        ) as listener,
        connected(listener, encoding=None) as connection,
    ):
        sibling = Recorder()
        await connection.create_session(lambda: sibling, "x")
        client = Recorder()
        if callback == "connection_made":
            with pytest.raises(nacre.ChannelOpenError):
                await connection.create_session(lambda: client, "x")
        else:
            await connection.create_session(lambda: client, "x")
            if callback == "pause_writing":
                client.chan.pause_reading()
                made[1].chan.write(bytes(8 * 1024 * 1024))
                client.chan.resume_reading()
            else:
                try:
                    client.chan.write(b"x")
                    client.chan.write_eof()
                except BrokenPipeError:
                    pass
            await client.closed.wait()
            assert client.chan.get_exit_status() == 1
            await made[1].chan.wait_closed()
        sibling.chan.write(b"still here")
        await made[0].until(lambda: made[0].data)
        reports = reported()
        assert [type(report["exception"]) for report in reports] == [ZeroDivisionError]


@asynctest
async def test_connection_lost_that_fails_is_reported_and_goes_no_further() -> None:
    class Failing(Recorder):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            raise ZeroDivisionError

    async with two_sessions(server_session=Failing()) as (client, server, _):
        client.chan.close()
        await server.closed.wait()
        await server.chan.wait_closed()
        assert [type(report["exception"]) for report in reported()] == [ZeroDivisionError]


@asynctest
async def test_a_task_of_a_channel_ends_with_it() -> None:
    ended: list[str] = []

    async def for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    async with two_sessions() as (client, server, _):
        server.chan.create_task(for_ever(), "a task")
        client.chan.close()
        await server.chan.wait_closed()
        assert ended == ["cancelled"]


@asynctest
async def test_a_task_that_fails_closes_its_channel() -> None:
    async def fails() -> None:
        raise ZeroDivisionError

    async with two_sessions() as (client, server, _):
        server.chan.create_task(fails(), "a task")
        await client.closed.wait()
        assert client.chan.get_exit_status() == 1
        assert [type(report["exception"]) for report in reported()] == [ZeroDivisionError]
