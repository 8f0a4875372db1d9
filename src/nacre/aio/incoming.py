"""The receiving half of a channel: what the session is given, when, and the credit that comes of it.

Owns: data that waits for the session, text decoding, pauses, the end of data. Must not know: the
protocol, requests, or anything of the sending half.
"""

from __future__ import annotations

import codecs
from enum import Enum
from typing import Any, Final, Protocol

from nacre.aio.queues import ReceiveQueue
from nacre.aio.tasks import FAILURES
from nacre.errors import ProtocolError


class Delivery(Enum):
    """Whether the session is given what comes."""

    HELD = "held"  # it has not started
    FLOWING = "flowing"
    LAST = "last"  # the channel is gone: what is left is given, pause or no pause
    OVER = "over"  # it failed, or everything was said


class Receiver(Protocol):
    """What is asked of the channel that data comes in by."""

    def return_credit(self, size: int) -> None:
        """The session has taken so many bytes."""

    def fail(self, error: BaseException, where: str) -> None:
        """A callback of the session has raised this."""

    def answer_eof(self) -> None:
        """Data has ended, and the session does not keep the channel open."""


class _Nobody:
    """The channel of data that nobody is given any more."""

    def return_credit(self, size: int) -> None:
        """The channel is gone, and its window with it."""

    def fail(self, error: BaseException, where: str) -> None:
        """Nothing is called any more."""

    def answer_eof(self) -> None:
        """Nothing ends any more."""


_NOBODY: Final = _Nobody()


class NotTextError(ProtocolError):
    """The peer's data is no text in the encoding of the channel, which alone ends."""


#: For each packet: to look up a member of an enum costs as much as to call a function.
_FLOWING: Final = Delivery.FLOWING
_OVER: Final = Delivery.OVER


