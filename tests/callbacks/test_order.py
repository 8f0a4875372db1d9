"""The order of callbacks, what waits for a session to start, and what the end cancels, in every kind of loop."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import pytest

import nacre
from tests.support.face import (
    OpenServer,
    Recorder,
    SessionServer,
    asynctest,
    connect,
    connected,
    serving,
    two_sessions,
    user_key,
)


class Gate:
    """A callback that waits here is seen to begin, and to end by a cancellation or not."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.opens = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def passed(self, answer: Any) -> Any:
        self.entered.set()
        try:
            await self.opens.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return answer


class Slow(Recorder):
    """A session whose start waits at a gate."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self._gate = gate

    def exec_requested(self, command: str) -> Any:
        super().exec_requested(command)
        return self._gate.passed(True)


@asynctest
async def test_a_session_hears_in_order(loop_kind: str) -> None:
    async with two_sessions() as (client, server, _):
        client.chan.write("to the server")
        client.chan.write_eof()
        await server.until(lambda: "eof_received" in server.calls)
        server.chan.write("to the client")
        server.chan.exit(3)
        await client.closed.wait()
        await server.closed.wait()
    assert client.calls == [
        "connection_made",
        "session_started",
        "data_received",
        "eof_received",
        "exit_status 3",
        "connection_lost",
    ]
    assert server.calls == [
        "connection_made",
        "exec_requested",
        "session_started",
        "data_received",
        "eof_received",
        "connection_lost",
    ]


@asynctest
async def test_a_connection_hears_in_order_and_after_its_sessions(loop_kind: str) -> None:
    calls: list[str] = []

    def noting(base: type, name: str, *callbacks: str) -> type:
        def note(callback: str) -> Any:
            def method(self: Any, *args: Any) -> Any:
                calls.append(f"{name} {callback}")
                return getattr(super(made, self), callback)(*args)

            return method

        made = type(name, (base,), {callback: note(callback) for callback in callbacks})
        return made

    ends = ("connection_made", "connection_lost")
    session = noting(Recorder, "session", *ends)
    server = noting(SessionServer, "server", *ends, "begin_auth", "auth_completed", "session_requested")
    client = noting(nacre.SSHClient, "client", *ends, "auth_completed")
    async with serving(server_factory=lambda: server(session, [])) as listener:
        connection = await connect(listener, client_factory=client)
        await connection.create_session(Recorder, "x")
        connection.close()
        await connection.wait_closed()
    assert [call for call in calls if not call.startswith("client")] == [
        "server connection_made",
        "server begin_auth",
        "server auth_completed",
        "server session_requested",
        "session connection_made",
        "session connection_lost",
        "server connection_lost",
    ]
    assert [call for call in calls if call.startswith("client")] == [
        "client connection_made",
        "client auth_completed",
        "client connection_lost",
    ]


@asynctest
async def test_what_comes_early_waits_until_the_session_has_started(loop_kind: str) -> None:
    gate = Gate()
    session = Slow(gate)
    async with (
        serving(server_factory=lambda: SessionServer(lambda: session, [])) as listener,
        connected(listener) as connection,
    ):

        class Hasty(Recorder):
            """Writes before its command was granted."""

            def connection_made(self, chan: Any) -> None:
                super().connection_made(chan)
                chan.write("early ")
                chan.write("bird")
                chan.write_eof()

        opening = asyncio.ensure_future(connection.create_session(Hasty, "x"))
        await gate.entered.wait()
        # All of it was sent before what follows, and so it has arrived when that is answered.
        await connection._link.global_request("turn", b"")
        assert session.calls == ["connection_made", "exec_requested"]
        gate.opens.set()
        chan, _ = await opening
        await session.until(lambda: "eof_received" in session.calls)
        assert session.text == "early bird"
        assert session.calls == [
            "connection_made",
            "exec_requested",
            "session_started",
            "data_received",
            "eof_received",
        ]
        chan.close()
        await session.closed.wait()


class Methods(nacre.SSHServer):
    """Offers every method."""

    def __init__(self, conns: list[nacre.SSHServerConnection]) -> None:
        self._conns = conns

    def connection_made(self, conn: nacre.SSHServerConnection) -> None:
        self._conns.append(conn)

    def public_key_auth_supported(self) -> bool:
        return True

    password_auth_supported = kbdint_auth_supported = public_key_auth_supported


class Dialogues(nacre.SSHClient):
    """Takes part in any dialogue."""

    def kbdint_auth_requested(self) -> Any:
        return ""


def waiting(base: type, callback: str, gate: Gate, answer: Any) -> type:
    """Return a class whose callback waits at a gate."""
    return type("Waiting", (base,), {callback: lambda self, *args: gate.passed(answer)})


@asynctest
async def test_callbacks_of_a_login_are_cancelled_when_the_connection_goes(loop_kind: str) -> None:
    for callback in ("begin_auth", "validate_public_key", "get_kbdint_challenge"):
        gate = Gate()
        server = waiting(Methods, callback, gate, True)
        async with serving(server_factory=functools.partial(server, [])) as listener:
            connecting = asyncio.ensure_future(
                connect(listener, client_keys=[user_key()], client_factory=Dialogues)
            )
            await gate.entered.wait()
            connecting.cancel()
            await gate.cancelled.wait()
            with pytest.raises(asyncio.CancelledError):
                await connecting


@asynctest
async def test_callbacks_of_a_client_are_cancelled_when_the_server_goes(loop_kind: str) -> None:
    for callback in ("password_auth_requested", "kbdint_auth_requested", "public_key_auth_requested"):
        gate = Gate()
        conns: list[nacre.SSHServerConnection] = []
        client = waiting(nacre.SSHClient, callback, gate, None)
        async with serving(server_factory=functools.partial(Methods, conns)) as listener:
            connecting = asyncio.ensure_future(connect(listener, client_factory=client))
            await gate.entered.wait()
            conns[0].abort()
            await gate.cancelled.wait()
            with pytest.raises((nacre.DisconnectError, OSError)):
                await connecting


@pytest.mark.parametrize("callback", ["session_requested", "auth_completed"])
@asynctest
async def test_callbacks_of_a_connection_are_cancelled_with_it(callback: str, loop_kind: str) -> None:
    gate = Gate()
    server = waiting(OpenServer, callback, gate, False)
    async with serving(server_factory=server) as listener:
        connection = await connect(listener)
        opening = asyncio.ensure_future(connection.create_session(Recorder, "x"))
        await gate.entered.wait()
        connection.abort()
        await gate.cancelled.wait()
        with pytest.raises((nacre.Error, OSError)):
            await opening
        await connection.wait_closed()


@asynctest
async def test_a_session_callback_and_a_handler_are_cancelled_with_their_channel(loop_kind: str) -> None:
    gates = {"start": Gate(), "run": Gate()}

    class Session(Recorder):
        def exec_requested(self, command: str) -> Any:
            return gates["start"].passed(True)

    def requested(self: Any) -> Any:
        return asked.pop()

    async def handler(stdin: Any, stdout: Any, stderr: Any) -> None:
        await gates["run"].passed(None)

    asked: list[Any] = [handler, Session()]
    server = type("Server", (OpenServer,), {"session_requested": requested})
    async with serving(server_factory=server) as listener, connected(listener) as connection:
        opening = asyncio.ensure_future(connection.create_session(Recorder, "x"))
        await gates["start"].entered.wait()
        opening.cancel()
        await gates["start"].cancelled.wait()
        chan, _ = await connection.create_session(Recorder, "x")
        await gates["run"].entered.wait()
        chan.close()
        await gates["run"].cancelled.wait()
        with pytest.raises(asyncio.CancelledError):
            await opening
        assert not connection.is_closed()


@asynctest
async def test_nothing_of_a_connection_runs_once_it_is_closed(loop_kind: str) -> None:
    """`wait_closed` returns behind the last task, also behind one that takes its time to clean up."""
    steps: list[str] = []
    began = asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(3):
                await asyncio.sleep(0)
            steps.append("cleaned up")

    async with serving() as listener:
        connection = await connect(listener)
        connection.create_task(work())
        await began.wait()
        connection.close()
        await connection.wait_closed()
        steps.append("closed")
    assert steps == ["cleaned up", "closed"]
