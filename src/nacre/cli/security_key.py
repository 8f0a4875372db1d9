"""What `nacre keygen` says and asks about keys in FIDO security keys: -t ed25519-sk and ecdsa-sk, -O, and -K.

Owns: the options of -O, which are ssh-keygen's, the question for the PIN, and the names of downloaded files. Must
not know: how one talks to an authenticator; the library does.
"""

from __future__ import annotations

import getpass
import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from nacre import SSHKey

__all__ = ["ALGORITHMS", "asked_of", "file_of", "pin", "tell_of_touch"]

#: The names of ssh-keygen for types of keys, with their bits, as nacre.cli.keygen has those of all others.
ALGORITHMS: Final = {
    "ed25519-sk": {256: "sk-ssh-ed25519@openssh.com"},
    "ecdsa-sk": {256: "sk-ecdsa-sha2-nistp256@openssh.com"},
}
_FLAGS: Final = {
    "resident": ("resident", True),
    "no-touch-required": ("touch_required", False),
    "verify-required": ("verify_required", True),
}
_VALUES: Final = ("application", "user")
#: What an authenticator keeps of a user (ssh-keygen(1)): two users of the same beginning would be one.
_USER: Final = 32
#: The users of keys for which nobody named one: OpenSSH's, and the library's.
_NOBODY: Final = ("", "openssh", "nacre")
#: Characters of a file's name that an authenticator has a say in.
_NAME: Final = 128


def asked_of(words: Iterable[str]) -> dict[str, Any]:
    """Return what -O asks for, by the names of `generate_private_key`.

    Raises:
        ValueError: it is none of ssh-keygen's options, or none that is done.
    """
    asked: dict[str, Any] = {}
    for word in words:
        name, sign, value = word.partition("=")
        name = name.lower()
        if name in _FLAGS and not sign:
            keyword, wanted = _FLAGS[name]
            asked[keyword] = wanted
        elif name in _VALUES and value:
            asked[name] = value
        else:
            known = ", ".join((*_FLAGS, *(f"{name}=…" for name in _VALUES)))
            raise ValueError(f"-O {word} is not known for keys in a security key; there are {known}")
    if not asked.get("application", "ssh:").startswith("ssh:"):
        raise ValueError('the application of a key begins with "ssh:", as in -O application=ssh:work')
    if len(asked.get("user", "").encode("utf-8", "surrogateescape")) > _USER:
        raise ValueError(f"the user of a key has at most {_USER} bytes")
    return asked


def pin() -> str | None:
    """Ask for the PIN; None: there is none."""
    return getpass.getpass("PIN of the security key (empty for none): ") or None


def tell_of_touch(*, quiet: bool) -> None:
    """Say that somebody is waited for."""
    if not quiet:
        sys.stdout.write("Touch the security key when it blinks.\n")
        sys.stdout.flush()


def file_of(key: SSHKey, application: str) -> str:
    """Return the name of the file of a key that -K found, as ssh-keygen has it.

    The user stands in the name, as the authenticator tells it: whatever might lead elsewhere does not.
    """
    kind = "ecdsa_sk" if key.get_algorithm().startswith("sk-ecdsa") else "ed25519_sk"
    user = key.get_comment(errors="replace") or ""
    parts = [
        application.removeprefix("ssh:").removeprefix("//"),
        "" if user in _NOBODY else user,
    ]
    said = "".join(f"_{re.sub('[^A-Za-z0-9.@-]', '_', part)}" for part in parts if part)
    return f"id_{kind}_rk{said}"[:_NAME]
