"""From payloads to the bytes of packets (RFC 4253 section 6). One of the two hot files.

Owns: the scratch in which a packet is laid out, the segments that it is sealed into, the sequence
number and the counters of the sending direction, and the messages that wait for the end of a key
exchange. Must not know: what a payload means.

Dense on purpose. A segment that was handed out is not touched again before whoever has it lets go of it;
the scratch and a segment are always different buffers, since ciphers corrupt silently where input and
output overlap.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from nacre.crypto import contexts
from nacre.crypto.compression import Compressor
from nacre.crypto.packet_cipher import NullSealer, Sealer
from nacre.errors import KeyExchangeFailed
from nacre.protocol import limits

_SEQUENCE_MASK: Final = (1 << 32) - 1
_HEAD: Final = struct.Struct(">IB")
_DATA: Final = struct.Struct(">BII")
_EXTENDED: Final = struct.Struct(">BIII")
_CHANNEL_DATA: Final = 94
_CHANNEL_EXTENDED_DATA: Final = 95

_SMALL_SEGMENT: Final = 1024
#: What is handed out as a copy, so that its segment can be used again.
_COPIED: Final = _SMALL_SEGMENT // 2
#: The longest padding and tag of any cipher, so that a reservation always suffices.
_OVERHEAD: Final = 4 + 1 + 32 + 64
#: What the scratch has room for besides a payload, or the data of one: the heads of both, and padding.
_BESIDE: Final = 18 + 64
_SEGMENT_PACKETS: Final = 8
#: The longest segment: so many full packets in one call of the transport.
_SEGMENT: Final = _SEGMENT_PACKETS * (limits.MAX_PACKET + _OVERHEAD)
#: What is longer is made of the full length, and used again: fresh memory for each costs the system as much
#: as encrypting into it.
_LONG_SEGMENT: Final = _SEGMENT // 2
#: Between two segments.
_NO_VIEW: Final = memoryview(b"")
#: Of all that send nothing now; it is replaced, and not written to.
_NO_SCRATCH: Final = bytearray()
#: The longest tag.
_TAG: Final = 64
_PADDING_POOL: Final = 128


def is_viewed(segment: bytearray) -> bool:
    """Return whether anybody has a view of these bytes: what is viewed cannot change its size."""
    try:
        segment.append(0)
    except BufferError:
        return True
    segment.pop()
    return False


def _most_lent() -> int:
    """Return how many long segments are kept: as many as are taken at once.

    None in an interpreter whose arrays do not know who views them.
    """
    segment = bytearray(1)
    view = memoryview(segment)
    return -(-limits.OUTPUT_ROOM // _SEGMENT) if is_viewed(segment) and len(view) == 1 else 0


_LENT: Final = _most_lent()


class Outbound:
    """The sending direction of one connection.

    Args:
        random: the source of padding.

    Attributes:
        sequence: number of the next packet, modulo 2^32.
        packets, octets: since the latest `activate`.
        queued: bytes sealed and not yet taken.
        taken: bytes that were taken, in all.
        in_exchange: our KEXINIT is out and our NEWKEYS is not: everything but the key exchange and
            messages 1 to 4 waits as plain text.
        joins: the channel, by the number that the caller has for it, whose data came last: a little more of
            it need not be a packet of its own; -1: there is none.
        joins_type: the type of that data.
        joined: what is to be one packet, which is sealed before anything else is, and before any of this is
            taken; None: nothing. Counted in `queued`, and in `octets` with the most that a packet adds.
        join_room: how many bytes more that packet takes.
        failed: told that a packet could not be made. Nobody knows then how far the cipher has come, and what
            was to be sent is lost: the connection cannot go on.
    """

    __slots__ = (
        "_finished",
        "_held",
        "_held_octets",
        "_joined_for",
        "_lent",
        "_padding",
        "_padding_at",
        "_random",
        "_recent",
        "_room",
        "_scratch",
        "_scratch_view",
        "_sealer",
        "_segment",
        "_used",
        "_view",
        "compressor",
        "encrypted",
        "failed",
        "in_exchange",
        "join_room",
        "joined",
        "joins",
        "joins_type",
        "octets",
        "packets",
        "queued",
        "sequence",
        "taken",
        "trace",
    )

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self.failed: Callable[[BaseException], None] = lambda error: None
        self._sealer: Sealer = NullSealer()
        self.compressor: Compressor | None = None
        self.trace: Callable[[memoryview], None] | None = None
        self._scratch = _NO_SCRATCH
        self._scratch_view = _NO_VIEW
        self._room = 0
        self._segment: bytearray | None = None
        self._view = _NO_VIEW
        self._used = 0
        # Lists are made when something comes into them: an idle connection has none.
        self._finished: list[bytes | memoryview] | None = None
        # Long segments that were handed out: each is used again once nobody has a view of it any more.
        self._lent: list[bytearray] | None = None
        self._recent = 0
        self._held: list[bytes] | None = None
        self._held_octets = 0
        self._padding = b""
        self._padding_at = 0
        self.encrypted = False
        self.in_exchange = False
        self.sequence = 0
        self.packets = 0
        self.octets = 0
        self.queued = 0
        self.taken = 0
        self.joins = -1
        self.joins_type: int | None = None
        self.joined: list[bytes] | None = None
        self.join_room = 0
        self._joined_for = 0

    # ------------------------------------------------------------ messages in

    def send_line(self, line: bytes) -> None:
        """Queue bytes that are no packet: the identification string. They go with the packets that follow."""
        size = len(line)
        self._next_segment(size, 0)
        self._view[:size] = line
        self._used += size
        self.queued += size

    def send(self, payload: bytes) -> bool:
        """Queue a message; during a key exchange it waits for the end of it.

        Returns:
            False when too much waits already, for the end of a key exchange or for a transport
            that is full: the peer asks for answers and does not read them.
        """
        if self.in_exchange:
            if self._held is None:
                self._held = []
            self._held.append(payload)
            self._held_octets += len(payload)
            return len(self._held) <= limits.HELD_MESSAGES and self._held_octets <= limits.HELD_BYTES
        self.send_now(payload)
        return self.queued <= limits.OUTPUT_CEILING

    def send_now(self, payload: bytes) -> None:
        """Seal a message at once: those of the key exchange, and numbers 1 to 4."""
        self.send_data(None, payload, None, 0)

    def send_data(
        self, channel: int | None, data: bytes | memoryview, datatype: int | None, hint: int
    ) -> None:
        """Seal one CHANNEL_DATA or CHANNEL_EXTENDED_DATA; or a message that is there as a whole.

        The caller has checked the window.

        Args:
            channel: the peer's number; None: `data` is a whole payload.
            data: the whole of it.
            datatype: of extended data; None: plain data.
            hint: how many more bytes are about to follow, so that a segment has room for them.
        """
        if self.joined is not None:
            self._seal_joined(self.joined)
        self.joins = -1
        size = len(data)
        try:
            if len(self._scratch) < size + _BESIDE:
                self._grow(size)
            scratch = self._scratch_view
            if channel is None:
                at = 5
            elif datatype is None:
                _DATA.pack_into(scratch, 5, _CHANNEL_DATA, channel, size)
                at = 14
            else:
                _EXTENDED.pack_into(scratch, 5, _CHANNEL_EXTENDED_DATA, channel, datatype, size)
                at = 18
            end = at + size
            scratch[at:end] = data
            if self.trace is not None:
                self.trace(scratch[5:end])
            if self.compressor is not None:
                end = self._compress(self.compressor, end)
                scratch = self._scratch_view
            sealer = self._sealer
            block = sealer.block_size
            padding = block - (end - 4 if sealer.length_apart else end) % block
            if padding < 4:
                padding += block
            total = end + padding
            _HEAD.pack_into(scratch, 0, total - 4, padding)
            at = self._padding_at
            self._padding_at = after = at + padding
            if after > len(self._padding):
                self._padding = self._random(_PADDING_POOL)
                at, self._padding_at = 0, padding
            scratch[end:total] = self._padding[at : at + padding]
            if self._used + total + _TAG > self._room:
                self._next_segment(total, hint)
            written = sealer.seal(scratch, total, self._view, self._used, self.sequence)
            self._used += written
            self.queued += written
            self.octets += written
            self.packets += 1
            self.sequence = (self.sequence + 1) & _SEQUENCE_MASK
            if not self.sequence and not self.encrypted:
                raise KeyExchangeFailed("the sequence number wrapped in the first key exchange")  # noqa: TRY301 - as any other failure here
        except BaseException as error:
            self.failed(error)
            raise

    def join(self, channel: int, data: bytes, room: int) -> None:
        """Begin a packet that more of the data of the channel `joins` may still go into.

        Args:
            channel: the peer's number.
            data: the first of it, at least one byte.
            room: how many bytes more may follow.
        """
        if self.joined is not None:
            joins = self.joins
            self._seal_joined(self.joined)
            self.joins = joins
        self.joined = [data]
        self._joined_for = channel
        self.join_room = room
        self.queued += len(data)
        self.octets += len(data) + limits.PACKET_OVERHEAD

    def _seal_joined(self, joined: list[bytes]) -> None:
        data = b"".join(joined)
        self.joined = None
        self.join_room = 0
        self.queued -= len(data)
        self.octets -= len(data) + limits.PACKET_OVERHEAD
        self.send_data(self._joined_for, data, self.joins_type, 0)

    def _grow(self, size: int) -> None:
        self._scratch = bytearray(max(size + _BESIDE, limits.SCRATCH_IDLE))
        self._scratch_view = memoryview(self._scratch)

    def _compress(self, compressor: Compressor, end: int) -> int:
        """Compress the payload in the scratch where it stands, which is from 5 on; return its new end."""
        data = compressor.compress(self._scratch_view[5:end])
        size = len(data)
        if len(self._scratch) < size + _BESIDE:
            self._grow(size)
        self._scratch_view[5 : 5 + size] = data
        return 5 + size

    def _next_segment(self, total: int, hint: int) -> None:
        if self._used:
            self._finish_segment()
        # As many packets as are about to follow, or as the number that came before them suggests; or what was
        # taken the last time, less what is sealed: a program goes on as it went before.
        before = len(self._finished) if self._finished else 0
        expected = max(1 + -(-hint // limits.MAX_PACKET), 1 << before)
        recent = min(self._recent - self.queued, _SEGMENT) + _TAG
        size = max(_SMALL_SEGMENT, (total + _OVERHEAD) * min(_SEGMENT_PACKETS, expected), recent)
        segment = self._free_segment(self._lent) if self._lent else None
        if segment is None:
            segment = bytearray(_SEGMENT if size > _LONG_SEGMENT else size)
        self._segment = segment
        self._room = len(segment)
        self._view = memoryview(segment)

    def _free_segment(self, lent: list[bytearray]) -> bytearray | None:
        """Return a segment that was handed out and that nobody can see any more, None where there is none."""
        for index, segment in enumerate(lent):
            if not is_viewed(segment):
                return lent.pop(index)
        return None

    def _finish_segment(self) -> None:
        if self._finished is None:
            self._finished = []
        self._finished.append(self._view[: self._used])
        if self._room == _SEGMENT and len(self._lent or ()) < _LENT:
            assert self._segment is not None
            if self._lent is None:
                self._lent = []
            self._lent.append(self._segment)
        self._drop_segment()

    # ------------------------------------------------------------ bytes out

    def take(self) -> list[bytes | memoryview]:
        """Hand out everything that was queued; the caller owns it."""
        if self.joined is not None:
            self._seal_joined(self.joined)
        self.joins = -1
        used = self._used
        finished = self._finished
        if 0 < used <= _COPIED and self._room <= _SMALL_SEGMENT:
            # A copy of little is cheaper than another segment.
            little = bytes(self._view[:used])
            self._used = 0
            if not finished and len(self._scratch) <= limits.SCRATCH_IDLE:
                self.taken += used
                self._recent = used
                self.queued = 0
                return [little]
            if finished is None:
                finished = []
            finished.append(little)
        elif used:
            self._finish_segment()
            finished = self._finished
        if finished:
            if self.queued < limits.SCRATCH_IDLE < len(self._scratch):
                self._scratch = bytearray(limits.SCRATCH_IDLE)
                self._scratch_view = memoryview(self._scratch)
                self._lent = None
            self._finished = None
            self.taken += self.queued
            self._recent = self.queued
            self.queued = 0
        return finished or []

    def rest(self) -> None:
        """Give up the small buffers of an idle connection until it sends again: that may be long."""
        if len(self._scratch) <= limits.SCRATCH_IDLE:
            self._scratch = _NO_SCRATCH
            self._scratch_view = _NO_VIEW
        if self._segment is not None and not self._used:
            self._drop_segment()

    def release_buffers(self) -> None:
        """Give up the buffers, of any size, where nothing stands in them, and the context of the cipher."""
        self.rest()
        self._lent = None
        self._scratch = _NO_SCRATCH
        self._scratch_view = _NO_VIEW
        contexts.rest(self._sealer)

    def keep(self) -> None:
        """The connection is in use: what is costly to make anew stays, until `release_buffers`."""
        contexts.keep(self._sealer)

    def _drop_segment(self) -> None:
        self._segment = None
        self._room = self._used = 0
        self._view = _NO_VIEW

    # ------------------------------------------------------------ key exchange

    def activate(self, sealer: Sealer, *, reset_sequence: bool) -> None:
        """Seal what follows with `sealer`; after our NEWKEYS."""
        contexts.follow(sealer, self._sealer)
        self._sealer = sealer
        self.encrypted = True
        self.packets = 0
        self.octets = 0
        if reset_sequence:
            self.sequence = 0

    def release(self) -> None:
        """The key exchange is over for our side: send what waited for it."""
        self.in_exchange = False
        held, self._held = self._held, None
        self._held_octets = 0
        for payload in held or ():
            self.send_now(payload)

    def drop(self) -> None:
        """Forget what waits; nothing more is sent but what is queued."""
        self.joins = -1
        self.join_room = 0
        self._held = None
        self._held_octets = 0
        self.in_exchange = False
