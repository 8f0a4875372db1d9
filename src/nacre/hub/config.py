"""The hub's configuration: a TOML file becomes one frozen value, or a list of what is wrong with it.

Owns: the keys, their types and bounds, their defaults, and how a problem is told: file, line, what,
remedy. Must not know: what is done with the values, which apps there are by default.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
import socket
import stat
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from nacre.hub import config_values as values
from nacre.hub.config_values import WrongValue
from nacre.hub.durations import format_duration
from nacre.hub.files import read_small_file
from nacre.hub.problem import HubProblem, one_line, os_problem
from nacre.hub.toml_lines import KeyPath, key_lines

__all__ = [
    "MAX_CONFIG_FILE",
    "AppSettings",
    "ConfigError",
    "ConfigProblem",
    "HubConfig",
    "IsolationChoice",
    "Keepalive",
    "Limits",
    "describe",
    "examine",
    "key_names",
    "load",
]

#: In bytes; a configuration of a thousand apps takes a tenth of it.
MAX_CONFIG_FILE: Final = 1024 * 1024

DAY: Final = 86400.0

#: Where tomllib says that a mistake is.
_WHERE: Final = re.compile(r" \(at line (\d+), column \d+\)$")

#: The one that `ssh` takes without being told.
SSH_PORT: Final = 22


class IsolationChoice(StrEnum):
    """How users are kept apart, as the administrator chose it."""

    AUTO = "auto"
    UID = "uid"
    BUBBLEWRAP = "bubblewrap"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the hub grants at most.

    Attributes:
        sessions_per_user: running sessions of one user; 0 for no limit.
        sessions: running sessions in all; 0 for no limit.
        unauthenticated: connections that have not logged in yet.
        login: how long a login may take, in seconds.
        identification: how long the peer's first line may take, in seconds.
        per_source: of those that have not logged in, how many may come from one source; 0 for no limit.
        penalties: whether a source that misbehaves is shut out for a while.
        exempt: networks to which neither of these two applies.
    """

    sessions_per_user: int = 8
    sessions: int = 200
    unauthenticated: int = 100
    login: float = 60.0
    identification: float = 10.0
    per_source: int = 20
    penalties: bool = True
    exempt: tuple[str, ...] = ("127.0.0.0/8", "::1/128")


@dataclass(frozen=True, slots=True)
class Keepalive:
    """How a silent client is found.

    Attributes:
        interval: seconds of silence after which it is asked; 0 to never ask.
        count: unanswered questions after which it is taken for gone.
    """

    interval: float = 30.0
    count: int = 3


