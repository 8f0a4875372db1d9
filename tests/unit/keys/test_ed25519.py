"""Ed25519 (RFC 8709), with the vectors of RFC 8032 section 7.1."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from nacre.errors import KeyImportError
from nacre.keys import decode_public_key, generate_private_key
from nacre.keys.ed25519 import Ed25519Key
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
