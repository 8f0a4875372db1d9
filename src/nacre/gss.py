"""GSS-API through the package `gssapi` (extra `nacre[gssapi]`), with Kerberos 5 as the mechanism.

Owns: who asked for it, contexts of clients and servers, and the thread that their steps are taken in: a step may
wait for a key distribution centre. Must not know: messages; the protocol has an interface for what is here
(`nacre.protocol.gss`).

The package is imported when somebody asks for GSS-API, or a server offers to log in by it.
"""

from __future__ import annotations

import functools
import os
import socket
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from nacre.aio.log import logger, plain
from nacre.aio.waiting import Waiters
from nacre.config_alone import alone
from nacre.config_server_alone import server_alone
from nacre.crypto.kex.gss import is_gss, names_gss, with_mechanism
from nacre.crypto.registry import Family, default_names
from nacre.errors import GssError, KeyExchangeFailed
from nacre.protocol import events
from nacre.protocol.gss import GssContext

if TYPE_CHECKING:
    import gssapi

    from nacre.options import SSHConnectionOptions

#: Kerberos 5 (RFC 4121 section 1), in DER. RFC 4462 section 3.2: SPNEGO "MUST NOT be used".
KERBEROS: Final = bytes.fromhex("06092a864886f712010202")
_MISSING: Final = (
    "GSS-API is asked for, and needs the package gssapi: pip install 'nacre[gssapi]' (it is built with libkrb5-dev); "
    "gss_host=None does without"
)
#: Options that say that GSS-API is wanted, where they are given and say neither no nor nothing.
_ASKING: Final = ("gss_host", "gss_store", "gss_kex", "gss_auth", "gss_delegate_creds")
_ALL_ASKING: Final = frozenset(_ASKING)
#: Characters of a failure of the library that are kept.
_REASON: Final = 300

#: Clients may wait for a key distribution centre; a server's steps take a thread of their own kind.
_of_clients: Final = Waiters("nacre-gss-client")
_of_servers: Final = Waiters("nacre-gss-server")


def asked_for(options: SSHConnectionOptions) -> bool:
    """Return whether somebody wants GSS-API, rather than having it by default."""
    if not options.gives_any(_ALL_ASKING):  # as by nearly everybody
        return names_gss(options.kex_algs)
    if options.is_given("gss_host") and options.gss_host is None:
        return False
    given = filter(options.is_given, _ASKING)
    named = [name for name in given if name in options.options and getattr(options, name)]
    return bool(named or _wants_kex(options))


def _wants_kex(options: SSHConnectionOptions) -> bool:
    if options.is_given("gss_kex"):
        return bool(options.gss_kex)
    return names_gss(options.kex_algs)


def available() -> bool:
    """Return whether the package is there; it is not imported for that."""
    from importlib.util import find_spec

    return find_spec("gssapi") is not None


def require() -> None:
    """Raise ImportError with one line that says what to do, unless the package is there."""
    if not available():
        raise ImportError(_MISSING)


def kex_algorithms(options: SSHConnectionOptions, *, gss: bool) -> tuple[str, ...]:
    """Return the key exchanges to offer, as on the wire.

    Args:
        options: those that `kex_algs` names stand where it has them; where it names none of GSS-API, those of
            `gss_kex_algs` stand first: it would never come to them otherwise.
        gss: whether there can be any of GSS-API.

    Raises:
        KeyExchangeFailed: nothing else was named.
    """
    named: tuple[str, ...] = options.kex_algs or default_names(Family.KEX)
    if not names_gss(named):
        return (*_on_the_wire(options.gss_kex_algs), *named) if gss else named
    if gss:
        return _on_the_wire(named)
    rest = tuple(name for name in named if not is_gss(name))
    if not rest:
        raise KeyExchangeFailed("kex_algs names key exchanges of GSS-API alone, and there is no GSS-API")
    return rest


