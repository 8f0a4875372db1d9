"""Diffie-Hellman in finite fields: group14, 16 and 18, and groups that the server chooses (RFC 8268, RFC 4419).

Owns: one run in a group, with its checks of what the peer sends. Must not know: messages, or who
carries out the exponentiations: they take tens of milliseconds, and Python's `pow` keeps the
interpreter to itself meanwhile. So a run says which powers it needs and is given them.

Optional: offered only where somebody names them. An attacker makes a server work hard with these
methods at no cost (security history row 20); what carries the powers out keeps a budget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nacre.crypto.kex.groups import Group, Power, modp
from nacre.crypto.registry import Algorithm, Family, Status, register
from nacre.errors import KeyExchangeFailed, LocalProtocolError
from nacre.wire.fields import encode_mpint

if TYPE_CHECKING:
    from nacre.crypto.kex.base import Random

#: RFC 4419 section 6.2: a private exponent of twice the bits of the longest key that is derived is
#: enough in the group of a safe prime, and a longer one costs time in proportion.
EXPONENT_BITS: Final = 512

_RISK: Final = "no protection from a future quantum computer, and logins that cost the server much work"


class DhExchange:
    """One run of Diffie-Hellman.

    Args:
        hash_name: the hash of the exchange hash and of the key derivation, as hashlib calls it.
        group: the group; None: the server chooses it (`diffie-hellman-group-exchange-sha256`).
        random: the source of the private exponent; None: the one that `draw` is given.

    Attributes:
        hash_name: as given.
        group: the group, once it is known.
    """

    __slots__ = ("_exponent", "_random", "chosen_by_server", "group", "hash_name")

    def __init__(self, hash_name: str, group: Group | None, random: Random | None = None) -> None:
        self.hash_name = hash_name
        self.group = group
        self.chosen_by_server = group is None
        self._random = random
        self._exponent: int | None = None

    def draw(self, random: Random) -> None:
        """Draw the private exponent, once."""
        if self._exponent is not None:
            raise LocalProtocolError("a key exchange is run once")
        drawn = int.from_bytes((self._random or random)(EXPONENT_BITS // 8), "big")
        # Its top bit is set, so that its length says nothing of it.
        self._exponent = drawn | 1 << (EXPONENT_BITS - 1)

    def share_power(self) -> Power:
        """Return what gives our share: g to our exponent."""
        group = self._known_group()
        return Power(group.generator, self._drawn(), group.prime)

    def secret_power(self, peer_share: int) -> Power:
        """Return what gives the secret, once the peer's share is known.

        Raises:
            KeyExchangeFailed: the share is not in the range of RFC 8268 section 4.
        """
        prime = self._known_group().prime
        if not 1 < peer_share < prime - 1:
            raise KeyExchangeFailed("the peer's Diffie-Hellman share is out of range")
        return Power(peer_share, self._drawn(), prime)

    def secret(self, result: int) -> bytes:
        """Return K as it enters the exchange hash and the keys.

        Raises:
            KeyExchangeFailed: it is one that anybody knows (RFC 4419 section 3).
        """
        if not 1 < result < self._known_group().prime - 1:
            raise KeyExchangeFailed("the Diffie-Hellman secret is one that anybody knows")
        return encode_mpint(result)

    def _drawn(self) -> int:
        if self._exponent is None:
            raise LocalProtocolError("the private exponent comes first")
        return self._exponent

    def _known_group(self) -> Group:
        if self.group is None:
            raise KeyExchangeFailed("the group of the key exchange is not known yet")
        return self.group


def _register(name: str, rank: int, hash_name: str, bits: int | None, risk: str) -> None:
    def factory(random: Random | None) -> DhExchange:
        return DhExchange(hash_name, modp(bits) if bits else None, random)

    register(
        Algorithm(
            family=Family.KEX,
            name=name,
            rank=rank,
            status=Status.OPTIONAL,
            factory=factory,
            hash_name=hash_name,
            risk=risk,
        )
    )


_register("diffie-hellman-group16-sha512", 90, "sha512", 4096, _RISK)
_register("diffie-hellman-group18-sha512", 100, "sha512", 8192, _RISK)
_register("diffie-hellman-group-exchange-sha256", 110, "sha256", None, _RISK)
_register(
    "diffie-hellman-group14-sha256",
    120,
    "sha256",
    2048,
    f"{_RISK}; a group of 2048 bits is the least there is",
)
