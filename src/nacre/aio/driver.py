"""The asyncio protocol around one sans-I/O connection: bytes, time and events, nothing else.

Owns: the transport, reading into the protocol's buffer, one flush a turn, the timer, and the
dispatch of events by a table. Must not know: what any event means, or what a channel is.

What a packet costs here is a hot path: no task, no future, no log call for each.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, ClassVar, Final, Protocol

from nacre.aio import limits
from nacre.aio.idleness import Group, idleness
from nacre.aio.sources import is_internet
from nacre.aio.tasks import FAILURES
from nacre.protocol.connection import Connection
from nacre.protocol.events import Event

#: Linux has it.
_QUICKACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)
#: What the identification of a peer begins with that sends small writes at once: us.
_WITHOUT_NAGLE: Final = "SSH-2.0-nacre_"
#: A transport of asyncio's holds a method of its own; from 3.12 on it lets go of that in the end.
_CIRCULAR_TRANSPORTS: Final = sys.version_info < (3, 12)
#: How often a peer that does not read is looked at before it is lost.
_LOOKS: Final = 3


class Owner(Protocol):
    """What a driver asks of the one that it drives for.

    Attributes:
        table: what it does about the events that come most: `handle` without a call between.
    """

    table: ClassVar[Mapping[type[Event], Callable[[Any, Any], None]]]

    def handle(self, event: Event) -> None:
        """Do what is to be done about an event."""

    def transport_made(self, transport: asyncio.Transport) -> Connection:
        """Return the protocol end for this transport; what it raises closes the transport."""

    def transport_lost(self) -> None:
        """The transport is gone, and every event was handled."""

    def report(self, error: BaseException, where: str) -> None:
        """Tell the loop's exception handler."""


class _Nobody:
    """Who a driver drives for once its transport is gone: there are no events any more."""

    table: ClassVar[Mapping[type[Event], Callable[[Any, Any], None]]] = {}

    def handle(self, event: Event) -> None:
        """Nothing happens after the end."""
        raise RuntimeError(f"{event} after the end")

    def transport_made(self, transport: asyncio.Transport) -> Connection:
        """A driver has one transport in its life."""
        raise RuntimeError("a second transport")

    def transport_lost(self) -> None:
        """It is gone already."""

    def report(self, error: BaseException, where: str) -> None:
        """Leave it to the loop."""
        raise error


_NOBODY: Final = _Nobody()


