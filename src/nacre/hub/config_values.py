"""What one value of the configuration may be.

Owns: a check for each kind of value: it returns the value in the form that the hub uses, or raises
`WrongValue` with what is wrong and what to write instead. Must not know: files, lines, which key
takes which value.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Callable
from enum import StrEnum
from typing import Final, TypeVar

from nacre.hub.durations import format_duration, parse_duration
from nacre.hub.users import Role

__all__ = [
    "APP_NAME",
    "WrongValue",
    "boolean",
    "choice",
    "command",
    "description",
    "duration",
    "environment",
    "integer",
    "listen",
    "networks",
    "quote",
    "roles",
    "uid_range",
]

APP_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)

DEFAULT_PORT: Final = 8022

#: The most that a list in the configuration may have; more is a mistake.
MAX_ITEMS: Final = 100

_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST_NAME: Final = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)*({_LABEL})", re.ASCII)
#: A name that ends so is an address with a slip in it, which a resolver might still take.
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*", re.ASCII)
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\*?", re.ASCII)

#: What the hub sets itself, and what makes a program load other code than its own.
_FORBIDDEN_VARIABLES: Final = (
    "LD_",
    "PYTHON",
    "XDG_",
    "JUPYTER",
    "IPYTHON",
    "GCONV_PATH",
    "BASH_ENV",
    "BASH_FUNC_",
)
_FORBIDDEN_NAMES: Final = frozenset(
    {"HOME", "USER", "LOGNAME", "PATH", "SHELL", "ENV", "IFS", "TERM", "TMPDIR"}
)

_SHELL_WORDS: Final = frozenset({"|", "||", "&", "&&", ";", "<", ">", ">>", "2>", "2>&1"})

EnumT = TypeVar("EnumT", bound=StrEnum)


class WrongValue(Exception):
    """A value cannot be used.

    Attributes:
        what: what is wrong.
        remedy: what to write instead.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


def _kind(value: object) -> str:
    """Return TOML's word for the type of a value."""
    names = {
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "a table",
    }
    return names.get(type(value), "a date")


def quote(text: str) -> str:
    """Return `text` as a basic string of TOML."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(f"\\u{ord(c):04X}" if ord(c) < 0x20 or ord(c) == 0x7F else c for c in escaped) + '"'


def boolean(value: object) -> bool:
    """Take true or false."""
    if isinstance(value, bool):
        return value
    raise WrongValue(f"{_kind(value)} where true or false is expected", "write true or false")


def integer(low: int, high: int) -> Callable[[object], int]:
    """Return a check for whole numbers from `low` to `high`."""

    def check(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            if low <= value <= high:
                return value
            raise WrongValue("the number is out of its bounds", f"write a number from {low} to {high}")
        raise WrongValue(
            f"{_kind(value)} where a whole number is expected", f"write a number from {low} to {high}"
        )

    return check


def duration(low: float, high: float) -> Callable[[object], float]:
    """Return a check for durations of `low` to `high` seconds."""
    remedy = f'write "90s", "2h" or "7d", from {format_duration(low)} to {format_duration(high)}'

    def check(value: object) -> float:
        try:
            seconds = parse_duration(value)
        except ValueError:
            shown = repr(value[:40]) if isinstance(value, str) else _kind(value)
            raise WrongValue(f"{shown} is not a duration", remedy) from None
        if low <= seconds <= high:
            return seconds
        raise WrongValue(f"{format_duration(seconds)} is out of bounds", remedy)

    return check


def choice(kinds: type[EnumT]) -> Callable[[object], EnumT]:
    """Return a check for one of the words of an enum."""

    def check(value: object) -> EnumT:
        for kind in kinds:
            if value == kind.value:
                return kind
        shown = repr(value[:40]) if isinstance(value, str) else _kind(value)
        raise WrongValue(f"{shown} is not one of its words", f"write one of {', '.join(map(quote, kinds))}")

    return check


def listen(value: object, port: int = DEFAULT_PORT) -> tuple[str, int]:
    """Take "host", "host:port", "[v6]" or "[v6]:port".

    Args:
        value: the text.
        port: the port where the text names none.
    """
    remedy = 'write "127.0.0.1:8022", "0.0.0.0:8022" or "[::1]:8022"'
    if not isinstance(value, str):
        raise WrongValue(f"{_kind(value)} where an address is expected", remedy)
    host, colon, after = _split_address(value.strip())
    if colon:
        if not (after.isascii() and after.isdecimal() and len(after) <= 5 and int(after) <= 65535):
            raise WrongValue(f"{after[:40]!r} is not a port", "write a port from 0 to 65535")
        port = int(after)
    if not _is_host(host):
        raise WrongValue(f"{host[:60]!r} is neither an address nor the name of a host", remedy)
    return host, port


def _split_address(text: str) -> tuple[str, str, str]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        # Of a text without the closing bracket, or with more behind it, no host is left.
        return (
            (host, rest[:1], rest[1:]) if bracket and rest[:1] in {"", ":"} and ":" in host else ("", "", "")
        )
    if text.count(":") > 1:
        return text, "", ""
    return text.partition(":")


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        name = _HOST_NAME.fullmatch(host)
        return name is not None and _NUMBER.fullmatch(name[1]) is None
    return True


def uid_range(value: object) -> tuple[int, int]:
    """Take [lowest, highest], free of the system's uids and of the 16-bit "nobody"."""
    remedy = "write two numbers from 1000 up, such as [70000, 99999]"
    if not isinstance(value, list) or len(value) != 2 or any(type(each) is not int for each in value):
        raise WrongValue("two whole numbers in brackets are expected", remedy)
    low, high = value
    if not 1000 <= low <= high <= 2**31 - 1:
        raise WrongValue(
            "the first must be at least 1000, and the last neither less nor above 2147483647", remedy
        )
    if low <= 65535 and high >= 65534:
        raise WrongValue("65534 and 65535 are in it, which mean nobody", remedy)
    return low, high


