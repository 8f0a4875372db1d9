"""The options of a key in authorized_keys (AUTHORIZED_KEYS FILE FORMAT of sshd(8)), one line at a time.

Owns: their syntax, which there are, what their values may be, and what a line permits. Must not know: keys,
files, or how a permission is enforced.

What sshd refuses is refused here, and three things more: a comma with no option beside it, a service in place of
the number of a port, and a day that no month has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nacre.keys.timestamp import parse_timestamp
from nacre.keys.x509_subjects import X509Subject

__all__ = [
    "OPTION_NAMES",
    "Options",
    "expiry_of",
    "parse_key_options",
    "parse_options",
    "permits",
    "permits_place",
    "shown_options",
    "values_of",
]

#: The value of an option: True for one without, a tuple for one that may be repeated.
Options = dict[str, object]

_WITH_VALUE: Final = frozenset(
    {
        "command",
        "environment",
        "expiry-time",
        "from",
        "permitlisten",
        "permitopen",
        "principals",
        "subject",
        "tunnel",
    }
)
_REPEATABLE: Final = frozenset(
    {"environment", "expiry-time", "permitlisten", "permitopen", "subject", "tunnel"}
)
#: What one option takes away and another gives back: of those in a line, the later counts.
_PERMISSIONS: Final = ("agent-forwarding", "port-forwarding", "pty", "user-rc", "x11-forwarding")
_SWITCHES: Final = frozenset(
    {
        "cert-authority",
        "restrict",
        *_PERMISSIONS,
        *(f"no-{name}" for name in _PERMISSIONS),
        "touch-required",
        "no-touch-required",
        "verify-required",
        "no-verify-required",
    }
)
#: Every option of sshd(8). A line with another one admits nobody.
OPTION_NAMES: Final = (_WITH_VALUE | _SWITCHES) - {"subject"}
_NAME_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-@.")
_VARIABLE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
#: OpenSSH's SSH_TUNID_MAX.
_LAST_TUNNEL: Final = 0x7FFFFFFD
_ANY: Final = "*"


def _quoted(text: str, start: int) -> tuple[str, int]:
    """Return the value whose opening quote is at `start`, and where what follows it begins."""
    if text[start : start + 1] != '"':
        raise ValueError("the value of an option has no quotes")
    value: list[str] = []
    position = start + 1
    while position < len(text):
        character = text[position]
        if character == '"':
            return "".join(value), position + 1
        # sshd(8): a quote in a value is written with a backslash; a backslash is else itself.
        if character == "\\" and text[position + 1 : position + 2] == '"':
            character = '"'
            position += 1
        value.append(character)
        position += 1
    raise ValueError("the quotes of an option are not closed")


def parse_options(
    text: str,
    *,
    with_value: frozenset[str] = _WITH_VALUE,
    repeatable: frozenset[str] = _REPEATABLE,
    switches: frozenset[str] = frozenset(),
) -> tuple[Options, str]:
    """Return the options at the front of a line, and the rest of it.

    Args:
        text: the line.
        with_value: the names of options that have a value; all others have none.
        repeatable: those that may stand there more than once.
        switches: those without a value that may, too; their order is that of where each stands last.

    Raises:
        ValueError: the options are not of that form.
    """
    options: Options = {}
    position = 0
    while True:
        start = position
        while position < len(text) and text[position].lower() in _NAME_CHARACTERS:
            position += 1
        name = text[start:position].lower()
        if not name:
            raise ValueError("an option without a name")
        value: object = True
        if text[position : position + 1] == "=":
            value, position = _quoted(text, position + 1)
        if (value is not True) != (name in with_value):
            raise ValueError(f"option {name[:40]!r} has a value too many or too few")
        if name in repeatable:
            before = options.get(name, ())
            options[name] = (*before, value) if isinstance(before, tuple) else (value,)
        elif name in switches:
            options.pop(name, None)
            options[name] = True
        elif name in options:
            raise ValueError(f"option {name[:40]!r} stands there twice")
        else:
            options[name] = value
        following = text[position : position + 1]
        if following == ",":
            position += 1
        elif following in (" ", "\t"):
            return options, text[position:].lstrip(" \t")
        else:
            raise ValueError(f"option {name[:40]!r} is not followed by a comma or a blank")


def parse_key_options(text: str) -> tuple[Options, str]:
    """Return the options at the front of a line of authorized_keys, and the rest of it.

    Raises:
        ValueError: they are not of that form, or a value is one that nobody could enforce.
    """
    options, rest = parse_options(text, switches=_SWITCHES)
    _settle_presence(options)
    for entry in values_of(options, "environment"):
        name, equals, _ = entry.partition("=")
        if not name or not equals or not _VARIABLE.issuperset(name):
            raise ValueError("the value of option 'environment' is not of the form NAME=value")
    for option in ("permitopen", "permitlisten"):
        for entry in values_of(options, option):
            _place(option, entry)
    for entry in values_of(options, "tunnel"):
        number = entry.isascii() and entry.isdecimal() and len(entry) <= len(str(_LAST_TUNNEL))
        if entry != "any" and not (number and int(entry) <= _LAST_TUNNEL):
            raise ValueError("the value of option 'tunnel' is no number of a device")
    expiry_of(options)
    if "principals" in options and "cert-authority" not in options:
        raise ValueError("option 'principals' is for the line of an authority, with cert-authority")
    for entry in values_of(options, "subject"):
        X509Subject(entry)
    return options, rest


def _settle_presence(options: Options) -> None:
    """Leave of what is asked of a security key what counts: the later of two that contradict each other."""
    for option, other in (("touch-required", "no-touch-required"), ("no-verify-required", "verify-required")):
        if option in options:
            names = list(options)
            if other in options and names.index(other) < names.index(option):
                del options[other]
            del options[option]


def values_of(options: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Return the values of an option that may be repeated."""
    value = options.get(name, ())
    return value if isinstance(value, tuple) else ()


