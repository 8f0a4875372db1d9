"""Users: their names, roles and keys, as values.

Owns: what a user name may be, and the records that the state hands out. Must not know: where they
are stored, or how somebody proves who they are.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from nacre.hub.problem import HubProblem

__all__ = [
    "INVITE_PREFIX",
    "RESERVED_NAMES",
    "Role",
    "User",
    "UserKey",
    "check_user_name",
    "fingerprint",
    "is_user_name",
    "key_algorithm",
]

#: What a user name looks like. It is used as the name of a directory, so no slash and no lone dots.
_USER_NAME: Final = re.compile(r"[a-z_][a-z0-9_.-]{0,31}", re.ASCII)

#: An SSH user name that begins so is an invite's code, in whatever case it was typed.
INVITE_PREFIX: Final = "invite-"

#: Names that mean an account of the system to the programs that read $USER.
RESERVED_NAMES: Final = frozenset({"root", "daemon", "nobody"})


class Role(StrEnum):
    """What a user may do on the hub."""

    ADMIN = "admin"
    USER = "user"

    @classmethod
    def parse(cls, text: str) -> Role:
        """Return the role of this name. HubProblem for an unknown one."""
        try:
            return cls(text)
        except ValueError:
            raise HubProblem(f"there is no role {text!r}", f"use {' or '.join(cls)}") from None


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may come in.

    Attributes:
        number: of the record; a user who was deleted and made anew has another one.
        name: as in the SSH login.
        role: what the user may do.
        uid: of the user's processes where the hub runs as root; given out once, never again.
        created: wall-clock time in seconds.
    """

    number: int
    name: str
    role: Role
    uid: int
    created: float


@dataclass(frozen=True, slots=True)
class UserKey:
    """A public key that a user comes in with.

    Attributes:
        number: of the record.
        user: the user's name.
        algorithm: the name of the key's format, such as "ssh-ed25519".
        blob: the public key blob (RFC 4253 section 6.6).
        fingerprint: "SHA256:" and base64.
        comment: from the key file; shown to administrators only.
        added: wall-clock time in seconds.
    """

    number: int
    user: str
    algorithm: str
    blob: bytes = field(repr=False)
    fingerprint: str
    comment: str
    added: float


def is_user_name(text: str) -> bool:
    """Tell whether `text` may be the name of a user."""
    return (
        _USER_NAME.fullmatch(text) is not None
        and text not in RESERVED_NAMES
        and not text.startswith(INVITE_PREFIX)
    )


def check_user_name(text: str) -> None:
    """Raise HubProblem, with the rule that was broken, unless `text` may be the name of a user."""
    if is_user_name(text):
        return
    shown = repr(text[:40])
    if text in RESERVED_NAMES or text.startswith(INVITE_PREFIX):
        raise HubProblem(f"the name {shown} is reserved", "choose another name")
    raise HubProblem(
        f"{shown} cannot be a user name",
        "use 1 to 32 of a-z, 0-9, '_', '.' and '-', beginning with a letter or '_'",
    )


def fingerprint(blob: bytes) -> str:
    """Return the fingerprint of a public key blob as OpenSSH shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")


def key_algorithm(blob: bytes) -> str:
    """Return the name at the start of a public key blob. HubProblem where there is none."""
    length = int.from_bytes(blob[:4], "big")
    name = blob[4 : 4 + length]
    if not 0 < length <= 64 or len(name) != length or not all(0x21 <= byte <= 0x7E for byte in name):
        raise HubProblem("that is not a public key", "give the line of a .pub file")
    return name.decode("ascii")
