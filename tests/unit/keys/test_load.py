"""The forms in which programs name keys."""

from __future__ import annotations

import gc
import os

import pytest

import nacre
from nacre.errors import KeyEncryptionError, KeyImportError
from nacre.keys import (
    BesideRefused,
    SSHKeyPair,
    generate_private_key,
    import_private_key,
    import_public_key,
    load,
    load_keypairs,
    load_public_keys,
    openssh,
    read_private_key,
    read_private_key_list,
    read_public_key,
    read_public_key_list,
    set_default_skip_rsa_key_validation,
)
from nacre.keys.files import MAX_FILE
from tests.support.cases import each_case

PASSPHRASE = "correct horse"


@pytest.fixture
def several(data, tmp_path):
    path = tmp_path / "several"
    path.write_bytes(b"".join((data / name).read_bytes() for name in ("ed25519", "nistp256-pkcs8", "rsa")))
    (tmp_path / "several.pub").write_bytes(
        b"# mine\n\n" + b"".join((data / f"{name}.pub").read_bytes() for name in ("ed25519", "rsa"))
    )
    return path


def test_text_or_bytes(data):
    text = (data / "ed25519").read_text()
    assert import_private_key(text) == import_private_key(text.encode())
    public = (data / "ed25519.pub").read_text()
    assert import_public_key(public) == import_public_key(public.encode())


def test_lists(several):
    keys = read_private_key_list(several)
    assert [key.algorithm for key in keys] == ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"]
    assert {key.get_filename() for key in keys} == {str(several)}
    assert len(read_public_key_list(f"{several}.pub")) == 2
    for read, path in ((read_private_key, several), (read_public_key, f"{several}.pub")):
        with pytest.raises(KeyImportError, match="where one is expected"):
            read(path)


def test_the_wrong_half_is_named(data):
    for name in ("ed25519.pub", "rsa.spki", "rsa.rfc4716"):
        with pytest.raises(KeyImportError, match="this is a public key"):
            read_private_key(data / name)


@each_case(
    "content",
    [
        b"",
        b"hello",
        b"PuTTY-User-Key-File-3: ssh-ed25519\n",
        b"-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----\n",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"\x30\x00",
        b"\x30",
        bytes(1000),
        b"\xff" * 1000,
    ],
)
def test_what_is_no_key_is_a_key_import_error(content):
    with pytest.raises(KeyImportError):
        import_private_key(content)
    with pytest.raises(KeyImportError):
        import_public_key(content)


def test_sizes_and_kinds_of_files(tmp_path):
    (tmp_path / "huge").write_bytes(bytes(MAX_FILE + 1))
    os.mkfifo(tmp_path / "fifo")
    for read in (read_private_key, read_public_key):
        with pytest.raises(KeyImportError, match="larger"):
            read(tmp_path / "huge")
        with pytest.raises(KeyImportError, match="regular"):
            read(tmp_path / "fifo")
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "none")
    with pytest.raises(KeyImportError, match="larger"):
        import_private_key(bytes(MAX_FILE + 1))


def test_a_key_in_use_is_taken_apart_once_and_forgotten_with_its_last_user(data, tmp_path, monkeypatch):
    parsed = []
    parse = openssh.import_openssh
    monkeypatch.setattr(openssh, "import_openssh", lambda *given: parsed.append(given) or parse(*given))
    path, other = tmp_path / "key", tmp_path / "other"
    for each in (path, other):
        each.write_bytes((data / "ed25519").read_bytes())
    first = read_private_key(path)
    first.set_comment("mine")
    second = read_private_key(other)
    assert len(parsed) == 1
    assert first == second
    assert first.verify(b"data", second.sign(b"data", "ssh-ed25519"))
    second.set_comment("another")
    assert (first.get_filename(), second.get_filename()) == (str(path), str(other))
    assert first.get_comment() == "mine"
    path.write_bytes(b"no key")
    with pytest.raises(KeyImportError):  # the content counts, not the name
        read_private_key(path)
    del first
    read_private_key(other)
    assert len(parsed) == 1
    del second
    gc.collect()
    assert not load._held
    read_private_key(other)
    assert len(parsed) == 2


def test_what_a_passphrase_has_opened_opens_for_nobody_else(data):
    key = read_private_key(data / "ed25519-aes256-ctr", PASSPHRASE)
    with pytest.raises(KeyImportError):
        read_private_key(data / "ed25519-aes256-ctr")
    with pytest.raises(KeyEncryptionError):
        read_private_key(data / "ed25519-aes256-ctr", "another")
    assert key.is_private


