"""Sealing and opening of binary packets (RFC 4253 section 6): what every cipher offers.

Owns: the two interfaces, the objects of the time before the first NEWKEYS, and the making of the
others. Must not know: any particular cipher, padding, and which lengths are allowed.

One object serves one direction under one key. Source and destination of a call never overlap:
overlapping buffers silently corrupt CTR and ChaCha20 on some versions of `cryptography`.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING, Final, NoReturn, Protocol, TypeAlias

from nacre.crypto.registry import Algorithm, Family, lookup
from nacre.errors import MACError
from nacre.wire.record import record

if TYPE_CHECKING:
    from nacre.crypto.mac import PacketMac

UINT32: Final = Struct(">I")
#: Where opened packets go; a memoryview saves a little for each packet.
Scratch: TypeAlias = bytearray | memoryview


class Opener(Protocol):
    """Verifies and decrypts the packets of one direction under one key.

    Attributes:
        head: bytes needed from the start of a packet before `length` may be called.
        tag_size: bytes that follow the 4 + packet_length bytes of a packet.
        block_size: packets must be padded to a multiple of this.
        length_apart: whether the 4 bytes of packet_length do not count for that padding.
        length_in_clear: whether packet_length can be read where it stands, instead of by `length`.
    """

    head: int
    tag_size: int
    block_size: int
    length_apart: bool
    length_in_clear: bool

    def length(self, src: memoryview, position: int, sequence: int) -> int:
        """Return packet_length of the packet at `position`; called exactly once for each packet.

        The value is not authenticated yet (GCM and encrypt-then-MAC do not even encrypt it): the
        caller bounds it before it waits for that many bytes.
        """

    def open(
        self, src: memoryview, position: int, packet_length: int, sequence: int, scratch: Scratch
    ) -> None:
        """Verify the packet at `position` and put its inside into `scratch`.

        Args:
            src: the received bytes, the tag of the packet included; not changed.
            position: where packet_length begins in `src`.
            packet_length: what `length` said of this packet.
            sequence: the packet sequence number, modulo 2^32.
            scratch: afterwards holds padding_length, payload and padding at its front.

        Raises:
            MACError: the packet is not what the peer sealed. `scratch` is all zeros then, and
                this object must not be used again.
        """


class Sealer(Protocol):
    """Encrypts and authenticates the packets of one direction under one key.

    Attributes:
        block_size: what packets are padded to a multiple of; 8 or more.
        length_apart: whether the 4 bytes of packet_length do not count for that padding.
        tag_size: bytes that `seal` writes beyond the packet.
    """

    block_size: int
    length_apart: bool
    tag_size: int

    def seal(self, plain: memoryview, size: int, out: memoryview, position: int, sequence: int) -> int:
        """Write a sealed packet.

        Args:
            plain: packet_length, padding_length, payload and padding, at its front.
            size: how many bytes of `plain` that is.
            out: where the packet goes; never overlaps `plain`.
            position: where in `out`.
            sequence: the packet sequence number, modulo 2^32.

        Returns:
            The bytes written: size + tag_size.
        """


@record
class CipherFactory:
    """How a registered cipher makes its two objects, from key, IV and MAC.

    The MAC is None exactly for the ciphers that authenticate by themselves.
    """

    opener: Callable[[bytes, bytes, PacketMac | None], Opener]
    sealer: Callable[[bytes, bytes, PacketMac | None], Sealer]


def make_opener(cipher_name: str, mac_name: str, key: bytes, iv: bytes, mac_key: bytes) -> Opener:
    """Make the object that opens what the peer seals.

    Args:
        cipher_name: the negotiated cipher.
        mac_name: the negotiated MAC; not looked at when the cipher authenticates by itself.
        key: the encryption key, of the cipher's key_size.
        iv: the initial IV, of the cipher's iv_size.
        mac_key: the integrity key, of the MAC's key_size; not looked at either.

    Raises:
        KeyError: no such cipher or MAC is registered.
        ValueError: a key or IV of the wrong size.
    """
    factory, mac = _prepare(cipher_name, mac_name, key, iv, mac_key)
    return factory.opener(key, iv, mac)


def make_sealer(cipher_name: str, mac_name: str, key: bytes, iv: bytes, mac_key: bytes) -> Sealer:
    """Make the object that seals what we send; arguments and errors as for `make_opener`."""
    factory, mac = _prepare(cipher_name, mac_name, key, iv, mac_key)
    return factory.sealer(key, iv, mac)


def _prepare(
    cipher_name: str, mac_name: str, key: bytes, iv: bytes, mac_key: bytes
) -> tuple[CipherFactory, PacketMac | None]:
    cipher = lookup(Family.CIPHER, cipher_name)
    if len(key) != cipher.key_size:
        raise _wrong_size(cipher, "key", key, cipher.key_size)
    if len(iv) != cipher.iv_size:
        raise _wrong_size(cipher, "IV", iv, cipher.iv_size)
    factory: CipherFactory = cipher.factory
    if cipher.authenticates:
        return factory, None
    mac_algorithm = lookup(Family.MAC, mac_name)
    if len(mac_key) != mac_algorithm.key_size:
        raise _wrong_size(mac_algorithm, "key", mac_key, mac_algorithm.key_size)
    mac: PacketMac = mac_algorithm.factory(mac_key)
    return factory, mac


def _wrong_size(algorithm: Algorithm, what: str, value: bytes, size: int) -> ValueError:
    return ValueError(f"{algorithm.name} takes {what} of {size} bytes, not {len(value)}")


def refuse(scratch: Scratch) -> NoReturn:
    """End a failed `open`: nothing that was decrypted, now or before, stays in the scratch buffer."""
    scratch[:] = bytes(len(scratch))
    raise MACError("a packet failed its integrity check: it was altered on its way, or the keys differ")


class NullOpener:
    """Opens packets before the first NEWKEYS: neither encrypted nor authenticated."""

    __slots__ = ()
    head = 4
    tag_size = 0
    block_size = 8
    length_apart = False
    length_in_clear = True

    def length(self, src: memoryview, position: int, sequence: int) -> int:
        """Return packet_length of the packet at `position`."""
        value: int = UINT32.unpack_from(src, position)[0]
        return value

    def open(
        self, src: memoryview, position: int, packet_length: int, sequence: int, scratch: Scratch
    ) -> None:
        """Copy the inside of the packet at `position` into `scratch`."""
        if isinstance(scratch, bytearray):
            # A slice assignment would let a bytearray that is too small grow.
            scratch = memoryview(scratch)
        start = position + 4
        scratch[:packet_length] = src[start : start + packet_length]


class NullSealer:
    """Seals packets before the first NEWKEYS: as they are."""

    __slots__ = ()
    block_size = 8
    length_apart = False
    tag_size = 0

    def seal(self, plain: memoryview, size: int, out: memoryview, position: int, sequence: int) -> int:
        """Copy the packet to `position` of `out`."""
        out[position : position + size] = plain[:size]
        return size
