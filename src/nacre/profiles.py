"""Profiles: sets of algorithms by one name, for those who want more than the defaults.

Owns: what each profile has, and what it asks of keys. Must not know: how options are used.

`pq`: key exchanges that a quantum computer does not break either, and nothing beside them; ssh-audit has nothing
to say about such a server. What is known of old, and only warned of, is left out: CTR, RSA below 3072 bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from nacre.keys import SSHCertificate, SSHKey, SSHKeyPair
from nacre.wire.fields import Reader

__all__ = ["PROFILES", "require_host_keys", "takes_user_key", "tries_user_key", "with_profile"]

_LEAST_RSA: Final = 3072

#: The options of each profile, of both sides; one that a side has not is left out there.
PROFILES: Final[Mapping[str, Mapping[str, Any]]] = {
    "pq": {
        "kex_algs": ("mlkem768x25519-sha256",),
        "encryption_algs": (
            "aes128-gcm@openssh.com",
            "aes256-gcm@openssh.com",
            "chacha20-poly1305@openssh.com",
        ),
        "mac_algs": ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com"),
        "compression_algs": ("none",),
        "server_host_key_algs": ("ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519"),
        "gss_kex": False,
    },
}


def with_profile(given: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """Return options with those of their profile.

    Args:
        given: what a program gives, checked.
        known: the options that there are.

    Raises:
        ValueError: an option says something else than the profile.
    """
    profile = PROFILES.get(given.get("profile") or "", {})
    wanted = {name: value for name, value in profile.items() if name in known}
    for name, value in wanted.items():
        if name in given and given[name] != value:
            raise ValueError(f"profile={given['profile']!r} chooses {name}: give one of the two")
    return {**given, **wanted}


def require_host_keys(profile: str | None, keys: Iterable[SSHKeyPair]) -> None:
    """Raise ValueError for a server's key that a profile has no place for."""
    for key in keys:
        if profile == "pq" and key.key_data[4:15] != b"ssh-ed25519":
            raise ValueError(
                f"profile='pq' has host keys of type ssh-ed25519 alone, not {key.get_algorithm()}"
            )


def takes_user_key(profile: str | None, shown: SSHKey | SSHCertificate) -> bool:
    """Return whether a user may log in by a key, or by that of a host, as far as a profile goes."""
    if profile != "pq":
        return True
    keys = (shown.key, shown.signing_key) if isinstance(shown, SSHCertificate) else (shown,)
    return not any(_is_short(key.public_data) for key in keys)


def tries_user_key(profile: str | None, pair: SSHKeyPair) -> bool:
    """Return whether a client shows a key of its user, or of its host, as far as a profile goes."""
    if profile != "pq":
        return True
    signing = pair.cert.signing_key.public_data if isinstance(pair.cert, SSHCertificate) else pair.key_data
    return not (_is_short(pair.key_data) or _is_short(signing))


def _is_short(blob: bytes) -> bool:
    return 0 < rsa_bits(blob) < _LEAST_RSA


def rsa_bits(blob: bytes) -> int:
    """Return the size of an RSA key; 0 for a key of another type."""
    reader = Reader(blob)
    if reader.string() != b"ssh-rsa":
        return 0
    reader.mpint()
    return reader.mpint().bit_length()
