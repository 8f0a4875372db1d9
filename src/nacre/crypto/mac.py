"""MACs of the transport: HMAC with SHA-2 (RFC 6668) or SHA-1 (RFC 4253), and OpenSSH's encrypt-then-MAC names.

Owns: the tag over a packet and its sequence number (RFC 4253 section 6.4). Must not know: what of a
packet is encrypted when the tag is made; the cipher's file reads `order`.

hmac-sha2-256 and hmac-sha2-512 authenticate the plaintext, which a receiver must decrypt before it
can verify it. They are optional: offered only where somebody names them. So are those with SHA-1, whose
collisions HMAC does not suffer from, for peers that have nothing else.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from enum import Enum
from typing import Final

from nacre.crypto.packet_cipher import UINT32
from nacre.crypto.registry import Algorithm, Family, Status, register


class MacOrder(Enum):
    """What a tag is made over."""

    #: The ciphertext, with packet_length in the clear (OpenSSH's PROTOCOL, section 1.5).
    ENCRYPT_THEN_MAC = "encrypt-then-mac"
    #: The plaintext (RFC 4253 section 6.4).
    ENCRYPT_AND_MAC = "encrypt-and-mac"


class PacketMac:
    """A MAC under one key, for one direction.

    Args:
        hash_name: the hash of the HMAC, as hashlib calls it.
        order: what the tags are made over.
        key: the integrity key.
    """

    __slots__ = ("_keyed", "_sequence", "order", "size")

    def __init__(self, hash_name: str, order: MacOrder, key: bytes) -> None:
        # Keyed once and copied for each packet: cheaper than keying anew, above all for small ones.
        self._keyed = hmac.new(key, digestmod=hash_name)
        self._sequence = bytearray(4)
        self.order = order
        self.size = self._keyed.digest_size

    def tag(self, sequence: int, data: memoryview, more: memoryview | None = None) -> bytes:
        """Return the tag over sequence number, `data` and, where it is in two pieces, `more`."""
        running = self._keyed.copy()
        UINT32.pack_into(self._sequence, 0, sequence)
        running.update(self._sequence)
        running.update(data)
        if more is not None:
            running.update(more)
        return running.digest()


def _factory(hash_name: str, order: MacOrder) -> Callable[[bytes], PacketMac]:
    def make(key: bytes) -> PacketMac:
        return PacketMac(hash_name, order, key)

    return make


_PLAINTEXT: Final = "a receiver must decrypt before it can verify"
_SHA1: Final = "SHA-1, which is broken for signatures and on its way out everywhere"


def _register(
    name: str, rank: int, hash_name: str, size: int, order: MacOrder, status: Status, risk: str = ""
) -> None:
    register(
        Algorithm(
            family=Family.MAC,
            name=name,
            rank=rank,
            status=status,
            factory=_factory(hash_name, order),
            key_size=size,
            tag_size=size,
            hash_name=hash_name,
            risk=risk,
        )
    )


_AFTER, _BESIDE = MacOrder.ENCRYPT_THEN_MAC, MacOrder.ENCRYPT_AND_MAC
_register("hmac-sha2-256-etm@openssh.com", 10, "sha256", 32, _AFTER, Status.DEFAULT)
_register("hmac-sha2-512-etm@openssh.com", 20, "sha512", 64, _AFTER, Status.DEFAULT)
_register("hmac-sha2-256", 30, "sha256", 32, _BESIDE, Status.OPTIONAL, _PLAINTEXT)
_register("hmac-sha2-512", 40, "sha512", 64, _BESIDE, Status.OPTIONAL, _PLAINTEXT)
_register("hmac-sha1-etm@openssh.com", 50, "sha1", 20, _AFTER, Status.LEGACY, _SHA1)
_register("hmac-sha1", 60, "sha1", 20, _BESIDE, Status.LEGACY, f"{_SHA1}; {_PLAINTEXT}")
