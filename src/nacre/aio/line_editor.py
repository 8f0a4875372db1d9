"""The line editor of a server's sessions: what is typed becomes lines.

Owns: keys, the line and its cursor, history, what is echoed. Must not know: channels, windows, how the
terminal is told anything.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from nacre.aio.line_display import LineDisplay, width_of
from nacre.wire.record import record

#: What `register_key` takes: called with the line and the position of the cursor. It returns a new line
#: and position; or True, to have the key inserted; or False, to have the bell rung.
KeyHandler = Callable[[str, int], "bool | tuple[str, int]"]

#: A control sequence that nothing is registered for is passed over whole, up to this length.
_SEQUENCE: Final = 32
_JOINERS: Final = "\u200c\u200d"
_UNFINISHED: Final = re.compile(r"\x1b(?:O|\[[0-?]*[ -/]*)?\Z")


@record
class EditorSettings:
    """What a server says of its line editors.

    Attributes:
        line_echo: whether a line that was entered stays on the terminal; False: it is taken away, and the
            program writes it.
        history: lines that are remembered.
        longest: characters of a line.
    """

    line_echo: bool = True
    history: int = 1000
    longest: int = 1024


class Listener(Protocol):
    """What a line editor tells."""

    def show(self, text: str) -> None:
        """Write to the terminal."""

    def deliver(self, text: str) -> None:
        """Give the session what was typed."""

    def interrupt(self) -> bool:
        """Ctrl-C was typed. Returns whether that did anything."""

    def end(self) -> None:
        """Ctrl-D was typed in an empty line."""

    def signal(self, name: str) -> None:
        """A key that a program has made stand for a signal was typed."""

    def stopped(self) -> bool:
        """Whether nothing is to be delivered for now."""


def _is_text(character: str) -> bool:
    """Whether a character is a part of a line.

    Unlike for str.isprintable it is no matter whether Unicode had assigned it when Python was made, and wide
    spaces and joiners are characters that people type.
    """
    return (
        character.isprintable()
        or character in _JOINERS
        or unicodedata.category(character) in ("Zs", "Cn", "Co")
    )


class LineEditor:
    """Edits one line after the other.

    Args:
        listener: what is told of lines, and writes to the terminal.
        settings: echo, and bounds.
        width: columns of the terminal; 0: unknown.
    """

    def __init__(self, listener: Listener, settings: EditorSettings, width: int = 0) -> None:
        self._listener = listener
        self._settings = settings
        self._display = LineDisplay(width)
        self._keys: Mapping[str, Callable[[LineEditor], None]] = _KEYS
        self._prefixes = _PREFIXES
        self._line = ""
        self._position = 0
        self._typed = ""  # the beginning of a sequence
        self._killed = ""
        self._history: list[str] = []
        self._recalled = 0
        self._draft = ""
        self._line_mode = True
        self._echo = True
        self._bell = False

    # ------------------------------------------------------------ asked by the program

    @property
    def line_mode(self) -> bool:
        """Whether lines are edited, and not each key delivered as it is typed."""
        return self._line_mode

    def set_line_mode(self, line_mode: bool) -> None:
        """Edit lines, or deliver each key as it is typed: what was typed of a line first."""
        if line_mode == self._line_mode:
            return
        self._line_mode = line_mode
        left = self.take()
        if left:
            self._listener.deliver(left)

    @property
    def typing(self) -> bool:
        """Whether a line, or a key, has begun."""
        return bool(self._line or self._typed)

    def take(self) -> str:
        """Return what was typed of a line, and of a key, and leave nothing."""
        left = self._line + self._typed
        self._line, self._position, self._typed = "", 0, ""
        self._display.forget()
        return left

    def set_echo(self, echo: bool) -> None:
        """Show what is typed, or not; what stands there appears or goes."""
        self._echo = echo
        self._sync()

    def set_input(self, line: str, position: int) -> None:
        """Replace the line and the cursor."""
        self._replace(line, position)
        self._sync()

    def register_key(self, key: str, handler: KeyHandler) -> None:
        """Have a handler called for a key, in place of what the key does."""
        if not key:
            raise ValueError("a key has at least one character")
        self._set_keys({**self._keys, key: lambda editor: editor._handle(key, handler)})

    def unregister_key(self, key: str) -> None:
        """Have a key do nothing but insert itself, if it can be printed."""
        self._set_keys({other: action for other, action in self._keys.items() if other != key})

    def _set_keys(self, keys: Mapping[str, Callable[[LineEditor], None]]) -> None:
        self._keys, self._prefixes = keys, _prefixes(keys)

    def output(self, data: str) -> tuple[str, str, str]:
        """Return what takes the line away, writes the program's output, and brings the line back."""
        if not self._line_mode:
            return "", data.replace("\n", "\r\n"), ""
        return self._display.output(data)

    def resize(self, width: int) -> None:
        """The terminal has become wider or narrower."""
        self._tell(self._display.resize(width))

    # ------------------------------------------------------------ typing

    def feed(self, data: str) -> str:
        """Take what was typed.

        Returns:
            What was not taken because the listener has stopped.
        """
        position = 0
        while position < len(data) and not self._listener.stopped():
            if not self._line_mode:
                self._listener.deliver(data[position:])
                return ""
            position += self._run_of_text(data, position) or self._one(data[position])
        self._sync()
        return data[position:]

    def _run_of_text(self, data: str, position: int) -> int:
        """Insert as many characters as only insert themselves. Returns how many these were."""
        end = position
        while (
            not self._typed
            and end < len(data)
            and _is_text(data[end])
            and data[end] not in self._keys
            and data[end] not in self._prefixes
        ):
            end += 1
        if end > position:
            self._insert(data[position:end])
        return end - position

    def _one(self, character: str) -> int:
        """Take one character that may be a key, or a part of one. Returns 1."""
        typed = self._typed + character
        action = self._keys.get(typed)
        if action is not None:
            self._typed = ""
            action(self)
        elif typed in self._prefixes or (len(typed) < _SEQUENCE and _UNFINISHED.match(typed)):
            self._typed = typed
        else:
            self._typed = ""
            if all(map(_is_text, typed)):
                self._insert(typed)  # the beginning of a key of several letters that did not come
            else:
                self._bell = True
        return 1

    def _sync(self) -> None:
        bell, self._bell = "\x07" if self._bell else "", False
        self._tell(self._shown() + bell)

    def _shown(self) -> str:
        if not self._line_mode or not self._echo:
            return self._display.hide()
        return self._display.show(self._line, self._position)

    def _tell(self, text: str) -> None:
        if text:
            self._listener.show(text)

    def _handle(self, key: str, handler: KeyHandler) -> None:
        answer = handler(self._line, self._position)
        if isinstance(answer, tuple):
            if answer[1] < 0:
                self._sync()
                self._listener.signal(answer[0])
            else:
                self._replace(*answer)
        elif answer is True and all(map(_is_text, key)):
            self._insert(key)
        else:
            self._bell = True

    # ------------------------------------------------------------ changes of the line

    def _insert(self, text: str) -> None:
        room = self._settings.longest - len(self._line)
        if len(text) > room:
            self._bell = True
            text = text[: max(room, 0)]
        at = self._position
        self._line = self._line[:at] + text + self._line[at:]
        self._position = at + len(text)

    def _replace(self, line: str, position: int) -> None:
        """Put a line of the program in place of what was typed."""
        if not all(map(_is_text, line)):
            raise ValueError("a line that is edited has printable characters only")
        if len(line) > self._settings.longest:
            self._bell = True
            line = line[: self._settings.longest]
        self._line = line
        self._position = min(max(position, 0), len(line))

    def _cut(self, start: int, end: int, *, keep: bool = False) -> None:
        if start == end:
            self._bell = True
            return
        if keep:
            self._killed = self._line[start:end]
        self._line = self._line[:start] + self._line[end:]
        self._position = start

    def _go(self, position: int) -> None:
        if position == self._position:
            self._bell = True
        self._position = position

    def _before(self) -> int:
        """Return the index of the character before the cursor, with what combines with it."""
        index = max(self._position - 1, 0)
        while index and not width_of(self._line[index]):
            index -= 1
        return index

    def _after(self) -> int:
        index = min(self._position + 1, len(self._line))
        while index < len(self._line) and not width_of(self._line[index]):
            index += 1
        return index

    def _word_before(self, in_word: Callable[[str], bool] = str.isalnum) -> int:
        index = self._position
        for inside in (False, True):
            while index and in_word(self._line[index - 1]) == inside:
                index -= 1
        return index

    def _word_after(self) -> int:
        index = self._position
        for inside in (False, True):
            while index < len(self._line) and self._line[index].isalnum() == inside:
                index += 1
        return index

    # ------------------------------------------------------------ keys

    def _enter(self) -> None:
        if self._bell:
            self._sync()
        line = self._line
        if self._echo and self._settings.line_echo:
            self._tell(self._display.enter(line))
        elif self._echo:
            self._tell(self._display.hide())
        elif self._settings.line_echo:
            self._tell(self._display.enter(""))
        if line and self._echo and self._settings.history > 0:
            # What was typed without echo is a secret.
            self._history.append(line)
            del self._history[: -self._settings.history]
        self._line, self._position, self._recalled = "", 0, 0
        self._listener.deliver(f"{line}\n")

    def _interrupt(self) -> None:
        if not self._listener.interrupt():
            self._bell = True

    def _delete_or_end(self) -> None:
        if self._line:
            self._cut(self._position, self._after())
        else:
            self._listener.end()

    def _recall(self, step: int) -> None:
        """Show an older (1) or newer (-1) line; before the newest stands what was being typed."""
        wanted = self._recalled + step
        if not self._echo or not 0 <= wanted <= len(self._history):
            self._bell = True
            return
        if not self._recalled:
            self._draft = self._line
        self._recalled = wanted
        self._line = self._history[-wanted] if wanted else self._draft
        self._position = len(self._line)

    def _redraw(self) -> None:
        self._tell(self._display.hide())


