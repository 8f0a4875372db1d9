"""Directories of trusted certificates, with OpenSSL's names of files."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from nacre.keys import X509Chain
from nacre.keys.x509_directories import MAX_SAME_HASH, certificates_for, subject_hash
from tests.support.x509 import authority, user_certificate

ROOT_CERT = authority("CN=root")
CHAIN = X509Chain([user_certificate()])
HASH = subject_hash(ROOT_CERT.x509_cert.subject)

COUNTRY = x509.NameAttribute(NameOID.COUNTRY_NAME, "DE", _ASN1Type.PrintableString)
LONG = x509.NameAttribute(NameOID.COMMON_NAME, " \u00c4 \t Root  OF  All " + "x" * 40)
MAIL = x509.NameAttribute(NameOID.EMAIL_ADDRESS, "A@Example.ORG", _ASN1Type.IA5String)
WIDE = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "\u00dcber Alles", _ASN1Type.BMPString)
UNIT = x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "u" * 64)
NUMBER = x509.NameAttribute(NameOID.SERIAL_NUMBER, "12  34", _ASN1Type.NumericString)


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        (x509.Name([COUNTRY, LONG]), "2539ede0"),
        (x509.Name([x509.RelativeDistinguishedName([UNIT, MAIL, LONG])]), "522a7cc3"),
        (x509.Name([WIDE, MAIL, NUMBER]), "727fb4fb"),
        (x509.Name([]), "eea339da"),
    ],
    ids=["blanks", "several", "wide", "none"],
)
def test_hashes_as_openssl_prints_them(name, printed):
    """What `openssl x509 -hash` (3.x) prints of certificates with these subjects."""
    assert subject_hash(name) == printed


def found(*directories):
    return certificates_for(directories, CHAIN)


def test_files_of_the_names_in_a_chain(tmp_path):
    assert found(tmp_path) == []
    root, again, other = ROOT_CERT, authority("CN=ROOT"), authority("CN=other")
    (tmp_path / f"{HASH}.0").write_bytes(root.export_certificate() + other.export_certificate())
    (tmp_path / f"{HASH}.1").write_bytes(again.export_certificate("der"))
    (tmp_path / f"{HASH}.3").write_bytes(root.export_certificate())  # after a gap
    (tmp_path / f"{HASH}.r0").write_bytes(b"a revocation list")
    other.write_certificate(tmp_path / f"{subject_hash(other.x509_cert.subject)}.0")
    assert found(str(tmp_path)) == [root, again]
    leaf = CHAIN.certificate
    leaf.write_certificate(tmp_path / f"{subject_hash(leaf.x509_cert.subject)}.0")
    assert found(tmp_path) == [leaf, root, again]


def test_a_file_under_the_hash_of_another_name_vouches_for_nobody(tmp_path):
    authority("CN=other").write_certificate(tmp_path / f"{HASH}.0")
    assert found(tmp_path) == []


def test_files_of_one_hash_are_bounded(tmp_path):
    for number in range(MAX_SAME_HASH + 1):
        ROOT_CERT.write_certificate(tmp_path / f"{HASH}.{number}")
    assert len(found(tmp_path)) == MAX_SAME_HASH


@pytest.mark.parametrize("content", [b"junk", None], ids=["junk", "directory"])
def test_a_file_that_cannot_be_used_is_an_error(content, tmp_path):
    file = tmp_path / f"{HASH}.0"
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=f"{HASH}.0 cannot be used"):
        found(tmp_path)