class Incoming:
    """Delivers data to one session.

    Args:
        channel: hears what comes of it.
        encoding: the codec of what is delivered; None: bytes.
        errors: its error policy.

    Raises:
        LookupError: there is no such codec.
    """

    __slots__ = (
        "_channel",
        "_credit_held",
        "_decoders",
        "_delivering",
        "_delivery",
        "_eof_waits",
        "_paused",
        "_queue",
        "_session",
        "_uncredited",
        "encoding",
        "errors",
    )

    def __init__(self, channel: Receiver, encoding: str | None = None, errors: str = "strict") -> None:
        if encoding is not None:
            codecs.lookup(encoding)
        self._channel = channel
        self._session: Any = None
        self._delivery = Delivery.HELD
        #: What waits for the session; None: nothing ever did.
        self._queue: ReceiveQueue | None = None
        self._paused = False
        self._delivering = False
        self._eof_waits = False
        self._credit_held = False
        self._uncredited = 0
        self.encoding = encoding
        self.errors = errors
        self._decoders: dict[int | None, codecs.IncrementalDecoder] | None = None

    def set_encoding(self, encoding: str | None, errors: str) -> None:
        """Set the codec of what is delivered from now on.

        Raises:
            LookupError: there is no such codec.
        """
        if encoding is not None:
            codecs.lookup(encoding)
        self.encoding = encoding
        self.errors = errors
        self._decoders = None

    # ------------------------------------------------------------ from the peer

    def data(self, data: bytes, datatype: int | None) -> bool:
        """Give data to the session, or keep it.

        Returns:
            Whether the session has it and its credit is due; else that is returned when it is.
        """
        queue = self._queue
        if (
            self._paused
            or self._delivery is not _FLOWING
            or self._delivering
            or (queue is not None and queue.pieces)
        ):
            if self._delivery is not _OVER:
                if queue is None:
                    queue = self._queue = ReceiveQueue()
                queue.push(data, datatype)
            return False
        if self.encoding is not None or self._credit_held:
            return self._deliver(data, datatype)
        try:
            self._session.data_received(data, datatype)
        except FAILURES as error:
            self._channel.fail(error, "data_received")
            return False
        return True

    def eof(self) -> None:
        """The peer sends no more data."""
        if self._queue is None and self._delivery is _FLOWING and not self._delivering:
            self._deliver_eof()
            return
        self._eof_waits = True
        self._deliver_queue()

    # ------------------------------------------------------------ from the channel

    def start(self, session: Any) -> None:
        """Give the session what has come, and what comes."""
        self._session = session
        self._delivery = _FLOWING
        if self._queue is not None or self._eof_waits:
            self._deliver_queue()

    def pause(self) -> None:
        """Keep what comes: its credit is kept with it, so that the peer stops."""
        self._paused = True

    def resume(self) -> None:
        """Give what was kept, then what comes."""
        self._paused = False
        self._deliver_queue()

    def finish(self) -> None:
        """The channel is gone: give what is left, and no more after that; and let go of what holds this."""
        if self._delivery is _FLOWING and (self._queue is not None or self._eof_waits):
            self._delivery = Delivery.LAST
            self._deliver_queue()
        self._delivery = _OVER
        self._queue = self._session = None
        self._channel = _NOBODY

    def stop(self) -> None:
        """Give nothing more."""
        self._delivery = _OVER
        if self._queue is not None:
            self._queue.clear()

    def hold_credit(self) -> None:
        """Return no credit for what is delivered: the session says what it has taken."""
        self._credit_held = True

    def release_credit(self, waiting: int) -> bool:
        """Return credit for what was delivered, but for what the session still holds.

        Args:
            waiting: what it holds, in bytes, or in characters, which are no more than their bytes.

        Returns:
            Whether there was any.
        """
        size = self._uncredited - waiting
        if size <= 0:
            return False
        self._uncredited -= size
        self._channel.return_credit(size)
        return True

    # ------------------------------------------------------------ to the session

    def _deliver(self, data: bytes, datatype: int | None) -> bool:
        held = self._credit_held
        if held:
            # Before the callback: it may be read, and so credited, inside.
            self._uncredited += len(data)
        try:
            if self.encoding is None:
                self._session.data_received(data, datatype)
            else:
                text = self._decode(data, datatype, final=False)
                if text:
                    self._session.data_received(text, datatype)
        except FAILURES as error:  # the program's callback: reported
            self._channel.fail(error, "data_received")
            return False
        return not held

    def _decode(self, data: bytes, datatype: int | None, final: bool) -> str:
        if self._decoders is None:
            self._decoders = {}
        decoder = self._decoders.get(datatype)
        if decoder is None:
            assert self.encoding is not None
            decoder = codecs.getincrementaldecoder(self.encoding)(self.errors)
            self._decoders[datatype] = decoder
        try:
            return decoder.decode(data, final)
        except UnicodeDecodeError as error:
            raise NotTextError(f"what the peer sent is no text: {error}") from error

    def _readable(self) -> bool:
        return self._delivery is Delivery.LAST or (self._delivery is Delivery.FLOWING and not self._paused)

    def _deliver_queue(self) -> None:
        """Deliver what is kept, as long as the session reads; the end too, when it has come."""
        if self._delivering:
            return
        self._delivering = True
        queue = self._queue
        try:
            while queue is not None and queue.pieces and self._readable():
                data, datatype = queue.pop()
                if self._deliver(data, datatype):
                    self._channel.return_credit(len(data))
        finally:
            self._delivering = False
        waiting = queue is not None and queue.pieces
        if self._eof_waits and not waiting and self._delivery in (Delivery.FLOWING, Delivery.LAST):
            self._eof_waits = False
            self._deliver_eof()

    def _deliver_eof(self) -> None:
        try:
            for datatype in tuple(self._decoders or ()):
                # A character that was cut off is an error of the text, or its replacement.
                text = self._decode(b"", datatype, final=True)
                if text:
                    self._session.data_received(text, datatype)
            stays_open = self._session.eof_received()
        except FAILURES as error:  # the program's callback: reported
            self._channel.fail(error, "eof_received")
            return
        if not stays_open and self._delivery is Delivery.FLOWING:
            self._channel.answer_eof()
