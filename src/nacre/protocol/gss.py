"""What the protocol asks of GSS-API (RFC 2743), and no more.

Owns: the interfaces. Must not know: any library of GSS-API, Kerberos, or whether a step waits for a network:
steps are asked for as questions (`GssStepNeeded`), for the application to take in a thread.
"""

from __future__ import annotations

from typing import Protocol


class GssContext(Protocol):
    """A security context of one end. Nothing that its peer says counts before it is complete."""

    @property
    def complete(self) -> bool:
        """Whether it is established."""

    @property
    def mutual(self) -> bool:
        """Whether both ends have proved who they are. Once it is complete."""

    @property
    def integrity(self) -> bool:
        """Whether it can sign. Once it is complete."""

    def step(self, token: bytes) -> bytes:
        """Take the peer's token (b"": a client's first step), and return ours, or b"". May block.

        Raises:
            GssError: it has failed.
        """

    def sign(self, data: bytes) -> bytes:
        """Return a message integrity code (GSS_GetMIC). GssError."""

    def verify(self, data: bytes, mic: bytes) -> bool:
        """Return True where a message integrity code is right (GSS_VerifyMIC)."""


class GssApi(Protocol):
    """Makes contexts of a client towards its server, or of a server."""

    @property
    def mechanism(self) -> bytes:
        """The OID of the one mechanism, in DER."""

    def context(self) -> GssContext:
        """Return a new context. Does not block."""
