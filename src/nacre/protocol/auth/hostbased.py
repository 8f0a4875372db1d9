"""The hostbased method (RFC 4252 section 9), both halves: a host vouches for its user.

Owns: the request and what is signed. Must not know: which hosts are believed, and whom they may vouch for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nacre.errors import LocalProtocolError, ProtocolError
from nacre.protocol import limits
from nacre.protocol.auth.base import SERVICE, Attempt
from nacre.protocol.auth.publickey import WRONG_SIGNATURE, shown_key
from nacre.protocol.events import HostbasedAttempt, HostbasedQuestion, KeyRefused, SignatureNeeded
from nacre.wire.auth import HOSTBASED, HostbasedData, UserauthRequest
from nacre.wire.fields import Reader, encode_string

if TYPE_CHECKING:
    from nacre.protocol.auth.client import ClientAuth
    from nacre.protocol.auth.server import ServerAuth


def _request(username: str, data: HostbasedData) -> bytes:
    return UserauthRequest(username, SERVICE, HOSTBASED, data.encode()).encode()


def signed_data(session_id: bytes, username: str, data: HostbasedData) -> bytes:
    """What the signature of a request is over (RFC 4252 section 9)."""
    return encode_string(session_id) + _request(username, data)


class ServerHostbased:
    """The server's half.

    The signature is verified before the application is asked, so that an unknown user costs the same
    work as a known one.
    """

    def request(self, auth: ServerAuth, request: UserauthRequest) -> None:
        """Take a request, which is always signed."""
        reader = Reader(request.data)
        data = HostbasedData.read(reader)
        signature = reader.string()
        reader.end()
        if len(data.client_host) > limits.HOST_NAME or len(data.client_username) > limits.USERNAME:
            raise ProtocolError("the name of the client's host or of its user is too long")
        attempt = Attempt(request.username, HOSTBASED)
        if not _verifies(auth, request.username, data, signature):
            auth.conclude(attempt, value=False)
            return
        auth.ask(
            lambda token: HostbasedQuestion(
                token,
                request.username,
                data.algorithm,
                data.key_blob,
                data.client_host,
                data.client_username,
            ),
            lambda value: auth.conclude(attempt, value),
        )

    def message(self, auth: ServerAuth, number: int, payload: bytes) -> None:
        """No message follows a request of this method."""
        raise ProtocolError(f"message {number} has no place in hostbased authentication")


def _verifies(auth: ServerAuth, username: str, data: HostbasedData, signature: bytes) -> bool:
    shown = shown_key(auth, username, data.algorithm, data.key_blob, auth.policy.hostbased_algorithms)
    if shown is None:
        return False
    signed = signed_data(auth.core.info.session_id, username, data)
    if shown.verify(signed, signature, data.algorithm) is True:
        return True
    auth.core.emit(KeyRefused(username, data.algorithm, WRONG_SIGNATURE))
    return False


class ClientHostbased:
    """The client's half: one signed request.

    It is no credential of the user's, and so nothing that `disable_trivial_auth` asks for.

    Args:
        attempt: the host, its key and its user.
    """

    name = HOSTBASED
    key_blob: bytes | None = None

    def __init__(self, attempt: HostbasedAttempt) -> None:
        self._data = HostbasedData(
            attempt.algorithm, attempt.key_blob, attempt.client_host, attempt.client_username
        )

    def start(self, auth: ClientAuth) -> None:
        """Have the request signed."""
        data = signed_data(auth.core.info.session_id, auth.username, self._data)
        auth.ask(
            lambda token: SignatureNeeded(token, self._data.algorithm, self._data.key_blob, data),
            lambda value: self._signed(auth, value),
        )

    def message(self, auth: ClientAuth, number: int, payload: bytes) -> None:
        """No message answers this request but success and failure."""
        raise ProtocolError(f"message {number} has no place in hostbased authentication")

    def _signed(self, auth: ClientAuth, value: object) -> None:
        if isinstance(value, bytes):
            auth.send(_request(auth.username, self._data) + encode_string(value))
        elif value is None or isinstance(value, BaseException):
            auth.give_up_attempt()
        else:
            raise LocalProtocolError("a signature must be bytes")
