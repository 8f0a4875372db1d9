"""Messages of the key exchange, written out by hand from RFC 4253 section 7 and RFC 5656 section 4."""

from __future__ import annotations

import pytest

from nacre.errors import WireError
from nacre.wire.kex import (
    DH,
    DH_GEX,
    ECDH,
    KexDhGexGroup,
    KexDhGexInit,
    KexDhGexReply,
    KexDhGexRequest,
    KexDhInit,
    KexDhReply,
    KexEcdhInit,
    KexEcdhReply,
    KexInit,
    NewKeys,
)
from nacre.wire.message import MESSAGES, Sender, When

COOKIE = bytes(range(16))
INIT = KexInit(
    COOKIE, ("a", "b"), ("k",), ("c1",), ("c2",), ("m1",), ("m2",), ("none",), ("none",), (), ("en",), True, 0
)
ENCODED = bytes.fromhex(
    "14 000102030405060708090a0b0c0d0e0f"
    "00000003 612c62 00000001 6b 00000002 6331 00000002 6332 00000002 6d31 00000002 6d32"
    "00000004 6e6f6e65 00000004 6e6f6e65 00000000 00000002 656e 01 00000000"
)


def test_kexinit():
    assert INIT.encode() == ENCODED
    assert KexInit.decode(ENCODED) == INIT


def test_a_kexinit_cut_anywhere_is_refused():
    for size in range(len(ENCODED)):
        with pytest.raises(WireError):
            KexInit.decode(ENCODED[:size])
    with pytest.raises(WireError):
        KexInit.decode(ENCODED + b"\0")


def test_the_reserved_number_is_read_whatever_it_is():
    # RFC 4253 section 7.1: "reserved for future extension".
    assert KexInit.decode(ENCODED[:-4] + b"\0\0\0\1").reserved == 1


def test_newkeys():
    assert NewKeys().encode() == b"\x15"
    with pytest.raises(WireError):
        NewKeys.decode(b"\x15\0")


def test_the_shares():
    assert KexEcdhInit(b"Q").encode() == bytes.fromhex("1e 00000001 51")
    reply = KexEcdhReply(b"K", b"Q", b"S")
    assert reply.encode() == bytes.fromhex("1f 00000001 4b 00000001 51 00000001 53")
    assert KexEcdhReply.decode(reply.encode()) == reply


def test_numbers_30_and_31_belong_to_their_methods():
    assert MESSAGES[ECDH, 30] is KexEcdhInit
    assert MESSAGES[ECDH, 31] is KexEcdhReply
    assert (KexEcdhInit.sender, KexEcdhReply.sender) == (Sender.CLIENT, Sender.SERVER)
    assert (KexInit.when, NewKeys.when) == (When.KEX_INIT, When.KEX_END)


def test_the_messages_of_finite_fields():
    # RFC 4253 section 8; RFC 4419 section 5: REQUEST 34, GROUP 31, INIT 32, REPLY 33.
    assert [(scope, number) for scope, number in MESSAGES if scope.startswith("kex-dh")] == [
        (DH, 30), (DH, 31), (DH_GEX, 34), (DH_GEX, 31), (DH_GEX, 32), (DH_GEX, 33)
    ]  # fmt: skip
    assert KexDhInit(0x80).encode() == bytes.fromhex("1e 00000002 0080")
    assert KexDhReply(b"K", 5, b"S").encode() == bytes.fromhex("1f 00000001 4b 00000001 05 00000001 53")
    assert KexDhGexRequest(2048, 3072, 8192).encode() == bytes.fromhex("22 00000800 00000c00 00002000")
    assert KexDhGexGroup(23, 2).encode() == bytes.fromhex("1f 00000001 17 00000001 02")
    assert KexDhGexInit(5).encode() == bytes.fromhex("20 00000001 05")
    assert KexDhGexReply(b"K", 5, b"S").encode() == bytes.fromhex("21 00000001 4b 00000001 05 00000001 53")
    for sender, kinds in (
        (Sender.CLIENT, (KexDhInit, KexDhGexRequest, KexDhGexInit)),
        (Sender.SERVER, (KexDhReply, KexDhGexGroup, KexDhGexReply)),
    ):
        assert {kind.sender for kind in kinds} == {sender}
