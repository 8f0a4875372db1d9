"""mlkem768x25519-sha256 (RFC 10042): shares, secret, and bad input."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from nacre.crypto import Random, make_exchange
from nacre.errors import KeyExchangeFailed

METHOD = "mlkem768x25519-sha256"
SEED = bytes(range(64))
PRIVATE = bytes(range(100, 132))


def from_list(*values: bytes) -> tuple[list[int], Random]:
    """Return the sizes asked for so far, and a source that gives `values` one after the other."""
    asked: list[int] = []

    def random(size: int) -> bytes:
        asked.append(size)
        return values[len(asked) - 1]

    return asked, random


def encoded(mlkem_secret: bytes, x25519_secret: bytes) -> bytes:
    # K = SHA-256(K_PQ || K_CL), as a string: a length of 32 whatever its first bytes are.
    return b"\0\0\0\x20" + hashlib.sha256(mlkem_secret + x25519_secret).digest()


def test_the_client_s_share_is_both_public_keys() -> None:
    asked, random = from_list(SEED, PRIVATE)
    share = make_exchange(METHOD, random).client_share()
    assert asked == [64, 32]
    assert len(share) == 1216
    assert share[:1184] == MLKEM768PrivateKey.from_seed_bytes(SEED).public_key().public_bytes_raw()
    assert share[1184:] == X25519PrivateKey.from_private_bytes(PRIVATE).public_key().public_bytes_raw()


def test_the_client_against_the_construction_written_out() -> None:
    _, random = from_list(SEED, PRIVATE)
    client = make_exchange(METHOD, random)
    share = client.client_share()
    mlkem_secret, ciphertext = MLKEM768PublicKey.from_public_bytes(share[:1184]).encapsulate()
    server = X25519PrivateKey.generate()
    x25519_secret = server.exchange(X25519PublicKey.from_public_bytes(share[1184:]))
    secret = client.client_finish(ciphertext + server.public_key().public_bytes_raw())
    assert secret == encoded(mlkem_secret, x25519_secret)


def test_the_server_against_the_construction_written_out() -> None:
    mlkem, x25519 = MLKEM768PrivateKey.from_seed_bytes(SEED), X25519PrivateKey.from_private_bytes(PRIVATE)
    share = mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
    asked, random = from_list(bytes(range(32)))
    reply, secret = make_exchange(METHOD, random).server_respond(share)
    assert asked == [32]
    assert len(reply) == 1120
    x25519_secret = x25519.exchange(X25519PublicKey.from_public_bytes(reply[1088:]))
    assert secret == encoded(mlkem.decapsulate(reply[:1088]), x25519_secret)


def test_the_secret_is_always_a_string_of_32_bytes() -> None:
    # Security history row 23: neither a sign byte nor a stripped zero, as an mpint would have.
    first_bytes = set()
    for _ in range(40):
        _, secret = make_exchange(METHOD).server_respond(make_exchange(METHOD).client_share())
        assert (len(secret), secret[:4]) == (36, b"\0\0\0\x20")
        first_bytes.add(secret[4] >> 7)
    assert first_bytes == {0, 1}


def test_an_encapsulation_key_that_is_none_is_refused() -> None:
    # Every coefficient is 4095: not reduced modulo 3329 (FIPS 203 section 7.2).
    share = make_exchange(METHOD).client_share()
    with pytest.raises(KeyExchangeFailed, match="encapsulation key is not valid"):
        make_exchange(METHOD).server_respond(b"\xff" * 1184 + share[1184:])
    one_too_large = bytearray(share)
    one_too_large[0], one_too_large[1] = 0x01, (one_too_large[1] & 0xF0) | 0x0D  # 3329 = 0xd01
    with pytest.raises(KeyExchangeFailed, match="encapsulation key is not valid"):
        make_exchange(METHOD).server_respond(bytes(one_too_large))


def test_points_of_low_order_are_refused_beside_good_ml_kem() -> None:
    share = make_exchange(METHOD).client_share()
    with pytest.raises(KeyExchangeFailed, match="low order"):
        make_exchange(METHOD).server_respond(share[:1184] + bytes(32))
    client = make_exchange(METHOD)
    reply, _ = make_exchange(METHOD).server_respond(client.client_share())
    with pytest.raises(KeyExchangeFailed, match="low order"):
        client.client_finish(reply[:1088] + bytes(32))


def test_the_parts_the_other_way_round_are_refused_or_disagree() -> None:
    share = make_exchange(METHOD).client_share()
    with pytest.raises(KeyExchangeFailed):
        make_exchange(METHOD).server_respond(b"\xff" * 32 + share[:1184])


def test_the_share_of_the_classical_method_alone_is_refused() -> None:
    with pytest.raises(KeyExchangeFailed, match="has 32 bytes, not 1216"):
        make_exchange(METHOD).server_respond(bytes(range(32)))
    client = make_exchange(METHOD)
    client.client_share()
    with pytest.raises(KeyExchangeFailed, match="has 32 bytes, not 1120"):
        client.client_finish(bytes(range(32)))
