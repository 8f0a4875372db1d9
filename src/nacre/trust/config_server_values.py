"""The kinds of values that a server's configuration alone has, each as `sshd -T` shows it.

Owns: what a value of each kind may be. Must not know: what becomes of it.
"""

from __future__ import annotations

import re
from typing import Final

from nacre.trust.config_lines import Setting
from nacre.trust.config_values import (
    LARGEST,
    choice,
    is_port,
    is_whole,
    one,
    permitted,
    seconds,
    whole,
    words,
)

__all__ = [
    "environment",
    "flag",
    "key_options",
    "listener",
    "methods",
    "net_blocks",
    "penalties",
    "permitted_listeners",
    "program",
    "startups",
    "subsystem",
    "users",
]

#: yes or no: sshd takes no other words.
flag: Final = choice("yes", "no")

_METHODS: Final = frozenset(
    "none publickey password keyboard-interactive hostbased gssapi-with-mic gssapi-keyex any".split()
)


def program(setting: Setting) -> tuple[str, ...]:
    """Take an absolute path with arguments, or none."""
    if not setting.text.startswith("/") and setting.text.lower() != "none":
        raise setting.error("an absolute path is expected, or none")
    return (setting.text,)


def users(setting: Setting) -> tuple[str, ...]:
    """Take patterns of users, each with one of hosts after @ if need be."""
    found = words()(setting)
    for word in found:
        user, at, host = word.rpartition("@")
        if at and not (user and host):
            raise setting.error(f"{word!r} is no pattern of users: user or user@host")
    return found


def environment(setting: Setting) -> tuple[str, ...]:
    """Take yes, no, or patterns of names with commas between."""
    (text,) = one(setting)
    return (text.lower() if text.lower() in ("yes", "no") else text,)


def methods(setting: Setting) -> tuple[str, ...]:
    """Take lists of methods, each with commas between, or any."""
    found = words("any")(setting)
    for word in found:
        names = [name.partition(":")[0] for name in word.split(",")]
        if not _METHODS.issuperset(names) or ("any" in names and len(names) > 1):
            raise setting.error(f"{word!r} is no list of methods; there are {', '.join(sorted(_METHODS))}")
    return found


def listener(setting: Setting) -> tuple[str, ...]:
    """Take an address, and a port with it if need be; as host and port, "" where there is none."""
    if len(setting.arguments) != 1:
        raise setting.error(
            "an address is expected, and a port after a colon; routing domains are not known here"
        )
    text = setting.arguments[0]
    if "[" not in text and text.count(":") > 1:
        return (text, "")
    found = re.fullmatch(r"(\[[^\]]+\]|[^:\[\]]+)(?::(\d{1,5}))?", text)
    if found is None or (found[2] is not None and not is_port(found[2])):
        raise setting.error(f"{text!r} is no address")
    return (found[1].strip("[]"), found[2] or "")


def startups(setting: Setting) -> tuple[str, ...]:
    """Take start:rate:full, or one number."""
    (text,) = one(setting)
    found = re.fullmatch(r"(\d{1,9})(?::(\d{1,3}):(\d{1,9}))?", text, re.ASCII)
    if found is None:
        raise setting.error(f"{text!r} is neither a number nor start:rate:full")
    start, rate, full = int(found[1]), int(found[2] or 30), int(found[3] or found[1])
    if not (1 <= start <= full and 1 <= rate <= 100):
        raise setting.error(f"{text!r}: start is from 1 to full, rate from 1 to 100")
    return (f"{start}:{rate}:{full}",)


_PENALTIES: Final = "crash authfail noauth grace-exceeded refuseconnection invaliduser max min".split()


def penalties(setting: Setting) -> tuple[str, ...]:
    """Take yes, no, or seconds by name."""
    found = []
    for word in words("yes", "no")(setting):
        name, colon, value = word.partition(":")
        if name.lower() in ("yes", "no") and not colon:
            found.append(name.lower())
        elif name in _PENALTIES:
            found.append(f"{name}:{seconds(setting, value)}")
        elif name in ("max-sources4", "max-sources6") and is_whole(value, LARGEST):
            found.append(f"{name}:{whole(value)}")
        elif name in ("overflow", "overflow6") and value in ("permissive", "deny-all"):
            found.append(word)
        else:
            raise setting.error(f"{word!r} is no penalty; there are {', '.join(_PENALTIES)}")
    return tuple(found)


#: Where whoever logs in may let connections come in.
permitted_listeners: Final = permitted("*")


def key_options(setting: Setting) -> tuple[str, ...]:
    """Take none, or touch-required and verify-required."""
    found = {word.lower() for word in words()(setting)}
    if not found <= {"none", "touch-required", "verify-required"}:
        raise setting.error("none, touch-required or verify-required is expected")
    return tuple(sorted(found - {"none"})) or ("none",)


def net_blocks(setting: Setting) -> tuple[str, ...]:
    """Take the bits of an IPv4 address, and after a colon of an IPv6 one; sshd has 0 where these are not said."""
    (text,) = one(setting)
    found = re.fullmatch(r"(\d{1,3})(?::(\d{0,3}))?", text, re.ASCII)
    if found is None or int(found[1]) > 32 or int(found[2] or 0) > 128:
        raise setting.error(f"{text!r} is not of the form bits:bits, at most 32:128")
    return (f"{int(found[1])}:{int(found[2] or 0)}",)


def subsystem(setting: Setting) -> tuple[str, ...]:
    """Take a name and a command."""
    if len(setting.arguments) < 2 or not all(setting.arguments[:2]):
        raise setting.error("a name and a command are expected")
    return setting.arguments
