"""Packets out of bytes (RFC 4253 section 6), and lengths that are not possible."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nacre.crypto import make_opener, make_sealer
from nacre.errors import KeyExchangeFailed, MACError, ProtocolError
from nacre.protocol import limits
from nacre.protocol.inbound import Inbound
from nacre.protocol.outbound import Outbound
from tests.support.cases import each_case

GCM = ("aes128-gcm@openssh.com", "", bytes(range(16)), bytes(12), b"")
CHACHA = ("chacha20-poly1305@openssh.com", "", bytes(range(64)), b"", b"")
CTR = ("aes128-ctr", "hmac-sha2-256", bytes(range(16)), bytes(16), bytes(32))
ETM = ("aes128-ctr", "hmac-sha2-256-etm@openssh.com", bytes(range(16)), bytes(16), bytes(32))
SUITES = [GCM, CHACHA, CTR, ETM]


def packet(payload: bytes, *, padding: int | None = None, length: int | None = None) -> bytes:
    """A packet in the clear, with whatever lengths."""
    if padding is None:
        padding = 4 + -(len(payload) + 9) % 8
    if length is None:
        length = 1 + len(payload) + padding
    return length.to_bytes(4, "big") + bytes((padding & 255,)) + payload + bytes(padding)


def feed(inbound: Inbound, data: bytes) -> list[bytes]:
    found = []
    view = memoryview(data)
    while view:
        room = inbound.receive_buffer()
        assert len(room) > 0
        size = min(len(room), len(view))
        room[:size] = view[:size]
        room.release()
        inbound.received(size)
        view = view[size:]
        while (length := inbound.next_payload()) >= 0:
            found.append(bytes(inbound.scratch[1 : 1 + length]))
    return found


def sealed(suite, *payloads: bytes) -> bytes:
    outbound = Outbound(os.urandom)
    outbound.activate(make_sealer(*suite), reset_sequence=True)
    for payload in payloads:
        outbound.send_now(payload)
    return b"".join(bytes(segment) for segment in outbound.take())


def opening(suite) -> Inbound:
    inbound = Inbound()
    inbound.activate(make_opener(*suite), reset_sequence=True)
    return inbound


def test_packets_in_the_clear_are_counted():
    inbound = Inbound()
    data = packet(b"\x02abc") + packet(b"\x15")
    assert feed(inbound, data) == [b"\x02abc", b"\x15"]
    assert (inbound.sequence, inbound.packets, inbound.octets) == (2, 2, len(data))


@pytest.mark.parametrize("suite", SUITES)
def test_encrypted_packets_cut_anywhere(suite):
    payloads = [b"\x02" + bytes(size) for size in (0, 1, 7, 8, 100)]
    data = sealed(suite, *payloads)
    for cut in range(len(data)):
        inbound = opening(suite)
        assert feed(inbound, data[:cut]) + feed(inbound, data[cut:]) == payloads


@pytest.mark.parametrize("suite", SUITES)
@settings(deadline=None)
@given(st.data())
def test_any_chunks_give_the_same_packets(suite, data):
    sizes = data.draw(st.lists(st.integers(0, 20_000), min_size=1, max_size=6))
    payloads = [b"\x5e" + bytes(size) for size in sizes]
    stream = sealed(suite, *payloads)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    inbound, found = opening(suite), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += feed(inbound, stream[start:end])
    assert found == payloads


@pytest.mark.parametrize("suite", SUITES)
def test_an_altered_octet_is_noticed_and_nothing_of_it_is_seen(suite):
    data = sealed(suite, b"\x02secret")
    for index in range(4, len(data)):  # the length itself may ask for more to wait for
        inbound = opening(suite)
        altered = bytearray(data)
        altered[index] ^= 1
        with pytest.raises(MACError):
            feed(inbound, bytes(altered))
        assert b"secret" not in bytes(inbound.scratch)


@each_case("length", [0, 1, 4, 5, limits.PACKET_BEFORE_AUTH + 1, limits.PACKET + 1, 0xFFFFFFFF, 13])
def test_lengths_that_are_not_possible(length):
    with pytest.raises(ProtocolError):
        feed(Inbound(), packet(b"\x02", length=length) + bytes(40))


@pytest.mark.parametrize(("payload", "padding"), [(b"\x02abcdef", 4), (b"\x02" * 8, 3)])
def test_paddings_that_do_not_fit(payload, padding):
    data = bytearray(packet(payload))
    data[4] = len(data) if padding == 4 else 3
    with pytest.raises(ProtocolError):
        feed(Inbound(), bytes(data))


def test_a_packet_that_is_no_multiple_of_the_block_size_is_refused():
    data = packet(b"\x02", padding=7)
    assert len(data) % 8
    with pytest.raises(ProtocolError, match="block size"):
        feed(Inbound(), data)


def test_a_packet_without_a_payload_is_refused():
    with pytest.raises(ProtocolError):
        feed(Inbound(), packet(b"", padding=11))


@pytest.mark.parametrize("suite", [GCM, ETM])
def test_a_length_is_bounded_before_anything_is_waited_for(suite):
    inbound = opening(suite)
    with pytest.raises(ProtocolError):
        feed(inbound, (0x7FFFFFF0).to_bytes(4, "big") + bytes(60))


def test_a_kexinit_in_the_clear_may_be_long_and_nothing_else():
    size = limits.PACKET_BEFORE_AUTH + 1000
    assert feed(Inbound(), packet(b"\x14" + bytes(size)))[0][0] == 20
    with pytest.raises(ProtocolError):
        feed(Inbound(), packet(b"\x02" + bytes(size)))
    with pytest.raises(ProtocolError):
        feed(opening(GCM), sealed(GCM, b"\x14" + bytes(size)))


def test_a_long_packet_in_the_clear_is_judged_by_its_number_as_soon_as_that_is_here():
    size = limits.PACKET_BEFORE_AUTH + 1000
    inbound, long = Inbound(), packet(b"\x14" + bytes(size))
    found = [payload for octet in long for payload in feed(inbound, bytes((octet,)))]
    assert [len(payload) for payload in found] == [size + 1]
    inbound, other = Inbound(), packet(b"\x02" + bytes(size))
    for octet in other[:5]:
        assert feed(inbound, bytes((octet,))) == []
    with pytest.raises(ProtocolError):
        feed(inbound, other[5:6])


def test_packets_of_every_size_follow_one_another_in_a_buffer_that_is_full():
    inbound = Inbound()
    inbound.limit = limits.PACKET
    sizes = [200_000, 90_000, 262_000, 5, 150_000, 150_000, 262_000, 100_000, 262_000]
    sent = [bytes((number,)) * size for number, size in enumerate(sizes, 1)]
    assert feed(inbound, b"".join(map(packet, sent))) == sent
    # Read by read, with most of the next packet behind the one before.
    data, found = b"".join(map(packet, sent)), []
    for start in range(0, len(data), 60_001):
        found += feed(inbound, data[start : start + 60_001])
    assert found == sent


def test_the_sequence_number_wraps_and_is_reset_where_it_must_be():
    inbound = Inbound()
    inbound.sequence = 0xFFFFFFFF
    inbound.encrypted = True  # in the clear it is a fault: see below
    feed(inbound, packet(b"\x02"))
    assert inbound.sequence == 0
    inbound.sequence = 7
    inbound.activate(make_opener(*GCM), reset_sequence=False)
    assert (inbound.sequence, inbound.packets, inbound.octets) == (7, 0, 0)
    inbound.activate(make_opener(*GCM), reset_sequence=True)
    assert inbound.sequence == 0


def test_a_wrap_in_the_first_key_exchange_is_a_fault():
    """Row 1: with it an attacker could make two packets of one number."""
    inbound = Inbound()
    inbound.sequence = 0xFFFFFFFF
    with pytest.raises(KeyExchangeFailed):
        feed(inbound, packet(b"\x02"))


def test_the_buffer_grows_under_load_and_shrinks_again():
    inbound = Inbound()
    inbound.encrypted = True
    inbound.limit = limits.PACKET
    assert len(inbound.receive_buffer()) == limits.RECEIVE_IDLE
    big = packet(b"\x5e" + bytes(32_768))
    for _ in range(40):
        assert len(feed(inbound, big)) == 1
    assert limits.RECEIVE_IDLE < len(inbound.receive_buffer()) <= limits.RECEIVE_CAPACITY
    for _ in range(20):
        feed(inbound, packet(b"\x02"))
    assert len(inbound.receive_buffer()) == limits.RECEIVE_IDLE
    assert len(inbound.scratch) == limits.SCRATCH_IDLE


@pytest.mark.parametrize(("size", "count", "long"), [(5, 9000, False), (30_000, 40, True)])
def test_a_read_of_many_small_packets_is_not_followed_by_a_long_one(size, count, long):
    """Each turn of a loop takes one read, and small packets cost as much as large ones."""
    inbound = opening(GCM)
    inbound.limit = limits.PACKET
    left = memoryview(sealed(GCM, *[bytes(size)] * count))
    lent = []
    while left:
        room = inbound.receive_buffer()
        lent.append(len(room))
        taken = min(len(room), len(left))
        room[:taken] = left[:taken]
        inbound.received(taken)
        left = left[taken:]
        while inbound.next_payload() >= 0:
            pass
    assert (max(lent) > limits.READ) is long


def test_a_peer_that_sends_more_than_a_packet_and_a_read_finds_no_room():
    inbound = Inbound()
    size = 0
    while inbound.has_room:
        room = len(inbound.receive_buffer())
        inbound.received(room)
        size += room
        assert size <= 2 * limits.RECEIVE_CAPACITY
    assert size >= limits.PACKET_BEFORE_AUTH


def test_drop_forgets_everything():
    inbound = Inbound()
    feed(inbound, packet(b"\x02")[:-1])
    inbound.drop()
    assert len(inbound.peek()) == 0
    assert inbound.next_payload() == -1


def test_peek_and_skip():
    inbound = Inbound()
    inbound.receive_buffer()[:5] = b"hello"
    inbound.received(5)
    assert bytes(inbound.peek()) == b"hello"
    inbound.skip(3)
    assert bytes(inbound.peek()) == b"lo"


def test_buffers_of_any_size_are_given_up_once_they_are_empty() -> None:
    inbound = Inbound()
    inbound.encrypted = True
    for _ in range(3):
        room = inbound.receive_buffer()
        room[:] = bytes(len(room))
        inbound.received(len(room))
    assert len(inbound._buffer) > limits.RECEIVE_IDLE
    inbound.release()
    size = len(inbound.peek())
    assert size > limits.RECEIVE_IDLE, "something stands in it"
    inbound.skip(size)
    inbound.release()
    assert len(inbound._buffer) == len(inbound.peek()) == len(inbound.scratch) == 0
    assert len(inbound.receive_buffer()) == limits.RECEIVE_IDLE


def test_the_first_messages_come_in_one_read_and_their_room_is_given_up_too() -> None:
    inbound = Inbound()
    first = b"SSH-2.0-x\r\n" + packet(b"\x14" + bytes(1400)) + packet(b"\x1e" + bytes(1220))
    room = inbound.receive_buffer()
    assert len(room) > len(first)
    room[: len(first)] = first
    inbound.received(len(first))
    inbound.skip(11)
    assert inbound.next_payload() == 1401
    assert inbound.next_payload() == 1221
    inbound.rest()
    assert len(inbound._buffer) == 0
    inbound.encrypted = True
    assert len(inbound.receive_buffer()) == limits.RECEIVE_IDLE


def test_an_idle_end_holds_no_buffers() -> None:
    inbound = Inbound()
    inbound.encrypted = True
    room = inbound.receive_buffer()
    room[:3] = b"abc"
    inbound.received(3)
    inbound.rest()
    assert bytes(inbound.peek()) == b"abc"  # not done with: it stays
    inbound.skip(3)
    inbound.rest()
    assert len(inbound.peek()) == len(inbound.scratch) == 0
    assert len(inbound._buffer) == 0
    assert len(inbound.receive_buffer()) == limits.RECEIVE_IDLE
