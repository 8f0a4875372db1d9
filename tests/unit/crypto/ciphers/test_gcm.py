"""AES-GCM on packets (RFC 5647), against GCM written out from NIST SP 800-38D."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nacre.crypto import make_opener, make_sealer
from nacre.crypto.ciphers import gcm
from nacre.errors import MACError


def block(key: bytes, data: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(data)


def ghash(key: bytes, data: bytes) -> int:
    state = 0
    subkey = int.from_bytes(key, "big")
    for start in range(0, len(data), 16):
        state ^= int.from_bytes(data[start : start + 16], "big")
        product, factor = 0, subkey
        for bit in range(127, -1, -1):
            if state >> bit & 1:
                product ^= factor
            factor = factor >> 1 ^ (0xE1 << 120 if factor & 1 else 0)
        state = product
    return state


def reference_gcm(key: bytes, nonce: bytes, plain: bytes, associated: bytes) -> bytes:
    stream = b"".join(
        block(key, nonce + struct.pack(">I", 2 + index)) for index in range((len(plain) + 15) // 16)
    )
    cipher = bytes(a ^ b for a, b in zip(plain, stream, strict=False))
    padded = associated + bytes(-len(associated) % 16) + cipher + bytes(-len(cipher) % 16)
    lengths = struct.pack(">QQ", 8 * len(associated), 8 * len(cipher))
    tag = ghash(block(key, bytes(16)), padded + lengths)
    tag ^= int.from_bytes(block(key, nonce + b"\0\0\0\1"), "big")
    return cipher + tag.to_bytes(16, "big")


KEY = bytes.fromhex("feffe9928665731c6d6a8f9467308308")
NONCE = bytes.fromhex("cafebabefacedbaddecaf888")


def test_the_reference_gives_the_published_vector() -> None:
    # Test case 4 of the GCM specification by McGrew and Viega.
    plain = bytes.fromhex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    )
    associated = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    assert reference_gcm(KEY, NONCE, plain, associated).hex() == (
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
        "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
        "5bc94fbc3221a5db94fae95ae7121a47"
    )


@pytest.mark.parametrize(
    ("name", "key"), [("aes128-gcm@openssh.com", KEY), ("aes256-gcm@openssh.com", KEY + KEY[::-1])]
)
def test_packet_length_is_associated_data_in_the_clear(make_suite: Any, name: str, key: bytes) -> None:
    sealer = make_sealer(name, "", key, NONCE, b"")
    packet = make_suite.packet(sealer, b"payload of the packet")
    sealed = make_suite.seal(sealer, packet, 0)
    assert sealed == packet[:4] + reference_gcm(key, NONCE, packet[4:], packet[:4])
    assert sealed[4:] == AESGCM(key).encrypt(NONCE, packet[4:], packet[:4])


def test_the_length_does_not_count_for_the_padding(make_suite: Any) -> None:
    sealer = make_suite("aes128-gcm@openssh.com", "").sealer()
    assert (len(make_suite.packet(sealer, bytes(11))) - 4) % 16 == 0
    assert (sealer.block_size, sealer.tag_size, sealer.length_apart) == (16, 16, True)


@pytest.mark.parametrize("start", [0, 0xFFFF_FFFE, (1 << 64) - 2, 0xDEAD_BEEF_0000_0000])
def test_the_invocation_counter_has_64_bits_and_leaves_the_fixed_field_alone(
    make_suite: Any, start: int
) -> None:
    iv = b"\xa1\xa2\xa3\xff" + struct.pack(">Q", start)
    sealer = make_sealer("aes128-gcm@openssh.com", "", KEY, iv, b"")
    opener = make_opener("aes128-gcm@openssh.com", "", KEY, iv, b"")
    packet = make_suite.packet(sealer, b"payload")
    for index in range(5):
        nonce = iv[:4] + struct.pack(">Q", (start + index) % (1 << 64))
        sealed = make_suite.seal(sealer, packet, 0)
        assert sealed == packet[:4] + AESGCM(KEY).encrypt(nonce, packet[4:], packet[:4])
        assert make_suite.open(opener, sealed, 0) == packet


def test_a_library_without_methods_that_write_into_buffers(
    make_suite: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bind_encrypt, bind_decrypt = gcm._bind_encrypt, gcm._bind_decrypt
    suite = make_suite("aes256-gcm@openssh.com", "")
    usual = suite.sealer()
    monkeypatch.setattr(gcm, "_bind_encrypt", lambda aead: bind_encrypt(aead, has_into=False))
    monkeypatch.setattr(gcm, "_bind_decrypt", lambda aead: bind_decrypt(aead, has_into=False))
    sealer, opener = suite.sealer(), suite.opener()
    for size in (0, 1, 100, 5000):
        packet = suite.packet(sealer, bytes(size))
        sealed = suite.seal(sealer, packet, 0)
        assert sealed == suite.seal(usual, packet, 0)
        assert suite.open(opener, sealed, 0) == packet
    scratch = bytearray(b"\xbb" * 40)
    with pytest.raises(MACError):
        opener.open(memoryview(bytes(52)), 0, 32, 0, scratch)
    assert scratch == bytes(40)


def test_this_library_has_them() -> None:
    assert gcm._HAS_INTO
