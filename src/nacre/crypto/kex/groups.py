"""The MODP groups 14 to 18 of RFC 3526: 2048 to 8192 bits, generator 2.

Owns: these groups, and whether a group that a server proposes is one that can be used (RFC 4419
section 3, RFC 8270). Must not know: methods, messages.

The primes are computed from the definition that the RFC gives: the 64 bits at each end are ones, and
between them stand the digits of pi, increased by the least number that makes a safe prime of it.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from nacre.crypto.kex.base import Random
from nacre.errors import KeyExchangeFailed
from nacre.wire.record import record

#: RFC 8270 section 4: 2048 bits at the least. Above 8192 an exponentiation takes seconds.
SMALLEST: Final = 2048
LARGEST: Final = 8192
#: What is wanted by default: as strong as AES-128 is (RFC 3526 section 8 says 130 bits).
PREFERRED: Final = 3072
#: Rounds of Miller and Rabin. A composite passes one by chance in a quarter of the cases at the worst;
#: nobody who gains from it has the server's signature below such a group.
_ROUNDS: Final = 2

#: Bits of the prime, and the number that RFC 3526 adds to the digits of pi.
_ADDED: Final = {2048: 124476, 3072: 1690314, 4096: 240904, 6144: 929484, 8192: 4743158}
SIZES: Final = tuple(_ADDED)


@record
class Power:
    """An exponentiation that somebody else is to carry out: it takes too long to wait for here."""

    base: int
    exponent: int
    modulus: int

    def __repr__(self) -> str:
        return f"Power(<secret> modulo {self.modulus.bit_length()} bits)"


@record
class Group:
    """A prime field and a generator of a large subgroup."""

    prime: int
    generator: int

    @property
    def bits(self) -> int:
        """The size of the prime."""
        return self.prime.bit_length()


def _pi(bits: int) -> int:
    """Return floor(2^bits * pi), by Machin's formula with some bits to spare."""
    one = 1 << (bits + 64)

    def arctangent_of_inverse(number: int) -> int:
        total = term = one // number
        divisor, sign = 1, 1
        while term:
            term //= number * number
            divisor, sign = divisor + 2, -sign
            total += sign * (term // divisor)
        return total

    return (16 * arctangent_of_inverse(5) - 4 * arctangent_of_inverse(239)) >> 64


@cache
def modp(bits: int) -> Group:
    """Return the group of that many bits.

    Raises:
        KeyError: RFC 3526 has none.
    """
    # RFC 3526 section 3: 2^2048 - 2^1984 - 1 + 2^64 * { [2^1918 pi] + 124476 }
    middle = _pi(bits - 130) + _ADDED[bits]
    return Group((1 << bits) - (1 << (bits - 64)) - 1 + (middle << 64), 2)


def best_for(least: int, wanted: int, most: int) -> Group:
    """Return the group that a server gives to a client that asks for these sizes, in bits.

    It is the smallest that is as large as wanted, and as `PREFERRED`; or the largest that the client
    takes, where that is less.

    Raises:
        KeyExchangeFailed: the request makes no sense, or the client takes none of the groups.
    """
    if not 0 < least <= wanted <= most:
        raise KeyExchangeFailed(f"a request for a group of {least} to {most} bits, best {wanted}")
    fitting = [size for size in SIZES if max(least, SMALLEST) <= size <= most]
    if not fitting:
        raise KeyExchangeFailed(f"there is no group of {least} to {most} bits here; there are {SIZES}")
    enough = [size for size in fitting if size >= max(wanted, PREFERRED)]
    return modp(enough[0] if enough else fitting[-1])


def check_size(group: Group) -> None:
    """Check what can be seen of a server's group at once.

    Raises:
        KeyExchangeFailed: it is too small or too large, or cannot be what it should be.
    """
    if not SMALLEST <= group.bits <= LARGEST:
        raise KeyExchangeFailed(
            f"the server's group has {group.bits} bits, where {SMALLEST} to {LARGEST} may be"
        )
    # A safe prime is odd, and so is half of it.
    if group.prime & 3 != 3:
        raise KeyExchangeFailed("the modulus of the server's group is no safe prime")
    if not 1 < group.generator < group.prime - 1:
        raise KeyExchangeFailed("the generator of the server's group generates next to nothing")


class SafePrimeCheck:
    """The check that p = 2q + 1 and q of a group are prime (RFC 4419 section 7).

    q by Miller and Rabin with random bases; then p by Pocklington's theorem: q is a prime factor of
    p - 1 and larger than the root of p, so one base decides.

    Args:
        group: which passed `check_size`.
        random: the source of the bases.

    Attributes:
        powers: what has to be computed. Nothing for the groups of RFC 3526.
    """

    __slots__ = ("_half", "_prime", "powers")

    def __init__(self, group: Group, random: Random) -> None:
        prime = group.prime
        half = prime >> 1
        self._prime, self._half = prime, half
        self.powers: tuple[Power, ...] = ()
        if group.bits in _ADDED and prime == modp(group.bits).prime:
            return
        size = group.bits // 8
        bases = [int.from_bytes(random(size), "big") % (half - 3) + 2 for _ in range(_ROUNDS)]
        odd, _ = _odd_part(half - 1)
        self.powers = (*(Power(base, odd, half) for base in bases), Power(2, prime - 1, prime))

    def judge(self, results: tuple[int, ...]) -> None:
        """Take the results.

        Raises:
            KeyExchangeFailed: the modulus is no safe prime.
        """
        if not self.powers:
            return
        *rounds, fermat = results
        # Pocklington asks that 2^((p-1)/q) - 1 = 3 has no factor in common with p.
        if fermat != 1 or self._prime % 3 == 0 or not all(map(self._may_be_prime, rounds)):
            raise KeyExchangeFailed("the modulus of the server's group is no safe prime")

    def _may_be_prime(self, value: int) -> bool:
        _, twos = _odd_part(self._half - 1)
        if value in (1, self._half - 1):
            return True
        for _ in range(twos - 1):
            value = value * value % self._half
            if value == self._half - 1:
                return True
        return False


def _odd_part(number: int) -> tuple[int, int]:
    """Return a number without its factors of two, and how many of them there are."""
    twos = (number & -number).bit_length() - 1
    return number >> twos, twos
