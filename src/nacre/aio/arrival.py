"""A connection whose source has yet to be learnt: by a PROXY header, by a hook, or since the loop told too late.

Owns: the time between the transport and the connection's own protocol, whose place this holder takes.
Must not know: how the header is written, what a connection is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

from nacre.aio.admission import Place
from nacre.aio.driver import Driver
from nacre.aio.log import logger
from nacre.wire.record import record


@record
class Ends:
    """Where a connection comes from and goes to, as addresses of sockets.

    Attributes:
        peer: the client's, as the PROXY header says, or else the socket's.
        own: ours, likewise.
        host: the client's address for admission; None: no bound by source applies.
    """

    peer: Any
    own: Any
    host: str | None


class Host(Protocol):
    """What an arrival asks of its listener."""

    def admit(self, peer: Any) -> Place | None:
        """Judge a connection by the address of its socket."""

    def receive(self, place: Place, ends: Ends) -> Driver | None:
        """Make the protocol of a connection; None: its source is refused."""

    def header_time(self) -> float:
        """Return how long a PROXY header may take, in seconds; 0: for ever."""


class Arrival(asyncio.Protocol):
    """Holds the transport until the source is known.

    Args:
        loop: the event loop.
        host: the listener.
        place: of the connection; None: it was not judged yet.
        refused: called when it is not let in at all.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        host: Host,
        place: Place | None,
        refused: Callable[[], None] = lambda: None,
    ) -> None:
        self._loop = loop
        self._host = host
        self._place = place
        self._refused = refused
        self._transport: asyncio.Transport
        self._read = b""
        self._since = loop.time()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Go on at once, or wait for the header."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        if self._place is None:
            self._place = self._host.admit(peer)
            if self._place is None:
                self._refused()
                self._transport.abort()
                return
        if self._place.proxied:
            if seconds := self._host.header_time():
                self._timer = self._loop.call_later(seconds, self._too_slow)
        else:
            host = peer[0] if isinstance(peer, tuple) else None
            self._go_on(Ends(peer, transport.get_extra_info("sockname"), host))

    def data_received(self, data: bytes) -> None:
        """Take a part of the header, and what comes behind it."""
        if self._transport.is_closing():
            return
        from nacre.aio.proxy_header import HeaderError, parse  # few servers are behind a balancer

        self._read += data
        try:
            header = parse(self._read)
        except HeaderError as error:
            self._give_up(str(error))
            return
        if header is None:
            return
        self._read = self._read[header.size :]
        transport = self._transport
        if header.source is None:
            peer, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
            self._go_on(Ends(peer, own, None))
        else:
            self._go_on(Ends(header.source, header.destination, header.source[0]))

    def connection_lost(self, exc: Exception | None) -> None:
        """It never came to anything."""
        self._stop_timer()
        self._leave()

    def _go_on(self, ends: Ends) -> None:
        """Give the transport to the connection's own protocol, with what was read already."""
        assert self._place is not None
        self._stop_timer()
        driver = self._host.receive(self._place, ends)
        if driver is None:
            self._leave()
            self._transport.abort()
            return
        self._place = None  # the connection's from here on
        driver.since = self._since
        self._transport.set_protocol(driver)
        driver.connection_made(self._transport)
        read = memoryview(self._read)
        while read and not self._transport.is_closing():
            buffer = driver.get_buffer(len(read))
            size = min(len(buffer), len(read))
            buffer[:size] = read[:size]
            read = read[size:]
            driver.buffer_updated(size)

    def _too_slow(self) -> None:
        self._timer = None
        self._give_up("a PROXY header did not come in time")

    def _give_up(self, why: str) -> None:
        logger.warning("%s (%s)", why, self._transport.get_extra_info("peername"))
        self._transport.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _leave(self) -> None:
        if self._place is not None:
            self._place.leave()
            self._place = None
