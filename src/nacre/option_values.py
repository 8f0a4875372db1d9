"""The check and conversion of each kind of option value: one clear line when it is wrong.

Owns: the converters. Must not know: which option uses which.
"""

from __future__ import annotations

import codecs
import inspect
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final, TypeVar

from nacre.aio.admission import Startups
from nacre.aio.penalties import PenaltyPolicy
from nacre.aio.sources import Networks
from nacre.crypto.kex.gss import DEFAULT_GSS_METHODS, GSS_METHODS
from nacre.crypto.registry import Family, choose, default_names, select
from nacre.crypto.registry import names as algorithm_names
from nacre.keys import (
    SSHCertificate,
    SSHKey,
    SSHKeyPair,
    SSHX509Certificate,
    load_certificates,
    select_host_key_algorithms,
    select_signature_algorithms,
)
from nacre.keys.files import name_of
from nacre.profiles import PROFILES
from nacre.protocol import limits
from nacre.trust.known_hosts import SSHKnownHosts
from nacre.trust.policy import HostKeyChecking, Wish

ChoiceT = TypeVar("ChoiceT", HostKeyChecking, Wish)

_SIZES: Final = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
#: RFC 4253 section 4.2: printable US-ASCII without whitespace and minus.
_VERSION: Final = r"[\x21-\x2c\x2e-\x7e]{1,200}"
_MAX_PORT: Final = 65535
_TEXT: Final = frozenset((str,))
#: Methods of authentication in the order in which they are tried.
METHODS: Final = (
    "gssapi-keyex",
    "gssapi-with-mic",
    "hostbased",
    "publickey",
    "keyboard-interactive",
    "password",
)
#: A packet that does not fit any more is left for the next keys: so much below the limit they may come.
_REKEY_LEAST: Final = 64 * 1024 + limits.MAX_PACKET + limits.PACKET_OVERHEAD


def text(value: Any) -> str:
    """Take a str."""
    if not isinstance(value, str):
        raise TypeError(f"a str is expected, not {type(value).__name__}")
    return value


def x509_certificates(value: Any) -> tuple[SSHX509Certificate, ...] | None:
    """Read X.509 certificates, in any form of `load_certificates`; None and none at all are none.

    Raises:
        OSError, KeyImportError: one cannot be read.
        ValueError: there is one that is not of X.509.
    """
    found = [] if value is None else load_certificates(value)
    roots = tuple(each for each in found if isinstance(each, SSHX509Certificate))
    if len(roots) != len(found):
        raise ValueError("x509_trusted_certs takes X.509 certificates, and there is another one")
    return roots or None


def directories(value: Any) -> tuple[str | PurePath, ...]:
    """Read the names of directories, one or a sequence; None is none.

    Raises:
        NotADirectoryError: one is none.
        TypeError: it is no name.
    """
    given = (value,) if isinstance(value, (str, PurePath)) else tuple(value or ())
    for each in given:
        if not isinstance(each, (str, PurePath)):
            raise TypeError(f"the name of a directory is needed, not {type(each).__name__}")
        if not os.path.isdir(name_of(each)):
            raise NotADirectoryError(f"{each} is no directory")
    return given


def x509_purposes(value: Any) -> str | tuple[str, ...] | None:
    """Take the purposes of X.509 certificates.

    Raises:
        ValueError: one is not known.
    """
    from nacre.keys.x509_trust import purpose_oids  # few programs have one

    chosen = value if value is None or isinstance(value, str) else tuple(value)
    purpose_oids(chosen)
    return chosen


def optional_file(value: Any) -> str | PurePath | None:
    """The name of a file, or None for none.

    Raises:
        TypeError: it is neither.
    """
    if value is None or isinstance(value, (str, PurePath)):
        return value or None
    raise TypeError(f"a file name is needed, not {type(value).__name__}")


def optional_text(value: Any) -> str | None:
    """Take a str or None."""
    return None if value is None else text(value)


def revoked(value: Any) -> Any:
    """Take the name of a file, its content, a list, or None."""
    if value is None or isinstance(value, (str, PurePath, bytes)):
        return value
    from nacre.trust.revocation import KeyRevocationList  # few programs have one

    if isinstance(value, KeyRevocationList):
        return value
    raise TypeError(
        f"revoked keys are the name of a file, bytes or a KeyRevocationList, not {type(value).__name__}"
    )


