"""What a server learns of a session, what it may refuse, and what the login forces on it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import nacre
from nacre.aio import limits
from nacre.protocol.channel import Flow
from nacre.wire import requests
from nacre.wire.connection import ChannelClose
from tests.support.face import (
    HOST,
    Recorder,
    SessionServer,
    asynctest,
    client_options,
    reported,
    served,
    serving,
    two_sessions,
    user_key,
)


@asynctest
async def test_terminal() -> None:
    modes = {nacre.PTY_ECHO: 1, nacre.PTY_VINTR: 3}
    async with two_sessions(term_type="xterm", term_size=(80, 24, 1, 2), term_modes=modes) as (
        client,
        server,
        _,
    ):
        chan = server.chan
        assert server.calls[1:3] == ["pty_requested", "exec_requested"]
        assert chan.get_terminal_type() == "xterm"
        assert chan.get_terminal_size() == (80, 24, 1, 2)
        assert chan.get_terminal_modes() == modes
        assert chan.get_terminal_mode(nacre.PTY_ECHO) == 1
        assert chan.get_terminal_mode(nacre.PTY_ISIG) is None
        client.chan.change_terminal_size(100, 50)
        await server.until(lambda: server.sizes)
        assert chan.get_terminal_size() == (100, 50, 0, 0)
        assert chan.get_x11_display() is None
        assert chan.get_agent_path() is None


@asynctest
async def test_no_terminal() -> None:
    async with two_sessions() as (_, server, _):
        assert server.chan.get_terminal_type() is None
        assert server.chan.get_terminal_size() == (0, 0, 0, 0)
        assert server.chan.get_terminal_modes() == {}


@asynctest
async def test_allow_pty_is_asked_of_the_login() -> None:
    made: list[Any] = []
    async with serving(server_factory=lambda: SessionServer(Recorder, made), allow_pty=False) as listener:
        async with await nacre.connect(HOST, listener.get_port(), **client_options()) as connection:
            with pytest.raises(nacre.ChannelOpenError):
                await connection.create_session(Recorder, "x", term_type="xterm")
            await made[0].closed.wait()
        assert "pty_requested" not in made[0].calls


@asynctest
async def test_commands_are_bytes() -> None:
    async with two_sessions(command=b"caf\xe9 \xff") as (_, server, _):
        assert server.chan.get_command_bytes() == b"caf\xe9 \xff"
        assert server.chan.get_command().encode("utf-8", "surrogateescape") == b"caf\xe9 \xff"
        assert server.chan.get_subsystem() is None
    async with two_sessions(command=(), subsystem="sub") as (_, server, _):
        assert server.chan.get_subsystem() == "sub"
        assert server.chan.get_command() is None
        assert server.chan.get_command_bytes() is None


@asynctest
async def test_environment_is_bounded() -> None:
    async with two_sessions() as (client, server, _):
        for number in range(limits.ENVIRONMENT_NAMES + 50):
            client.chan.send_request("env", requests.EnvRequest(f"N{number}", "x").encode())
        last = requests.EnvRequest("LAST", "x").encode()
        assert not await client.chan.make_request("env", last)
        assert len(server.chan.get_environment()) == limits.ENVIRONMENT_NAMES
    async with two_sessions() as (client, server, _):
        big = requests.EnvRequest("BIG", "x" * 20000).encode()
        assert [await client.chan.make_request("env", big) for _ in range(4)] == [True, True, True, False]


@asynctest
async def test_environment_as_bytes() -> None:
    async with two_sessions(env={b"RAW": b"\xff\xfe"}) as (_, server, _):
        assert server.chan.get_environment_bytes() == {b"RAW": b"\xff\xfe"}


@asynctest
async def test_only_one_start_for_each_channel() -> None:
    async with two_sessions() as (client, server, _):
        for name, payload in (
            ("shell", b""),
            ("exec", requests.ExecRequest(b"second").encode()),
            ("subsystem", requests.SubsystemRequest("third").encode()),
            ("pty-req", requests.PtyRequest("late", 1, 1, 0, 0, b"").encode()),
            ("unheard-of@example.com", b"\xff"),
        ):
            assert not await client.chan.make_request(name, payload)
        assert server.chan.get_command() == "x"
        assert server.chan.get_terminal_type() is None
        assert server.calls.count("session_started") == 1


@asynctest
async def test_terminal_modes_that_are_cut_short_are_refused() -> None:
    server = Recorder()
    answers: list[bool] = []

    class Asks(Recorder):
        def connection_made(self, chan: Any) -> None:
            super().connection_made(chan)
            chan.create_task(self.ask(), "asking")

        async def ask(self) -> None:
            pty = requests.PtyRequest("xterm", 1, 1, 0, 0, b"\x35\0\0")
            answers.append(await self.chan.make_request("pty-req", pty.encode()))

    async with two_sessions(server_session=server, client_session=Asks()) as (client, _, _):
        await client.until(lambda: True)
        while not answers:
            await asyncio.sleep(0)
        assert answers == [False]


@asynctest
async def test_requests_answered_by_coroutines_keep_their_order() -> None:
    class Slow(Recorder):
        async def pty_requested(self, *args: Any) -> bool:  # type: ignore[override]  # it may be a coroutine
            await asyncio.sleep(0)
            self._note("pty_requested")
            return True

        async def exec_requested(self, command: str) -> bool:  # type: ignore[override]  # it may be a coroutine
            await asyncio.sleep(0)
            self._note(f"exec with {sorted(self.chan.get_environment())} {self.chan.get_terminal_type()}")
            return True

    async with two_sessions(server_session=Slow(), term_type="vt100", env={"A": "1"}) as (_, server, _):
        assert server.calls[1:4] == ["pty_requested", "exec with ['A'] vt100", "session_started"]


@asynctest
async def test_a_request_that_fails_closes_the_channel() -> None:
    class Fails(Recorder):
        def exec_requested(self, command: str) -> bool:
            raise ZeroDivisionError

    with pytest.raises(nacre.ChannelOpenError):
        async with two_sessions(server_session=Fails()):
            pass
    assert [type(report["exception"]) for report in reported()] == [ZeroDivisionError]


@asynctest
async def test_exit_comes_after_what_was_written() -> None:
    async with two_sessions(encoding=None) as (client, server, _):
        total = 5 * 1024 * 1024
        server.chan.write(bytes(total))
        server.chan.exit(4)
        server.chan.exit(5)  # as of a `finally`: the first counts
        with pytest.raises(BrokenPipeError):
            server.chan.write(b"x")
        await client.closed.wait()
        assert len(client.text) == total
        assert client.calls[-3:] == ["eof_received", "exit_status 4", "connection_lost"]


@asynctest
async def test_exit_after_close_is_still_sent_when_the_close_was_not() -> None:
    async with two_sessions(encoding=None) as (client, server, _):
        client.chan.pause_reading()
        server.chan.write(bytes(5 * 1024 * 1024))
        server.chan.close()
        server.chan.exit(9)
        client.chan.resume_reading()
        await client.closed.wait()
        assert client.chan.get_exit_status() == 9


@asynctest
async def test_exit_of_a_client_that_has_gone_is_passed_over() -> None:
    cleaned = asyncio.Event()

    async def handler(process: nacre.SSHServerProcess[str]) -> None:
        try:
            await process.wait_closed()
        finally:
            process.exit(0)
            process.exit_with_signal("TERM")
            cleaned.set()

    async with served(handler) as connection:
        process = await connection.create_process()
        process.close()
        await process.wait_closed()
        await cleaned.wait()


async def _leave_at_eof(handler: Any, *, aborts: bool = False) -> Recorder:
    """Run a handler for a client that has sent CLOSE when both sides have sent EOF, as PuTTY's does."""
    client = Recorder()
    async with served(handler, encoding=None) as connection:
        chan, _ = await connection.create_session(lambda: client, "x", encoding=None)
        chan.write_eof()
        await client.until(lambda: "eof_received" in client.calls)
        link = chan._link
        link.protocol._core.outbound.send_now(ChannelClose(0).encode())  # our own client would hear no more
        link.touch()
        if aborts:
            connection.abort()
        await client.closed.wait()
    return client


