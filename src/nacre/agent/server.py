"""An agent in memory: it keeps keys, and signs with them for whoever may connect to it (RFC 9987).

Owns: what becomes of each request, and the life of a connection. Must not know: how keys and constraints are
encoded, which way a connection has come (`nacre.agent.bindings`), where the socket lies.

Nothing is loaded or run for whoever asks. Over a connection that is bound to another machine's session, where
the agent is forwarded, keys are listed and sign, and nothing else.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

from nacre.agent import messages, requests
from nacre.agent.bindings import SESSION_BIND, BindingRefused, Bindings
from nacre.agent.constraints import Constraints, Destination
from nacre.agent.keyring import Entry, Keyring, Lock
from nacre.agent.messages import Answer, Request
from nacre.agent.private_socket import MAX_CLIENTS, PrivateSocket, listen_privately
from nacre.aio.key_loading import load_private_keys, sign_beside
from nacre.aio.log import logger, plain
from nacre.aio.tasks import settle
from nacre.errors import KeyImportError, WireError
from nacre.keys import SSHCertificate, SSHKeyPair, decode_shown_key
from nacre.wire.fields import Reader, encode_byte, encode_string, encode_text, encode_uint32

#: Says whether a key that asks for it may be used: shown the key and its comment.
Confirm = Callable[["AgentKey"], "bool | Awaitable[bool]"]
#: Returns the keys of a token: called with the provider and the PIN.
Smartcards = Callable[[str, str], "Sequence[SSHKeyPair] | Awaitable[Sequence[SSHKeyPair]]"]

#: The extensions that are built, as `query` tells them.
EXTENSIONS: Final = ("query", SESSION_BIND)

_FAILURE: Final = encode_byte(Answer.FAILURE)
_SUCCESS: Final = encode_byte(Answer.SUCCESS)
_NO_KEYS: Final = encode_byte(Answer.IDENTITIES) + encode_uint32(0)
_BINDING: Final = messages.extension_request(SESSION_BIND)
#: What may be asked over a connection that has come from another machine.
_FROM_AFAR: Final = frozenset((Request.IDENTITIES, Request.SIGN, Request.EXTENSION))


class AgentKey:
    """A key of an agent, as a program is shown it.

    Attributes:
        algorithm: its type.
        public_data: its blob, or that of its certificate.
        constraints: what it may be used for.
        provider: the token that it is of; "": none.
    """

    __slots__ = ("_comment", "algorithm", "constraints", "provider", "public_data")

    def __init__(self, entry: Entry) -> None:
        self.algorithm = entry.pair.algorithm
        self.public_data = entry.pair.public_data
        self.constraints = entry.constraints
        self.provider = entry.provider
        self._comment = entry.comment

    @property
    def comment(self) -> str:
        """What its user calls it."""
        return self._comment.decode("utf-8", "replace")

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the key, as `ssh-add -l` shows it; that of the key itself where it has a certificate."""
        return self.get_fingerprint()

    def get_fingerprint(self, hash_name: str = "sha256") -> str:
        """Return the fingerprint by another hash: "md5" or one of hashlib's."""
        shown = decode_shown_key(self.public_data)
        return (shown.key if isinstance(shown, SSHCertificate) else shown).get_fingerprint(hash_name)

    def __repr__(self) -> str:
        return f"<AgentKey {self.algorithm} {plain(self.comment)}>"


