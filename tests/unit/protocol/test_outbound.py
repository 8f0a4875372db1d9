"""Packets into bytes (RFC 4253 section 6): padding, segments that are not touched while they are seen, what waits."""

from __future__ import annotations

import os

import pytest

from nacre.crypto import make_opener, make_sealer
from nacre.errors import KeyExchangeFailed
from nacre.protocol import limits
from nacre.protocol.inbound import Inbound
from nacre.protocol.outbound import Outbound, is_viewed
from tests.support.cases import each_case
from tests.support.protocol import payloads

GCM = ("aes128-gcm@openssh.com", "", bytes(range(16)), bytes(12), b"")


def taken(outbound: Outbound) -> bytes:
    return b"".join(bytes(segment) for segment in outbound.take())


@each_case("size", [*range(1, 40), 255, 256, 1000, 40_000])
def test_padding(size):
    outbound = Outbound(os.urandom)
    outbound.send_now(bytes(size))
    data = taken(outbound)
    length, padding = int.from_bytes(data[:4], "big"), data[4]
    assert len(data) == 4 + length
    assert len(data) % 8 == 0
    assert 4 <= padding <= 255
    assert length == 1 + size + padding


def test_padding_is_random():
    outbound = Outbound(lambda size: b"\xaa" * size)
    outbound.send_now(b"\x02")
    data = taken(outbound)
    assert data[6:] == b"\xaa" * data[4]


def test_padding_costs_no_call_for_each_packet():
    calls = []
    outbound = Outbound(lambda size: calls.append(size) or bytes(size))
    for _ in range(20):
        outbound.send_now(b"\x02")
    assert len(calls) <= 2


def test_what_was_handed_out_is_not_touched_again():
    outbound = Outbound(os.urandom)
    outbound.send_now(b"\x02one")
    first = outbound.take()
    copy = b"".join(bytes(segment) for segment in first)
    for size in (1, 5000, 100_000):
        outbound.send_now(bytes(size))
        outbound.take()
    assert b"".join(bytes(segment) for segment in first) == copy


def send_much(outbound: Outbound, octet: bytes) -> list[bytes | memoryview]:
    for _ in range(8):
        outbound.send_data(0, octet * limits.MAX_PACKET, None, 0)
    return outbound.take()


def test_a_long_segment_is_not_touched_while_somebody_has_a_view_of_it():
    """Transports keep views of what the socket did not take, and send it later."""
    outbound = Outbound(os.urandom)
    kept = []
    for octet in b"abcdef":
        segments = send_much(outbound, bytes([octet]))
        # A part of a part, as a transport keeps it; the rest is let go of.
        kept.append((segments[-1][100:][5:2900], bytes(segments[-1][105:3000])))
        del segments
    assert all(view == copy for view, copy in kept)
    assert len({id(view.obj) for view, _ in kept}) == len(kept)


def test_a_long_segment_is_used_again_when_nobody_sees_it():
    outbound = Outbound(os.urandom)
    send_much(outbound, b"a")
    places = set()
    for _ in range(6):
        segments = send_much(outbound, b"a")
        places.add(id(segments[0].obj))
        del segments
    assert len(places) == 1


def test_a_program_that_sends_little_keeps_no_long_segment():
    outbound = Outbound(os.urandom)
    for _ in range(3):
        send_much(outbound, b"a")
    assert outbound._lent
    outbound.send_data(0, b"a", None, 0)
    outbound.take()
    assert not outbound._lent


def test_little_is_handed_out_as_a_copy_and_its_segment_used_again():
    outbound = Outbound(os.urandom)
    taken = []
    for octet in (b"a", b"b"):
        outbound.send_data(0, octet * 100, None, 0)
        taken += outbound.take()
        segment = outbound._segment
        assert segment is not None
    assert [payload[9:] for payload in payloads(b"".join(taken))] == [b"a" * 100, b"b" * 100]
    outbound.send_data(0, b"c", None, 0)
    assert outbound._segment is segment
    outbound.release_buffers()
    assert outbound._segment is segment, "something stands in it"
    outbound.take()
    outbound.rest()
    assert outbound._segment is None
    outbound.send_data(0, b"d", None, 0)
    assert [payload[9:] for payload in payloads(b"".join(outbound.take()))] == [b"d"]


def test_an_idle_end_keeps_nothing():
    outbound = Outbound(os.urandom)
    for _ in range(3):
        send_much(outbound, b"a")
    assert outbound._lent
    assert len(outbound._scratch) > limits.SCRATCH_IDLE
    outbound.release_buffers()
    assert not any((outbound._lent, outbound._scratch, outbound._segment))


def test_who_views_an_array_is_known():
    array = bytearray(b"abc")
    assert not is_viewed(array)
    view = memoryview(array)[1:]
    part = view[:1]
    del view
    assert is_viewed(array)
    del part
    assert not is_viewed(array)
    assert array == b"abc"


