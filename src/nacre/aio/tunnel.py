"""A channel as the transport of another connection: SSH through SSH (RFC 4254 section 7.2).

Owns: `ChannelTransport` and `open_tunnel`. Must not know: what speaks over it, or how many hops there are.
"""

from __future__ import annotations

import asyncio
from typing import Any

from nacre.aio.channel import SSHChannel
from nacre.aio.link import Link
from nacre.errors import ConnectionLost
from nacre.wire.fields import encode_text, encode_uint32


class ChannelTransport(asyncio.Transport):
    """An asyncio transport over one channel, whose session it is.

    Args:
        channel: carries bytes.
        protocol: is told what a protocol is told by a transport.
    """

    def __init__(self, channel: SSHChannel[bytes], protocol: asyncio.BufferedProtocol) -> None:
        super().__init__()
        self._channel = channel
        self._protocol = protocol
        self._closing = False
        self._lost = False

    # ------------------------------------------------------------ called by the channel

    def connection_made(self, chan: Any) -> None:
        """The channel is open; the protocol hears of it with `session_started`."""

    def session_started(self) -> None:
        """Data may come."""
        self._protocol.connection_made(self)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Hand data to the protocol, in pieces that fit into its buffer."""
        view = memoryview(data)
        while view and not self._closing:
            buffer = memoryview(self._protocol.get_buffer(len(view)))
            size = min(len(buffer), len(view))
            buffer[:size] = view[:size]
            self._protocol.buffer_updated(size)
            view = view[size:]

    def eof_received(self) -> bool:
        """The other end sends no more."""
        if not self._closing:
            self._protocol.eof_received()
        return False

    def pause_writing(self) -> None:
        """The channel is full."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """The channel has room."""
        self._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is gone."""
        self._closing = True
        self._lose(exc)

    def _lose(self, error: Exception | None) -> None:
        if not self._lost:
            self._lost = True
            self._channel.get_loop().call_soon(self._protocol.connection_lost, error)

    # ------------------------------------------------------------ called by the protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return nothing: there is no socket here whose facts would be those of the far end."""
        return default

    def is_closing(self) -> bool:
        """Return whether it is closed or about to be."""
        return self._closing or self._channel.is_closing()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set where the protocol is paused and resumed, in bytes."""
        self._channel.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """Return the bytes that wait."""
        return self._channel.get_write_buffer_size()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send data; as other transports, one that is on its end drops it."""
        if self.is_closing():
            return
        try:
            self._channel.write(bytes(data))
        except BrokenPipeError:  # the connection around this one is going, and says so in its turn
            self._closing = True

    def pause_reading(self) -> None:
        """Have no more data delivered."""
        self._channel.pause_reading()

    def resume_reading(self) -> None:
        """Have data delivered again."""
        self._channel.resume_reading()

    def close(self) -> None:
        """Close it once what was written has been sent."""
        self._closing = True
        self._channel.close()

    def abort(self) -> None:
        """Close it now; an answer of the other end is not waited for."""
        self._closing = True
        self._channel.abort()
        self._lose(None)


async def open_tunnel(
    link: Link, host: str, port: int, protocol: asyncio.BufferedProtocol
) -> ChannelTransport:
    """Have the server of a connection connect to a host, and a protocol speak over it.

    Raises:
        ChannelOpenError: the server cannot connect, or does not do this.
        ConnectionLost: the connection went.
    """
    channel: SSHChannel[bytes] = SSHChannel(link)
    # The host and port that this comes from: there is no socket that it came in at.
    payload = encode_text(host) + encode_uint32(port) + encode_text("127.0.0.1") + encode_uint32(0)
    transport = await channel.open("direct-tcpip", payload, lambda: ChannelTransport(channel, protocol))
    channel.start()
    if channel.is_closing():
        raise ConnectionLost("the tunnel was closed")
    return transport
