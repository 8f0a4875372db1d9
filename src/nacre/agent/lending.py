"""Agent forwarding: a user's agent, used from the machine that the user is logged in to (RFC 9987 section 8).

Owns: the channels "auth-agent@openssh.com" at both ends, what of the agent goes through, and the socket that a
server gives to sessions. Must not know: who may have it; the connections decide.

Whoever is root there can use it as long as the connection lives. So the agent is told which host it is used
from, and answers to what uses keys alone: nothing that changes it goes through, whatever agent it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable
from typing import Any, Final

from nacre.agent.bindings import SESSION_BIND, Session, session_of
from nacre.agent.client import open_agent, receive, where_agent
from nacre.agent.messages import MAX_MESSAGE, Answer, Request, extension_request
from nacre.agent.private_socket import MAX_CLIENTS, PrivateSocket, listen_privately
from nacre.aio.channel import SSHChannel
from nacre.aio.link import Link
from nacre.aio.log import plain
from nacre.aio.stream import SSHReader, SSHWriter
from nacre.aio.stream_session import StreamCallbacks
from nacre.errors import ChannelOpenError, Error, NotSupportedYet, OpenFailureReason
from nacre.wire.fields import encode_byte, encode_string, encode_text

#: The kind of channel.
AGENT_CHANNEL: Final = "auth-agent@openssh.com"
_READ: Final = 32 * 1024
_FAILURE: Final = encode_byte(Answer.FAILURE)
#: What goes through to an agent: what lists and uses keys, and says where it is used from.
_USES: Final = frozenset((Request.IDENTITIES, Request.SIGN))
_EXTENSIONS: Final = tuple(
    encode_byte(Request.EXTENSION) + encode_text(name) for name in (SESSION_BIND, "query")
)

#: A stream to an agent.
Stream = tuple[Any, Any]


def goes_through(request: bytes) -> bool:
    """Return whether a request of another machine is put to the agent."""
    return request[0] in _USES or request.startswith(_EXTENSIONS)


class _AgentSession(StreamCallbacks[bytes]):
    """What an agent's channel carries, as streams."""

    reader: SSHReader[bytes]
    writer: SSHWriter[bytes]

    def connection_made(self, chan: Any) -> None:
        """Make the streams."""
        super().connection_made(chan)
        self.reader, self.writer = self._streams.reader(), self._streams.writer()

    def session_started(self) -> None:
        """Data may come."""

    def eof_received(self) -> bool:
        """Who asks nothing more wants nothing more."""
        super().eof_received()
        return False


class AgentChannel(SSHChannel[bytes]):
    """A channel to an agent that the other end has opened: it starts when it is open."""

    def opened(self) -> None:
        """Let data come."""
        super().opened()
        self.start()


# ---------------------------------------------------------------- the client's end


def lend(link: Link, forwarding: bool | str, agent: Any) -> LentAgent | None:
    """Return the agent that a server may use, or None where there is none.

    Args:
        link: of the connection.
        forwarding: True, or the socket of another agent than the one that logs in.
        agent: the one that logs in, as `agent_of` returns it.
    """
    chosen = forwarding if isinstance(forwarding, str) else agent
    if not chosen:
        link.logger.info("there is no agent to forward")
        return None
    return LentAgent(link, where_agent(chosen), session_of(link.protocol.info))