@dataclass(frozen=True, slots=True)
class AppSettings:
    """What the file says of one app; None is what it does not say.

    Attributes:
        name: of the table `[apps.NAME]`.
        line: of that table.
        enabled: false takes a default app away.
        command: the program and its arguments.
        arguments: whether users may add arguments.
        description: for the menu.
        roles: who may start it.
    """

    name: str
    line: int | None
    enabled: bool = True
    command: tuple[str, ...] | None = None
    arguments: bool | None = None
    description: str | None = None
    roles: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class HubConfig:
    """The effective configuration. Durations are in seconds.

    Attributes:
        file: where it was read from, or None for the defaults alone.
        host: the address to listen on, or the name of one.
        port: 0 lets the system choose.
        detached: how long a session goes on without a client; 0 ends it at once.
        grace: how long sessions are left when the hub is told to end.
        isolation: how users are kept apart.
        uid_range: the first and the last uid that new users may get; None: this machine's next free ones.
        limits: see there.
        keepalive: see there.
        environment: names that sessions may take from the client beside the usual ones; one `*` at
            the end stands for any rest.
        proxy_protocol_from: load balancers, whose connections begin with a PROXY header.
        apps: what the file says of each app.
        listen_line: where the file says what to listen on, if it does and the command line does not.
    """

    file: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8022
    detached: float = 3600.0
    grace: float = 10.0
    isolation: IsolationChoice = IsolationChoice.AUTO
    uid_range: tuple[int, int] | None = None
    limits: Limits = Limits()
    keepalive: Keepalive = Keepalive()
    environment: tuple[str, ...] = ()
    proxy_protocol_from: tuple[str, ...] = ()
    apps: Mapping[str, AppSettings] = field(default_factory=lambda: MappingProxyType({}))
    listen_line: int | None = None

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the hub. A name that is not known to be so is not."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def ssh_command(self, user: str, *options: str) -> str:
        """Return the line with which `user` comes in from this machine, or from another one by its name."""
        host = socket.gethostname() if self.host in {"0.0.0.0", "::"} else self.host
        port = [] if self.port == SSH_PORT else ["-p", str(self.port)]
        return " ".join(["ssh", *port, *options, f"{user}@{host}"])

    def replace_listen(self, listen: str | None, port: int | None) -> HubConfig:
        """Return the configuration with `--listen` and `--port` in place. HubProblem for a wrong one."""
        try:
            host, chosen = values.listen(listen, self.port) if listen is not None else (self.host, self.port)
            if port is not None:
                chosen = values.integer(0, 65535)(port)
        except WrongValue as error:
            option = "--listen" if listen is not None else "--port"
            raise HubProblem(f"{option}: {error.what}", error.remedy) from None
        line = self.listen_line if listen is None else None
        return replace(self, host=host, port=chosen, listen_line=line)

    def host_problem(self, why: str) -> HubProblem:
        """Return the error that `host` is no address of this machine, with the place that says so."""
        remedy = "write an address of this machine, or a name that stands for one"
        if self.file is None or self.listen_line is None:
            return HubProblem(f"cannot listen on {self.host}: {why}", f"--listen: {remedy}")
        what = f"listen: cannot listen on {self.host}: {why}"
        return ConfigError([ConfigProblem(str(self.file), self.listen_line, what, remedy)])

    def resolve(self) -> None:
        """Look up what the host stands for. HubProblem when that is nothing."""
        try:
            socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        except (OSError, UnicodeError) as error:
            raise self.host_problem(os_problem(error) if isinstance(error, OSError) else str(error)) from None


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing that is wrong in a configuration.

    Attributes:
        file: its path, as it was given.
        line: counted from 1, or None for the file as a whole.
        what: what is wrong.
        remedy: what to write instead.
    """

    file: str
    line: int | None
    what: str
    remedy: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return one_line(f"{place}: {self.what}; {self.remedy}")


class ConfigError(HubProblem):
    """A configuration that cannot be used.

    Attributes:
        problems: all of them, by line.
    """

    def __init__(self, problems: Iterable[ConfigProblem]) -> None:
        self.problems = tuple(problems)
        first, more = str(self.problems[0]), len(self.problems) - 1
        super().__init__(first, f"{more} more: nacre hub check shows all" if more else "")


def load(file: Path | None) -> HubConfig:
    """Read the configuration; None gives the defaults. ConfigError with everything that is wrong."""
    config, problems = examine(file)
    if problems:
        raise ConfigError(problems)
    return config


def examine(file: Path | None) -> tuple[HubConfig, list[ConfigProblem]]:
    """Read the configuration, with defaults in place of what is wrong, and tell what is wrong."""
    if file is None:
        return HubConfig(), []
    try:
        text = _read_text(file)
        document = tomllib.loads(text)
        lines = key_lines(text)
    except tomllib.TOMLDecodeError as error:
        match = _WHERE.search(str(error))
        # The other place that tomllib knows is the end of the document.
        line = int(match.group(1)) if match else max(1, len(text.splitlines()))
        what = f"this is not TOML: {_WHERE.sub('', str(error))}"
        return HubConfig(), [ConfigProblem(str(file), line, what, "correct the line, or the one before it")]
    except RecursionError:
        what = "brackets are nested too deep"
        return HubConfig(), [ConfigProblem(str(file), None, what, "nothing here needs more than two levels")]
    except WrongValue as error:
        return HubConfig(), [ConfigProblem(str(file), None, error.what, error.remedy)]
    reader = _Reader(str(file), lines)
    config = replace(reader.config(document), file=file)
    return config, sorted(reader.problems, key=lambda problem: problem.line or 0)


def _read_text(file: Path) -> str:
    try:
        content, status = read_small_file(file, MAX_CONFIG_FILE)
    except OSError as error:
        raise WrongValue(
            f"the configuration cannot be read: {os_problem(error)}", "name another one with --config"
        ) from error
    if status.st_mode & stat.S_IWOTH:
        raise WrongValue(
            "everybody can write this file, and so decide what the hub runs", f"chmod o-w {file}"
        )
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise WrongValue(f"line {line} is not UTF-8", "save the file as UTF-8") from None


Check = Callable[[object], Any]


@dataclass(frozen=True, slots=True)
class _Key:
    """A key of the file: the attribute that takes its value, and the check that makes it."""

    attribute: str
    check: Check


_TOP: Final[Mapping[str, _Key]] = {
    "listen": _Key("listen", values.listen),
    "detached": _Key("detached", values.duration(0, 366 * DAY)),
    "grace": _Key("grace", values.duration(0, 3600)),
    "isolation": _Key("isolation", values.choice(IsolationChoice)),
    "uid_range": _Key("uid_range", values.uid_range),
    "environment": _Key("environment", values.environment),
    "proxy_protocol_from": _Key("proxy_protocol_from", values.networks),
}
_LIMITS: Final[Mapping[str, _Key]] = {
    "sessions_per_user": _Key("sessions_per_user", values.integer(0, 10_000)),
    "sessions": _Key("sessions", values.integer(0, 100_000)),
    "unauthenticated": _Key("unauthenticated", values.integer(1, 10_000)),
    "login": _Key("login", values.duration(1, 3600)),
    "identification": _Key("identification", values.duration(1, 600)),
    "per_source": _Key("per_source", values.integer(0, 10_000)),
    "penalties": _Key("penalties", values.boolean),
    "exempt": _Key("exempt", values.networks),
}
_KEEPALIVE: Final[Mapping[str, _Key]] = {
    "interval": _Key("interval", values.duration(0, DAY)),
    "count": _Key("count", values.integer(1, 100)),
}
_APP: Final[Mapping[str, _Key]] = {
    "enabled": _Key("enabled", values.boolean),
    "command": _Key("command", values.command),
    "arguments": _Key("arguments", values.boolean),
    "description": _Key("description", values.description),
    "roles": _Key("roles", values.roles),
}
_TABLES: Final = ("limits", "keepalive", "apps")


def key_names() -> list[str]:
    """Return every key that a configuration may have, written as in its documentation."""
    return [
        *_TOP,
        *(f"limits.{key}" for key in _LIMITS),
        *(f"keepalive.{key}" for key in _KEEPALIVE),
        *(f"apps.NAME.{key}" for key in _APP),
    ]


class _Reader:
    """Turns a parsed document into a configuration, and collects what is wrong on the way."""

    def __init__(self, file: str, lines: Mapping[KeyPath, int]) -> None:
        self._file = file
        self._lines = lines
        self.problems: list[ConfigProblem] = []

    def config(self, document: dict[str, Any]) -> HubConfig:
        """Read the whole document."""
        tables: dict[str, Any] = {name: document.pop(name) for name in _TABLES if name in document}
        found = self._read((), document, _TOP, also=_TABLES)
        if "listen" in found:
            found["host"], found["port"] = found.pop("listen")
            found["listen_line"] = self._line(("listen",))
        if (limits := self._table(("limits",), tables)) is not None:
            found["limits"] = Limits(**self._read(("limits",), limits, _LIMITS))
        if (keepalive := self._table(("keepalive",), tables)) is not None:
            found["keepalive"] = Keepalive(**self._read(("keepalive",), keepalive, _KEEPALIVE))
        if (apps := self._table(("apps",), tables)) is not None:
            found["apps"] = self._apps(apps)
        return HubConfig(**found)

    def _apps(self, apps: dict[str, Any]) -> Mapping[str, AppSettings]:
        found = {}
        for name in apps:
            path = ("apps", name)
            if values.APP_NAME.fullmatch(name) is None:
                remedy = "use 1 to 32 of a-z, 0-9, '_' and '-', beginning with a letter"
                self._problem(path, f"{name[:40]!r} cannot be the name of an app", remedy)
            elif (table := self._table(path, apps)) is not None:
                settings = self._read(path, table, _APP)
                found[name] = AppSettings(name=name, line=self._line(path), **settings)
        return MappingProxyType(found)

    def _table(self, path: KeyPath, holder: Mapping[str, Any]) -> dict[str, Any] | None:
        table = holder.get(path[-1])
        if table is None or isinstance(table, dict):
            return table
        self._problem(
            path, f"{'.'.join(path)} is not a table", f"write [{'.'.join(path)}] and its keys below"
        )
        return None

    def _read(
        self, path: KeyPath, table: Mapping[str, Any], keys: Mapping[str, _Key], also: Iterable[str] = ()
    ) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in table.items():
            key = keys.get(name)
            if key is None:
                self._problem((*path, name), f"unknown key {name[:40]!r}", _nearest(name, [*keys, *also]))
                continue
            try:
                found[key.attribute] = key.check(value)
            except WrongValue as error:
                self._problem((*path, name), f"{name}: {error.what}", error.remedy)
        return found

    def _line(self, path: KeyPath) -> int | None:
        """Return the line of a key, or of the first thing below it: `a.b = 1` has no line for `a`."""
        if path in self._lines:
            return self._lines[path]
        below = [line for known, line in self._lines.items() if known[: len(path)] == path]
        return min(below, default=None)

    def _problem(self, path: KeyPath, what: str, remedy: str) -> None:
        self.problems.append(ConfigProblem(self._file, self._line(path), what, remedy))


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"the keys here are {', '.join(known)}"


def describe(config: HubConfig) -> list[str]:
    """Return the effective values as lines of TOML, without the apps."""
    host = f"[{config.host}]" if ":" in config.host else config.host
    lines = [
        f"listen = {values.quote(f'{host}:{config.port}')}",
        f"detached = {values.quote(format_duration(config.detached))}",
        f"grace = {values.quote(format_duration(config.grace))}",
        f"isolation = {values.quote(config.isolation)}",
        *([] if config.uid_range is None else ["uid_range = [{}, {}]".format(*config.uid_range)]),
        f"environment = {_shown(config.environment)}",
        f"proxy_protocol_from = {_shown(config.proxy_protocol_from)}",
    ]
    for name, table in (("limits", config.limits), ("keepalive", config.keepalive)):
        lines += [f"{name}.{each.name} = {_shown(getattr(table, each.name))}" for each in fields(table)]
    return lines


def _shown(value: object) -> str:
    if isinstance(value, float):
        return values.quote(format_duration(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(values.quote, value))}]"
    return str(value)
