"""Faults of security keys, put back.

Owns: these faults. Must not know: the tests that they turn red.
"""

from __future__ import annotations

from typing import Final

from nacre import server_auth
from nacre.keys import Proof, certificate, sk, webauthn
from nacre.trust import presence
from tests.security.registry import Fault, replaced, rewritten

__all__ = ["SECURITY_KEYS"]


SECURITY_KEYS: Final = (
    Fault(
        54,
        "whether somebody was there is not asked",
        rewritten(server_auth.ServerAuthenticator._proves, "or wanted in event.proof", "or Proof.KEY"),
    ),
    Fault(
        54,
        "flags are believed that are not signed",
        rewritten(sk.SecurityKey._proof, "self._signed(flags, counter,", "self._signed(flags & ~5, counter,"),
    ),
    Fault(
        54,
        "a certificate alone waives the touch that its authority's line asks for",
        rewritten(presence.login_proof, "proof |= shown.key.required_proof", "proof |= Proof.KEY"),
    ),
    Fault(
        54,
        "verify-required is passed over",
        replaced(presence, "_VERIFY", "verified-required"),
    ),
    Fault(
        54,
        "verify-required of a certificate is passed over",
        replaced(
            certificate.SSHCertificate, "required_proof", property(lambda self: self.key.required_proof)
        ),
    ),
    Fault(
        54,
        "a signature for another application will do",
        rewritten(sk.SecurityKey._signed, "hashlib.sha256(self._application)", "hashlib.sha256(b'ssh:')"),
    ),
    Fault(
        54,
        "a browser may have signed anything",
        rewritten(
            webauthn.read_client_data,
            "if not text.startswith(client_data_start(data, origin)):",
            "if not text:",
        ),
    ),
    Fault(54, "a key need not be touched", replaced(server_auth, "login_proof", lambda *_: Proof.KEY)),
)
