"""aes128-ctr, aes192-ctr and aes256-ctr (RFC 4344 section 4), with either order of MAC.

Owns: AES in counter mode on packets, and where the MAC goes. Must not know: how a MAC is made.

One persistent context for each direction: the packets of a direction are one stream of blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from nacre.crypto.constant_time import equal
from nacre.crypto.mac import MacOrder, PacketMac
from nacre.crypto.packet_cipher import UINT32, CipherFactory, Scratch, refuse
from nacre.crypto.registry import Algorithm, Family, Status, register

if TYPE_CHECKING:
    from nacre.crypto.packet_cipher import Opener, Sealer

_BLOCK: Final = 16
#: What the first block of a packet holds beyond packet_length.
_FIRST_BODY: Final = _BLOCK - 4


def _context(key: bytes, iv: bytes) -> CipherContext:
    # Encryption and decryption are the same operation.
    return Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()


class EncryptThenMacOpener:
    """Opens packets whose tag is over the ciphertext; packet_length is in the clear."""

    __slots__ = ("_context", "_mac", "tag_size")
    head = 4
    block_size = _BLOCK
    length_apart = True
    length_in_clear = True

    def __init__(self, key: bytes, iv: bytes, mac: PacketMac) -> None:
        self._context = _context(key, iv)
        self._mac = mac
        self.tag_size = mac.size

    def length(self, src: memoryview, position: int, sequence: int) -> int:
        """Return packet_length, which is in the clear."""
        value: int = UINT32.unpack_from(src, position)[0]
        return value

    def open(
        self, src: memoryview, position: int, packet_length: int, sequence: int, scratch: Scratch
    ) -> None:
        """Verify, and only then decrypt; see `Opener.open`."""
        if isinstance(scratch, bytearray):
            scratch = memoryview(scratch)
        end = position + 4 + packet_length
        if not equal(self._mac.tag(sequence, src[position:end]), src[end : end + self.tag_size]):
            refuse(scratch)
        self._context.update_into(src[position + 4 : end], scratch[:packet_length])


class EncryptThenMacSealer:
    """Seals packets with the tag over the ciphertext; packet_length stays in the clear."""

    __slots__ = ("_context", "_mac", "tag_size")
    block_size = _BLOCK
    length_apart = True

    def __init__(self, key: bytes, iv: bytes, mac: PacketMac) -> None:
        self._context = _context(key, iv)
        self._mac = mac
        self.tag_size = mac.size

    def seal(self, plain: memoryview, size: int, out: memoryview, position: int, sequence: int) -> int:
        """Encrypt and authenticate; see `Sealer.seal`."""
        body = position + 4
        end = position + size
        out[position:body] = plain[:4]
        self._context.update_into(plain[4:size], out[body:end])
        out[end : end + self.tag_size] = self._mac.tag(sequence, out[position:end])
        return size + self.tag_size


class EncryptAndMacOpener:
    """Opens packets whose tag is over the plaintext; packet_length is encrypted with the rest."""

    __slots__ = ("_context", "_first", "_mac", "tag_size")
    head = _BLOCK
    block_size = _BLOCK
    length_apart = False
    length_in_clear = False

    def __init__(self, key: bytes, iv: bytes, mac: PacketMac) -> None:
        self._context = _context(key, iv)
        self._first = memoryview(bytearray(_BLOCK))
        self._mac = mac
        self.tag_size = mac.size

    def length(self, src: memoryview, position: int, sequence: int) -> int:
        """Decrypt the first block, which `open` goes on from, and return packet_length."""
        self._context.update_into(src[position : position + _BLOCK], self._first)
        value: int = UINT32.unpack_from(self._first)[0]
        return value

    def open(
        self, src: memoryview, position: int, packet_length: int, sequence: int, scratch: Scratch
    ) -> None:
        """Decrypt the rest and verify; see `Opener.open`."""
        if isinstance(scratch, bytearray):
            scratch = memoryview(scratch)
        first = self._first
        end = position + 4 + packet_length
        # Less than one block cannot be a packet: the block that `length` decrypted was not all its own.
        if packet_length >= _FIRST_BODY:
            scratch[:_FIRST_BODY] = first[4:]
            self._context.update_into(src[position + _BLOCK : end], scratch[_FIRST_BODY:packet_length])
            tag = self._mac.tag(sequence, first[:4], scratch[:packet_length])
            if equal(tag, src[end : end + self.tag_size]):
                return
        first[:] = bytes(_BLOCK)
        refuse(scratch)


class EncryptAndMacSealer:
    """Seals packets with the tag over the plaintext; packet_length is encrypted with the rest."""

    __slots__ = ("_context", "_mac", "tag_size")
    block_size = _BLOCK
    length_apart = False

    def __init__(self, key: bytes, iv: bytes, mac: PacketMac) -> None:
        self._context = _context(key, iv)
        self._mac = mac
        self.tag_size = mac.size

    def seal(self, plain: memoryview, size: int, out: memoryview, position: int, sequence: int) -> int:
        """Authenticate and encrypt; see `Sealer.seal`."""
        end = position + size
        packet = plain[:size]
        self._context.update_into(packet, out[position:end])
        out[end : end + self.tag_size] = self._mac.tag(sequence, packet)
        return size + self.tag_size


def _opener(key: bytes, iv: bytes, mac: PacketMac | None) -> Opener:
    if mac is None:
        raise ValueError("AES in counter mode needs a MAC beside it")
    if mac.order is MacOrder.ENCRYPT_THEN_MAC:
        return EncryptThenMacOpener(key, iv, mac)
    return EncryptAndMacOpener(key, iv, mac)


def _sealer(key: bytes, iv: bytes, mac: PacketMac | None) -> Sealer:
    if mac is None:
        raise ValueError("AES in counter mode needs a MAC beside it")
    if mac.order is MacOrder.ENCRYPT_THEN_MAC:
        return EncryptThenMacSealer(key, iv, mac)
    return EncryptAndMacSealer(key, iv, mac)


def _register(name: str, rank: int, key_size: int) -> None:
    register(
        Algorithm(
            family=Family.CIPHER,
            name=name,
            rank=rank,
            status=Status.DEFAULT,
            factory=CipherFactory(_opener, _sealer),
            key_size=key_size,
            iv_size=_BLOCK,
            block_size=_BLOCK,
            # RFC 4344 section 3.2: 2^(L/4) blocks of L = 128 bits.
            rekey_bytes=16 << 32,
        )
    )


_register("aes256-ctr", 40, 32)
_register("aes192-ctr", 50, 24)
_register("aes128-ctr", 60, 16)
