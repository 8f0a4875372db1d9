"""What a login asks of a security key: that its user was there, and that it knows who.

Owns: `login_proof`, the one place that says it. Must not know: connections, or how a signature is checked.

A key of a line of authorized_keys need not be touched where the line says `no-touch-required`, one with a
certificate where the certificate says so and the line of its authority does too, if there is one (sshd(8)).
That its user must be verified, either of them can demand.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nacre.keys import Proof, SSHCertificate, SSHKey

__all__ = ["PRESENCE_OPTIONS", "describe_missing", "login_proof"]

_NO_TOUCH: Final = "no-touch-required"
_VERIFY: Final = "verify-required"

#: The options of authorized_keys that are honoured here.
PRESENCE_OPTIONS: Final = frozenset((_NO_TOUCH, _VERIFY))


def login_proof(
    shown: SSHKey | SSHCertificate, line: Mapping[str, object] | None, always: Proof = Proof.NOTHING
) -> Proof:
    """Return what the signature of a login must prove.

    Args:
        shown: the key or certificate.
        line: the options of the line of authorized_keys that admits it; None: a program does.
        always: what is asked of every security key, whatever waives it (PubkeyAuthOptions); of others nothing is.
    """
    proof = shown.required_proof
    if line is not None:
        if isinstance(shown, SSHCertificate):
            if _NO_TOUCH not in line:
                proof |= shown.key.required_proof
        elif _NO_TOUCH in line:
            proof &= ~Proof.PRESENCE
        if _VERIFY in line:
            proof |= Proof.VERIFICATION
    key = shown.key if isinstance(shown, SSHCertificate) else shown
    return proof | always if Proof.PRESENCE in key.possible_proof else proof


def describe_missing(wanted: Proof, shown: Proof) -> str:
    """Return in words what a signature lacks."""
    if Proof.PRESENCE in wanted & ~shown:
        return "nobody has touched the security key"
    return "the key has not verified its user, as is asked of it"
