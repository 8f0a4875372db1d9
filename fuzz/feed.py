"""Choices out of the bytes that a fuzzer gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Feed:
    """Takes choices from bytes, zeros once they are used up.

    Args:
        data: the bytes.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def byte(self) -> int:
        """Return a number from 0 to 255."""
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def take(self, size: int) -> bytes:
        """Return up to so many bytes."""
        self._at += size
        return self._data[self._at - size : self._at]

    def block(self) -> bytes:
        """Return as many bytes as the next byte says, or two where it is above 250."""
        size = self.byte()
        return self.take(self.byte() << 8 | self.byte() if size > 250 else size)

    def rest(self) -> bytes:
        """Return all that is left."""
        return self.take(max(0, len(self._data) - self._at))

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of some."""
        return choices[self.byte() % len(choices)]
