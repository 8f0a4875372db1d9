"""Requests that concern a whole connection (RFC 4254 section 4), in both directions.

Owns: the lane of the peer's requests, the order of its answers to ours, and the two requests that no
application is asked about. Must not know: channels.
"""

from __future__ import annotations

from typing import Final

from nacre.errors import LocalProtocolError, ProtocolError
from nacre.protocol import limits
from nacre.protocol.core import Core
from nacre.protocol.events import GlobalReply, GlobalRequestQuestion
from nacre.protocol.lane import Lane
from nacre.protocol.settings import Role
from nacre.wire.connection import GlobalRequest, RequestFailure, RequestSuccess
from nacre.wire.requests import GLOBAL_REQUESTS

KEEPALIVE: Final = "keepalive@openssh.com"
NO_MORE_SESSIONS: Final = "no-more-sessions@openssh.com"


class GlobalRequests:
    """The global requests of one connection.

    Attributes:
        no_more_sessions: the client has said that it opens none any more.
    """

    __slots__ = ("_core", "_lane", "_replies", "no_more_sessions")

    def __init__(self, core: Core) -> None:
        self._core = core
        self._lane = Lane(core, GlobalRequests._take, limits.LANE_MESSAGES, self)
        self._replies: tuple[str, ...] = ()
        self.no_more_sessions = False

    def received(self, payload: bytes) -> None:
        """Take a request of the peer."""
        message = GlobalRequest.decode(payload)
        if len(message.data) > limits.LANE_REQUEST_BYTES:
            raise ProtocolError(f"a global request of {len(message.data)} bytes")
        self._lane.put(message)

    def _take(self, message: GlobalRequest) -> None:
        if message.name == KEEPALIVE:
            self._answer(message, value=False)
            return
        known = GLOBAL_REQUESTS.get(message.name)
        payload = known.decode(message.data) if known else message.data
        if message.name == NO_MORE_SESSIONS and self._core.role is Role.SERVER:
            self.no_more_sessions = True
            self._answer(message, value=True)
            return
        self._lane.ask(
            lambda token: GlobalRequestQuestion(token, message.name, payload, message.want_reply),
            lambda value: self._answer(message, value),
        )

    def _answer(self, message: GlobalRequest, value: object) -> None:
        if not message.want_reply:
            return
        if isinstance(value, bytes):
            self._core.send(RequestSuccess(value))
        elif value is True:
            self._core.send(RequestSuccess(b""))
        else:
            self._core.send(RequestFailure())

    def request(self, name: str, payload: bytes, *, want_reply: bool) -> None:
        """Ask something of the connection; see `Connection.global_request`."""
        if want_reply:
            # A keepalive asks whether the peer is there; it comes with the clock, never from a caller.
            if len(self._replies) >= limits.REPLIES_EXPECTED and name != KEEPALIVE:
                raise LocalProtocolError("too many unanswered global requests")
            self._replies += (name,)
        self._core.send(GlobalRequest(name, want_reply, payload))

    def keep_alive(self) -> None:
        """Ask the peer for a sign of life."""
        self.request(KEEPALIVE, b"", want_reply=True)

    def reply(self, payload: bytes) -> None:
        """Take the peer's answer to our oldest request."""
        success = payload[0] == RequestSuccess.number
        data = RequestSuccess.decode(payload).data if success else b""
        if not success:
            RequestFailure.decode(payload)
        if not self._replies:
            raise ProtocolError("an answer to no global request")
        name, *rest = self._replies
        self._replies = tuple(rest)
        if name != KEEPALIVE:
            self._core.emit(GlobalReply(success, data))

    def release(self) -> None:
        """The connection is over, and nothing of it is taken any more."""
        self._lane.release()

    def drop(self) -> None:
        """The connection is gone: nothing is answered any more."""
        self._lane.void()
        self._replies = ()
