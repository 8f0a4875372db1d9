r"""What a terminal must be told when somebody comes back to it, or leaves it.

Owns: following the private modes that a program turns on, the tail of what it wrote to the normal
screen, and the bytes that restore a terminal. Must not know: PTYs, sockets. Imports the standard
library alone. Bytes are never decoded: what is not one of the few sequences below passes unread.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Final

__all__ = ["SCROLLBACK", "Screen"]

#: Bytes of the normal screen that are kept for somebody who comes back.
SCROLLBACK: Final = 256 * 1024

_ALTERNATE: Final = frozenset((47, 1047, 1049))
#: DECSET modes that are followed: application cursor keys, mouse (all protocols), focus events,
#: bracketed paste, synchronised output, in-band resize; and the cursor, which is on by default.
_FOLLOWED: Final = frozenset((1, 9, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 2004, 2026, 2048))
_CURSOR: Final = 25
#: Longer than any sequence that is followed; an unfinished one waits for its rest.
_LONGEST: Final = 64

_SEQUENCE: Final = re.compile(
    rb"\x1b\[\?(?P<modes>[0-9;]{1,40})(?P<set>[hl])"
    rb"|\x1b(?P<keypad>[=>])"
    rb"|\x1b\[(?P<kitty>[<>=][0-9;]{0,10})u"
    rb"|\x1b\[>(?P<modify>[0-9;]{0,10})m"
    rb"|(?P<reset>\x1bc|\x1b\[!p)"
)
_UNFINISHED: Final = re.compile(rb"\x1b(?:\[[?<>=!]?[0-9;]{0,40})?\Z")


class Screen:
    """Follows the output of one terminal program."""

    def __init__(self) -> None:
        self._modes: set[int] = set()
        self._alternate: int | None = None
        self._cursor_hidden = False
        self._keypad = False
        self._kitty: list[bytes] = []
        self._modified_keys = False
        self._scrollback: deque[bytes] = deque()
        self._size = 0
        self._unfinished = b""

    @property
    def alternate(self) -> bool:
        """Whether the alternate screen is shown."""
        return self._alternate is not None

    def feed(self, data: bytes) -> None:
        """Take note of output."""
        if self._unfinished:
            data, self._unfinished = self._unfinished + data, b""
        if b"\x1b" not in data:
            self._keep(data)
            return
        rest = _UNFINISHED.search(data, max(0, len(data) - _LONGEST))
        if rest is not None:
            data, self._unfinished = data[: rest.start()], data[rest.start() :]
        start = 0
        for match in _SEQUENCE.finditer(data):
            self._keep(data[start : match.start()])
            start = match.end()
            self._apply(match)
        self._keep(data[start:])

    def _keep(self, data: bytes) -> None:
        if self._alternate is not None or not data:
            return
        data = data[-SCROLLBACK:]
        self._scrollback.append(data)
        self._size += len(data)
        while self._size > SCROLLBACK and len(self._scrollback) > 1:
            self._size -= len(self._scrollback.popleft())

    def _apply(self, match: re.Match[bytes]) -> None:
        if match["modes"]:
            switch_on = match["set"] == b"h"
            for mode in match["modes"].split(b";"):
                if mode:
                    self._switch(int(mode), on=switch_on)
        elif match["keypad"]:
            self._keypad = match["keypad"] == b"="
        elif match["kitty"]:
            self._kitty_keys(match["kitty"])
        elif match["modify"] is not None:
            self._modified_keys = bool(match["modify"])
        else:
            self._modes.clear()
            self._alternate = None
            self._cursor_hidden = self._keypad = self._modified_keys = False
            self._kitty.clear()

    def _switch(self, mode: int, *, on: bool) -> None:
        if mode in _ALTERNATE:
            self._alternate = mode if on else None
        elif mode == _CURSOR:
            self._cursor_hidden = not on
        elif mode in _FOLLOWED:
            (self._modes.add if on else self._modes.discard)(mode)

    def _kitty_keys(self, what: bytes) -> None:
        """The keyboard protocol's stack: push, pop, or change of the top."""
        flags = what[1:].split(b";")[0]
        if what[:1] == b">":
            self._kitty = [*self._kitty, flags][-16:]
        elif what[:1] == b"<":
            del self._kitty[-max(1, int(flags or b"1")) :]
        elif self._kitty:
            self._kitty[-1] = flags

    # ------------------------------------------------------------ coming back, leaving

    def enter(self) -> bytes:
        """Bytes for a terminal that has just attached: the normal screen's tail, then the modes.
        What is on an alternate screen is for the program to paint again.
        """
        tail = self.tail()
        parts = [b"\x1b[0m", tail, b"\x1b[0m"] if tail else []
        if self._alternate is not None:
            parts.append(b"\x1b[?%dh\x1b[2J\x1b[H" % self._alternate)
        parts += [b"\x1b[?%dh" % mode for mode in sorted(self._modes)]
        if self._cursor_hidden:
            parts.append(b"\x1b[?25l")
        if self._keypad:
            parts.append(b"\x1b=")
        parts += [b"\x1b[>%su" % flags for flags in self._kitty]
        return b"".join(parts)

    def tail(self) -> bytes:
        """The kept output of the normal screen, from the beginning of a line where some of it is gone."""
        tail = b"".join(self._scrollback)
        if self._size >= SCROLLBACK // 2:
            newline = tail.find(b"\n")
            tail = tail[newline + 1 :] if newline >= 0 else b""
        return tail

    def leave(self) -> bytes:
        """Bytes that bring a terminal back from whatever the program left it in."""
        parts = [b"\x1b[<1u" for _ in self._kitty]
        if self._modified_keys:
            parts.append(b"\x1b[>m")
        parts += [b"\x1b[?%dl" % mode for mode in sorted(self._modes)]
        if self._keypad:
            parts.append(b"\x1b>")
        if self._alternate is not None:
            parts.append(b"\x1b[?%dl" % self._alternate)
        if self._cursor_hidden:
            parts.append(b"\x1b[?25h")
        if parts:
            parts.append(b"\x1b[0m")
        return b"".join(parts)
