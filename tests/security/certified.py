"""A server that is shown a certificate, without the connection around it.

Owns: `admitted`, the keys and the address. Must not know: what is tried.
"""

from __future__ import annotations

import logging
from typing import Final

from nacre.keys import Proof, SSHCertificate, SSHKey, generate_private_key
from nacre.options import SSHServerConnectionOptions
from nacre.protocol.events import AuthBegin, PublicKeyQuestion
from nacre.server import SSHServer
from nacre.server_auth import ServerAuthenticator
from nacre.trust import import_authorized_keys
from tests.security.restricted import now

__all__ = ["ADDRESS", "AUTHORITY_LINE", "CA", "KEY", "OTHER", "admitted"]

KEY, CA, OTHER = (generate_private_key("ssh-ed25519") for _ in range(3))
AUTHORITY_LINE: Final = f"cert-authority {CA.export_public_key().decode()}"
#: Where the client comes from, as far as the server knows.
ADDRESS: Final = "203.0.113.9"


class _Trusting(SSHServer):
    def validate_ca_key(self, username: str, key: SSHKey) -> bool:
        return key == CA.convert_to_public()

    def validate_public_key(self, username: str, key: SSHKey) -> bool:
        return key.algorithm.startswith("sk-")


def admitted(
    shown: SSHKey | SSHCertificate,
    lines: str = "",
    *,
    user: str = "user",
    address: str | None = ADDRESS,
    proof: Proof = Proof.KEY,
) -> ServerAuthenticator | None:
    """Return the authenticator that has let a certificate or a key in, or None.

    Args:
        shown: which; the signature of its key was verified.
        lines: authorized_keys; else a program trusts the authority.
        user: who wants to log in.
        address: where from.
        proof: what the signature proves.
    """
    keys = import_authorized_keys(lines) if lines else None
    options = SSHServerConnectionOptions(authorized_client_keys=keys)
    logger = logging.LoggerAdapter(logging.getLogger("nacre.test"), {})
    authenticator = ServerAuthenticator(options, SSHServer() if lines else _Trusting(), address, logger)
    now(authenticator.begin(AuthBegin(0, user)))
    algorithm = shown.host_key_algorithms[0]
    question = PublicKeyQuestion(1, user, algorithm, shown.public_data, shown, verified=True, proof=proof)
    return authenticator if now(authenticator.public_key(question)) is True else None
