"""The apps that the hub serves: which there are, who may start which, and with which arguments.

Owns: the default apps, the entry-point group `nacre.apps`, their meeting with the configuration,
the look for their programs, and the splitting of a user's arguments. Must not know: sessions, SSH.

Nothing of an app is imported into the hub: an app is a command, run in a process of its own. An
entry point of the group names a function as a console script does, and becomes the command that
calls it. No shell ever sees an argument.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Final

from nacre.hub.config import AppSettings, ConfigError, ConfigProblem, HubConfig
from nacre.hub.config_values import APP_NAME
from nacre.hub.environment import SEARCH_PATH
from nacre.hub.problem import HubProblem, one_line
from nacre.hub.users import User

__all__ = ["ENTRY_POINT_GROUP", "App", "argv", "available", "catalogue", "find", "problems"]

ENTRY_POINT_GROUP: Final = "nacre.apps"

#: The longest text of arguments that is looked at, in characters.
MAX_ARGUMENTS_TEXT: Final = 4096

#: `module:function`, the form of a console script without extras.
_ENTRY_POINT: Final = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_][\w.]*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class App:
    """Something that the hub serves.

    Attributes:
        name: what users call it.
        command: the program, as an absolute path where it was found, and its arguments.
        arguments: whether users may add arguments.
        description: for the menu; may be empty.
        roles: who may start it, or None for everybody.
        problem: why it cannot be offered, with the remedy; None where it can.
        label: what is inside, for the line at the start; may be empty.
    """

    name: str
    command: tuple[str, ...]
    arguments: bool = False
    description: str = ""
    roles: frozenset[str] | None = None
    problem: str | None = None
    label: str = ""

    def __str__(self) -> str:
        note = self.problem or self.label
        return f"{self.name} ({note})" if note else self.name


def _euporie_problem() -> str | None:
    try:
        metadata.distribution("euporie")
        metadata.distribution("ipykernel")
    except metadata.PackageNotFoundError as error:
        return f"{error.name} is not installed: pip install 'nacre[hub]'"
    return None


def _defaults() -> list[App]:
    # -P: a file called random.py in somebody's home must not stand in for Python's own.
    python = (sys.executable, "-P", "-m")
    missing = _euporie_problem()
    shell = shutil.which("bash", path=SEARCH_PATH) or "/bin/sh"
    return [
        App(
            "notebook",
            (*python, "euporie.notebook"),
            arguments=True,
            description="Jupyter notebooks in the terminal",
            problem=missing,
            label="euporie",
        ),
        App(
            "console",
            (*python, "euporie.console"),
            description="a Jupyter console",
            problem=missing,
            label="euporie",
        ),
        App("python", (sys.executable,), arguments=True, description="the Python prompt"),
        App("shell", (shell, "-l"), description="a login shell"),
    ]


def _from_entry_points() -> list[App]:
    found = []
    for entry in metadata.entry_points(group=ENTRY_POINT_GROUP):
        # A package's author chose these; what does not fit is left out rather than run otherwise.
        match = _ENTRY_POINT.fullmatch(entry.value)
        if match is None or APP_NAME.fullmatch(entry.name) is None:
            continue
        module, function = match.groups()
        code = f"import sys; sys.argv[0] = {entry.name!r}; import {module} as m; sys.exit(m.{function}())"
        package = entry.dist
        summary = package.metadata["Summary"] if package and "Summary" in package.metadata else ""
        found.append(
            App(
                entry.name,
                (sys.executable, "-P", "-c", code),
                description=one_line(summary)[:100],
                label="" if package is None else package.name,
            )
        )
    return sorted(found, key=lambda app: app.name)


def catalogue(config: HubConfig) -> tuple[App, ...]:
    """Return every enabled app: the defaults, those of installed packages, those of the configuration.

    An app whose program is missing is among them, with `problem` set, so that the administrator is
    told; it is never offered to a user.

    Raises:
        ConfigError: the configuration describes an app that nobody else defines, without a command.
    """
    apps = {app.name: app for app in _defaults()}
    for app in _from_entry_points():
        apps.setdefault(app.name, app)
    without = [
        settings
        for settings in config.apps.values()
        if settings.command is None and settings.enabled and settings.name not in apps
    ]
    if without:
        raise ConfigError([_no_command(config, settings) for settings in without])
    for settings in config.apps.values():
        if not settings.enabled:
            apps.pop(settings.name, None)
        else:
            apps[settings.name] = _settle(apps.get(settings.name), settings)
    return tuple(_locate(app) for app in apps.values())


def _no_command(config: HubConfig, settings: AppSettings) -> ConfigProblem:
    return ConfigProblem(
        str(config.file),
        settings.line,
        f"the app {settings.name!r} has no command",
        'write command = ["program", "argument"]',
    )


def _settle(known: App | None, settings: AppSettings) -> App:
    """Return the app with what the configuration says of it."""
    if settings.command is not None:
        # Another command is another app: nothing of the old one's permissions goes over to it.
        app = App(settings.name, settings.command)
    elif known is not None:
        app = known
    else:
        raise RuntimeError(f"the app {settings.name} has no command")
    if settings.arguments is not None:
        app = replace(app, arguments=settings.arguments)
    if settings.description is not None:
        app = replace(app, description=settings.description)
    if settings.roles is not None:
        app = replace(app, roles=settings.roles)
    return app


def _locate(app: App) -> App:
    """Return the app with its program as an absolute path, or with the problem that there is none."""
    if app.problem is not None:
        return app
    program = app.command[0]
    found = shutil.which(program, path=SEARCH_PATH)
    if found is None or not Path(found).is_absolute():
        where = "" if "/" in program else f" in {SEARCH_PATH}"
        return replace(app, problem=f"there is no program {one_line(program)}{where}")
    return replace(app, command=(found, *app.command[1:]))


def problems(config: HubConfig, apps: Iterable[App]) -> list[ConfigProblem]:
    """Return what is wrong with the apps whose command the configuration gives."""
    return [
        ConfigProblem(
            str(config.file),
            config.apps[app.name].line,
            f"{app.name}: {app.problem}",
            "install it, correct the command, or write enabled = false",
        )
        for app in apps
        if app.problem is not None and app.name in config.apps and config.apps[app.name].command is not None
    ]


def available(apps: Iterable[App], user: User) -> tuple[App, ...]:
    """Return the apps that this user may start now."""
    return tuple(
        app for app in apps if app.problem is None and (app.roles is None or user.role.value in app.roles)
    )


def find(apps: Iterable[App], user: User, name: str) -> App | None:
    """Return the app of this name if the user may start it now, else None, whatever the reason."""
    return next((app for app in available(apps, user) if app.name == name), None)


def argv(app: App, text: str) -> tuple[str, ...]:
    """Return the argument vector for an app and the arguments that a user typed.

    Args:
        app: one that the user may start.
        text: what came after the app's name; it is split as by a shell, and nothing in it is
            expanded or run.

    Raises:
        HubProblem: the app takes no arguments, or they cannot be split.
    """
    if not text.strip():
        return app.command
    if not app.arguments:
        raise HubProblem(f"{app.name} takes no arguments", f"type {app.name} alone")
    if len(text) > MAX_ARGUMENTS_TEXT:
        raise HubProblem(
            f"the arguments are {len(text)} characters long", f"use at most {MAX_ARGUMENTS_TEXT}"
        )
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise HubProblem(f"the arguments cannot be split: {str(error).lower()}", "close the quotes") from None
    if any("\0" in word for word in words):
        raise HubProblem("a NUL cannot be in an argument", "leave it out")
    return (*app.command, *words)
