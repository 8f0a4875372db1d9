"""Tokens (`%h`) and variables (`${HOME}`) in OpenSSH's configuration, and which names may stand where.

Owns: what each token stands for, and the names that OpenSSH takes for no name. Must not know: keywords.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Self

from nacre.trust.config_lines import Setting
from nacre.wire.record import record

if TYPE_CHECKING:
    from nacre.trust.config import Subject

__all__ = ["ALL", "Tokens", "is_plain_user", "substituted"]

#: The tokens that most keywords take.
ALL: Final = "%CdhijkLlnpru"
_LETTER: Final = r"(?s)%(.?)"
_BOTH: Final = r"(?s)%(.?)|\$\{([^}]*)\}"


@record
class Tokens:
    """What each token stands for, by its letter."""

    by_letter: Mapping[str, str]

    @classmethod
    def of(cls, subject: Subject, hostname: str, user: str, port: str, first: Callable[[str], str]) -> Self:
        """Return the tokens of a connection.

        Args:
            subject: whom the configuration is asked about.
            hostname: the host's name as the configuration has it.
            user: whom to log in as.
            port: the port.
            first: returns what a keyword says, or "".
        """
        jump = _last_hop(first("proxyjump"))
        local = subject.local_host
        # OpenSSH's own name for the connection, for paths; nothing is secured by it.
        whole = (local + hostname + port + user + jump).encode("utf-8", "surrogateescape")
        together = hashlib.sha1(whole, usedforsecurity=False)
        return cls(
            {
                **({"i": subject.uid} if subject.uid else {}),
                "%": "%",
                "C": together.hexdigest(),
                "d": subject.home,
                "h": hostname,
                "j": jump,
                "k": first("hostkeyalias").lower() or subject.host,
                "L": local.partition(".")[0],
                "l": local,
                "n": subject.host,
                "p": port,
                "r": user,
                "u": subject.local_user,
            }
        )


def _last_hop(jump: str) -> str:
    """Return the host of the last hop that ProxyJump names, or ""."""
    if jump.lower() == "none" or not jump.strip():
        return ""
    last = jump.split(maxsplit=1)[0].rpartition(",")[2].removeprefix("ssh://").rpartition("@")[2]
    found = re.match(r"\[([^\]]*)\]|[^:/]*", last)
    return (found[1] or found[0]) if found else ""


def substituted(
    setting: Setting, text: str, allowed: str, tokens: Tokens, environment: Mapping[str, str] | None = None
) -> str:
    """Return a text with its tokens, and its variables where there are any, in one pass: what comes in is not read again.

    Args:
        setting: the line, for messages.
        text: what it says.
        allowed: the letters of the tokens that may stand there.
        tokens: what they stand for.
        environment: the variables; None: none are resolved there.

    Raises:
        ConfigParseError: a token may not stand there, or a variable is not set.
    """

    def token(found: re.Match[str]) -> str:
        letter = found[1]
        if letter is None:
            assert environment is not None
            if found[2] not in environment:
                raise setting.error(f"the variable {found[2]} is not set")
            return environment[found[2]]
        if not letter or letter not in allowed:
            known = ", ".join(f"%{known}" for known in allowed)
            raise setting.error(f"the token %{letter} has no meaning there: {known} have")
        if letter not in tokens.by_letter:  # of those that a connection has, by `Tokens.of`
            raise setting.error(f"the token %{letter}: users have no numbers here")
        return tokens.by_letter[letter]

    return re.sub(_LETTER if environment is None else _BOTH, token, text)


def is_plain_user(name: str) -> bool:
    """Return whether OpenSSH takes a text for the name of a user: no option, and nothing that a shell understands."""
    if name.startswith("-") or name.endswith("\\"):
        return False
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        return False
    return not re.search(r"""['`";&<>|(){}]|\s-""", name)