def expiry_of(options: Mapping[str, object]) -> float | None:
    """Return when a key ceases to be good, in seconds since 1970-01-01 UTC: the earliest `expiry-time`, if any."""
    times = [parse_timestamp(entry).timestamp() for entry in values_of(options, "expiry-time")]
    return min(times, default=None)


def _place(option: str, text: str) -> tuple[str, int | None]:
    """Return the host and port that `permitopen` or `permitlisten` names; None for any port."""
    if option == "permitlisten" and ":" not in text:
        text = f"{_ANY}:{text}"
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        colon = ""  # an address of IPv6 needs its brackets
    number = port.isascii() and port.isdecimal() and len(port) <= len("65535") and 0 < int(port) < 1 << 16
    if not colon or (port != _ANY and not number):
        raise ValueError(f"the value of option {option!r} is not of the form host:port")
    return host, None if port == _ANY else int(port)


def permits(options: Mapping[str, object], permission: str) -> bool:
    """Return whether a line permits something, as "pty": the last word that it says about it counts.

    `restrict` takes everything away that no option after it gives back.
    """
    name = permission.lower()
    permitted = True
    for option in options:
        if option == name:
            permitted = True
        elif option in ("restrict", f"no-{name}"):
            permitted = False
    return permitted


def permits_place(options: Mapping[str, object], option: str, host: str, port: int) -> bool:
    """Return whether a line permits to forward to or from a place.

    Names are compared as they are: none is looked up, and no pattern but a whole `*` counts (sshd(8)).

    Args:
        options: of the line.
        option: "permitopen", for connections to there; "permitlisten", for listeners there.
        host: the name or address, as the client gives it.
        port: the port.
    """
    if not permits(options, "port-forwarding"):
        return False
    places = [_place(option, entry) for entry in values_of(options, option)]
    return not places or any(
        known in (host, _ANY) and known_port in (port, None) for known, known_port in places
    )


def shown_options(options: Mapping[str, object]) -> dict[str, object]:
    """Return the options of a line in the shapes that programs know.

    True for one without a value; `command` as text; `environment` as a mapping, in which the first value of
    a name counts (sshd(8)); `permitopen` as a set of host and port, None for any; all others as lists of text.
    """
    shown: dict[str, object] = {}
    for name, value in options.items():
        if value is True or name == "command":
            shown[name] = value
        elif name == "environment":
            pairs = (entry.partition("=") for entry in reversed(values_of(options, name)))
            shown[name] = {variable: content for variable, _, content in pairs}
        elif name == "permitopen":
            shown[name] = {_place(name, entry) for entry in values_of(options, name)}
        else:
            shown[name] = list(value) if isinstance(value, tuple) else [value]
    return shown
