"""What holds for every cipher with every MAC (RFC 4253 section 6; security history rows 8 to 12, 33)."""

from __future__ import annotations

import re
import struct
from typing import Any

import pytest

from nacre.crypto import Family, NullOpener, NullSealer, lookup, make_opener, make_sealer
from nacre.errors import DisconnectReason, MACError

SEQUENCES = 1 << 32


def test_round_trip_of_every_size(suite: Any) -> None:
    sealer, opener = suite.sealer(), suite.opener()
    sequence = SEQUENCES - 100
    for size in [*range(301), 32768, 0, 32768]:
        packet = suite.packet(sealer, bytes(octet & 0xFF for octet in range(size)))
        sealed = suite.seal(sealer, packet, sequence)
        assert len(sealed) == len(packet) + sealer.tag_size
        assert packet[5 : 5 + max(size, 8)] not in sealed
        assert suite.open(opener, sealed, sequence) == packet
        sequence = (sequence + 1) % SEQUENCES


def test_the_same_packet_is_never_sealed_alike_twice(suite: Any) -> None:
    sealer = suite.sealer()
    packet = suite.packet(sealer, bytes(40))
    assert len({suite.seal(sealer, packet, sequence)[4:] for sequence in range(50)}) == 50


def test_both_ends_agree_on_the_framing(suite: Any) -> None:
    sealer, opener = suite.sealer(), suite.opener()
    assert opener.tag_size == sealer.tag_size
    assert opener.block_size == sealer.block_size >= 8
    assert opener.length_apart is sealer.length_apart
    assert opener.head in (4, 16)


