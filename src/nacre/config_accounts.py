"""The users of this machine, as a server's configuration asks about them.

Owns: who is known, in which groups, and where somebody's files are. Must not know: a configuration.

A system without such a database (or a program that serves users of its own) knows nobody.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection
from pathlib import Path

from nacre.aio.commands import Identity
from nacre.errors import ConfigParseError
from nacre.wire.record import record

__all__ = [
    "Account",
    "account",
    "groups",
    "identity",
    "is_known",
    "is_plain_name",
    "is_private_to",
    "require_groups",
    "unsafe_program",
]

_LONGEST = 255


@record
class Account:
    """A user of this machine.

    Attributes:
        uid: the number.
        home: the home directory.
    """

    uid: int
    home: Path


def is_plain_name(name: str) -> bool:
    """Return whether a user's name may be a part of the name of a file: it leads nowhere, and is what it looks like."""
    if not name or len(name) > _LONGEST or name in (".", "..") or not name.isprintable():
        return False
    if re.search(r"[/\\$%*?\[\]{}]|^[~-]|^[A-Za-z]:.", name):
        return False
    if name.isascii():
        return True
    import unicodedata  # for those few

    return unicodedata.normalize("NFKC", name) == name


def account(name: str) -> Account | None:
    """Return the account of a user, or None."""
    if not is_plain_name(name):
        return None
    try:
        import pwd  # absent on some systems, which then know nobody

        found = pwd.getpwnam(name)
    except (ImportError, KeyError, ValueError):
        return None
    return Account(found.pw_uid, Path(found.pw_dir))


def is_known(name: str) -> bool:
    """Return whether this machine has a user of that name."""
    return account(name) is not None


def require_groups() -> None:
    """Raise ConfigParseError where this machine knows no groups: nobody could be told by them."""
    try:
        import grp  # noqa: F401 - absent on some systems, which is what is asked
    except ImportError:
        raise ConfigParseError(
            "this system has no groups of users: Match Group and AllowGroups tell nobody"
        ) from None


def groups(name: str) -> frozenset[str]:
    """Return the names of the groups of a user; none for one that this machine has not."""
    require_groups()
    import grp
    import pwd

    if not is_known(name):
        return frozenset()
    found = []
    for gid in os.getgrouplist(name, pwd.getpwnam(name).pw_gid):
        try:
            found.append(grp.getgrgid(gid).gr_name)
        except KeyError:  # a group without a name is none that a pattern could name
            continue
    return frozenset(found)


def is_private_to(path: Path, owner: Account | None) -> bool:
    """Return whether nobody but an owner, root and this process's user can change a file (sshd's StrictModes).

    The folders above it count, up to the owner's home or the root.
    """
    if not hasattr(os, "getuid"):
        return True
    trusted = {0, os.getuid(), *(() if owner is None else (owner.uid,))}
    home = None if owner is None else Path(os.path.realpath(owner.home))
    return _changeable(path, trusted, home) is None


def unsafe_program(path: str) -> str:
    """Return why a program may not be run for logins, as sshd judges; "": root alone can change it.

    Raises:
        OSError: nobody knows.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        return "it is no regular file"
    part = _changeable(Path(path), {0})
    return "" if part is None else f"others than root can change {part}: root must own it, with a mode of 755"


def identity(name: str) -> tuple[Identity, str, Path] | None:
    """Return whom a program of a user runs as, the user's name and home, or None for one that there is not."""
    try:
        import pwd

        found = pwd.getpwnam(name)
    except (ImportError, KeyError, ValueError):
        return None
    groups = tuple(os.getgrouplist(found.pw_name, found.pw_gid))
    return Identity(found.pw_uid, found.pw_gid, groups), found.pw_name, Path(found.pw_dir)


def _changeable(path: Path, trusted: Collection[int], home: Path | None = None) -> Path | None:
    """Return what others can change of a file and the folders above it, up to a home or the root; None: nothing."""
    real = Path(os.path.realpath(path))
    for part in (real, *real.parents):
        status = part.stat()
        if status.st_uid not in trusted or status.st_mode & 0o022:
            return part
        if part == home:
            break
    return None
