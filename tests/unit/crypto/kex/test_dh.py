"""Diffie-Hellman in finite fields: one run, with every number that a peer must not send."""

from __future__ import annotations

import os

import pytest

from nacre.crypto import Family, Status, lookup, make_exchange, names
from nacre.crypto.kex.dh import EXPONENT_BITS, DhExchange
from nacre.crypto.kex.groups import Group, Power, modp
from nacre.errors import KeyExchangeFailed, LocalProtocolError
from nacre.wire.fields import encode_mpint
from tests.support.cases import each_case

METHODS = {
    "diffie-hellman-group14-sha256": (2048, "sha256"),
    "diffie-hellman-group16-sha512": (4096, "sha512"),
    "diffie-hellman-group18-sha512": (8192, "sha512"),
    "diffie-hellman-group-exchange-sha256": (None, "sha256"),
}


def compute(power: Power) -> int:
    return pow(power.base, power.exponent, power.modulus)


def run(method: str) -> DhExchange:
    exchange = make_exchange(method)
    assert isinstance(exchange, DhExchange)
    exchange.draw(os.urandom)
    return exchange


def small() -> DhExchange:
    """Return a run modulo a number that can be looked at."""
    exchange = DhExchange("sha256", Group(0x10001, 3))
    exchange.draw(bytes)
    return exchange


@pytest.mark.parametrize("method", METHODS)
def test_the_group_and_the_hash_of_each_method(method: str) -> None:
    bits, hash_name = METHODS[method]
    exchange = run(method)
    assert exchange.hash_name == lookup(Family.KEX, method).hash_name == hash_name
    assert exchange.chosen_by_server is (bits is None)
    assert exchange.group == (modp(bits) if bits else None)


def test_both_sides_arrive_at_the_same_secret() -> None:
    one, other = run("diffie-hellman-group14-sha256"), run("diffie-hellman-group14-sha256")
    first, second = compute(one.share_power()), compute(other.share_power())
    assert first != second
    secret = one.secret(compute(one.secret_power(second)))
    assert secret == other.secret(compute(other.secret_power(first)))
    assert secret == encode_mpint(int.from_bytes(secret[4:], "big"))


def test_the_exponent_is_of_one_length_and_can_be_replayed() -> None:
    for byte in (b"\0", b"\x80", b"\xff"):
        exchange = DhExchange("sha256", modp(2048), lambda size, byte=byte: byte * size)
        exchange.draw(os.urandom)  # the source that the run was made with comes first
        assert exchange.share_power().exponent.bit_length() == EXPONENT_BITS
        # RFC 4419 section 6.2: twice as long as the key material; the longest key has 256 bits.
        assert EXPONENT_BITS == 2 * 256
    assert (
        run("diffie-hellman-group14-sha256").share_power()
        != run("diffie-hellman-group14-sha256").share_power()
    )


@each_case("share", [0, 1, -1, 0x10001 - 1, 0x10001, 0x10001 + 1])
def test_shares_out_of_range_are_refused(share: int) -> None:
    # RFC 8268 section 4: 1 < e < p-1. Security history row 22.
    with pytest.raises(KeyExchangeFailed, match="out of range"):
        small().secret_power(share)


def test_shares_in_range() -> None:
    exchange = small()
    assert [exchange.secret_power(share).base for share in (2, 0x10001 - 2)] == [2, 0x10001 - 2]


@pytest.mark.parametrize("result", [0, 1, 0x10001 - 1])
def test_secrets_that_anybody_knows_are_refused(result: int) -> None:
    # RFC 4419 section 3: "they MUST accept the shared secret K only if 1 < K < p - 1".
    with pytest.raises(KeyExchangeFailed, match="anybody"):
        small().secret(result)


def test_secrets_are_minimal_mpints() -> None:
    # Security history row 23.
    exchange = small()
    assert exchange.secret(0x7F).hex() == "000000017f"
    assert exchange.secret(0x80).hex() == "000000020080"
    assert exchange.secret(0x100).hex() == "000000020100"


def test_nothing_is_computed_before_the_group_is_known() -> None:
    exchange = run("diffie-hellman-group-exchange-sha256")
    for call in (exchange.share_power, lambda: exchange.secret_power(2), lambda: exchange.secret(2)):
        with pytest.raises(KeyExchangeFailed):
            call()


def test_an_exponent_is_drawn_once_and_first() -> None:
    exchange = DhExchange("sha256", modp(2048))
    with pytest.raises(LocalProtocolError):
        exchange.share_power()
    exchange.draw(os.urandom)
    with pytest.raises(LocalProtocolError):
        exchange.draw(os.urandom)


def test_offered_only_where_somebody_names_them() -> None:
    assert tuple(name for name in names(Family.KEX) if name.startswith("diffie")) == (
        "diffie-hellman-group16-sha512",
        "diffie-hellman-group18-sha512",
        "diffie-hellman-group-exchange-sha256",
        "diffie-hellman-group14-sha256",
    )
    for name in METHODS:
        assert lookup(Family.KEX, name).status is Status.OPTIONAL
        assert "quantum" in lookup(Family.KEX, name).risk
