"""curve25519-sha256 (RFC 8731), with the vectors of RFC 7748."""

from __future__ import annotations

from typing import Any

import pytest

from nacre.crypto import make_exchange
from nacre.crypto.kex import curve25519
from nacre.errors import KeyExchangeFailed
from tests.support.cases import each_case

# RFC 7748 section 6.1.
ALICE = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
ALICE_PUBLIC = bytes.fromhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
BOB = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
BOB_PUBLIC = bytes.fromhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
SHARED = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"


def finish(private: bytes, peer_public: bytes) -> bytes:
    """Return what a client with that private key makes of a server's share."""
    client = make_exchange("curve25519-sha256", lambda size: private)
    client.client_share()
    return client.client_finish(peer_public)


def test_the_exchange_of_the_rfc() -> None:
    client = make_exchange("curve25519-sha256", lambda size: ALICE)
    server = make_exchange("curve25519-sha256", lambda size: BOB)
    assert client.client_share() == ALICE_PUBLIC
    expected = bytes.fromhex("00000020" + SHARED)
    assert server.server_respond(ALICE_PUBLIC) == (BOB_PUBLIC, expected)
    assert client.client_finish(BOB_PUBLIC) == expected


@pytest.mark.parametrize(
    ("private", "public", "encoded"),
    [
        # RFC 7748 section 5.2: both outputs have their top bit set, so that a zero goes before them.
        (
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "0000002100c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ),
        (
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "000000210095cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ),
    ],
)
def test_the_vectors_of_the_rfc(private: str, public: str, encoded: str) -> None:
    assert finish(bytes.fromhex(private), bytes.fromhex(public)).hex() == encoded


@pytest.mark.parametrize(
    ("public", "encoded"),
    [
        # Found by trying keys: with Alice's key each gives a secret of that shape.
        (
            "01a487ad92e0dc3a591125ada3b65fab57e2c584a6ea04f67456f63d4f8d7847",
            "0000001f211266750ccf9f11d76a37ae6a5970fed9ce83027c590191bdf81065b97b1a",
        ),
        (
            "bd9e9a01fa8fd030414b5a2b6029add799209ca3d2c2fdb628c317dab362573d",
            "0000002000be5e49cc625647238e1c72dfca73497a28c36f25dea3cc6ef899ae91a4391a",
        ),
        (
            "0b5a45b944899e04511b456000df9ae1cc67f35cd77b9f09bc349bd865a58460",
            "0000001e5eef0162b37c740f1e2db2b8afe31781d5fa5c07a87c2b44d51910e21006",
        ),
        (
            "5ec930e75da5836c2c7335c9cb500a90faae24b03d99440b6fd960a828906d6c",
            "0000001f00bd34d5cd7053fbd8d600ff31db3d0201f6beba33f509c634be438ec8ef47",
        ),
    ],
    ids=["one-zero", "one-zero-then-high", "two-zeros", "two-zeros-then-high"],
)
def test_secrets_that_begin_with_zeros_are_minimal_mpints(public: str, encoded: str) -> None:
    # Security history row 23.
    assert finish(ALICE, bytes.fromhex(public)).hex() == encoded


LOW_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


@each_case("high_bit", [0, 0x80])
@each_case("point", LOW_ORDER)
def test_points_of_low_order_are_refused(point: str, high_bit: int) -> None:
    # Security history row 22. The top bit of a public key is not looked at (RFC 7748 section 5).
    public = bytearray.fromhex(point)
    public[31] |= high_bit
    with pytest.raises(KeyExchangeFailed, match="low order"):
        finish(ALICE, bytes(public))
    with pytest.raises(KeyExchangeFailed, match="low order"):
        make_exchange("curve25519-sha256").server_respond(bytes(public))


def test_an_all_zero_secret_is_refused_whatever_the_library_says(monkeypatch: pytest.MonkeyPatch) -> None:
    class Careless:
        """An X25519 that does not check."""

        @classmethod
        def generate(cls) -> Careless:
            return cls()

        def public_key(self) -> Careless:
            return self

        def public_bytes_raw(self) -> bytes:
            return bytes(32)

        def exchange(self, peer: Any) -> bytes:
            return bytes(32)

    monkeypatch.setattr(curve25519, "X25519PrivateKey", Careless)
    with pytest.raises(KeyExchangeFailed, match="low order"):
        make_exchange("curve25519-sha256").server_respond(BOB_PUBLIC)


def test_the_older_name_is_the_same_method() -> None:
    server = make_exchange("curve25519-sha256@libssh.org", lambda size: BOB)
    assert server.server_respond(ALICE_PUBLIC) == (BOB_PUBLIC, bytes.fromhex("00000020" + SHARED))


def test_no_secret_is_in_a_repr() -> None:
    share = curve25519.X25519Share(lambda size: ALICE)
    assert "object at" in repr(share)
