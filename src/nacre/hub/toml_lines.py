"""On which line of a TOML file each key stands.

Owns: a scanner that knows just as much of TOML 1.0 as it takes to find keys: where names, strings,
arrays and inline tables begin and end. Must not know: what the keys mean. tomllib, which reads the
values, keeps no positions.

The text has been accepted by tomllib; for any other the result is without meaning, but the
scanner ends.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["KeyPath", "key_lines"]

KeyPath = tuple[str, ...]

_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_BLANK: Final = re.compile(r"[ \t]*")
#: What lies between statements, and between the values of an array.
_FILLER: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_NUMBER_OR_DATE: Final = re.compile(r"[^,\]}#\r\n]*")
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_ESCAPED: Final = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the line of every key and every table header, counted from 1.

    Tables of an array share the path of the array; the last one counts.
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


class _Scanner:
    """A position in the text, and the keys that have been passed."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._counted = 0
        self._line = 1
        self.lines: dict[KeyPath, int] = {}

    def document(self) -> None:
        """Scan the whole text: headers, and keys with their values."""
        table: KeyPath = ()
        while True:
            self._skip(_FILLER)
            if self._at >= len(self._text):
                return
            start = self._at
            if self._peek("["):
                self._at += 2 if self._peek("[[") else 1
                self._skip(_BLANK)
                line = self._line_here()
                table = self._key()
                self._note(table, line)
                self._skip(_BLANK)
                while self._peek("]"):
                    self._at += 1
            else:
                self._assignment(table)
            if self._at == start:
                # Only a text that is no TOML comes here.
                self._at += 1

    def _assignment(self, table: KeyPath) -> None:
        line = self._line_here()
        path = table + self._key()
        self._note(path, line)
        self._skip(_BLANK)
        if self._peek("="):
            self._at += 1
        self._skip(_BLANK)
        self._value(path)

    def _note(self, path: KeyPath, line: int) -> None:
        self.lines[path] = line

    def _key(self) -> KeyPath:
        parts: list[str] = []
        while True:
            self._skip(_BLANK)
            if self._peek('"') or self._peek("'"):
                parts.append(self._string())
            elif match := _BARE_KEY.match(self._text, self._at):
                parts.append(match.group())
                self._at = match.end()
            self._skip(_BLANK)
            if not self._peek("."):
                return tuple(parts)
            self._at += 1

    def _value(self, path: KeyPath) -> None:
        if self._peek('"') or self._peek("'"):
            self._string()
        elif self._peek("["):
            self._array(path)
        elif self._peek("{"):
            self._inline_table(path)
        else:
            self._skip(_NUMBER_OR_DATE)

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        while self._at < len(self._text):
            self._skip(_FILLER)
            if self._peek("]"):
                self._at += 1
                return
            start = self._at
            if self._peek(","):
                self._at += 1
            else:
                self._value(path)
            if self._at == start:
                return

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        while self._at < len(self._text):
            self._skip(_FILLER)
            if self._peek("}"):
                self._at += 1
                return
            start = self._at
            if self._peek(","):
                self._at += 1
            else:
                self._assignment(path)
            if self._at == start:
                return

    def _string(self) -> str:
        quote = self._text[self._at]
        fence = quote * 3 if self._peek(quote * 3) else quote
        start = self._at + len(fence)
        end = self._closing(fence, start)
        self._at = min(end + len(fence), len(self._text))
        if len(fence) == 3:
            # Up to two quotes may stand right before the closing three.
            while self._peek(quote) and self._at - end < 5:
                self._at += 1
        inner = self._text[start:end]
        return inner if quote == "'" else _ESCAPE.sub(_unescape, inner)

    def _closing(self, fence: str, start: int) -> int:
        """Return where the string that begins at `start` ends."""
        if fence[0] == "'":
            end = self._text.find(fence, start)
            return len(self._text) if end < 0 else end
        at = start
        while at < len(self._text) and not self._text.startswith(fence, at):
            at += 2 if self._text[at] == "\\" else 1
        return min(at, len(self._text))

    def _peek(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        if match := pattern.match(self._text, self._at):
            self._at = match.end()

    def _line_here(self) -> int:
        # Counted on from the last time, so that a file of many lines is not counted again for each key.
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line


def _unescape(match: re.Match[str]) -> str:
    short, long, other = match.groups()
    if other is not None:
        return _ESCAPED.get(other, str(other))
    return chr(min(int(short or long, 16), 0x10FFFF))
