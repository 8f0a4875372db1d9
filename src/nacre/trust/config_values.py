"""The kinds of values in OpenSSH's configuration files, each in the form in which `ssh -G` and `sshd -T` show it.

Owns: what a value of each kind may be. Must not know: which keyword has which kind, or what becomes of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_network
from typing import Final

from nacre.trust.config_lines import Setting

__all__ = [
    "FACILITIES",
    "FINGERPRINTS",
    "LARGEST",
    "LOG_LEVELS",
    "Kind",
    "agent_keys",
    "channel_timeouts",
    "choice",
    "cname_rules",
    "domains",
    "environment_names",
    "escape",
    "flag",
    "forward",
    "hops",
    "integer",
    "is_port",
    "is_whole",
    "keystrokes",
    "mask",
    "networks",
    "number_or",
    "one",
    "path_or_flag",
    "permitted",
    "permitted_targets",
    "port",
    "quality",
    "quantity",
    "rekey",
    "rest",
    "seconds",
    "time",
    "time_or",
    "tunnel_device",
    "variables",
    "whole",
    "words",
]

#: Reads what follows a keyword; returns it in words, or raises an error that names the line.
Kind = Callable[[Setting], tuple[str, ...]]

#: Of the numbers that ssh and sshd read.
LARGEST: Final = (1 << 31) - 1
_UNITS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SCALES: Final = {"": 0, "B": 0, "K": 10, "M": 20, "G": 30, "T": 40, "P": 50, "E": 60}
#: The last number alone may be without a unit; said so, nothing is to be tried in two ways.
_TIME: Final = r"(?ia)(?=.)(?:\d+[smhdw])*\d*"
_QUALITIES: Final = (
    *(f"af{level}{drop}" for level in range(1, 5) for drop in range(1, 4)),
    *(f"cs{level}" for level in range(8)),
    *("ef", "le", "lowdelay", "throughput", "reliability", "none"),
)


def at_most(setting: Setting, most: int, least: int = 1) -> tuple[str, ...]:
    """Return the words of a line that may have so many, none of them empty."""
    found = setting.arguments
    if not least <= len(found) <= most:
        expected = "one word is" if most == 1 else f"{least} to {most} words are"
        raise setting.error(f"{expected} expected, not {len(found)}")
    if not all(found):
        raise setting.error("an empty word")
    return found


def one(setting: Setting) -> tuple[str, ...]:
    """Take one word as it is."""
    return at_most(setting, 1)


def words(*alone: str) -> Kind:
    """Return the kind of one word or several.

    Args:
        alone: words that stand for none of them, and so by themselves.
    """

    def read(setting: Setting) -> tuple[str, ...]:
        found = at_most(setting, len(setting.arguments))
        if len(found) > 1 and any(word.lower() in alone for word in found):
            raise setting.error(f"{' or '.join(alone)} stands alone")
        return found

    return read


def rest(setting: Setting) -> tuple[str, ...]:
    """Take the rest of the line as it is written: quotes and # too."""
    return (setting.text,)


def choice(*forms: str) -> Kind:
    """Return the kind of one word of several.

    Args:
        forms: each of them; as "word=shown" when it is shown otherwise.
    """
    table = {word: shown or word for word, _, shown in (form.partition("=") for form in forms)}

    def read(setting: Setting) -> tuple[str, ...]:
        (word,) = one(setting)
        found = table.get(word.lower())
        if found is None:
            raise setting.error(f"{' or '.join(table)} is expected, not {word!r}")
        return (found,)

    return read


#: yes or no.
flag: Final = choice("yes", "no", "true=yes", "false=no")


FINGERPRINTS: Final = choice("md5=MD5", "sha1=SHA1", "sha256=SHA256", "sha384=SHA384", "sha512=SHA512")
LOG_LEVELS: Final = choice(
    *("silent=SILENT", "quiet=SILENT", "fatal=FATAL", "error=ERROR", "info=INFO", "verbose=VERBOSE"),
    *("debug=DEBUG", "debug1=DEBUG", "debug2=DEBUG2", "debug3=DEBUG3"),
)
FACILITIES: Final = choice(
    *(f"{name}={name.upper()}" for name in ("daemon", "user", "auth", "authpriv")),
    *(f"local{number}=LOCAL{number}" for number in range(8)),
)


