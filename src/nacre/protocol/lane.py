"""Questions in order: what the peer sent behind an undecided one waits.

Owns: `Lane`. Must not know: what is asked, or what waits. There is one lane for the key exchange,
one for authentication, one for global requests and one for each channel.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from nacre.errors import LocalProtocolError, ProtocolError
from nacre.protocol.core import Core
from nacre.protocol.events import Question, Token

#: Makes a question around the token that names it.
MakeQuestion = Callable[[Token], Question]


class Lane:
    """One lane.

    Args:
        core: gets the questions, and is told when something that waited may be taken.
        take: takes an item whose turn has come; None: the class has a method for it.
        owner: what `take` is a function of, if it is a method that is not bound: that costs nothing to keep.
        bound: how many items may wait; the peer that sends more is at fault.

    Attributes:
        pending: names the question that is undecided; None: there is none.
        queue: what waits; None or empty: nothing.
    """

    __slots__ = ("_bound", "_core", "_owner", "_take", "_then", "pending", "queue")

    def __init__(
        self, core: Core, take: Callable[..., None] | None, bound: int, owner: object = None
    ) -> None:
        self._core = core
        self._take = take
        self._owner = owner
        self._bound = bound
        self.queue: deque[Any] | None = None
        self._then: Callable[[object], None] | None = None
        self.pending: Token | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is undecided and nothing waits."""
        return self.pending is None and not self.queue

    @property
    def last(self) -> Any:
        """What waits and came last; None where nothing waits."""
        return self.queue[-1] if self.queue else None

    def take(self, item: Any) -> None:
        """Take an item whose turn has come."""
        assert self._take is not None
        if self._owner is None:
            self._take(item)
        else:
            self._take(self._owner, item)

    def put(self, item: Any) -> None:
        """Take an item now, or keep it for its turn.

        Raises:
            ProtocolError: too much waits already.
        """
        if self.pending is None and not self.queue:
            self.take(item)
            return
        if self.queue is None:
            self.queue = deque()
        if len(self.queue) >= self._bound:
            raise ProtocolError("too many messages behind an undecided one")
        self.queue.append(item)

    def ask(self, make: MakeQuestion, then: Callable[[object], None]) -> None:
        """Put a question to the application; `then` gets its answer."""
        self.pending = token = Token(self)
        self._then = then
        self._core.emit(make(token))

    def answered(self, token: Token, value: object) -> None:
        """Take an answer; one to a question that is void is dropped.

        Raises:
            LocalProtocolError: the value is of no use; the question still stands.
        """
        if token is not self.pending or self._then is None:
            return
        then, self._then, self.pending = self._then, None, None
        try:
            then(value)
        except LocalProtocolError:
            self._then, self.pending, token.answered = then, token, False
            raise
        finally:
            if self.queue:
                self._core.ready = [*(self._core.ready or ()), self]

    def advance(self) -> bool:
        """Take the next item that waits, if its turn has come.

        Returns:
            Whether there may be more to take.
        """
        if self.pending is not None or not self.queue:
            return False
        self.take(self.queue.popleft())
        return True

    def void(self) -> None:
        """Forget the question and what waits behind it."""
        self.pending = self._then = self.queue = None

    def release(self) -> None:
        """Nothing will be put here any more: forget the owner too, which holds this lane."""
        self.pending = self._then = self.queue = self._take = self._owner = None
