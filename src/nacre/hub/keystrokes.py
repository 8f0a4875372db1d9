"""From the bytes of a terminal to keys: for the menu and the dialogues, never for an app.

Owns: `Keystrokes`, an incremental decoder. Must not know: what a key does.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

__all__ = ["Keystrokes"]

_SEQUENCES: Final = {
    b"A": "up",
    b"B": "down",
    b"C": "right",
    b"D": "left",
    b"H": "home",
    b"F": "end",
    b"5~": "page-up",
    b"6~": "page-down",
    b"1~": "home",
    b"4~": "end",
    b"3~": "delete",
}
_CONTROLS: Final = {
    0x03: "ctrl-c",
    0x04: "ctrl-d",
    0x08: "backspace",
    0x09: "tab",
    0x0A: "enter",
    0x0C: "ctrl-l",
    0x0D: "enter",
    0x0E: "down",
    0x10: "up",
    0x15: "ctrl-u",
    0x7F: "backspace",
}
_CSI: Final = re.compile(rb"\x1b(?:\[|O)([0-9;?<>=]*[@-~])")
_CSI_BEGUN: Final = re.compile(rb"\x1b(?:(?:\[|O)[0-9;?<>=]{0,32})?\Z")


class Keystrokes:
    """Decodes bytes as they come: sequences and UTF-8 may be split anywhere, or be broken.

    A printable character is itself; every other key has a name. What means nothing is dropped.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._text = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def unfinished(self) -> bool:
        """Whether an ESC waits to see if it begins a sequence."""
        return bool(self._rest)

    def feed(self, data: bytes) -> list[str]:
        """Return the keys that are complete."""
        data, self._rest = self._rest + data, b""
        keys: list[str] = []
        position = 0
        while position < len(data):
            octet = data[position]
            if octet == 0x1B:
                match = _CSI.match(data, position)
                if match is not None:
                    keys += [name] if (name := _SEQUENCES.get(match[1])) else []
                    position = match.end()
                elif _CSI_BEGUN.match(data, position):
                    self._rest = data[position:]
                    break
                else:
                    keys.append("escape")
                    position += 1
            elif octet in _CONTROLS:
                keys.append(_CONTROLS[octet])
                position += 1
            else:
                keys += [
                    text for text in self._text.decode(data[position : position + 1]) if text.isprintable()
                ]
                position += 1
        return keys

    def flush(self) -> list[str]:
        """Nothing came for a while: an ESC that waits for more was the key."""
        rest, self._rest = self._rest, b""
        return ["escape"] if rest == b"\x1b" else []
