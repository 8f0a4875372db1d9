"""The messages 30 to 34 of a key exchange that GSS-API authenticates (RFC 4462 section 2.1, RFC 8732).

Owns: their order, the steps of the context between them, and that nothing but a complete context with mutual
authentication and integrity ends it well. Must not know: the rest of the exchange hash, how a share is
computed, or how a context takes its steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from nacre.crypto.kex.base import AnyExchange, KeyExchange
from nacre.crypto.kex.dh import DhExchange
from nacre.errors import KeyExchangeFailed, ProtocolError
from nacre.protocol import limits
from nacre.protocol.core import Core
from nacre.protocol.events import GssFailure, GssStepNeeded
from nacre.protocol.gss import GssContext
from nacre.protocol.lane import Lane
from nacre.protocol.methods import ask_powers
from nacre.protocol.settings import Role
from nacre.wire.fields import Reader, encode_mpint, encode_string
from nacre.wire.gss import KexGssComplete, KexGssContinue, KexGssError, KexGssHostKey, KexGssInit
from nacre.wire.message import Message

#: What a client expects of its server: any of these, and the method says which when.
_ANSWERS = range(KexGssContinue.number, KexGssError.number + 1)
#: Makes the server's last message of the signature of the exchange hash.
Signed = Callable[[bytes], Message]


class Owner(Protocol):
    """What the method asks of the handshake."""

    def without_host_key(self) -> bool:
        """Whether "null" was agreed on (RFC 4462 section 5)."""

    def shown_host_key(self) -> bytes:
        """Server: the host key to show, or b"" where there is none."""

    def serve_gss(
        self, parts: bytes, secret: bytes, host_key: bytes, context: GssContext, reply: Signed
    ) -> None:
        """Server: all is agreed; sign, and send the reply."""

    def finish_gss(
        self, parts: bytes, secret: bytes, host_key: bytes, context: GssContext, mic: bytes
    ) -> None:
        """Client: all is agreed; verify the server's signature."""


class Shares(Protocol):
    """The shares of a run as bytes of a message, whatever they are computed with."""

    def client(self, then: Callable[[bytes], None]) -> None:
        """Make the client's share."""

    def respond(self, client_share: bytes, then: Callable[[bytes, bytes], None]) -> None:
        """Make the server's share, and the secret as it enters the exchange hash."""

    def finish(self, server_share: bytes, then: Callable[[bytes], None]) -> None:
        """Make the client's secret."""


class _CurveShares:
    """Of a curve: there at once."""

    def __init__(self, exchange: KeyExchange) -> None:
        self._exchange = exchange

    def client(self, then: Callable[[bytes], None]) -> None:
        then(self._exchange.client_share())

    def respond(self, client_share: bytes, then: Callable[[bytes, bytes], None]) -> None:
        then(*self._exchange.server_respond(client_share))

    def finish(self, server_share: bytes, then: Callable[[bytes], None]) -> None:
        then(self._exchange.client_finish(server_share))


class _FieldShares:
    """Of a finite field: numbers, which the application computes."""

    def __init__(self, core: Core, lane: Lane, exchange: DhExchange) -> None:
        self._lane = lane
        self._exchange = exchange
        exchange.draw(core.sources.random)

    def client(self, then: Callable[[bytes], None]) -> None:
        powers = (self._exchange.share_power(),)
        ask_powers(self._lane, powers, lambda results: then(_mpint_bytes(results[0])))

    def respond(self, client_share: bytes, then: Callable[[bytes, bytes], None]) -> None:
        exchange = self._exchange
        powers = (exchange.share_power(), exchange.secret_power(_mpint(client_share)))
        ask_powers(
            self._lane,
            powers,
            lambda results: then(_mpint_bytes(results[0]), exchange.secret(results[1])),
        )

    def finish(self, server_share: bytes, then: Callable[[bytes], None]) -> None:
        exchange = self._exchange
        powers = (exchange.secret_power(_mpint(server_share)),)
        ask_powers(self._lane, powers, lambda results: then(exchange.secret(results[0])))


class GssSteps:
    """The steps of one context, for a key exchange or a login: how many there may be, and of what size.

    Args:
        context: the context.
        ask: puts a question to the application.
    """

    def __init__(
        self,
        context: GssContext,
        ask: Callable[[Callable[..., GssStepNeeded], Callable[[object], None]], None],
    ) -> None:
        self.context = context
        self._ask = ask
        self._left = limits.GSS_STEPS

    def take(
        self, received: bytes, then: Callable[[bytes], None], failed: Callable[[GssFailure], None]
    ) -> None:
        """Take a step; `then` gets our token, `failed` why there is none.

        Raises:
            ProtocolError: the peer sends too much, or goes on where the context is complete.
        """
        self._left -= 1
        if self._left < 0 or len(received) > limits.GSS_TOKEN:
            raise ProtocolError("GSS-API: too many tokens, or too long a one")
        if self.context.complete:
            raise ProtocolError("GSS-API: a token for a context that is complete")

        def answered(value: object) -> None:
            if isinstance(value, bytes) and len(value) <= limits.GSS_TOKEN:
                then(value)
            elif isinstance(value, GssFailure):
                failed(value)
            else:
                failed(GssFailure("no step of the context could be taken"))

        self._ask(lambda token: GssStepNeeded(token, self.context, received), answered)


