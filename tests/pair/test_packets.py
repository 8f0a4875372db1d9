"""Packets that no honest peer makes: lengths, padding, emptiness, altered bits, for every cipher (rows 8 to 14)."""

from __future__ import annotations

import random
import struct

import pytest

from nacre.crypto.registry import Family, lookup, names
from nacre.errors import KeyExchangeFailed, MACError
from nacre.protocol import limits
from nacre.protocol.events import Disconnected
from nacre.protocol.settings import Role, Settings
from tests.pair.damage import string
from tests.pair.ends import HOST_KEY
from tests.pair.stage import Stage
from tests.pair.talk import end_of, reason
from tests.security.expectations import Phase
from tests.support.cases import each_case

ROLES = list(Role)
#: Every way to seal a packet: a MAC matters to those ciphers alone that do not authenticate.
MODES = [
    (cipher, mac)
    for cipher in names(Family.CIPHER)
    for mac in (names(Family.MAC)[:1] if lookup(Family.CIPHER, cipher).authenticates else names(Family.MAC))
]
LENGTHS = (0, 1, 2, 3, 4, 5, 35_001, 262_145, 2**31 - 1, 2**31, 2**32 - 1)


def keyed(
    role: Role, mode: tuple[str, str], phase: Phase = Phase.AUTHENTICATED, *, strict: bool = True
) -> Stage:
    cipher, mac = mode
    common = {"ciphers": (cipher,), "macs": (mac,)}
    settings = (
        Settings(username="alice", **common)
        if role is Role.CLIENT
        else Settings(host_keys=(HOST_KEY,), **common)
    )
    return Stage(role, settings=settings, strict=strict, cipher=cipher, mac=mac).to(phase)


def sealed(stage: Stage, plain: bytes) -> bytes:
    """Seal exactly these bytes as a packet, whatever they are."""
    outbound = stage.raw.outbound
    room = bytearray(len(plain) + 128)
    source = memoryview(bytearray(plain))
    size = outbound._sealer.seal(source, len(plain), memoryview(room), 0, outbound.sequence)
    outbound.sequence += 1
    return bytes(room[:size])


def packet(stage: Stage, payload: bytes, *, length: int | None = None, padding: int | None = None) -> bytes:
    """A packet whose packet_length or padding_length is a lie."""
    filler = _filler(stage, payload)
    body = bytes([filler if padding is None else padding]) + payload + bytes(filler)
    return sealed(stage, struct.pack(">I", len(body) if length is None else length) + body)


def kept(stage: Stage) -> int:
    inbound = stage.end.connection._core.inbound
    return len(inbound._buffer) + len(inbound.scratch)


@pytest.mark.parametrize("mode", MODES, ids="/".join)
@pytest.mark.parametrize("role", ROLES)
def test_a_length_is_judged_before_anything_waits_for_it(role, mode):
    for length in LENGTHS:
        stage = keyed(role, mode, Phase.WAIT_AUTH)
        before = kept(stage)
        stage.end.feed(packet(stage, b"\x02" + string(bytes(40)), length=length))
        assert stage.end.connection.closed, length
        assert end_of(stage).error is not None
        assert kept(stage) <= before
        stage.exchange()
        assert stage.seen[-1][0] == 1


@each_case("role", ROLES)
@each_case("length", LENGTHS)
def test_a_length_in_the_clear_too(role, length):
    stage = Stage(role)
    stage.end.feed(struct.pack(">I", length) + b"\x04\x02" + bytes(10))
    assert end_of(stage).error is not None


@each_case("mode", MODES)
@each_case("role", ROLES)
def test_a_packet_with_nothing_in_it_is_a_fault(role, mode):
    """Row 12."""
    stage = keyed(role, mode)
    stage.end.feed(packet(stage, b""))
    stage.exchange()
    assert reason(stage) == 2


@pytest.mark.parametrize("mode", MODES, ids="/".join)
def test_every_padding_length_of_a_small_packet_is_judged(mode):
    """Row 11: at least four bytes of padding, and a byte of payload."""
    payload = b"\x04\0" + string(b"") + string(b"")  # DEBUG: fewer or more bytes do not decode
    for padding in (*range(8), *range(8, 256, 13), 255):
        stage = keyed(Role.SERVER, mode)
        stage.end.feed(packet(stage, payload, padding=padding))
        assert stage.end.connection.closed == (padding != _filler(stage, payload)), padding


def _filler(stage: Stage, payload: bytes) -> int:
    sealer = stage.raw.outbound._sealer
    block = sealer.block_size
    filler = block - (len(payload) + (1 if sealer.length_apart else 5)) % block
    return filler + block if filler < 4 else filler


