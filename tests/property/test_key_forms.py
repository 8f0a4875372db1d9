"""What is written of a key or a certificate is read again as the same, in every form that there is for it."""

from __future__ import annotations

import hashlib
import struct
import time

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import example, given, settings
from hypothesis import strategies as st

import nacre
from nacre.keys import Proof, decode_public_key
from nacre.keys.sk import SK_ECDSA
from nacre.keys.validity import seconds_since_epoch
from nacre.keys.webauthn import WEBAUTHN, client_data_start
from nacre.keys.x509 import X509Chain, decode_chain, name_text
from nacre.keys.x509_making import parse_name
from nacre.keys.x509_subjects import X509Subject, decode_x509_line
from nacre.trust import SSHAuthorizedKeys, SSHKnownHosts
from tests.pair.damage import string
from tests.property.makers import KEYS, OTHER, a_comment, a_key

FEW = settings(deadline=None, max_examples=20)
#: Where each example costs a derivation of keys, or several signatures.
FEWER = settings(deadline=None, max_examples=6)

#: In a line blanks stand around a comment, and are none of it.
a_bare_comment = a_comment.map(lambda comment: comment.strip(" \t"))
a_passphrase = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20)

# ---------------------------------------------------------------- public and private keys


@FEW
@given(a_key, a_bare_comment)
@example(KEYS[0], "two\twords")
def test_public_keys_in_a_line(key: nacre.SSHKey, comment: str) -> None:
    key.set_comment(comment)
    again = nacre.import_public_key(key.export_public_key("openssh"))
    assert again == key.convert_to_public()
    assert again.get_comment() == (comment or None)


@FEW
@given(a_key, a_comment | st.text('\\":x é', max_size=200))
def test_public_keys_of_rfc_4716(key: nacre.SSHKey, comment: str) -> None:
    key.set_comment(comment)
    written = key.export_public_key("rfc4716")
    # Section 3.3: "Each line in the file including this line MUST NOT be longer than 72 8-bit bytes".
    assert all(len(line) <= 72 for line in written.split(b"\n"))
    for text in (written, written.replace(b"\n", b"\r\n")):  # section 3: any of the line terminations
        again = nacre.import_public_key(text)
        assert again == key.convert_to_public()
        assert again.get_comment() == (comment or None)


@pytest.mark.parametrize("format_name", ["pkcs8-der", "pkcs8-pem", "pkcs1-der", "pkcs1-pem"])
@FEW
@given(key=a_key)
def test_public_keys_of_pkcs(format_name: str, key: nacre.SSHKey) -> None:
    if format_name.startswith("pkcs1") and key.algorithm != "ssh-rsa":  # RFC 8017 has RSA alone
        with pytest.raises(nacre.KeyExportError):
            key.export_public_key(format_name)
        return
    assert nacre.import_public_key(key.export_public_key(format_name)) == key.convert_to_public()


@FEW
@given(
    st.lists(st.tuples(a_key, a_bare_comment), min_size=1, max_size=4), st.sampled_from(["", "# x\n", "\n"])
)
def test_files_of_several_public_keys(keys, between) -> None:
    text = b""
    for key, comment in keys:
        key.set_comment(comment)
        text += between.encode() + key.export_public_key()
    found = nacre.load_public_keys(text)
    assert [(key.public_data, key.get_comment()) for key in found] == [
        (key.public_data, comment or None) for key, comment in keys
    ]


@FEWER
@given(
    a_key, a_comment, a_passphrase, st.sampled_from(["aes256-ctr", "aes256-gcm@openssh.com", "aes128-cbc"])
)
def test_encrypted_private_keys(key, comment, passphrase, cipher) -> None:
    key.set_comment(comment)
    written = key.export_private_key("openssh", passphrase, cipher, rounds=1, ignore_few_rounds=True)
    again = nacre.import_private_key(written, passphrase)
    assert again == key
    assert again.get_comment() == (comment or None)
    with pytest.raises((nacre.KeyEncryptionError, nacre.KeyImportError)):
        nacre.import_private_key(written, passphrase + "x")


@settings(deadline=None, max_examples=2)
@given(a_key, a_comment, a_passphrase, st.sampled_from(["ppk", "pkcs8-pem", "pkcs8-der"]))
def test_private_keys_that_cost_work(key, comment, passphrase, format_name) -> None:
    key.set_comment(comment)
    again = nacre.import_private_key(key.export_private_key(format_name, passphrase), passphrase)
    assert again == key
    assert again.get_comment() == ((comment or None) if format_name == "ppk" else None)