def test_keypairs_of_every_form(data, several):
    key = read_private_key(data / "ed25519")
    pair = SSHKeyPair.from_key(key)
    assert len(load_keypairs(str(several))) == 3
    assert len(load_keypairs(several)) == 3
    for form in (key, pair, (data / "ed25519").read_bytes(), data / "ed25519"):
        (alone,) = load_keypairs(form)
        (within,) = load_keypairs([form])
        assert alone.public_data == within.public_data == key.public_data
    assert load_keypairs([pair])[0] is pair
    assert len(load_keypairs((several, key, (key, None)))) == 5
    assert load_keypairs(()) == []


def test_keypairs_with_passphrases(data):
    encrypted = data / "ed25519-aes256-ctr"
    asked = []
    (pair,) = load_keypairs([encrypted], lambda name: asked.append(name) or PASSPHRASE)
    assert asked == [str(encrypted)]
    assert pair.sign(b"data")
    with pytest.raises(KeyImportError, match="Passphrase"):
        load_keypairs([encrypted])
    assert load_keypairs([encrypted], ignore_encrypted=True) == []
    with pytest.raises(KeyEncryptionError):
        load_keypairs([encrypted], "wrong", ignore_encrypted=True)


def test_a_passphrase_function_is_not_asked_for_a_key_in_the_clear(data):
    def ask(filename):
        raise AssertionError(filename)

    assert len(load_keypairs([data / "ed25519", data / "rsa-pkcs8"], ask)) == 2


def test_public_keys_where_private_ones_are_needed(data):
    public = read_public_key(data / "ed25519.pub")
    for form in (data / "ed25519.pub", public, (data / "ed25519.pub").read_bytes()):
        with pytest.raises(KeyImportError, match="public key"):
            load_keypairs([form])
        assert load_keypairs([form, data / "rsa"], skip_public=True)[0].algorithm == "ssh-rsa"


def shown(pairs):
    return [(pair.algorithm.partition("@")[0], pair.has_cert) for pair in pairs]


WITH_AND_WITHOUT = [("ssh-ed25519-cert-v01", True), ("ssh-ed25519", False)]


def test_a_key_with_its_certificate(data, tmp_path):
    key = read_private_key(data / "ed25519")
    cert = read_private_key(data / "rsa").generate_user_certificate(key, "id")
    cert.write_certificate(tmp_path / "cert")
    for form in (cert, cert.export_certificate(), tmp_path / "cert", str(tmp_path / "cert")):
        assert shown(load_keypairs([(key, form)])) == WITH_AND_WITHOUT
        assert shown(load_keypairs(data / "ed25519", certlist=form)) == WITH_AND_WITHOUT
        assert shown(load_keypairs([data / "rsa", key], certlist=[form])) == [
            ("ssh-rsa", False),
            *WITH_AND_WITHOUT,
        ]
    assert shown(load_keypairs([(key, None)])) == [("ssh-ed25519", False)]
    pair = load_keypairs(key)[0]
    assert load_keypairs([(pair, cert)]) == [pair]
    assert pair.has_cert


def test_a_certificate_of_another_key(data):
    key = read_private_key(data / "ed25519")
    cert = key.generate_user_certificate(read_private_key(data / "rsa"), "id")
    assert shown(load_keypairs(key, certlist=cert)) == [("ssh-ed25519", False)]
    with pytest.raises(ValueError, match="another key"):
        load_keypairs([(key, cert)])
    with pytest.raises(KeyImportError, match="2 certificates"):
        load_keypairs([(key, cert.export_certificate() * 2)])
    with pytest.raises(TypeError, match="tuple of 3"):
        load_keypairs([(key, cert, cert)])