def _on_the_wire(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(with_mechanism(name, KERBEROS) if is_gss(name) else name for name in names)


# ---------------------------------------------------------------- contexts


@functools.cache
def _library() -> Any:
    """Return the package; ImportError."""
    require()
    import gssapi

    return gssapi


@functools.cache
def _kind() -> type[gssapi.SecurityContext]:
    """Return the class of contexts whose failed steps raise at once, with the error token."""
    base: type[gssapi.SecurityContext] = _library().SecurityContext
    return type("SecurityContext", (base,), {"__DEFER_STEP_ERRORS__": False})


def _failure(error: Exception) -> GssError:
    """Return a failure of the library as one of ours."""
    reason = " ".join(str(error).split())[:_REASON]
    token = getattr(error, "token", None)
    return GssError(reason, token if isinstance(token, bytes) else b"")


class Context:
    """A security context of either end.

    Args:
        make: makes the library's own, which may block.
    """

    def __init__(self, make: Callable[[], gssapi.SecurityContext]) -> None:
        self._make = make
        self._context: gssapi.SecurityContext | None = None
        #: The first token of a client, where its first step was taken beforehand.
        self.ready: bytes | None = None

    def __repr__(self) -> str:
        return f"<gss context, {'complete' if self.complete else 'not complete'}>"

    def step(self, token: bytes) -> bytes:
        """Take the peer's token, return ours. GssError."""
        ready, self.ready = self.ready, None
        if ready is not None:
            return ready
        library = _library()
        try:
            if self._context is None:
                self._context = self._make()
            return self._context.step(token or None) or b""
        except library.exceptions.GSSError as error:
            raise _failure(error) from None

    @property
    def complete(self) -> bool:
        """Whether it is established."""
        return self._context is not None and self._context.complete is True

    @property
    def mutual(self) -> bool:
        """Whether both ends have proved who they are."""
        return self._has("mutual_authentication")

    @property
    def integrity(self) -> bool:
        """Whether it can sign."""
        return self._has("integrity")

    def _has(self, flag: str) -> bool:
        if self._context is None or not self.complete:
            return False
        return bool(self._context.actual_flags & getattr(_library().RequirementFlag, flag))

    def sign(self, data: bytes) -> bytes:
        """Return a message integrity code. GssError."""
        if self._context is None:
            raise GssError("a context signs nothing before its first step")
        try:
            return self._context.get_signature(data)
        except _library().exceptions.GSSError as error:
            raise _failure(error) from None

    def verify(self, data: bytes, mic: bytes) -> bool:
        """Return True where a message integrity code is right."""
        if self._context is None:
            return False
        try:
            self._context.verify_signature(data, mic)
        except _library().exceptions.GSSError:
            return False
        return True

    # ------------------------------------------------------------ whom it stands for

    @property
    def initiator(self) -> str:
        """The client's principal, as "alice@EXAMPLE.ORG"; "" where it has not said."""
        return "" if self._has("anonymity") else self._name("initiator_name")

    @property
    def acceptor(self) -> str:
        """The server's principal, as "host/server.example.org@EXAMPLE.ORG"."""
        return self._name("target_name")

    def _name(self, which: str) -> str:
        if self._context is None or not self.complete:
            return ""
        try:
            return str(getattr(self._context, which) or "")
        except (_library().exceptions.GSSError, UnicodeDecodeError):
            return ""

    @property
    def delegated(self) -> gssapi.Credentials | None:
        """The credentials that the client has handed on, if it has."""
        if self._context is None or not self._has("delegate_to_peer"):
            return None
        return self._context.delegated_creds

    def facts(self) -> dict[str, Any]:
        """Return what a server's program may ask of the connection."""
        return {
            "gss_user_principal": self.initiator,
            "gss_host_principal": self.acceptor,
            "gss_delegated_creds": self.delegated,
        }


async def take_step(event: events.GssStepNeeded, *, server: bool) -> bytes | events.GssFailure:
    """Answer a question for a step of a context that was made here."""
    context = event.context
    try:
        if isinstance(context, Context) and context.ready is not None:
            return context.step(b"")
        return await (_of_servers if server else _of_clients).call(lambda: context.step(event.received))
    except GssError as error:
        return events.GssFailure(str(error), error.token)


def _service(host: str) -> gssapi.Name:
    library = _library()
    name: gssapi.Name = library.Name(
        host if "@" in host else f"host@{host}", library.NameType.hostbased_service
    )
    return name


def _store(options: SSHConnectionOptions, key: str) -> dict[str, str] | None:
    """Return the store of credentials: what is one word is a cache of tickets, or a server's keytab."""
    store = options.gss_store
    if store is None:
        return None
    if isinstance(store, Mapping):
        return {os.fsdecode(name): os.fsdecode(value) for name, value in store.items()}
    return {key: os.fsdecode(store)}


# ---------------------------------------------------------------- client


class ClientGss:
    """Makes the contexts of a client.

    Args:
        options: of the connection.
        host: what it was told to connect to.
    """

    mechanism = KERBEROS

    def __init__(self, options: SSHConnectionOptions, host: str) -> None:
        self._options = options
        self.host: str = options.gss_host or host
        self._address = ""
        self._prepared: Context | None = None

    def reaches(self, address: str) -> None:
        """Say where the server is: whoever trusts the DNS has it name the server."""
        self._address = address

    def _target(self) -> str:
        """Return the server's name; the DNS may have to be waited for."""
        if self._address and alone(self._options).gss_trusts_dns:
            from nacre.aio.host_names import confirmed_here  # few configurations say it

            return confirmed_here(self._address) or self._address
        return self.host

    def context(self) -> GssContext:
        """Return a new context, or the one that was prepared."""
        prepared, self._prepared = self._prepared, None
        return prepared or Context(self._make)

    def _make(self) -> gssapi.SecurityContext:
        library, flag = _library(), _library().RequirementFlag
        flags = flag.mutual_authentication | flag.integrity
        if self._options.gss_delegate_creds:
            flags |= flag.delegate_to_peer
        store = _store(self._options, "ccache")
        mechanism = library.MechType.kerberos
        identity, credentials = alone(self._options).gss_identity, None
        if store is not None or identity:
            name = library.Name(identity, library.NameType.user) if identity else None
            credentials = library.Credentials(name=name, usage="initiate", mechs=[mechanism], store=store)
        return _kind()(
            name=_service(self._target()), creds=credentials, mech=mechanism, flags=flags, usage="initiate"
        )

    async def prepare(self) -> None:
        """Take the first step of a context: whether there is a ticket must be known before it is offered. GssError."""
        context = Context(self._make)
        token = await _of_clients.call(lambda: context.step(b""))
        if not token:
            raise GssError("the library has made no token")
        context.ready = token
        self._prepared = context


async def of_client(options: SSHConnectionOptions, host: str) -> tuple[ClientGss | None, bool]:
    """Return what makes a client's contexts, and whether a key exchange is among what they are for.

    Raises:
        ImportError: GSS-API is asked for, and the package is missing.
        KeyExchangeFailed: only key exchanges of GSS-API are allowed, and there is no ticket.
    """
    gss = lazily_of_client(options, host)
    if gss is not None and asked_for(options):
        require()
        if _wants_kex(options):
            try:
                await gss.prepare()
            except GssError as error:
                logger.info(
                    "no GSS-API key exchange is offered to %s: %s", plain(gss.host), plain(str(error))
                )
            else:
                return gss, True
    kex_algorithms(options, gss=False)  # now, and not when the connection is there
    return gss, False


def lazily_of_client(options: SSHConnectionOptions, host: str) -> ClientGss | None:
    """Return what makes a client's contexts, should a server ask for it."""
    gss = ClientGss(options, host)
    no_name = options.gss_host is None or not gss.host
    return None if no_name or not (options.gss_auth or _wants_kex(options)) else gss


# ---------------------------------------------------------------- server


class ServerGss:
    """Makes the contexts of a server, for all its connections."""

    mechanism = KERBEROS

    def __init__(self, options: SSHConnectionOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._credentials: gssapi.Credentials | None = None

    def context(self) -> GssContext:
        """Return a new context."""
        return Context(lambda: _kind()(creds=self._acquire(), usage="accept"))

    def _acquire(self) -> gssapi.Credentials:
        with self._lock:
            if self._credentials is None:
                library = _library()
                options = self._options
                by_any = server_alone(options).any_acceptor and not options.is_given("gss_host")
                self._credentials = library.Credentials(
                    name=None if by_any else _service(options.gss_host or socket.getfqdn()),
                    usage="accept",
                    mechs=[library.MechType.kerberos],
                    store=_store(self._options, "keytab"),
                )
            return self._credentials

    async def prepare(self) -> None:
        """Find the server's keys.

        Raises:
            ValueError: there are none.
        """
        library = _library()
        try:
            await _of_servers.call(self._acquire)
        except library.exceptions.GSSError as error:
            raise ValueError(f"GSS-API: this server has no keys: {_failure(error)}") from None


def of_server(options: SSHConnectionOptions) -> ServerGss | None:
    """Return what makes a server's contexts, or None: nobody asked for it. One for all with these options."""
    known = options.__dict__.get("_gss", options)
    if known is options:
        known = (
            ServerGss(options) if asked_for(options) and (options.gss_auth or _wants_kex(options)) else None
        )
        if known is not None:
            require()
        options.__dict__["_gss"] = known
    found: ServerGss | None = known
    return found


def offers_kex(options: SSHConnectionOptions) -> bool:
    """Return whether a server offers key exchanges of GSS-API."""
    return of_server(options) is not None and _wants_kex(options)
