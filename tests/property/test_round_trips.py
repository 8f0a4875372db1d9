"""What was written is read again as the same, whatever it says: keys, lists, signatures, names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nacre
from nacre.keys.keypair import SSHKeyPair
from nacre.keys.sk import _KINDS, Credential, SecurityKey
from nacre.keys.sshsig import SSHSignature, create_sshsig, hash_data
from nacre.trust.allowed_signers import import_allowed_signers
from nacre.trust.revocation import KeyRevocationList, import_krl
from tests.property.makers import KEYS, OTHER, a_comment, a_key, a_word

FEW = settings(deadline=None, max_examples=40)


@FEW
@given(a_key, a_comment)
def test_putty_s_private_keys(key: nacre.SSHKey, comment: str) -> None:
    key.set_comment(comment)
    again = nacre.import_private_key(key.export_private_key("ppk"))
    assert again == key
    assert again.get_comment() == (comment or None)


@FEW
@given(
    st.sampled_from(_KINDS),
    # A C string in OpenSSH: it ends at its first NUL.
    st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=30),
    st.sampled_from([0, 1, 4, 5, 0x20, 0x25]),
    st.binary(min_size=1, max_size=300),
    a_comment,
)
def test_security_keys(kind, application, flags, handle, comment) -> None:
    inner = KEYS[0 if kind.inner == "ssh-ed25519" else 1].convert_to_public()
    key = SecurityKey(kind, inner, application.encode(), Credential(flags, handle))
    key.set_comment(comment)
    again = nacre.import_private_key(key.export_private_key())
    assert again.private_data == key.private_data
    assert (again.application, again.get_comment()) == (application, comment or None)
    assert nacre.import_public_key(key.export_public_key()) == key.convert_to_public()


serials = st.integers(1, 2**64 - 1)
ranges = st.tuples(serials, serials).map(sorted)


@FEW
@given(
    st.integers(0, 2**64 - 1),
    a_comment,
    st.lists(a_key, max_size=3),
    st.lists(a_key, max_size=3),
    st.lists(st.tuples(st.none() | a_key, serials | ranges | a_word), max_size=8),
)
def test_revocation_lists(number, comment, whole, hashed, certified) -> None:
    revoked = KeyRevocationList(number, comment, 7)
    for key in whole:
        revoked.add_key(key)
    for key in hashed:
        revoked.add_key_hash(key)
    for authority, what in certified:
        if isinstance(what, str):
            revoked.add_key_id(authority, what)
        elif isinstance(what, int):
            revoked.add_serials(authority, what)
        else:
            revoked.add_serials(authority, *what)
    again = import_krl(revoked.encode())
    assert (again.version, again.comment, again.generated) == (number, comment, 7)
    assert again.encode() == revoked.encode()
    for key in (*KEYS, OTHER):
        assert again.revokes(key) is any(key == each for each in (*whole, *hashed))
    for authority, what in certified:
        if not isinstance(what, str):
            for serial in (what,) if isinstance(what, int) else what:
                signer = authority or OTHER
                if signer.algorithm != "ssh-rsa":  # the slow one need not sign here
                    cert = signer.generate_user_certificate(OTHER, "id", serial=serial, principals=["a"])
                    assert again.revokes(cert)


@FEW
@given(a_key, st.binary(max_size=200), a_word, st.sampled_from(["sha256", "sha512"]), st.booleans())
def test_detached_signatures(key, data, namespace, hash_name, raw) -> None:
    written = create_sshsig(key, data, hash_name=hash_name, namespace=namespace, raw=raw)
    signature = SSHSignature.decode(written)
    assert (signature.namespace, signature.hash_name) == (namespace, hash_name)
    assert signature.key == key.convert_to_public()
    assert signature.verify(hash_data(data, hash_name, False))
    assert not signature.verify(hash_data(data + b"x", hash_name, False))


@FEW
@given(a_key, st.lists(a_word, min_size=1, max_size=3), st.lists(a_word, max_size=2), a_word, a_word)
def test_allowed_signers(key, principals, namespaces, asked, purpose) -> None:
    options = f'namespaces="{",".join(namespaces)}" ' if namespaces else ""
    signers = import_allowed_signers(f"{','.join(principals)} {options}{key.export_public_key().decode()}")
    fits = not namespaces or purpose in namespaces
    assert signers.validate(key, asked, purpose) is (asked in principals and fits)
    assert signers.validate(key, principals[0], (namespaces or [purpose])[0])
    assert not signers.validate(OTHER, principals[0], purpose)


@pytest.mark.parametrize("format_name", ["openssh", "pkcs8-der", "pkcs8-pem", "pkcs1-pem"])
@FEW
@given(key=a_key)
def test_private_keys(format_name: str, key: nacre.SSHKey) -> None:
    try:
        written = key.export_private_key(format_name)
    except nacre.KeyExportError:
        assert (format_name, key.algorithm) == ("pkcs1-pem", "ssh-ed25519")
        return
    assert nacre.import_private_key(written) == key
    assert SSHKeyPair.from_key(nacre.import_private_key(written)).public_data == key.public_data