class LentAgent:
    """The agent that a client lets its server use.

    Args:
        link: of the connection.
        where: the agent, as for `open_agent`.
        session: of the connection: the agent is told.
    """

    def __init__(self, link: Link, where: str | Callable[[], Awaitable[Any]], session: Session) -> None:
        self._link = link
        self._where = where
        self._session = session
        self._open = 0

    async def accept(self, number: int) -> AgentChannel:
        """Return the channel to accept with, whose requests the agent then answers.

        Raises:
            ChannelOpenError: there are too many, or the agent is not there.
        """
        if self._open >= MAX_CLIENTS:
            raise ChannelOpenError(OpenFailureReason.RESOURCE_SHORTAGE, "too many connections to the agent")
        self._open += 1  # before the wait, in which others may come
        try:
            stream = await open_agent(self._where)
        except BaseException as error:
            self._open -= 1
            if not isinstance(error, (OSError, Error, NotSupportedYet)):
                raise
            self._link.logger.warning("the agent that is forwarded cannot be reached: %s", plain(error))
            raise ChannelOpenError(OpenFailureReason.CONNECT_FAILED, "the agent cannot be reached") from None
        channel = AgentChannel(self._link)
        session = _AgentSession()
        channel.bind(number, session)
        task = channel.create_task(self._answer(session, stream), "forwarding the agent")
        task.add_done_callback(lambda _: self._ended(stream))
        return channel

    def _ended(self, stream: Stream) -> None:
        """Also of what was cancelled before it began."""
        self._open -= 1
        stream[1].close()

    async def _answer(self, session: _AgentSession, stream: Stream) -> None:
        try:
            # What it says to that is no matter: one that does not know it has no keys for some hosts alone.
            await _ask(stream, extension_request(SESSION_BIND, self._session.binding(forwarding=True)))
            while request := await _next_request(session.reader):
                answer = await _ask(stream, request) if goes_through(request) else _FAILURE
                session.writer.write(encode_string(answer))
                await session.writer.drain()
        except (OSError, ValueError) as error:
            self._link.logger.info("forwarding the agent has ended: %s", plain(error))
        finally:
            session.writer.close()


async def _next_request(reader: SSHReader[bytes]) -> bytes:
    """Return one message of a client of the agent; b"" at the end. ValueError for a length that is none."""
    try:
        size = int.from_bytes(await reader.readexactly(4), "big")
        if not 1 <= size <= MAX_MESSAGE:
            raise ValueError(f"a message of {size} bytes was announced")
        return await reader.readexactly(size)
    except asyncio.IncompleteReadError:
        return b""


async def _ask(stream: Stream, request: bytes) -> bytes:
    reader, writer = stream
    writer.write(encode_string(request))
    await writer.drain()
    return await receive(reader)


# ---------------------------------------------------------------- the server's end


class ForwardedAgent:
    """The agent of a client, for its sessions on a server.

    Args:
        link: of the connection.
        make_channel: makes a channel that is not open yet; None: a plain one.
    """

    def __init__(self, link: Link, make_channel: Callable[[], SSHChannel[bytes]] | None = None) -> None:
        self._link = link
        self._make_channel = make_channel or functools.partial(SSHChannel[bytes], link)
        self._socket: PrivateSocket | None = None
        self._turn = asyncio.Lock()
        self._over = False

    @property
    def path(self) -> str | None:
        """The socket, as SSH_AUTH_SOCK names it; None: there is none."""
        return None if self._socket is None else self._socket.path

    async def start(self) -> bool:
        """Make the socket; return whether there is one. Without one, channels can be opened all the same."""
        async with self._turn:  # several sessions may ask at once, and the connection may end meanwhile
            if self._socket is None and not self._over:
                try:
                    self._socket = await listen_privately(self._serve, prefix="nacre-forwarded-")
                except (OSError, NotSupportedYet) as error:
                    self._link.logger.warning("there is no socket for the forwarded agent: %s", plain(error))
            if self._over:
                self.close()
        return self._socket is not None and not self._over

    async def open(self) -> tuple[SSHReader[bytes], SSHWriter[bytes]]:
        """Open a stream to the agent.

        Raises:
            ChannelOpenError: the client refuses, or the connection has ended.
        """
        channel = self._make_channel()
        session = await channel.open(AGENT_CHANNEL, b"", _AgentSession, channel.start)
        return session.reader, session.writer

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await self.open()
        except Error as error:
            self._link.logger.info("the client does not let its agent be used: %s", plain(error))
            return
        try:
            async with asyncio.TaskGroup() as both:
                there = both.create_task(_pump(reader, far_writer))
                back = both.create_task(_pump(far_reader, writer))
                # An end of either is the end of both.
                there.add_done_callback(lambda _: back.cancel())
                back.add_done_callback(lambda _: there.cancel())
        finally:
            far_writer.close()

    def close(self) -> None:
        """Remove the socket, and end what goes through it."""
        self._over = True
        if self._socket is not None:
            self._socket.close()

    async def wait_closed(self) -> None:
        """Wait until nothing is left."""
        if self._socket is not None:
            await self._socket.wait_closed()


async def _pump(reader: Any, writer: Any) -> None:
    with contextlib.suppress(OSError, Error):  # whoever was there has gone
        while data := await reader.read(_READ):
            writer.write(data)
            await writer.drain()
