"""What the connection objects of both roles have in common.

Owns: `SSHConnection`: facts, keepalive, debug messages, the end, and what waits for the login. Must
not know: roles, sockets, channels' kinds.
"""

from __future__ import annotations

import asyncio
import inspect
import socket
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, ClassVar, Final, Generic, Protocol, Self, TypeVar

from nacre.absent import tell_of_callbacks
from nacre.aio.driver import Driver
from nacre.aio.link import GlobalHandler, Handlers, Link, LinkState, OpenHandler
from nacre.aio.log import SSHLogger, debugging, plain, trace_connection
from nacre.aio.penalties import Outcome
from nacre.aio.sources import host_of, is_internet
from nacre.aio.tasks import FAILURES, settle
from nacre.client import SSHClient
from nacre.errors import ConnectionLost, DisconnectReason
from nacre.gss import take_step
from nacre.options import SSHConnectionOptions, accept
from nacre.protocol import events
from nacre.protocol.connection import Connection
from nacre.protocol.deadlines import Overdue
from nacre.protocol.settings import Role
from nacre.server import SSHServer

_KINDS: Final = ("cipher", "mac", "compression")
#: Facts that `get_extra_info` looks up in what was negotiated.
_AGREED: Final = frozenset(
    ("client_version", "server_version", *(f"{way}_{kind}" for way in ("send", "recv") for kind in _KINDS))
)
OwnerT = TypeVar("OwnerT", SSHClient, SSHServer)


class Resource(Protocol):
    """What lives no longer than a connection: the hop it goes through, a proxy command, an agent."""

    def close(self) -> None:
        """Begin to end."""

    async def wait_closed(self) -> None:
        """Wait for the end."""


