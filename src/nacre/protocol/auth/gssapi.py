"""The methods of GSS-API (RFC 4462 sections 3 and 4), both halves.

Owns: their messages, and that no login is asked about before the signature that binds it to the session is
verified. Must not know: whom a context stands for, or how it takes its steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from nacre.errors import GssError, ProtocolError
from nacre.protocol import limits
from nacre.protocol.auth.base import SERVICE, Attempt, ClientMethod, ServerMethod
from nacre.protocol.events import GssFailure, GssPrincipalQuestion
from nacre.protocol.gss import GssContext
from nacre.protocol.gss_kex import GssSteps
from nacre.protocol.settings import Info, Settings
from nacre.wire.auth import UserauthRequest
from nacre.wire.fields import encode_string
from nacre.wire.gss import (
    KEYEX,
    WITH_MIC,
    GssKeyexData,
    GssMechanisms,
    UserauthGssapiError,
    UserauthGssapiErrtok,
    UserauthGssapiMic,
    UserauthGssapiResponse,
    UserauthGssapiToken,
)

if TYPE_CHECKING:
    from nacre.protocol.auth.client import ClientAuth
    from nacre.protocol.auth.server import ServerAuth


def possible(method: str, settings: Settings, info: Info) -> bool:
    """Return whether a method can be carried out here; one that is none of GSS-API can.

    RFC 4462 section 4: a server "MUST NOT include" gssapi-keyex "if the initial key exchange was not performed
    using a GSS-API-based key exchange method".
    """
    if method == KEYEX:
        return settings.gss is not None and info.gss is not None
    return method != WITH_MIC or settings.gss is not None


def signed_data(session_id: bytes, username: str, method: str) -> bytes:
    """What the signature of a login is over (RFC 4462 sections 3.5 and 4)."""
    return encode_string(session_id) + UserauthRequest(username, SERVICE, method, b"").encode()


def _ask_about(auth: ServerAuth, attempt: Attempt, context: GssContext, mic: bytes) -> None:
    """Server: verify the signature; only then is the application asked."""
    data = signed_data(auth.core.info.session_id, attempt.username, attempt.method)
    if context.complete is not True or context.integrity is not True or context.verify(data, mic) is not True:
        auth.conclude(attempt, value=False)
        return
    auth.ask(
        lambda token: GssPrincipalQuestion(token, attempt.username, attempt.method, context),
        lambda value: auth.conclude(attempt, value),
    )


class ServerGssWithMic:
    """The server's half of gssapi-with-mic."""

    def __init__(self) -> None:
        self._attempt = Attempt("", WITH_MIC)
        self._steps: GssSteps | None = None

    def request(self, auth: ServerAuth, request: UserauthRequest) -> None:
        """Choose the mechanism."""
        mechanisms = GssMechanisms.decode(request.data).mechanisms
        self._attempt = Attempt(request.username, WITH_MIC)
        gss = auth.core.settings.gss
        if gss is None or len(mechanisms) > limits.GSS_MECHANISMS or gss.mechanism not in mechanisms:
            auth.conclude(self._attempt, value=False)
            return
        self._steps = GssSteps(gss.context(), auth.ask)
        auth.core.send(UserauthGssapiResponse(gss.mechanism))

    def message(self, auth: ServerAuth, number: int, payload: bytes) -> None:
        """Take a token, the signature at the end, or what the client gives up with."""
        steps = self._steps
        match number:
            case UserauthGssapiToken.number if steps is not None:
                token = UserauthGssapiToken.decode(payload).token
                steps.take(
                    token, lambda answer: self._stepped(auth, answer), lambda why: self._failed(auth, why)
                )
            case UserauthGssapiMic.number if steps is not None:
                # RFC 4462 section 3.5: before the context is complete it "MUST fail the authentication".
                _ask_about(auth, self._attempt, steps.context, UserauthGssapiMic.decode(payload).mic)
            case UserauthGssapiErrtok.number:
                # RFC 4462 section 3.9: the client gives up, and "MUST NOT" hear of a failure.
                UserauthGssapiErrtok.decode(payload)
                auth.abandoned()
            case _:
                # SSH_MSG_USERAUTH_GSSAPI_EXCHANGE_COMPLETE too: nobody logs in without a signature.
                raise ProtocolError(f"message {number} has no place in gssapi-with-mic authentication")

    def _stepped(self, auth: ServerAuth, token: bytes) -> None:
        if token:
            auth.core.send(UserauthGssapiToken(token))
        elif self._steps is None or not self._steps.context.complete:
            auth.conclude(self._attempt, value=False)

    def _failed(self, auth: ServerAuth, failure: GssFailure) -> None:
        if failure.token:
            auth.core.send(UserauthGssapiErrtok(failure.token[: limits.GSS_TOKEN]))
        auth.conclude(self._attempt, value=False)


