"""Flow control in both directions (RFC 4254 section 5.2), and the budget that windows are lent from."""

from __future__ import annotations

import mmap

import pytest

from nacre.errors import LocalProtocolError
from nacre.protocol import limits
from nacre.protocol.events import ChannelData, ChannelOpenQuestion, ChannelWritable, OpenAccept
from nacre.protocol.settings import Role, Settings
from tests.pair.damage import string, uint32
from tests.pair.ends import HOST_KEY, End, Pair
from tests.pair.stage import Stage
from tests.pair.talk import RAW_CHANNEL, data, end_of, extended, finished, lent, numbers, opened, reason
from tests.security.expectations import Phase
from tests.support.cases import each_case

ROLES = list(Role)


def room(end: End, number: int) -> int:
    return end.connection._mux.channels[number].receive.left


def sizes(sent: list[bytes]) -> list[int]:
    """The sizes of the data in what the end under test sent."""
    assert set(numbers(sent)) <= {94}
    return [len(payload) - 9 for payload in sent]


def test_a_consumer_that_never_consumes_stops_the_writer():
    pair = Pair().start()
    client, server = pair.open()
    window = room(pair.client, client)
    left = memoryview(bytes(4 << 20))
    for _ in range(50):
        left = left[pair.server.connection.channel_write(server, left) :]
        pair.run()
    assert (4 << 20) - len(left) == window
    assert sum(len(event.data) for event in pair.client.of(ChannelData)) == window
    assert not pair.server.of(ChannelWritable)
    pair.client.connection.consumed(client, window)
    pair.run()
    assert pair.server.events[-1] == ChannelWritable(server)
    assert pair.server.connection.channel_write(server, left) > 0


@pytest.mark.parametrize("up", [True, False])
def test_a_slow_reader_gets_everything_in_order(up):
    pair = Pair().start()
    client, server = pair.open()
    (writer, out), (reader, into) = (
        ((pair.client, client), (pair.server, server))
        if up
        else ((pair.server, server), (pair.client, client))
    )
    whole = bytes(range(251)) * 8000
    left = memoryview(whole)
    taken = 0
    while taken < len(whole):
        left = left[writer.connection.channel_write(out, left) :]
        pair.run()
        waiting = sum(len(event.data) for event in reader.of(ChannelData)) - taken
        step = min(waiting, 7001)
        assert step, "it stands still"
        reader.connection.consumed(into, step)
        taken += step
    assert b"".join(event.data for event in reader.of(ChannelData)) == whole


def test_a_writer_holds_while_the_transport_is_full():
    pair = Pair().start()
    _, server = pair.open()
    connection = pair.server.connection
    connection.hold_output(True)
    assert connection.channel_write(server, b"x") == 0
    assert connection.data_to_send() == []
    connection.hold_output(False)
    pair.server.pump()
    assert pair.server.events[-1] == ChannelWritable(server)
    assert connection.channel_write(server, b"x") == 1


def test_no_more_than_the_room_of_the_output_is_taken_at_once():
    stage = Stage(Role.SERVER).to(Phase.AUTHENTICATED)
    number = opened(stage, window=2**32 - 1)
    taken = stage.end.connection.channel_write(number, bytes(8 << 20))
    assert limits.OUTPUT_ROOM <= taken <= limits.OUTPUT_ROOM + limits.MAX_PACKET
    stage.exchange()
    assert stage.end.events[-1] == ChannelWritable(number)


def test_a_write_of_4_gib_is_a_write_like_any_other():
    """Row 69."""
    stage = Stage(Role.SERVER).to(Phase.AUTHENTICATED)
    number = opened(stage, window=100_000)
    with mmap.mmap(-1, 2**32) as huge, memoryview(huge) as view:
        assert stage.end.connection.channel_write(number, view) == 100_000
    assert sizes(stage.exchange()) == [32768, 32768, 32768, 1696]