# ---------------------------------------------------------------- OpenSSH's certificates

#: Of names and identifiers everything counts, whatever bytes they are (PROTOCOL.certkeys).
some_bytes = st.binary(min_size=1, max_size=20)
seconds = st.integers(0, 2**64 - 1)
a_network = st.one_of(
    st.ip_addresses().map(str),
    st.integers(0, 32).map(lambda bits: f"0.0.0.0/{bits}"),
    st.just("2001:db8::/32"),
)
PERMISSIONS = ("x11_forwarding", "agent_forwarding", "port_forwarding", "pty", "user_rc")


@FEW
@given(
    st.sampled_from(KEYS[:3]), a_key, some_bytes, st.lists(some_bytes, max_size=3), seconds,
    st.lists(seconds, min_size=2, max_size=2, unique=True).map(sorted),
    st.none() | st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
    st.none() | st.lists(a_network, min_size=1, max_size=3),
    st.lists(st.booleans(), min_size=5, max_size=5), a_bare_comment,
)  # fmt: skip
def test_certificates(
    authority, key, key_id, names, serial, times, command, networks, permissions, comment
) -> None:
    made = authority.generate_user_certificate(
        key, key_id.decode("utf-8", "surrogateescape"), serial=serial, principals=names,
        valid_after=times[0], valid_before=times[1], force_command=command, source_address=networks, comment=comment,
        **{f"permit_{name}": wanted for name, wanted in zip(PERMISSIONS, permissions, strict=True)},
    )  # fmt: skip
    for format_name in ("openssh", "rfc4716"):
        again = nacre.import_certificate(made.export_certificate(format_name))
        assert again == made
        assert again.get_comment() == (comment or None)
        assert again.key == key.convert_to_public()
        assert again.signing_key == authority.convert_to_public()
        assert again.key_id.encode("utf-8", "surrogateescape") == key_id
        assert [name.encode("utf-8", "surrogateescape") for name in again.principals] == names
        assert (again.serial, again.valid_after, again.valid_before) == (serial, *times)
        said = again.restrictions
        assert said.force_command == command
        assert (said.source_address is None) == (networks is None)
        assert [str(network) for network in said.source_address or ()] == [
            network if "/" in network else f"{network}/{128 if ':' in network else 32}"
            for network in networks or ()
        ]
        assert [said.permits(name.replace("_", "-")) for name in PERMISSIONS] == permissions


# ---------------------------------------------------------------- X.509

#: Any text; that of a country or a serial number is of fewer characters (RFC 5280 appendix A).
a_value = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12) | st.text(
    '\\,+"<>;#= *a', min_size=1, max_size=6
)
an_attribute = st.builds(
    x509.NameAttribute,
    st.sampled_from([
        NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.USER_ID,
        NameOID.LOCALITY_NAME,
    ]),
    a_value,
)  # fmt: skip
a_part = st.lists(an_attribute, min_size=1, max_size=2, unique_by=lambda one: one.oid).map(
    x509.RelativeDistinguishedName
)
a_name = st.lists(a_part, min_size=1, max_size=3).map(x509.Name)


@settings(deadline=None, max_examples=50)
@given(a_name, a_part)
@example(parse_name(r"O=a\\,CN=b"), x509.RelativeDistinguishedName(list(parse_name("CN=c"))))
def test_names(name: x509.Name, more: x509.RelativeDistinguishedName) -> None:
    text = name_text(name)
    assert parse_name(text) == name
    assert X509Subject(text).matches(name)
    longer = x509.Name([*name.rdns, more])
    assert not X509Subject(text).matches(longer)
    for rest in (",*", ", *"):
        assert X509Subject(text + rest).matches(longer)
        assert X509Subject(text + rest).matches(name)
    assert not X509Subject(name_text(longer)).matches(name)


ROOT = nacre.generate_private_key("ecdsa-sha2-nistp256")
#: A line of a file ends at a line feed, and blanks at its end are none of it: RFC 4514 section 2.4 has a form in
#: hexadecimal for these, which whoever writes the line has to choose.
a_name_in_a_line = a_name.filter(lambda name: name_text(name).isprintable() and name_text(name)[-1] != " ")