def test_the_certificate_beside_a_key(data, tmp_path):
    key = read_private_key(data / "ed25519")
    path, beside = tmp_path / "id", tmp_path / "id-cert.pub"
    key.write_private_key(path)
    assert shown(load_keypairs(path)) == [("ssh-ed25519", False)]
    cert = read_private_key(data / "rsa").generate_user_certificate(key, "beside")
    cert.write_certificate(beside)
    for certlist in ((), []):
        assert shown(load_keypairs(path, certlist=certlist)) == WITH_AND_WITHOUT
    assert shown(load_keypairs(path, certlist=None)) == [("ssh-ed25519", False)]
    assert shown(load_keypairs(key)) == [("ssh-ed25519", False)]
    other = read_private_key(data / "rsa").generate_user_certificate(key, "other")
    assert load_keypairs(path, certlist=other)[0].cert == other
    key.generate_user_certificate(read_private_key(data / "rsa"), "id").write_certificate(beside)
    with pytest.raises(BesideRefused, match="not a certificate of the key"):
        load_keypairs(path)
    beside.write_text("junk")
    with pytest.raises(BesideRefused, match=r"id-cert\.pub"):
        load_keypairs(path)
    assert shown(load_keypairs(path, certlist=None)) == [("ssh-ed25519", False)]


def test_an_x509_certificate_in_the_file_of_its_key(data, tmp_path):
    key, path = read_private_key(data / "nistp256"), tmp_path / "id.pem"
    leaf = key.generate_x509_user_certificate(key, "CN=a", "CN=int")
    old = key.generate_x509_user_certificate(key, "CN=old", "CN=int")
    other = read_private_key(data / "rsa")
    above = other.generate_x509_ca_certificate(other, "CN=int", "CN=root")
    pem = key.export_private_key("pkcs8-pem")
    certs = b"".join(each.export_certificate() for each in (leaf, above, old))
    with_chain = [("x509v3-ecdsa-sha2-nistp256", True), ("ecdsa-sha2-nistp256", False)]
    for content in (pem + certs, certs + pem, certs + key.export_private_key()):
        path.write_bytes(content)
        assert read_public_key(path) == key.convert_to_public()
        for form in (path, content):
            pairs = load_keypairs(form)
            assert [(pair.get_algorithm(), pair.has_cert) for pair in pairs] == with_chain
            assert pairs[0].cert.certificates == (leaf, above)
            assert not load_keypairs(form, certlist=None)[0].has_cert
    ordinary = other.generate_user_certificate(key, "id")
    assert load_keypairs(path, certlist=ordinary)[0].cert == ordinary
    ordinary.write_certificate(tmp_path / "id.pem-cert.pub")
    assert load_keypairs(path)[0].cert == ordinary


def test_other_and_damaged_certificates_in_the_file_of_a_key(data, tmp_path):
    key, other = read_private_key(data / "nistp256"), read_private_key(data / "rsa")
    path = tmp_path / "id.pem"
    pem = key.export_private_key("pkcs8-pem")
    path.write_bytes(pem + other.generate_x509_ca_certificate(other, "CN=root").export_certificate())
    assert [pair.has_cert for pair in load_keypairs(path)] == [False]
    damaged = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    path.write_bytes(pem + damaged)
    for form in (path, pem + damaged):
        with pytest.raises(BesideRefused, match="is not used"):
            load_keypairs(form)
        assert [pair.has_cert for pair in load_keypairs(form, certlist=None)] == [False]
    with pytest.raises(KeyImportError, match="no public key"):
        import_public_key(damaged)


def test_wrong_kinds_of_arguments(data):
    with pytest.raises(TypeError, match="int"):
        load_keypairs([1])
    with pytest.raises(TypeError, match="int"):
        load_public_keys([1])


def test_public_keys_of_every_form(data, several):
    key = read_private_key(data / "ed25519")
    assert len(load_public_keys(f"{several}.pub")) == 2
    for form in (key, key.convert_to_public(), (data / "ed25519.pub").read_bytes(), data / "ed25519.pub"):
        assert load_public_keys([form]) == load_public_keys(form) == [key.convert_to_public()]


def test_files_that_others_can_read_are_read(data, tmp_path):
    path = tmp_path / "key"
    path.write_bytes((data / "ed25519").read_bytes())
    path.chmod(0o666)
    assert read_private_key(path).is_private


@pytest.mark.parametrize(
    ("name", "public"),
    [
        ("ed25519", "ed25519"),
        ("ed25519-aes256-ctr", "ed25519"),  # its public part is in the clear
        ("nistp256-pkcs1", "nistp256"),
        ("nistp256-pkcs8", "nistp256"),
        ("rsa-pkcs1", "rsa"),
        ("ed25519-2-encrypted.ppk", "ed25519-ppk"),
    ],
)
def test_of_a_private_key_the_public_part_is_taken(data, name, public):
    expected = read_public_key(data / f"{public}.pub")
    for key in (
        read_public_key(data / name),
        import_public_key((data / name).read_bytes()),
        load_public_keys(data / name)[0],
    ):
        assert key == expected
        assert not key.is_private


