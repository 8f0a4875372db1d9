"""What a signature proves.

Owns: `Proof`. Must not know: how a signature is checked, or what somebody asks for.

Of most keys a signature proves that whoever made it has the private part, and nothing else. That of a
security key says besides whether its user has touched it, and whether it has made sure who its user is
(OpenSSH's PROTOCOL.u2f): a key that lies in a machine that is not the user's any more signs without.
"""

from __future__ import annotations

from enum import Flag

__all__ = ["Proof"]


class Proof(Flag):
    """What a signature proves; nothing when it is wrong."""

    NOTHING = 0
    #: The private key has made it.
    KEY = 1
    #: Somebody was there, and touched the security key.
    PRESENCE = 2
    #: The security key knows who: by a PIN or a finger.
    VERIFICATION = 4
