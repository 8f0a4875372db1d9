"""Talking to a user's agent: `connect_agent`, `SSHAgentClient`, and keys whose private part is there.

Owns: the stream, one request at a time on it, and the errors in words. Must not know: what the keys are
for. Nothing here blocks the loop: an agent may wait for its user.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import errno
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from enum import Enum
from pathlib import PurePath
from typing import Any, NoReturn, Self, TypeVar

from nacre.agent import messages
from nacre.agent.bindings import SESSION_BIND, Session
from nacre.agent.constraints import OWN_PROVIDER, Constraints, Destination
from nacre.agent.messages import Answer, Request
from nacre.aio.key_loading import load_private_keys
from nacre.aio.log import logger, plain
from nacre.aio.opening import opening
from nacre.errors import KeyImportError, NotSupportedYet, WireError
from nacre.keys import MADE_ELSEWHERE, SIGNATURE_ALGORITHMS, SSHCertificate, SSHKey, SSHKeyPair, signature_of
from nacre.keys.files import expand
from nacre.keys.identity_files import identity_files
from nacre.keys.sk import SecurityKey
from nacre.wire.fields import Reader, encode_uint32

#: The variable that names an agent's socket.
_VARIABLE = "SSH_AUTH_SOCK"
#: The variable that names the library by which an agent reaches security keys, as for ssh-add.
_SK_PROVIDER = "SSH_SK_PROVIDER"

T = TypeVar("T")


class AgentLost(ConnectionResetError, ValueError):
    """The agent closed the connection: an error of the system, and of the values that programs written for AsyncSSH expect."""


class SSHAgentKeyPair(SSHKeyPair):
    """A key of an agent; it signs with `sign_async`.

    Attributes:
        agent: the client of the agent that has it.
    """

    def __init__(self, agent: SSHAgentClient, identity: messages.Identity) -> None:
        algorithm = Reader(identity.public_data).ascii()
        # Of a type that is not known, the agent still signs.
        usual = _algorithms(algorithm)
        super().__init__(algorithm, identity.public_data, usual, _refuse, identity.comment, "agent")
        # A certificate of the agent is used as it is: whether it is sound, the server says.
        self.has_cert = usual != (algorithm,) and signature_of(algorithm) != algorithm
        self.agent = agent

    async def sign_async(self, data: bytes, sig_algorithm: str | None = None) -> bytes:
        """Return the signature blob of `data`; the agent may ask its user first.

        Raises:
            ValueError: the agent refuses, or answers with another algorithm than the one asked for.
            OSError: it cannot be reached.
        """
        # The agent knows the key by what it has listed, whatever certificate goes with it here.
        return self.answered(await self.agent.sign(self.key_data, data, self.asked(sig_algorithm)))

    async def remove(self) -> None:
        """Have the agent drop this key."""
        await self.agent.remove_keys([self])

    def bound(self, session: Session) -> SSHAgentKeyPair:
        """Return the same key, which tells its agent in which session it signs (PROTOCOL.agent 1)."""
        pair = copy.copy(self)
        pair.agent = self.agent.bound(session)
        return pair


def _by_rank() -> list[Any]:
    return sorted(SIGNATURE_ALGORITHMS.values(), key=lambda algorithm: algorithm.rank)


def _algorithms(key_type: str) -> tuple[str, ...]:
    """Return the signature algorithms of keys or certificates of a type, best first; of none that is known, itself."""
    known = (entry.name for entry in _by_rank() if entry.key_type == signature_of(key_type))
    return tuple(name for name in known if name not in MADE_ELSEWHERE) or (key_type,)


def _refuse(data: bytes, algorithm: str) -> NoReturn:
    raise RuntimeError("a key of an agent signs with sign_async")


class _Use(Enum):
    """How long a connection to the agent is kept."""

    KEPT = "until close"
    EACH = "for one request"


class SSHAgentClient:
    """A connection to an agent; returned by `connect_agent`.

    After `close` it still answers, and so do its keys: over a connection for each request.

    Args:
        where: the agent's UNIX socket; or a function that opens a stream to it.
    """

    def __init__(self, where: str | Callable[[], Awaitable[Any]]) -> None:
        self._where = where
        self._session: Session | None = None
        self._stream: Any = None
        self._ended: asyncio.StreamWriter | None = None
        self._use = _Use.KEPT
        self._turn = asyncio.Lock()

    async def connect(self) -> None:
        """Open the connection. OSError when there is no agent."""
        self._stream = await open_agent(self._where)
        if self._session is not None:
            # An agent that does not know this answers so, and signs all the same: keys that are for some hosts
            # alone are then not among those it has.
            binding = self._session.binding(forwarding=False)
            await self._exchange(messages.extension_request(SESSION_BIND, binding))

    def bound(self, session: Session) -> SSHAgentClient:
        """Return a client of the same agent, whose connections are bound to a session (PROTOCOL.agent 1)."""
        client = SSHAgentClient(self._where)
        client._session = session
        client._use = _Use.EACH
        return client

    async def _exchange(self, request: bytes) -> bytes:
        reader, writer = self._stream
        writer.write(encode_uint32(len(request)) + request)
        await writer.drain()
        return await receive(reader)

    # ------------------------------------------------------------ requests

    async def _ask(self, request: bytes) -> tuple[int, Reader]:
        """Send a request and return the number and the content of its answer."""
        if len(request) > messages.MAX_MESSAGE:
            raise ValueError(f"a message of {len(request)} bytes is too long for an agent")
        async with self._turn:
            try:
                if self._stream is None:
                    await self.connect()
                answer = await self._exchange(request)
            except BaseException:
                self._drop()  # what is under way would be taken for the answer to the next request
                raise
            if self._use is _Use.EACH:
                self._drop()
        content = Reader(answer)
        return content.byte(), content

    async def _ask_for(
        self, request: bytes, expected: Answer, decode: Callable[[Reader], T], refusal: str
    ) -> T:
        """Return what an answer holds; what goes wrong is one line that begins with `refusal`."""
        number, content = await self._ask(request)
        if number != expected:
            raise ValueError(f"{refusal}: the agent refuses")
        try:
            return decode(content)
        except WireError as error:
            self._drop()
            raise ValueError(f"{refusal}: {error.reason}") from None

    async def _do(self, request: bytes, refusal: str) -> None:
        await self._ask_for(request, Answer.SUCCESS, Reader.end, refusal)

    async def get_keys(self, identities: Iterable[bytes] | None = None) -> Sequence[SSHKeyPair]:
        """Return the agent's keys.

        Args:
            identities: the public blobs of those that are wanted; None or none: all.

        Raises:
            ValueError: the agent refuses, or its answer is damaged.
            OSError: it cannot be reached.
        """
        wanted = frozenset(identities or ())
        found = await self._ask_for(
            bytes((Request.IDENTITIES,)), Answer.IDENTITIES, messages.identities, "listing keys"
        )
        pairs = []
        for identity in found:
            if wanted and identity.public_data not in wanted:
                continue
            try:
                pairs.append(SSHAgentKeyPair(self, identity))
            except WireError as error:
                raise ValueError(f"listing keys: {error.reason}") from None
        return pairs

    async def sign(self, public_data: bytes, data: bytes, algorithm: str = "") -> bytes:
        """Return a signature blob.

        Args:
            public_data: the public blob of the key.
            data: what is signed.
            algorithm: the signature algorithm; "": the best that the key has.

        Raises:
            ValueError: the agent refuses, or answers with another algorithm (SHA-1 among them).
            OSError: it cannot be reached.
        """
        try:
            name = algorithm or _algorithms(Reader(public_data).ascii())[0]
        except WireError as error:
            raise ValueError(f"signing: this is no public key: {error.reason}") from None
        return await self._ask_for(
            messages.sign_request(public_data, data, name),
            Answer.SIGNATURE,
            lambda reader: messages.signature(reader, name),
            "signing",
        )

    async def add_keys(
        self,
        keylist: Any = (),
        passphrase: Any = None,
        lifetime: int | None = None,
        confirm: bool = False,
        destinations: Iterable[Destination] = (),
    ) -> None:
        """Hand private keys to the agent.

        Args:
            keylist: in any form of `client_keys`; `()`: the user's own files, without those that are
                encrypted and have no passphrase here, or that the agent does not take.
            passphrase: as for `connect`.
            lifetime: seconds after which the agent drops them; None: it keeps them.
            confirm: whether it asks its user before each use.
            destinations: the steps from host to host that it may be used for, as `ssh-add -h` has them; none: any.

        Raises:
            ValueError: the agent refuses, or a key cannot be used.
            OSError: the agent cannot be reached, or a file not be read.
        """
        constraints = Constraints(lifetime, confirm, tuple(destinations))
        own = isinstance(keylist, tuple) and not keylist
        for pair in await load_private_keys(identity_files() if own else keylist, passphrase, own):
            if pair.key is None:
                raise KeyImportError(f"{pair!r} has its private part elsewhere: it cannot be handed over")
            comment = pair.get_comment_bytes() or b""
            data = pair.key.private_data
            if isinstance(pair.cert, SSHCertificate):
                data = messages.certified(pair.key.encode_ssh_private(), pair.key.algorithm, pair.cert)
            terms = constraints
            if isinstance(pair.key, SecurityKey):
                provider = os.environ.get(_SK_PROVIDER, OWN_PROVIDER)
                terms = Constraints(lifetime, confirm, constraints.destinations, provider)
            request = messages.add_request(data, comment, terms)
            try:
                await self._do(request, "adding a key")
            except ValueError as error:
                if not own or isinstance(error, AgentLost):
                    raise
                logger.warning("%r: %s", pair, plain(error))

    async def remove_keys(self, keylist: Iterable[SSHKeyPair | SSHKey]) -> None:
        """Have the agent drop keys. ValueError when it does not have one."""
        for key in keylist:
            blob = key.key_data if isinstance(key, SSHAgentKeyPair) else key.public_data
            await self._do(messages.remove_request(blob), "removing a key")

    async def remove_all(self) -> None:
        """Have the agent drop all keys."""
        await self._do(bytes((Request.REMOVE_ALL,)), "removing all keys")

    async def lock(self, passphrase: str) -> None:
        """Have the agent keep its keys to itself until `unlock`. ValueError when it is locked."""
        await self._do(messages.lock_request(Request.LOCK, passphrase), "locking the agent")

    async def unlock(self, passphrase: str) -> None:
        """Undo `lock`. ValueError when the passphrase is another."""
        await self._do(messages.lock_request(Request.UNLOCK, passphrase), "unlocking the agent")

    async def query_extensions(self) -> Sequence[str]:
        """Return the names of the agent's extensions; none when it does not say. ValueError for a damaged answer."""
        number, content = await self._ask(messages.extension_request("query"))
        if number in (Answer.FAILURE, Answer.EXTENSION_FAILURE):
            return []
        if number not in (Answer.EXTENSION_RESPONSE, Answer.SUCCESS):
            raise ValueError(f"asking for extensions: the agent answers with message {number}")
        try:
            return messages.extension_names(number, content)
        except WireError as error:
            raise ValueError(f"asking for extensions: {error.reason}") from None

    async def add_smartcard_keys(
        self, provider: str, pin: str | None = None, lifetime: int | None = None, confirm: bool = False
    ) -> None:
        """Have the agent take in the keys of a token.

        Args:
            provider: what the agent calls it; for OpenSSH's, the path of a PKCS#11 library.
            pin: opens it.
            lifetime: seconds after which the agent drops them; None: it keeps them.
            confirm: whether it asks its user before each use.

        Raises:
            ValueError: the agent refuses.
            OSError: it cannot be reached.
        """
        constraints = Constraints(lifetime, confirm)
        request = messages.add_smartcard_request(provider, pin or "", constraints)
        await self._do(request, "adding the keys of a token")

    async def remove_smartcard_keys(self, provider: str, pin: str | None = None) -> None:
        """Have the agent drop the keys of a token; as `add_smartcard_keys`."""
        await self._do(messages.remove_smartcard_request(provider, pin or ""), "removing the keys of a token")

    # ------------------------------------------------------------ the end

    def _drop(self) -> None:
        if self._stream is not None:
            self._ended = self._stream[1]
            self._ended.close()
            self._stream = None

    def close(self) -> None:
        """Close the connection."""
        self._use = _Use.EACH
        if not self._turn.locked():
            self._drop()

    async def wait_closed(self) -> None:
        """Wait until the connection is closed."""
        if self._ended is not None:
            with contextlib.suppress(OSError):  # the agent went first: it is closed all the same
                await self._ended.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.close()
        await self.wait_closed()


