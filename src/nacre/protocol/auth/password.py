"""The password method (RFC 4252 section 8), both halves, with the change of an expired password.

Owns: its messages. Must not know: what the right password is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nacre.errors import ProtocolError
from nacre.protocol import limits
from nacre.protocol.auth.base import SERVICE, Attempt
from nacre.protocol.events import PasswordChangeQuestion, PasswordExpired, PasswordQuestion
from nacre.wire.auth import PASSWORD, PasswordData, UserauthPasswdChangereq, UserauthRequest
from nacre.wire.fields import Reader, encode_text

if TYPE_CHECKING:
    from nacre.protocol.auth.client import ClientAuth
    from nacre.protocol.auth.server import ServerAuth


class ServerPassword:
    """The server's half."""

    def request(self, auth: ServerAuth, request: UserauthRequest) -> None:
        """Take a password, or a change of it."""
        reader = Reader(request.data)
        data = PasswordData.read(reader)
        new_password = reader.text() if data.change else None
        reader.end()
        attempt = Attempt(request.username, PASSWORD)
        if any(len(text) > limits.PASSWORD for text in (data.password, new_password or "")):
            auth.conclude(attempt, value=False)
            return
        auth.ask(
            lambda token: PasswordQuestion(token, request.username, data.password, new_password),
            lambda value: self._answered(auth, attempt, value),
        )

    def message(self, auth: ServerAuth, number: int, payload: bytes) -> None:
        """No message follows a request of this method."""
        raise ProtocolError(f"message {number} has no place in password authentication")

    def _answered(self, auth: ServerAuth, attempt: Attempt, value: object) -> None:
        if isinstance(value, PasswordExpired):
            auth.core.send(UserauthPasswdChangereq(value.prompt, value.lang))
        else:
            auth.conclude(attempt, value)


class ClientPassword:
    """The client's half."""

    name = PASSWORD
    key_blob: bytes | None = None

    def __init__(self, password: str) -> None:
        self._password = password
        self.changing = False

    def start(self, auth: ClientAuth) -> None:
        """Send the password."""
        auth.sent_credential()
        data = PasswordData(change=False, password=self._password).encode()
        auth.send(UserauthRequest(auth.username, SERVICE, PASSWORD, data).encode())

    def message(self, auth: ClientAuth, number: int, payload: bytes) -> None:
        """Take SSH_MSG_USERAUTH_PASSWD_CHANGEREQ."""
        if number != UserauthPasswdChangereq.number:
            raise ProtocolError(f"message {number} has no place in password authentication")
        wanted = UserauthPasswdChangereq.decode(payload)
        auth.count_round()
        auth.ask(
            lambda token: PasswordChangeQuestion(token, wanted.prompt, wanted.lang),
            lambda value: self._changed(auth, value),
        )

    def _changed(self, auth: ClientAuth, value: object) -> None:
        match value:
            case (str(old_password), str(new_password)):
                self.changing = True
                data = PasswordData(change=True, password=old_password).encode() + encode_text(new_password)
                auth.send(UserauthRequest(auth.username, SERVICE, PASSWORD, data).encode())
            case _:
                auth.give_up_attempt()
