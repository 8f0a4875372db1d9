"""From what a client asked for to what it gets. Pure: words in, a decision out.

Owns: the user names of the hub's logins (`alice`, `alice+notebook`), the meaning of commands and
subsystems, and the one-line refusals with their exit statuses. Must not know: channels, sessions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nacre.hub import apps as app_catalogue
from nacre.hub.apps import App
from nacre.hub.problem import HubProblem, one_line

__all__ = ["Login", "Menu", "Refusal", "Start", "parse_login", "route"]

#: What a shell says of a command that it cannot find.
UNKNOWN_APP: Final = 127
REFUSED: Final = 1

#: Commands that file transfer programs run on the other side.
_TRANSFERS: Final = frozenset(("scp", "sftp-server", "rsync", "internal-sftp"))
_LONGEST_NAME: Final = 64


@dataclass(frozen=True, slots=True)
class Login:
    """The user name of a login, taken apart.

    Attributes:
        user: the user.
        app: the app behind a "+", if any.
    """

    user: str
    app: str | None = None


@dataclass(frozen=True, slots=True)
class Menu:
    """Show the menu."""


@dataclass(frozen=True, slots=True)
class Start:
    """Run an app, or come back to a session of it where one waits.

    Attributes:
        resume: whether a detached session of this app will do: not where arguments were given.
    """

    app: App
    argv: tuple[str, ...]
    resume: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """Say these lines and end with this status."""

    lines: tuple[str, ...]
    status: int


def parse_login(name: str) -> Login:
    """Take the user name of a login apart at its first "+"."""
    user, plus, app = name.partition("+")
    return Login(user, app) if plus else Login(user)


def route(
    apps: Sequence[App],
    login_app: str | None,
    command: str | None,
    subsystem: str | None,
    *,
    terminal: bool,
) -> Menu | Start | Refusal:
    """Decide what a client gets.

    Args:
        apps: those that the user may run.
        login_app: the app of the user name, if any.
        command: the command of "exec", or None for a shell.
        subsystem: the subsystem, or None.
        terminal: whether the client asked for a terminal.
    """
    if subsystem is not None:
        name = "sftp" if subsystem == "sftp" else f"the subsystem {_shown(subsystem)}"
        return Refusal((f"{name} is not in this version of the hub",), REFUSED)
    words = command.split(maxsplit=1) if command and command.strip() else []
    if login_app is None and words and words[0].rpartition("/")[2] in _TRANSFERS:
        return Refusal((f"{words[0].rpartition('/')[2]} is not in this version of the hub",), REFUSED)
    if login_app is not None:
        wanted, text = login_app, command or ""
    elif words:
        wanted, text = words[0], words[1] if len(words) > 1 else ""
    else:
        return Menu() if terminal else _ADD_T
    app = next((app for app in apps if app.name == wanted), None)
    if app is None:
        return Refusal(_unknown(wanted, apps), UNKNOWN_APP)
    if not terminal:
        return _ADD_T
    try:
        argv = app_catalogue.argv(app, text)
    except HubProblem as problem:
        return Refusal((str(problem),), REFUSED)
    return Start(app, argv, resume=not text.strip())


_ADD_T: Final = Refusal(("an app needs a terminal: add -t to the ssh command",), REFUSED)


def _unknown(wanted: str, apps: Sequence[App]) -> tuple[str, ...]:
    if not apps:
        return (f"there is no app {_shown(wanted)}, and none that you may run: ask the administrator",)
    width = max(len(app.name) for app in apps)
    head = f"there is no app {_shown(wanted)}" if wanted else "no app is named behind the +"
    head += "; yours are:"
    return (head, *(f"  {app.name:{width}}  {one_line(app.description)}".rstrip() for app in apps))


def _shown(text: str) -> str:
    """The peer's word in our sentence: one line, escaped, bounded."""
    text = one_line(text)
    return text if len(text) <= _LONGEST_NAME else text[:_LONGEST_NAME] + "…"