@pytest.mark.parametrize("mode", MODES, ids="/".join)
def test_altered_bits_are_noticed_and_nothing_of_them_is_delivered(mode):
    """Row 8 and figure 4: whatever bit of whatever packet."""
    rng = random.Random(str(mode))
    for _ in range(12):
        stage = keyed(Role.SERVER, mode)
        events = len(stage.end.events)
        stage.raw.send(b"\x50" + string(b"x@example.com") + b"\1" + rng.randbytes(rng.randrange(60)))
        altered = bytearray(stage.raw.output())
        bit = rng.randrange(len(altered) * 8)
        altered[bit // 8] ^= 1 << bit % 8
        stage.end.feed(bytes(altered))
        stage.end.connection.receive_eof(0.0)  # a length that became larger waits for its bytes
        stage.end.pump()
        assert [type(event) for event in stage.end.events[events:]] == [Disconnected], bit


@each_case("mode", MODES)
def test_an_altered_tag_is_told_as_such(mode):
    stage = keyed(Role.CLIENT, mode)
    stage.raw.send(b"\x02" + string(bytes(100)))
    altered = bytearray(stage.raw.output())
    altered[-1] ^= 1
    stage.end.feed(bytes(altered))
    stage.exchange()
    assert isinstance(end_of(stage).error, MACError)
    assert reason(stage) == 5


@pytest.mark.parametrize("mode", MODES, ids="/".join)
def test_a_packet_cannot_be_played_back_left_out_or_exchanged(mode):
    for order in ((0, 0), (1,), (1, 0)):
        stage = keyed(Role.SERVER, mode)
        packets = []
        for text in (b"a", b"b"):
            stage.raw.send(b"\x02" + string(text))
            packets.append(stage.raw.output())
        for index in order:
            stage.end.feed(packets[index])
        stage.end.connection.receive_eof(0.0)
        stage.end.pump()
        error = end_of(stage).error
        # ChaCha20 and CTR decrypt a length first: one that is out of its place is nonsense already.
        assert isinstance(error, MACError) or "packet_length" in str(error) or "lost" in str(error)


@each_case("role", ROLES)
@each_case("size", [34_000, 35_100, 60_000])
def test_only_a_kexinit_may_be_long_before_authentication(role, size):
    names_of = b",".join(b"x%060d" % number for number in range(size // 62))
    kexinit = Stage(role).raw.kexinit()
    at = 17 + 4
    listed = kexinit[at : at + int.from_bytes(kexinit[17:21], "big")]
    long = kexinit[:17] + string(listed + b"," + names_of) + kexinit[17 + 4 + len(listed) :]
    stage = Stage(role)
    stage.raw._ours = long
    stage.send(long)
    assert not stage.end.connection.closed
    stage.send(stage.next_method())
    stage.raw.newkeys()
    stage.exchange()
    assert not stage.end.connection.closed
    stage.send(b"\x02" + string(bytes(size)))
    assert stage.end.connection.closed == (size > limits.PACKET_BEFORE_AUTH)


@pytest.mark.parametrize("role", ROLES)
def test_no_other_message_in_the_clear_may_be_long(role):
    stage = Stage(role, strict=False)
    stage.raw.send(b"\x02" + string(bytes(40_000)))
    data = stage.raw.output()
    stage.end.feed(data[:6])  # as soon as the number is here
    assert stage.end.connection.closed


@each_case("role", ROLES)
@each_case(
    "listed",
    [
        b",".join([b"a"] * 100_000),
        b"x" * 65,
        b"," * 1100,
        b"caf\xe9",
        b"a b",
        b"a\0",
    ],
)
def test_a_kexinit_with_odd_names_is_a_fault(role, listed):
    """Row 14; RFC 4251 sections 5 and 6."""
    stage = Stage(role)
    kexinit = stage.raw.kexinit()
    size = int.from_bytes(kexinit[17:21], "big")
    stage.send(kexinit[:17] + string(kexinit[21 : 21 + size] + b"," + listed) + kexinit[21 + size :])
    assert reason(stage) == 2
    text = str(end_of(stage).error)
    assert len(text) < 400
    assert text.isprintable()


@each_case("role", ROLES)
@each_case("listed", [b"," * 1000, b"a,,b", b"a,b,"])
def test_empty_names_of_a_kexinit_are_passed_over(role, listed):
    """RFC 4251 section 5 has none; libssh 0.10 sends them."""
    stage = Stage(role)
    kexinit = stage.raw.kexinit()
    size = int.from_bytes(kexinit[17:21], "big")
    stage.raw._ours = kexinit[:17] + string(kexinit[21 : 21 + size] + b"," + listed) + kexinit[21 + size :]
    stage.send(stage.raw._ours)
    stage.send(stage.next_method())
    stage.raw.newkeys()
    stage.exchange()
    assert not stage.end.connection.closed


@pytest.mark.parametrize("role", ROLES)
def test_algorithms_that_are_not_in_common_are_told_in_few_words(role):
    stage = Stage(role, kex="curve25519-sha256")
    kexinit = stage.raw.kexinit(kex=tuple(f"unknown-{number}@example.com" for number in range(900)))
    stage.send(kexinit)
    assert reason(stage) == 3
    error = end_of(stage).error
    assert isinstance(error, KeyExchangeFailed)
    assert len(str(error)) < 2000


@pytest.mark.parametrize("role", ROLES)
def test_a_wrap_of_the_sequence_number_in_the_first_key_exchange(role):
    """Row 1."""
    stage = Stage(role, strict=False)
    stage.send(stage.raw.kexinit())
    stage.end.connection._core.inbound.sequence = 2**32 - 1
    stage.send(b"\x02" + string(b""))
    assert reason(stage) == 3


@each_case("mode", MODES)
@each_case("role", ROLES)
def test_the_sequence_number_may_wrap_later(role, mode):
    """RFC 4253 section 6.4: modulo 2^32; no cipher of ours stumbles over it."""
    stage = keyed(role, mode, strict=False)  # without a reset: ChaCha20 counts from where a key began
    for one, other in (
        (stage.raw.outbound, stage.end.connection._core.inbound),
        (stage.end.connection._core.outbound, stage.raw.inbound),
    ):
        one.sequence = other.sequence = 2**32 - 2
    for _ in range(4):
        assert stage.send(b"\x50" + string(b"x@example.com") + b"\1") == [b"\x52"]
    assert stage.end.connection._core.inbound.sequence == 2
