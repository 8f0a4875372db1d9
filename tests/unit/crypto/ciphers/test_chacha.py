"""chacha20-poly1305@openssh.com, against the worked example of its specification."""

from __future__ import annotations

from typing import Any

import pytest

from nacre.crypto import make_opener, make_sealer
from nacre.crypto.ciphers.chacha import ChaChaSealer
from nacre.errors import LocalProtocolError, MACError

NAME = "chacha20-poly1305@openssh.com"

# draft-ietf-sshm-chacha20-poly1305-02, appendix A: packet 7 of a conversation.
KEY = bytes.fromhex(
    "8bbff6855fc102338c373e73aac0c914f076a905b2444a32eecaffeae22becc5"
    "e9b7a7a5825a8249346ec1c28301cf394543fc7569887d76e168f37562ac0740"
)
SEQUENCE = 7
PACKET = bytes.fromhex(
    "00000048"
    "065e00000000000000384c6f72656d20697073756d20646f6c6f722073697420"
    "616d65742c20636f6e7365637465747572206164697069736963696e6720656c"
    "69744e43e804dc6c"
)
SEALED = bytes.fromhex(
    "2c3ecce4"
    "a5bc05895bf07a7ba956b6c68829ac7c83b780b7000ecde745afc705bbc378ce"
    "03a280236b87b53bed5839662302b164b6286a48cd1e097138e3cb909b8b2b82"
    "9dd18d2a35ff82d9"
    "95349e855bf02c298ef775f2d1a7e8b8"
)


def test_the_worked_example_is_sealed(make_suite: Any) -> None:
    assert make_suite.seal(make_sealer(NAME, "", KEY, b"", b""), PACKET, SEQUENCE) == SEALED


def test_the_worked_example_is_opened(make_suite: Any) -> None:
    assert make_suite.open(make_opener(NAME, "", KEY, b"", b""), SEALED, SEQUENCE) == PACKET


def test_each_packet_stands_alone(make_suite: Any) -> None:
    sealer, opener = make_sealer(NAME, "", KEY, b"", b""), make_opener(NAME, "", KEY, b"", b"")
    for sequence in (0, 0xFFFF_FFFF, 3):
        assert make_suite.open(opener, make_suite.seal(sealer, PACKET, sequence), sequence) == PACKET
    assert make_suite.open(opener, SEALED, SEQUENCE) == PACKET


def test_the_length_is_encrypted_with_a_key_of_its_own(make_suite: Any) -> None:
    other = make_sealer(NAME, "", bytes(32) + KEY[32:], b"", b"")
    assert make_suite.seal(other, PACKET, SEQUENCE)[:4] == SEALED[:4]
    other = make_sealer(NAME, "", KEY[:32] + bytes(32), b"", b"")
    assert make_suite.seal(other, PACKET, SEQUENCE)[4:-16] == SEALED[4:-16]


def test_nothing_is_decrypted_before_the_tag_is_right() -> None:
    opener = make_opener(NAME, "", KEY, b"", b"")
    src = memoryview(SEALED[:-1] + b"\0")
    scratch = bytearray(100)
    assert opener.length(src, 0, SEQUENCE) == 72
    with pytest.raises(MACError):
        opener.open(src, 0, 72, SEQUENCE, scratch)
    assert scratch == bytes(100)


def test_a_nonce_is_not_used_twice() -> None:
    sealer = ChaChaSealer(KEY)
    out = memoryview(bytearray(len(SEALED)))
    for sequence in (5, 6, 0xFFFF_FFFF, 0, 4):
        sealer.seal(memoryview(PACKET), len(PACKET), out, 0, sequence)
    with pytest.raises(LocalProtocolError, match="new keys are overdue"):
        sealer.seal(memoryview(PACKET), len(PACKET), out, 0, 5)


def test_framing() -> None:
    sealer = make_sealer(NAME, "", KEY, b"", b"")
    assert (sealer.block_size, sealer.tag_size, sealer.length_apart) == (8, 16, True)
