"""A mechanism of GSS-API for tests of the protocol: HMAC with a secret that both ends have.

Owns: contexts whose every property a test can set, for what Kerberos never does. What Kerberos does is tested
with Kerberos (tests/support/kerberos.py). Must not know: messages.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

from nacre.errors import GssError
from nacre.protocol.events import GssFailure, GssPrincipalQuestion, GssStepNeeded

MECHANISM = b"\x06\x03\x2a\x03\x04"


class Context:
    """A context that is complete after `steps` steps of its end.

    Attributes:
        silent: whether the last step makes no token.
    """

    def __init__(self, steps: int, *, secret: bytes = b"secret", mutual: Any = True, integrity: Any = True,
                 silent: bool = False, token: bytes = b"token", fails: GssError | None = None) -> None:  # fmt: skip
        self._steps = steps
        self._secret = secret
        self.mutual = mutual
        self.integrity = integrity
        self.complete = False
        self._silent = silent
        self._token = token
        self._fails = fails
        self.received: list[bytes] = []

    def step(self, token: bytes) -> bytes:
        self.received.append(token)
        if self._fails is not None:
            raise self._fails
        self._steps -= 1
        self.complete = self._steps <= 0
        return b"" if self.complete and self._silent else self._token

    def sign(self, data: bytes) -> bytes:
        return hmac.digest(self._secret, data, "sha256")

    def verify(self, data: bytes, mic: bytes) -> bool:
        return hmac.compare_digest(self.sign(data), mic)


class Gss:
    """Makes such contexts, and remembers them."""

    mechanism = MECHANISM

    def __init__(self, make: Callable[[], Context]) -> None:
        self._make = make
        self.made: list[Context] = []

    def context(self) -> Context:
        self.made.append(self._make())
        return self.made[-1]


def client_gss(**changes: Any) -> Gss:
    """Return what makes the contexts of a client: two steps, as Kerberos takes with mutual authentication."""
    return Gss(lambda: Context(**{"steps": 2, "silent": True, **changes}))


def server_gss(**changes: Any) -> Gss:
    """Return what makes the contexts of a server: one step, with a token to answer."""
    return Gss(lambda: Context(**{"steps": 1, **changes}))


def step(event: GssStepNeeded) -> bytes | GssFailure:
    """Answer a question for a step."""
    try:
        return event.context.step(event.received)
    except GssError as error:
        return GssFailure(str(error), error.token)


ANSWERS = {GssStepNeeded: step, GssPrincipalQuestion: True}
