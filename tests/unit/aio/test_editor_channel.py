"""Sessions with a line editor: lines over a connection, and the bounds of what is typed and echoed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import nacre
from nacre.aio import limits
from nacre.aio.editor_channel import Keyboard
from nacre.aio.line_editor import EditorSettings
from tests.support.face import asynctest, connected, reported, served, serving

TERMINAL = {"term_type": "xterm", "term_size": (20, 5)}


async def until(process: Any, text: str) -> str:
    """Read standard output up to and with a text."""
    data: str = await process.stdout.readuntil(text)
    return data


@asynctest
async def test_a_dialogue() -> None:
    told: list[Any] = []

    async def handler(process: Any) -> None:
        process.stdout.write("name?\n> ")
        told.append(await process.stdin.readline())
        for _ in range(4):
            try:
                told.append(await process.stdin.read(100))
            except (nacre.BreakReceived, nacre.TerminalSizeChanged) as notice:
                told.append(type(notice))
            process.stdout.write(".\n")
        process.stderr.write("a\nb")
        process.exit(0)

    async with served(handler) as connection:
        process = await connection.create_process(**TERMINAL)
        assert await until(process, "> ") == "name?\r\n> "
        process.stdin.write("pearx\x7fl\r")
        assert await until(process, "\n") == "pearl\r\n"
        process.stdin.write("\x03")
        assert await until(process, "\n") == ".\r\n"
        process.stdin.write("\x04")
        assert await until(process, "\n") == ".\r\n"
        process.stdin.write("two")
        assert await until(process, "two") == "two"
        process.change_terminal_size(10, 5)
        assert await until(process, ".\r\n") == "\x1b[3D\x1b[Jtwo\x1b[3D\x1b[J.\r\n"
        process.stdin.write("\r")
        result = await process.wait()
        assert (result.stdout, result.stderr) == ("two\r\n.\r\n", "a\r\nb")
        assert told == ["pearl\n", nacre.BreakReceived, "", nacre.TerminalSizeChanged, "two\n"]


@asynctest
async def test_keys_as_they_are_typed() -> None:
    async def handler(process: Any) -> None:
        process.channel.set_line_mode(False)
        process.stdout.write("ready\n")
        keys = await process.stdin.readexactly(4)
        process.stdout.write(repr(keys))
        process.exit(0)

    async with served(handler) as connection:
        process = await connection.create_process(**TERMINAL)
        assert await until(process, "\n") == "ready\r\n"
        process.stdin.write("a\r\x1b\x03")
        assert (await process.wait()).stdout == repr("a\r\x1b\x03")


@asynctest
async def test_passwords_completion_and_input() -> None:
    async def handler(process: Any) -> None:
        channel = process.channel
        channel.register_key("\t", lambda line, pos: (line + "ete", len(line) + 3))
        channel.register_key("q", lambda line, pos: False)
        channel.unregister_key("q")
        channel.set_echo(False)
        process.stdout.write("? ")
        secret = await process.stdin.readline()
        channel.set_echo(True)
        channel.set_input("compl", 5)
        line = await process.stdin.readline()
        process.stdout.write(f"{secret!r} {line!r}")
        channel.set_input("left", 4)
        channel.clear_input()
        process.exit(0)

    async with served(handler) as connection:
        process = await connection.create_process(**TERMINAL)
        await until(process, "? ")
        process.stdin.write("pass\r")
        assert await until(process, "compl") == "\r\ncompl"
        process.stdin.write("\t\x15q\t\r")
        result = await process.wait()
        said = "'pass\\n' 'qete\\n'"
        assert result.stdout == f"\x1b[5Dqete\x1b[J\r\n{said}left\x1b[1A\x1b[16C\x1b[J"


@pytest.mark.parametrize(
    ("options", "session"),
    [
        ({}, {}),
        ({}, {"request_pty": "force"}),  # a terminal, and no word of what it is
        ({"encoding": None}, TERMINAL),
        ({"line_editor": False}, TERMINAL),
    ],
    ids=["no-terminal", "no-type", "bytes", "off"],
)
@asynctest
async def test_nothing_is_edited_without_terminal_or_text_or_when_it_is_off(
    options: dict[str, Any], session: dict[str, Any]
) -> None:
    async def handler(process: Any) -> None:
        channel = process.channel
        if options.get("line_editor", True):
            assert isinstance(channel, nacre.SSHLineEditorChannel)
            channel.set_line_mode(False)
            channel.set_echo(False)
            channel.register_key("a", lambda line, pos: True)
            channel.unregister_key("a")
            channel.set_input("abc", 0)
            channel.clear_input()
            assert channel._editor is None
        else:
            assert type(channel) is nacre.SSHServerChannel
        process.stdout.write(await process.stdin.readexactly(4))
        process.stderr.write(await process.stdin.read())
        process.exit(0)

    async with served(handler, **options) as connection:
        result = await connection.run(input="a\x03\n\rb\n", **session)
        assert (result.stdout, result.stderr) == ("a\x03\n\r", "b\n")


class Lines(nacre.SSHServerSession[str]):
    """Writes down its calls; stops reading after each line when it is told to."""

    made: list[Lines] = []

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.chan: Any = None
        self.changed = asyncio.Event()
        self.stops = False
        Lines.made.append(self)

    def connection_made(self, chan: Any) -> None:
        self.chan = chan
        chan.pause_reading()

    def pty_requested(self, term_type: str, term_size: Any, term_modes: Any) -> bool:
        self.chan.register_key("!", lambda line, pos: True)
        return term_type != "refused"

    def shell_requested(self) -> bool:
        return True

    def _note(self, call: Any) -> None:
        self.calls.append(call)
        self.changed.set()

    def data_received(self, data: str, datatype: int | None) -> None:
        self._note(data)
        if self.stops:
            self.chan.pause_reading()

    def eof_received(self) -> bool:
        self._note("EOF")
        return False

    def soft_eof_received(self) -> None:
        self._note("soft EOF")

    def connection_lost(self, exc: Exception | None) -> None:
        self._note("lost")

    async def until(self, count: int) -> None:
        while len(self.calls) < count:
            self.changed.clear()
            await self.changed.wait()


@asynccontextmanager
async def lines(**session: Any) -> AsyncIterator[tuple[Any, Lines]]:
    Lines.made.clear()
    async with served(session_factory=Lines) as connection:
        process = await connection.create_process(**session)
        yield process, Lines.made[-1]
        process.close()


@asynctest
async def test_a_session_that_pauses_is_given_one_line_at_a_time() -> None:
    async with lines(**TERMINAL) as (process, session):
        process.stdin.write("a\rb\rc\r\x04d")
        process.stdin.write_eof()
        # Paused from the beginning: what is typed is not even echoed.
        await process.channel.make_request("keepalive@openssh.com")
        assert session.calls == []
        session.stops = True
        for call in ("a\n", "b\n", "c\n"):
            session.chan.resume_reading()
            await session.until(1)
            assert session.calls == [call]
            session.calls.clear()
        session.chan.resume_reading()
        await session.until(1)
        assert session.calls == ["soft EOF", "d", "EOF"]
        session.chan.resume_reading()
        await session.until(4)
        assert session.calls == ["soft EOF", "d", "EOF", "lost"]


@asynctest
async def test_what_was_typed_before_the_channel_goes_is_delivered() -> None:
    async with lines(**TERMINAL) as (process, session):
        process.stdin.write("a\rb\rc!")
        process.close()
        await session.until(4)
        assert session.calls == ["a\n", "b\n", "c!", "EOF", "lost"][: len(session.calls)]
        assert session.calls[-1] == "lost"


@asynctest
async def test_a_refused_terminal_has_no_editor() -> None:
    Lines.made.clear()
    async with served(session_factory=Lines) as connection:
        with pytest.raises(nacre.ChannelOpenError, match="terminal"):
            await connection.create_process(term_type="refused")
        assert Lines.made[-1].chan._editor is None


@asynctest
async def test_lines_that_keys_stand_for_do_not_fill_the_memory_of_a_session_that_does_not_read() -> None:
    """Two bytes recall and enter a line of a thousand: what the session holds is bounded, and all comes."""
    processes: list[Any] = []
    read = asyncio.Event()
    length, count = 1000, 3000

    async def handler(process: Any) -> None:
        processes.append(process)
        process.channel.set_extra_info(most=0)
        await read.wait()
        total = 0
        async for line in process.stdin:
            total += len(line)
            assert process.stdin.streams.waiting <= 20_000 + length + 1
        process.stdout.write(f"\ntotal {total}")
        process.exit(0)

    async with served(handler, window=20_000) as connection:
        process = await connection.create_process(**TERMINAL, stdout=nacre.DEVNULL)
        process.stdin.write("x" * length + "\r" + "\x10\r" * count)
        process.stdin.write_eof()
        await process.channel.make_request("keepalive@openssh.com")
        assert 0 < processes[0].stdin.streams.waiting <= 20_000 + length + 1
        read.set()
        result = await process.wait()
        assert result.exit_status == 0


@asynctest
async def test_keys_wait_for_a_client_that_does_not_take_their_echo() -> None:
    channels: list[Any] = []

    async def handler(process: Any) -> None:
        channels.append(process.channel)
        count = 0
        async for _ in process.stdin:
            count += 1
        process.exit(count % 256)

    async with served(handler) as connection:
        process = await connection.create_process(**TERMINAL, window=10_000)
        process.stdin.write("x" * 999 + "\r" + "\x10\r" * 5000)
        process.stdin.write_eof()
        while not channels or channels[0].get_write_buffer_size() < limits.ECHO_QUEUE:
            await process.channel.make_request("keepalive@openssh.com")
        for _ in range(10):
            await process.channel.make_request("keepalive@openssh.com")
        assert channels[0].get_write_buffer_size() < limits.ECHO_QUEUE + 10_000
        result = await process.wait()
        assert result.exit_status == 5001 % 256
        assert result.stdout.count("\n") >= 5000


@asynctest
async def test_a_key_that_raises_ends_its_session_alone() -> None:
    async def handler(process: Any) -> None:
        process.channel.register_key("\t", lambda line, pos: 1 // 0)
        process.stdout.write("> ")
        await process.stdin.read()

    async with serving(process_factory=handler) as listener, connected(listener) as connection:
        one = await connection.create_process(**TERMINAL)
        other = await connection.create_process(**TERMINAL)
        for process in (one, other):
            await until(process, "> ")
        one.stdin.write("a\t")
        assert (await one.wait()).exit_status == 1
        assert [type(context["exception"]) for context in reported()] == [ZeroDivisionError]
        other.stdin.write("b")
        assert await until(other, "b") == "b"
        other.close()


@asynctest
async def test_echo_after_the_program_has_closed_its_output() -> None:
    async def handler(process: Any) -> None:
        process.stdout.write("> ")
        process.stdout.write_eof()
        line = await process.stdin.readline()
        process.exit(len(line))

    async with served(handler) as connection:
        process = await connection.create_process(**TERMINAL)
        process.stdin.write("abc\r")
        result = await process.wait()
        assert (result.stdout, result.exit_status) == ("> ", 4)


class _Terminal:
    """What a keyboard asks of its channel, and of the session: lines are counted, and turns of the loop given."""

    def __init__(self) -> None:
        self.lines = 0
        self.turns: list[Any] = []

    def data_received(self, data: str, datatype: int | None) -> None:
        self.lines += 1

    def next_turn(self, then: Any) -> None:
        self.turns.append(then)

    def echo(self, text: str) -> None:
        pass

    def hold_input(self, held: bool) -> None:
        self.held = held

    def get_recv_window(self) -> int:
        return 1 << 21

    def get_write_buffer_size(self) -> int:
        return 0


def test_keys_without_end_let_others_have_their_turn() -> None:
    """Two million Return keys fit a window, and each is a line: some 20 seconds, in which nobody else was served."""
    terminal: Any = _Terminal()
    keyboard = Keyboard(terminal, EditorSettings(), 80)
    keyboard.start(terminal, counts=False, paused=False)
    keyboard.data_received("\r" * 5000, None)
    for turn in (1, 2):
        assert (terminal.lines, terminal.held) == (turn * limits.KEYS_A_TURN, True)
        terminal.turns.pop()()
        assert len(terminal.turns) <= 1
    assert (terminal.lines, terminal.held) == (5000, False)
    keyboard.data_received("\r" * (2 * limits.LAST_KEYS), None)
    keyboard.finish()
    assert limits.LAST_KEYS <= terminal.lines - 5000 < 2 * limits.LAST_KEYS


def test_keys_that_are_delivered_as_they_are_need_no_turns() -> None:
    terminal: Any = _Terminal()
    keyboard = Keyboard(terminal, EditorSettings(), 80)
    keyboard.start(terminal, counts=False, paused=False)
    keyboard.editor.set_line_mode(False)
    keyboard.data_received("x" * 10_000, None)
    assert (terminal.lines, terminal.turns, terminal.held) == (1, [], False)