async def receive(reader: asyncio.StreamReader) -> bytes:
    """Return one message of an agent."""
    try:
        size = Reader(await reader.readexactly(4)).uint32()
        if not 1 <= size <= messages.MAX_MESSAGE:
            raise ValueError(f"an agent announces a message of {size} bytes")
        return await reader.readexactly(size)
    except asyncio.IncompleteReadError:
        raise AgentLost(errno.ECONNRESET, "the agent closed the connection") from None


async def open_agent(where: str | Callable[[], Awaitable[Any]]) -> Any:
    """Open a stream to an agent: a reader and a writer.

    Args:
        where: its UNIX socket, or a function that opens one.

    Raises:
        OSError, ChannelOpenError: it cannot be reached.
        NotSupportedYet: this system has no such sockets.
    """
    if not isinstance(where, str):
        return await where()
    if not hasattr(asyncio, "open_unix_connection"):
        raise NotSupportedYet("an agent on this system", "give keys as client_keys")
    try:
        return await asyncio.open_unix_connection(where)
    except OSError as error:
        if error.errno is None:  # a path that is too long
            raise OSError(f"{where}: {error}") from None
        raise OSError(error.errno, error.strerror or str(error), where) from None


def where_agent(agent_path: Any) -> str | Callable[[], Awaitable[Any]]:
    """Return where an agent is reached, for `open_agent`.

    Args:
        agent_path: as for `connect_agent`.

    Raises:
        FileNotFoundError: no agent is named.
    """
    forwarded = getattr(agent_path, "open_agent_connection", None)
    if forwarded is not None:
        opens: Callable[[], Awaitable[Any]] = forwarded
        return opens
    if not isinstance(agent_path, (str, PurePath)):
        raise TypeError(
            f"an agent is a path, a server's connection or an Agent, not {type(agent_path).__name__}"
        )
    path = agent_path or os.environ.get(_VARIABLE, "")
    if not path:
        raise FileNotFoundError(errno.ENOENT, f"there is no agent: {_VARIABLE} is not set")
    return str(expand(path))


@opening
async def connect_agent(agent_path: Any = "") -> SSHAgentClient:
    """Connect to an agent: `await` it, or enter it with `async with`.

    Args:
        agent_path: the UNIX socket of the agent; "": the one that SSH_AUTH_SOCK names; an `SSHServerConnection`: the
            agent that its client forwards; a `nacre.agent.Agent`: that one.

    Raises:
        OSError: there is none.
        ChannelOpenError: the client does not forward one.
    """
    agent = SSHAgentClient(where_agent(agent_path))
    await agent.connect()
    return agent