@pytest.mark.parametrize("role", ROLES)
def test_what_is_sent_keeps_to_window_and_packet_size(role):
    stage = Stage(role).to(Phase.AUTHENTICATED)
    number = opened(stage, window=0, max_packet=700)
    write = stage.end.connection.channel_write
    assert write(number, bytes(2000)) == 0
    assert stage.exchange() == []
    assert stage.send(b"\x5d" + uint32(number, 1500)) == []
    assert stage.end.events[-1] == ChannelWritable(number)
    assert write(number, bytes(2000)) == 1500
    assert sizes(stage.exchange()) == [700, 700, 100]
    assert write(number, b"") == 0
    assert write(number, bytes(1), 1) == 0
    assert stage.exchange() == []  # an empty DATA never goes out
    stage.send(b"\x5d" + uint32(number, 1))
    assert write(number, bytes(5), 1) == 1
    assert stage.exchange() == [extended(RAW_CHANNEL, b"\0")]


@pytest.mark.parametrize("role", ROLES)
def test_a_window_of_2_to_the_32_less_1_is_the_largest(role):
    stage = Stage(role).to(Phase.AUTHENTICATED)
    number = opened(stage, window=2**32 - 1)
    stage.send(b"\x5d" + uint32(number, 0))
    assert not stage.end.connection.closed
    stage.send(b"\x5d" + uint32(number, 1))
    assert reason(stage) == 2


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("make", [data, extended])
def test_a_peer_may_use_its_window_to_the_last_byte_and_no_further(role, make):
    stage = Stage(role).to(Phase.AUTHENTICATED)
    number = opened(stage)
    window = lent(stage)
    while window:
        size = min(window, 30_000)
        stage.send(make(number, bytes(size)))
        window -= size
    assert not stage.end.connection.closed
    assert room(stage.end, number) == 0
    stage.send(make(number, b"x"))
    assert reason(stage) == 2
    assert sum(len(event.data) for event in stage.end.of(ChannelData)) == lent(stage)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("datatype", [0, 2, 2**32 - 1])
def test_data_of_types_that_nobody_defined_never_stalls(role, datatype):
    """Row 71: its credit is returned."""
    stage = Stage(role).to(Phase.AUTHENTICATED)
    number = opened(stage)
    credit = lent(stage)
    for _ in range(300):
        credit -= 5000
        for payload in stage.send(extended(number, bytes(5000), datatype)):
            assert payload[:5] == b"\x5d" + uint32(RAW_CHANNEL)
            credit += int.from_bytes(payload[5:], "big")
        assert credit == room(stage.end, number) > 0
    assert not stage.end.of(ChannelData)


def test_empty_data_is_no_event_and_costs_no_window():
    stage = Stage(Role.SERVER).to(Phase.AUTHENTICATED)
    number = opened(stage)
    before = room(stage.end, number)
    for payload in (data(number, b""), extended(number, b""), extended(number, b"", 7)):
        assert stage.send(payload) == []
    assert room(stage.end, number) == before
    assert not stage.end.of(ChannelData)


@each_case("length", [0, 1, 3, 5, 2**31, 2**32 - 1])
def test_a_length_that_does_not_fit_its_packet_on_the_fast_path_too(length):
    stage = Stage(Role.SERVER).to(Phase.AUTHENTICATED)
    number = opened(stage)
    stage.send(b"\x5e" + uint32(number, length) + b"four")
    assert reason(stage) == 2
    assert not stage.end.of(ChannelData)


def test_consuming_what_did_not_come_is_a_misuse():
    stage = Stage(Role.SERVER).to(Phase.AUTHENTICATED)
    number = opened(stage)
    stage.send(data(number, b"four"))
    with pytest.raises(LocalProtocolError):
        stage.end.connection.consumed(number, 5)
    stage.end.connection.consumed(number, 4)
    stage.end.connection.consumed(99, 4)  # a channel that is gone: what was buffered is read late


