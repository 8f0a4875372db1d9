"""Talking to a user's agent: `connect_agent`, `SSHAgentClient`, and keys whose private part is there.

Owns: the stream, one request at a time on it, and the errors in words. Must not know: what the keys are
for. Nothing here blocks the loop: an agent may wait for its user.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from pathlib import PurePath
from typing import Any, NoReturn, Self, TypeVar

from nacre.agent import messages
from nacre.agent.messages import Answer, Request
from nacre.aio.key_loading import load_private_keys
from nacre.aio.opening import opening
from nacre.errors import KeyImportError, NotSupportedYet, WireError
from nacre.keys import SIGNATURE_ALGORITHMS, SSHKey, SSHKeyPair, signature_of
from nacre.keys.files import expand
from nacre.keys.identity_files import identity_files
from nacre.wire.fields import Reader, encode_uint32

#: The variable that names an agent's socket.
_VARIABLE = "SSH_AUTH_SOCK"
_SMARTCARD_HINT = "use ssh-add -s: the agent keeps such keys, and they are listed like others"

T = TypeVar("T")


class SSHAgentKeyPair(SSHKeyPair):
    """A key of an agent; it signs with `sign_async`."""

    def __init__(self, agent: SSHAgentClient, identity: messages.Identity) -> None:
        algorithm = Reader(identity.public_data).ascii()
        usual = tuple(entry.name for entry in _by_rank() if entry.key_type == signature_of(algorithm))
        # Of a type that is not known (a security key), the agent still signs.
        super().__init__(
            algorithm, identity.public_data, usual or (algorithm,), _refuse, identity.comment, "agent"
        )
        # A certificate of the agent is used as it is: whether it is sound, the server says.
        self.has_cert = bool(usual) and signature_of(algorithm) != algorithm
        self._agent = agent

    async def sign_async(self, data: bytes, sig_algorithm: str | None = None) -> bytes:
        """Return the signature blob of `data`; the agent may ask its user first.

        Raises:
            ValueError: the agent refuses, or answers with another algorithm than the one asked for.
            OSError: it cannot be reached.
        """
        # The agent knows the key by what it has listed, whatever certificate goes with it here.
        return await self._agent.sign(self.key_data, data, signature_of(sig_algorithm or self.sig_algorithm))

    async def remove(self) -> None:
        """Have the agent drop this key."""
        await self._agent.remove_keys([self])


def _by_rank() -> list[Any]:
    return sorted(SIGNATURE_ALGORITHMS.values(), key=lambda algorithm: algorithm.rank)


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
        path: the agent's UNIX socket.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._ended: asyncio.StreamWriter | None = None
        self._use = _Use.KEPT
        self._turn = asyncio.Lock()

    async def connect(self) -> None:
        """Open the connection. OSError when there is no agent."""
        if not hasattr(asyncio, "open_unix_connection"):
            raise NotSupportedYet("an agent on this system", "give keys as client_keys")
        self._stream = await asyncio.open_unix_connection(self._path)

    # ------------------------------------------------------------ requests

    async def _ask(self, request: bytes) -> tuple[int, Reader]:
        """Send a request and return the number and the content of its answer."""
        if len(request) > messages.MAX_MESSAGE:
            raise ValueError(f"a message of {len(request)} bytes is too long for an agent")
        async with self._turn:
            try:
                if self._stream is None:
                    await self.connect()
                assert self._stream is not None
                reader, writer = self._stream
                writer.write(encode_uint32(len(request)) + request)
                await writer.drain()
                answer = await _receive(reader)
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

    async def sign(self, public_data: bytes, data: bytes, algorithm: str) -> bytes:
        """Return a signature blob.

        Args:
            public_data: the public blob of the key.
            data: what is signed.
            algorithm: the signature algorithm.

        Raises:
            ValueError: the agent refuses, or answers with another algorithm (SHA-1 among them).
            OSError: it cannot be reached.
        """
        return await self._ask_for(
            messages.sign_request(public_data, data, algorithm),
            Answer.SIGNATURE,
            lambda reader: messages.signature(reader, algorithm),
            "signing",
        )

    async def add_keys(
        self, keylist: Any = (), passphrase: Any = None, lifetime: int | None = None, confirm: bool = False
    ) -> None:
        """Hand private keys to the agent.

        Args:
            keylist: in any form of `client_keys`; `()`: the user's own files, without those that are
                encrypted and have no passphrase here.
            passphrase: as for `connect`.
            lifetime: seconds after which the agent drops them; None: it keeps them.
            confirm: whether it asks its user before each use.

        Raises:
            ValueError: the agent refuses, or a key cannot be used.
            OSError: the agent cannot be reached, or a file not be read.
        """
        own = isinstance(keylist, tuple) and not keylist
        for pair in await load_private_keys(identity_files() if own else keylist, passphrase, own):
            if pair.key is None:
                raise KeyImportError(f"{pair!r} has its private part elsewhere: it cannot be handed over")
            comment = pair.get_comment_bytes() or b""
            data = pair.key.private_data
            if pair.cert is not None:
                data = messages.certified(pair.key.encode_ssh_private(), pair.key.algorithm, pair.cert)
            request = messages.add_request(data, comment, lifetime, confirm)
            await self._do(request, "adding a key")

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

    async def add_smartcard_keys(self, *args: Any, **kwargs: Any) -> None:
        """Not in this version: raises `NotSupportedYet`."""
        raise NotSupportedYet("SSHAgentClient.add_smartcard_keys", _SMARTCARD_HINT)

    async def remove_smartcard_keys(self, *args: Any, **kwargs: Any) -> None:
        """Not in this version: raises `NotSupportedYet`."""
        raise NotSupportedYet("SSHAgentClient.remove_smartcard_keys", _SMARTCARD_HINT)

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


async def _receive(reader: asyncio.StreamReader) -> bytes:
    """Return one message of an agent."""
    try:
        size = Reader(await reader.readexactly(4)).uint32()
        if not 1 <= size <= messages.MAX_MESSAGE:
            raise ValueError(f"an agent announces a message of {size} bytes")
        return await reader.readexactly(size)
    except asyncio.IncompleteReadError:
        raise ConnectionResetError(errno.ECONNRESET, "the agent closed the connection") from None


@opening
async def connect_agent(agent_path: Any = "") -> SSHAgentClient:
    """Connect to an agent: `await` it, or enter it with `async with`.

    Args:
        agent_path: the UNIX socket of the agent; "": the one that SSH_AUTH_SOCK names.

    Raises:
        OSError: there is none.
        NotSupportedYet: the agent is to be reached over a connection.
    """
    if not isinstance(agent_path, (str, PurePath)):
        raise NotSupportedYet("an agent over a connection", "agent forwarding is not built yet")
    path = agent_path or os.environ.get(_VARIABLE, "")
    if not path:
        raise FileNotFoundError(errno.ENOENT, f"there is no agent: {_VARIABLE} is not set")
    agent = SSHAgentClient(str(expand(path)))
    await agent.connect()
    return agent
