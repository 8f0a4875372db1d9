"""chacha20-poly1305@openssh.com (draft-ietf-sshm-chacha20-poly1305, OpenSSH's PROTOCOL.chacha20poly1305).

Owns: that construction, which is not the AEAD of RFC 8439. Must not know: MACs.

A hot file. Two persistent contexts, one for the length and one for the rest, are set to the nonce of
each packet: a new context costs more than encrypting a small packet.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms
from cryptography.hazmat.primitives.poly1305 import Poly1305

from nacre.crypto.constant_time import equal
from nacre.crypto.packet_cipher import UINT32, CipherFactory, Scratch, refuse
from nacre.crypto.registry import Algorithm, Family, Status, register
from nacre.errors import LocalProtocolError

if TYPE_CHECKING:
    from nacre.crypto.mac import PacketMac
    from nacre.crypto.packet_cipher import Opener, Sealer

_TAG: Final = 16
_KEY: Final = 64
#: The block counter, little-endian and always 0 here, and the sequence number as the 64-bit nonce.
_NONCE: Final = Struct(">QQ")
#: Encrypting block 0 of the key stream gives the key of Poly1305 and leaves the counter at 1.
_BLOCK: Final = bytes(64)
_POLY1305_KEY: Final = 32


def _contexts(key: bytes) -> tuple[CipherContext, CipherContext]:
    """Return the contexts for the length and for the rest: "K_2 || K_1" is the order in the key."""
    nonce = bytes(16)
    rest, length = (
        Cipher(algorithms.ChaCha20(half, nonce), mode=None).encryptor() for half in (key[:32], key[32:])
    )
    return length, rest


class ChaChaOpener:
    """Opens packets sealed with chacha20-poly1305@openssh.com."""

    __slots__ = ("_block", "_length", "_length_context", "_poly1305_key", "_rest_context")
    head = 4
    tag_size = _TAG
    block_size = 8
    length_apart = True
    length_in_clear = False

    def __init__(self, key: bytes) -> None:
        self._length_context, self._rest_context = _contexts(key)
        self._length = bytearray(4)
        self._block = bytearray(len(_BLOCK))
        self._poly1305_key = memoryview(self._block)[:_POLY1305_KEY]

    def length(self, src: memoryview, position: int, sequence: int) -> int:
        """Decrypt packet_length."""
        context = self._length_context
        context.reset_nonce(_NONCE.pack(0, sequence))
        context.update_into(src[position : position + 4], self._length)
        value: int = UINT32.unpack(self._length)[0]
        return value

    def open(
        self, src: memoryview, position: int, packet_length: int, sequence: int, scratch: Scratch
    ) -> None:
        """Verify, and only then decrypt; see `Opener.open`."""
        if isinstance(scratch, bytearray):
            scratch = memoryview(scratch)
        end = position + 4 + packet_length
        context = self._rest_context
        context.reset_nonce(_NONCE.pack(0, sequence))
        context.update_into(_BLOCK, self._block)
        tag = Poly1305.generate_tag(self._poly1305_key, src[position:end])
        if not equal(tag, src[end : end + _TAG]):
            refuse(scratch)
        context.update_into(src[position + 4 : end], scratch[:packet_length])


class ChaChaSealer:
    """Seals packets with chacha20-poly1305@openssh.com."""

    __slots__ = ("_block", "_first", "_length_context", "_poly1305_key", "_rest_context")
    block_size = 8
    length_apart = True
    tag_size = _TAG

    def __init__(self, key: bytes) -> None:
        self._length_context, self._rest_context = _contexts(key)
        self._block = bytearray(len(_BLOCK))
        self._poly1305_key = memoryview(self._block)[:_POLY1305_KEY]
        self._first = -1

    def seal(self, plain: memoryview, size: int, out: memoryview, position: int, sequence: int) -> int:
        """Encrypt and authenticate; see `Sealer.seal`."""
        # The nonce is the sequence number: once all 2^32 are used up it would come a second time.
        if sequence == self._first:
            raise LocalProtocolError(
                f"sequence number {sequence} a second time under one ChaCha20 key: new keys are overdue"
            )
        if self._first < 0:
            self._first = sequence
        nonce = _NONCE.pack(0, sequence)
        end = position + size
        context = self._length_context
        context.reset_nonce(nonce)
        context.update_into(plain[:4], out[position : position + 4])
        context = self._rest_context
        context.reset_nonce(nonce)
        context.update_into(_BLOCK, self._block)
        context.update_into(plain[4:size], out[position + 4 : end])
        out[end : end + _TAG] = Poly1305.generate_tag(self._poly1305_key, out[position:end])
        return size + _TAG


def _opener(key: bytes, iv: bytes, mac: PacketMac | None) -> Opener:
    return ChaChaOpener(key)


def _sealer(key: bytes, iv: bytes, mac: PacketMac | None) -> Sealer:
    return ChaChaSealer(key)


register(
    Algorithm(
        family=Family.CIPHER,
        name="chacha20-poly1305@openssh.com",
        rank=30,
        status=Status.DEFAULT,
        factory=CipherFactory(_opener, _sealer),
        key_size=_KEY,
        tag_size=_TAG,
        authenticates=True,
        # RFC 4344 section 3.2 speaks of block ciphers; OpenSSH's limit for this one, a gigabyte.
        rekey_bytes=1 << 30,
    )
)
