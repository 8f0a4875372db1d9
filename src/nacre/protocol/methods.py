"""The messages 30 to 49 of each key exchange method (RFC 4253 section 8, RFC 4419, RFC 5656 section 4).

Owns: which of them comes next, what they carry, and what of them enters the exchange hash. Must not
know: host keys, the rest of the exchange hash, or how a share is computed.

A method works for both roles and is used once. It ends by telling its owner what was agreed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from nacre.crypto.kex.base import AnyExchange, KeyExchange
from nacre.crypto.kex.dh import DhExchange
from nacre.crypto.kex.groups import (
    LARGEST,
    PREFERRED,
    SMALLEST,
    Group,
    Power,
    SafePrimeCheck,
    best_for,
    check_size,
)
from nacre.errors import DisconnectError, KeyExchangeFailed, LocalProtocolError
from nacre.protocol.core import Core
from nacre.protocol.events import PowersQuestion
from nacre.protocol.lane import Lane
from nacre.protocol.settings import Role
from nacre.wire.fields import encode_mpint, encode_string, encode_uint32
from nacre.wire.kex import (
    KexDhGexGroup,
    KexDhGexInit,
    KexDhGexReply,
    KexDhGexRequest,
    KexDhInit,
    KexDhReply,
    KexEcdhInit,
    KexEcdhReply,
)
from nacre.wire.message import Message

#: Makes the server's last message of the host key and the signature.
Reply = Callable[[bytes, bytes], Message]
#: Takes the results of exponentiations.
Then = Callable[[tuple[int, ...]], None]


class Owner(Protocol):
    """What a method asks of the handshake."""

    def serve(self, parts: bytes, secret: bytes, reply: Reply) -> None:
        """Server: all is agreed; sign, and send the reply.

        Args:
            parts: what stands in the exchange hash between the host key and the secret.
            secret: K as it enters the exchange hash and the keys.
            reply: makes the message.
        """

    def finish(self, parts: bytes, secret: bytes, host_key: bytes, signature: bytes) -> None:
        """Client: all is agreed; verify the server's signature."""


class Method(Protocol):
    """One run of a method.

    Attributes:
        hash_name: the hash of the exchange hash and of the key derivation, as hashlib calls it.
    """

    hash_name: str

    @property
    def expected(self) -> int | range:
        """The number of the message that comes next, or those that it may have."""

    def begin(self) -> None:
        """Client: send the first message."""

    def received(self, payload: bytes) -> None:
        """Take the message that was expected."""


def make_method(core: Core, lane: Lane, exchange: AnyExchange, owner: Owner) -> Method:
    """Return what carries a run through its messages.

    Args:
        core: sends, and says which role is ours.
        lane: of the key exchange, for questions.
        exchange: the run.
        owner: is told what was agreed.
    """
    if not isinstance(exchange, DhExchange):
        return Ecdh(core, exchange, owner)
    if exchange.chosen_by_server:
        return DhGroupExchange(core, lane, exchange, owner)
    return Dh(core, lane, exchange, owner)


class Ecdh:
    """One share each way (RFC 5656 section 4): the curves, and ML-KEM beside them."""

    def __init__(self, core: Core, exchange: KeyExchange, owner: Owner) -> None:
        self._core = core
        self._exchange = exchange
        self._owner = owner
        self._client_share = b""
        self.hash_name = exchange.hash_name
        self.expected = KexEcdhReply.number if core.role is Role.CLIENT else KexEcdhInit.number

    def begin(self) -> None:
        """Send the client's share."""
        self._client_share = self._exchange.client_share()
        self._core.send(KexEcdhInit(self._client_share))

    def received(self, payload: bytes) -> None:
        """Take the peer's share."""
        if self._core.role is Role.SERVER:
            client_share = KexEcdhInit.decode(payload).client_share
            server_share, secret = self._exchange.server_respond(client_share)
            parts = encode_string(client_share) + encode_string(server_share)
            self._owner.serve(
                parts, secret, lambda key, signature: KexEcdhReply(key, server_share, signature)
            )
        else:
            reply = KexEcdhReply.decode(payload)
            secret = self._exchange.client_finish(reply.server_share)
            parts = encode_string(self._client_share) + encode_string(reply.server_share)
            self._owner.finish(parts, secret, reply.host_key, reply.signature)


