"""The resident keys of security keys: those that need no file.

Owns: `load_resident_keys`. Must not know: how one talks to an authenticator.
"""

from __future__ import annotations

from nacre.errors import KeyImportError
from nacre.keys import authenticator
from nacre.keys.base import SSHKey
from nacre.keys.sk import (
    PRESENCE_REQUIRED,
    RESIDENT,
    SK_ECDSA,
    SK_ED25519,
    VERIFICATION_REQUIRED,
    key_of_authenticator,
)

__all__ = ["load_resident_keys"]

_NAMES = {"ssh-ed25519": SK_ED25519, "ecdsa-sha2-nistp256": SK_ECDSA}


def load_resident_keys(
    pin: str | bytes | None,
    *,
    application: str = "ssh:",
    user: str | None = None,
    touch_required: bool = True,
    verify_required: bool = False,
) -> list[SSHKey]:
    """Return the private keys that lie in the security keys which are plugged in.

    This waits for the hardware; where there is an event loop, call it in a thread.

    Args:
        pin: of the security keys. It stays with the keys in memory, for those that ask for it to sign.
        application: what the keys are for.
        user: whose keys; None: everybody's. The user stands in the comment of each key.
        touch_required: whether the security key is to be touched for each signature.
        verify_required: whether it is to make sure of its user for each; nacre's own.

    Raises:
        KeyImportError: no security key is plugged in, the package `fido2` is missing, or the PIN is wrong.
    """
    flags = RESIDENT | (PRESENCE_REQUIRED if touch_required else 0)
    flags |= VERIFICATION_REQUIRED if verify_required else 0
    found: list[SSHKey] = []
    try:
        entries = authenticator.resident_keys(pin, application)
    except ValueError as error:
        raise KeyImportError(str(error)) from None
    for entry in entries:
        if user not in (None, entry.user):
            continue
        key = key_of_authenticator(_NAMES[entry.key_type], entry, application, flags, pin)
        key.set_comment(entry.user)
        found.append(key)
    return found