class SSHConnection(Generic[OwnerT]):
    """Base of the connection objects; made by `connect`, `listen` and their siblings."""

    _role: Role
    #: The class with the defaults of the callbacks, and which of this role alone are never called.
    _callbacks: tuple[type, Mapping[str, str]]
    #: What is done about events, who answers the peer's opens, and its global requests: tables of the class.
    _questions: ClassVar[Handlers] = {
        events.KeysExchanged: lambda self, event: self._keys_exchanged(event),
        events.PowersQuestion: lambda self, event: self._powers_asked(event),
        events.GssStepNeeded: lambda self, event: self._gss_step(event),
        events.DebugReceived: lambda self, event: self._debug_received(event),
        events.AuthSucceeded: lambda self, event: self._auth_succeeded(event),
    }
    _opens: ClassVar[Mapping[str, OpenHandler]]
    _requests: ClassVar[Mapping[str, GlobalHandler]]

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        options: SSHConnectionOptions,
        factory: Callable[[], OwnerT],
    ) -> None:
        self._loop = loop
        self._options = options
        self._factory: Callable[[], OwnerT] = factory
        self._owner: OwnerT | None = None
        self._extra: dict[str, Any] = {}
        self._setup_error: Exception | None = None
        self._resources: tuple[Resource, ...] = ()
        self._ends: tuple[Any, Any] | None = None
        self._keepalive = (options.keepalive_interval, options.keepalive_count_max)
        #: Done when the user is logged in, or when that will never be.
        self.established: asyncio.Future[None] = loop.create_future()
        self._link = Link(self, loop, self._questions, self._opens, self._requests)

    # ------------------------------------------------------------ for the roles

    def _make_protocol(self) -> Connection:
        """Return the protocol end, once the program knows of the connection."""
        raise NotImplementedError

    @property
    def driver(self) -> Driver:
        """The asyncio protocol of this connection."""
        return self._link.driver

    @property
    def link(self) -> Link:
        """The runtime of this connection."""
        return self._link

    def came_from(self, peer: Any, own: Any) -> None:
        """Say where the connection comes from and goes to, before it begins, where the transport knows less."""
        self._ends = peer, own
        self._extra.update(peername=peer, sockname=own)

    def outcome(self) -> Outcome:
        """Return how the time before the login ended."""
        driver, error = self._link.driver, self._link.error
        if driver.fault is not None:
            return Outcome.CRASH
        protocol = driver.protocol
        if protocol is None or self._link.state is not LinkState.GONE or self._link.quit:
            return Outcome.SETTLED
        if isinstance(error, Overdue):
            return Outcome.GRACE_EXCEEDED
        return Outcome.AUTHFAIL if protocol.info.refused else Outcome.NOAUTH

    def own(self, resource: Resource) -> None:
        """Close something with this connection, and have `wait_closed` wait for it."""
        self._resources += (resource,)

    async def discard(self) -> None:
        """Wait for the end of a connection that was aborted, and may never have had a transport."""
        if self._link.driver.transport is not None:
            await self._link.wait_closed()
        await self._end_resources()

    async def _end_resources(self) -> None:
        for resource in self._resources:
            resource.close()
        for resource in self._resources:
            await resource.wait_closed()

    # ------------------------------------------------------------ asked by the link

    def transport_made(self, transport: asyncio.Transport) -> Connection:
        """The transport is connected: tell the program, and begin."""
        peer, own = transport.get_extra_info("peername"), transport.get_extra_info("sockname")
        if self._options.tcp_keepalive and is_internet(peer):
            sock = transport.get_extra_info("socket")
            if sock is not None:  # a tunnel has the addresses of its ends
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        peer, own = self._ends or (peer, own)
        self._extra.update(peername=peer, remote_peername=peer, sockname=own, local_peername=own)
        try:
            self._owner = owner = self._factory()
            tell_of_callbacks(owner, *self._callbacks, self._link)
            tell: Callable[[Any], Any] = owner.connection_made
            self._require_plain(tell(self), "connection_made")
            protocol = self._make_protocol()
        except Exception as error:
            self._setup_error = error
            raise
        trace_connection(protocol, self._link.name)
        return protocol

    def link_lost(self, error: Exception | None) -> None:
        """The connection is over."""
        error = self._setup_error or error
        if debugging():
            self.logger.debug("the connection has ended: %s", plain(error) if error else "closed")
        if self._owner is not None:
            try:
                lost: Callable[[Any], Any] = self._owner.connection_lost
                self._require_plain(lost(error), "connection_lost")
            except FAILURES as raised:  # the program's callback: reported
                self._link.report(raised, "connection_lost")
        if not self.established.done():
            self.established.set_exception(error or ConnectionLost("the connection was closed"))
            self.established.exception()  # taken note of: nobody may wait for it

    def transport_gone(self) -> None:
        """Nothing more is sent: what the connection went through may go."""
        for resource in self._resources:
            resource.close()

    # ------------------------------------------------------------ events

    def _powers_asked(self, event: events.PowersQuestion) -> None:
        """Carry out what the key exchange asks for; a server on the budget of where the client is."""
        from nacre.aio.powers import compute  # for groups of finite fields

        source = (host_of(self._extra["peername"]) or "") if self._role is Role.SERVER else None
        self._answer(event, settle(compute(event.powers, source)))

    def _gss_step(self, event: events.GssStepNeeded) -> None:
        """Take the next step of a context; it may wait for a network."""
        step: Coroutine[Any, Any, bytes | events.GssFailure] = take_step(
            event, server=self._role is Role.SERVER
        )
        self._answer(event, settle(step))

    def _keys_exchanged(self, event: events.KeysExchanged) -> None:
        if debugging():
            info, facts = self._link.protocol.info, self._agreed()
            agreed = info.negotiated
            assert agreed is not None
            ciphers = ", ".join(
                f"{way} {' '.join(dict.fromkeys(facts[f'{key}_{kind}'] for kind in _KINDS))}"
                for way, key in (("send", "send"), ("receive", "recv"))
            )
            version = plain(info.peer_version)
            self.logger.debug("%s: %s, host key %s, %s", version, agreed.kex, agreed.host_key, ciphers)

    def _agreed(self) -> Mapping[str, Any]:
        """Return the facts of the latest key exchange: made when they are asked for, and not kept."""
        protocol = self._link.driver.protocol
        if protocol is None or protocol.info.negotiated is None:
            return {}
        info, agreed = protocol.info, protocol.info.negotiated
        client = self._role is Role.CLIENT
        up = (
            agreed.cipher_client_to_server,
            agreed.mac_client_to_server,
            agreed.compression_client_to_server,
        )
        down = (
            agreed.cipher_server_to_client,
            agreed.mac_server_to_client,
            agreed.compression_server_to_client,
        )
        send, receive = (up, down) if client else (down, up)
        return {
            "client_version": info.own_version if client else info.peer_version,
            "server_version": info.peer_version if client else info.own_version,
            "send_cipher": send[0],
            "send_mac": send[1] or send[0],  # of a cipher that authenticates by itself, its own name
            "send_compression": send[2],
            "recv_cipher": receive[0],
            "recv_mac": receive[1] or receive[0],
            "recv_compression": receive[2],
        }

    def _debug_received(self, event: events.DebugReceived) -> None:
        self._tell("debug_msg_received", event.message, event.lang, event.always_display)

    def _auth_succeeded(self, event: events.AuthSucceeded) -> None:
        self._extra["username"] = event.username
        if debugging():
            self.logger.debug("%s is logged in by %s", plain(event.username), event.method)
        # Of all keys that were offered, the one whose signature was verified (security history row 39).
        self._extra["client_key_blob"] = event.key_blob
        if not self._completes_quietly():
            self._link.tasks.begin(self._logged_in(event), "auth_completed")
        elif not self.established.done():
            self.established.set_result(None)

    def _completes_quietly(self) -> bool:
        """Return whether nobody is to be told that the login is complete: the callback is ours, which does nothing."""
        told, ours = getattr(self._owner, "auth_completed", None), self._callbacks[0]
        return getattr(told, "__func__", None) is vars(ours)["auth_completed"]

    async def _logged_in(self, event: events.AuthSucceeded) -> None:
        """Tell the program; then the login is complete."""
        assert self._owner is not None
        await self._before_completed()
        try:
            await settle(self._owner.auth_completed())  # type: ignore[func-returns-value]  # may be a coroutine
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the program's callback: reported
            self._link.report(error, "auth_completed")
        if not self.established.done():
            self.established.set_result(None)

    async def _before_completed(self) -> None:
        """Tell what is to be told before `auth_completed`."""

    def _tell(self, callback: str, *args: Any) -> None:
        """Call a callback of the program whose failure changes nothing; a coroutine runs as a task."""
        try:
            told = getattr(self._owner, callback)(*args)
        except FAILURES as error:  # the program's callback: reported
            self._link.report(error, callback)
            return
        if inspect.isawaitable(told):
            self._link.tasks.begin(settle(told), callback)

    @staticmethod
    def _require_plain(result: object, callback: str) -> None:
        """Raise at once where a callback that nothing waits for is a coroutine function."""
        if result is not None and inspect.iscoroutine(result):
            result.close()
            raise TypeError(f"{callback} must be a plain function: nothing waits for it as a coroutine")

    def _answer(self, event: Any, answer: Coroutine[Any, Any, Any], refusal: object = False) -> None:
        """Answer a question with what a coroutine of ours returns; what it raises is a refusal."""
        self._link.ask(event.token, answer, refusal, type(event).__name__)

    # ------------------------------------------------------------ facts

    @property
    def logger(self) -> SSHLogger:
        """A logger that names this connection."""
        return self._link.logger

    def get_owner(self) -> OwnerT | None:
        """Return the callback object of this connection."""
        return self._owner

    def is_client(self) -> bool:
        """Return whether this is the client's end."""
        return self._role is Role.CLIENT

    def is_server(self) -> bool:
        """Return whether this is the server's end."""
        return self._role is Role.SERVER

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return a fact about this connection.

        Args:
            name: username, client_key_blob (the public key or certificate that logged in, or None), client_version,
                server_version, send_cipher, send_mac, send_compression, recv_cipher, recv_mac,
                recv_compression, host, port, peername, sockname, local_peername, remote_peername,
                preferred_auth; on a server, after a login by GSS-API, gss_user_principal,
                gss_host_principal and gss_delegated_creds; what `set_extra_info` has set; or what the transport knows.
            default: what to return when it is not known.
        """
        if name in self._extra:
            return self._extra[name]
        if name in _AGREED and name in (agreed := self._agreed()):
            return agreed[name]
        transport = self._link.driver.transport
        return default if transport is None else transport.get_extra_info(name, default)

    def set_extra_info(self, **kwargs: Any) -> None:
        """Attach facts for `get_extra_info`."""
        self._extra.update(kwargs)

    def is_closed(self) -> bool:
        """Return whether the connection is over, or about to be."""
        return self._link.state is not LinkState.OPEN

    # ------------------------------------------------------------ commands

    def set_keepalive(self, interval: Any = None, count_max: int | None = None) -> None:
        """Change the keepalive.

        Args:
            interval: seconds of silence before a keepalive is sent; 0: never; None: as it is.
            count_max: unanswered ones after which the connection is lost; None: as it is.

        Raises:
            ValueError: a value is negative.
        """
        seconds, count = self._keepalive
        if interval is not None:
            seconds = accept(self._options.options["keepalive_interval"], interval)
        if count_max is not None:
            count = accept(self._options.options["keepalive_count_max"], count_max)
        self._keepalive = (seconds, count)
        if self._link.active:
            self._link.protocol.set_keepalive(seconds, count)
            self._link.touch()

    def send_debug(self, msg: str, lang: str = "en-US", always_display: bool = False) -> None:
        """Send SSH_MSG_DEBUG (RFC 4253 section 11.3)."""
        self._link.require_active()
        self._link.protocol.send_debug(msg, lang, always_display=always_display)
        self._link.touch()

    def create_task(self, coro: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine that belongs to this connection, and is cancelled when it ends."""
        return self._link.tasks.spawn(coro, "a task of the program")

    # ------------------------------------------------------------ the end

    def abort(self) -> None:
        """Drop the connection now; nothing more is sent."""
        self._link.abort()

    def close(self) -> None:
        """Close the connection; see `wait_closed`."""
        self.disconnect(DisconnectReason.BY_APPLICATION, "Disconnected by application")

    def disconnect(self, code: int, reason: str, lang: str = "en-US") -> None:
        """Close the connection with a reason (RFC 4253 section 11.1).

        Args:
            code: a `DISC_…` constant.
            reason: a sentence for the peer's user.
            lang: the language of `reason`.
        """
        self._link.disconnect(code, reason, lang)

    async def wait_closed(self) -> None:
        """Wait until the connection is over, with every task that belonged to it."""
        await self._link.wait_closed()
        await self._end_resources()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.close()
        await self.wait_closed()
