"""The one kind of error that the hub shows to a person.

Owns: `HubProblem`, one line that says what is wrong and what to do about it. Must not know: who
shows the line. Every module of the hub raises it, or a class of its own derived from it, for what
a user or an administrator can put right; anything else that is raised is a fault of the program.
"""

from __future__ import annotations

__all__ = ["HubProblem", "StateError", "one_line", "os_problem"]


def one_line(text: str) -> str:
    """Return `text` with every character that could move a cursor or start a new line escaped.

    Names, paths and messages of other programs pass here before they reach a terminal or a log.
    """
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape", "replace").decode("ascii")
        for character in text
    )


class HubProblem(Exception):
    """Something that a person can put right.

    Args:
        what: what is wrong, without a full stop.
        remedy: what to do about it, if anything can be said.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        self.what = one_line(what)
        self.remedy = one_line(remedy)
        super().__init__(f"{self.what}; {self.remedy}" if remedy else self.what)


class StateError(HubProblem):
    """The state directory, or something in it, cannot be used."""


def os_problem(error: OSError) -> str:
    """Return the system's words for `error`, such as "No space left on device", without numbers and paths."""
    return error.strerror or str(error)
