"""New keys.

Owns: `generate_private_key`. Must not know: how a key of some type is made, or any file.
"""

from __future__ import annotations

from typing import Any

from nacre.errors import KeyGenerationError, NotSupportedYet
from nacre.keys.base import KEY_TYPES, SSHKey
from nacre.keys.sk import SK_ECDSA, SK_ED25519

__all__ = ["generate_private_key"]

_NOT_YET = ("ssh-ed448",)
#: The keywords of the key types that have any.
_OF_SECURITY_KEYS = frozenset(("application", "user", "pin", "resident", "touch_required", "verify_required"))
_KEYWORDS = {
    "ssh-rsa": frozenset(("key_size", "exponent")),
    SK_ED25519: _OF_SECURITY_KEYS,
    SK_ECDSA: _OF_SECURITY_KEYS,
}


def generate_private_key(alg_name: str, comment: str | bytes | None = None, **kwargs: Any) -> SSHKey:
    """Make a new private key.

    Args:
        alg_name: "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
            "ecdsa-sha2-nistp521" or "ssh-rsa" (which signs with SHA-2); "sk-ssh-ed25519@openssh.com" or
            "sk-ecdsa-sha2-nistp256@openssh.com" for a key in the FIDO security key that is plugged in. To make
            one of these waits until somebody touches it: where there is an event loop, call this in a thread.
        comment: kept with the key and written to its files.
        kwargs: for "ssh-rsa": `key_size` in bits (2048 to 16384, by default 3072), `exponent`
            (65537). For security keys: `application` ("ssh:"), `user` ("nacre"; whose a resident key is),
            `pin` (None), `resident` (False: the security key keeps nothing), `touch_required` (True: it is to
            be touched for each signature), `verify_required` (False; nacre's own: it is to ask for its PIN, or a
            finger, for each).

    Raises:
        KeyGenerationError: the name or a keyword is unknown, or its value is out of bounds; there is no
            security key, or it refuses.
        NotSupportedYet: the key type is not built yet.
    """
    key_type = KEY_TYPES.get(alg_name)
    if key_type is None:
        if alg_name in _NOT_YET:
            raise NotSupportedYet(f"generate_private_key({alg_name!r})", "use ssh-ed25519")
        raise KeyGenerationError(f"unknown key type {alg_name!r}; nacre makes {', '.join(KEY_TYPES)}")
    unknown = sorted(set(kwargs) - _KEYWORDS.get(alg_name, frozenset()))
    if unknown:
        raise KeyGenerationError(f"a key of type {alg_name} is made without {', '.join(unknown)}")
    key = key_type.generate(**kwargs)
    key.set_comment(comment)
    return key
