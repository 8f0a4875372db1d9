"""Ed25519 (RFC 8709), with the vectors of RFC 8032 section 7.1."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nacre.errors import KeyImportError
from nacre.keys import Proof, decode_public_key, decode_shown_key, generate_private_key
from nacre.keys.ed25519 import Ed25519Key, plain_key
from nacre.wire.fields import encode_string

# secret key, public key, message, signature
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
            "387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
            "4a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]
NAME = encode_string(b"ssh-ed25519")


@pytest.mark.parametrize(("secret", "public", "message", "signature"), VECTORS)
def test_rfc_8032_vectors(secret, public, message, signature):
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
    key = Ed25519Key(private.public_key(), private)
    assert key.public_data == NAME + encode_string(bytes.fromhex(public))
    blob = NAME + encode_string(bytes.fromhex(signature))
    assert key.sign(bytes.fromhex(message), "ssh-ed25519") == blob
    assert decode_public_key(key.public_data).verify(bytes.fromhex(message), blob, "ssh-ed25519")


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_cve_2020_9283_keys_of_another_length_are_refused(size):
    with pytest.raises(KeyImportError, match="32 bytes"):
        decode_public_key(NAME + encode_string(bytes(size)))


@pytest.mark.parametrize("size", [0, 31, 33, 63, 65])
def test_cve_2020_9283_signatures_of_another_length_are_false(size):
    key = generate_private_key("ssh-ed25519")
    assert key.verify(b"data", NAME + encode_string(bytes(size))) is False


def test_what_is_not_as_nearly_every_signature_is_no_proof():
    key = generate_private_key("ssh-ed25519")
    blob = key.sign(b"data", "ssh-ed25519")
    assert key.proof(b"data", blob, "ssh-ed25519") is Proof.KEY
    assert key.proof(b"data", blob) is Proof.KEY
    for wrong in (
        b"",
        blob[:-1],
        blob + b"\0",
        blob[:4] + b"X" + blob[5:],
        b"\0" + blob,
        blob[:19] + blob[20:],
    ):
        for asked in ("ssh-ed25519", None):
            assert key.proof(b"data", wrong, asked) is Proof.NOTHING
    for asked in ("rsa-sha2-256", "", b"ssh-rsa"):
        assert key.proof(b"data", blob, asked) is Proof.NOTHING
    assert key.proof(b"other", blob, "ssh-ed25519") is Proof.NOTHING
    with pytest.raises(ValueError, match="signs with ssh-ed25519"):
        key.sign(b"data", "rsa-sha2-256")
    with pytest.raises(ValueError, match="this is a public one"):
        key.convert_to_public().sign(b"data", "ssh-ed25519")


def test_the_blob_that_was_decoded_is_the_one_that_is_encoded():
    key = generate_private_key("ssh-ed25519").convert_to_public()
    assert decode_public_key(key.public_data).public_data == key.public_data


def test_a_blob_of_another_kind_is_left_to_the_general_way():
    key = generate_private_key("ssh-ed25519").convert_to_public()
    blob = key.public_data
    found = plain_key(blob)
    assert found == key
    assert found.public_data == blob
    assert found is not plain_key(blob), "comments and names of files are each one's own"
    for other in (
        b"",
        blob[:-1],
        blob + b"\0",
        blob.replace(b"ssh-", b"SSH-"),
        blob[:18] + b"\1" + blob[19:],
    ):
        assert plain_key(other) is None
        with pytest.raises(KeyImportError):
            decode_shown_key(other)