def integer(setting: Setting) -> tuple[str, ...]:
    """Take a number that is not negative."""
    (text,) = one(setting)
    if not is_whole(text, LARGEST):
        raise setting.error(f"{text!r} is no number from 0 to {LARGEST}")
    return (str(whole(text)),)


def port(setting: Setting) -> tuple[str, ...]:
    """Take the number of a port."""
    (text,) = one(setting)
    if not is_port(text):
        raise setting.error(f"{text!r} is no number of a port")
    return (str(whole(text)),)


def whole(text: str) -> int | None:
    """Return the number that a text is, or None; of one with more than 20 digits too large a one.

    Zeros before it do not count. Python refuses to read thousands of digits at all.
    """
    if not (text.isascii() and text.isdigit()):
        return None
    return int(text.lstrip("0")[:20] or "0")


def is_whole(text: str, most: int, least: int = 0) -> bool:
    """Return whether a text is a number between these."""
    number = whole(text)
    return number is not None and least <= number <= most


def is_port(text: str, least: int = 1) -> bool:
    """Return whether a text is the number of a port."""
    return is_whole(text, 65535, least)


def seconds(setting: Setting, text: str) -> int:
    """Return a time as "90" or "1m30s", in seconds."""
    total = 0
    if not re.fullmatch(_TIME, text):
        raise setting.error(f"{text!r} is no time: as 90 or 1m30s")
    for number, unit in re.findall(r"(\d+)([a-z]?)", text.lower()):
        total += (whole(number) or 0) * _UNITS[unit]
    if total > LARGEST:
        raise setting.error(f"{text!r} is no time: {LARGEST} seconds are the most")
    return total


def time(setting: Setting) -> tuple[str, ...]:
    """Take a time."""
    (text,) = one(setting)
    return (str(seconds(setting, text)),)


def time_or(*names: str) -> Kind:
    """Return the kind of a time or one of these words (as for `choice`)."""
    table = {word: shown or word for word, _, shown in (form.partition("=") for form in names)}

    def read(setting: Setting) -> tuple[str, ...]:
        (text,) = one(setting)
        if text.lower() in table:
            return (table[text.lower()],)
        number = str(seconds(setting, text))
        return (table.get(number, number),)

    return read


def number_or(*names: str) -> Kind:
    """Return the kind of a number or one of these words."""

    def read(setting: Setting) -> tuple[str, ...]:
        (text,) = one(setting)
        return (text.lower(),) if text.lower() in names else integer(setting)

    return read


def agent_keys(setting: Setting) -> tuple[str, ...]:
    """Take yes, no, ask or confirm, a time, or confirm and a time."""
    first, *more = at_most(setting, 2)
    known = {
        "yes": "true",
        "true": "true",
        "no": "false",
        "false": "false",
        "ask": "ask",
        "confirm": "confirm",
    }
    if first.lower() not in known and not more:
        return (str(seconds(setting, first)),)
    if first.lower() not in known or (more and first.lower() != "confirm"):
        raise setting.error("yes, no, ask, confirm or a time is expected, or confirm and a time")
    return (known[first.lower()], *(str(seconds(setting, word)) for word in more))


def tunnel_device(setting: Setting) -> tuple[str, ...]:
    """Take one number or "any", or two with a colon between."""
    (text,) = one(setting)
    ends = text.split(":") if ":" in text else [text, "any"]
    if len(ends) != 2 or not all(end == "any" or is_whole(end, LARGEST) for end in ends):
        raise setting.error(f"{text!r} is no device of a tunnel: local[:remote], numbers or any")
    return (":".join(end if end == "any" else str(whole(end)) for end in ends),)


def path_or_flag(setting: Setting) -> tuple[str, ...]:
    """Take yes, no, or anything else as it is."""
    (text,) = one(setting)
    return flag(setting) if text.lower() in ("yes", "no", "true", "false") else (text,)


