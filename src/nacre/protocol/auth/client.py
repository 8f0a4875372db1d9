"""The client's side of authentication (RFC 4252 section 5), whatever the method.

Owns: the service request, "none" or what is tried in its place, the order of question and attempt, and success.
Must not know: which credentials there are.
"""

from __future__ import annotations

from collections.abc import Callable

from nacre.errors import LocalProtocolError, PermissionDenied, ProtocolError
from nacre.protocol import limits
from nacre.protocol.auth.base import SERVICE, USERAUTH, ClientMethod
from nacre.protocol.auth.hostbased import ClientHostbased
from nacre.protocol.auth.kbdint import ClientKbdint
from nacre.protocol.auth.password import ClientPassword
from nacre.protocol.auth.publickey import ClientPublicKey
from nacre.protocol.core import Core
from nacre.protocol.events import (
    AuthNeeded,
    AuthSucceeded,
    BannerReceived,
    GssAttempt,
    HostbasedAttempt,
    KbdintAttempt,
    PasswordAttempt,
    PublicKeyAttempt,
)
from nacre.protocol.handshake import Handshake
from nacre.protocol.lane import Lane, MakeQuestion
from nacre.protocol.state import ExtInfoTurn, Phase
from nacre.wire.auth import (
    UserauthBanner,
    UserauthFailure,
    UserauthRequest,
    UserauthSuccess,
)
from nacre.wire.gss import KEYEX, WITH_MIC
from nacre.wire.record import record
from nacre.wire.transport import ServiceAccept, ServiceRequest


@record
class NothingToTry:
    """Answer to `AuthNeeded`: there is nothing left.

    Attributes:
        why: what came of each method that the server takes, for the client's own error; never sent.
    """

    why: str


class ClientNone:
    """The request that asks which methods there are (RFC 4252 section 5.2)."""

    name = "none"
    key_blob: bytes | None = None

    def start(self, auth: ClientAuth) -> None:
        """Send the request."""
        auth.send(UserauthRequest(auth.username, SERVICE, self.name, b"").encode())

    def message(self, auth: ClientAuth, number: int, payload: bytes) -> None:
        """No message follows a request of this method."""
        raise ProtocolError(f"message {number} answers nothing that was asked")


