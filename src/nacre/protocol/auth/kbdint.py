"""The keyboard-interactive method (RFC 4256), both halves.

Owns: its messages and the count of prompts and answers. Must not know: what is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nacre.errors import LocalProtocolError, ProtocolError
from nacre.protocol import limits
from nacre.protocol.auth.base import SERVICE, Attempt
from nacre.protocol.events import Challenge, KbdintChallenge, KbdintQuestion, KbdintResponses
from nacre.wire.auth import (
    KBDINT,
    KbdintData,
    UserauthInfoRequest,
    UserauthInfoResponse,
    UserauthRequest,
)

if TYPE_CHECKING:
    from nacre.protocol.auth.client import ClientAuth
    from nacre.protocol.auth.server import ServerAuth


class ServerKbdint:
    """The server's half."""

    def __init__(self) -> None:
        self._attempt = Attempt("", KBDINT)
        self._prompts: int | None = None

    def request(self, auth: ServerAuth, request: UserauthRequest) -> None:
        """Begin a dialogue."""
        data = KbdintData.decode(request.data)
        self._attempt = Attempt(request.username, KBDINT)
        auth.ask(
            lambda token: KbdintQuestion(token, request.username, data.lang, data.submethods),
            lambda value: self._answered(auth, value),
        )

    def message(self, auth: ServerAuth, number: int, payload: bytes) -> None:
        """Take the answers; one for each prompt, also where there were none (RFC 4256 3.4)."""
        if number != UserauthInfoResponse.number or self._prompts is None:
            raise ProtocolError(f"message {number} answers no challenge")
        responses = UserauthInfoResponse.decode(payload).responses
        prompts, self._prompts = self._prompts, None
        if len(responses) != prompts:
            # RFC 4256 section 3.4: "If the num-responses field does not match the num-prompts field
            # in the request message, the server MUST send a failure message."
            auth.conclude(self._attempt, value=False)
            return
        auth.ask(
            lambda token: KbdintResponses(token, self._attempt.username, responses),
            lambda value: self._answered(auth, value),
        )

    def _answered(self, auth: ServerAuth, value: object) -> None:
        if isinstance(value, Challenge):
            self._prompts = len(value.prompts)
            auth.core.send(
                UserauthInfoRequest(value.name, value.instructions, value.lang, tuple(value.prompts))
            )
        else:
            auth.conclude(self._attempt, value)


class ClientKbdint:
    """The client's half."""

    name = KBDINT
    key_blob: bytes | None = None

    def __init__(self, submethods: str) -> None:
        self._submethods = submethods

    def start(self, auth: ClientAuth) -> None:
        """Ask for a dialogue."""
        data = KbdintData(lang="", submethods=self._submethods).encode()
        auth.send(UserauthRequest(auth.username, SERVICE, KBDINT, data).encode())

    def message(self, auth: ClientAuth, number: int, payload: bytes) -> None:
        """Take a challenge."""
        if number != UserauthInfoRequest.number:
            raise ProtocolError(f"message {number} has no place in keyboard-interactive authentication")
        challenge = UserauthInfoRequest.decode(payload)
        if len(challenge.prompts) > limits.KBDINT_PROMPTS:
            raise ProtocolError(f"a challenge of more than {limits.KBDINT_PROMPTS} prompts")
        auth.count_round()
        auth.ask(
            lambda token: KbdintChallenge(
                token, challenge.name, challenge.instruction, challenge.lang, challenge.prompts
            ),
            lambda value: self._answered(auth, len(challenge.prompts), value),
        )

    def _answered(self, auth: ClientAuth, prompts: int, value: object) -> None:
        if value is None or isinstance(value, BaseException):
            auth.give_up_attempt()
            return
        if not isinstance(value, (list, tuple)) or not all(isinstance(text, str) for text in value):
            raise LocalProtocolError("the answers to a challenge must be a sequence of str")
        if len(value) != prompts:
            raise LocalProtocolError(f"{len(value)} answers to {prompts} prompts")
        if prompts:
            auth.sent_credential()
        auth.send(UserauthInfoResponse(tuple(value)).encode())
