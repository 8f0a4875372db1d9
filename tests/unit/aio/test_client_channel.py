"""What a client asks of a session, and how it hears of its end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import nacre
from tests.support.face import (
    OpenServer,
    Recorder,
    SessionServer,
    asynctest,
    connected,
    serving,
    two_sessions,
)


@asynctest
async def test_exit_status() -> None:
    for status, seen in ((0, 0), (1, 1), (255, 255), (256, 0), (-1, 255)):
        async with two_sessions() as (client, server, _):
            assert client.chan.get_exit_status() is None
            assert client.chan.get_returncode() is None
            server.chan.exit(status)
            await client.closed.wait()
            assert client.chan.get_exit_status() == client.chan.get_returncode() == seen
            assert client.chan.get_exit_signal() is None


@pytest.mark.parametrize(("name", "returncode"), [("TERM", -15), ("KILL", -9), ("XYZZY", -99)])
@asynctest
async def test_exit_signal(name: str, returncode: int) -> None:
    async with two_sessions() as (client, server, _):
        server.chan.exit_with_signal(name, True, "why", "de")
        await client.closed.wait()
        assert client.chan.get_exit_signal() == (name, True, "why", "de")
        assert client.chan.get_exit_status() == -1
        assert client.chan.get_returncode() == returncode
        assert f"exit_signal {name}" in client.calls


@asynctest
async def test_the_first_exit_counts() -> None:
    async with two_sessions() as (client, server, _):
        server.chan.send_request("exit-status", b"\0\0\0\5")
        server.chan.send_request("exit-status", b"\0\0\0\6")
        server.chan.close()
        await client.closed.wait()
        assert client.chan.get_exit_status() == 5


@asynctest
async def test_requests_reach_the_server() -> None:
    async with two_sessions() as (client, server, _):
        client.chan.change_terminal_size(100, 30, 800, 600)
        client.chan.send_break(250)
        client.chan.send_signal("INT")
        client.chan.send_signal(15)
        client.chan.terminate()
        client.chan.kill()
        await server.until(lambda: len(server.signals) == 4)
        assert server.signals == ["INT", "TERM", "TERM", "KILL"]
        assert server.sizes == [(100, 30, 800, 600)]
        assert "break 250" in server.calls
        with pytest.raises(ValueError):
            client.chan.send_signal(12345)


@asynctest
async def test_requests_on_a_closed_channel_are_passed_over() -> None:
    """A command may end at any time: programs stop one that has ended without a word."""
    async with two_sessions() as (client, _, _):
        client.chan.close()
        await client.closed.wait()
        client.chan.terminate()
        client.chan.kill()
        client.chan.send_signal("HUP")
        client.chan.send_break(1)
        client.chan.change_terminal_size(1, 1)
        with pytest.raises(ValueError):
            client.chan.send_signal(4096)


@asynctest
async def test_what_was_asked_for_is_known() -> None:
    async with two_sessions(command="run ä", env={"A": "1", "B": "ü"}) as (client, server, _):
        assert client.chan.get_command() == "run ä"
        assert client.chan.get_environment() == {"A": "1", "B": "ü"}
        assert client.chan.get_environment_bytes() == {b"A": b"1", b"B": "ü".encode()}
        assert client.chan.get_subsystem() is None
        assert server.chan.get_environment() == {"A": "1", "B": "ü"}


@asynctest
async def test_an_eof_that_nobody_keeps_open_is_answered_and_the_status_still_comes() -> None:
    async with two_sessions(client_session=Recorder(keep_open=False)) as (client, server, _):
        server.chan.write_eof()
        await server.until(lambda: "eof_received" in server.calls)
        assert client.chan.is_closing()  # for writing
        server.chan.exit(7)
        await client.closed.wait()
        assert client.chan.get_exit_status() == 7


class Refusing(Recorder):
    def pty_requested(self, *args: Any) -> bool:
        return False

    def exec_requested(self, command: str) -> bool:
        return False

    def shell_requested(self) -> bool:
        return False

    def subsystem_requested(self, subsystem: str) -> bool:
        return False


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"command": "x"}, 0xFFFFFFFF),
        ({"command": None}, 0xFFFFFFFF),
        ({"subsystem": "x"}, 0xFFFFFFFF),
        ({"term_type": "xterm"}, 0xFFFFFFFE),
    ],
)
@asynctest
async def test_refused_requests_raise_and_leave_no_channel(options: dict[str, Any], code: int) -> None:
    made: list[Any] = []
    async with (
        serving(server_factory=lambda: SessionServer(Refusing, made)) as listener,
        connected(listener) as connection,
    ):
        with pytest.raises(nacre.ChannelOpenError) as info:
            await connection.create_session(Recorder, **options)
        assert info.value.code == code
        await made[0].closed.wait()
        while connection._link.channels:
            await asyncio.sleep(0)


@asynctest
async def test_xon_xoff() -> None:
    async with two_sessions() as (client, server, _):
        server.chan.set_xon_xoff(True)
        await client.until(lambda: "xon_xoff True" in client.calls)


@asynctest
async def test_whoever_gives_up_while_a_session_starts_leaves_nothing_behind() -> None:
    class Slow(nacre.SSHServerSession[str]):
        """Grants nothing before it is told to."""

        def __init__(self) -> None:
            self.asked, self.lost = asyncio.Event(), asyncio.Event()

        def connection_lost(self, exc: Exception | None) -> None:
            self.lost.set()

        async def exec_requested(self, command: str) -> bool:
            self.asked.set()
            await asyncio.Event().wait()
            return True

    slow = Slow()

    class Server(OpenServer):
        def session_requested(self) -> Any:
            return slow

    async with serving(server_factory=Server) as listener, connected(listener) as connection:
        starting = asyncio.create_task(connection.create_session(nacre.SSHClientSession[str], "x"))
        await slow.asked.wait()
        (chan,) = connection._link.channels.values()
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        await slow.lost.wait()
        await chan.wait_closed()  # type: ignore[attr-defined]  # the link asks less of its channels
        assert not connection._link.channels


@asynctest
async def test_what_a_session_factory_raises_comes_out_of_the_call() -> None:
    class Unwilling(nacre.SSHClientSession[str]):
        def connection_made(self, chan: Any) -> None:
            raise KeyError("no")

    def stop() -> Any:
        raise StopIteration

    async with (
        serving(server_factory=lambda: SessionServer(lambda: lambda *streams: None, [])) as listener,
        connected(listener) as connection,
    ):
        with pytest.raises(KeyError):
            await connection.create_session(Unwilling, "x")
        with pytest.raises(RuntimeError, match="StopIteration"):
            await connection.create_session(stop, "x")
        _, session = await connection.create_session(Recorder, "x")
        assert session.calls


@asynctest
async def test_the_end_of_a_session_and_the_beginning_of_the_next_are_sent_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def end(process: Any) -> None:
        process.exit(0)

    async with serving(process_factory=end) as listener, connected(listener) as connection:
        await connection.run("x")
        protocol = connection._link.protocol
        take, sent = type(protocol).data_to_send, []

        def taken(end: Any) -> Any:
            segments = take(end)
            if end is protocol:
                sent.extend(segments)
            return segments

        monkeypatch.setattr(type(protocol), "data_to_send", taken)
        for _ in range(5):
            assert (await connection.run("x")).exit_status == 0
        assert len(sent) <= 11  # an open and a command each; the last CLOSE
