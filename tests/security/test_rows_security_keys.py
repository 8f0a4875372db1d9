"""The row of the history that is about security keys.

One test a row, without arguments: `test_faults.py` runs them again with a fault put back.
"""

from __future__ import annotations

import hashlib
from functools import cache

from nacre.keys import (
    MADE_ELSEWHERE,
    Proof,
    SSHCertificate,
    SSHKey,
    decode_certificate,
    decode_public_key,
    generate_private_key,
)
from nacre.keys.sk import SK_ECDSA, SK_ED25519
from nacre.keys.webauthn import client_data_start
from nacre.protocol.events import PublicKeyQuestion
from nacre.protocol.settings import Role
from nacre.wire.fields import Reader, encode_byte, encode_string, encode_uint32
from tests.pair.damage import string, userauth
from tests.pair.stage import Stage
from tests.security.certified import AUTHORITY_LINE, CA, admitted
from tests.security.expectations import Phase
from tests.security.registry import covers
from tests.support.authenticator import SoftwareAuthenticator
from tests.support.certificates import by_hand, option, options, principals

TOUCHED = Proof.KEY | Proof.PRESENCE
VERIFIED = TOUCHED | Proof.VERIFICATION
PROOFS = (Proof.KEY, TOUCHED, Proof.KEY | Proof.VERIFICATION, VERIFIED)


@cache
def key_of(algorithm: str) -> tuple[SSHKey, SoftwareAuthenticator]:
    device = SoftwareAuthenticator()
    with device.plugged_in():
        return generate_private_key(algorithm), device


def enough(shown: SSHKey | SSHCertificate, lines: str) -> list[bool]:
    """Tell for each of `PROOFS` whether it logs in."""
    return [admitted(shown, lines, proof=proof) is not None for proof in PROOFS]


def line_of(key: SSHKey, options: str = "") -> str:
    return f"{options} {key.export_public_key().decode()}".lstrip()


@covers(54)
def test_cve_2026_39831_a_security_key_shows_that_its_user_is_there() -> None:
    for algorithm in (SK_ED25519, SK_ECDSA):
        key, device = key_of(algorithm)
        _lines(key.convert_to_public())
        _certificates(key.convert_to_public())
        _on_the_wire(key, device)
        _applications(key, device)
    _browsers()


def _lines(key: SSHKey) -> None:
    assert enough(key, line_of(key)) == [False, True, False, True]
    assert enough(key, "") == [False, True, False, True], "a program that takes the key"
    assert enough(key, line_of(key, "no-touch-required")) == [True] * 4
    assert enough(key, line_of(key, "verify-required")) == [False, False, False, True]
    assert enough(key, line_of(key, "verify-required,no-touch-required")) == [False, False, True, True]


def _certificates(key: SSHKey) -> None:
    strict, lax = (
        CA.generate_user_certificate(key, "id", principals="user", touch_required=touch)
        for touch in (True, False)
    )
    waived = AUTHORITY_LINE.replace("cert-authority", "cert-authority,no-touch-required")
    for lines in ("", AUTHORITY_LINE, waived):
        assert enough(strict, lines) == [False, True, False, True]
    assert enough(lax, "") == enough(lax, waived) == [True] * 4
    assert enough(lax, AUTHORITY_LINE) == [False, True, False, True]
    asks = options(option("verify-required"))
    sure = by_hand(key, CA, critical=asks, principals=principals(b"user"))
    for lines in ("", AUTHORITY_LINE, waived):
        assert enough(decode_certificate(sure), lines) == [False, False, False, True]


def _on_the_wire(key: SSHKey, device: SoftwareAuthenticator) -> None:
    """What the program is told is what was signed, and nothing that is merely said."""
    for flags in (0, 1, 4, 5):
        device.lies = lambda _, flags=flags: flags
        proofs = []
        for claimed in (flags, flags ^ 1, flags ^ 4):
            stage = Stage(Role.SERVER, answers={PublicKeyQuestion: True}).to(Phase.WAIT_AUTH)
            over = string(stage.raw.session_id) + userauth(
                b"publickey", b"\1" + string(key.algorithm.encode()) + string(key.public_data), b"alice"
            )
            with device.plugged_in():
                signature = bytearray(key.sign(over, key.algorithm))
            signature[-5] = claimed
            stage.send(over[4 + len(stage.raw.session_id) :] + string(bytes(signature)))
            proofs += [event.proof for event in stage.end.of(PublicKeyQuestion)]
        shown = (Proof.PRESENCE if flags & 1 else Proof.NOTHING) | (
            Proof.VERIFICATION if flags & 4 else Proof.NOTHING
        )
        assert proofs == [Proof.KEY | shown]
    device.lies = lambda flags: flags


def _applications(key: SSHKey, device: SoftwareAuthenticator) -> None:
    other = decode_public_key(key.public_data.replace(string(b"ssh:"), string(b"ssh!")))
    with device.plugged_in():
        signature = key.sign(b"data", key.algorithm)
    assert key.proof(b"data", signature) == TOUCHED
    assert not other.proof(b"data", signature)
    assert not key.proof(b"data", signature[:-4] + bytes(4)), "the counter is signed too"
    assert not key.proof(b"data", signature[:-1])


def _browsers() -> None:
    """A web site that has a key sign a text of its own has not logged anybody in."""
    (name,) = MADE_ELSEWHERE
    inner = generate_private_key("ecdsa-sha2-nistp256")
    public = decode_public_key(
        encode_string(SK_ECDSA.encode()) + inner.encode_ssh_public() + encode_string(b"example")
    )
    for signed, right in ((b"data", True), (b"other", False)):
        text = client_data_start(signed, b"https://example") + b"}"
        for flags, shown in ((1, TOUCHED), (0, Proof.KEY)):
            said = (
                hashlib.sha256(b"example").digest()
                + bytes((flags,))
                + bytes(4)
                + hashlib.sha256(text).digest()
            )
            reader = Reader(inner.sign(said, "ecdsa-sha2-nistp256"))
            reader.string()
            signature = (
                encode_string(name.encode()) + encode_string(reader.string()) + encode_byte(flags)
                + encode_uint32(0) + encode_string(b"https://example") + encode_string(text) + encode_string(b"")
            )  # fmt: skip
            assert public.proof(b"data", signature) == (shown if right else Proof.NOTHING)
