"""aes128-gcm@openssh.com and aes256-gcm@openssh.com (RFC 5647 sections 7.1 to 7.3).

Owns: AES-GCM on packets and its nonces. Must not know: MACs, the packet sequence number (the
invocation counter takes its place, RFC 5647 section 8.1), or who has a context (`nacre.crypto.contexts`).

A hot file: every slice and call here is paid for by every packet.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING, Final, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nacre.crypto import contexts
from nacre.crypto.packet_cipher import UINT32, CipherFactory, Scratch, refuse
from nacre.crypto.registry import Algorithm, Family, Status, register

if TYPE_CHECKING:
    from nacre.crypto.mac import PacketMac
    from nacre.crypto.packet_cipher import Opener, Sealer

_TAG: Final = 16
#: What is authenticated beside the rest of a packet: cheaper to pack anew than to cut out.
_PACK_LENGTH: Final = UINT32.pack
_COUNTER: Final = Struct(">Q")
_COUNTER_MASK: Final = (1 << 64) - 1
#: The nonce is 4 fixed bytes and the invocation counter.
_COUNTER_AT: Final = 4

#: nonce, data, associated data, destination.
_Into: TypeAlias = Callable[[bytearray, memoryview, bytes | memoryview, memoryview], int]

# A build of `cryptography` without the methods that write into a buffer costs a copy, no more.
_HAS_INTO: Final = hasattr(AESGCM, "encrypt_into") and hasattr(AESGCM, "decrypt_into")


def _bind_encrypt(aead: AESGCM, has_into: bool = _HAS_INTO) -> _Into:
    if has_into:
        return aead.encrypt_into

    def encrypt_into(
        nonce: bytearray, data: memoryview, associated: bytes | memoryview, out: memoryview
    ) -> int:
        sealed = aead.encrypt(nonce, data, associated)
        out[:] = sealed
        return len(sealed)

    return encrypt_into


def _bind_decrypt(aead: AESGCM, has_into: bool = _HAS_INTO) -> _Into:
    if has_into:
        return aead.decrypt_into

    def decrypt_into(
        nonce: bytearray, data: memoryview, associated: bytes | memoryview, out: memoryview
    ) -> int:
        opened = aead.decrypt(nonce, data, associated)
        out[:] = opened
        return len(opened)

    return decrypt_into


# RFC 5647 section 7.1: "The invocation field is treated as a 64-bit integer and is incremented after
# each invocation of AES-GCM to process a binary packet." It starts at any value, so that it may pass
# 2^64 - 1; it goes on at 0, the fixed field does not change, and no value comes twice under a key.


class GcmOpener(contexts.Holder):
    """Opens packets sealed with AES-GCM."""

    __slots__ = ("_counter", "_decrypt_into", "_key", "_nonce")
    head = 4
    tag_size = _TAG
    block_size = 16
    length_apart = True
    length_in_clear = True

    def __init__(self, key: bytes, iv: bytes) -> None:
        super().__init__()
        self._key = key
        self._decrypt_into: _Into | None = None
        self._nonce = bytearray(iv)
        self._counter: int = _COUNTER.unpack_from(iv, _COUNTER_AT)[0]

    def _begin(self) -> _Into:
        """Make the context, for this packet and those that follow."""
        self._decrypt_into = into = _bind_decrypt(AESGCM(self._key))
        contexts.made(self)
        return into

    def let_go(self) -> None:
        """Drop the context: there may be no packet for long."""
        self._decrypt_into = None

    def length(self, src: memoryview, position: int, sequence: int) -> int:
        """Return packet_length, which is in the clear."""
        value: int = UINT32.unpack_from(src, position)[0]
        return value

    def open(
        self, src: memoryview, position: int, packet_length: int, sequence: int, scratch: Scratch
    ) -> None:
        """Verify and decrypt; see `Opener.open`."""
        if isinstance(scratch, bytearray):
            scratch = memoryview(scratch)
        body = position + 4
        decrypt_into = self._decrypt_into or self._begin()
        try:
            decrypt_into(
                self._nonce,
                src[body : body + packet_length + _TAG],
                _PACK_LENGTH(packet_length),
                scratch[:packet_length],
            )
        except InvalidTag:
            # The library has already written the unauthenticated plaintext by then.
            refuse(scratch)
        self._counter = counter = (self._counter + 1) & _COUNTER_MASK
        _COUNTER.pack_into(self._nonce, _COUNTER_AT, counter)


class GcmSealer(contexts.Holder):
    """Seals packets with AES-GCM."""

    __slots__ = ("_counter", "_encrypt_into", "_key", "_nonce")
    block_size = 16
    length_apart = True
    tag_size = _TAG

    def __init__(self, key: bytes, iv: bytes) -> None:
        super().__init__()
        self._key = key
        self._encrypt_into: _Into | None = None
        self._nonce = bytearray(iv)
        self._counter: int = _COUNTER.unpack_from(iv, _COUNTER_AT)[0]

    def _begin(self) -> _Into:
        """Make the context, for this packet and those that follow."""
        self._encrypt_into = into = _bind_encrypt(AESGCM(self._key))
        contexts.made(self)
        return into

    def let_go(self) -> None:
        """Drop the context: there may be no packet for long."""
        self._encrypt_into = None

    def seal(self, plain: memoryview, size: int, out: memoryview, position: int, sequence: int) -> int:
        """Encrypt and authenticate; see `Sealer.seal`."""
        packet_length = plain[:4]
        body = position + 4
        end = position + size + _TAG
        encrypt_into = self._encrypt_into or self._begin()
        encrypt_into(self._nonce, plain[4:size], packet_length, out[body:end])
        out[position:body] = packet_length
        self._counter = counter = (self._counter + 1) & _COUNTER_MASK
        _COUNTER.pack_into(self._nonce, _COUNTER_AT, counter)
        return size + _TAG


def _opener(key: bytes, iv: bytes, mac: PacketMac | None) -> Opener:
    return GcmOpener(key, iv)


def _sealer(key: bytes, iv: bytes, mac: PacketMac | None) -> Sealer:
    return GcmSealer(key, iv)


def _register(name: str, rank: int, key_size: int) -> None:
    register(
        Algorithm(
            family=Family.CIPHER,
            name=name,
            rank=rank,
            status=Status.DEFAULT,
            factory=CipherFactory(_opener, _sealer),
            key_size=key_size,
            iv_size=12,
            block_size=16,
            tag_size=_TAG,
            authenticates=True,
            # RFC 4344 section 3.2: 2^(L/4) blocks of L = 128 bits.
            rekey_bytes=16 << 32,
        )
    )


_register("aes128-gcm@openssh.com", 10, 16)
_register("aes256-gcm@openssh.com", 20, 32)