class _FiniteField:
    """What both kinds of Diffie-Hellman in finite fields have in common.

    The shares are numbers, and what is computed with them is asked of the application. Nothing of the
    peer is read meanwhile: it has nothing to say before our answer.
    """

    expected: int

    def __init__(self, core: Core, lane: Lane, exchange: DhExchange, owner: Owner) -> None:
        self._core = core
        self._lane = lane
        self._exchange = exchange
        self._owner = owner
        self._client_share = 0
        exchange.draw(core.sources.random)
        self.hash_name = exchange.hash_name

    def _compute(self, powers: tuple[Power, ...], then: Then) -> None:
        ask_powers(self._lane, powers, then)

    def _respond(
        self, client_share: int, parts: bytes, reply: Callable[[bytes, int, bytes], Message]
    ) -> None:
        """Server: compute our share and the secret."""
        exchange = self._exchange

        def computed(results: tuple[int, ...]) -> None:
            server_share, result = results
            secret = exchange.secret(result)
            self._owner.serve(
                parts + encode_mpint(client_share) + encode_mpint(server_share),
                secret,
                lambda key, signature: reply(key, server_share, signature),
            )

        self._compute((exchange.share_power(), exchange.secret_power(client_share)), computed)

    def _conclude(self, reply: KexDhReply | KexDhGexReply, parts: bytes) -> None:
        """Client: compute the secret."""
        exchange = self._exchange
        parts += encode_mpint(self._client_share) + encode_mpint(reply.server_share)

        def computed(results: tuple[int, ...]) -> None:
            self._owner.finish(parts, exchange.secret(results[0]), reply.host_key, reply.signature)

        self._compute((exchange.secret_power(reply.server_share),), computed)


class Dh(_FiniteField):
    """Diffie-Hellman in a group that the method's name gives (RFC 4253 section 8)."""

    def __init__(self, core: Core, lane: Lane, exchange: DhExchange, owner: Owner) -> None:
        super().__init__(core, lane, exchange, owner)
        self.expected = KexDhReply.number if core.role is Role.CLIENT else KexDhInit.number

    def begin(self) -> None:
        """Compute and send the client's share."""

        def computed(results: tuple[int, ...]) -> None:
            self._client_share = results[0]
            self._core.send(KexDhInit(results[0]))

        self._compute((self._exchange.share_power(),), computed)

    def received(self, payload: bytes) -> None:
        """Take the peer's share."""
        if self._core.role is Role.SERVER:
            self._respond(KexDhInit.decode(payload).client_share, b"", KexDhReply)
        else:
            self._conclude(KexDhReply.decode(payload), b"")


class DhGroupExchange(_FiniteField):
    """Diffie-Hellman in a group that the server chooses for the client's wishes (RFC 4419)."""

    def __init__(self, core: Core, lane: Lane, exchange: DhExchange, owner: Owner) -> None:
        super().__init__(core, lane, exchange, owner)
        self._parts = b""
        self.expected = KexDhGexGroup.number if core.role is Role.CLIENT else KexDhGexRequest.number

    def begin(self) -> None:
        """Send the client's wishes."""
        self._sizes(KexDhGexRequest(SMALLEST, PREFERRED, LARGEST))

    def received(self, payload: bytes) -> None:
        """Take the message that was expected."""
        match self.expected:
            case KexDhGexRequest.number:
                self._choose(KexDhGexRequest.decode(payload))
            case KexDhGexGroup.number:
                self._take(KexDhGexGroup.decode(payload))
            case KexDhGexInit.number:
                self._respond(KexDhGexInit.decode(payload).client_share, self._parts, KexDhGexReply)
            case KexDhGexReply.number:
                self._conclude(KexDhGexReply.decode(payload), self._parts)
            case _:
                raise LocalProtocolError(f"message {self.expected} is none of the group exchange")

    def _sizes(self, request: KexDhGexRequest) -> None:
        sizes = (request.least, request.wanted, request.most)
        self._parts = b"".join(encode_uint32(size) for size in sizes)
        if self._core.role is Role.CLIENT:
            self._core.send(request)

    def _choose(self, request: KexDhGexRequest) -> None:
        """Server: give the client a group."""
        self._sizes(request)
        group = best_for(request.least, request.wanted, request.most)
        self._in_group(group)
        self.expected = KexDhGexInit.number
        self._core.send(KexDhGexGroup(group.prime, group.generator))

    def _take(self, message: KexDhGexGroup) -> None:
        """Client: check the server's group while the share in it is computed."""
        group = Group(message.prime, message.generator)
        check_size(group)
        self._in_group(group)
        check = SafePrimeCheck(group, self._core.sources.random)

        def computed(results: tuple[int, ...]) -> None:
            check.judge(results[1:])
            self._client_share = results[0]
            self.expected = KexDhGexReply.number
            self._core.send(KexDhGexInit(results[0]))

        self._compute((self._exchange.share_power(), *check.powers), computed)

    def _in_group(self, group: Group) -> None:
        self._exchange.group = group
        self._parts += encode_mpint(group.prime) + encode_mpint(group.generator)


def ask_powers(lane: Lane, powers: tuple[Power, ...], then: Then) -> None:
    """Have exponentiations carried out; `then` gets the results."""
    lane.ask(lambda token: PowersQuestion(token, powers), lambda value: then(_checked(powers, value)))


def _checked(powers: tuple[Power, ...], value: object) -> tuple[int, ...]:
    """Return the results that the application gives, or end the connection."""
    if isinstance(value, DisconnectError):
        raise value
    if isinstance(value, tuple) and len(value) == len(powers):
        results = tuple(result for result in value if isinstance(result, int))
        if len(results) == len(powers):
            return results
    raise KeyExchangeFailed("the Diffie-Hellman shares could not be computed here")