@FEW
@given(a_name_in_a_line, st.sampled_from([KEYS[0], KEYS[1], KEYS[3]]))
def test_subjects_in_files_of_trust(name: x509.Name, key: nacre.SSHKey) -> None:
    text = name_text(name)
    subject = decode_x509_line("x509v3-ssh-rsa", f"subject={text}")
    assert subject == X509Subject(text)
    known = SSHKnownHosts(f"host x509v3-ssh-rsa subject={text}\n").required()
    assert known.match("host")[5] == [subject]
    quoted = text.replace('"', '\\"')
    lines = (f"x509v3-ssh-rsa subject={text}\n", f'cert-authority,subject="{quoted}" {_line(AUTHORITY)}')
    leaf = ROOT.generate_x509_user_certificate(key, text, "CN=root")
    assert leaf.x509_cert.subject == name
    assert parse_name(leaf.subject) == name
    for line in lines:
        if text.endswith("\\") and line is lines[1]:
            continue  # sshd(8): a backslash before a quote is for the quote, and no value ends with one
        trusted = SSHAuthorizedKeys(line).required()
        judged = trusted.judge_chain(X509Chain([leaf]), "user", None, None, (), lambda certificate: "")
        assert judged.options is not None


def _line(certificate) -> str:
    return certificate.export_certificate("openssh").decode()


AUTHORITY = ROOT.generate_x509_ca_certificate(ROOT, "CN=root")


@FEWER
@given(st.lists(a_name, min_size=1, max_size=3), st.sampled_from([KEYS[0], KEYS[1], KEYS[3]]), a_bare_comment)
def test_x509_certificates(names, key, comment) -> None:
    made = [
        ROOT.generate_x509_user_certificate(key, name_text(name), "CN=root", comment=comment)
        for name in names
    ]
    for one, name in zip(made, names, strict=True):
        assert one.x509_cert.subject == name
        for format_name in ("pem", "der", "openssh"):
            again = nacre.import_certificate(one.export_certificate(format_name))
            assert again == one
            assert again.key == key.convert_to_public()
        assert nacre.import_certificate(one.export_certificate("openssh")).get_comment() == (comment or None)
    chain = X509Chain(made)
    assert decode_chain(chain.public_data).certificates == tuple(made)
    assert list(nacre.load_certificates(b"".join(one.export_certificate() for one in made))) == made
    assert OTHER.public_data not in chain.public_data


# ---------------------------------------------------------------- signatures of a browser, and points in time

WEB = decode_public_key(string(SK_ECDSA.encode()) + KEYS[1].encode_ssh_public() + string(b"ssh:"))


@FEW
@given(
    st.binary(max_size=40), st.text("abc.:/-", min_size=1, max_size=20), st.text('{}",:a', max_size=10),
    st.integers(0, 63), st.integers(0, 2**32 - 1), st.booleans(),
)  # fmt: skip
def test_signatures_of_a_browser(data, origin, more, flags, counter, wrongly) -> None:
    """PROTOCOL.u2f; of the flags 64 and 128 say that there are parts which these have not."""
    text = client_data_start(data + b"x" if wrongly else data, origin.encode()) + more.encode()
    said = bytes((flags,)) + struct.pack(">I", counter)
    over = hashlib.sha256(b"ssh:").digest() + said + hashlib.sha256(text).digest()
    inner = KEYS[1].sign(over, "ecdsa-sha2-nistp256")[4 + len("ecdsa-sha2-nistp256") :]
    signature = (
        string(WEBAUTHN.encode()) + inner + said + string(origin.encode()) + string(text) + string(b"")
    )
    expected = Proof.KEY | (Proof.PRESENCE if flags & 1 else Proof.NOTHING)
    expected |= Proof.VERIFICATION if flags & 4 else Proof.NOTHING
    assert WEB.proof(data, signature) == (Proof.NOTHING if wrongly else expected)


UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@FEW
@given(
    st.sampled_from(["+", "-", ""]),
    st.lists(st.tuples(st.integers(0, 999), st.sampled_from([*"smhdwSMHDW"])), min_size=1, max_size=4),
)
def test_times_from_now_on(sign, parts) -> None:
    text = sign + "".join(f"{count}{unit}" for count, unit in parts)
    amount = sum(count * UNITS[unit.lower()] for count, unit in parts) * (-1 if sign == "-" else 1)
    before = time.time()
    if before + amount < 1:
        return
    assert before + amount - 1 < seconds_since_epoch(text) <= time.time() + amount
