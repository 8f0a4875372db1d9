"""What is written goes out as far as there is room, and little after little in as few packets as it fits."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nacre.protocol import limits
from nacre.protocol.events import (
    ChannelData,
    ChannelEOF,
    ChannelOpenQuestion,
    ChannelRequestQuestion,
    ChannelWritable,
    GlobalRequestQuestion,
    OpenAccept,
)
from nacre.protocol.settings import Settings
from tests.pair.ends import Pair

_LIMIT = 200_000


@pytest.fixture
def pair():
    return Pair().start()


def arrived(pair: Pair) -> list[bytes]:
    return [event.data for event in pair.server.of(ChannelData)]


def test_packets_keep_to_the_size_the_peer_takes(pair):
    pair.server.answers[ChannelOpenQuestion] = OpenAccept(10_000, 100)
    ours, _ = pair.open()
    pair.client.connection.channel_write(ours, bytes(1000))
    pair.run()
    assert [len(event.data) for event in pair.server.of(ChannelData)] == [100] * 10


def test_a_full_transport_stops_the_writers_and_wakes_them(pair):
    ours, _ = pair.open()
    client = pair.client.connection
    client.hold_output(True)
    assert client.channel_write(ours, b"abc") == 0
    assert client.data_to_send() == []
    client.hold_output(False)
    assert client.next_event() == ChannelWritable(ours)
    assert client.channel_write(ours, b"abc") == 3


def test_a_write_takes_no_more_than_there_is_room_for(pair):
    pair.server.answers[ChannelOpenQuestion] = OpenAccept(1 << 30, 1 << 15)
    core = pair.server.connection._core
    pair.server.connection._mux._budget.left = 1 << 31
    assert core.phase.name == "OPEN"
    ours, _ = pair.open()
    taken = pair.client.connection.channel_write(ours, bytes(8 << 20))
    assert limits.OUTPUT_ROOM <= taken <= limits.OUTPUT_ROOM + limits.MAX_PACKET


# ------------------------------------------------------------ little after little


def test_what_is_written_in_one_turn_shares_a_packet(pair):
    ours, _ = pair.open()
    write = pair.client.connection.channel_write
    for number in range(5):
        assert write(ours, b"%d" % number) == 1
    assert pair.client.connection.queued
    pair.run()
    assert arrived(pair) == [b"0", b"1234"]  # nothing says of the first that more follows
    assert not pair.client.connection.queued
    write(ours, b"5")
    pair.run()
    assert arrived(pair) == [b"0", b"1234", b"5"]


def test_a_packet_is_full_at_what_the_peer_takes(pair):
    pair.server.answers[ChannelOpenQuestion] = OpenAccept(10_000, 100)
    ours, _ = pair.open()
    for _ in range(20):
        pair.client.connection.channel_write(ours, bytes(30))
    pair.run()
    assert [len(data) for data in arrived(pair)] == [30, *[90] * 6, 30]


def test_what_is_large_waits_for_nothing_else(pair):
    ours, _ = pair.open()
    for size in (1, limits.JOIN + 1, 1, 1, limits.MAX_PACKET, 1):
        pair.client.connection.channel_write(ours, bytes(size))
    pair.run()
    # What comes behind something large may well be the last of it.
    assert [len(data) for data in arrived(pair)] == [1, limits.JOIN + 1, 1, 1, limits.MAX_PACKET, 1]


@pytest.mark.parametrize("before", [0, 1, 2])
@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_what_may_change_is_taken_at_once(pair, before, kind):
    ours, _ = pair.open()
    array = bytearray(b"a")
    for piece in [b"x"] * before + [kind(array)] * 2:
        pair.client.connection.channel_write(ours, piece)
    array[0] = 98
    pair.run()
    assert b"".join(arrived(pair)) == b"x" * before + b"aa"


@pytest.mark.parametrize("types", [(None, 1), (1, None)])
@pytest.mark.parametrize("before", [1, 2, 3])
def test_data_of_two_types_shares_no_packet(pair, types, before):
    ours, _ = pair.open()
    one, other = types
    for datatype in [one] * before + [other, other, one]:
        pair.client.connection.channel_write(ours, b"x", datatype)
    pair.run()
    seen = [event.datatype for event in pair.server.of(ChannelData) for _ in event.data]
    assert seen == [one] * before + [other, other, one]


def test_a_window_is_used_up_to_its_end_and_no_further(pair):
    pair.server.answers[ChannelOpenQuestion] = OpenAccept(10, 1 << 15)
    ours, theirs = pair.open()
    taken = [pair.client.connection.channel_write(ours, b"abc") for _ in range(5)]
    assert taken == [3, 3, 3, 1, 0]
    pair.run()
    assert b"".join(arrived(pair)) == b"abcabcabca"
    pair.server.connection.consumed(theirs, 10)
    pair.run()
    assert pair.client.of(ChannelWritable)


def test_a_channel_without_a_window_joins_no_other(pair):
    first, _ = pair.open()
    pair.server.answers[ChannelOpenQuestion] = OpenAccept(1, 1 << 15)
    second, _ = pair.open()
    write = pair.client.connection.channel_write
    assert [write(first, b"a"), write(first, b"b"), write(second, b"x")] == [1, 1, 1]
    assert [write(first, b"c"), write(first, b"d")] == [1, 1]
    assert [write(second, b"y"), write(second, b"z"), write(first, b"e")] == [0, 0, 1]
    pair.run()
    assert [(event.channel, event.data) for event in pair.server.of(ChannelData)] == [
        (first, b"a"), (first, b"b"), (second, b"x"), (first, b"c"), (first, b"de"),
    ]  # fmt: skip


def test_nothing_joins_while_the_transport_is_full(pair):
    ours, _ = pair.open()
    write = pair.client.connection.channel_write
    assert write(ours, b"a") == write(ours, b"b") == 1
    pair.client.connection.hold_output(True)
    assert write(ours, b"c") == 0
    pair.client.connection.hold_output(False)
    pair.run()
    assert b"".join(arrived(pair)) == b"ab"


def test_what_was_joined_comes_before_a_goodbye(pair):
    ours, _ = pair.open()
    for piece in (b"a", b"b", b"c"):
        pair.client.connection.channel_write(ours, piece)
    pair.client.connection.disconnect(11, "")
    pair.run()
    assert b"".join(arrived(pair)) == b"abc"


def test_keys_are_renewed_before_the_limit_however_small_the_pieces():
    pair = Pair(client=Settings(username="alice", rekey_bytes=_LIMIT)).start()
    ours, theirs = pair.open()
    client, outbound = pair.client.connection, pair.client.connection._core.outbound
    exchanges, most, written = 0, 0, 0
    while written < 3 * _LIMIT:
        taken = client.channel_write(ours, bytes(1000))
        written += taken
        if taken == 1000:
            most = max(most, outbound.octets)  # what is joined is counted with all that it may become
            continue
        exchanges += outbound.in_exchange
        sealed = outbound.octets
        data = client.data_to_send()
        assert outbound.octets == sealed, "what was counted before is not what was sealed"
        pair.server.feed(b"".join(bytes(piece) for piece in data))
        pair.run()
        pair.server.connection.consumed(theirs, sum(map(len, arrived(pair))))
        pair.server.events.clear()
        pair.run()
    assert most <= _LIMIT
    assert exchanges >= 3
    assert not client.closed


#: Steps, as methods of `Sender` and their arguments.
SENT = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 2), st.sampled_from([None, 1]), st.sampled_from([0, 1, 5, 400, 20_000])),
    st.tuples(st.just("write"), st.just(0), st.none(), st.integers(1, 3)),
    st.tuples(st.just("request"), st.integers(0, 2)),
    st.tuples(st.sampled_from(["ask", "flush", "rekey", "run"])),
    st.tuples(st.just("eof"), st.integers(1, 2)),
)  # fmt: skip


class Log:
    """What was sent, or has come, in order; data of one channel and type that nothing parts is one piece."""

    def __init__(self) -> None:
        self.entries: list[tuple[object, bytes]] = []

    def add(self, what: object, data: bytes = b"") -> None:
        if data and self.entries and self.entries[-1][0] == what:
            data = self.entries.pop()[1] + data
        self.entries.append((what, data))


class Sender:
    """Takes the steps at the client's end, those that are allowed."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.client = pair.client.connection
        self.channels = [pair.open()[0] for _ in range(3)]
        self.ended: set[int] = set()
        self.log = Log()
        self.letters = 0

    def write(self, index: int, datatype: int | None, size: int) -> None:
        if index not in self.ended:
            self.letters += 1
            data = bytes([self.letters % 256]) * size
            if taken := self.client.channel_write(self.channels[index], data, datatype):
                self.log.add((index, datatype), data[:taken])

    def request(self, index: int) -> None:
        self.client.channel_request(self.channels[index], "x@example", b"", False)
        self.log.add((index, "request"))

    def ask(self) -> None:
        self.client.global_request("x@example", b"", False)
        self.log.add("request")

    def eof(self, index: int) -> None:
        if index not in self.ended:
            self.ended.add(index)
            self.client.channel_eof(self.channels[index])
            self.log.add((index, "eof"))

    def rekey(self) -> None:
        self.pair.run()  # other messages than data wait for the end of a key exchange
        self.client.rekey()
        self.pair.run()

    def flush(self) -> None:
        self.pair.server.feed(self.pair.client.output())

    def run(self) -> None:
        self.pair.run()


def received(pair: Pair, numbers: list[int]) -> Log:
    log = Log()
    for event in pair.server.events:
        match event:
            case ChannelData():
                log.add((numbers.index(event.channel), event.datatype), event.data)
            case ChannelRequestQuestion():
                log.add((numbers.index(event.channel), "request"))
            case GlobalRequestQuestion():
                log.add("request")
            case ChannelEOF():
                log.add((numbers.index(event.channel), "eof"))
    return log


@settings(deadline=None, max_examples=40)
@given(steps=st.lists(SENT, max_size=40), window=st.sampled_from([50, 1 << 21]))
def test_the_peer_gets_everything_in_the_order_it_was_given(steps, window):
    pair = Pair(server_answers={ChannelOpenQuestion: OpenAccept(window, 1 << 15)}).start()
    sender = Sender(pair)
    for step, *arguments in steps:
        getattr(sender, step)(*arguments)
    pair.run()
    assert received(pair, sender.channels).entries == sender.log.entries
    assert not pair.server.connection.closed
