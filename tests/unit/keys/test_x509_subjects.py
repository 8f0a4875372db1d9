"""Subjects of X.509 certificates in files of trust: which certificates they are of, and what is none."""

from __future__ import annotations

import pytest

from nacre.keys.x509_making import parse_name
from nacre.keys.x509_subjects import X509Subject, decode_x509_line, subject_of
from tests.support.cases import each_case
from tests.support.x509 import KEYS, ROOT, user_certificate

TYPE = "x509v3-ecdsa-sha2-nistp256"
LEAF = user_certificate("O=Org,CN=alice", "CN=root")
TEXT = LEAF.export_certificate("openssh").decode().split()[1]


@each_case(
    ("written", "name", "fits"),
    [
        ("O=Org,CN=h", "O=Org,CN=h", True),
        ("O=Org, CN=h ", "O=Org,CN=h", True),
        ("O=A B,CN=h", "O=A B,CN=h", True),
        (r"O=A\,B,CN=h", r"O=A\,B,CN=h", True),
        ("O=Org,*", "O=Org,CN=h", True),
        ("O=Org,*", "O=Org", True),
        ("O=Org,*", "O=Orga,CN=h", False),
        ("O=Org,*", "CN=h,O=Org", False),
        ("O=Org", "O=Org,CN=h", False),
        ("CN=h,O=Org", "O=Org,CN=h", False),
        ("O=org,CN=h", "O=Org,CN=h", False),
        ("O=Org,CN=*", "O=Org,CN=h", False),
        ("CN=h", "O=h", False),
        (r"O=a\,*", r"O=a\,*,CN=h", False),
    ],
)
def test_which_certificates_are_meant(written: str, name: str, fits: bool) -> None:
    assert X509Subject(written).matches(parse_name(name)) is fits


@each_case("text", ["", "*", ",*", "h", "/O=Org/CN=h", '"O=Org', "O=Org,,CN=h", "Unheard=x"])
def test_what_is_no_subject(text: str) -> None:
    with pytest.raises(ValueError, match="no subject"):
        X509Subject(text)


@each_case(
    "text",
    ["subject=CN=h", "subject CN=h", "Subject: CN=h", "DN:CN=h", "Distinguished-Name=CN=h", "dn \tCN=h"],
)
def test_forms(text: str) -> None:
    assert subject_of(text) == X509Subject("CN=h")
    assert hash(subject_of(text)) == hash(X509Subject("CN=h"))


def test_lines() -> None:
    assert subject_of(TEXT) is None
    assert decode_x509_line(TYPE, f"{TEXT} a comment") == LEAF
    subject = decode_x509_line("x509v3-sign-rsa", "subject=O=Org,CN=alice")
    assert isinstance(subject, X509Subject)
    assert subject.is_of(LEAF)
    assert repr(subject) == "<X509Subject 'O=Org,CN=alice'>"
    assert subject != "O=Org,CN=alice"
    rsa = ROOT.generate_x509_user_certificate(KEYS["ssh-rsa"], "CN=r", "CN=root")
    for name in ("x509v3-ssh-rsa", "x509v3-rsa2048-sha256", "x509v3-sign-rsa"):
        assert decode_x509_line(name, rsa.export_certificate("openssh").decode().split()[1]) == rsa
        with pytest.raises(ValueError, match="another type"):
            decode_x509_line(name, TEXT)


@pytest.mark.parametrize(
    ("key_type", "text"),
    [(TYPE, "AAAA"), (TYPE, "!"), (TYPE, TEXT[:-8]), (TYPE, "subject=x"), ("x509v3-other", TEXT)],
    ids=["no-der", "no-base64", "short", "subject", "type"],
)
def test_damaged_lines(key_type: str, text: str) -> None:
    with pytest.raises(ValueError):
        decode_x509_line(key_type, text)
