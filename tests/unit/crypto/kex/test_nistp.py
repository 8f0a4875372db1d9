"""ecdh-sha2-nistp* (RFC 5656), with the vectors of RFC 5903."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from nacre.crypto import Family, Status, lookup, make_exchange
from nacre.crypto.kex.nistp import NistShare, field_size
from nacre.errors import KeyExchangeFailed
from nacre.wire.fields import encode_mpint

CURVES = {
    "ecdh-sha2-nistp256": (ec.SECP256R1(), "sha256"),
    "ecdh-sha2-nistp384": (ec.SECP384R1(), "sha384"),
    "ecdh-sha2-nistp521": (ec.SECP521R1(), "sha512"),
}
METHODS = tuple(CURVES)

# RFC 5903 sections 8.1 to 8.3: both private keys, and the x coordinate that both arrive at.
VECTORS = {
    "ecdh-sha2-nistp256": (
        "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433",
        "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53",
        "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de",
    ),
    "ecdh-sha2-nistp384": (
        "099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f160647b67414dce655e35b538041e649ee3faef896783ab194",
        "41cb0779b4bdb85d47846725fbec3c9430fab46cc8dc5060855cc9bda0aa2942e0308312916b8ed2960e4bd55a7448fc",
        "11187331c279962d93d604243fd592cb9d0a926f422e47187521287e7156c5c4d603135569b9e9d09cf5d4a270f59746",
    ),
    "ecdh-sha2-nistp521": (
        (
            "0037ade9319a89f4dabdb3ef411aaccca5123c61acab57b5393dce47608172a095aa85a30fe1c2952c6771d937ba9777"
            "f5957b2639bab072462f68c27a57382d4a52"
        ),
        (
            "0145ba99a847af43793fdd0e872e7cdfa16be30fdc780f97bccc3f078380201e9c677d600b343757a3bdbf2a3163e4c2"
            "f869cca7458aa4a4effc311f5cb151685eb9"
        ),
        (
            "01144c7d79ae6956bc8edb8e7c787c4521cb086fa64407f97894e5e6b2d79b04d1427e73ca4baa240a34786859810c06"
            "b3c715a3a8cc3151f2bee417996d19f3ddea"
        ),
    ),
}


def point(method: str, private: int, form: PublicFormat = PublicFormat.UncompressedPoint) -> bytes:
    """Return the public key that belongs to a private one."""
    key = ec.derive_private_key(private, CURVES[method][0]).public_key()
    return key.public_bytes(Encoding.X962, form)


def share_of(method: str, private: int) -> NistShare:
    """Return an ephemeral key that is that one."""
    curve, _ = CURVES[method]
    # What is drawn is reduced modulo the order less one, and one is added.
    return NistShare(curve, lambda size: (private - 1).to_bytes(size, "big"))


@pytest.mark.parametrize("method", METHODS)
def test_the_vectors_of_the_rfc(method: str) -> None:
    one, other, secret = VECTORS[method]
    client, server = share_of(method, int(one, 16)), share_of(method, int(other, 16))
    assert client.public == point(method, int(one, 16))
    assert client.agree(point(method, int(other, 16))).hex() == secret
    assert server.agree(point(method, int(one, 16))).hex() == secret


@pytest.mark.parametrize("method", METHODS)
def test_both_ends_through_the_method(method: str) -> None:
    private, other, secret = VECTORS[method]
    client = make_exchange(method, lambda size: (int(private, 16) - 1).to_bytes(size, "big"))
    assert client.client_share() == point(method, int(private, 16))
    expected = encode_mpint(int(secret, 16))
    assert client.client_finish(point(method, int(other, 16))) == expected
    assert client.hash_name == CURVES[method][1]


@pytest.mark.parametrize(
    ("method", "other", "head"),
    [
        # Found by trying keys with the first one of the RFC: secrets that begin with zeros.
        ("ecdh-sha2-nistp256", 1171, "0000002000819a34"),
        ("ecdh-sha2-nistp384", 124, "0000003000e29e4c"),
        ("ecdh-sha2-nistp521", 18, "00000040350662b4"),
    ],
)
def test_secrets_that_begin_with_zeros_are_minimal_mpints(method: str, other: int, head: str) -> None:
    # Security history row 23.
    private = int(VECTORS[method][0], 16)
    client = make_exchange(method, lambda size: (private - 1).to_bytes(size, "big"))
    client.client_share()
    assert client.client_finish(point(method, other)).hex().startswith(head)


@pytest.mark.parametrize("method", METHODS)
def test_points_in_another_form_or_off_the_curve_are_refused(method: str) -> None:
    # Security history row 22: `cryptography` takes compressed points, and the hybrid form.
    good = point(method, 1234567)
    size = field_size(CURVES[method][0])
    off = good[:-1] + bytes([good[-1] ^ 1])
    bad = {
        "compressed": point(method, 1234567, PublicFormat.CompressedPoint),
        "hybrid": bytes([6 + (good[-1] & 1)]) + good[1:],
        "compressed, made as long": bytes([2 + (good[-1] & 1)]) + good[1:],
        "infinity": b"\0",
        "infinity, made as long": bytes(len(good)),
        "off the curve": off,
        "coordinates of zero": b"\x04" + bytes(2 * size),
        "coordinates beyond the field": b"\x04" + b"\xff" * (2 * size),
        "the point of another curve": point(METHODS[METHODS.index(method) - 1], 1234567),
    }
    for what, share in bad.items():
        with pytest.raises(KeyExchangeFailed):
            make_exchange(method).server_respond(share)
        client = make_exchange(method)
        client.client_share()
        with pytest.raises(KeyExchangeFailed):
            client.client_finish(share)
        assert what


@pytest.mark.parametrize("method", METHODS)
def test_offered_only_where_somebody_names_it(method: str) -> None:
    algorithm = lookup(Family.KEX, method)
    assert algorithm.status is Status.OPTIONAL
    assert "quantum" in algorithm.risk
