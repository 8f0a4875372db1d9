"""The names of GSS-API's key exchanges (RFC 4462 section 2, RFC 8732), and the run behind each."""

from __future__ import annotations

import pytest

from nacre.crypto.kex.gss import (
    DEFAULT_GSS_METHODS,
    GSS_METHODS,
    is_gss,
    make_gss_exchange,
    names_gss,
    with_mechanism,
)
from nacre.crypto.registry import Family, default_names, names
from nacre.errors import KeyExchangeFailed
from tests.support.cases import each_case

KERBEROS = bytes.fromhex("06092a864886f712010202")


def test_the_name_that_openssh_uses_for_kerberos():
    assert with_mechanism("gss-group14-sha256", KERBEROS) == "gss-group14-sha256-toWM5Slw5Ew8Mqkay+al2g=="


@each_case("name", GSS_METHODS)
def test_the_hash_is_the_one_that_the_name_says(name):
    assert make_gss_exchange(with_mechanism(name, KERBEROS)).hash_name == name.rpartition("-")[2]


@pytest.mark.parametrize("name", ["gss-group1-sha1", "gss-group14-sha1", "gss-gex-sha1", "gss-", "gss"])
def test_there_is_nothing_with_sha1(name):
    assert name not in GSS_METHODS
    with pytest.raises(KeyExchangeFailed):
        make_gss_exchange(f"{name}-toWM5Slw5Ew8Mqkay+al2g==")


def test_no_name_is_longer_than_a_name_may_be():
    """RFC 4251 section 6."""
    assert all(len(with_mechanism(name, KERBEROS)) <= 64 for name in GSS_METHODS)


def test_none_is_offered_unasked():
    assert not any(is_gss(name) for name in (*names(Family.KEX), *default_names(Family.KEX)))
    assert DEFAULT_GSS_METHODS == ("gss-curve25519-sha256",)


def test_one_is_found_among_others():
    assert names_gss(("curve25519-sha256", "gss-curve25519-sha256"))
    assert not names_gss(("curve25519-sha256",))
    assert not names_gss(())