@asynctest
async def test_a_client_that_closes_at_eof_is_told_the_status_of_a_program_that_goes_on() -> None:
    eof_seen = asyncio.Event()

    async def handler(process: nacre.SSHServerProcess[bytes]) -> None:
        process.stdout.write(b"all of it")
        process.stdout.write_eof()
        assert await process.stdin.read() == b""
        channel: Any = process.channel._link.protocol._mux.channels[0]
        while channel.outbound is not Flow.OWED:
            await asyncio.sleep(0)
        eof_seen.set()
        process.exit(3)

    client = await _leave_at_eof(handler)
    assert eof_seen.is_set()
    assert (client.text, client.calls[-2:]) == (b"all of it", ["exit_status 3", "connection_lost"])


@asynctest
async def test_a_client_that_closes_at_eof_is_answered_when_the_program_ends_without_a_status() -> None:
    async def returns(process: nacre.SSHServerProcess[bytes]) -> None:
        process.stdout.write_eof()
        await process.stdin.read()

    async def waits(process: nacre.SSHServerProcess[bytes]) -> None:
        process.stdout.write_eof()
        await process.wait_closed()

    def no_coroutine(process: nacre.SSHServerProcess[bytes]) -> None:
        process.stdout.write_eof()

    for handler in (returns, waits, no_coroutine):
        client = await _leave_at_eof(handler)
        assert client.calls[-2:] == ["eof_received", "connection_lost"]


