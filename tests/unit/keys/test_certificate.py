"""Certificates: what is refused, written from PROTOCOL.certkeys, and then what they are good for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nacre
from nacre.errors import KeyExportError, KeyGenerationError, KeyImportError
from nacre.keys import SSHCertificate, SSHKey, decode_certificate, decode_shown_key, generate_private_key
from nacre.keys.certificate import MAX_CERTIFICATE, MAX_PRINCIPALS, CertificateType
from nacre.keys.validity import FOREVER
from nacre.wire.fields import encode_string, encode_text, encode_uint32, encode_uint64
from tests.support.cases import each_case
from tests.support.certificates import CERT_NAME, by_hand, option

USER, HOST = CertificateType.USER, CertificateType.HOST
CA = generate_private_key("ssh-ed25519")
RSA_CA = generate_private_key("ssh-rsa", key_size=2048)
KEY = generate_private_key("ssh-ed25519", comment="me")


def signed(authority: SSHKey = CA, algorithm: str = "", tail: bytes = b"", **fields: bytes) -> bytes:
    """Return a certificate that is valid from 100 to 199, but for what is replaced."""
    fields = {"after": encode_uint64(100), "before": encode_uint64(200), **fields}
    name = algorithm or authority.sig_algorithms[0]
    return by_hand(KEY, authority, sign=lambda data: authority.sign(data, name), **fields) + tail


def refuses(blob: bytes, said: str = ".") -> None:
    with pytest.raises(KeyImportError, match=said):
        decode_certificate(blob)


# ---------------------------------------------------------------- refusals: decoding


def test_what_is_replaced_below_is_sound_otherwise():
    cert = decode_certificate(signed(reserved=encode_string(b"whatever")))
    assert (cert.algorithm, cert.serial, cert.key_id, cert.principals) == (
        CERT_NAME.decode(),
        7,
        "id",
        ["user"],
    )
    assert cert.key == KEY.convert_to_public()
    assert cert.signing_key == CA.convert_to_public()
    cert.validate(USER, "user", now=150)


def test_cut_at_any_byte_or_longer_by_one():
    blob = signed()
    for length in range(len(blob)):
        refuses(blob[:length])
    refuses(blob + b"\0", "too many")
    refuses(signed(tail=encode_string(b"")), "too many")


def test_any_bit_that_is_flipped():
    """Wherever it is, the signature is wrong, or it is no certificate at all."""
    blob = signed()
    for position in range(len(blob)):
        damaged = bytearray(blob)
        damaged[position] ^= 1 << position % 8
        refuses(bytes(damaged))


def test_signed_by_another_key_than_it_names():
    other = generate_private_key("ssh-ed25519")
    refuses(signed(other, signing_key=encode_string(CA.public_data)), "signature of the certificate is wrong")


@pytest.mark.parametrize("depth", [1, 2, 800])
def test_signed_by_a_certificate(depth):
    """Row 52: refused by the name of its type, before anything behind the name is looked at."""
    nested = encode_text("ssh-ed25519-cert-v01@openssh.com") * depth
    refuses(signed(signing_key=encode_string(nested)), "signed by a certificate")
    inner = CA.generate_user_certificate(CA, "ca").public_data
    refuses(signed(signing_key=encode_string(inner)), "signed by a certificate")


def test_signed_with_sha_1():
    """Row 57: what follows does not matter, the name is enough."""
    blob = signed(RSA_CA)
    assert decode_certificate(blob).signature_algorithm == "rsa-sha2-512"
    assert decode_certificate(signed(RSA_CA, "rsa-sha2-256")).signature_algorithm == "rsa-sha2-256"
    inner = RSA_CA.sign(b"", "rsa-sha2-512")
    body = blob[: -len(encode_string(inner))]
    for name in ("ssh-rsa", "ssh-rsa-sha256@ssh.com", "ssh-ed25519"):
        signature = encode_text(name) + encode_string(bytes(256))
        refuses(body + encode_string(signature), f"signed with '{name}'")


@each_case(
    ("fields", "said"),
    [
        ({"name": b"ssh-ed25519"}, "no type of certificate"),
        ({"name": b"ssh-dss-cert-v01@openssh.com"}, "no type of certificate"),
        ({"name": b"ssh-ed25519-cert-v00@openssh.com"}, "no type of certificate"),
        ({"name": b"-cert-v01@openssh.com"}, "no type of certificate"),
        ({"name": b"ssh-rsa-cert-v01@openssh.com"}, "."),
        ({"name": CERT_NAME + CERT_NAME[11:]}, "no type of certificate"),
        ({"certified": b"\x00" * 31}, "."),
    ],
)
def test_types_that_are_not_taken(fields, said):
    name = {name: encode_string(value) for name, value in fields.items()}
    refuses(signed(**name), said)


@pytest.mark.parametrize("number", [0, 3, 0xFFFFFFFF])
def test_neither_for_users_nor_for_hosts(number):
    refuses(signed(kind=encode_uint32(number)), f"of type {number}")


@each_case(
    "fields",
    [
        {"principals": encode_string(b"user")},
        {"principals": encode_string(encode_string(b"user") + b"\0")},
        {"principals": encode_string(encode_string(b"u") * (MAX_PRINCIPALS + 1))},
        {"principals": encode_string(b"\xff\xff\xff\xff")},
        {"critical": encode_string(option("force-command", encode_string(b"a")) * 2)},
        {"critical": encode_string(option("source-address", encode_string(b"")))},
        {"extensions": encode_string(option("permit-pty", b"x"))},
        {"extensions": encode_string(b"permit-pty")},
        {"signing_key": encode_string(b"")},
        {"key_id": encode_string(b"x" * MAX_CERTIFICATE)},
    ],
)
def test_damaged_fields(fields):
    refuses(signed(**fields))


def test_an_authority_has_the_bounds_of_any_key():
    """Row 55: RSA from 2048 to 16384 bits, here too."""
    small = encode_text("ssh-rsa") + encode_string(b"\1\0\1") + encode_string(b"\x7f" + b"\xff" * 127)
    refuses(signed(signing_key=encode_string(small)), "1023 bits")


# ---------------------------------------------------------------- refusals: what it is good for


def good(cert: SSHCertificate, kind: int = USER, name: str | bytes | None = "user", now: float = 150) -> bool:
    try:
        cert.validate(kind, name, now)
    except ValueError:
        return False
    return True


def test_the_other_type():
    assert not good(decode_certificate(signed(kind=encode_uint32(2))))
    assert not good(decode_certificate(signed()), HOST)


def test_the_edges_of_its_time():
    """PROTOCOL.certkeys: valid after <= current time < valid before."""
    cert = decode_certificate(signed())
    times = (0, 99, 99.9, 100, 199.9, 200, FOREVER)
    assert [good(cert, now=now) for now in times] == [False, False, False, True, True, False, False]
    always = decode_certificate(signed(after=encode_uint64(0), before=encode_uint64(FOREVER)))
    assert good(always, now=0)
    assert good(always, now=1 << 70)
    never = decode_certificate(signed(after=encode_uint64(200), before=encode_uint64(100)))
    assert not any(good(never, now=now) for now in times)


def test_the_clock_is_read_where_no_time_is_given():
    assert not good(decode_certificate(signed()), now=None)
    CA.generate_user_certificate(
        KEY, "id", principals="user", valid_after="-1m", valid_before="+1h"
    ).validate(1, "user")


def test_principals_are_bytes():
    """Row 49: a comma separates nothing, no character stands for others, no name has two forms."""
    names = [b"a,root", b"*", b"\xff", b"caf\xc3\xa9", b""]
    cert = decode_certificate(signed(principals=encode_string(b"".join(map(encode_string, names)))))
    for name in ("a,root", "*", "\udcff", "café", b"\xff"):
        assert good(cert, name=name)
    for name in (
        "a",
        "root",
        "user",
        "",
        "A,root",
        "a,root\0",
        "cafe\u0301",
        "ÿ",
        "\ud800",
        b"",
        "??",
        "caf?",
    ):
        assert not good(cert, name=name)
    assert good(cert, name=None), "a caller that compares by itself"


def test_without_principals_it_is_for_nobody():
    for kind in (USER, HOST):
        cert = decode_certificate(signed(principals=encode_string(b""), kind=encode_uint32(kind)))
        with pytest.raises(ValueError, match="names nobody"):
            cert.validate(kind, "user", 150)


def test_names_of_hosts_may_be_patterns():
    names = encode_string(b"".join(map(encode_string, (b"*.example.com", b"host", b"10.0.0.?"))))
    cert = decode_certificate(signed(principals=names, kind=encode_uint32(2)))
    for name in ("host", "HOST", "a.example.com", "10.0.0.1"):
        assert good(cert, HOST, name)
    for name in ("example.com", "a.example.com.", "other", "10.0.0.11", "", "hos", "*"):
        assert not good(cert, HOST, name)


@pytest.mark.parametrize("name", ["unknown@example.com", "no-touch-required", "permit-pty", "Force-Command"])
def test_a_critical_option_that_is_not_known(name):
    for number in (1, 2):
        cert = decode_certificate(signed(critical=encode_string(option(name)), kind=encode_uint32(number)))
        with pytest.raises(ValueError, match=f"critical options that are not known: {name}"):
            cert.validate(number, "user", 150)


def test_no_critical_option_is_known_for_hosts():
    critical = encode_string(option("force-command", encode_string(b"ls")))
    assert not good(decode_certificate(signed(critical=critical, kind=encode_uint32(2))), HOST)


def test_the_users_verification_cannot_be_shown():
    cert = decode_certificate(signed(critical=encode_string(option("verify-required"))))
    with pytest.raises(ValueError, match="user's verification"):
        cert.validate(USER, "user", 150)


def test_an_extension_that_is_not_known_is_passed_over():
    assert good(decode_certificate(signed(extensions=encode_string(option("unknown@example.com", b"x")))))


# ---------------------------------------------------------------- signatures of what it certifies


def test_an_algorithm_is_one_name():
    """Row 50: the name that was agreed on says which key and which hash, and no other fits."""
    key = generate_private_key("ssh-rsa", key_size=2048)
    cert = CA.generate_user_certificate(key, "id")
    assert cert.host_key_algorithms == (
        "rsa-sha2-512-cert-v01@openssh.com",
        "rsa-sha2-256-cert-v01@openssh.com",
    )
    signature = key.sign(b"data", "rsa-sha2-512")
    assert cert.verify(b"data", signature, "rsa-sha2-512-cert-v01@openssh.com")
    for name in (
        "rsa-sha2-512", "rsa-sha2-256-cert-v01@openssh.com", "ssh-rsa-cert-v01@openssh.com",
        "ssh-ed25519-cert-v01@openssh.com", "",
    ):  # fmt: skip
        assert not cert.verify(b"data", signature, name)
    assert not cert.verify(b"other", signature, "rsa-sha2-512-cert-v01@openssh.com")


def test_what_is_shown_is_a_key_or_a_certificate():
    cert = CA.generate_host_certificate(KEY, "id")
    assert decode_shown_key(cert.public_data) == cert
    assert decode_shown_key(KEY.public_data) == KEY.convert_to_public()
    for blob in (b"", b"\0\0", encode_text("unknown"), encode_string(CERT_NAME)):
        with pytest.raises(KeyImportError):
            decode_shown_key(blob)


# ---------------------------------------------------------------- making


@pytest.mark.parametrize(
    "kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"]
)
def test_there_and_back(kind):
    authority = generate_private_key(kind)
    key = generate_private_key(kind)
    cert = authority.generate_user_certificate(
        key, "ïd", serial=FOREVER, principals=["a", b"\xff", "b,c"], valid_after=5, valid_before=6,
        force_command="ls", source_address="192.0.2.1", permit_pty=False, touch_required=False, comment="hey",
    )  # fmt: skip
    again = decode_certificate(cert.public_data)
    assert again == cert
    assert hash(again) == hash(cert)
    assert again.public_data == cert._statement.encode() + cert.public_data[len(cert._statement.encode()) :]
    assert again.algorithm == f"{kind}-cert-v01@openssh.com" == again.get_algorithm()
    assert (again.serial, again.key_id, again.principals) == (FOREVER, "ïd", ["a", "\udcff", "b,c"])
    assert (again.valid_after, again.valid_before, again.cert_type) == (5, 6, USER)
    assert list(again.options) == [
        "force-command", "source-address", "no-touch-required", "permit-X11-forwarding",
        "permit-agent-forwarding", "permit-port-forwarding", "permit-user-rc",
    ]  # fmt: skip
    assert again.restrictions.force_command == "ls"
    assert (cert.get_comment(), again.get_comment(), again.has_comment()) == ("hey", None, False)
    assert not cert.key.is_private
    assert not cert.signing_key.is_private


def test_the_defaults_are_those_of_ssh_keygen():
    cert = CA.generate_user_certificate(KEY, "id", principals="a, b,")
    assert cert.principals == ["a", "b"]
    assert cert.get_comment() == "me"
    assert (cert.serial, cert.valid_after, cert.valid_before) == (0, 0, FOREVER)
    assert sorted(cert.options) == [
        "permit-X11-forwarding", "permit-agent-forwarding", "permit-port-forwarding", "permit-pty", "permit-user-rc",
    ]  # fmt: skip
    host = CA.generate_host_certificate(KEY, "id", comment=None)
    assert (host.options, host.cert_type, host.get_comment_bytes()) == ({}, HOST, None)
    assert cert.public_data != CA.generate_user_certificate(KEY, "id", principals="a, b").public_data, (
        "the nonce"
    )


def test_what_cannot_be_made():
    public = CA.convert_to_public()
    for arguments, error in (
        ({"version": 2}, KeyGenerationError),
        ({"serial": -1}, ValueError),
        ({"serial": 1 << 64}, ValueError),
        ({"valid_after": 10, "valid_before": 10}, ValueError),
        ({"valid_before": "soon"}, ValueError),
        ({"sig_alg": "rsa-sha2-256"}, ValueError),
        ({"principals": ["x"] * (MAX_PRINCIPALS + 1)}, ValueError),
        ({"principals": ["x" * MAX_CERTIFICATE]}, ValueError),
        ({"source_address": "everywhere"}, ValueError),
    ):
        with pytest.raises(error):
            CA.generate_user_certificate(KEY, "id", **arguments)
    with pytest.raises(ValueError, match="private"):
        public.generate_host_certificate(KEY, "id")


# ---------------------------------------------------------------- the public face


def test_exporting(tmp_path):
    cert = CA.generate_user_certificate(KEY, "id")
    line = cert.export_certificate()
    assert line.startswith(CERT_NAME + b" ")
    assert line.endswith(b" me\n")
    assert (
        nacre.import_certificate(line) == nacre.import_certificate(cert.export_certificate("rfc4716")) == cert
    )
    assert nacre.import_certificate(line.decode()).get_comment() == "me"
    for name in ("der", "pem", "pkcs8-pem", ""):
        with pytest.raises(KeyExportError):
            cert.export_certificate(name)
    cert.set_comment("two\nlines")
    with pytest.raises(KeyExportError, match="control"):
        cert.export_certificate()
    cert.set_comment(None)
    path = tmp_path / "cert"
    cert.write_certificate(path)
    cert.append_certificate(path)
    assert nacre.read_certificate_list(path) == [cert, cert]


def test_its_names():
    cert = CA.generate_user_certificate(KEY, "id\n" * 100)
    assert repr(cert).startswith("<SSHCertificate user ssh-ed25519 'id\\n")
    assert len(repr(cert)) < 150
    assert not cert.is_x509
    assert cert != KEY
    assert cert.sig_algorithms == ("ssh-ed25519",)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_whatever_comes_is_refused_in_one_way(data):
    for blob in (data, encode_string(CERT_NAME) + data, signed()[: 80 + len(data) % 40] + data):
        with pytest.raises(KeyImportError):
            decode_certificate(blob)


def test_what_a_program_gives_by_mistake():
    for wrong in ("id_ed25519.pub", CA.generate_user_certificate(KEY, "id"), None):
        with pytest.raises(TypeError, match="a certificate is about an SSHKey, not about"):
            CA.generate_user_certificate(wrong, "id")
    with pytest.raises(TypeError, match="a principal is a str or bytes, not int"):
        CA.generate_user_certificate(KEY, "id", principals=[5])
    with pytest.raises(TypeError, match="force_command is a str, not list"):
        CA.generate_user_certificate(KEY, "id", force_command=["ls"])
