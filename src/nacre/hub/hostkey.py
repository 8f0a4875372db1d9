"""The hub's host key: made on the first run, and refused where others could have read it.

Owns: the file and its rights. Must not know: key formats, or what the key is used for.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final

import nacre
from nacre.hub.files import read_small_file
from nacre.hub.paths import StatePaths, refuse_open_file
from nacre.hub.problem import StateError, os_problem

__all__ = ["HostKey", "load_or_make"]

#: In bytes; an RSA key of 16384 bits takes 13 KiB.
MAX_HOST_KEY_FILE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class HostKey:
    """The host key of this hub.

    Attributes:
        key: with its private part.
        fingerprint: as `ssh` shows it.
        made: whether it was made just now.
    """

    key: nacre.SSHKey = field(repr=False)
    fingerprint: str
    made: bool


def load_or_make(paths: StatePaths) -> HostKey:
    """Read the host key, or make one of type ed25519 where there is none.

    The caller holds the lock of the state.

    Raises:
        StateError: it cannot be read or written, others can read it, or it is not a key.
    """
    made = False
    if not os.path.lexists(paths.host_key):
        _make(paths)
        made = True
    key = _load(paths)
    return HostKey(key, key.get_fingerprint("sha256"), made)


def _make(paths: StatePaths) -> None:
    key = nacre.generate_private_key("ssh-ed25519", comment="nacre hub")
    try:
        # Written whole to a new file (O_EXCL, O_NOFOLLOW, 0600) that then takes the name.
        key.write_private_key(paths.host_key, "openssh")
    except OSError as error:
        raise StateError(
            f"the host key {paths.host_key} cannot be written: {os_problem(error)}",
            "look at the rights of the state directory and the space on its disk",
        ) from error


def _load(paths: StatePaths) -> nacre.SSHKey:
    path = paths.host_key
    try:
        content, status = read_small_file(path, MAX_HOST_KEY_FILE, os.O_NOFOLLOW)
    except OSError as error:
        if path.is_symlink():
            raise StateError(
                f"the host key {path} is a symbolic link",
                "put a copy of the key itself there, with mode 0600",
            ) from None
        raise StateError(
            f"the host key {path} cannot be read: {os_problem(error)}",
            "it must be a file of its own; put a backup in its place",
        ) from error
    refuse_open_file(path, status)
    remedy = "put a backup in its place, or move it away to have a new one made"
    try:
        return nacre.import_private_key(content)
    except (nacre.KeyImportError, nacre.KeyEncryptionError) as error:
        # Also for an encrypted one: nobody is there to type its passphrase when the hub starts.
        raise StateError(f"the host key {path} cannot be used: {error}", remedy) from None
