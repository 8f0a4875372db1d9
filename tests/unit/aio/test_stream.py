"""SSHReader and SSHWriter: reading by size, line and separator, back-pressure, drain."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from nacre.aio.stream import SSHReader
from nacre.aio.streams import Streams
from nacre.errors import BreakReceived, ConnectionLost, SignalReceived, TerminalSizeChanged
from tests.support.face import asynctest


class Channel:
    """What streams ask of a channel, written down."""

    def __init__(self, encoding: str | None = "utf-8", window: int = 1000) -> None:
        self.encoding = encoding
        self.window = window
        self.waiting: list[int] = []
        self.written: list[tuple[Any, int | None]] = []
        self.queued = 0

    def get_encoding(self) -> tuple[str | None, str]:
        return self.encoding, "strict"

    def get_recv_window(self) -> int:
        return self.window

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    def hold_credit(self) -> None:
        pass

    def release_credit(self, waiting: int) -> None:
        self.waiting.append(waiting)

    def write(self, data: Any, datatype: int | None) -> None:
        self.written.append((data, datatype))

    def get_write_buffer_size(self) -> int:
        return self.queued

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return name

    logger = None


def make(encoding: str | None = "utf-8", window: int = 1000) -> tuple[Streams[Any], SSHReader[Any], Channel]:
    channel = Channel(encoding, window)
    streams: Streams[Any] = Streams(channel)
    return streams, streams.reader(), channel


@asynctest
async def test_read_returns_what_is_there_up_to_n() -> None:
    streams, reader, _ = make()
    streams.data_received("hello ", None)
    streams.data_received("world", None)
    assert await reader.read(3) == "hel"
    assert await reader.read(100) == "lo world"
    streams.eof_received()
    assert await reader.read(100) == ""
    assert reader.at_eof()


@asynctest
async def test_who_waits_to_read_comes_before_who_comes_later() -> None:
    streams, reader, _ = make()
    first = asyncio.create_task(reader.read(1))
    await asyncio.sleep(0)
    second = asyncio.create_task(reader.read(1))
    await asyncio.sleep(0)
    streams.data_received("abc", None)
    third = asyncio.create_task(reader.read(1))  # runs after the first, and before the second can
    assert [await first, await second, await third] == ["a", "b", "c"]


@asynctest
async def test_a_reader_that_gave_up_waiting_for_its_turn_is_no_hindrance() -> None:
    streams, reader, _ = make()
    first = asyncio.create_task(reader.read(1))
    await asyncio.sleep(0)
    second = asyncio.create_task(reader.readline())
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([second])
    first.cancel()
    await asyncio.wait([first])
    streams.data_received("abc", None)
    coroutine = reader.read(2)
    with pytest.raises(StopIteration) as info:  # nobody to wait for
        coroutine.send(None)
    assert info.value.value == "ab"


@asynctest
async def test_read_everything_waits_for_the_end() -> None:
    streams, reader, _ = make(None)
    task = asyncio.create_task(reader.read())
    for piece in (b"a", b"b", b"c"):
        await asyncio.sleep(0)
        streams.data_received(piece, None)
    await asyncio.sleep(0)
    assert not task.done()
    streams.eof_received()
    assert await task == b"abc"


@asynctest
async def test_readexactly() -> None:
    streams, reader, _ = make()
    streams.data_received("abcdef", None)
    assert await reader.readexactly(4) == "abcd"
    task = asyncio.create_task(reader.readexactly(4))
    await asyncio.sleep(0)
    streams.data_received("g", None)
    streams.eof_received()
    with pytest.raises(asyncio.IncompleteReadError) as info:
        await task
    assert info.value.partial == "efg"
    assert await reader.readexactly(0) == ""
    with pytest.raises(ValueError):
        await reader.readexactly(-1)


@asynctest
async def test_lines_arrive_whole_however_they_were_cut() -> None:
    text = "one\ntwo\n\nthree"
    for cut in range(1, len(text)):
        streams, reader, _ = make()
        for start in range(0, len(text), cut):
            streams.data_received(text[start : start + cut], None)
        streams.eof_received()
        assert [line async for line in reader] == ["one\n", "two\n", "\n", "three"]


SEPARATORS: list[tuple[Any, int, str, str]] = [
    ("END", 0, "xxEND", "yy"),
    (["ab", "b"], 0, "xxab", "c"),
    (("\r\n", "\n"), 0, "line\r\n", "rest"),
    (re.compile("[0-9]+;"), 0, "x12;", "y"),
    (re.compile("[0-9]+;"), 10, "x12;", "y"),
]


@pytest.mark.parametrize(("separator", "longest", "first", "rest"), SEPARATORS)
@asynctest
async def test_readuntil_finds_separators_across_pieces(
    separator: Any, longest: int, first: str, rest: str
) -> None:
    text = first + rest
    for cut in range(1, len(text) + 1):
        streams, reader, _ = make()
        task = asyncio.create_task(reader.readuntil(separator, longest))
        for start in range(0, len(text), cut):
            streams.data_received(text[start : start + cut], None)
            await asyncio.sleep(0)
        streams.eof_received()
        assert await task == first
        assert await reader.read() == rest


@asynctest
async def test_readuntil_of_bytes() -> None:
    streams, reader, _ = make(None)
    streams.data_received(b"a\0b\0", None)
    assert await reader.readuntil(b"\0") == b"a\0"
    assert await reader.readuntil([b"\0", b"!"]) == b"b\0"


@pytest.mark.parametrize("separator", ["", [], [""]])
@asynctest
async def test_an_empty_separator_is_a_mistake(separator: Any) -> None:
    _, reader, _ = make()
    with pytest.raises(ValueError):
        await reader.readuntil(separator)


@asynctest
async def test_the_end_without_a_separator() -> None:
    streams, reader, _ = make()
    streams.data_received("partial", None)
    streams.eof_received()
    with pytest.raises(asyncio.IncompleteReadError) as info:
        await reader.readuntil("\n")
    assert info.value.partial == "partial"
    assert await reader.readline() == ""


@asynctest
async def test_a_line_longer_than_the_window_comes_in_parts() -> None:
    streams, reader, _ = make(window=10)
    streams.data_received("x" * 12, None)
    assert await reader.readline() == "x" * 12


@asynctest
async def test_many_small_pieces_are_searched_once_each() -> None:
    streams, reader, _ = make(window=1 << 30)
    task = asyncio.create_task(reader.readline())
    await asyncio.sleep(0)
    for _ in range(20000):
        streams.data_received("x", None)
    streams.data_received("\n", None)
    assert len(await task) == 20001


@asynctest
async def test_exceptions_come_between_the_data_around_them() -> None:
    streams, reader, _ = make()
    streams.data_received("before", None)
    streams.exception_received(SignalReceived("INT"))
    streams.exception_received(BreakReceived(100))
    streams.data_received("after\n", None)
    assert await reader.read(100) == "before"
    with pytest.raises(SignalReceived):
        await reader.read(100)
    with pytest.raises(BreakReceived):
        await reader.readline()
    assert await reader.readline() == "after\n"


@asynctest
async def test_an_exception_ends_a_read_with_what_came_before_it() -> None:
    for read in (
        lambda r: r.readline(),
        lambda r: r.read(),
        lambda r: r.readuntil(re.compile("\n")),
        lambda r: r.readexactly(10),
    ):
        streams, reader, _ = make()
        streams.data_received("par", None)
        task = asyncio.create_task(read(reader))
        await asyncio.sleep(0)
        streams.exception_received(SignalReceived("INT"))
        streams.data_received("tial\n", None)
        (got,) = await asyncio.gather(task, return_exceptions=True)
        assert (got.partial if isinstance(got, asyncio.IncompleteReadError) else got) == "par"
        with pytest.raises(SignalReceived):
            await reader.readline()
        assert await reader.readline() == "tial\n"


@asynctest
async def test_a_cancelled_read_loses_nothing() -> None:
    for read in (lambda r: r.readline(), lambda r: r.read(), lambda r: r.readexactly(10)):
        streams, reader, _ = make()
        streams.data_received("abc", None)
        task = asyncio.create_task(read(reader))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        streams.data_received("def\n", None)
        assert await reader.readline() == "abcdef\n"


@asynctest
async def test_sizes_in_a_row_are_one_and_old_exceptions_go() -> None:
    streams, reader, _ = make()
    for width in range(1000):
        streams.exception_received(TerminalSizeChanged(width, 24, 0, 0))
    with pytest.raises(TerminalSizeChanged) as info:
        await reader.read(1)
    assert info.value.term_size == (999, 24, 0, 0)
    for number in range(1000):
        streams.exception_received(SignalReceived(str(number)))
    assert len(reader._pieces) == 64
    with pytest.raises(SignalReceived) as signal:
        await reader.read(1)
    assert signal.value.signal == "936"


@asynctest
async def test_what_ended_the_connection_is_raised_after_the_data() -> None:
    streams, reader, _ = make()
    streams.data_received("last", None)
    streams.connection_lost(ConnectionLost("gone"))
    assert await reader.read(100) == "last"
    with pytest.raises(ConnectionLost):
        await reader.read(100)
    assert reader.at_eof()


@asynctest
async def test_a_waiting_reader_is_woken_by_the_end() -> None:
    streams, reader, _ = make()
    task = asyncio.create_task(reader.read(10))
    await asyncio.sleep(0)
    streams.connection_lost(ConnectionLost("gone"))
    with pytest.raises(ConnectionLost):
        await task


@asynctest
async def test_credit_is_for_what_was_read() -> None:
    streams, reader, channel = make()
    streams.data_received("x" * 100, None)
    assert channel.waiting == []
    await reader.read(40)
    assert channel.waiting == [60]
    streams.collect(reader)
    assert channel.waiting[-1] == 0
    streams.data_received("z" * 10, None)
    assert channel.waiting[-1] == 0
    assert await reader.read(100) == "x" * 60 + "z" * 10
    assert streams.waiting == 0
    streams.data_received("y", 1)  # nobody reads standard error here
    assert channel.waiting[-1] == 0


@asynctest
async def test_streams_can_be_joined_and_dropped() -> None:
    streams, reader, _ = make()
    streams.reader(1)
    streams.send_to(1, reader)
    streams.data_received("out", None)
    streams.data_received("err", 1)
    assert await reader.read(10) == "outerr"
    streams.drop(1)
    streams.data_received("gone", 1)
    streams.send_to(1, streams.reader(1))
    streams.data_received("back", 1)
    streams.eof_received()
    assert await reader.read() == ""
    assert await streams.reader(1).read() == "back"


@asynctest
async def test_drain_waits_for_what_is_copied_here() -> None:
    streams, _, _ = make()
    done = asyncio.Event()
    feed = asyncio.create_task(done.wait())
    streams.add_feed(feed, 1)
    await streams.writer().drain()
    draining = asyncio.create_task(streams.writer(1).drain())
    await asyncio.sleep(0)
    assert not draining.done()
    done.set()
    await draining
    assert feed.done()
    assert streams.remove_feed(feed)


@asynctest
async def test_redirect_info() -> None:
    session = object()
    streams: Streams[Any] = Streams(Channel(), session)
    assert streams.reader(1).get_redirect_info() == (session, 1)
    assert streams.writer().get_redirect_info() == (session, None)


@asynctest
async def test_exceptions_can_be_told_at_once() -> None:
    streams, reader, _ = make()
    told: list[Exception] = []
    streams.exceptions_to = told.append
    streams.data_received("x", None)
    streams.exception_received(SignalReceived("INT"))
    assert await reader.read(5) == "x"
    assert len(told) == 1


@asynctest
async def test_feeding_by_hand() -> None:
    streams, reader, _ = make()
    other = streams.reader(1)
    reader.feed_data("x\n")
    other.feed_data("y")
    reader.feed_eof()  # of the session: a channel has one end
    assert await reader.readline() == "x\n"
    assert reader.at_eof()
    assert await other.read() == "y"


@asynctest
async def test_drain_waits_for_room() -> None:
    streams, _, channel = make()
    writer = streams.writer(1)
    writer.write("x")
    assert channel.written == [("x", 1)]
    await writer.drain()
    streams.pause_writing()
    tasks = [asyncio.create_task(writer.drain()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)
    streams.resume_writing()
    await asyncio.gather(*tasks)


@pytest.mark.parametrize(
    ("error", "raised"), [(ConnectionLost("x"), ConnectionLost), (None, BrokenPipeError)]
)
@asynctest
async def test_the_end_wakes_those_who_drain(error: Exception | None, raised: type[Exception]) -> None:
    streams, _, _ = make()
    streams.pause_writing()
    task = asyncio.create_task(streams.writer().drain())
    await asyncio.sleep(0)
    streams.connection_lost(error)
    with pytest.raises(raised):
        await task


@pytest.mark.parametrize("queued", [0, 1])
@asynctest
async def test_drain_after_the_end_fails_where_something_was_not_sent(queued: int) -> None:
    streams, _, channel = make()
    channel.queued = queued
    streams.connection_lost(None)
    if queued:
        with pytest.raises(BrokenPipeError):
            await streams.writer().drain()
    else:
        await streams.writer().drain()


@asynctest
async def test_collected_leaves_nothing() -> None:
    streams, reader, _ = make()
    streams.data_received("a", None)
    streams.exception_received(SignalReceived("INT"))
    streams.data_received("b", None)
    assert reader.collected() == "ab"
    assert streams.waiting == 0
    assert isinstance(reader.get_extra_info("x"), str)


@asynctest
async def test_data_in_small_pieces_costs_little_more_than_it_holds() -> None:
    """A peer may send its whole window two bytes at a time, and the reader not read."""
    count = 5000
    for encoding, piece in ((None, b"xy"), ("utf-8", "xy")):
        channel = Channel(encoding)
        streams: Streams[Any] = Streams(channel)
        reader = streams.reader()
        for _ in range(count):
            streams.data_received(piece, None)
        assert len(reader._pieces) <= 2 * count * len(piece) // 256 + 1
        streams.exception_received(SignalReceived("INT"))
        streams.data_received(piece, None)
        assert await reader.readexactly(4) == piece + piece
        assert await reader.read(count * 2) == piece * (count - 2)
        with pytest.raises(SignalReceived):
            await reader.read(1)
        assert await reader.read(10) == piece
        assert streams.waiting == 0


@asynctest
async def test_a_soft_end_ends_one_reading_call() -> None:
    streams, reader, _ = make()
    streams.data_received("a\nb\n", None)
    streams.soft_eof_received()
    streams.data_received("c", None)
    streams.soft_eof_received()
    streams.soft_eof_received()
    streams.data_received("d", None)
    streams.soft_eof_received()
    streams.data_received("e\n", None)
    assert [line async for line in reader] == ["a\n", "b\n"]
    assert not reader.at_eof()
    assert await reader.read() == "c"
    assert await reader.read() == ""
    assert await reader.read(10) == ""
    with pytest.raises(asyncio.IncompleteReadError) as info:
        await reader.readexactly(2)
    assert info.value.partial == "d"
    assert await reader.readline() == ""
    assert await reader.readline() == "e\n"
    streams.eof_received()
    assert await reader.readline() == ""
    assert reader.at_eof()


@asynctest
async def test_lines_read_one_by_one_let_no_more_come_than_the_window() -> None:
    """A reader that is slower than its peer: credit is for what it was given, not for what it looked at."""
    streams, reader, channel = make(None, window=1000)
    line = b"x" * 9 + b"\n"
    streams.data_received(line * 100, None)
    for _ in range(50):
        assert await reader.readline() == line
        # The peer sends whatever it gets credit for; the window is what it gave, and the reader did not take.
        streams.data_received(line * ((1000 - channel.waiting[-1]) // len(line)), None)
        assert streams.waiting <= 1000


@asynctest
async def test_the_lines_of_a_large_piece_are_not_copied_again_and_again() -> None:
    class Counted(bytes):
        copied = 0

        def __getitem__(self, key: Any) -> Any:
            data = bytes.__getitem__(self, key)
            Counted.copied += len(data) if isinstance(data, bytes) else 1
            return data

    streams, reader, _ = make(None, window=1_000_000)
    streams.data_received(Counted(b"a line\n" * 5000), None)
    for _ in range(5000):
        assert await reader.readline() == b"a line\n"
    assert Counted.copied <= 2 * 35_000


@asynctest
async def test_a_line_longer_than_the_credit_of_one_window_still_ends() -> None:
    """What a call holds while it waits is credited, so that the other stream cannot keep it waiting."""
    streams, reader, channel = make(None, window=1000)
    streams.reader(1)
    streams.data_received(bytes(600), 1)
    streams.data_received(b"x" * 400, None)
    reading = asyncio.ensure_future(reader.readline())
    await asyncio.sleep(0)
    assert channel.waiting[-1] == 600
    streams.data_received(b"y\n", None)
    assert await reading == b"x" * 400 + b"y\n"


@asynctest
async def test_a_pattern_that_looks_ahead() -> None:
    streams, reader, _ = make()
    streams.data_received("one;", None)
    reading = asyncio.ensure_future(reader.readuntil(re.compile("e(?=;;)")))
    await asyncio.sleep(0)
    streams.data_received(";two", None)
    assert await reading == "one"
    streams.eof_received()
    assert await reader.read() == ";;two"


@pytest.mark.parametrize("call", ["readline", "read", "readexactly"])
@asynctest
async def test_who_reads_small_things_lets_others_have_their_turn(call: str) -> None:
    """What a peer has sent at once may be a million lines: whoever reads them all must not hold up the loop."""
    streams, reader, _ = make(None, window=10_000)
    streams.data_received(b"\n" * 1000, None)
    loop, turns = asyncio.get_running_loop(), 0

    def turn() -> None:
        nonlocal turns
        turns += 1
        loop.call_soon(turn)

    loop.call_soon(turn)
    for _ in range(1000):
        assert await getattr(reader, call)(*() if call == "readline" else (1,)) == b"\n"
    assert turns >= 10