def test_queued_counts_what_was_not_taken():
    outbound = Outbound(os.urandom)
    outbound.send_line(b"SSH-2.0-x\r\n")
    outbound.send_now(b"\x02")
    assert outbound.queued == 11 + 16
    (segment,) = outbound.take()  # one call of the system
    assert bytes(segment[:11]) == b"SSH-2.0-x\r\n"
    assert len(segment) == 27
    assert outbound.queued == 0
    assert outbound.take() == []


def test_channel_data_is_laid_out_as_its_message():
    outbound = Outbound(os.urandom)
    outbound.send_data(7, memoryview(b"abc"), None, 0)
    outbound.send_data(7, memoryview(b"abc"), 1, 0)
    assert payloads(taken(outbound)) == [
        bytes.fromhex("5e 00000007 00000003") + b"abc",
        bytes.fromhex("5f 00000007 00000001 00000003") + b"abc",
    ]


def test_data_that_follows_shares_its_segment():
    outbound = Outbound(os.urandom)
    left = 4 * limits.MAX_PACKET
    for _ in range(4):
        left -= limits.MAX_PACKET
        outbound.send_data(0, memoryview(bytes(limits.MAX_PACKET)), None, left)
    assert len(outbound.take()) == 1


def test_a_program_that_goes_on_as_before_gets_one_segment():
    outbound = Outbound(os.urandom)
    data = memoryview(bytes(32768))
    counts = []
    for _ in range(3):
        for _ in range(8):
            outbound.send_data(0, data, None, 0)
        counts.append(len(outbound.take()))
    assert counts == [3, 1, 1]
    for _ in range(20):
        outbound.send_data(0, data, None, 0)
    segments = outbound.take()
    assert max(map(len, segments)) <= 8 * 33_000
    outbound.send_data(0, data[:1], None, 0)
    outbound.take()
    outbound.send_data(0, data[:1], None, 0)
    assert outbound._room == 1024  # little after little


def test_encrypted_packets_come_back():
    outbound = Outbound(os.urandom)
    outbound.activate(make_sealer(*GCM), reset_sequence=True)
    inbound = Inbound()
    inbound.limit = limits.PACKET
    inbound.activate(make_opener(*GCM), reset_sequence=True)
    for size in (1, 15, 16, 17, 3000, 60_000):
        outbound.send_now(b"\x02" * size)
        data = taken(outbound)
        assert b"\x02" * 12 not in data
        while data:
            room = inbound.receive_buffer()
            count = min(len(room), len(data))
            room[:count] = data[:count]
            inbound.received(count)
            data = data[count:]
        assert inbound.next_payload() == size


def test_during_an_exchange_messages_wait_in_order():
    outbound = Outbound(os.urandom)
    outbound.in_exchange = True
    assert outbound.send(b"\x5a")
    outbound.send_now(b"\x14")
    assert outbound.send(b"\x5b")
    assert payloads(taken(outbound)) == [b"\x14"]
    outbound.release()
    assert payloads(taken(outbound)) == [b"\x5a", b"\x5b"]
    assert not outbound.in_exchange


def test_what_waits_is_bounded():
    outbound = Outbound(os.urandom)
    outbound.in_exchange = True
    assert all(outbound.send(b"\x5a") for _ in range(limits.HELD_MESSAGES))
    assert not outbound.send(b"\x5a")
    outbound = Outbound(os.urandom)
    outbound.in_exchange = True
    assert outbound.send(bytes(limits.HELD_BYTES))
    assert not outbound.send(b"\x5a")


def test_drop_forgets_what_waits_but_not_what_is_sealed():
    outbound = Outbound(os.urandom)
    outbound.send_now(b"\x02")
    outbound.in_exchange = True
    outbound.send(b"\x5a")
    outbound.drop()
    outbound.release()
    assert payloads(taken(outbound)) == [b"\x02"]


def test_sequence_numbers():
    outbound = Outbound(os.urandom)
    outbound.send_now(b"\x02")
    assert outbound.sequence == 1
    outbound.activate(make_sealer(*GCM), reset_sequence=False)
    assert (outbound.sequence, outbound.packets, outbound.octets) == (1, 0, 0)
    outbound.activate(make_sealer(*GCM), reset_sequence=True)
    assert outbound.sequence == 0
    outbound.sequence = 0xFFFFFFFF
    outbound.send_now(b"\x02")
    assert outbound.sequence == 0


def test_the_number_may_not_wrap_in_the_clear():
    # Strict key exchange: an attacker could make it wrap, and packets disappear unnoticed.
    outbound = Outbound(os.urandom)
    outbound.sequence = 0xFFFFFFFF
    with pytest.raises(KeyExchangeFailed):
        outbound.send_now(b"\x02")
