"""The files that keep a user's own keys, in the order in which they are tried, and whose keys they are.

Owns: their names, and which public key belongs to such a file. Must not know: passphrases.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nacre.keys.base import SSHKey
from nacre.keys.files import FilePath, expand, read_file
from nacre.keys.load import import_public_key, read_public_key

__all__ = ["IDENTITY_FILES", "identity_files", "read_identity"]

#: The files of the key types that nacre has, best first.
IDENTITY_FILES: Final = (
    "~/.ssh/id_ed25519",
    "~/.ssh/id_ed25519_sk",
    "~/.ssh/id_ecdsa",
    "~/.ssh/id_ecdsa_sk",
    "~/.ssh/id_rsa",
)


def identity_files() -> list[Path]:
    """Return those of the user's own key files that there are."""
    return [path for path in map(expand, IDENTITY_FILES) if path.exists()]


def read_identity(filename: FilePath) -> SSHKey:
    """Return the public key of an identity file without a passphrase.

    Args:
        filename: a private key file, beside which its .pub file may be; or a public key file.

    Raises:
        OSError: it cannot be read.
        KeyImportError: it is no key, or it is encrypted, not in OpenSSH's format and without a .pub file.
    """
    path = expand(filename)
    beside = Path(f"{path}.pub")
    if beside.exists():
        return read_public_key(beside)
    return import_public_key(read_file(path))