def _texts(value: object, remedy: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise WrongValue("a list of texts is expected", remedy)
    if len(value) > MAX_ITEMS:
        raise WrongValue(f"{len(value)} entries are too many", f"write at most {MAX_ITEMS}")
    return value


def environment(value: object) -> tuple[str, ...]:
    """Take a list of names of environment variables, each with one `*` at its end or none."""
    remedy = 'write names such as ["EDITOR", "MYLAB_*"]'
    names = _texts(value, remedy)
    for name in names:
        if _VARIABLE.fullmatch(name) is None:
            raise WrongValue(f"{name[:40]!r} is not the name of a variable", remedy)
        stem = name.rstrip("*")
        # A pattern forbids itself also where only some of what it stands for is forbidden.
        if (
            stem in _FORBIDDEN_NAMES
            or stem.startswith(_FORBIDDEN_VARIABLES)
            or (
                name != stem
                and any(each.startswith(stem) for each in (*_FORBIDDEN_NAMES, *_FORBIDDEN_VARIABLES))
            )
        ):
            raise WrongValue(f"{name!r} cannot come from a client: the hub sets it, or it loads code", remedy)
    return tuple(names)


def networks(value: object) -> tuple[str, ...]:
    """Take a list of addresses and networks."""
    remedy = 'write addresses and networks such as ["192.0.2.1", "192.0.2.0/24", "2001:db8::/32"]'
    entries = _texts(value, remedy)
    for entry in entries:
        try:
            ipaddress.ip_network(entry)
        except ValueError:
            raise WrongValue(f"{entry[:60]!r} is neither an address nor a network", remedy) from None
    return tuple(entries)


def command(value: object) -> tuple[str, ...]:
    """Take a command as a text, split as by a shell but run by none, or as a list of texts."""
    remedy = 'write command = ["program", "argument"]'
    if isinstance(value, str):
        try:
            words = shlex.split(value)
        except ValueError as error:
            raise WrongValue(f"the command cannot be split: {str(error).lower()}", remedy) from None
        if shell := _SHELL_WORDS.intersection(words):
            shown = quote(value)
            raise WrongValue(
                f"{min(shell)!r} means nothing, for no shell runs the command",
                f'write command = ["sh", "-c", {shown}]',
            )
    else:
        words = list(_texts(value, remedy))
    if not words or not words[0]:
        raise WrongValue("the command is empty", remedy)
    if any("\0" in word for word in words):
        raise WrongValue("a NUL cannot be in a command", remedy)
    return tuple(words)


def description(value: object) -> str:
    """Take one line of text for a menu."""
    if isinstance(value, str) and value.isprintable() and len(value) <= 100:
        return value
    raise WrongValue("one line of printable text is expected", "write at most 100 characters between quotes")


def roles(value: object) -> frozenset[str]:
    """Take a list of role names, at least one."""
    known = ", ".join(quote(role) for role in Role)
    remedy = f"write a list of {known}; enabled = false takes the app away"
    names = _texts(value, remedy)
    if not names:
        raise WrongValue("with no role nobody may start it", remedy)
    for name in names:
        if name not in set(Role):
            raise WrongValue(f"there is no role {name[:40]!r}", remedy)
    return frozenset(names)
