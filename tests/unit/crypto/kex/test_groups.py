"""The groups of RFC 3526, the choice among them, and the check of those that a server proposes."""

from __future__ import annotations

import hashlib

import pytest

from nacre.crypto.kex.groups import SIZES, Group, Power, SafePrimeCheck, best_for, check_size, modp
from nacre.errors import KeyExchangeFailed
from tests.support.cases import each_case

# SHA-256 of the primes as OpenSSL has them: openssl genpkey -genparam -algorithm DH -pkeyopt group:modp_2048
DIGESTS = {
    2048: "d66436f79bbd6b2e38c0ffbd079be904d2641415e2e67140e09448be9a60890e",
    3072: "48cf8b092fbce4359d9871abf74f98e25b6163379eaa15cd9087e800c6d1c55c",
    4096: "4ee95187682bcb230ad26a95205f6920e84708f6251b3894329b09ec23919e33",
    6144: "d1bfe6d0925ce7e4da262b62861514a7755e35831e429f343e7b864848657efd",
    8192: "39ab4feab950a3128fb71accb9fc3965d857012e081998a85996e3ea8b3c3bcf",
}
#: A safe prime of 64 bits; a prime whose half is none; and what is none, but has a prime for its half.
SAFE, PRIME, HALF_PRIME = 18446744073709550147, 18446744073709551427, 18446744073709551287

# One of 2048 bits that OpenSSH's servers offer.
OPENSSH = int(
    "E98F2A209BA9F4C8C1FFB02490E599A99FBE28F6A053E240A4BD5FEDE80B23FEA8A1476E9EF6605A4B4B41CC74CB945C"
    "7E168A91DB112424480A85CBF5853234B9B1F60F030D38F678BA80AE1461F716C463D7396151EB5F037CC88690FEEF8D"
    "16A1B67F56C11874DB5AA3D541BEFF390077C79C86434EDBC2B46821D2AE5D2FA4FFF1B086B07669B09498EA11B0FE26"
    "C773F79ACA044E085E0BA43BBE1EBE954AA1EC7A465A3232699E54958B1760AB7A04D9627EC1810970706C96B58BF849"
    "99EBED8846D8B384CB945BF782141B1BE2B7C0E04D531A2334DB41BBFD1BEA428C5FD22F50BABDBDFCC5B848F64CBA8D"
    "039636311F8D844DFFFBD77A429A9923",
    16,
)


def bases(size: int) -> bytes:
    """Be the source of the bases."""
    return bytes(range(7, 7 + size % 249))[:size].ljust(size, b"\x55")


def judge(prime: int) -> None:
    check = SafePrimeCheck(Group(prime, 2), bases)
    check.judge(tuple(pow(power.base, power.exponent, power.modulus) for power in check.powers))


@pytest.mark.parametrize("bits", SIZES)
def test_the_groups_are_those_of_the_rfc(bits: int) -> None:
    group = modp(bits)
    assert (group.bits, group.generator) == (bits, 2)
    assert hashlib.sha256(group.prime.to_bytes(bits // 8, "big")).hexdigest() == DIGESTS[bits]


@each_case(
    ("least", "wanted", "most", "bits"),
    [
        (1024, 1024, 8192, 3072),  # security history row 21: what a client asks for is no reason for less
        (2048, 2048, 8192, 3072),
        (2048, 3072, 8192, 3072),
        (2048, 3073, 8192, 4096),
        (2048, 8192, 8192, 8192),
        (2048, 8192, 1 << 31, 8192),
        (2048, 9000, 9000, 8192),
        (2048, 2048, 2048, 2048),
        (1024, 2048, 3071, 2048),
        (4096, 4096, 4096, 4096),
    ],
)
def test_what_a_client_is_given(least: int, wanted: int, most: int, bits: int) -> None:
    assert best_for(least, wanted, most).bits == bits


@each_case(("least", "wanted", "most"), [
        (0, 0, 0), (0, 2048, 8192), (2048, 0, 8192), (4096, 2048, 8192), (2048, 8192, 4096), (8192, 4096, 2048),
        (1024, 1024, 1024), (1024, 1024, 2047), (8193, 8193, 9000), (2049, 2050, 3071),
    ])  # fmt: skip
def test_requests_that_are_refused(least: int, wanted: int, most: int) -> None:
    with pytest.raises(KeyExchangeFailed):
        best_for(least, wanted, most)


@each_case(
    ("prime", "generator"),
    [
        (SAFE, 2),
        ((1 << 2047) - 1, 2),
        ((1 << 8192) + 3, 2),
        (modp(2048).prime - 1, 2),
        (modp(2048).prime - 2, 2),
        (modp(2048).prime, 0),
        (modp(2048).prime, 1),
        (modp(2048).prime, modp(2048).prime - 1),
        (modp(2048).prime, modp(2048).prime),
    ],
)
def test_groups_that_are_refused_at_sight(prime: int, generator: int) -> None:
    with pytest.raises(KeyExchangeFailed):
        check_size(Group(prime, generator))


def test_groups_that_may_be() -> None:
    for bits in SIZES:
        check_size(modp(bits))
        assert SafePrimeCheck(modp(bits), bases).powers == ()  # known: nothing to compute
    check_size(Group(OPENSSH, 2))
    judge(OPENSSH)


@pytest.mark.parametrize("prime", [SAFE, 23, 47, 1019])
def test_small_safe_primes_pass(prime: int) -> None:
    judge(prime)


@each_case("number", [PRIME, HALF_PRIME, 15, 35, 27, SAFE * SAFE, 2047, 3215031751])
def test_what_is_no_safe_prime_is_refused(number: int) -> None:
    with pytest.raises(KeyExchangeFailed, match="no safe prime"):
        judge(number)


def test_a_power_shows_no_secret() -> None:
    assert repr(Power(2, 12345, modp(2048).prime)) == "Power(<secret> modulo 2048 bits)"
