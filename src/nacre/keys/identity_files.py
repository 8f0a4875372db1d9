"""The files that keep a user's own keys, in the order in which they are tried.

Owns: their names. Must not know: what is in them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from nacre.keys.files import expand

__all__ = ["IDENTITY_FILES", "identity_files"]

#: The files of the key types that nacre has, best first.
IDENTITY_FILES: Final = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")


def identity_files() -> list[Path]:
    """Return those of the user's own key files that there are."""
    return [path for path in map(expand, IDENTITY_FILES) if path.exists()]