def gss_host(value: Any) -> str | None:
    """Take the name of a server for GSS-API: a host, or a service and a host as "host@name"; None: no GSS-API."""
    found = optional_text(value)
    if found is not None and (not found or "\0" in found or found.startswith("@") or found.endswith("@")):
        raise ValueError(f"{found!r} is no name of a host or service")
    return found


def gss_store(value: Any) -> Any:
    """Take a store of credentials: a file, or a mapping as "ccache" and "keytab" to files; None: the usual one."""
    if value is None or isinstance(value, (str, bytes, PurePath)):
        return value or None
    if not isinstance(value, Mapping):
        raise TypeError(f"a file or a mapping is expected, not {type(value).__name__}")
    return dict(value)


def known_hosts(value: Any) -> Any:
    """Take any form of `known_hosts`; what is in it is looked at when a host is."""
    forms = (str, PurePath, bytes, SSHKnownHosts, list, tuple)
    if value is None or isinstance(value, forms) or callable(value):
        return value
    raise TypeError(
        "names of files, the bytes of one, lists of keys, an SSHKnownHosts or a function of host, address and "
        f"port is expected, not {type(value).__name__}"
    )


def switch(value: Any) -> bool:
    """Take a truth value. Words are none: "no" would be a yes."""
    if value and isinstance(value, (str, bytes)):
        raise TypeError(f"True or False is expected, not {value!r}")
    return bool(value)


def integer(value: Any) -> int:
    """Take an int."""
    if not isinstance(value, int):
        raise TypeError(f"an int is expected, not {type(value).__name__}")
    return int(value)


def count(value: Any) -> int:
    """Take an int of at least 0."""
    if integer(value) < 0:
        raise ValueError(f"{value} is negative")
    return int(value)


def family(value: Any) -> int:
    """Take an address family; None: any."""
    return 0 if value is None else integer(value)


def positive(value: Any) -> int:
    """Take an int of at least 1."""
    if integer(value) < 1:
        raise ValueError(f"{value} is not positive")
    return int(value)


def auth_tries(value: Any) -> int:
    """Take how many failures end a connection: at least one, and no more than are ever taken."""
    if positive(value) > limits.AUTH_FAILURES:
        raise ValueError(f"{value} is too many; {limits.AUTH_FAILURES} failures end a connection anyway")
    return int(value)


def startups(value: Any) -> Startups:
    """Take "start:rate:full" or these three numbers; or one number: so many, and none is dropped before."""
    if isinstance(value, int):
        return Startups(positive(value), 100, value)
    parts = value.split(":") if isinstance(value, str) else list(value)
    try:
        start, rate, full = (int(part) for part in parts)
    except ValueError:
        raise ValueError(f"{value!r} is neither a number nor start:rate:full") from None
    if not (1 <= start <= full and 0 <= rate <= 100):
        raise ValueError(f"{value!r}: start is from 1 to full, rate from 0 to 100")
    return Startups(start, rate, full)


def penalties(value: Any) -> PenaltyPolicy | None:
    """Take True, False or None, or what differs from the defaults: seconds by name."""
    if value is None or isinstance(value, bool):
        return PenaltyPolicy() if value else None
    if isinstance(value, PenaltyPolicy):
        return value
    if not isinstance(value, Mapping):
        raise TypeError(f"True, False or a mapping is expected, not {type(value).__name__}")
    return PenaltyPolicy.of(value)


def networks(value: Any) -> Networks:
    """Take networks: a list, or one str with commas between."""
    return value if isinstance(value, Networks) else Networks(names(value or ()))


def port(value: Any) -> int:
    """Take a port number, also in digits; 0: any free one."""
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value[:6])
    if not 0 <= integer(value) <= _MAX_PORT:
        raise ValueError(f"{value} is no port: 0 to {_MAX_PORT}")
    return int(value)


def window(value: Any) -> int:
    """Take a size that fits a uint32; None or 0: the usual one."""
    if value is None or value == 0:
        return limits.WINDOW
    return packet(value)