class ServerGssKeyex:
    """The server's half of gssapi-keyex."""

    def request(self, auth: ServerAuth, request: UserauthRequest) -> None:
        """Take the one message that there is."""
        mic = GssKeyexData.decode(request.data).mic
        attempt = Attempt(request.username, KEYEX)
        context = auth.core.info.gss
        if context is None:
            auth.conclude(attempt, value=False)
        else:
            _ask_about(auth, attempt, context, mic)

    def message(self, auth: ServerAuth, number: int, payload: bytes) -> None:
        """No message follows a request of this method."""
        raise ProtocolError(f"message {number} has no place in gssapi-keyex authentication")


class ClientGssWithMic:
    """The client's half of gssapi-with-mic."""

    name = WITH_MIC
    key_blob: bytes | None = None

    def __init__(self) -> None:
        self._steps: GssSteps | None = None
        self._chosen = False
        self._said_all = False

    def start(self, auth: ClientAuth) -> None:
        """Name the mechanism."""
        gss = auth.core.settings.gss
        if gss is None:
            auth.give_up_attempt()
            return
        self._steps = GssSteps(gss.context(), auth.ask)
        data = GssMechanisms((gss.mechanism,)).encode()
        auth.send(UserauthRequest(auth.username, SERVICE, WITH_MIC, data).encode())

    def message(self, auth: ClientAuth, number: int, payload: bytes) -> None:
        """Take the server's choice, its tokens, and what it says of its failure."""
        match number:
            case UserauthGssapiResponse.number if not self._chosen:
                self._chosen = True
                gss = auth.core.settings.gss
                if gss is None or UserauthGssapiResponse.decode(payload).mechanism != gss.mechanism:
                    raise ProtocolError("the server chose a mechanism of GSS-API that was not offered")
                self._step(auth, b"")
            case UserauthGssapiToken.number if self._chosen and not self._said_all:
                auth.count_round()
                self._step(auth, UserauthGssapiToken.decode(payload).token)
            case UserauthGssapiError.number:
                UserauthGssapiError.decode(payload)  # SSH_MSG_USERAUTH_FAILURE follows
            case UserauthGssapiErrtok.number:
                UserauthGssapiErrtok.decode(payload)
            case _:
                raise ProtocolError(f"message {number} has no place in gssapi-with-mic authentication")

    def _step(self, auth: ClientAuth, token: bytes) -> None:
        assert self._steps is not None
        self._steps.take(
            token, lambda answer: self._stepped(auth, answer), lambda why: self._failed(auth, why)
        )

    def _stepped(self, auth: ClientAuth, token: bytes) -> None:
        assert self._steps is not None
        context = self._steps.context
        if context.complete and not (context.mutual is True and context.integrity is True):
            auth.give_up_attempt()
            return
        mic = b""
        if context.complete:
            try:
                mic = context.sign(signed_data(auth.core.info.session_id, auth.username, WITH_MIC))
            except GssError:
                auth.give_up_attempt()
                return
        if token:
            auth.send(UserauthGssapiToken(token).encode())
        if mic:
            self._said_all = True
            auth.sent_credential()
            auth.send(UserauthGssapiMic(mic).encode())
        elif not token:
            auth.give_up_attempt()

    def _failed(self, auth: ClientAuth, failure: GssFailure) -> None:
        # RFC 4462 section 3.9: another request, or the end, follows.
        if failure.token:
            auth.send(UserauthGssapiErrtok(failure.token[: limits.GSS_TOKEN]).encode())
        auth.failure = f"GSS-API: {failure.reason}"
        auth.give_up_attempt()


class ClientGssKeyex:
    """The client's half of gssapi-keyex."""

    name = KEYEX
    key_blob: bytes | None = None

    def start(self, auth: ClientAuth) -> None:
        """Send the one message that there is."""
        context = auth.core.info.gss
        if context is None:
            auth.give_up_attempt()
            return
        try:
            mic = context.sign(signed_data(auth.core.info.session_id, auth.username, KEYEX))
        except GssError:
            auth.give_up_attempt()
            return
        auth.sent_credential()
        data = GssKeyexData(mic).encode()
        auth.send(UserauthRequest(auth.username, SERVICE, KEYEX, data).encode())

    def message(self, auth: ClientAuth, number: int, payload: bytes) -> None:
        """No message follows a request of this method."""
        raise ProtocolError(f"message {number} has no place in gssapi-keyex authentication")


#: What makes the halves of each method.
SERVER_METHODS: Final[Mapping[str, Callable[[], ServerMethod]]] = {
    WITH_MIC: ServerGssWithMic,
    KEYEX: ServerGssKeyex,
}
CLIENT_METHODS: Final[Mapping[str, Callable[[], ClientMethod]]] = {
    WITH_MIC: ClientGssWithMic,
    KEYEX: ClientGssKeyex,
}