def test_every_flipped_bit_is_noticed(suite: Any) -> None:
    sealer = suite.sealer()
    packet = suite.packet(sealer, b"\x5e" + bytes(range(30)))
    sealed = suite.seal(sealer, packet, 7)
    packet_length = len(packet) - 4
    for bit in range(8 * len(sealed)):
        altered = bytearray(sealed + bytes(600))
        altered[bit // 8] ^= 1 << bit % 8
        opener = suite.opener()
        length = opener.length(memoryview(altered), 0, 7)
        assert (length == packet_length) is (bit >= 32)
        if length <= 500:
            scratch = bytearray(b"\xbb" * 520)
            with pytest.raises(MACError):
                opener.open(memoryview(altered), 0, length, 7, scratch)
            assert scratch == bytes(520)


def test_the_second_packet_is_protected_as_the_first(suite: Any) -> None:
    sealer = suite.sealer()
    packet = suite.packet(sealer, bytes(range(30)))
    first, second = (suite.seal(sealer, packet, sequence) for sequence in (0, 1))
    for bit in range(32, 8 * len(second)):
        opener = suite.opener()
        suite.open(opener, first, 0)
        altered = bytearray(second)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(MACError):
            opener.open(memoryview(altered), 0, opener.length(memoryview(altered), 0, 1), 1, bytearray(99))


def test_a_packet_repeated_left_out_or_out_of_order_is_noticed(suite: Any) -> None:
    sealer = suite.sealer()
    packet = suite.packet(sealer, bytes(range(30)))
    sealed = [suite.seal(sealer, packet, sequence) for sequence in range(3)]
    for order in ([1], [0, 0], [0, 2]):
        opener = suite.opener()
        with pytest.raises(MACError):  # noqa: PT012 - which one of them fails is not the point
            for sequence, index in enumerate(order):
                src = memoryview(sealed[index] + bytes(600))
                length = opener.length(src, 0, sequence)
                # Under another key stream the length is another one as well, and no packet's.
                opener.open(src, 0, length if length < 500 else len(packet) - 4, sequence, bytearray(520))


@pytest.mark.parametrize("wrong", [6, 8, 0, SEQUENCES - 1])
def test_a_wrong_sequence_number_is_noticed(make_suite: Any, wrong: int) -> None:
    # AES-GCM counts by itself and does not look at the number (RFC 5647 section 8.1).
    for cipher, mac in (
        ("chacha20-poly1305@openssh.com", ""),
        ("aes128-ctr", "hmac-sha2-256"),
        ("aes256-ctr", "hmac-sha2-512-etm@openssh.com"),
    ):
        suite = make_suite(cipher, mac)
        sealer, opener = suite.sealer(), suite.opener()
        packet = suite.packet(sealer, b"payload")
        src = memoryview(suite.seal(sealer, packet, 7))
        length = opener.length(src, 0, 7)
        assert length == len(packet) - 4
        with pytest.raises(MACError):
            opener.open(src, 0, length, wrong, bytearray(99))


def test_the_error_carries_the_reason_for_the_wire(suite: Any) -> None:
    opener = suite.opener()
    src = memoryview(bytes(200))
    opener.length(src, 0, 0)
    with pytest.raises(MACError) as caught:
        opener.open(src, 0, 44, 0, bytearray(99))
    assert caught.value.code == DisconnectReason.MAC_ERROR


def test_a_scratch_buffer_is_wiped_of_earlier_packets_too(suite: Any) -> None:
    sealer, opener = suite.sealer(), suite.opener()
    scratch = memoryview(bytearray(4096))
    packet = suite.packet(sealer, b"secret" * 500)
    src = memoryview(suite.seal(sealer, packet, 0))
    opener.open(src, 0, opener.length(src, 0, 0), 0, scratch)
    assert b"secret" in bytes(scratch)
    short = bytearray(suite.seal(sealer, suite.packet(sealer, b"x"), 1))
    short[-1] ^= 1
    src = memoryview(short)
    with pytest.raises(MACError):
        opener.open(src, 0, opener.length(src, 0, 1), 1, scratch)
    assert bytes(scratch) == bytes(4096)


def test_empty_payloads_are_packets(suite: Any) -> None:
    for payload in (b"", b"\x00"):
        sealer, opener = suite.sealer(), suite.opener()
        packet = suite.packet(sealer, payload)
        assert suite.open(opener, suite.seal(sealer, packet, 0), 0) == packet


def test_a_length_too_small_for_a_packet_is_a_mac_error_at_worst(suite: Any) -> None:
    for packet_length in range(17):
        opener = suite.opener()
        src = memoryview(bytes(200))
        opener.length(src, 0, 0)
        with pytest.raises(MACError):
            opener.open(src, 0, packet_length, 0, bytearray(64))


def test_keys_and_ivs_of_other_sizes_are_refused(suite: Any) -> None:
    cipher, mac, key, iv, mac_key = suite._arguments()
    for make in (make_opener, make_sealer):
        with pytest.raises(ValueError, match=f"{re.escape(cipher)} takes key of"):
            make(cipher, mac, key[:-1], iv, mac_key)
        with pytest.raises(ValueError, match=f"{re.escape(cipher)} takes IV of"):
            make(cipher, mac, key, iv + b"\0", mac_key)
        if mac:
            with pytest.raises(ValueError, match=f"{re.escape(mac)} takes key of"):
                make(cipher, mac, key, iv, b"")


def test_sizes_that_the_key_derivation_reads(suite: Any) -> None:
    cipher = lookup(Family.CIPHER, suite.cipher)
    assert cipher.authenticates is (not suite.mac)
    tag_size = cipher.tag_size if cipher.authenticates else lookup(Family.MAC, suite.mac).tag_size
    assert suite.sealer().tag_size == tag_size
    assert suite.sealer().block_size == cipher.block_size


def test_the_mac_of_a_cipher_with_its_own_is_not_looked_at() -> None:
    make_sealer("aes128-gcm@openssh.com", "no such thing", bytes(16), bytes(12), b"")


def test_unknown_names_are_key_errors() -> None:
    with pytest.raises(KeyError):
        make_opener("3des-cbc", "hmac-sha2-256", bytes(24), bytes(8), bytes(32))
    with pytest.raises(KeyError):
        make_sealer("aes128-ctr", "hmac-md5", bytes(16), bytes(16), bytes(16))


def test_no_secret_is_in_a_repr(suite: Any) -> None:
    for made in (suite.opener(), suite.sealer()):
        assert re.fullmatch(r"<[\w.]+ object at 0x[0-9a-f]+>", repr(made))


def test_before_the_first_keys_packets_are_plain() -> None:
    packet = struct.pack(">IB", 12, 4) + b"payload" + bytes(4)
    out = bytearray(30)
    assert NullSealer().seal(memoryview(packet), len(packet), memoryview(out), 3, 0) == len(packet)
    assert out[3 : 3 + len(packet)] == packet
    opener = NullOpener()
    assert (opener.head, opener.tag_size, opener.block_size, opener.length_apart) == (4, 0, 8, False)
    assert opener.length(memoryview(out), 3, 0) == 12
    scratch = bytearray(20)
    opener.open(memoryview(out), 3, 12, 0, scratch)
    assert scratch == packet[4:] + bytes(8)


def test_a_scratch_buffer_does_not_grow() -> None:
    scratch = bytearray(4)
    with pytest.raises(ValueError):
        NullOpener().open(memoryview(bytes(20)), 0, 12, 0, scratch)
    assert len(scratch) == 4
