"""One line of input on a terminal: where its characters stand, and what changes one state into another.

Owns: columns and rows, wide and combining characters, the sequences that move and erase (ECMA-48). Must
not know: keys, history, channels; nothing is written here, text for the terminal is returned.

A column counts from the last newline of the output and goes on over the rows of the terminal, so that a
line that a new width has wrapped anew needs no bookkeeping.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import Final

#: Of a terminal that did not tell its width.
DEFAULT_WIDTH: Final = 80

#: Output is looked at for its last column this far back.
_TRACKED: Final = 8192
#: An escape sequence that was cut off is completed up to this length.
_SEQUENCE: Final = 256

_ESCAPES: Final = re.compile(
    r"\x1b(?:"
    r"\[[0-?]*[ -/]*[@-~]"  # control sequences, as of colours
    r"|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # strings, as of titles
    r"|[ -/]*[0-OQ-WYZ\\`-~]"
    r")"
)


def width_of(character: str) -> int:
    """Return the cells of a printable character: 2 for wide ones, 0 for what combines with the one before."""
    if character < "\u0300":
        return 1
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def advance(column: int, text: str, width: int) -> int:
    """Return the column behind a text. A wide character that has no room in a row begins the next one."""
    if text.isascii():
        return column + len(text)
    for character in text:
        cells = width_of(character)
        if cells > 1 and column % width == width - 1:
            column += 1
        column += cells
    return column


def _common(one: str, other: str) -> int:
    """Return the length of what two texts begin with."""
    shorter = min(len(one), len(other))
    if one[:shorter] == other[:shorter]:
        return shorter
    return next(index for index in range(shorter) if one[index] != other[index])


class LineDisplay:
    """What stands on the terminal behind the program's own output.

    Args:
        width: columns of the terminal; 0: unknown.
    """

    def __init__(self, width: int = 0) -> None:
        self._width = 0
        self._set_width(width)
        self._origin = 0
        self._shown = ""
        self._cursor = 0
        #: The column before each character that is shown, and behind the last: each is measured once.
        self._columns = [0]
        self._partial = ""

    def _set_width(self, width: int) -> None:
        self._width = max(width or DEFAULT_WIDTH, 2)

    def _measure(self, text: str, column: int) -> list[int]:
        """Return the column behind each character of a text that begins in this column."""
        if text.isascii():
            return list(range(column + 1, column + len(text) + 1))
        columns: list[int] = []
        for character in text:
            column = advance(column, character, self._width)
            columns.append(column)
        return columns

    def _move(self, start: int, end: int) -> str:
        rows = end // self._width - start // self._width
        columns = end % self._width - start % self._width
        vertical = f"\x1b[{abs(rows)}{'A' if rows < 0 else 'B'}" if rows else ""
        return vertical + (f"\x1b[{abs(columns)}{'D' if columns < 0 else 'C'}" if columns else "")

    def _write(self, text: str, columns: list[int]) -> str:
        """Return what writes a text whose characters stand between these columns."""
        written = text
        if not text.isascii():
            # Terminals differ in what they do with a wide character in the last column.
            written = "".join(
                f" {character}" if after - before > 2 else character
                for character, (before, after) in zip(text, pairwise(columns), strict=True)
            )
        if text and columns[-1] % self._width == 0:
            written += " \r"  # into the next row: terminals wait there for one more character
        return written

    def show(self, text: str, cursor: int) -> str:
        """Return what makes the line this text, with the cursor before the character of that index."""
        old, columns = self._shown, self._columns
        here = columns[self._cursor]
        out: list[str] = []
        if text != old:
            keep = _common(old, text)
            while keep and any(keep < len(line) and not width_of(line[keep]) for line in (old, text)):
                keep -= 1  # what combines is written with its character
            added = text[keep:]
            self._columns = [*columns[: keep + 1], *self._measure(added, columns[keep])]
            out += (self._move(here, columns[keep]), self._write(added, self._columns[keep:]))
            here = self._columns[-1]
            if columns[-1] > here:
                out.append("\x1b[J")
        out.append(self._move(here, self._columns[cursor]))
        self._shown, self._cursor = text, cursor
        return "".join(out)

    def hide(self) -> str:
        """Return what takes the line away."""
        if not self._shown:
            return ""
        out = self._move(self._columns[self._cursor], self._origin) + "\x1b[J"
        self._begin(self._origin)
        return out

    def _begin(self, column: int) -> None:
        """Nothing is shown; the line begins in this column."""
        self._origin, self._columns = column, [column]
        self._shown, self._cursor = "", 0

    def enter(self, text: str) -> str:
        """Return what shows this text whole and begins a new line behind it, which is empty."""
        out = self.show(text, len(text))
        end = self._columns[-1]
        self._partial = ""
        self._begin(0)
        # A row that is full has been left already.
        return out if text and end % self._width == 0 else out + "\r\n"

    def forget(self) -> None:
        """What stands on the terminal is no longer ours; the next line begins behind it."""
        self._partial = ""
        self._begin(self._columns[-1])

    def output(self, data: str) -> tuple[str, str, str]:
        """Return what takes the line away, writes the program's output, and puts the line behind it."""
        text, cursor = self._shown, self._cursor
        before = self.hide()
        self._track(data)
        self._begin(self._origin)
        return before, data.replace("\n", "\r\n"), self.show(text, cursor)

    def resize(self, width: int) -> str:
        """Return what shows the line on a terminal that has become wider or narrower."""
        text, cursor = self._shown, self._cursor
        self._set_width(width)
        self._columns = [self._origin, *self._measure(text, self._origin)]
        return self.hide() + self.show(text, cursor)

    def _track(self, data: str) -> None:
        """Find the column in which the output ends, as far as a line of a dialogue needs it."""
        _, newline, tail = data.rpartition("\n")
        if newline:
            self._origin, self._partial = 0, ""
        if len(tail) > _TRACKED:
            self._origin, self._partial, tail = 0, "", tail[-_TRACKED:]
        text = _ESCAPES.sub("", self._partial + tail)
        text, escape, rest = text.partition("\x1b")
        self._partial = (escape + rest)[:_SEQUENCE]
        _, carriage_return, last = text.rpartition("\r")
        if carriage_return:
            self._origin = 0
        for piece in re.split(r"([\x00-\x1f\x7f-\x9f])", last):
            if piece == "\t":
                self._origin = min(self._origin // 8 * 8 + 8, self._last_of_row())
            elif piece == "\b":
                self._origin = max(self._origin - 1, 0)
            elif piece and piece >= " ":
                self._origin = advance(self._origin, piece, self._width)

    def _last_of_row(self) -> int:
        return self._origin // self._width * self._width + self._width - 1