class ClientAuth:
    """Authentication of one connection, on its client."""

    def __init__(self, core: Core, handshake: Handshake) -> None:
        self.core = core
        self._handshake = handshake
        self._lane = Lane(core, self._take, limits.AUTH_PENDING)
        self._current: ClientMethod | None = None
        #: What the server takes; None: it has not said yet.
        self._methods: tuple[str, ...] | None = None
        #: What is tried before it says so, in place of "none".
        self.first: PublicKeyAttempt | None = None
        self._none_was_tried = False
        self._why = ""
        #: What went wrong in a method here, for the client's own error; never sent.
        self.failure = ""
        self._credential = False
        self._rounds = 0
        self._banners = 0

    def release(self) -> None:
        """The connection is over, and nothing of it is taken any more."""
        self._current = None
        self._lane.release()

    @property
    def username(self) -> str:
        """The user to log in as."""
        return self.core.settings.username

    def begin(self) -> None:
        """The transport is secure: ask for the service (RFC 4253 section 10), and at once how to log in.

        A server takes one message after the other: to wait for its SERVICE_ACCEPT would be a round trip
        for nothing. It must come before any answer of authentication all the same.
        """
        self._send(ServiceRequest(USERAUTH).encode())
        first, self.first = self.first, None
        if first is None:
            self._try_none()
        else:
            self._chosen(first)

    # ------------------------------------------------------------ messages

    def service_accepted(self, payload: bytes) -> None:
        """Take SSH_MSG_SERVICE_ACCEPT."""
        if ServiceAccept.decode(payload).service != USERAUTH:
            raise ProtocolError("the server accepted another service than ssh-userauth")
        self.core.phase = Phase.AUTH
        self._handshake.authentication_requested()

    def received(self, payload: bytes) -> None:
        """Take a message 51 to 79; it waits while the application decides."""
        self._lane.put(payload)

    def _take(self, payload: bytes) -> None:
        if self.core.phase is not Phase.AUTH:  # it waited behind the success
            raise ProtocolError(f"message {payload[0]} has no place after authentication")
        match payload[0]:
            case UserauthBanner.number:
                self._banner(UserauthBanner.decode(payload))
            case UserauthFailure.number:
                self._failed(UserauthFailure.decode(payload))
            case UserauthSuccess.number:
                UserauthSuccess.decode(payload)
                self._succeeded()
            case number:
                if self._current is None:
                    raise ProtocolError(f"message {number} answers nothing that was asked")
                self._current.message(self, number, payload)

    def _banner(self, banner: UserauthBanner) -> None:
        self._banners += 1
        if self._banners > limits.BANNERS or len(banner.message) > limits.BANNER:
            raise ProtocolError("too many banners, or too long a one")
        self.core.emit(BannerReceived(banner.message, banner.lang))

    def _failed(self, failure: UserauthFailure) -> None:
        current = self._current
        if current is None:
            raise ProtocolError("SSH_MSG_USERAUTH_FAILURE answers nothing that was asked")
        if self._methods is not None and isinstance(current, ClientNone):  # the last resort
            self._methods = failure.methods
            raise self._nothing_left()
        self._methods = failure.methods
        changing = isinstance(current, ClientPassword) and current.changing
        # RFC 4252 section 8: a change can be accepted while more authentication is needed.
        self._need(
            partial=failure.partial_success,
            password_changed=failure.partial_success if changing else None,
        )

    def _succeeded(self) -> None:
        current = self._current
        if current is None:
            raise ProtocolError("SSH_MSG_USERAUTH_SUCCESS answers nothing that was asked")
        if self.core.settings.disable_trivial_auth and not self._credential:
            raise PermissionDenied("the server let us in without any credential, which is not wanted")
        core = self.core
        core.opened()
        if self._handshake.ext_info is ExtInfoTurn.IN_AUTH:
            self._handshake.ext_info = ExtInfoTurn.NO
        self._current = None
        core.emit(AuthSucceeded(self.username, current.name, current.key_blob))

    # ------------------------------------------------------------ attempts

    def _need(self, *, partial: bool, password_changed: bool | None = None) -> None:
        self._current = None
        methods = self._methods or ()
        self.ask(lambda token: AuthNeeded(token, methods, partial, password_changed), self._chosen)

    def _chosen(self, value: object) -> None:
        match value:
            case PublicKeyAttempt():
                self._start(ClientPublicKey(value.algorithm, value.key_blob, query=value.query))
            case PasswordAttempt():
                self._start(ClientPassword(value.password))
            case HostbasedAttempt():
                self._start(ClientHostbased(value))
            case KbdintAttempt():
                self._start(ClientKbdint(value.submethods))
            case GssAttempt() if value.method in (KEYEX, WITH_MIC):
                from nacre.protocol.auth.gssapi import CLIENT_METHODS  # few logins need it

                self._start(CLIENT_METHODS[value.method]())
            case _:
                self._why = value.why if isinstance(value, NothingToTry) else ""
                if self._none_was_tried:
                    raise self._nothing_left()
                self._try_none()  # who began with a key has not asked yet whether it takes one at all

    def _try_none(self) -> None:
        self._none_was_tried = True
        self._start(ClientNone())

    def _nothing_left(self) -> PermissionDenied:
        offered = ", ".join(self._methods or ()) or "no method"
        return PermissionDenied(
            f"permission denied for {self.username!r}: nothing left to try (the server takes {offered})",
            hint="; ".join(part for part in (self._why, self.failure) if part),
        )

    def _start(self, method: ClientMethod) -> None:
        self.count_round()
        self._current = method
        method.start(self)

    # ------------------------------------------------------------ for the methods

    def send(self, payload: bytes) -> None:
        """Send a message of authentication."""
        self._send(payload)

    def _send(self, payload: bytes) -> None:
        # Rows 5 and 6: no byte of authentication leaves before the channel is encrypted and the
        # host key verified. Asserted where it is sent, whoever calls.
        if not self._handshake.secure:
            raise LocalProtocolError("authentication before the host was verified")
        self.core.send_payload(payload)

    def sent_credential(self) -> None:
        """Something that proves who we are was sent."""
        self._credential = True

    def count_round(self) -> None:
        """A server may not keep a client in dialogues for ever."""
        self._rounds += 1
        if self._rounds > limits.AUTH_REQUESTS:
            raise PermissionDenied("the server asks for more authentication without end")

    def give_up_attempt(self) -> None:
        """The application has no answer: something else may be tried."""
        if self._methods is None:
            self._try_none()
        else:
            self._need(partial=False)

    def ask(self, make: MakeQuestion, then: Callable[[object], None]) -> None:
        """Put a question to the application; `then` gets its answer."""
        self._lane.ask(make, lambda value: self._resume(then, value))

    def _resume(self, then: Callable[[object], None], value: object) -> None:
        if (
            Phase.SERVICE <= self.core.phase <= Phase.AUTH
        ):  # the first key signs before the service is accepted
            then(value)