def packet(value: Any) -> int:
    """Take a size that fits a uint32 and is at least 1; None: the usual one."""
    if value is None:
        return limits.MAX_PACKET
    if not 1 <= integer(value) < 1 << 32:
        raise ValueError(f"{value} is no size of a window or packet: 1 to 2^32-1")
    return int(value)


def _with_unit(value: Any, units: Mapping[str, int], what: str) -> float:
    if isinstance(value, str):
        parts = re.findall(r"(\d+(?:\.\d+)?)([a-z]?)", value.lower())
        if not parts or "".join(number + unit for number, unit in parts) != value.lower():
            raise ValueError(f"{value!r} is no {what}")
        if any(unit not in units for _, unit in parts):
            raise ValueError(f"{value!r} is no {what}: units are {', '.join(filter(None, units))}")
        return float(sum(float(number) * units[unit] for number, unit in parts))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"a number or a str such as '1h' is expected, not {type(value).__name__}")
    if value < 0:
        raise ValueError(f"{value} is negative")
    return float(value)


def size(value: Any) -> int:
    """Take bytes: a number, or a str as "1g"."""
    found = int(_with_unit(value, _SIZES, "size"))
    if found < 1:
        raise ValueError(f"{value!r} is no size: at least 1")
    return found


def rekey_bytes(value: Any) -> int:
    """Take bytes between two key exchanges, enough that a peer does not take them for a flood."""
    found = size(value)
    if found < _REKEY_LEAST:
        raise ValueError(
            f"{found} bytes are too few: a peer ends such a flood of re-keys; at least {_REKEY_LEAST}"
        )
    return found


def seconds(value: Any) -> float:
    """Take seconds: a number, or a str as "1h30m"; None is 0."""
    return 0.0 if value is None else _with_unit(value, _SECONDS, "time")


def optional_seconds(value: Any) -> float | None:
    """Take seconds as `seconds` does; None or 0: no limit."""
    return seconds(value) or None


def version(value: Any) -> str:
    """Take a software version (RFC 4253 section 4.2), as str or bytes."""
    found = value.decode("ascii", "replace") if isinstance(value, bytes) else text(value)
    if found and not re.fullmatch(_VERSION, found):
        raise ValueError(f"{found!r} is no software version: printable ASCII without blanks and minus")
    return found


def username(value: Any) -> str:
    """Take a user name that can be sent."""
    found = text(value)
    if "\0" in found or "\n" in found or "\r" in found:
        raise ValueError(f"{found!r} is no user name: it has control characters")
    return encodable(found)


def encodable(value: str) -> str:
    """Return a text that can be sent. ValueError, which does not show it: it may be a secret."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("it has surrogates, which are no characters and cannot be sent") from None
    return value


def password(value: Any) -> Any:
    """Take a password, or a function or something to await that gives one."""
    if isinstance(value, str):
        return encodable(value)
    if value is None or callable(value) or inspect.isawaitable(value):
        return value
    raise TypeError(f"a str, or a function that returns one, is expected, not {type(value).__name__}")


def tunnel(value: Any) -> Any:
    """Take a connection to go through, or "[user@]host[:port][,…]"; None or "": none."""
    if not value or isinstance(value, str):
        return value or None
    if not hasattr(value, "connect_ssh"):
        raise TypeError(f"a client connection or a str is expected, not {type(value).__name__}")
    return value


def proxy_command(value: Any) -> str | tuple[str, ...] | None:
    """Take a command as one str or as its arguments; None or nothing: none."""
    if not value or isinstance(value, str):
        return value or None
    return tuple(text(word) for word in value)


def local_addr(value: Any) -> tuple[str, int] | None:
    """Take (host, port) or None."""
    if value is None:
        return None
    host, number = value
    return text(host), port(number)


def config(value: Any) -> tuple[str | PurePath, ...] | None:
    """Take files of OpenSSH configuration, one or several; None or nothing: none is read."""
    files = (value,) if isinstance(value, (str, PurePath)) and value else tuple(value or ())
    for path in files:
        if not isinstance(path, (str, PurePath)):
            raise TypeError(f"a file name is expected, not {type(path).__name__}")
    return files or None


def canonicalize(value: Any) -> bool | str:
    """Take False, True or "always"; None is False."""
    if value not in (None, False, True, "always"):
        raise ValueError(f"canonicalize_hostname is True, False or 'always', not {value!r}")
    return value if value == "always" else bool(value)


def cname_rules(value: Any) -> tuple[tuple[str, str], ...]:
    """Take pairs of pattern lists: whose aliases may be followed, and to where; None: none.

    A str is written as in ssh_config(5): both lists with a colon between.
    """
    found = []
    for entry in value or ():
        pair = tuple(entry.split(":") if isinstance(entry, str) else entry)
        if len(pair) != 2:
            raise ValueError(f"{entry!r} is no pair of pattern lists")
        found.append((",".join(names(pair[0])), ",".join(names(pair[1]))))
    return tuple(found)


def profile(value: Any) -> str | None:
    """Take the name of a profile, or None."""
    if value is not None and value not in PROFILES:
        raise ValueError(f"there is no profile {value!r}; there are {', '.join(PROFILES)}")
    return None if value is None else text(value)


def agent_path(value: Any) -> Any:
    """Take the socket of an agent, an `Agent`, or a server's connection whose client forwards one; None or "": none."""
    if value is None or value == "":
        return None
    if hasattr(value, "open_agent_connection"):
        return value
    if not isinstance(value, (str, PurePath)):
        raise TypeError(f"a path, an Agent or a server's connection is expected, not {type(value).__name__}")
    return str(value)


