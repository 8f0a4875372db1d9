"""What the parts share: where a message goes during a key exchange, and when too much waits."""

from __future__ import annotations

from nacre.errors import CompressionError, ConnectionLost, DisconnectReason
from nacre.protocol import limits
from nacre.protocol.events import AuthSucceeded, ChannelData, KeysExchanged
from nacre.protocol.settings import Role, Settings
from nacre.protocol.state import Phase
from nacre.wire.connection import ChannelClose
from nacre.wire.transport import Debug, Disconnect, Ignore, Ping
from tests.pair.ends import Pair
from tests.support.protocol import failure, inject, make_core, sent, server_settings


def test_a_new_core():
    core = make_core(Role.CLIENT, software_version="x_1", username="alice")
    assert core.phase is Phase.KEYS
    assert (core.info.own_version, core.info.username) == ("SSH-2.0-x_1", "alice")
    assert core.info.session_id == b""
    assert core.fault is None


def test_messages_are_sent_in_order():
    core = make_core()
    core.send(ChannelClose(1))
    core.send_payload(b"\x50")
    assert sent(core) == [ChannelClose(1).encode(), b"\x50"]


def test_a_key_exchange_holds_back_what_may_not_be_sent_during_it():
    core = make_core()
    core.outbound.in_exchange = True
    core.send(ChannelClose(1))
    core.send(Ping(b""))
    core.send(Ignore(b""))
    core.send(Debug(False, "", ""))
    core.send(Disconnect(11, "", ""))
    assert [payload[0] for payload in sent(core)] == [2, 4, 1]
    core.outbound.release()
    assert [payload[0] for payload in sent(core)] == [97, 192]


def test_too_much_held_back_is_a_fault_that_the_pump_finds():
    core = make_core()
    core.outbound.in_exchange = True
    for _ in range(limits.HELD_MESSAGES):
        core.send(ChannelClose(1))
    assert core.fault is None
    core.send(ChannelClose(1))
    assert isinstance(core.fault, ConnectionLost)


def test_too_much_sealed_and_not_taken_is_a_fault():
    core = make_core()
    for _ in range(limits.OUTPUT_CEILING // 30_000 + 1):
        core.send_payload(bytes(30_000))
    assert isinstance(core.fault, ConnectionLost)


def test_events_are_kept_in_order():
    core = make_core()
    core.emit(KeysExchanged(True))
    core.emit(KeysExchanged(False))
    assert list(core.events) == [KeysExchanged(True), KeysExchanged(False)]


def test_compression_begins_with_the_session_and_anew_with_each_key():
    both = {"compressions": ("zlib@openssh.com",)}
    pair = Pair(client=Settings(username="alice", **both), server=server_settings(**both))
    pair.client.connection.start(0.0)
    pair.server.connection.start(0.0)
    seen = []
    pair.split = lambda data: (
        seen.append([end.connection._core.outbound.compressor for end in ends]),
        (data,),
    )[1]
    ends = (pair.client, pair.server)
    pair.run()
    assert pair.client.of(AuthSucceeded)
    assert seen[0] == [None, None]
    first = [
        (end.connection._core.outbound.compressor, end.connection._core.inbound.decompressor) for end in ends
    ]
    assert all(one is not None for pieces in first for one in pieces)
    number, _ = pair.open()
    for _ in range(2):
        before = sum(len(event.data) for event in pair.server.of(ChannelData))
        sealed = pair.client.connection._core.outbound.octets
        pair.client.connection.channel_write(number, bytes(30000))
        pair.run()
        assert sum(len(event.data) for event in pair.server.of(ChannelData)) == before + 30000
        assert pair.client.connection._core.outbound.octets - sealed < 300
        pair.client.connection.rekey()
        pair.run()
    second = [
        (end.connection._core.outbound.compressor, end.connection._core.inbound.decompressor) for end in ends
    ]
    assert all(one is not None and one is not was for new, old in zip(second, first, strict=True)
               for one, was in zip(new, old, strict=True))  # fmt: skip
    for end in ends:
        assert not end.connection.closed


def test_one_direction_may_be_compressed_alone():
    pair = Pair(
        client=Settings(username="alice", compressions=("none", "zlib@openssh.com")), server=server_settings()
    )
    pair.start()
    assert pair.client.of(AuthSucceeded)
    assert pair.client.connection._core.outbound.compressor is None


def test_a_bomb_ends_the_connection():
    both = {"compressions": ("zlib@openssh.com",)}
    pair = Pair(client=Settings(username="alice", **both), server=server_settings(**both)).start()
    inject(pair.client, bytes((2,)) + (1 << 20).to_bytes(4, "big") + bytes(1 << 20))
    pair.run()
    assert isinstance(failure(pair.server), CompressionError)
    assert failure(pair.client).code == DisconnectReason.COMPRESSION_ERROR
    assert len(pair.server.connection._core.inbound.scratch) <= 1
