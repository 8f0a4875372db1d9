"""The server's side of authentication (RFC 4252 section 5), whatever the method.

Owns: the authentication lane, the counting of failures, queries and requests, what is reset when
the user changes, and success. Must not know: how a method proves anything.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from nacre.errors import (
    IllegalUserName,
    LocalProtocolError,
    PermissionDenied,
    ProtocolError,
    ServiceNotAvailable,
)
from nacre.protocol import limits
from nacre.protocol.auth.base import SERVICE, USERAUTH, Attempt, ServerMethod
from nacre.protocol.auth.hostbased import ServerHostbased
from nacre.protocol.auth.kbdint import ServerKbdint
from nacre.protocol.auth.password import ServerPassword
from nacre.protocol.auth.publickey import ServerPublicKey
from nacre.protocol.core import Core
from nacre.protocol.events import AuthBegin, AuthPolicy, AuthSucceeded, Partial
from nacre.protocol.handshake import Handshake
from nacre.protocol.lane import Lane, MakeQuestion
from nacre.protocol.state import Phase
from nacre.wire.auth import (
    HOSTBASED,
    HOSTBOUND,
    KBDINT,
    PASSWORD,
    PUBLICKEY,
    UserauthBanner,
    UserauthFailure,
    UserauthRequest,
    UserauthSuccess,
)
from nacre.wire.gss import KEYEX, WITH_MIC
from nacre.wire.transport import ServiceAccept, ServiceRequest

_NONE: Final = "none"


def _gss_method(name: str) -> ServerMethod:
    from nacre.protocol.auth.gssapi import SERVER_METHODS  # few logins need it

    return SERVER_METHODS[name]()


def _possible(name: str, core: Core) -> bool:
    """Return whether a method can be carried out here."""
    if name not in (KEYEX, WITH_MIC):
        return name in _METHODS
    from nacre.protocol.auth.gssapi import possible

    return possible(name, core.settings, core.info)


_METHODS: Final[dict[str, Callable[[], ServerMethod]]] = {
    PUBLICKEY: ServerPublicKey,
    PASSWORD: ServerPassword,
    KBDINT: ServerKbdint,
    WITH_MIC: partial(_gss_method, WITH_MIC),
    KEYEX: partial(_gss_method, KEYEX),
    HOSTBASED: ServerHostbased,
}
#: Before somebody has a name.
_NOTHING: Final = AuthPolicy(True, (), (), ())
#: What stands for a method under another name, and is never offered by it.
_SYNONYMS: Final = {HOSTBOUND: PUBLICKEY}


class ServerAuth:
    """Authentication of one connection, on its server."""

    __slots__ = (
        "_banners",
        "_current",
        "_failures",
        "_handshake",
        "_lane",
        "_none_was_free",
        "_queries",
        "_remaining",
        "_requests",
        "_user",
        "_waiting",
        "core",
        "policy",
    )

    def __init__(self, core: Core, handshake: Handshake) -> None:
        self.core = core
        self._handshake = handshake
        self._lane = Lane(core, ServerAuth._take, limits.AUTH_PENDING, self)
        self._user: tuple[str, str] | None = None
        #: What is asked of the user; before that is known nothing is taken.
        self.policy = _NOTHING
        self._remaining: tuple[str, ...] = ()
        self._current: ServerMethod | None = None
        self._none_was_free = False
        self._failures = 0
        self._queries = 0
        self._requests = 0
        self._waiting = 0
        self._banners: tuple[UserauthBanner, ...] = ()

    def release(self) -> None:
        """The connection is over, and nothing of it is taken any more."""
        self._current = None
        self._lane.release()

    # ------------------------------------------------------------ messages

    def service_requested(self, payload: bytes) -> None:
        """Take SSH_MSG_SERVICE_REQUEST (RFC 4253 section 10)."""
        self._count_request()
        service = ServiceRequest.decode(payload).service
        if service != USERAUTH:
            raise ServiceNotAvailable("the service must be ssh-userauth")
        self.core.phase = Phase.AUTH
        self.core.send(ServiceAccept(USERAUTH))
        for banner in self._banners:
            self.core.send(banner)
        self._banners = ()

    def received(self, payload: bytes) -> None:
        """Take a message 50 to 79; it waits while the application decides about one before it."""
        self._waiting += len(payload)
        if self._waiting > limits.AUTH_PENDING_BYTES:
            raise ProtocolError("too many bytes of requests behind an undecided one")
        self._lane.put(payload)

    def _take(self, payload: bytes) -> None:
        self._waiting -= len(payload)
        number = payload[0]
        if self.core.phase is not Phase.AUTH:
            # RFC 4252 section 5.1: requests behind the one that succeeded are ignored. Nothing else is.
            if number != UserauthRequest.number:
                raise ProtocolError(f"message {number} has no place after authentication")
        elif number == UserauthRequest.number:
            self._request(UserauthRequest.decode(payload))
        elif number >= 60 and self._current is not None:  # RFC 4250 section 4.1.2
            self._current.message(self, number, payload)
        else:
            raise ProtocolError(f"message {number} has no place in authentication here")

    # ------------------------------------------------------------ requests

    def _count_request(self) -> None:
        self._requests += 1
        if self._requests > limits.AUTH_REQUESTS:
            raise PermissionDenied("too many authentication requests")

    def _request(self, request: UserauthRequest) -> None:
        self._count_request()
        self._current = None
        if len(request.username.encode()) > limits.USERNAME:
            raise IllegalUserName(f"a user name of more than {limits.USERNAME} bytes")
        if not request.username.isprintable():
            # As RFC 4013 section 2.3 prohibits: control characters, and what changes how others are shown.
            raise IllegalUserName("a user name with characters that cannot be printed")
        if request.service != SERVICE:
            raise ServiceNotAvailable("the service must be ssh-connection")
        if self._user != (request.username, request.service):
            # RFC 4252 section 5: a change of user or service starts everything over.
            self._user = (request.username, request.service)
            self.policy = _NOTHING
            self._remaining = ()
            self.core.info.username = request.username
        if self.policy is _NOTHING:
            self.ask(
                lambda token: AuthBegin(token, request.username), lambda value: self._begun(request, value)
            )
        else:
            self._dispatch(request)

    def _begun(self, request: UserauthRequest, value: object) -> None:
        policy = value if isinstance(value, AuthPolicy) else AuthPolicy(required=True)
        self.policy = policy
        self._remaining = self._usable(policy.methods)
        if policy.publickey_algorithms is not None and PUBLICKEY in self._remaining:
            self._handshake.announce(policy.publickey_algorithms)
        if policy.required is False:
            self._succeed(Attempt(request.username, _NONE))
        else:
            self._dispatch(request)

    def _usable(self, methods: tuple[str, ...]) -> tuple[str, ...]:
        core = self.core
        return tuple(name for name in methods if _possible(name, core))

    def _dispatch(self, request: UserauthRequest) -> None:
        name = _SYNONYMS.get(request.method, request.method)
        if name == _NONE and not self._none_was_free:
            self._none_was_free = True
            self._refuse(counted=False)
        elif name in self._remaining:
            self._current = _METHODS[name]()
            self._current.request(self, request)
        else:
            self._refuse(counted=True)

    # ------------------------------------------------------------ for the methods

    def ask(self, make: MakeQuestion, then: Callable[[object], None]) -> None:
        """Put a question to the application; `then` gets its answer."""
        self._lane.ask(make, lambda value: self._resume(then, value))

    def _resume(self, then: Callable[[object], None], value: object) -> None:
        if self.core.phase is Phase.AUTH:
            then(value)

    def count_query(self) -> None:
        """A public key query was made; they are bounded apart from failures (row 47)."""
        self._queries += 1
        if self._queries > limits.AUTH_QUERIES:
            raise PermissionDenied("too many keys were tried")

    def conclude(self, attempt: Attempt, value: object) -> None:
        """End a request by the application's verdict. What is not True or Partial is a no."""
        self._current = None
        if value is True:
            self._succeed(attempt)
        elif isinstance(value, Partial):
            self._remaining = self._usable(value.methods)
            self.core.send(UserauthFailure(self._remaining, partial_success=True))
        else:
            self._refuse(counted=True)

    def abandoned(self) -> None:
        """The client gave a request up, and is told nothing; it counts as a failure all the same."""
        self._current = None
        self._count_failure()

    def refuse_query(self) -> None:
        """Refuse a public key query; it has its own bound and is no failure."""
        self._current = None
        self.core.info.refused += 1
        self._refuse(counted=False)

    def _refuse(self, *, counted: bool) -> None:
        if counted:
            self._count_failure()
        self.core.send(UserauthFailure(self._remaining, partial_success=False))

    def _count_failure(self) -> None:
        self._failures += 1
        self.core.info.refused += 1
        if self._failures >= self.core.settings.max_auth_tries:
            raise PermissionDenied("too many authentication failures")

    def _succeed(self, attempt: Attempt) -> None:
        core = self.core
        core.send(UserauthSuccess())
        core.opened()
        core.info.username = attempt.username
        # Requests that come now are passed over: nothing of this is asked for any more.
        self._current = self._user = None
        self.policy = _NOTHING
        self._remaining = ()
        core.emit(AuthSucceeded(attempt.username, attempt.method, attempt.key_blob))

    def send_banner(self, message: str, lang: str) -> None:
        """Send a banner (RFC 4252 section 5.4), as soon as authentication has begun.

        Raises:
            LocalProtocolError: authentication is over.
        """
        banner = UserauthBanner(message, lang)
        if self.core.phase < Phase.AUTH:
            self._banners += (banner,)
        elif self.core.phase is Phase.AUTH:
            self.core.send(banner)
        else:
            raise LocalProtocolError("a banner can be sent before authentication is complete only")
