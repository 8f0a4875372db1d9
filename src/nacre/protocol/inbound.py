"""From received bytes to the payloads of packets (RFC 4253 section 6). One of the two hot files.

Owns: the receive buffer, the scratch into which one packet is opened, the sequence number and the
counters of the receiving direction. Must not know: what a payload means, but for the one exception
of RFC 4253 section 6.1 that a KEXINIT in the clear may be long.

Dense on purpose: a packet costs no slice of what remains, no object but its payload's copy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nacre.crypto import contexts
from nacre.crypto.compression import Decompressor
from nacre.crypto.packet_cipher import UINT32, NullOpener, Opener
from nacre.errors import KeyExchangeFailed, ProtocolError
from nacre.protocol import limits

_SEQUENCE_MASK: Final = (1 << 32) - 1
_KEXINIT: Final = 20
#: padding_length, one byte of payload, and the least padding.
_SHORTEST: Final = 1 + 1 + 4
#: Where there is no buffer.
_NO_VIEW: Final = memoryview(b"")
#: Of all that receive nothing now; it is replaced, and not written to.
_NO_BUFFER: Final = bytearray()
#: Reads that leave most of the buffer empty after which it shrinks again.
_SMALL_READS: Final = 16


class Inbound:
    """The receiving direction of one connection.

    Attributes:
        scratch: after `next_payload` returned n: the payload is scratch[1 : 1 + n].
        sequence: number of the next packet, modulo 2^32.
        packets, octets: since the latest `activate`.
        start, end: where in the buffer those bytes are that were received and not used yet.
        small: there is a buffer, no larger than an idle connection needs: `rest` gives it up.
        limit: the largest packet_length accepted.
        decompressor: what the payloads are decompressed with; None: they are not compressed.
        trace: told of each payload; None: nobody is.
    """

    __slots__ = (
        "_before",
        "_buffer",
        "_length",
        "_opener",
        "_small_reads",
        "_view",
        "decompressor",
        "encrypted",
        "end",
        "limit",
        "octets",
        "packets",
        "scratch",
        "sequence",
        "small",
        "start",
        "trace",
    )

    def __init__(self) -> None:
        self._buffer = _NO_BUFFER
        self._view = _NO_VIEW
        self.small = False
        self.start = 0
        self.end = 0
        self._length = -1
        self._small_reads = 0
        self._before = 0  # how many packets there were before the latest read
        self._opener: Opener = NullOpener()
        self.decompressor: Decompressor | None = None
        self.trace: Callable[[memoryview], None] | None = None
        self.encrypted = False
        self.scratch = _NO_VIEW
        self.sequence = 0
        self.packets = 0
        self.octets = 0
        self.limit = limits.PACKET_BEFORE_AUTH

    # ------------------------------------------------------------ bytes in

    @property
    def has_room(self) -> bool:
        """Whether `receive_buffer` has anything to lend."""
        return self.end - self.start < self._capacity_limit()

    def receive_buffer(self) -> memoryview:
        """Lend the free part of the buffer, at least one byte, until `received`."""
        if self.start == self.end:
            self.start = self.end = 0
            if not self._buffer:
                self._buffer = bytearray(limits.RECEIVE_IDLE if self.encrypted else limits.RECEIVE_FIRST)
                self._view = memoryview(self._buffer)
                self.small = True
            elif self._small_reads >= _SMALL_READS and len(self._buffer) > limits.RECEIVE_IDLE:
                self._shrink()
        free = len(self._buffer) - self.end
        if free < len(self._buffer) // 4:
            self._make_room()
        if self.decompressor is not None:
            return self._view[self.end : self.end + limits.READ_COMPRESSED]
        if self.packets - self._before > limits.READ_PACKETS:
            return self._view[self.end : self.end + limits.READ]
        return self._view[self.end :]

    def received(self, size: int) -> None:
        """Take note that `size` bytes were put into the lent buffer."""
        self._before = self.packets
        free = len(self._buffer) - self.end
        if size == free and len(self._buffer) < self._capacity_limit():
            # A read that fills the buffer wants a larger one.
            self.end += size
            self._grow()
        else:
            self.end += size
        self._small_reads = self._small_reads + 1 if size < limits.RECEIVE_IDLE else 0

    def rest(self) -> None:
        """Give up the small buffers of an idle connection until more comes: that may be long."""
        if self.start == self.end and self.small:
            self.start = self.end = 0
            self._buffer = _NO_BUFFER
            self._view = _NO_VIEW
            self.small = False
            if len(self.scratch) <= limits.SCRATCH_IDLE:
                self.scratch = _NO_VIEW

    def release(self) -> None:
        """Give up the buffers, of any size, where nothing stands in them, and the context of the cipher."""
        if self.start == self.end:
            self.start = self.end = 0
            self._small_reads = 0
            self._buffer = _NO_BUFFER
            self._view = self.scratch = _NO_VIEW
            self.small = False
        contexts.rest(self._opener)

    def keep(self) -> None:
        """The connection is in use: what is costly to make anew stays, until `release`."""
        contexts.keep(self._opener)

    def _shrink(self) -> None:
        """Keep no more than an idle connection needs."""
        self._replace(limits.RECEIVE_IDLE)
        if len(self.scratch) > limits.SCRATCH_IDLE:
            self.scratch = memoryview(bytearray(limits.SCRATCH_IDLE))

    def _capacity_limit(self) -> int:
        return max(self.limit, self._length) + 4 + 64 + limits.READ

    def _make_room(self) -> None:
        pending = self.end - self.start
        if self.start >= len(self._buffer) // 2 or (self.start and pending < self.start):
            self._buffer[:pending] = self._buffer[self.start : self.end]
            self.start, self.end = 0, pending
        elif len(self._buffer) < self._capacity_limit():
            self._grow()
        elif self.start:
            self._buffer[:pending] = self._buffer[self.start : self.end]
            self.start, self.end = 0, pending

    def _grow(self) -> None:
        size = len(self._buffer)
        larger = 8 * (limits.RECEIVE_IDLE if size == limits.RECEIVE_FIRST else size)
        self._replace(min(larger, self._capacity_limit()))

    def _replace(self, capacity: int) -> None:
        pending = self.end - self.start
        buffer = bytearray(max(capacity, pending))
        buffer[:pending] = self._view[self.start : self.end]
        self._buffer = buffer
        self._view = memoryview(buffer)
        self.small = len(buffer) <= limits.RECEIVE_FIRST
        self.start, self.end = 0, pending

    def peek(self) -> memoryview:
        """What was received and not yet used; for the identification string."""
        return self._view[self.start : self.end]

    def skip(self, size: int) -> None:
        """Use up `size` bytes of what `peek` shows."""
        self.start += size

    def drop(self) -> None:
        """Forget everything that was received, and the room for it."""
        self.start = self.end = 0
        self._length = -1
        self._replace(1)
        self.scratch = memoryview(bytearray(1))

    # ------------------------------------------------------------ packets out

    def activate(self, opener: Opener, *, reset_sequence: bool) -> None:
        """Open the packets that follow with `opener`; after the peer's NEWKEYS."""
        contexts.follow(opener, self._opener)
        self._opener = opener
        self.encrypted = True
        self.packets = 0
        self.octets = 0
        if reset_sequence:
            self.sequence = 0
        # A key exchange is longer than most of what follows it.
        if not self.small or len(self.scratch) > limits.SCRATCH_IDLE:
            self._shrink()

    def next_payload(self) -> int:
        """Open the next packet into `scratch`.

        Returns:
            The size of its payload; -1 while the packet is not complete.

        Raises:
            MACError: the packet was altered.
            CompressionError: it was compressed, and is not what it should be.
            ProtocolError: its lengths are not possible.
        """
        start = self.start
        available = self.end - start
        opener = self._opener
        length = self._length
        if length < 0:
            if available < opener.head:
                return -1
            if opener.length_in_clear:
                length = UINT32.unpack_from(self._view, start)[0]
            else:
                length = opener.length(self._view, start, self.sequence)
            if length > self.limit or length < _SHORTEST:
                self._check_length(length, start, available)
                if available < 6:
                    return -1  # a long packet in the clear, whose number is not here yet
            if (length if opener.length_apart else length + 4) % opener.block_size:
                raise ProtocolError(f"a packet_length of {length} is not a multiple of the block size")
            self._length = length
        total = 4 + length + opener.tag_size
        if available < total:
            return -1
        if len(self.scratch) < length:
            self.scratch = memoryview(bytearray(max(length, min(2 * len(self.scratch), limits.PACKET))))
        opener.open(self._view, start, length, self.sequence, self.scratch)
        self.start = start + total
        self._length = -1
        self.sequence = (self.sequence + 1) & _SEQUENCE_MASK
        if not self.sequence and not self.encrypted:
            raise KeyExchangeFailed("the sequence number wrapped in the first key exchange")
        self.packets += 1
        self.octets += total
        size = length - 1 - self.scratch[0]
        if size < 1 or self.scratch[0] < 4:
            raise ProtocolError("a packet whose padding does not fit it")
        if self.decompressor is not None:
            size = self._decompress(self.decompressor, size)
        if self.trace is not None:
            self.trace(self.scratch[1 : 1 + size])
        return size

    def _decompress(self, decompressor: Decompressor, size: int) -> int:
        """Put what a payload was before it was compressed where it stands."""
        payload = decompressor.decompress(self.scratch[1 : 1 + size])
        size = len(payload)
        if len(self.scratch) < 1 + size:
            self.scratch = memoryview(bytearray(1 + size))
        self.scratch[1 : 1 + size] = payload
        return size

    def _check_length(self, length: int, start: int, available: int) -> None:
        """Judge a packet_length out of bounds: only a KEXINIT in the clear may be longer."""
        in_the_clear = not self.encrypted and self.limit < length <= limits.KEXINIT
        if in_the_clear and (available < 6 or self._buffer[start + 5] == _KEXINIT):
            return
        raise ProtocolError(f"a packet_length of {length} where {_SHORTEST} to {self.limit} may be")