def quantity(setting: Setting, text: str) -> int:
    """Return bytes as "500M"."""
    found = re.fullmatch(r"(\d{1,19}(?:\.\d{1,19})?)([BKMGTPE]?)", text.upper(), re.ASCII)
    if not found:
        raise setting.error(f"{text!r} is no number of bytes: as 500M")
    from decimal import Decimal  # few settings are a quantity

    return int(Decimal(found[1]) * (1 << _SCALES[found[2]]))


def rekey(setting: Setting) -> tuple[str, ...]:
    """Take bytes or default, and then perhaps a time: in bytes and seconds; none says no more than no word, as for OpenSSH."""
    found = at_most(setting, 2)
    size = 0 if found[0] == "default" else quantity(setting, found[0])
    if 0 < size < 16:
        raise setting.error(f"{found[0]!r} is too little")
    if len(found) == 1 or found[1] == "none":
        return (str(size),)
    return (str(size), str(seconds(setting, found[1])))


def quality(setting: Setting) -> tuple[str, ...]:
    """Take one or two classes of traffic (RFC 2474), by name or number."""
    found = []
    for word in at_most(setting, 2):
        name = word.lower()
        if name not in _QUALITIES:
            if not re.fullmatch(r"0x[0-9a-f]{1,2}|0[0-7]{0,3}|[1-9]\d{0,2}", name, re.ASCII):
                raise setting.error(f"{word!r} is no class of traffic")
            base = 16 if name.startswith("0x") else 8 if name.startswith("0") else 10
            number = int(name, base)
            if number > 255:
                raise setting.error(f"{word!r} is no class of traffic")
            name = f"0x{number:02x}"
        found.append(name)
    return (found[0], found[-1])


def mask(setting: Setting) -> tuple[str, ...]:
    """Take permissions in octal."""
    (text,) = one(setting)
    found = re.match(r"[0-7]+", text)
    if not found or int(found[0], 8) > 0o777:
        raise setting.error(f"{text!r} is no mask of permissions in octal")
    return (f"0{int(found[0], 8):o}",)


def escape(setting: Setting) -> tuple[str, ...]:
    """Take a character, one after ^, or none."""
    (text,) = one(setting)
    if re.fullmatch(r"\^[@-\x7f]", text):
        code = ord(text[1]) & 31
        return (f"\\^{chr(code + 64)}",)
    if text.lower() == "none" or (len(text) == 1 and text.isascii()):
        return (text,)
    raise setting.error(f"{text!r} is no escape character: one, ^ and a letter, or none")


def domains(setting: Setting) -> tuple[str, ...]:
    """Take names of domains, or none."""
    found = words("none")(setting)
    for name in found:
        if ".." in name or not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name, re.IGNORECASE | re.ASCII):
            raise setting.error(f"{name!r} is no name of a domain")
    return tuple(name.lower() for name in found)


def cname_rules(setting: Setting) -> tuple[str, ...]:
    """Take pairs of pattern lists with a colon between, or none."""
    found = words("none")(setting)
    for word in found:
        source, _, target = word.partition(":")
        if word.lower() != "none" and not (source and target):
            raise setting.error(f"{word!r} is not of the form source:target")
    return found


def variables(setting: Setting) -> tuple[str, ...]:
    """Take NAME=value, of each name the first."""
    found: dict[str, str] = {}
    for word in at_most(setting, len(setting.arguments)):
        name, equals, _ = word.partition("=")
        if not equals or not name:
            raise setting.error(f"{word!r} is not of the form NAME=value")
        found.setdefault(name, word)
    return tuple(found.values())


def environment_names(setting: Setting) -> tuple[str, ...]:
    """Take names of variables, with wildcards."""
    for word in at_most(setting, len(setting.arguments)):
        if "=" in word:
            raise setting.error(f"{word!r} is no name of a variable")
    return setting.arguments


