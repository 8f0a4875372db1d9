"""What waits to be read: pieces of data, and what stands between them.

Owns: their order, reading parts of a piece without copying the rest of it, and looking for separators.
Must not know: who waits for data, windows, channels.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any, AnyStr, Final, Generic, cast

from nacre.aio import limits
from nacre.errors import TerminalSizeChanged

#: What those have that have none. Nothing is ever put in here.
_NONE: Final[deque[Any]] = deque(maxlen=0)


class Pieces(Generic[AnyStr]):
    """Data and exceptions in the order in which they came.

    Args:
        empty: the empty text, or no bytes.
    """

    __slots__ = ("_empty", "_exceptions", "_offset", "_pieces", "size")

    def __init__(self, empty: AnyStr) -> None:
        self._empty: AnyStr = empty
        self._pieces: deque[AnyStr | Exception] = _NONE
        #: How much of the first piece was taken.
        self._offset = 0
        self._exceptions = 0
        #: Of all data that waits.
        self.size = 0

    def _own(self) -> deque[AnyStr | Exception]:
        """Return what holds the pieces, of which most readers never have any: an empty one costs 760 bytes."""
        if self._pieces is _NONE:
            self._pieces = deque()
        return self._pieces

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def __len__(self) -> int:
        return len(self._pieces)

    def push(self, data: AnyStr) -> None:
        """Add data. Small pieces are joined: what they cost stays near what they hold."""
        pieces, size = self._pieces, len(data)
        self.size += size
        if size < limits.JOIN_READ and pieces:
            last = pieces[-1]
            if not isinstance(last, Exception) and len(last) + size <= limits.JOIN_READ:
                pieces[-1] = last + data
                return
        if pieces is _NONE:
            pieces = self._own()
        pieces.append(data)

    def push_exception(self, error: Exception) -> None:
        """Add an exception. Sizes of the terminal in a row are one; the oldest exceptions go."""
        last = self._pieces[-1] if self._pieces else None
        if isinstance(error, TerminalSizeChanged) and isinstance(last, TerminalSizeChanged):
            self._pieces[-1] = error
            return
        if self._exceptions >= limits.STREAM_EXCEPTIONS:
            oldest = next(piece for piece in self._pieces if isinstance(piece, Exception))
            self._pieces.remove(oldest)
        else:
            self._exceptions += 1
        self._own().append(error)

    def exception(self) -> Exception | None:
        """Return what stands before all data, if that is an exception; it stays there."""
        head = self._pieces[0] if self._pieces else None
        return head if isinstance(head, Exception) else None

    def pop_exception(self) -> None:
        """Forget what `exception` returned."""
        self._pieces.popleft()
        self._exceptions -= 1

    def head(self) -> tuple[AnyStr, int]:
        """Return the first piece, which is data, and the index where what waits of it begins."""
        head = self._pieces[0]
        assert not isinstance(head, Exception)
        return head, self._offset

    def pop(self) -> AnyStr:
        """Take what waits of the first piece, which is data."""
        head, offset = self.head()
        self._pieces.popleft()
        self._offset = 0
        data = head[offset:] if offset else head
        self.size -= len(data)
        return data

    def take(self, n: int) -> AnyStr:
        """Take at most `n` (-1: all) of the data up to the next exception."""
        if not (self._exceptions or self._offset) and (self.size <= n or n < 0):
            return self._take_all()
        parts: list[AnyStr] = []
        missing = n
        while self._pieces and missing and self.exception() is None:
            head, offset = self.head()
            if 0 < missing < len(head) - offset:
                parts.append(head[offset : offset + missing])
                self._offset += missing
                self.size -= missing
                break
            parts.append(self.pop())
            if missing > 0:
                missing -= len(parts[-1])
        return parts[0] if len(parts) == 1 else self._empty.join(parts)

    def put_back(self, data: AnyStr) -> None:
        """Put data before everything."""
        if not data:
            return
        if self._offset:
            rest = self.pop()
            self._own().appendleft(rest)
            self.size += len(rest)
        self._own().appendleft(data)
        self.size += len(data)

    def _take_all(self) -> AnyStr:
        """Take all there is, which is data and whole."""
        pieces = self._pieces
        if len(pieces) == 1:
            data: Any = pieces.popleft()
        else:
            data = self._empty.join(cast("deque[AnyStr]", pieces))
            pieces.clear()
        self.size = 0
        whole: AnyStr = data
        return whole

    def clear(self) -> AnyStr:
        """Take all data, and forget the exceptions."""
        parts: list[AnyStr] = []
        while self._pieces:
            if self.exception() is not None:
                self.pop_exception()
            else:
                parts.append(self.pop())
        return self._empty.join(parts)


class Separator(Generic[AnyStr]):
    """What ends a line.

    Args:
        wanted: str or bytes, several of them, or a compiled pattern.
        longest: the longest text that a pattern matches; 0: unknown.
        empty: the empty text, or no bytes.

    Attributes:
        overlap: how much of the text before new data is to be seen again; None: all of it.
    """

    def __init__(self, wanted: Any, longest: int, empty: AnyStr) -> None:
        self.overlap: int | None
        self._find: Callable[[AnyStr, int], int]
        if not wanted:
            raise ValueError("the separator cannot be empty")
        if isinstance(wanted, (str, bytes)):
            self.overlap = len(wanted) - 1
            self._find = _finder(cast("AnyStr", wanted))
        elif isinstance(wanted, re.Pattern):
            self.overlap = longest - 1 if longest > 0 else None
            self._find = _matcher(wanted, whole=False)
        else:
            choices = sorted(wanted, key=len, reverse=True)
            if not choices or not choices[-1]:
                raise ValueError("a separator cannot be empty")
            joiner: Any = "|" if isinstance(empty, str) else b"|"
            self.overlap = len(choices[0]) - 1
            pattern = re.compile(joiner.join(re.escape(choice) for choice in choices))
            self._find = _matcher(pattern, whole=True)

    def end(self, text: AnyStr, start: int = 0) -> int:
        """Return the index behind the first separator from `start` on, or -1."""
        return self._find(text, start)

    def tail(self, text: AnyStr) -> AnyStr:
        """Return what is to be seen again of a text that has no separator."""
        return text[max(len(text) - self.overlap, 0) :] if self.overlap else text[:0]


def _finder(wanted: AnyStr) -> Callable[[AnyStr, int], int]:
    def find(text: AnyStr, start: int) -> int:
        index = text.find(wanted, start)
        return -1 if index < 0 else index + len(wanted)

    return find


def _matcher(pattern: re.Pattern[AnyStr], *, whole: bool) -> Callable[[AnyStr, int], int]:
    def match(text: AnyStr, start: int) -> int:
        # A program's pattern must not see what was read before.
        skipped = 0 if whole else start
        found = pattern.search(text[skipped:], start - skipped) if skipped else pattern.search(text, start)
        return -1 if found is None else skipped + found.end()

    return match
