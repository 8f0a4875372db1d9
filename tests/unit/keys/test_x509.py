"""X.509 certificates and their chains (RFC 6187 section 2.1)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nacre
from nacre.errors import KeyExportError, KeyImportError
from nacre.keys import SSHKeyPair, X509Chain, decode_chain, decode_shown_key
from nacre.keys.certificate_files import chained
from nacre.keys.x509 import MAX_CHAIN, MAX_CHAIN_SIZE
from nacre.wire.fields import Reader, encode_string, encode_text, encode_uint32
from tests.support.cases import each_case
from tests.support.x509 import KEYS, ROOT, USER, authority, user_certificate


@pytest.fixture(params=KEYS)
def key(request):
    return KEYS[request.param]


def blob(*certificates, name="x509v3-ecdsa-sha2-nistp256", responses=()):
    listed = b"".join(encode_string(each) for each in certificates)
    said = b"".join(encode_string(each) for each in responses)
    return (
        encode_text(name) + encode_uint32(len(certificates)) + listed + encode_uint32(len(responses)) + said
    )


def test_formats(key, tmp_path):
    cert = key.generate_x509_user_certificate(key, "O=Org,CN=alice", comment="its comment")
    assert cert.is_x509
    assert not cert.is_x509_chain
    assert cert.key == key.convert_to_public()
    assert cert.get_algorithm() == f"x509v3-{key.algorithm}", (
        "the key's format, which is no algorithm for RSA"
    )
    assert cert.subject == cert.issuer == "O=Org,CN=alice"
    assert "alice" in repr(cert)
    for name in ("pem", "der", "openssh"):
        again = nacre.import_certificate(cert.export_certificate(name))
        assert again == cert
        assert hash(again) == hash(cert)
    assert nacre.import_certificate(cert.export_certificate("openssh")).get_comment() == "its comment"
    with pytest.raises(KeyExportError):
        cert.export_certificate("rfc4716")
    cert.write_certificate(tmp_path / "cert")
    cert.append_certificate(tmp_path / "cert", "pem")
    assert nacre.read_certificate_list(tmp_path / "cert") == [cert, cert]
    key.append_private_key(tmp_path / "cert", "pkcs8-pem")
    assert nacre.load_certificates(tmp_path / "cert") == [cert, cert], "keys between them are passed over"


def test_names():
    names = USER.generate_x509_user_certificate(USER, "CN=alice,CN=root", principals=["bob", "carol"])
    assert names.user_principals == ["bob", "carol"]
    assert names.host_principals == ["alice", "root"]
    host = USER.generate_x509_host_certificate(USER, "O=x", principals="a.example,192.0.2.1,2001:db8::1")
    assert host.host_principals == ["a.example", "192.0.2.1", "2001:db8::1"]
    assert host.user_principals == []


def test_the_line_of_another_type():
    line = user_certificate().export_certificate("openssh")
    with pytest.raises(KeyImportError, match="another type"):
        nacre.import_certificate(line.replace(b"nistp256 ", b"nistp384 ", 1))
    with pytest.raises(KeyImportError, match="damaged"):
        nacre.import_certificate(b"x509v3-ssh-rsa AAAA")
    with pytest.raises(KeyImportError):
        nacre.import_certificate(
            b"-----BEGIN TRUSTED CERTIFICATE-----\nAAAA\n-----END TRUSTED CERTIFICATE-----\n"
        )
    with pytest.raises(KeyImportError, match="damaged"):
        nacre.import_certificate(b"\x30\x03abc")


def test_chains_over_the_wire():
    inter, leaf = authority("CN=int", "CN=root"), user_certificate(issuer="CN=int")
    [chain] = chained([leaf, inter, authority("CN=root")])[:1]
    assert isinstance(chain, X509Chain)
    assert chain.certificates == (leaf, inter), "the root is left out"
    assert chain.public_data == blob(leaf.public_data, inter.public_data)
    again = decode_chain(chain.public_data)
    assert again.certificates == chain.certificates
    assert again.key == USER.convert_to_public()
    assert decode_chain(blob(leaf.public_data, responses=[b"OCSP"])).key == again.key
    with pytest.raises(KeyImportError):
        decode_shown_key(chain.public_data)


@each_case(
    "wrong",
    [
        lambda leaf: blob(),
        lambda leaf: blob(*[leaf] * (MAX_CHAIN + 1)),
        lambda leaf: blob(leaf, name="x509v3-ecdsa-sha2-nistp384"),
        lambda leaf: blob(leaf, name="x509v3-ssh-rsa"),
        lambda leaf: blob(leaf, responses=[b"", b""]),
        lambda leaf: blob(leaf) + b"\0",
        lambda leaf: blob(leaf)[:-1],
        lambda leaf: blob(b"no certificate"),
        lambda leaf: blob(leaf, bytes(MAX_CHAIN_SIZE)),
        lambda leaf: encode_text("x509v3-ecdsa-sha2-nistp256") + encode_uint32(2**32 - 1),
    ],
)
def test_chains_that_are_none(wrong):
    with pytest.raises(KeyImportError):
        decode_chain(wrong(user_certificate().public_data))


def test_signatures_have_names_of_their_own(key):
    """RFC 6187 section 3: rsa2048-sha256 is SHA-256, and ssh-rsa would be SHA-1."""
    pair = SSHKeyPair.from_key(key)
    pair.set_certificate(key.generate_x509_user_certificate(key, "CN=alice"))
    assert isinstance(pair.cert, X509Chain)
    [algorithm] = pair.host_key_algorithms
    signature = pair.sign(b"data", algorithm)
    named = Reader(signature).ascii()
    assert named == ("rsa2048-sha256" if key.algorithm == "ssh-rsa" else key.algorithm)
    chain = decode_chain(pair.public_data)
    assert chain.verify(b"data", signature, algorithm)
    assert not chain.verify(b"Data", signature, algorithm)
    assert not chain.verify(b"data", signature, key.algorithm)
    assert not chain.verify(b"data", b"", algorithm)
    plain = key.sign(b"data", key.sig_algorithms[-1])
    assert chain.verify(b"data", plain, algorithm) == (key.algorithm != "ssh-rsa")
    assert not chain.verify(b"data", signature.replace(named.encode(), b"x" * len(named)), algorithm)


def test_a_certificate_is_for_its_key_alone():
    pair = SSHKeyPair.from_key(ROOT)
    with pytest.raises(ValueError, match="another key"):
        pair.set_certificate(user_certificate())


@settings(deadline=None, max_examples=40)
@given(st.binary(max_size=200), st.integers(0, 400), st.integers(1, 255))
def test_no_bytes_raise_anything_else(junk, position, flip):
    """Neither junk nor a damaged certificate."""
    leaf = bytearray(LEAF.public_data)
    leaf[position % len(leaf)] ^= flip
    for data in (junk, bytes(leaf)):
        try:
            chain = decode_chain(blob(data))
        except KeyImportError:
            continue
        assert isinstance(chain.certificate.user_principals, list)


LEAF = user_certificate(principals="alice")