class GssKex:
    """One run, of either role."""

    def __init__(
        self, core: Core, lane: Lane, exchange: AnyExchange, owner: Owner, context: GssContext
    ) -> None:
        self._core = core
        self._owner = owner
        self._context = context
        self._steps = GssSteps(context, lane.ask)
        self._shares: Shares = (
            _FieldShares(core, lane, exchange) if isinstance(exchange, DhExchange) else _CurveShares(exchange)
        )
        self._client_share = b""
        self._host_key = b""
        self.hash_name = exchange.hash_name
        client = core.role is Role.CLIENT
        self.expected: int | range = _ANSWERS if client else KexGssInit.number
        self._first = True

    def begin(self) -> None:
        """Client: make the first token and the share, and send them."""

        def stepped(token: bytes) -> None:
            if not token:
                raise KeyExchangeFailed("GSS-API made no token for the server")
            self._shares.client(lambda share: self._begun(token, share))

        self._step(b"", stepped)

    def _begun(self, token: bytes, share: bytes) -> None:
        self._client_share = share
        self._core.send(KexGssInit(token, share))

    def received(self, payload: bytes) -> None:
        """Take a message that was expected."""
        number = payload[0]
        first, self._first = self._first, False
        if self._core.role is Role.SERVER:
            if number == KexGssInit.number:
                self._serve(KexGssInit.decode(payload))
            else:
                self._step(KexGssContinue.decode(payload).token, self._server_stepped)
            return
        match number:
            case KexGssHostKey.number:
                if not first:
                    raise ProtocolError("SSH_MSG_KEXGSS_HOSTKEY comes first, and once")
                self._take_host_key(KexGssHostKey.decode(payload).host_key)
            case KexGssContinue.number:
                self._step(KexGssContinue.decode(payload).token, self._client_stepped)
            case KexGssError.number:
                text = KexGssError.decode(payload).text[: limits.GSS_TEXT]
                raise KeyExchangeFailed(f"GSS-API failed on the server: {text!r}")
            case _:
                self._completed(KexGssComplete.decode(payload))

    # ------------------------------------------------------------ client

    def _take_host_key(self, host_key: bytes) -> None:
        # RFC 4462 section 2.1: "If the "null" host key algorithm described in Section 5 is used, this
        # message MUST NOT be sent."
        if not host_key or self._owner.without_host_key():
            raise ProtocolError("SSH_MSG_KEXGSS_HOSTKEY where there is no host key")
        self._host_key = host_key

    def _client_stepped(self, token: bytes) -> None:
        if not token:
            raise KeyExchangeFailed("GSS-API has nothing to say to the server, which waits for it")
        self._core.send(KexGssContinue(token))

    def _completed(self, message: KexGssComplete) -> None:
        reader = Reader(message.rest)
        token = reader.string() if message.has_token else b""
        reader.end()
        if not message.has_token:
            self._agree(message)
            return

        def stepped(answer: bytes) -> None:
            if answer:
                raise KeyExchangeFailed("GSS-API has more to say after the server's last token")
            self._agree(message)

        self._step(token, stepped)

    def _agree(self, message: KexGssComplete) -> None:
        self._require_established()
        parts = encode_string(self._client_share) + encode_string(message.server_share)

        self._shares.finish(
            message.server_share,
            lambda secret: self._owner.finish_gss(parts, secret, self._host_key, self._context, message.mic),
        )

    # ------------------------------------------------------------ server

    def _serve(self, message: KexGssInit) -> None:
        if not message.token:
            raise ProtocolError("SSH_MSG_KEXGSS_INIT without a token")
        self._client_share = message.client_share
        self._host_key = self._owner.shown_host_key()
        if self._host_key:
            self._core.send(KexGssHostKey(self._host_key))
        self._step(message.token, self._server_stepped)

    def _server_stepped(self, token: bytes) -> None:
        if not self._context.complete:
            if not token:
                raise KeyExchangeFailed("GSS-API is not complete, and has nothing to say to the client")
            self.expected = KexGssContinue.number
            self._core.send(KexGssContinue(token))
            return
        self._require_established()
        self._shares.respond(self._client_share, lambda share, secret: self._reply(share, secret, token))

    def _reply(self, share: bytes, secret: bytes, token: bytes) -> None:
        parts = encode_string(self._client_share) + encode_string(share)
        rest = encode_string(token) if token else b""
        self._owner.serve_gss(
            parts,
            secret,
            self._host_key,
            self._context,
            lambda mic: KexGssComplete(share, mic, bool(token), rest),
        )

    # ------------------------------------------------------------ both

    def _step(self, received: bytes, then: Callable[[bytes], None]) -> None:
        self._steps.take(received, then, self._failed)

    def _failed(self, failure: GssFailure) -> None:
        # RFC 4462 section 2.1: an error token goes to the peer "to allow completion of the GSS security
        # exchange"; only once both have begun.
        if failure.token and (self._core.role is Role.SERVER or not self._first):
            self._core.send(KexGssContinue(failure.token[: limits.GSS_TOKEN]))
        raise KeyExchangeFailed("GSS-API failed", hint=failure.reason)

    def _require_established(self) -> None:
        context = self._context
        if context.complete is not True:
            raise ProtocolError("GSS-API: the server says it is complete, which it is not")
        if context.mutual is not True or context.integrity is not True:
            raise KeyExchangeFailed("the GSS-API context lacks mutual authentication or integrity")


def _mpint(share: bytes) -> int:
    """Return the number of a share whose bytes are those of an mpint."""
    return Reader(encode_string(share)).mpint()


def _mpint_bytes(share: int) -> bytes:
    return encode_mpint(share)[4:]
