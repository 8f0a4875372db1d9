"""AES in counter mode on packets (RFC 4344), with either order of MAC."""

from __future__ import annotations

import hmac
import struct
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from nacre.crypto import make_opener, make_sealer
from nacre.crypto.ciphers import ctr
from nacre.errors import MACError

# NIST SP 800-38A, appendices F.5.1, F.5.3 and F.5.5.
COUNTER = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
PLAIN = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
VECTORS = {
    "aes128-ctr": (
        "2b7e151628aed2a6abf7158809cf4f3c",
        (
            "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
            "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"
        ),
    ),
    "aes192-ctr": (
        "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
        (
            "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e94"
            "1e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050"
        ),
    ),
    "aes256-ctr": (
        "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        (
            "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
            "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6"
        ),
    ),
}


@pytest.mark.parametrize("name", VECTORS)
@pytest.mark.parametrize("cuts", [(64,), (16, 32, 64), (48, 64)])
def test_the_published_vectors_as_one_stream_of_packets(
    make_suite: Any, name: str, cuts: tuple[int, ...]
) -> None:
    key, expected = (bytes.fromhex(value) for value in VECTORS[name])
    sealer = make_sealer(name, "hmac-sha2-256", key, COUNTER, bytes(32))
    start, sealed = 0, b""
    for sequence, end in enumerate(cuts):
        sealed += make_suite.seal(sealer, PLAIN[start:end], sequence)[:-32]
        start = end
    assert sealed == expected


def key_stream(key: bytes, iv: bytes, size: int) -> bytes:
    """RFC 4344 section 4: encrypt X, then X + 1 modulo 2^128, and so on."""
    counter = int.from_bytes(iv, "big")
    blocks = b"".join(((counter + index) % (1 << 128)).to_bytes(16, "big") for index in range(size // 16 + 1))
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(blocks)[:size]


def xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


KEY, MAC_KEY = bytes(range(16)), bytes(range(64))


@pytest.mark.parametrize("iv", [COUNTER, b"\xff" * 16])
@pytest.mark.parametrize(
    ("mac", "digest", "size"), [("hmac-sha2-256", "sha256", 32), ("hmac-sha2-512", "sha512", 64)]
)
def test_encrypt_and_mac(make_suite: Any, mac: str, digest: str, size: int, iv: bytes) -> None:
    sealer = make_sealer("aes128-ctr", mac, KEY, iv, MAC_KEY[:size])
    assert not sealer.length_apart
    packets = [make_suite.packet(sealer, bytes(length)) for length in (3, 100)]
    assert all(len(packet) % 16 == 0 for packet in packets)
    stream = key_stream(KEY, iv, sum(map(len, packets)))
    for sequence, packet in enumerate(packets, start=0xFFFF_FFF0):
        tag = hmac.digest(MAC_KEY[:size], struct.pack(">I", sequence) + packet, digest)
        assert make_suite.seal(sealer, packet, sequence) == xor(packet, stream[: len(packet)]) + tag
        stream = stream[len(packet) :]


@pytest.mark.parametrize(
    ("mac", "digest", "size"),
    [("hmac-sha2-256-etm@openssh.com", "sha256", 32), ("hmac-sha2-512-etm@openssh.com", "sha512", 64)],
)
def test_encrypt_then_mac(make_suite: Any, mac: str, digest: str, size: int) -> None:
    sealer = make_sealer("aes128-ctr", mac, KEY, COUNTER, MAC_KEY[:size])
    assert sealer.length_apart
    packets = [make_suite.packet(sealer, bytes(length)) for length in (3, 100)]
    assert all(len(packet) % 16 == 4 for packet in packets)
    stream = key_stream(KEY, COUNTER, sum(map(len, packets)))
    for sequence, packet in enumerate(packets, start=0xFFFF_FFF0):
        cipher = packet[:4] + xor(packet[4:], stream[: len(packet) - 4])
        tag = hmac.digest(MAC_KEY[:size], struct.pack(">I", sequence) + cipher, digest)
        assert make_suite.seal(sealer, packet, sequence) == cipher + tag
        stream = stream[len(packet) - 4 :]


def test_the_head_is_one_block_where_the_length_is_encrypted() -> None:
    assert make_opener("aes128-ctr", "hmac-sha2-256", KEY, COUNTER, MAC_KEY[:32]).head == 16
    assert make_opener("aes128-ctr", "hmac-sha2-256-etm@openssh.com", KEY, COUNTER, MAC_KEY[:32]).head == 4


def test_the_block_that_gave_the_length_is_wiped_too() -> None:
    opener = make_opener("aes128-ctr", "hmac-sha2-256", KEY, COUNTER, MAC_KEY[:32])
    assert isinstance(opener, ctr.EncryptAndMacOpener)
    src = memoryview(bytes(100))
    opener.length(src, 0, 0)
    with pytest.raises(MACError):
        opener.open(src, 0, 44, 0, bytearray(44))
    assert bytes(opener._first) == bytes(16)


def test_a_packet_shorter_than_a_block_is_refused_even_with_its_tag_right() -> None:
    # RFC 4253 section 6: "The minimum size of a packet is 16 (or the cipher block size, whichever is
    # larger)". `length` has taken a whole block of key stream by then, the peer less.
    arguments = ("aes128-ctr", "hmac-sha2-256", KEY, COUNTER, MAC_KEY[:32])
    for size in range(5, 16):
        packet = struct.pack(">I", size - 4) + bytes(size - 4)
        out = bytearray(size + 32)
        make_sealer(*arguments).seal(memoryview(packet), size, memoryview(out), 0, 0)
        opener = make_opener(*arguments)
        assert opener.length(memoryview(out), 0, 0) == size - 4
        with pytest.raises(MACError):
            opener.open(memoryview(out), 0, size - 4, 0, bytearray(40))


def test_counter_mode_alone_is_refused() -> None:
    for make in (ctr._opener, ctr._sealer):
        with pytest.raises(ValueError, match="needs a MAC"):
            make(KEY, COUNTER, None)