def agent_forwarding(value: Any) -> bool | str:
    """Take whether the server may use the agent, or the socket of the agent that it may use."""
    return str(value) if isinstance(value, (str, PurePath)) and value else bool(value)


def identities(value: Any) -> tuple[Any, ...]:
    """Take public keys: files, bytes, keys or certificates, one or several; None or nothing: all that there are."""
    if isinstance(value, (str, bytes, PurePath, SSHKey, SSHKeyPair, SSHCertificate)):
        return (value,)
    return tuple(value or ())


def optional_callable(value: Any) -> Any:
    """Take something that can be called, or None."""
    if value is not None and not callable(value):
        raise TypeError(f"a callable is expected, not {type(value).__name__}")
    return value


def encoding(value: Any) -> str | None:
    """Take the name of a codec, or None for bytes."""
    if value is None or value == "":
        return None
    try:
        codecs.lookup(text(value))
    except LookupError:
        raise LookupError(f"{value!r} is no encoding that Python knows") from None
    return text(value)


def errors(value: Any) -> str:
    """Take the error policy of a codec; None: "strict"."""
    return "strict" if value is None else text(value)


def command(value: Any) -> bytes | None:
    """Take a command as str or bytes; an empty one is none, as for OpenSSH: a shell is asked for."""
    if value in ("", b""):
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if value is None or isinstance(value, bytes):
        return value
    raise TypeError(f"a command is a str or bytes, not {type(value).__name__}")


def keysign(value: Any) -> str | bool:
    """Take whether to use ssh-keysign, or where it is."""
    return value if isinstance(value, str) and value else bool(value)


def names(value: Any) -> tuple[str, ...]:
    """Take a list of names, or one str of them with commas or blanks between; None: none."""
    if isinstance(value, str):
        return tuple(name for name in re.split(r"[,\s]+", value) if name)
    return tuple(text(name) for name in value or ())


def variables(value: Any) -> tuple[str, ...]:
    """Take names of variables as `names` does, also in bytes."""
    if isinstance(value, bytes):
        value = _decoded(value)
    if isinstance(value, str):
        return names(value)
    return names([_decoded(name) if isinstance(name, bytes) else name for name in value or ()])


def methods(value: Any) -> tuple[str, ...]:
    """Take methods of authentication, in order; None: all, in the usual order."""
    return METHODS if value is None else names(value)


def environment(value: Any) -> dict[str, str]:
    """Take variables as a mapping, or as a sequence of NAME=value or of pairs."""
    found: dict[str, str] = {}
    if not isinstance(value, Iterable) and value is not None:
        raise ValueError(f"variables are a mapping or a sequence, not {type(value).__name__}")
    pairs = value.items() if isinstance(value, Mapping) else (_split(entry) for entry in value or ())
    for name, content in pairs:
        found[_decoded(name)] = _decoded(content)
    return found


