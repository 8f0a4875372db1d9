"""Keys and X.509 certificates that tests are made of.

Owns: the keys, and short ways to a certificate. Must not know: what is tested.
"""

from __future__ import annotations

from typing import Any, Final

import nacre
from nacre.keys import SSHX509Certificate

KEYS: Final = {
    name: nacre.generate_private_key(name, **({"key_size": 2048} if name == "ssh-rsa" else {}))
    for name in ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp521", "ssh-rsa", "ssh-ed25519")
}
USER: Final = KEYS["ecdsa-sha2-nistp256"]
#: Signs everything: the names say whose certificate is whose.
ROOT: Final = nacre.generate_private_key("ecdsa-sha2-nistp256")


def authority(subject: str, issuer: str | None = None, **how: Any) -> SSHX509Certificate:
    """Return the certificate of an authority, whose key is always the same."""
    return ROOT.generate_x509_ca_certificate(ROOT, subject, issuer, **how)


def user_certificate(subject: str = "CN=alice", issuer: str = "CN=root", **how: Any) -> SSHX509Certificate:
    """Return the certificate of a user."""
    return ROOT.generate_x509_user_certificate(USER, subject, issuer, **how)