def keystrokes(setting: Setting) -> tuple[str, ...]:
    """Take yes, no, or interval:milliseconds."""
    (text,) = one(setting)
    found = re.fullmatch(r"interval:(\d{1,4})", text.lower(), re.ASCII)
    if found:
        if not 1 <= int(found[1]) <= 1000:
            raise setting.error(f"{text!r}: 1 to 1000 milliseconds")
        return (str(int(found[1])),)
    return flag(setting)


def channel_timeouts(setting: Setting) -> tuple[str, ...]:
    """Take type=time for kinds of channels, or none."""
    found = words("none")(setting)
    for word in found:
        kind, equals, after = word.partition("=")
        if word.lower() != "none" and not (kind and equals):
            raise setting.error(f"{word!r} is not of the form type=time")
        if equals:
            seconds(setting, after)
    return found


def networks(setting: Setting, text: str) -> None:
    """Check networks in CIDR form with commas between: a mask fits its address.

    Raises:
        ConfigParseError: one is none.
    """
    for entry in text.split(","):
        try:
            ip_network(entry.removeprefix("!"))
        except ValueError as error:
            raise setting.error(f"{entry!r} is no network: {error}") from None


_HOST_PORT: Final = r"(?:(?P<host>\[[^\]]+\]|[^:\[\]]+):)?(?P<port>\d{1,5}|\*)"
_END: Final = r"(?:(?P<host>\[[^\]]*\]|[^:\[\]]*):)?(?P<port>[^:\[\]]+)"


def _end(setting: Setting, text: str, what: str) -> str:
    """Return one end of a forwarding as ssh shows it: a path, a port, or host and port."""
    if "/" in text and ":" not in text.partition("/")[0]:
        return text
    found = re.fullmatch(_END, text)
    host = None if found is None or found["host"] is None else found["host"].strip("[]")
    if found is None or not is_port(found["port"], 0) or (what == "target" and not host):
        raise setting.error(f"{text!r} is no {what} of a forwarding")
    number = str(whole(found["port"]))
    return number if host is None else f"[{host}]:{number}"


def forward(least: int, most: int, alone: str = "") -> Kind:
    """Return the kind of a forwarding: where to listen, and where to go.

    Args:
        least: how many words there are at least.
        most: how many there are at most.
        alone: what is shown for a target that is not said.
    """

    def read(setting: Setting) -> tuple[str, ...]:
        found = at_most(setting, most, least)
        shown = _end(setting, found[0], "listener")
        if len(found) == 2:
            shown += f" {_end(setting, found[1], 'target')}"
        elif alone:
            shown += f" {alone}"
        return (shown,)

    return read


_HOP: Final = r"(?:ssh://)?(?:[^/]*@)?(?:\[[^\]/@]+\]|[^:/@\[\]]+)(?::(?P<port>[^:/@]+))?/?"


def hops(setting: Setting) -> tuple[str, ...]:
    """Take hosts to go through, with commas between, each with a user and a port if need be; or none."""
    words = setting.text.partition("#")[0].split()  # a comment needs no blank before it there
    if len(words) != 1:
        raise setting.error("one word is expected: hosts with commas between")
    for hop in words[0].split(","):
        found = re.fullmatch(_HOP, hop)
        if not found or not (found["port"] is None or "%" in found["port"] or is_port(found["port"])):
            raise setting.error(f"{hop!r} is no hop: host, user@host:port or ssh://host")
    return (words[0],)


def permitted(bare: str = "") -> Kind:
    """Return the kind of hosts with ports that may be reached, `*` for any port; or any, or none.

    Args:
        bare: the host of a port that stands alone; "": none may.
    """

    def read(setting: Setting) -> tuple[str, ...]:
        found = []
        for word in words("any", "none")(setting):
            if word.lower() in ("any", "none"):
                return (word.lower(),)
            match = re.fullmatch(_HOST_PORT, word)
            if match is None or (match["port"] != "*" and not is_port(match["port"])):
                raise setting.error(f"{word!r} is no host and port")
            if match["host"] is None and not bare:
                raise setting.error(f"{word!r} needs a host and a port")
            found.append(word if match["host"] is not None else f"{bare}:{word}")
        return tuple(found)

    return read


#: Where connections that come in may go on to.
permitted_targets: Final = permitted()
