"""X.509 certificates that keys make."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509

import nacre
from nacre.keys.x509 import name_text
from nacre.keys.x509_making import parse_name
from tests.support.authenticator import any_key
from tests.support.x509 import KEYS, ROOT, USER


def test_fields():
    cert = ROOT.generate_x509_user_certificate(
        USER, "O=Org,CN=alice", "O=Org,CN=root", 77, "a,b", 1000, 2000, "secureShellClient", "sha384", "c"
    )
    made = cert.x509_cert
    assert (cert.subject, cert.issuer, made.serial_number) == ("O=Org,CN=alice", "O=Org,CN=root", 77)
    assert made.not_valid_before_utc == datetime.fromtimestamp(1000, UTC)
    assert made.not_valid_after_utc == datetime.fromtimestamp(2000, UTC)
    assert made.signature_hash_algorithm.name == "sha384"
    assert cert.user_principals == ["a", "b"]
    assert cert.get_comment() == "c"
    usage = made.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert not usage.key_cert_sign


def test_defaults():
    cert = USER.generate_x509_host_certificate(USER, "CN=h")
    assert cert.issuer == "CN=h"
    assert cert.x509_cert.serial_number > 0
    assert cert.x509_cert.not_valid_after_utc.year == 9999
    ca = ROOT.generate_x509_ca_certificate(USER, "CN=ca", ca_path_len=1).x509_cert
    basic = ca.extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert (basic.value.ca, basic.value.path_length) == (True, 1)


@pytest.mark.parametrize("name", KEYS)
def test_every_key_signs_and_is_signed(name):
    KEYS[name].generate_x509_user_certificate(USER, "CN=a", "CN=b")
    assert (
        ROOT.generate_x509_user_certificate(KEYS[name], "CN=a", "CN=b").key == KEYS[name].convert_to_public()
    )


def test_what_cannot_be():
    with pytest.raises(nacre.KeyGenerationError, match="private keys"):
        USER.convert_to_public().generate_x509_user_certificate(USER, "CN=a")
    with pytest.raises(nacre.KeyGenerationError, match="private keys"):
        any_key("sk-ssh-ed25519@openssh.com").generate_x509_user_certificate(USER, "CN=a")
    with pytest.raises(nacre.KeyGenerationError, match="signed with"):
        USER.generate_x509_user_certificate(USER, "CN=a", hash_alg="md5")
    for subject in ("xxx", "X=xxx", ""):
        with pytest.raises(ValueError, match="is no distinguished name, as O=Org,CN=user is one"):
            USER.generate_x509_user_certificate(USER, subject)
    with pytest.raises(ValueError, match="before it begins"):
        USER.generate_x509_user_certificate(USER, "CN=a", valid_after=2, valid_before=1)


def test_names_keep_their_order():
    for text in ("O=Org,OU=Unit,CN=a", "CN=a", r"CN=Sue\, Grabbit,O=x", "OU=1+OU=2,CN=a"):
        assert name_text(parse_name(text)) == text
    assert parse_name("O=Org, OU=Unit") == parse_name("O=Org,OU=Unit")


def test_a_backslash_that_is_escaped_escapes_nothing():
    """RFC 4514 section 2.4."""
    texts = [r"O=a\\,CN=b", r"O=a\\\,CN=b", r"CN=a\ ,O=b", r"CN=a\\ ,O=b"]
    names = [[part.rfc4514_string() for part in parse_name(text).rdns] for text in texts]
    assert names == [[r"O=a\\", "CN=b"], [r"O=a\\\,CN=b"], [r"CN=a\ ", "O=b"], [r"CN=a\\", "O=b"]]
