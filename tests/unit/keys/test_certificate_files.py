"""Certificates from files, and the forms in which a program may name them."""

from __future__ import annotations

import pytest

import nacre
from nacre.errors import KeyImportError
from nacre.keys.certificate_files import certificate_beside, load_certificates
from nacre.keys.files import MAX_FILE
from tests.support.cases import each_case

CA = nacre.generate_private_key("ssh-ed25519")
KEY = nacre.generate_private_key("ssh-ed25519")
CERT = CA.generate_user_certificate(KEY, "id", comment="a comment  with blanks")
HOST = CA.generate_host_certificate(KEY, "id")
X509 = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def test_one_or_several(tmp_path):
    path = tmp_path / "certs"
    path.write_bytes(b"# mine\n\n" + CERT.export_certificate() + b"\r\n" + HOST.export_certificate())
    assert nacre.read_certificate_list(path) == [CERT, HOST]
    assert nacre.read_certificate_list(str(path))[0].get_comment() == "a comment  with blanks"
    with pytest.raises(KeyImportError, match="2 certificates"):
        nacre.read_certificate(path)
    path.write_bytes(CERT.export_certificate("rfc4716") + HOST.export_certificate("rfc4716"))
    assert nacre.read_certificate_list(path) == [CERT, HOST]
    path.write_bytes(b"")
    assert nacre.read_certificate_list(path) == []
    for empty in (b"", "", b"\n# nothing\n"):
        with pytest.raises(KeyImportError, match="0 certificates"):
            nacre.import_certificate(empty)


def test_every_form_of_an_argument(tmp_path):
    path = tmp_path / "cert"
    CERT.write_certificate(path)
    for form in (CERT, path, str(path), CERT.export_certificate(), [CERT], (path,)):
        assert nacre.load_certificates(form) == [CERT]
    assert load_certificates([HOST, path]) == [HOST, CERT]
    assert load_certificates(()) == []
    with pytest.raises(TypeError, match="int"):
        load_certificates([1])


@each_case(
    "data",
    [
        b"junk",
        KEY.export_public_key(),
        b"ssh-ed25519-cert-v01@openssh.com\n",
        b"ssh-ed25519-cert-v01@openssh.com !\n",
        CERT.export_certificate().replace(b"ed25519-cert", b"rsa-cert", 1),
        CERT.export_certificate()[:300],
        CERT.public_data,
        b"---- BEGIN SSH2 PUBLIC KEY ----\nAAAA",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
        b"-----BEGIN PUBLIC KEY-----\n",
    ],
)
def test_what_is_no_certificate(data):
    with pytest.raises(KeyImportError):
        nacre.import_certificate(data)


def test_certificates_of_x509_that_are_damaged():
    for data in (X509, b"\x30\x82\x01\x00"):
        with pytest.raises(KeyImportError, match=r"X\.509|base64"):
            nacre.import_certificate(data)


def test_files_have_bounds(tmp_path):
    path = tmp_path / "big"
    path.write_bytes(b"#" * (MAX_FILE + 1))
    with pytest.raises(KeyImportError, match="larger"):
        nacre.read_certificate(path)
    with pytest.raises(KeyImportError, match="the most"):
        nacre.import_certificate(b"#" * (MAX_FILE + 1))
    with pytest.raises(KeyImportError, match="regular"):
        nacre.read_certificate(tmp_path)
    with pytest.raises(OSError):
        nacre.read_certificate(tmp_path / "none")


def test_the_file_beside_a_key(tmp_path):
    key = tmp_path / "id"
    assert certificate_beside(key) is None
    beside = tmp_path / "id-cert.pub"
    beside.touch()
    assert certificate_beside(key) == certificate_beside(str(key)) == beside


def test_what_an_editor_of_windows_has_saved(tmp_path):
    path, line = tmp_path / "cert", CERT.export_certificate()
    path.write_bytes(b"\xef\xbb\xbf" + line)
    assert nacre.read_certificate(path) == CERT
    path.write_bytes(line.decode().encode("utf-16"))
    with pytest.raises(KeyImportError, match=f"{path}: this is UTF-16"):
        nacre.read_certificate(path)
