"""What the methods of authentication and their drivers agree on.

Owns: the attempt, and the interfaces of the two halves of a method. Must not know: any method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from nacre.wire.auth import HOSTBOUND, PUBLICKEY, UserauthRequest
from nacre.wire.compiled import KNOWN_NAMES

if TYPE_CHECKING:
    from nacre.protocol.auth.client import ClientAuth
    from nacre.protocol.auth.server import ServerAuth

#: The service that every request must ask for (RFC 4254 section 1).
SERVICE: Final = "ssh-connection"
USERAUTH: Final = "ssh-userauth"

KNOWN_NAMES.update((name.encode("ascii"), name) for name in (SERVICE, USERAUTH, PUBLICKEY, HOSTBOUND))


class Attempt(NamedTuple):
    """What one authentication stands on. What a success grants comes from its attempt alone.

    Attributes:
        key_blob: the key whose signature was verified, for "publickey".
    """

    username: str
    method: str
    key_blob: bytes | None = None


class ServerMethod(Protocol):
    """The server's half of a method: one object for each request."""

    def request(self, auth: ServerAuth, request: UserauthRequest) -> None:
        """Take a request for this method."""

    def message(self, auth: ServerAuth, number: int, payload: bytes) -> None:
        """Take a message 60 to 79 that follows the request."""


class ClientMethod(Protocol):
    """The client's half of a method: one object for each attempt.

    Attributes:
        name: the method.
        key_blob: the key, for "publickey".
    """

    name: str
    key_blob: bytes | None

    def start(self, auth: ClientAuth) -> None:
        """Send the request."""

    def message(self, auth: ClientAuth, number: int, payload: bytes) -> None:
        """Take a message 60 to 79 that answers the request."""