class Driver(asyncio.BufferedProtocol):
    """Drives a `nacre.protocol.connection.Connection` over one asyncio transport."""

    __slots__ = (
        "__weakref__",  # 8 bytes, by which tests see that it is gone
        "_answered",
        "_ending",
        "_looks",
        "_loop",
        "_now",
        "_owner",
        "_quick_reads",
        "_reading",
        "_resumed",
        "_running",
        "_stall",
        "_taken",
        "_timer",
        "_traffic",
        "_transport",
        "_turns_to_keep",
        "_watched",
        "fault",
        "protocol",
        "since",
        "touched",
        "write_timeout",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: Owner) -> None:
        self._loop = loop
        #: What a usual loop calls, without a call between: each read asks.
        self._now = monotonic if type(loop).time is asyncio.BaseEventLoop.time else loop.time
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._running = False
        #: Whether a turn is due that sends what is there: who writes much asks before it calls `touch`.
        self.touched = False
        self._reading = True
        self._ending = False
        self._timer: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        #: Those among whom it is looked at for having gone idle, once it keeps its buffers: after so many turns.
        self._watched: Group | None = None
        self._turns_to_keep = limits.TURNS_TO_KEEP
        self._traffic = 0
        self._resumed = False
        self._taken = 0
        self._looks = 0
        self._quick_reads = 0
        self._answered = False
        self.protocol: Connection | None = None
        #: When the peer's time began to run, where that was before the transport was ours.
        self.since: float | None = None
        #: How long a peer may take nothing of what waits for it, in seconds; 0: for ever.
        self.write_timeout = 0.0
        #: What failed on our side, if something did.
        self.fault: BaseException | None = None

    @property
    def transport(self) -> asyncio.Transport | None:
        """The transport, from `connection_made` on."""
        return self._transport

    # ------------------------------------------------------------ called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the protocol."""
        stream: Any = transport
        self._transport = stream
        # TCP_NODELAY is set: every loop does so for its own.
        if _QUICKACK is not None and is_internet(stream.get_extra_info("peername")):
            self._quick_reads = limits.QUICK_READS
        stream.set_write_buffer_limits(high=limits.TRANSPORT_HIGH, low=limits.TRANSPORT_LOW)
        try:
            self.protocol = self._owner.transport_made(stream)
            self.protocol.start(self.since or self._loop.time())
        except FAILURES as error:  # the program's callback: reported
            self._owner.report(error, "starting a connection")
            stream.abort()
            return
        self.run()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Lend the protocol's receive buffer to the transport."""
        assert self.protocol is not None
        return self.protocol.receive_buffer()

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read, and send what came of it."""
        assert self.protocol is not None
        self.protocol.received(nbytes, self._now())
        if not self._quick_reads:
            self.run()
            return
        self._answered = False
        self.run()
        if not self._answered:  # what we send acknowledges what we have received
            self._acknowledge()

    def eof_received(self) -> None:
        """The peer's transport ended: so does the connection, after what is left was sent."""
        if self.protocol is not None:
            self.protocol.receive_eof(self._loop.time())
            self.run()

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone."""
        if self.protocol is not None:
            if not self.protocol.closed:
                self.protocol.receive_eof(self._loop.time())
            self._pump()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        if self._watched is not None:
            self._watched.pop(self, None)
            self._watched = None
        self._ending = True
        # What holds itself in a circle is freed late.
        owner, self._owner = self._owner, _NOBODY
        if self.protocol is not None:
            self.protocol.release()
        if _CIRCULAR_TRANSPORTS:
            getattr(self._transport, "__dict__", {}).pop("_read_ready_cb", None)
        owner.transport_lost()

    def pause_writing(self) -> None:
        """The transport is full."""
        if self.protocol is not None:
            self.protocol.hold_output(True)

    def resume_writing(self) -> None:
        """The transport has room."""
        if self.protocol is not None:
            self.protocol.hold_output(False)
            self.touch()

    # ------------------------------------------------------------ called by the owner

    def touch(self) -> None:
        """A command was given: send what came of it, this turn of the loop, once for all of them."""
        if not (self._running or self.touched):
            self.touched = True
            self._loop.call_soon(self._turn)

    def resumed(self) -> None:
        """A program that had to wait goes on in the next turn: see `_wait_for_writers`."""
        self._resumed = True

    def abort(self) -> None:
        """Drop the transport with what it still holds."""
        if self._transport is not None:
            self._transport.abort()

    # ------------------------------------------------------------ inside

    def _acknowledge(self) -> None:
        """Have the kernel acknowledge what it has received now, and not wait for an answer to carry it.

        OpenSSH leaves Nagle's algorithm on until its session is interactive: its second small write waits
        for the acknowledgement of the first, which the kernel would delay by 40 ms. The option wears off,
        so it is set again, until the session has begun. A read that was answered needs it not, nor does a peer that
        has switched that algorithm off.
        """
        assert self._transport is not None
        assert _QUICKACK is not None
        if self.protocol is not None and self.protocol.info.peer_version.startswith(_WITHOUT_NAGLE):
            self._quick_reads = 0
            return
        self._quick_reads -= 1
        connection = self._transport.get_extra_info("socket")
        try:
            if connection is not None:
                connection.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        except OSError:  # the connection is going: nothing depends on it
            self._quick_reads = 0

    def _turn(self) -> None:
        self.touched = False
        self.run()

    def run(self) -> None:
        """Handle every event, send what there is to send, and set the timer."""
        protocol, transport = self.protocol, self._transport
        if self._running or protocol is None or transport is None:
            return
        self._running = True
        # What is asked for in here is sent in here.
        scheduled, self.touched = self.touched, True
        try:
            for _ in range(limits.FLUSHES_A_TURN):
                while (event := protocol.next_event()) is not None:
                    owner = self._owner
                    if (handle := owner.table.get(type(event))) is not None:
                        handle(owner, event)
                    else:
                        owner.handle(event)
                if self._resumed and self._wait_for_writers():
                    if not scheduled:
                        scheduled = True
                        self._loop.call_soon(self._turn)
                    break
                segments = protocol.data_to_send()
                if not segments or transport.is_closing():
                    break
                self._answered = True
                for segment in segments:
                    transport.write(segment)
                del segments, segment  # what nobody sees any more is used again for what comes next
                if self._stall is None and self.write_timeout and transport.get_write_buffer_size():
                    self._look_later(0)
                if not protocol.waiting:
                    break
            else:
                scheduled = True
                self._loop.call_soon(self._turn)
        except FAILURES as error:  # reported, and the connection ends
            self._failed(error)
        finally:
            self._running = False
            self.touched = scheduled
        if self._turns_to_keep:
            self._count_turn(protocol)
        if not (protocol.settle(not self._turns_to_keep) and self._reading):
            self._attend()

    def _count_turn(self, protocol: Connection) -> None:
        """After the last of a connection's first turns, begin to look whether it has gone idle."""
        self._turns_to_keep -= 1
        if not self._turns_to_keep:
            protocol.keep()
            self._traffic = protocol.traffic
            if not self._ending:
                self._watched = idleness(self._loop).watch(self)

    def went_idle(self) -> bool:
        """Give up the buffers where nothing has moved since the last look: that may be for long."""
        assert self.protocol is not None
        traffic = self.protocol.traffic
        if traffic != self._traffic:
            self._traffic = traffic
            return False
        self._watched = None
        self._turns_to_keep = limits.TURNS_TO_KEEP
        self.protocol.rest()
        return True

    def _attend(self) -> None:
        """Something is not as it was: whether there is room to receive, the next deadline, or all is over."""
        assert self.protocol is not None
        if self.protocol.wants_input is not self._reading:
            if self.protocol.closed:
                self._end()
                return
            self._switch_reading()
        elif not self._reading and self.protocol.closed:
            self._end()
            return
        if self.protocol.deadline_moved:
            self._arm()

    def _wait_for_writers(self) -> bool:
        """Put the flush off by a turn of the loop where who waited in `drain` runs only then.

        What was left over from before would go as a short segment, and each costs a call of the system.
        A program that writes when it is told to has done so by now.
        """
        assert self.protocol is not None
        self._resumed = False
        return 0 < self.protocol.queued < limits.WHOLE_FLUSH and not self.protocol.closed

    def _pump(self) -> None:
        assert self.protocol is not None
        next_event = self.protocol.next_event
        handle = self._owner.handle
        try:
            while (event := next_event()) is not None:
                handle(event)
        except FAILURES as error:  # reported, and the connection ends
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        """Not a fault of the peer, which never raises here: one of ours ends this connection alone."""
        self.fault = error
        self._owner.report(error, "handling an event")
        self.abort()

    def _switch_reading(self) -> None:
        assert self._transport is not None
        if self._transport.is_closing():
            return
        if self._reading:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()
        self._reading = not self._reading

    def _end(self) -> None:
        """Close the transport once it has sent what it holds, or drop it when the peer does not read."""
        if self._ending:
            return
        self._ending = True
        assert self._transport is not None
        self._transport.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting = self._transport.get_write_buffer_size()
        if self._transport.get_extra_info("socket") is None or waiting:
            # A socket that has nothing more to send is gone in the next turn.
            self._timer = self._loop.call_later(limits.CLOSE_TIMEOUT, self._let_go, waiting)

    def _let_go(self, waited: int) -> None:
        """Drop a peer that has not taken enough of what was left, or wait on: a slow one gets its last lines."""
        assert self._transport is not None
        waiting = self._transport.get_write_buffer_size()
        if waiting and waited - waiting >= limits.CLOSE_PROGRESS:
            self._timer = self._loop.call_later(limits.CLOSE_TIMEOUT, self._let_go, waiting)
        else:
            self._transport.abort()

    def _look_later(self, looks: int) -> None:
        """Look again in a while at what the peer has taken, while there is anything that it has not."""
        self._looks = looks
        self._stall = self._loop.call_later(self.write_timeout / _LOOKS, self._look)

    def _look(self) -> None:
        """Lose a peer that took nothing of what waited for it, at so many looks one after the other."""
        self._stall = None
        assert self.protocol is not None
        assert self._transport is not None
        waiting = self._transport.get_write_buffer_size()
        if self._ending or not waiting:
            return  # another timer runs, or there is nothing to wait for
        taken = self.protocol.sent - waiting
        if taken != self._taken:
            self._taken = taken
            self._look_later(0)
        elif self._looks + 1 < _LOOKS:
            self._look_later(self._looks + 1)
        else:
            self.protocol.lose(f"the peer has taken nothing for {self.write_timeout:g} s")
            self._pump()
            self.abort()

    def _arm(self) -> None:
        """Have the timer fire no later than the protocol's next deadline.

        A deadline that moves away leaves the timer alone: it fires once for nothing and is set anew.
        """
        assert self.protocol is not None
        deadline = self.protocol.next_deadline()
        if deadline is None:
            return
        if self._timer is not None:
            if self._timer.when() <= deadline:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._tick)

    def _tick(self) -> None:
        self._timer = None
        assert self.protocol is not None
        self.protocol.tick(self._loop.time())
        self.run()
