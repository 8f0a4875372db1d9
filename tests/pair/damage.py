"""Payloads that no honest peer sends, from payloads that one would.

Owns: well-formed payloads for each number, variants by method included, and the ways to damage one.
Must not know: what an end does with them. All randomness comes from the caller.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from tests.security import expectations

UINT32S = (0, 1, 2, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 35000, 262144)


def string(value: bytes) -> bytes:
    """A string of RFC 4251 section 5."""
    return struct.pack(">I", len(value)) + value


def uint32(*values: int) -> bytes:
    """Numbers of RFC 4251 section 5."""
    return struct.pack(f">{len(values)}I", *values)


def userauth(method: bytes, data: bytes = b"", user: bytes = b"alice") -> bytes:
    """A USERAUTH_REQUEST (RFC 4252 section 5)."""
    return b"\x32" + string(user) + string(b"ssh-connection") + string(method) + data


ED25519 = string(b"ssh-ed25519") + string(b"\x58" + b"\x66" * 31)
RSA = string(b"ssh-rsa") + string(b"\x01\x00\x01") + string(b"\x00\x80" + bytes(255) + b"\x01")
NISTP256 = string(b"ecdsa-sha2-nistp256") + string(b"nistp256") + string(b"\x04" + bytes(64))
SIGNATURE = string(string(b"ssh-ed25519") + string(bytes(64)))


def _publickey(algorithm: bytes, blob: bytes, signature: bytes = b"") -> bytes:
    flag = b"\1" if signature else b"\0"
    return userauth(b"publickey", flag + string(algorithm) + string(blob) + signature)


def _request(name: bytes, data: bytes = b"", *, reply: bool = True) -> bytes:
    return b"\x62" + uint32(0) + string(name) + (b"\1" if reply else b"\0") + data


#: More shapes than the one of `expectations.minimal_payload`, by number.
SHAPES: dict[int, list[bytes]] = {
    7: [b"\x07" + uint32(1) + string(b"server-sig-algs") + string(b"ssh-ed25519,\xff,rsa-sha2-512")],
    50: [
        userauth(b"none"),
        userauth(b"password", b"\0" + string(b"secret")),
        userauth(b"password", b"\1" + string(b"secret") + string(b"newer")),
        userauth(b"keyboard-interactive", string(b"") + string(b"pam")),
        _publickey(b"ssh-ed25519", ED25519),
        _publickey(b"ssh-ed25519", ED25519, SIGNATURE),
        _publickey(b"rsa-sha2-512", RSA),
        _publickey(b"rsa-sha2-512", RSA, string(string(b"rsa-sha2-512") + string(bytes(256)))),
        _publickey(b"ecdsa-sha2-nistp256", NISTP256, SIGNATURE),
    ],
    60: [
        b"\x3c" + string(b"ssh-ed25519") + string(ED25519),
        b"\x3c" + string(b"change it") + string(b""),
        b"\x3c" + string(b"") + string(b"") + string(b"") + uint32(1) + string(b"?") + b"\0",
    ],
    61: [b"\x3d" + uint32(1) + string(b"answer"), b"\x3d" + uint32(0)],
    80: [
        b"\x50" + string(b"keepalive@openssh.com") + b"\1",
        b"\x50" + string(b"no-more-sessions@openssh.com") + b"\0",
        b"\x50" + string(b"tcpip-forward") + b"\1" + string(b"") + uint32(0),
    ],
    90: [
        b"\x5a" + string(b"session") + uint32(7, 65536, 0),
        b"\x5a" + string(b"direct-tcpip") + uint32(7, 0, 1) + string(b"h") + uint32(1) + string(b"h") + uint32(1),
    ],
    98: [
        _request(b"pty-req", string(b"xterm\xff") + uint32(80, 24, 0, 0) + string(b"\x01\0\0\0\x03\0")),
        _request(b"env", string(b"LANG\xff") + string(b"\xff")),
        _request(b"shell"),
        _request(b"exec", string(b"ls\xff")),
        _request(b"subsystem", string(b"sftp")),
        _request(b"window-change", uint32(80, 24, 0, 0), reply=False),
        _request(b"xon-xoff", b"\1", reply=False),
        _request(b"signal", string(b"INT"), reply=False),
        _request(b"exit-status", uint32(1), reply=False),
        _request(b"exit-signal", string(b"TERM") + b"\0" + string(b"\xff") + string(b""), reply=False),
        _request(b"break", uint32(500)),
        _request(b"eow@openssh.com", reply=False),
        _request(b"keepalive@openssh.com", b"anything"),
    ],
}  # fmt: skip


def shapes(role: expectations.Role, phase: expectations.Phase, number: int) -> list[bytes]:
    """Well-formed payloads of this number."""
    plain = expectations.minimal_payload(role, phase, number, supplied=bytes([number]) + bytes(36))
    return [plain, *SHAPES.get(number, [])]


def _truncate(payload: bytes, rng: random.Random) -> bytes:
    return payload[: rng.randrange(1, len(payload) + 1)]


def _extend(payload: bytes, rng: random.Random) -> bytes:
    return payload + rng.randbytes(rng.choice((1, 1, 4, 300)))


def _flip(payload: bytes, rng: random.Random) -> bytes:
    changed = bytearray(payload)
    for _ in range(rng.choice((1, 1, 2, 8))):
        changed[rng.randrange(1, len(changed)) if len(changed) > 1 else 0] ^= 1 << rng.randrange(8)
    return payload[:1] + bytes(changed[1:])


def _number(payload: bytes, rng: random.Random) -> bytes:
    """Put a number that is too large, or on an edge, where a length or a count may be."""
    if len(payload) < 5:
        return payload + uint32(rng.choice(UINT32S))
    at = rng.randrange(1, len(payload) - 3)
    return payload[:at] + uint32(rng.choice(UINT32S)) + payload[at + 4 :]


def _noise(payload: bytes, rng: random.Random) -> bytes:
    return payload[:1] + rng.randbytes(rng.choice((0, 1, 5, 40, 400)))


def _strings(payload: bytes, rng: random.Random) -> bytes:
    """Well-formed fields, but of another message."""
    fields = (
        lambda: string(rng.randbytes(rng.randrange(20))),
        lambda: uint32(rng.choice(UINT32S)),
        lambda: bytes([rng.randrange(3)]),
        lambda: string(rng.choice((b"session", b"ssh-connection", b"password", b"", b"a,b", b",", b"\0"))),
        lambda: uint32(0),
    )
    return payload[:1] + b"".join(rng.choice(fields)() for _ in range(rng.randrange(6)))


def _same(payload: bytes, rng: random.Random) -> bytes:
    return payload


WAYS: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _same, _truncate, _extend, _flip, _number, _noise, _strings,
)  # fmt: skip


def damage(payload: bytes, rng: random.Random) -> bytes:
    """Damage a payload in one of the ways; its number stays."""
    return rng.choice(WAYS)(payload, rng)
