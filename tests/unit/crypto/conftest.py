"""Fixtures of the crypto tests: each cipher with each MAC, and packets built as RFC 4253 says."""

from __future__ import annotations

import functools
import hashlib
import struct
from dataclasses import dataclass

import pytest

from nacre.crypto import Family, Opener, Sealer, lookup, make_opener, make_sealer

AEAD = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com")
CTR = ("aes128-ctr", "aes192-ctr", "aes256-ctr")
MACS = (
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1",
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha1-etm@openssh.com",
)
COMBINATIONS = [(cipher, "") for cipher in AEAD] + [(cipher, mac) for cipher in CTR for mac in MACS]


def filler(seed: str, size: int) -> bytes:
    """Return bytes that look random and are the same in each run."""
    return hashlib.shake_256(seed.encode()).digest(size)


@dataclass(frozen=True)
class Suite:
    """A cipher with its MAC and one set of keys, from which openers and sealers are made."""

    cipher: str
    mac: str

    def opener(self) -> Opener:
        return make_opener(*self._arguments())

    def sealer(self) -> Sealer:
        return make_sealer(*self._arguments())

    @functools.cache  # noqa: B019 - there are two dozen suites, and each is asked thousands of times
    def _arguments(self) -> tuple[str, str, bytes, bytes, bytes]:
        cipher = lookup(Family.CIPHER, self.cipher)
        mac_key_size = lookup(Family.MAC, self.mac).key_size if self.mac else 0
        return (
            self.cipher,
            self.mac,
            filler("key", cipher.key_size),
            filler("iv", cipher.iv_size),
            filler("mac", mac_key_size),
        )

    @staticmethod
    def packet(sealer: Sealer, payload: bytes) -> bytes:
        """Return packet_length, padding_length, payload and padding (RFC 4253 section 6)."""
        padded = len(payload) + 1 + (0 if sealer.length_apart else 4)
        padding = 4 + -(padded + 4) % sealer.block_size
        return struct.pack(">IB", 1 + len(payload) + padding, padding) + payload + filler("pad", padding)

    @staticmethod
    def seal(sealer: Sealer, packet: bytes, sequence: int) -> bytes:
        """Return the sealed packet, after checking that nothing around it was written."""
        size = len(packet) + sealer.tag_size
        out = bytearray(b"\xee" * (size + 20))
        assert (
            sealer.seal(memoryview(packet + b"\xdd" * 9), len(packet), memoryview(out), 9, sequence) == size
        )
        assert out[:9] == b"\xee" * 9
        assert out[9 + size :] == b"\xee" * 11
        return bytes(out[9 : 9 + size])

    @staticmethod
    def open(opener: Opener, sealed: bytes, sequence: int) -> bytes:
        """Return the packet inside `sealed`, packet_length first."""
        src = memoryview(b"\xcc" * 5 + sealed + b"\xcc" * 5)
        packet_length = opener.length(src, 5, sequence)
        assert 4 + packet_length + opener.tag_size == len(sealed)
        scratch = memoryview(bytearray(b"\xbb" * (packet_length + 8)))
        opener.open(src, 5, packet_length, sequence, scratch)
        assert scratch[packet_length:] == b"\xbb" * 8
        return struct.pack(">I", packet_length) + bytes(scratch[:packet_length])


@pytest.fixture(params=COMBINATIONS, ids=lambda pair: "+".join(filter(None, pair)))
def suite(request: pytest.FixtureRequest) -> Suite:
    """Each cipher with each MAC."""
    return Suite(*request.param)


@pytest.fixture
def make_suite() -> type[Suite]:
    """Make one particular suite: `make_suite(cipher, mac)`."""
    return Suite
