"""The menu: running sessions on top, then apps. Pure: keys in, a choice and a picture out.

Owns: `Menu`, its filter and its drawing with plain escape sequences. Must not know: channels.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from nacre.hub.problem import one_line

__all__ = ["ENTER", "LEAVE", "Entry", "Menu", "Outcome"]

#: The menu has the alternate screen, without a cursor; leaving brings back what was there.
ENTER: Final = b"\x1b[?1049h\x1b[?25l\x1b[2J\x1b[H"
LEAVE: Final = b"\x1b[0m\x1b[?25h\x1b[?1049l"

_REVERSE: Final = "\x1b[7m"
_BOLD: Final = "\x1b[1m"
_DIM: Final = "\x1b[2m"
_PLAIN: Final = "\x1b[0m"
_LONGEST_FILTER: Final = 64


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the menu.

    Attributes:
        title: what type-ahead looks at.
        detail: what stands beside it.
        running: a session that runs, as opposed to an app.
        value: what choosing it means, for the caller.
    """

    title: str
    detail: str
    running: bool
    value: object


class Outcome(Enum):
    """What a key did."""

    REDRAW = "redraw"
    CHOSEN = "chosen"
    LEFT = "left"


class Menu:
    """A menu.

    Args:
        heading: its first line.
        entries: running sessions first.
        message: a line to show once, as the end of the app before.
    """

    def __init__(self, heading: str, entries: Sequence[Entry], message: str = "") -> None:
        self._heading = one_line(heading)
        self._entries = tuple(entries)
        self._message = one_line(message)
        self._filter = ""
        self._at = 0

    @property
    def _shown(self) -> list[Entry]:
        """What the filter leaves: titles that begin with it, or else those that have it in them."""
        wanted = self._filter.casefold()
        begin = [entry for entry in self._entries if entry.title.casefold().startswith(wanted)]
        return begin or [entry for entry in self._entries if wanted in entry.title.casefold()]

    @property
    def chosen(self) -> Entry | None:
        """The entry that the cursor is on."""
        shown = self._shown
        return shown[self._at] if self._at < len(shown) else None

    def key(self, key: str) -> Outcome:
        """Act on a key."""
        match key:
            case "enter" if self.chosen is not None:
                return Outcome.CHOSEN
            case "ctrl-c" | "ctrl-d":
                return Outcome.LEFT
            case "escape" | "ctrl-u":
                if key == "escape" and not self._filter:
                    return Outcome.LEFT
                self._set_filter("")
            case "up" | "down" | "home" | "end" | "page-up" | "page-down":
                self._move(key)
            case "backspace":
                self._set_filter(self._filter[:-1])
            case "q" if not self._filter:
                return Outcome.LEFT
            case "j" | "k" if not self._filter:
                self._move("down" if key == "j" else "up")
            case _ if len(key) == 1 and len(self._filter) < _LONGEST_FILTER:
                self._set_filter(self._filter + key)
        return Outcome.REDRAW

    def _set_filter(self, text: str) -> None:
        self._filter = text
        self._at = 0

    def _move(self, key: str) -> None:
        last = max(0, len(self._shown) - 1)
        moved = {
            "up": self._at - 1 if self._at else last,
            "down": self._at + 1 if self._at < last else 0,
            "home": 0,
            "end": last,
            "page-up": max(0, self._at - 10),
            "page-down": min(last, self._at + 10),
        }
        self._at = min(moved[key], last)

    # ------------------------------------------------------------ drawing

    def draw(self, columns: int, rows: int) -> bytes:
        """Return the bytes that paint the whole menu on a screen of that size."""
        lines = [f"{_BOLD}{_fit(self._heading, columns)}{_PLAIN}", ""]
        cursor_line = 0
        width = max((len(entry.title) for entry in self._shown), default=0)
        kind: bool | None = None
        for number, entry in enumerate(self._shown):
            if entry.running is not kind:
                if kind is not None:
                    lines.append("")
                lines.append(f"{_DIM}{_fit('running' if entry.running else 'start', columns)}{_PLAIN}")
                kind = entry.running
            text = _fit(f" {one_line(entry.title):{width}}  {one_line(entry.detail)}", columns)
            if number == self._at:
                cursor_line = len(lines)
                text = f"{_REVERSE}{text.ljust(min(columns, 78))[:columns]}{_PLAIN}"
            lines.append(text)
        if not self._shown:
            lines.append(_fit(f" nothing matches {self._filter!r}", columns))
        foot = [f"{_DIM}{_fit(self._foot(), columns)}{_PLAIN}"]
        if self._message:
            foot.insert(0, _fit(self._message, columns))
        room = max(1, rows - len(foot) - 1)
        first = min(max(0, cursor_line - room + 2), max(0, len(lines) - room)) if len(lines) > room else 0
        visible = lines[first : first + room]
        picture = "".join(f"\x1b[{row};1H\x1b[2K{line}" for row, line in enumerate([*visible, "", *foot], 1))
        return (f"\x1b[2J{picture}").encode()

    def _foot(self) -> str:
        if self._filter:
            return f"filter: {self._filter}   Enter starts   Esc clears"
        return "arrows or letters choose   Enter starts   q leaves"


def _fit(text: str, columns: int) -> str:
    """Cut a line to the width of the screen; wide characters count twice."""
    width = 0
    for position, character in enumerate(text):
        width += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if width > columns:
            return text[:position]
    return text
