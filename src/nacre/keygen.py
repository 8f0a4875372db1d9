"""What ssh-keygen does beside making keys: for programs that revoke and look into signatures as it does.

Owns: the names. Must not know: how it is done (`nacre.keys`, `nacre.trust`).

Programs that have the values at hand need none of this: `KeyRevocationList`, `create_sshsig` and `validate_sshsig` take them.
"""

from __future__ import annotations

from nacre.keys.sshsig import MAX_SSHSIG, SSHSignature, hash_data
from nacre.keys.timestamp import parse_timestamp
from nacre.trust.revocation_text import Authority, revoke_lines, revoked_lines

__all__ = [
    "MAX_SSHSIG",
    "Authority",
    "SSHSignature",
    "hash_data",
    "parse_timestamp",
    "revoke_lines",
    "revoked_lines",
]
