"""The dialogue of an invite: which key, which name, yes or no. Pure: keys in, bytes and a wish out.

Owns: `Enrolment`. Must not know: channels, the database: the caller redeems when the answer is yes.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from nacre.hub.problem import one_line

__all__ = ["Enrolment", "Wish"]

_LONGEST: Final = 32


class Wish(Enum):
    """What the dialogue wants of its caller."""

    NOTHING = auto()
    CHECK_NAME = auto()  # is `name` possible? then `accept_name` or `refuse_name`
    REDEEM = auto()
    LEAVE = auto()


class _Step(Enum):
    NAME = auto()
    CONFIRM = auto()


class Enrolment:
    """One dialogue.

    Args:
        fingerprint: of the key that the client came with.
        preset: the name that the invite is for, or None to ask.
    """

    def __init__(self, fingerprint: str, preset: str | None) -> None:
        self._fingerprint = fingerprint
        self._preset = preset
        self._step = _Step.NAME if preset is None else _Step.CONFIRM
        self.name = preset or ""

    def begin(self) -> str:
        """Return the first words."""
        words = (
            "Welcome. This invite binds a key to a user name on this hub.\r\n\r\n"
            f"  the key that your ssh came with   {self._fingerprint}\r\n"
        )
        if self._preset is not None:
            words += f"  the user name                     {self._preset}\r\n"
        return words + "\r\n" + (self._ask_name() if self._step is _Step.NAME else self._ask_confirm())

    def _ask_name(self) -> str:
        return f"user name: {self.name}"

    def _ask_confirm(self) -> str:
        return f"Bind this key to {one_line(self.name)}? [y/n] "

    def key(self, key: str) -> tuple[str, Wish]:
        """Act on a key; returns what to show, and what is wanted."""
        if key in ("ctrl-c", "ctrl-d", "escape"):
            return "\r\n", Wish.LEAVE
        return self._name_key(key) if self._step is _Step.NAME else self._confirm_key(key)

    def _name_key(self, key: str) -> tuple[str, Wish]:
        if key == "enter":
            return ("\r\n", Wish.CHECK_NAME) if self.name else ("", Wish.NOTHING)
        if key == "backspace" and self.name:
            self.name = self.name[:-1]
            return "\b \b", Wish.NOTHING
        if key == "ctrl-u":
            gone, self.name = len(self.name), ""
            return "\b \b" * gone, Wish.NOTHING
        if len(key) == 1 and key.isascii() and len(self.name) < _LONGEST:
            self.name += key
            return key, Wish.NOTHING
        return "", Wish.NOTHING

    def accept_name(self) -> str:
        """The name is possible: ask for the yes."""
        self._step = _Step.CONFIRM
        return self._ask_confirm()

    def refuse_name(self, why: str) -> str:
        """The name will not do: say why and ask again; a preset name cannot be changed."""
        self.name = ""
        self._step = _Step.NAME
        return f"{one_line(why)}\r\n{self._ask_name()}"

    def _confirm_key(self, key: str) -> tuple[str, Wish]:
        match key.lower():
            case "y":
                return "yes\r\n", Wish.REDEEM
            case "n":
                return "no\r\n", Wish.LEAVE
            case _:
                return "", Wish.NOTHING
