"""A peer that follows a script: it may send anything at any time, and says what it hears.

Owns: `ScriptedPeer`, as a client or as a server, over a socket. Must not know: the end under test, whose
rules it does not share.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from nacre.errors import WireError
from nacre.protocol.negotiate import guess_is_wrong
from nacre.protocol.settings import Role
from nacre.testing.pair import host_key
from nacre.testing.raw import RawPeer
from nacre.testing.transcript import KINDS, Line, Transcript, as_line, make_message
from nacre.wire.auth import PasswordData, UserauthRequest
from nacre.wire.kex import ECDH, KexInit
from nacre.wire.message import BY_NUMBER, MESSAGES, Message

_READ: Final = 65536
_KEYS: Final = range(20, 50)
_NEWKEYS: Final = 21
#: What comes when it comes: nobody waits for it.
_UNASKED: Final = ("EXT_INFO", "CHANNEL_WINDOW_ADJUST", "IGNORE", "DEBUG")


@dataclass(frozen=True)
class Received:
    """A message of the end under test.

    Attributes:
        number: its number.
        name: its name in the RFC, as "CHANNEL_OPEN"; "" where the number or the fields mean nothing.
        payload: the whole of it, its number first.
        message: its fields as attributes; None as for `name`.
    """

    number: int
    name: str
    payload: bytes
    message: Any = None

    def __getattr__(self, field: str) -> Any:
        return getattr(self.message, field)


class ScriptedPeer:
    """One connection to the end under test; made by `raw_client` and `raw_server`.

    Args:
        raw: the packets, and the keys.
        reader: where the end under test is heard.
        writer: where it is spoken to.
        time_limit: seconds that each wait may take.

    Attributes:
        raw: as given, for what this class has no word for.
    """

    def __init__(
        self,
        raw: RawPeer,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        time_limit: float = 30.0,
    ) -> None:
        self.raw = raw
        self._reader = reader
        self._writer = writer
        self._time_limit = time_limit
        self._inbox: deque[bytes] = deque()
        self._method = ""

    # ------------------------------------------------------------ bytes and messages

    def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are, in no packet."""
        self._flush()
        self._writer.write(data)

    def send(self, what: str | int | bytes, *arguments: bytes, **fields: Any) -> None:
        """Send one packet, under the present keys if there are any.

        Args:
            what: the name of a message, as "CHANNEL_OPEN"; or its number; or the whole payload.
            arguments: what follows a number.
            fields: the fields that a name has; those that are missing are 0, empty or False.

        Raises:
            ValueError: there is no message of that name, or it has no such field.
        """
        if isinstance(what, str):
            payload = make_message(what, fields).encode()
        elif isinstance(what, int):
            payload = b"".join((bytes((what,)), *arguments))
        else:
            payload = what
        if payload[:1] == bytes((UserauthRequest.number,)):
            self._note(payload)
        self.raw.send(payload)
        self._flush()

    def _flush(self) -> None:
        self._writer.write(self.raw.output())

    async def receive(self, *names: str) -> Received:
        """Return the next message of the end under test.

        Args:
            names: what it must be, one of these; none: anything. EXT_INFO, CHANNEL_WINDOW_ADJUST, IGNORE and
                DEBUG are passed over unless they are among them.

        Raises:
            AssertionError: it is another one.
            ConnectionError: the end under test has closed the connection.
            TimeoutError: it says nothing.
        """
        while True:
            received = self._decode(await self._next(lambda payload: payload[0] not in _KEYS))
            if not names or received.name in names:
                return received
            if received.name not in _UNASKED:
                raise AssertionError(f"{' or '.join(names)} was expected, and {received!r} came")

    async def until(self, name: str) -> Received:
        """Return the next message of that name, whatever comes before it; see `receive`."""
        while (received := await self.receive()).name != name:
            pass
        return received

    async def closed(self) -> Received | None:
        """Wait until the end under test closes the connection; return its DISCONNECT, if it sent one."""
        last = None
        while True:
            try:
                received = await self.receive()
            except ConnectionError:
                return last
            if received.name == "DISCONNECT":
                last = received

    async def _next(self, wanted: Callable[[bytes], bool]) -> bytes:
        while True:
            for payload in self._inbox:
                if wanted(payload):
                    self._inbox.remove(payload)
                    return payload
            async with asyncio.timeout(self._time_limit):
                await self._writer.drain()
                data = await self._reader.read(_READ)
            if not data:
                raise ConnectionResetError("the end under test has closed the connection")
            self.raw.feed(data)
            self._inbox += self.raw.take()

    def _decode(self, payload: bytes) -> Received:
        number = payload[0]
        scope = self._method if number >= 50 else ECDH  # RFC 4250 section 4.1.2
        kind = BY_NUMBER.get(number) or MESSAGES.get((scope, number))
        try:
            message = kind.decode(payload) if kind is not None else None
        except WireError:
            message = None
        if message is None:
            return Received(number, "", payload)
        if isinstance(message, UserauthRequest):
            self._note(payload)
        return Received(number, as_line(message, sent=False).name, payload, message)

    def _note(self, payload: bytes) -> None:
        """Take note of the method that gives the numbers from 60 on their meaning."""
        try:
            self._method = UserauthRequest.decode(payload).method
        except WireError:
            self._method = ""

    # ------------------------------------------------------------ the honest steps

    async def exchange_keys(self) -> None:
        """Exchange keys, for the first time or again, up to both NEWKEYS."""
        raw = self.raw
        if raw.first:
            raw.ident()
        ours = raw.kexinit()
        raw.send(ours)
        self._flush()
        theirs = await self._next(lambda payload: payload[0] == 20)  # KEXINIT
        if raw.role is Role.SERVER and guess_is_wrong(KexInit.decode(ours), KexInit.decode(theirs)):
            await self._next(lambda payload: payload[0] == 30)
        if raw.role is Role.CLIENT:
            raw.send(raw.method_init())
            self._flush()
            await self._next(lambda payload: payload[0] == 31)  # the reply
        else:
            raw.send(raw.method_reply(await self._next(lambda payload: payload[0] == 30)))
        raw.newkeys()
        self._flush()
        await self._next(lambda payload: payload[0] == _NEWKEYS)

    async def log_in(self, username: str = "user", password: str | None = None) -> Received:
        """As a client: exchange keys, and log in; return the answer, SUCCESS or FAILURE.

        Args:
            username: who to be.
            password: None: the method "none".
        """
        await self.exchange_keys()
        self.send("SERVICE_REQUEST", service="ssh-userauth")
        await self.receive("SERVICE_ACCEPT")
        data = b"" if password is None else PasswordData(False, password).encode()
        method = "none" if password is None else "password"
        self.send("USERAUTH_REQUEST", username=username, service="ssh-connection", method=method, data=data)
        return await self.receive("USERAUTH_SUCCESS", "USERAUTH_FAILURE")

    async def let_in(self) -> Received:
        """As a server: exchange keys, and accept the first request for authentication; return it."""
        await self.exchange_keys()
        await self.receive("SERVICE_REQUEST")
        self.send("SERVICE_ACCEPT", service="ssh-userauth")
        request = await self.receive("USERAUTH_REQUEST")
        self.send("USERAUTH_SUCCESS")
        return request

    # ------------------------------------------------------------ transcripts

    async def play(
        self, transcript: Transcript, passing_over: Sequence[str] = ("EXT_INFO", "CHANNEL_WINDOW_ADJUST")
    ) -> None:
        """Be the other end of a transcript: send what it received, and expect what it sent.

        The keys are new ones, and bytes that the transcript does not have are zeros, or what the end under
        test said last in a field of that size.

        Args:
            transcript: of an end of the kind under test.
            passing_over: messages that may come or not, at any time.

        Raises:
            AssertionError: the end under test says something else.
        """
        exchanges = 0
        known: dict[int, bytes] = {}
        for line in transcript.lines:
            kind = KINDS.get(line.name)
            if kind is not None and kind.number in _KEYS:
                if line.name == "KEXINIT":
                    if exchanges % 2 == 0:  # each has one of each end
                        await self.exchange_keys()
                    exchanges += 1
            elif line.name in passing_over:
                continue
            elif line.sent:
                known = await self._expect(line, passing_over)
            else:
                self.send(make_message(line.name, line.fields, known).encode())

    async def _expect(self, line: Line, passing_over: Sequence[str]) -> dict[int, bytes]:
        received = await self.receive()
        while received.name in passing_over:
            received = await self.receive()
        if received.message is None or (found := as_line(received.message, sent=True)) != line:
            came = received if received.message is None else found
            raise AssertionError(f"the transcript goes on with\n  {line}\nand what came is\n  {came}")
        return _octets_of(received.message)

    async def close(self) -> None:
        """Close the connection without a word."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return


def _octets_of(message: Message) -> dict[int, bytes]:
    values = (getattr(message, name) for name, _ in message.codecs)
    return {len(value): value for value in values if isinstance(value, bytes)}


@asynccontextmanager
async def raw_client(host: str, port: int, **raw: Any) -> AsyncIterator[ScriptedPeer]:
    """Connect to a server under test.

    Args:
        host: its address.
        port: its port.
        raw: of `RawPeer`: `strict=False`, `ext_info=False`, `kex`, `cipher` and `mac`.
    """
    reader, writer = await asyncio.open_connection(host, port)
    peer = ScriptedPeer(RawPeer(Role.CLIENT, **raw), reader, writer)
    try:
        yield peer
    finally:
        await peer.close()


@asynccontextmanager
async def raw_server(script: Callable[[ScriptedPeer], Awaitable[None]], **raw: Any) -> AsyncIterator[int]:
    """Serve one client under test, on a free port of 127.0.0.1.

    Args:
        script: what to do with it; what it raises is raised at the end of the block.
        raw: of `RawPeer`, as for `raw_client`; and `host_key`, which is a new one otherwise.

    Yields:
        The port.
    """
    running: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = ScriptedPeer(RawPeer(Role.SERVER, **{"host_key": host_key(), **raw}), reader, writer)
        try:
            await script(peer)
        finally:
            await peer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.append(asyncio.ensure_future(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        async with server:
            yield server.sockets[0].getsockname()[1]
    finally:
        for task in running:
            await task