def test_a_private_key_in_der_has_a_public_part_too(data):
    key = read_private_key(data / "rsa")
    assert import_public_key(key.export_private_key("pkcs8-der")) == key.convert_to_public()
    assert import_public_key(key.export_public_key("pkcs8-der")) == key.convert_to_public()
    with pytest.raises(KeyImportError):
        import_public_key(b"\x30\x03\x02\x01\x00")


def test_an_encrypted_public_part_needs_the_passphrase(data):
    with pytest.raises(KeyImportError, match="Passphrase needed"):
        read_public_key(data / "nistp256-pkcs8-encrypted")
    key = read_private_key(data / "rsa").export_private_key("pkcs8-der", PASSPHRASE)
    with pytest.raises(KeyImportError, match="Passphrase needed"):
        import_public_key(key)


def test_skipping_rsa_validation_by_default(data, monkeypatch):
    seen = []
    monkeypatch.setattr("nacre.keys.pem._load", lambda load, data, passphrase, skip: seen.append(skip))
    try:
        for default in (True, False):
            set_default_skip_rsa_key_validation(default)
            import_private_key((data / "rsa-pkcs8").read_bytes())
        import_private_key((data / "rsa-pkcs8").read_bytes(), unsafe_skip_rsa_key_validation=True)
    finally:
        set_default_skip_rsa_key_validation(False)
    assert seen == [True, False, True]


def test_one_key_with_its_certificate_is_no_sequence():
    key = generate_private_key("ssh-ed25519")
    for certificate in (
        key.generate_user_certificate(key, "id"),
        key.generate_x509_user_certificate(key, "CN=a"),
    ):
        [certified, plain] = load_keypairs((key, certificate))
        assert certified.has_cert
        assert plain.public_data == key.public_data


def test_what_is_wrong_is_said_with_the_name_of_the_file(tmp_path):
    path = tmp_path / "wrong"
    path.write_text("nothing\n")
    for read in (nacre.read_private_key, nacre.read_public_key, nacre.read_certificate):
        with pytest.raises(KeyImportError, match=f"^{path}: "):
            read(path)
    key = nacre.generate_private_key("ssh-ed25519")
    key.write_public_key(path)
    for named in (path, str(path), [str(path)]):
        with pytest.raises(KeyImportError, match=f"^{path}: this is a public key"):
            nacre.load_keypairs(named)


def test_several_certificates_of_one_key(tmp_path):
    """As ssh with several CertificateFile: authorities differ, and so do the names in what they sign."""
    key, *authorities = (nacre.generate_private_key("ssh-ed25519") for _ in range(3))
    certs = [by.generate_user_certificate(key, "id", principals=["a"]) for by in authorities]
    shown = [certs[0].public_data, certs[1].public_data, key.public_data]
    key.write_private_key(tmp_path / "key")
    for given in (key, tmp_path / "key", nacre.load_keypairs(key)):
        assert [pair.public_data for pair in nacre.load_keypairs(given, certlist=certs)] == shown
    certs[0].write_certificate(tmp_path / "key-cert.pub")
    certs[1].append_certificate(tmp_path / "key-cert.pub")
    assert [pair.public_data for pair in nacre.load_keypairs(tmp_path / "key")] == shown


@pytest.mark.parametrize("import_key", [import_private_key, import_public_key])
def test_what_is_no_text_is_no_key(import_key):
    with pytest.raises(TypeError, match="not int"):
        import_key(5)


@pytest.mark.parametrize("form", ["openssh", "pkcs8-pem", "rfc4716"])
def test_what_an_editor_of_windows_has_saved(tmp_path, form):
    """OpenSSH says "error in libcrypto", and "is not a public key file"."""
    key, path = generate_private_key("ssh-ed25519"), tmp_path / "key"
    texts = [(read_public_key, key.export_public_key(form))]
    if form != "rfc4716":
        texts.append((read_private_key, key.export_private_key(form)))
    for read, text in texts:
        path.write_bytes(b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n"))
        assert read(path).public_data == key.public_data
        path.write_bytes(text.decode().encode("utf-16"))
        with pytest.raises(KeyImportError, match=f"{path}: this is UTF-16"):
            read(path)
        with pytest.raises(KeyImportError, match="this is UTF-16"):
            (import_public_key if read is read_public_key else import_private_key)(path.read_bytes())