class Agent:
    """An agent in memory. Its keys go with it.

    Args:
        confirm: asked before each use of a key that was added so that its user is asked; plain or a coroutine
            function; it is shown an `AgentKey`. None: such a key is not taken.
        lifetime: seconds after which a key goes that was added without a lifetime; None: it stays.
        smartcards: returns the keys of a token, called with the provider's name and the PIN; plain or a
            coroutine function. None: there are no tokens. It is never called for another machine.
        clock: tells the time in seconds, for lifetimes.
    """

    def __init__(
        self,
        *,
        confirm: Confirm | None = None,
        lifetime: float | None = None,
        smartcards: Smartcards | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._confirm = confirm
        self._smartcards = smartcards
        self._keyring = Keyring(clock, lifetime)
        self._lock = Lock()
        self._timer: asyncio.TimerHandle | None = None
        #: What serves streams inside the process: a loop keeps no tasks.
        self._within: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<Agent of {len(self._keyring)} keys{', locked' if self._lock.is_locked else ''}>"

    # ------------------------------------------------------------ for the program

    @property
    def keys(self) -> list[AgentKey]:
        """The keys that there are, in the order in which they came."""
        return [AgentKey(entry) for entry in self._keyring]

    async def add_keys(
        self,
        keylist: Any,
        passphrase: Any = None,
        lifetime: int | None = None,
        confirm: bool = False,
        destinations: Iterable[Destination] = (),
    ) -> None:
        """Add keys.

        Args:
            keylist: private keys, in any form of `client_keys`: keys whose private part is elsewhere too.
            passphrase: as for `connect`.
            lifetime: seconds after which they go; None: as the agent says.
            confirm: whether `confirm` of the agent is asked before each use.
            destinations: the steps that they may be used for; none: any.

        Raises:
            ValueError: a key cannot be used, there are too many, or nobody could be asked.
            OSError: a file cannot be read.
        """
        constraints = Constraints(lifetime, confirm, tuple(destinations))
        self._require_askable(constraints)
        for pair in await load_private_keys(keylist, passphrase):
            self._add(pair, pair.get_comment_bytes() or b"", constraints)

    def remove_keys(self, keylist: Iterable[Any]) -> None:
        """Forget keys. KeyError when there is not one of them."""
        for key in keylist:
            self._keyring.remove(key.public_data)

    def remove_all(self) -> None:
        """Forget all keys."""
        self._keyring.clear()
        self._expire_later()

    async def listen(self, path: str = "", max_clients: int = MAX_CLIENTS) -> PrivateSocket:
        """Listen on a UNIX socket, which this process's user and root can connect to.

        Args:
            path: where it shall be; "": in a new directory.
            max_clients: connections at once.

        Returns:
            What listens; its `path` is what belongs into SSH_AUTH_SOCK. To be closed, or entered with `async with`.

        Raises:
            OSError: it cannot be made.
        """
        return await listen_privately(self.serve, path, "nacre-agent-", max_clients)

    async def open_agent_connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a stream to this agent inside the process: what `agent_path=` and `connect_agent` do with an agent."""
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        task = asyncio.get_running_loop().create_task(self._serve_within(reader, writer))
        self._within.add(task)
        task.add_done_callback(self._within.discard)
        return await asyncio.open_connection(sock=theirs)

    async def _serve_within(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self.serve(reader, writer)
        except OSError:
            pass  # whoever was there has gone
        finally:
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests from a stream until it ends; one that is no agent's client is left at once."""
        visit = _Visit(self)
        while True:
            try:
                size = int.from_bytes(await reader.readexactly(4), "big")
                if not 1 <= size <= messages.MAX_MESSAGE:
                    logger.info("a client of the agent announces a message of %d bytes", size)
                    return
                request = await reader.readexactly(size)
            except asyncio.IncompleteReadError:
                return
            writer.write(encode_string(await visit.answer(request)))
            await writer.drain()

    # ------------------------------------------------------------ for the visits

    def _require_askable(self, constraints: Constraints) -> None:
        if constraints.confirm and self._confirm is None:
            raise ValueError("a key asks for its user's consent, and there is nobody to ask: give confirm=")

    def _add(self, pair: SSHKeyPair, comment: bytes, constraints: Constraints, provider: str = "") -> None:
        self._require_askable(constraints)
        self._keyring.add(pair, comment, constraints, provider)
        self._expire_later()

    def _expire_later(self) -> None:
        """Have keys forgotten when their time is over, whether anybody asks or not."""
        if self._timer is not None:
            self._timer.cancel()
        left = self._keyring.next_end()
        self._timer = None
        if left is not None:
            self._timer = asyncio.get_running_loop().call_later(left, self._expire)

    def _expire(self) -> None:
        self._keyring.expire()
        self._expire_later()

    async def _consents(self, entry: Entry) -> bool:
        """Return whether a key may be used; anything but a clear yes is a no."""
        if not entry.constraints.confirm:
            return True
        if self._confirm is None:
            return False
        return await settle(self._confirm(AgentKey(entry))) is True


class _Visit:
    """One connection to an agent."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._keyring = agent._keyring
        self._lock = agent._lock
        self._bindings = Bindings()

    async def answer(self, request: bytes) -> bytes:
        """Return the answer to a request; whatever is wrong with it, that is a refusal."""
        number, reader = request[0], Reader(request[1:])
        handler = _HANDLERS.get(number)
        logger.debug("a client of the agent asks: %s", "?" if handler is None else Request(number).name)
        if handler is None or (self._bindings.attempted and number not in _FROM_AFAR):
            return _FAILURE
        if self._lock.is_locked and number != Request.UNLOCK:
            if request.startswith(_BINDING):
                self._bindings.attempted = True  # what comes later is not taken for a local client's
            return _NO_KEYS if number == Request.IDENTITIES else _FAILURE
        try:
            return await handler(self, reader)
        except (WireError, ValueError, KeyImportError, KeyError, OSError) as error:
            logger.info("a request to the agent was refused: %s", plain(error))
        except Exception as error:  # noqa: BLE001 - the program's callback, or a key that does not sign: reported
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a request to the agent failed", "exception": error}
            )
        return _FAILURE

    # ------------------------------------------------------------ using keys

    def _visible(self, entry: Entry) -> bool:
        return self._bindings.shows(entry.constraints.destinations, time.time())

    def _find(self, public_data: bytes) -> Entry:
        """Return a key that this connection sees."""
        entry = self._keyring.find(public_data)
        if entry is None or not self._visible(entry):
            raise KeyImportError("there is no such key")
        return entry

    async def _identities(self, reader: Reader) -> bytes:
        listed = [entry.listed for entry in self._keyring if self._visible(entry)]
        return encode_byte(Answer.IDENTITIES) + encode_uint32(len(listed)) + b"".join(listed)

    async def _sign(self, reader: Reader) -> bytes:
        public_data, data, flags = reader.string(), reader.string(), reader.uint32()
        reader.end()
        entry = self._keyring.find(public_data)
        if entry is None:
            raise KeyImportError("there is no such key")
        destinations = entry.constraints.destinations
        if destinations:
            self._bindings.require_permitted(entry.pair, destinations, data, time.time())
        requests.require_ours(entry.pair, data)
        algorithm = requests.algorithm_of(entry.pair, flags)
        if not await self._agent._consents(entry):
            raise BindingRefused("its user did not consent")
        if self._keyring.find(public_data) is not entry or self._lock.is_locked:
            raise KeyImportError("the key went while its user was asked")
        return encode_byte(Answer.SIGNATURE) + encode_string(await sign_beside(entry.pair, data, algorithm))

    # ------------------------------------------------------------ changing them

    async def _add(self, reader: Reader) -> bytes:
        loop = asyncio.get_running_loop()
        added = await loop.run_in_executor(None, requests.decode_added, reader)
        present = self._keyring.find(added.pair.public_data)
        if present is not None and not self._visible(present):
            raise KeyImportError("there is such a key, which this connection does not see")
        self._agent._add(added.pair, added.comment, added.constraints)
        return _SUCCESS

    async def _remove(self, reader: Reader) -> bytes:
        public_data = reader.string()
        reader.end()
        self._find(public_data)
        self._keyring.remove(public_data)
        return _SUCCESS

    async def _remove_all(self, reader: Reader) -> bytes:
        self._agent.remove_all()
        return _SUCCESS

    async def _add_smartcard(self, reader: Reader) -> bytes:
        card = requests.decode_smartcard(reader)
        if self._agent._smartcards is None:
            raise KeyImportError("there are no tokens here")
        pairs = await settle(self._agent._smartcards(card.provider, card.pin))
        for pair in pairs:
            comment = pair.get_comment_bytes() or card.provider.encode()
            self._agent._add(pair, comment, card.constraints, card.provider)
        return _SUCCESS if pairs else _FAILURE

    async def _remove_smartcard(self, reader: Reader) -> bytes:
        card = requests.decode_smartcard(reader)
        found = [entry for entry in self._keyring if entry.provider and entry.provider == card.provider]
        for entry in found:
            self._keyring.remove(entry.pair.public_data)
        return _SUCCESS if found else _FAILURE

    async def _lock_it(self, reader: Reader) -> bytes:
        passphrase = reader.string()
        reader.end()
        return _SUCCESS if await self._lock.lock(passphrase) else _FAILURE

    async def _unlock(self, reader: Reader) -> bytes:
        passphrase = reader.string()
        reader.end()
        return _SUCCESS if await self._lock.unlock(passphrase) else _FAILURE

    # ------------------------------------------------------------ extensions

    async def _extension(self, reader: Reader) -> bytes:
        match reader.ascii():
            case "query":
                names = b"".join(encode_text(name) for name in EXTENSIONS)
                return encode_byte(Answer.EXTENSION_RESPONSE) + encode_text("query") + names
            case name if name == SESSION_BIND:
                try:
                    self._bindings.bind(reader)
                except (BindingRefused, WireError) as error:
                    logger.info("a session was not bound to a connection to the agent: %s", plain(error))
                    return encode_byte(Answer.EXTENSION_FAILURE)
                return _SUCCESS
        return _FAILURE


_HANDLERS: Final[dict[int, Callable[[_Visit, Reader], Awaitable[bytes]]]] = {
    Request.IDENTITIES: _Visit._identities,
    Request.SIGN: _Visit._sign,
    Request.ADD: _Visit._add,
    Request.ADD_CONSTRAINED: _Visit._add,
    Request.REMOVE: _Visit._remove,
    Request.REMOVE_ALL: _Visit._remove_all,
    Request.LOCK: _Visit._lock_it,
    Request.UNLOCK: _Visit._unlock,
    Request.ADD_SMARTCARD: _Visit._add_smartcard,
    Request.ADD_SMARTCARD_CONSTRAINED: _Visit._add_smartcard,
    Request.REMOVE_SMARTCARD: _Visit._remove_smartcard,
    Request.EXTENSION: _Visit._extension,
}