@asynctest
async def test_a_program_that_goes_on_after_its_output_is_ended_with_the_connection() -> None:
    ended = asyncio.Event()

    async def handler(process: nacre.SSHServerProcess[bytes]) -> None:
        process.stdout.write_eof()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    await _leave_at_eof(handler, aborts=True)
    await ended.wait()


@asynctest
async def test_a_client_that_reads_no_more_breaks_the_pipe() -> None:
    async with two_sessions(encoding=None) as (client, server, _):
        client.chan.pause_reading()
        server.chan.write(bytes(5 * 1024 * 1024))
        assert "pause_writing" in server.calls
        client.chan.send_request("eow@openssh.com")
        await server.until(lambda: server.calls[-1] == "resume_writing")
        with pytest.raises(BrokenPipeError):
            server.chan.write(b"x")
        server.chan.exit(0)
        client.chan.resume_reading()
        await client.closed.wait()
        assert client.chan.get_exit_status() == 0


FORCED = [
    ('command="forced"', {"command": "asked"}, "forced", "asked"),
    ('command="forced"', {"subsystem": "sftp"}, "forced", "sftp"),
    ('command="forced"', {}, "forced", ""),
]


async def _by_key(line: str, asked: dict[str, Any], check: Any, **options: Any) -> None:
    made: list[Any] = []

    class Keyed(SessionServer):
        def begin_auth(self, username: str) -> bool:
            return True

    key = nacre.import_authorized_keys(f"{line} {user_key().export_public_key().decode()}")
    async with serving(
        server_factory=lambda: Keyed(Recorder, made), authorized_client_keys=key, **options
    ) as listener:
        settings = client_options(client_keys=[user_key()])
        async with await nacre.connect(HOST, listener.get_port(), **settings) as connection:
            await check(connection, asked, made)


@pytest.mark.parametrize(("line", "asked", "command", "original"), FORCED)
@asynctest
async def test_a_forced_command_stands_in_place_of_what_is_asked(
    line: str, asked: dict[str, Any], command: str, original: str
) -> None:
    async def check(connection: Any, asked: dict[str, Any], made: list[Any]) -> None:
        await connection.create_session(Recorder, **asked)
        assert made[0].chan.get_command() == command
        assert made[0].chan.get_subsystem() is None
        assert made[0].chan.get_extra_info("original_command") == original
        assert "SSH_ORIGINAL_COMMAND" not in made[0].chan.get_environment()

    await _by_key(line, asked, check)


@pytest.mark.parametrize(
    ("line", "granted"), [("", True), ("no-pty", False), ("restrict", False), ("restrict,pty", True)]
)
@asynctest
async def test_the_key_decides_about_a_terminal(line: str, granted: bool) -> None:
    async def check(connection: Any, asked: dict[str, Any], made: list[Any]) -> None:
        if granted:
            await connection.create_session(Recorder, "x", term_type="xterm")
        else:
            with pytest.raises(nacre.ChannelOpenError):
                await connection.create_session(Recorder, "x", term_type="xterm")

    await _by_key(line, {}, check)


@asynctest
async def test_the_environment_of_a_key_cannot_be_overridden() -> None:
    async def check(connection: Any, asked: dict[str, Any], made: list[Any]) -> None:
        await connection.create_session(Recorder, "x", env={"ROLE": "mine", "OTHER": "mine"})
        assert made[0].chan.get_environment() == {"ROLE": "keys", "OTHER": "mine"}

    await _by_key('environment="ROLE=keys",environment="ROLE=second"', {}, check)