def _no_space(character: str) -> bool:
    return not character.isspace()


_KEYS: Final[Mapping[str, Callable[[LineEditor], None]]] = {
    key: action
    for keys, action in (
        ("\r \n", LineEditor._enter),
        ("\x03", LineEditor._interrupt),
        ("\x04", LineEditor._delete_or_end),
        ("\x1b[3~", lambda editor: editor._cut(editor._position, editor._after())),
        ("\x08 \x7f", lambda editor: editor._cut(editor._before(), editor._position)),
        ("\x02 \x1b[D \x1bOD", lambda editor: editor._go(editor._before())),
        ("\x06 \x1b[C \x1bOC", lambda editor: editor._go(editor._after())),
        ("\x01 \x1b[H \x1bOH \x1b[1~ \x1b[7~", lambda editor: editor._go(0)),
        ("\x05 \x1b[F \x1bOF \x1b[4~ \x1b[8~", lambda editor: editor._go(len(editor._line))),
        ("\x1bb \x1b[1;5D", lambda editor: editor._go(editor._word_before())),
        ("\x1bf \x1b[1;5C", lambda editor: editor._go(editor._word_after())),
        ("\x0b", lambda editor: editor._cut(editor._position, len(editor._line), keep=True)),
        ("\x15", lambda editor: editor._cut(0, len(editor._line), keep=True)),
        (
            "\x17",
            lambda editor: editor._cut(editor._word_before(_no_space), editor._position, keep=True),
        ),
        ("\x1bd", lambda editor: editor._cut(editor._position, editor._word_after(), keep=True)),
        ("\x1b\x7f", lambda editor: editor._cut(editor._word_before(), editor._position, keep=True)),
        ("\x19", lambda editor: editor._insert(editor._killed)),
        ("\x10 \x1b[A \x1bOA", lambda editor: editor._recall(1)),
        ("\x0e \x1b[B \x1bOB", lambda editor: editor._recall(-1)),
        ("\x0c \x12", LineEditor._redraw),
    )
    for key in keys.split(" ")
}


def _prefixes(keys: Mapping[str, object]) -> frozenset[str]:
    return frozenset(key[:length] for key in keys for length in range(1, len(key)))


_PREFIXES: Final = _prefixes(_KEYS)
