"""Lists of algorithms that name what nacre has not."""

from __future__ import annotations

import pytest

from nacre.config_algorithms import gss_known_here, known_here
from nacre.crypto.registry import Family, select
from nacre.errors import ConfigParseError
from nacre.trust.config_lines import Setting


def left(text: str, kind: Family | str = Family.CIPHER) -> object:
    return known_here(Setting("Keyword", text, (text,), "here"), kind)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("aes128-cbc,aes256-ctr", "aes256-ctr"),
        ("-*-cbc", ()),
        ("-aes128-cbc,aes128-ctr", "-aes128-ctr"),
        ("-aes*", "-aes*"),
        ("+3des-cbc", ()),
        ("^aes256-ctr,3des-cbc", "^aes256-ctr"),
        ("-aes128-slip", "-aes128-slip"),
    ],
)
def test_what_is_left(text: str, kept: object) -> None:
    assert left(text) == kept


def test_slips_are_found_afterwards() -> None:
    for text in ("-aes128-slip", "aes256-ctr,made-up"):
        found = left(text)
        assert isinstance(found, str)
        with pytest.raises(ValueError, match="unknown cipher"):
            select(Family.CIPHER, found)


def test_other_kinds() -> None:
    assert left("ssh-rsa,rsa-sha2-512", "host key") == "rsa-sha2-512"
    assert left("ssh-ed25519-cert-v01@openssh.com", "host key") == "ssh-ed25519-cert-v01@openssh.com"
    assert left("umac-64@openssh.com,hmac-sha1", Family.MAC) == "hmac-sha1"
    assert left("sntrup761x25519-sha512,curve25519-sha256", Family.KEX) == "curve25519-sha256"
    with pytest.raises(
        ConfigParseError, match="here: Keyword: nacre has none of ssh-dss; it has ssh-ed25519"
    ):
        left("ssh-dss", "host key")
    with pytest.raises(ConfigParseError, match="a pattern of"):
        left("*" * 5000)


def of_gss(text: str) -> tuple[str, ...]:
    return gss_known_here(Setting("GSSAPIKexAlgorithms", text, (text,), "here"))


def test_key_exchanges_of_gss_api() -> None:
    assert of_gss("gss-group16-sha512-,gss-group14-sha1-,gss-curve25519-sha256-") == (
        "gss-group16-sha512",
        "gss-curve25519-sha256",
    )
    for text in ("gss-foo-", "+gss-nistp256-sha256-", "gss-curve25519-sha256", "gss-*", "curve25519-sha256"):
        with pytest.raises(ConfigParseError, match="is no key exchange of GSS-API"):
            of_gss(text)
    with pytest.raises(ConfigParseError, match="nacre has none of gss-gex-sha1-,gss-group1-sha1-"):
        of_gss("gss-gex-sha1-,gss-group1-sha1-")
