"""Data that goes out on channels (RFC 4254 section 5.2): as much as windows, keys and the transport take.

Owns: the cutting of data into packets and the joining of small pieces, who waits for room, and the word
that there is some. Must not know: where a channel comes from, or how it ends.

What is written little by little in one turn of the driver is joined, up to a packet, as long as nothing else
is sent in between: so the peer gets the same data in the same order, also among channels and types of data.
"""

from __future__ import annotations

from collections.abc import Mapping

from nacre.errors import LocalProtocolError
from nacre.protocol import limits
from nacre.protocol.channel import Channel, ChannelState, Flow
from nacre.protocol.core import Core
from nacre.protocol.events import ChannelWritable
from nacre.protocol.handshake import Handshake
from nacre.protocol.state import Phase

#: For each packet: to look up a member of an enum costs as much as to call a function.
_CONNECTION_OPEN, _CHANNEL_OPEN, _FLOW_OPEN = Phase.OPEN, ChannelState.OPEN, Flow.OPEN


class Writing:
    """What the channels of one connection send.

    Args:
        core: has the output.
        handshake: knows when new keys are due.
        channels: every channel that has a number of ours.

    Attributes:
        held: the driver's transport is full.
        blocked: the numbers of the channels that wait for room, or for their window; a dictionary, since empty
            ones cost a quarter of a set.
    """

    __slots__ = ("_channels", "_core", "_handshake", "blocked", "held")

    def __init__(self, core: Core, handshake: Handshake, channels: Mapping[int, Channel]) -> None:
        self._core = core
        self._handshake = handshake
        self._channels = channels
        self.blocked: dict[int, None] = {}
        self.held = False

    def write(self, number: int, data: bytes | memoryview, datatype: int | None = None) -> int:
        """Send data on a channel, as much as its window and the output take; return how many bytes that was.

        When they are fewer than given, `ChannelWritable` comes when more may go; keeping the rest is the caller's.
        """
        outbound = self._core.outbound
        total = len(data)
        # More of what came just before, little after little: one packet for all that is written in a turn. Nothing
        # was sent since, so nothing that a second look could find has changed; and `join_room` is a promise.
        if (
            number == outbound.joins
            and total <= outbound.join_room
            and datatype == outbound.joins_type
            and outbound.joined is not None
            and type(data) is bytes
        ):
            outbound.joined.append(data)
            outbound.join_room -= total
            outbound.queued += total
            outbound.octets += total
            self._channels[number].send_left -= total
            return total
        if self._core.phase is not _CONNECTION_OPEN:
            raise LocalProtocolError("the connection is not open")
        channel = self._channels.get(number)
        if channel is None or channel.state is not _CHANNEL_OPEN or channel.outbound is not _FLOW_OPEN:
            raise LocalProtocolError(f"data on channel {number}, which is not open or after its EOF or CLOSE")
        taken = 0
        if not (self.held or outbound.in_exchange):
            # The fewest bytes that one packet under the present keys has too many of: one packet may always
            # go, so that a tiny limit still lets something through.
            most = self._handshake.sealer_limit
            if number == outbound.joins and self._join(channel, data, datatype, most - outbound.octets):
                return total
            if (
                0 < total <= channel.max_send
                and total <= channel.send_left
                and outbound.queued < limits.OUTPUT_ROOM
                and outbound.octets + total + limits.PACKET_OVERHEAD < most
                and outbound.packets + 1 < limits.REKEY_PACKETS
            ):
                # One packet, and the keys are good for more than that: most of what people type.
                channel.send_left -= total
                outbound.send_data(channel.peer_number, data, datatype, 0)
                if total <= limits.JOIN:
                    outbound.joins, outbound.joins_type = number, datatype
                return total
            while taken < total and channel.send_left and outbound.queued < limits.OUTPUT_ROOM:
                size = total - taken
                if size > channel.max_send or size > channel.send_left:
                    size = min(channel.max_send, channel.send_left)
                if outbound.octets + size + limits.PACKET_OVERHEAD > most and outbound.octets:
                    self._handshake.start()
                    break
                piece = data if size == total else memoryview(data)[taken : taken + size]
                taken += size
                channel.send_left -= size
                outbound.send_data(channel.peer_number, piece, datatype, total - taken)
            if outbound.octets >= most or outbound.packets >= limits.REKEY_PACKETS:
                self._handshake.start()
            elif taken and total <= limits.JOIN:
                outbound.joins, outbound.joins_type = number, datatype
        if taken < total:
            self.blocked[number] = None
        return taken

    def _join(self, channel: Channel, data: bytes | memoryview, datatype: int | None, left: int) -> bool:
        """Begin a packet for data that comes behind other data of its channel, in the same turn.

        Args:
            channel: the one that the last packet was for.
            data: to be sent.
            datatype: its type.
            left: how many bytes may be sealed before the next key exchange.

        Returns:
            Whether it was taken, as a whole.
        """
        outbound, size = self._core.outbound, len(data)
        room = min(channel.max_send, channel.send_left, left - limits.PACKET_OVERHEAD) - size
        if (
            room < 0 or not 0 < size <= limits.JOIN or type(data) is not bytes
        ):  # what may change is sealed at once
            return False
        if datatype != outbound.joins_type or outbound.queued >= limits.OUTPUT_ROOM:
            return False
        outbound.join(channel.peer_number, data, room)
        channel.send_left -= size
        return True

    # ------------------------------------------------------------ room

    def _room(self) -> bool:
        outbound = self._core.outbound
        return not self.held and not outbound.in_exchange and outbound.queued < limits.OUTPUT_ROOM

    def hold(self, *, held: bool) -> None:
        """The driver's transport is full, or has room again."""
        self.held = held
        self._core.outbound.joins = -1
        if not held:
            self.wake()

    def wake(self) -> None:
        """Tell the channels that wait for room, and have a window, that there is some."""
        if not self.blocked or not self._room():
            return
        for number in sorted(self.blocked):
            if self._channels[number].send_left:
                self.blocked.pop(number, None)
                self._core.emit(ChannelWritable(number))

    def widened(self, channel: Channel) -> None:
        """Tell a channel whose window has grown, if it waits: it alone, or each byte would cost a look at all others."""
        if channel.number in self.blocked and channel.send_left and self._room():
            del self.blocked[channel.number]
            self._core.emit(ChannelWritable(channel.number))
