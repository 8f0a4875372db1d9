"""HMAC over sequence number and packet (RFC 4253 section 6.4), with the vectors of RFC 4231."""

from __future__ import annotations

import pytest

from nacre.crypto import Family, Status, lookup
from nacre.crypto.mac import MacOrder, PacketMac
from tests.support.cases import each_case

# RFC 4231 sections 4.2 to 4.5, 4.7 and 4.8: key, data, HMAC-SHA-256, HMAC-SHA-512.
VECTORS = [
    (
        b"\x0b" * 20,
        b"Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        (
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
            "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"
        ),
    ),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        (
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
            "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
        ),
    ),
    (
        b"\xaa" * 20,
        b"\xdd" * 50,
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        (
            "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39"
            "bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb"
        ),
    ),
    (
        bytes(range(1, 26)),
        b"\xcd" * 50,
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        (
            "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3db"
            "a91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd"
        ),
    ),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        (
            "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
            "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"
        ),
    ),
    (
        b"\xaa" * 131,
        (
            b"This is a test using a larger than block-size key and a larger than block-size data. "
            b"The key needs to be hashed before being used by the HMAC algorithm."
        ),
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        (
            "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944"
            "b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58"
        ),
    ),
]


@each_case(("key", "data", "sha256", "sha512"), VECTORS)
def test_the_published_vectors(key: bytes, data: bytes, sha256: str, sha512: str) -> None:
    # What is authenticated begins with the sequence number: here the first four bytes of the vector.
    sequence, rest = int.from_bytes(data[:4], "big"), memoryview(data[4:])
    for hash_name, expected in (("sha256", sha256), ("sha512", sha512)):
        mac = PacketMac(hash_name, MacOrder.ENCRYPT_AND_MAC, key)
        for _ in range(2):
            assert mac.tag(sequence, rest).hex() == expected
        for cut in range(len(rest) + 1):
            assert mac.tag(sequence, rest[:cut], rest[cut:]).hex() == expected


# RFC 2202 section 3, tests 1, 2, 3 and 6: key, data, HMAC-SHA-1.
SHA1_VECTORS = [
    (b"\x0b" * 20, b"Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"),
    (b"Jefe", b"what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
    (b"\xaa" * 20, b"\xdd" * 50, "125d7342b9ac11cd91a39af48aa17b4f63f175d3"),
    (
        b"\xaa" * 80,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "aa4ae5e15272d00e95705637ce8a3b55ed402112",
    ),
]


@pytest.mark.parametrize(("key", "data", "expected"), SHA1_VECTORS)
def test_the_published_vectors_of_sha1(key: bytes, data: bytes, expected: str) -> None:
    mac = PacketMac("sha1", MacOrder.ENCRYPT_AND_MAC, key)
    assert mac.tag(int.from_bytes(data[:4], "big"), memoryview(data[4:])).hex() == expected


@each_case(
    ("name", "size", "order", "status"),
    [
        ("hmac-sha2-256-etm@openssh.com", 32, MacOrder.ENCRYPT_THEN_MAC, Status.DEFAULT),
        ("hmac-sha2-512-etm@openssh.com", 64, MacOrder.ENCRYPT_THEN_MAC, Status.DEFAULT),
        ("hmac-sha2-256", 32, MacOrder.ENCRYPT_AND_MAC, Status.OPTIONAL),
        ("hmac-sha2-512", 64, MacOrder.ENCRYPT_AND_MAC, Status.OPTIONAL),
        ("hmac-sha1-etm@openssh.com", 20, MacOrder.ENCRYPT_THEN_MAC, Status.LEGACY),
        ("hmac-sha1", 20, MacOrder.ENCRYPT_AND_MAC, Status.LEGACY),
    ],
)
def test_registered(name: str, size: int, order: MacOrder, status: Status) -> None:
    algorithm = lookup(Family.MAC, name)
    # RFC 6668 section 2: digest length and key length are the same.
    assert (algorithm.key_size, algorithm.tag_size, algorithm.status) == (size, size, status)
    mac: PacketMac = algorithm.factory(bytes(size))
    assert (mac.size, mac.order) == (size, order)