def test_credit_waits_for_the_end_of_a_key_exchange():
    """1e: after our KEXINIT we send nothing but KEX and 1-4, window credit waits too."""
    stage = Stage(Role.SERVER).to(Phase.AUTHENTICATED)
    number = opened(stage)
    stage.end.connection.rekey()
    stage.exchange()
    size = lent(stage) // 2
    stage.send(data(number, bytes(min(size, 32768))))
    for _ in range(size // 32768):
        stage.send(data(number, bytes(32768)))
    got = sum(len(event.data) for event in stage.end.of(ChannelData))
    stage.end.connection.consumed(number, got)
    assert stage.exchange() == []
    sent = stage.send(stage.raw.kexinit())
    assert 93 not in numbers(sent)
    assert numbers(finished(stage)) == [31, 21, 93]


# ---------------------------------------------------------------- the budget


def windows(end: End) -> int:
    return sum(channel.receive.size for channel in end.connection._mux.channels.values())


@pytest.mark.parametrize("channels", [1, 64, 300])
def test_all_windows_together_keep_to_the_budget(channels):
    budget = 1 << 20
    server = Settings(host_keys=(HOST_KEY,), receive_budget=budget)
    pair = Pair(server=server).start()
    numbers_of = [pair.open() for _ in range(channels)]
    most = budget + channels * limits.WINDOW_MINIMUM
    assert windows(pair.server) <= most
    for _ in range(12):  # busy ones want to grow
        for client, number in numbers_of[:64]:
            pair.client.connection.channel_write(client, bytes(30_000))
            pair.run()
            got = pair.server.connection._mux.channels[number].receive._unread
            pair.server.connection.consumed(number, got)
        pair.run()
        assert windows(pair.server) <= most
    assert all(room(pair.server, number) > 0 for _, number in numbers_of)


def test_unread_data_of_64_channels_keeps_to_the_budget():
    pair = Pair(server=Settings(host_keys=(HOST_KEY,), receive_budget=1 << 20)).start()
    for client, _ in [pair.open() for _ in range(64)]:
        pair.client.connection.channel_write(client, bytes(1 << 20))
        pair.run()
    unread = sum(len(event.data) for event in pair.server.of(ChannelData))
    assert unread <= (1 << 20) + 64 * limits.WINDOW_MINIMUM


def test_the_budget_comes_back_with_the_channels():
    pair = Pair(server=Settings(host_keys=(HOST_KEY,), receive_budget=1 << 20)).start()
    first = []
    for _ in range(200):
        client, server = pair.open()
        first.append(room(pair.server, server))
        pair.client.connection.channel_write(client, bytes(20_000))
        pair.run()
        pair.client.connection.channel_close(client)
        pair.run()
    assert set(first) == {first[0]}
    assert pair.server.connection._mux._budget.left == 1 << 20
    assert not pair.server.connection._mux.channels


def test_a_busy_channel_gets_the_window_that_was_asked_for():
    pair = Pair(server_answers={ChannelOpenQuestion: OpenAccept(1 << 20, 1 << 15)}).start()
    client, server = pair.open()
    assert room(pair.server, server) < 1 << 20
    for _ in range(200):
        pair.client.connection.channel_write(client, bytes(1 << 19))
        pair.run()
        pair.server.connection.consumed(server, pair.server.connection._mux.channels[server].receive._unread)
        pair.run()
    assert pair.server.connection._mux.channels[server].receive.size == 1 << 20


@pytest.mark.parametrize("kind", [b"session", b"x@example.com"])
def test_refused_opens_leave_nothing(kind):
    """Row 66."""
    stage = Stage(Role.SERVER, answers={ChannelOpenQuestion: None}).to(Phase.AUTHENTICATED)
    for number in range(2000):
        stage.raw.send(b"\x5a" + string(kind) + uint32(number, 1 << 20, 1 << 15))
    assert set(numbers(stage.exchange())) == {92}
    mux = stage.end.connection._mux
    assert (len(mux.channels), mux._of_peer, mux._sessions, mux._deciding) == (0, 0, 0, 0)
    assert mux._budget.left == limits.RECEIVE_BUDGET


@pytest.mark.parametrize("failure", [False, True])
def test_an_open_of_ours_that_fails_gives_its_window_back(failure):
    stage = Stage(Role.CLIENT).to(Phase.AUTHENTICATED)
    number = stage.end.connection.open_channel("session", b"", 1 << 20, 1 << 15)
    stage.exchange()
    if failure:
        stage.send(b"\x5c" + uint32(number, 1) + string(b"no") + string(b""))
    else:
        stage.send(b"\x5b" + uint32(number, RAW_CHANNEL, 0, 0))  # a maximum packet of 0
        assert end_of(stage).error is not None
    assert stage.end.connection._mux._budget.left == limits.RECEIVE_BUDGET
