"""What a channel and its peer ask of each other, and what becomes of it when the program fails at that.

Owns: requests in both directions and their answers in order, the tasks of a channel, the failure of a
callback. Must not know: data, windows, or what any request means (RFC 4254 section 5.4 only).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from nacre.aio.incoming import Incoming, NotTextError
from nacre.aio.link import not_opened
from nacre.aio.phases import Phase, Sending
from nacre.aio.tasks import FAILURES, Tasks, begun, being_cancelled
from nacre.errors import ChannelOpenError, DisconnectError, OpenFailureReason
from nacre.protocol.events import ChannelRequestQuestion

if TYPE_CHECKING:
    from nacre.aio.link import Link


class ChannelRequests:
    """The half of a channel that asks and is asked; see `nacre.aio.channel` for the other one.

    Args:
        link: the connection's runtime.
    """

    __slots__ = (
        "_error",
        "_failed",
        "_incoming",
        "_link",
        "_number",
        "_own_tasks",
        "_phase",
        "_replies",
        "_sending",
        "_session",
    )

    _incoming: Incoming

    def __init__(self, link: Link) -> None:
        self._link = link
        self._number: int | None = None
        self._session: Any = None
        self._phase = Phase.NEW
        self._error: Exception | None = None
        self._failed = False
        self._sending = Sending.OPEN
        self._replies: list[tuple[asyncio.Future[bool], Callable[[], None] | None]] | None = None
        self._own_tasks: Tasks | None = None  # made when needed

    def closed(self) -> None:
        """The channel is closed in both directions."""
        assert self._number is not None
        self._link.channel_closed(self._number)

    # ------------------------------------------------------------ requests

    def request_decided(self, payload: Any, name: str) -> bool | Coroutine[Any, Any, bool]:
        """Return whether a request of the peer is granted, or a coroutine of it; a plain answer costs none."""
        if self._failed or self._session is None:
            return False
        try:
            return self._answer_request(payload)
        except (Exception, SystemExit, asyncio.CancelledError) as error:  # noqa: BLE001 - the program's: reported
            return self._refusal(name, error)

    def request_arrived(self, event: ChannelRequestQuestion) -> None:
        """Answer a request that takes longer; what the peer sends meanwhile waits."""
        if not begun(rest := self._request(event, event.begun)):
            self._tasks().spawn(rest, f"answering {event.name}")

    async def _request(self, event: ChannelRequestQuestion, answer: Coroutine[Any, Any, bool]) -> None:
        try:
            granted = await answer
        except (Exception, SystemExit, asyncio.CancelledError) as error:  # noqa: BLE001 - likewise
            granted = self._refusal(event.name, error)
        self._request_answered(event, granted)

    def _refusal(self, name: str, error: BaseException) -> bool:
        """Refuse what a callback raised for, and report that; one that cancelled itself refuses, no more."""
        if not isinstance(error, asyncio.CancelledError):
            self._fail(error, name)
        elif being_cancelled():
            raise error
        return False

    def _request_answered(self, event: ChannelRequestQuestion, granted: bool) -> None:
        self._link.answer(event.token, granted)
        if granted:
            self.request_granted(event.name)

    def _answer_request(self, payload: Any) -> bool | Coroutine[Any, Any, bool]:
        """Return whether a request is granted, or a coroutine of it; that waits through `settle` alone."""
        return False

    def request_granted(self, name: str) -> None:
        """The answer to this request was sent, and is yes."""

    def send_request(self, name: str, payload: bytes = b"") -> None:
        """Send a request that wants no reply; nothing is sent once the channel closes."""
        if self._number is None or self._phase is Phase.GONE or self._sending is Sending.CLOSED:
            return
        protocol = self._link.open_protocol()
        if protocol is not None:
            protocol.channel_request(self._number, name, payload, False)
            self._link.touch()

    def make_request(
        self,
        name: str,
        payload: bytes = b"",
        granted: Callable[[], None] | None = None,
        reply: asyncio.Future[bool] | None = None,
    ) -> asyncio.Future[bool]:
        """Send a request, whose answer is whether the peer grants it.

        Args:
            name: of the request.
            payload: encoded.
            granted: called when it was, before anything that the peer sent behind its answer.
            reply: what waits for the answer; None: a new future.
        """
        if self._phase is Phase.GONE or self._sending is Sending.CLOSED:
            raise self._gone_error()
        link = self._link
        protocol = link.open_protocol()
        if protocol is None:
            raise link.lost_error()
        assert self._number is not None
        if reply is None:
            reply = link.loop.create_future()
        protocol.channel_request(self._number, name, payload, True)
        if self._replies is None:
            self._replies = []
        self._replies.append((reply, granted))
        if not link.driver.touched:
            link.driver.touch()
        return reply

    def reply_arrived(self, success: bool) -> None:
        """The peer answered our oldest request."""
        assert self._replies  # the protocol has counted
        reply, granted = self._replies.pop(0)
        if not reply.done():
            reply.set_result(success)
            self._link.driver.resumed()  # what the program does next goes with what the peer has to hear now
            if success and granted is not None:
                granted()

    # ------------------------------------------------------------ tasks

    def _tasks(self) -> Tasks:
        if self._own_tasks is None:
            self._own_tasks = Tasks(self._link.loop, self._link.report, self._link.tasks)
            if self._phase is Phase.GONE:
                self._own_tasks.end()
        return self._own_tasks

    def create_task(self, coroutine: Coroutine[Any, Any, Any], where: str) -> asyncio.Task[Any]:
        """Run a coroutine that belongs to this channel: what it raises closes the channel, and it is
        cancelled when the channel goes.
        """
        return self._tasks().spawn(coroutine, where, lambda error: self._fail(error, where))

    def fail(self, error: BaseException, where: str) -> None:
        """Close the channel because something that belongs to it has failed, and report that."""
        self._fail(error, where)

    # ------------------------------------------------------------ failures

    def _gone_error(self) -> Exception:
        if isinstance(self._error, DisconnectError):
            return not_opened(self._error)
        if self._error is not None:
            return self._error
        return ChannelOpenError(OpenFailureReason.CONNECT_FAILED, "the channel was closed")

    def _is_ending(self) -> bool:
        """Return whether the channel is closed or about to close, in both directions."""
        return self._phase is Phase.GONE or self._sending in (Sending.CLOSING, Sending.CLOSED)

    def _call(self, callback: Callable[..., Any], *args: Any) -> None:
        """Call a session, whose failure ends this channel alone."""
        if self._failed:
            return
        try:
            callback(*args)
        except FAILURES as error:  # the program's callback: reported
            self._fail(error, getattr(callback, "__name__", "a callback"))

    def _fail(self, error: BaseException, where: str) -> None:
        """A callback or handler of the program raised: report it and close this channel."""
        # That the peer went is no failure of the handler which runs into it.
        gone = isinstance(error, (BrokenPipeError, DisconnectError)) and not isinstance(error, NotTextError)
        broken = gone and self._is_ending()
        told = error is self._error  # a handler that reads is raised what has ended its channel
        if not broken and not told and not isinstance(error, asyncio.CancelledError):  # which was meant
            self._link.report(error, f"{where} of a session")
        if self._failed:
            return
        self._failed = True
        self._incoming.stop()
        if isinstance(error, Exception) and not broken:
            self._error = error
        self._close_failed()

    def _close_failed(self) -> None:
        """Close after a failure of the program, behind what it had written."""
        self.close()

    def close(self) -> None:
        """Close the channel once what was written has been sent."""
        raise NotImplementedError
