"""Key derivation (RFC 4253 section 7.2), with NIST's vectors and against the formula written out."""

from __future__ import annotations

import hashlib
from hashlib import sha256, sha512

import pytest

from nacre.crypto import derive
from nacre.crypto.kdf import new_hash

# NIST CAVP, "SSH KDF" (SP 800-135), two of the sets with SHA-1, the one hash whose digest is shorter
# than a key there: 24 bytes of key take two blocks of 20.
FIRST_K = bytes.fromhex(
    "000000803c3ce2b19e0cadf8ad02438c695efcd3018c833657318bfaef7b9c278cd7e8d7b3a2249f9d586832c3dee727"
    "ada167056ff1febc9210186ba47cc1dfaaf08101fb89742ebf4f3e291a20c94a7a6f7877799151d177e163ce3e57ef86"
    "3c0cda0311265fbac157879150a715e309392b3e521dcf03224717ff5e0030e480f20dff"
)
SECOND_K = bytes.fromhex(
    "0000008075957f464f5a7985e1a3ffb7d5814ff9ceb8fb1584a3f5cc454c37139e9b880940442cce2aef94d9d0462c4d"
    "c313ed7a8cc3f9a58c38a98ef0236e3cc78fb63b6f82e9c503097b7a08ef2261dda68c7bfe9f83ac790d1f9ff57605d2"
    "4f4bdfedde23cc5aabba248bc91d3fe1d4394485bc4421730a297694c09bdf024ac2eac3"
)
VECTORS = [
    (
        FIRST_K,
        "46a674c532460a80cdc5c6da9a8c3bdf4f3ff614",
        "aedeb64df7119db53202e959dc84be3e5285512d",
        {
            b"A": "7a74ec799ef16865",
            b"B": "6e544fc6db0ca1ba",
            b"C": "658226b1b10b2033fa88838b619572b18e81e80c76507918",
            b"D": "327298c8660685efcb01c5c0df49faebb15c0e93b0f6c65d",
            b"E": "6b618a10aeaa12c9a8d2bcb10e975605582c00e5",
            b"F": "6d4ce50da9de90d6f746e812a2e74bcd921f5612",
        },
    ),
    (
        SECOND_K,
        "0a70b4f26b1985d48ece540f1de6304fdb38212f",
        "2f0ce0e2da2e2bf11eae2ab98e9734412d47a19a",
        {
            b"A": "b655839abcb1a7b8",
            b"B": "98f9ec980831a8bc",
            b"C": "31a63b64cfa8b6a12ba165096dad8d127cd3f3b67698b670",
            b"D": "8bd79633967b92f0039a38a2d421e12840ea5c31b43c4e90",
            b"E": "37eccade73b422d1108e390eaa28c646b554a721",
            b"F": "013a20fc8f53ef08aae0a836b9410153a877983a",
        },
    ),
]


@pytest.mark.parametrize(("secret", "exchange_hash", "session_id", "keys"), VECTORS)
def test_the_published_vectors(
    secret: bytes, exchange_hash: str, session_id: str, keys: dict[bytes, str]
) -> None:
    for letter, expected in keys.items():
        key = derive(
            "sha1",
            secret,
            bytes.fromhex(exchange_hash),
            letter,
            bytes.fromhex(session_id),
            len(expected) // 2,
        )
        assert key.hex() == expected


SECRET, HASH, SESSION = b"\0\0\0\x02\0\x80", b"H" * 32, b"S" * 32


def test_the_formula_of_the_rfc() -> None:
    # K1 = HASH(K || H || X || session_id), K2 = HASH(K || H || K1), K3 = HASH(K || H || K1 || K2)
    for hash_name, function in (("sha256", sha256), ("sha512", sha512)):
        for letter in (b"A", b"B", b"C", b"D", b"E", b"F"):
            first = function(SECRET + HASH + letter + SESSION).digest()
            second = function(SECRET + HASH + first).digest()
            third = function(SECRET + HASH + first + second).digest()
            whole = first + second + third
            for size in (0, 1, 12, 16, 31, 32, 33, 63, 64, 65, 96):
                assert derive(hash_name, SECRET, HASH, letter, SESSION, size) == whole[:size]


@pytest.mark.parametrize("letter", [b"", b"G", b"a", b"AB"])
def test_other_letters_are_refused(letter: bytes) -> None:
    with pytest.raises(ValueError, match="letters A to F"):
        derive("sha256", SECRET, HASH, letter, SESSION, 16)


def test_a_negative_size_is_refused() -> None:
    with pytest.raises(ValueError, match="-1 bytes"):
        derive("sha256", SECRET, HASH, b"A", SESSION, -1)


@pytest.mark.parametrize("name", ["sha256", "sha384", "sha512", "sha1"])
def test_hashes_are_those_of_hashlib(name: str) -> None:
    assert new_hash(name, b"abc").digest() == hashlib.new(name, b"abc").digest()
    empty = new_hash(name)
    empty.update(b"abc")
    assert empty.digest() == hashlib.new(name, b"abc").digest()