def _split(entry: Any) -> tuple[Any, Any]:
    if isinstance(entry, (tuple, list)):
        if len(entry) != 2:
            raise ValueError(f"{entry!r} is no pair of a name and a value")
        return entry[0], entry[1]
    name, equals, content = _decoded(entry).partition("=")
    if not equals:
        raise ValueError(f"{entry!r} is not of the form NAME=value")
    return name, content


def _decoded(value: Any) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def request_pty(value: Any) -> bool | str:
    """Take True, False, "force" or "auto"; None is False."""
    if value is None:
        return False
    if value not in (True, False, "force", "auto"):
        raise ValueError(f"request_pty is True, False, 'force' or 'auto', not {value!r}")
    return value  # type: ignore[no-any-return]  # one of the four, as was just checked


def term_size(value: Any) -> tuple[int, int, int, int]:
    """Take (columns, rows) or (columns, rows, width in pixels, height in pixels)."""
    found = tuple(count(number) for number in value or (0, 0))
    if len(found) == 2:
        found = (*found, 0, 0)
    if len(found) != 4:
        raise ValueError(f"{value!r} is no terminal size: (columns, rows[, width, height in pixels])")
    return found[0], found[1], found[2], found[3]


def term_modes(value: Any) -> dict[int, int]:
    """Take terminal modes: opcode to value (RFC 4254 section 8)."""
    found = {integer(opcode): count(mode) for opcode, mode in dict(value or {}).items()}
    for opcode in found:
        if not 0 < opcode < 160:
            raise ValueError(f"{opcode} is not the opcode of a terminal mode")
    return found


def algorithms(family: Family) -> Callable[[Any], tuple[str, ...]]:
    """Return the converter for algorithms of one family."""
    return lambda value: select(family, _spec(value))


def key_exchanges(value: Any) -> tuple[str, ...]:
    """Take key exchange methods, those of GSS-API without their mechanism among them."""
    known = (*algorithm_names(Family.KEX), *GSS_METHODS)
    return choose(Family.KEX.value, _spec(value), default_names(Family.KEX), known)


def gss_methods(value: Any) -> tuple[str, ...]:
    """Take key exchange methods of GSS-API, at least one, without their mechanism."""
    return choose("key exchange method of GSS-API", _spec(value), DEFAULT_GSS_METHODS, GSS_METHODS)


def macs(value: Any) -> tuple[str, ...]:
    """Take MACs; None: those that are the default."""
    return () if value is None else select(Family.MAC, _spec(value))


def compression(value: Any) -> tuple[str, ...]:
    """Take compression methods; None: off."""
    return ("none",) if value is None else select(Family.COMPRESSION, _spec(value))


def signature_algorithms(value: Any) -> tuple[str, ...]:
    """Take signature algorithms of user keys."""
    return select_signature_algorithms(_spec(value))


def host_key_algorithms(value: Any) -> tuple[str, ...]:
    """Take signature algorithms of host keys; "default": all that are offered by default."""
    return select_host_key_algorithms(() if value == "default" else _spec(value))


def host_key_checking(value: Any) -> HostKeyChecking:
    """Take "yes", "accept-new", "ask" or "no"; True and False are the first and the last."""
    return _one_of(HostKeyChecking, value)


def wish(value: Any) -> Wish:
    """Take "yes", "ask" or "no"; True and False are the first and the last."""
    return _one_of(Wish, value)


def _one_of(kind: type[ChoiceT], value: Any) -> ChoiceT:
    words: dict[Any, str] = {True: "yes", False: "no"}
    word = words[value] if isinstance(value, bool) else value
    if word not in list(kind):
        raise ValueError(f"{', '.join(kind)} are expected, not {value!r}")
    return kind(word)


def _spec(value: Any) -> str | Sequence[str]:
    if isinstance(value, str):
        return value
    named = tuple(value)
    if set(map(type, named)) <= _TEXT:
        return named or []  # () would stand for the defaults
    return tuple(name.decode("ascii", "replace") if isinstance(name, bytes) else text(name) for name in named)
