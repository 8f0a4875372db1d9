"""ECDSA (RFC 5656), with signatures of RFC 6979 appendix A.2."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from nacre.errors import KeyImportError
from nacre.keys import KEY_TYPES, decode_public_key, generate_private_key
from nacre.wire.fields import Reader, encode_mpint, encode_string
from tests.support.cases import each_case

# curve, x, y, r, s of the message "sample" with the curve's own hash
RFC_6979 = [
    (
        "nistp256",
        32,
        0x60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6,
        0x7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299,
        0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
        0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
    ),
    (
        "nistp384",
        48,
        0xEC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A254515480BC13,
        0x8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1288B231C3AE0D4FE7344FD2533264720,
        0x94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46,
        0x99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8,
    ),
    (
        "nistp521",
        66,
        0x1894550D0785932E00EAA23B694F213F8C3121F86DC97A04E5A7167DB4E5BCD371123D46E45DB6B5D5370A7F20FB633155D38FFA16D2BD761DCAC474B9A2F5023A4,
        0x0493101C962CD4D2FDDF782285E64584139C2F91B47F87FF82354D6630F746A28A0DB25741B5B34A828008B22ACC23F924FAAFBD4D33F81EA66956DFEAA2BFDFCF5,
        0x0C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F174E25A1EE9017B5D450606ADD152B534931D7D4E8455CC91F9B15BF05EC36E377FA,
        0x0617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF282623EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4A67A,
    ),
]
ALGORITHMS = ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"]


def blob(name: str, curve: str, point: bytes) -> bytes:
    return encode_string(name.encode()) + encode_string(curve.encode()) + encode_string(point)


@pytest.mark.parametrize(("curve", "size", "x", "y", "r", "s"), RFC_6979)
def test_rfc_6979_signatures(curve, size, x, y, r, s):
    name = f"ecdsa-sha2-{curve}"
    key = decode_public_key(blob(name, curve, b"\4" + x.to_bytes(size, "big") + y.to_bytes(size, "big")))
    assert key.get_algorithm() == name
    signature = encode_string(name.encode()) + encode_string(encode_mpint(r) + encode_mpint(s))
    assert key.verify(b"sample", signature, name)
    assert not key.verify(b"Sample", signature, name)


@pytest.mark.parametrize("first", [2, 3])
def test_compressed_points_are_refused(first):
    point = ec.generate_private_key(ec.SECP256R1()).public_key()
    compressed = point.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    assert compressed[0] in (2, 3)
    # The library itself would take it.
    ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), compressed)
    with pytest.raises(KeyImportError, match="uncompressed"):
        decode_public_key(blob(ALGORITHMS[0], "nistp256", bytes([first]) + compressed[1:]))


def test_other_forms_of_points_are_refused():
    numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
    wrong = [
        b"",
        b"\0",
        b"\4",
        bytes([6 + (y[-1] & 1)]) + x + y,  # hybrid
        b"\4" + x + x,  # not on the curve
        b"\4" + bytes(64),
        b"\4" + b"\xff" * 64,
        b"\4" + x + y + b"\0",
        b"\4" + x + y[:-1],
    ]
    for point in wrong:
        with pytest.raises(KeyImportError, match="point of nistp256"):
            decode_public_key(blob(ALGORITHMS[0], "nistp256", point))


def test_cve_2026_35387_the_curve_must_be_that_of_the_name():
    for name in ALGORITHMS:
        for other in ALGORITHMS:
            if other == name:
                continue
            key = generate_private_key(name)
            inner = Reader(key.public_data)
            inner.string()
            with pytest.raises(KeyImportError, match="curve"):
                decode_public_key(encode_string(other.encode()) + inner.rest())


def test_cve_2026_35387_a_signature_counts_for_its_own_algorithm_only():
    key = generate_private_key("ecdsa-sha2-nistp256")
    signature = Reader(key.sign(b"data", "ecdsa-sha2-nistp256"))
    signature.string()
    inner = signature.rest()
    for other in ("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-ed25519", ""):
        assert not key.verify(b"data", encode_string(other.encode()) + inner)
        assert not key.verify(b"data", key.sign(b"data", "ecdsa-sha2-nistp256"), other)
        with pytest.raises(ValueError, match="signs with"):
            key.sign(b"data", other)


@each_case(
    ("r", "s"),
    [
        (encode_mpint(0), encode_mpint(1)),
        (encode_mpint(1), encode_mpint(0)),
        (encode_mpint(1 << 300), encode_mpint(1)),
        (encode_string(b"\xff"), encode_mpint(1)),  # negative
        (encode_string(b"\0\1"), encode_mpint(1)),  # not minimal
        (b"", b""),
        (encode_mpint(1), b""),
        (encode_mpint(1), encode_mpint(1) + b"\0"),
    ],
)
def test_numbers_out_of_range_are_a_false_signature(r, s):
    key = generate_private_key("ecdsa-sha2-nistp256")
    assert key.verify(b"data", encode_string(b"ecdsa-sha2-nistp256") + encode_string(r + s)) is False


def test_cve_2024_31497_p521_nonces_are_full_range():
    """r and s of 521 bits: the biased nonces of PuTTY had nine zero bits at the top."""
    key = generate_private_key("ecdsa-sha2-nistp521")
    top = {"r": 0, "s": 0}
    for index in range(500):
        reader = Reader(key.sign(index.to_bytes(4, "big"), "ecdsa-sha2-nistp521"))
        reader.string()
        inner = Reader(reader.string())
        for name in top:
            top[name] += inner.mpint() >> 520
    # Half of 500, with room for ten standard deviations.
    assert all(130 < count < 370 for count in top.values())


def test_private_numbers_are_checked():
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    key = generate_private_key("ecdsa-sha2-nistp256")
    decode_private = KEY_TYPES[key.algorithm].decode_private
    assert decode_private(Reader(key.encode_ssh_private()), False) == key
    for scalar in (0, order, order + 1, 1 << 256, 1 << 4000):
        with pytest.raises(KeyImportError, match="out of range"):
            decode_private(Reader(key.encode_ssh_public() + encode_mpint(scalar)), False)
    for scalar in (1, order - 1):
        with pytest.raises(KeyImportError, match="belong together"):
            decode_private(Reader(key.encode_ssh_public() + encode_mpint(scalar)), False)
