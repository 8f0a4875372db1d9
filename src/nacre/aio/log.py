"""The logger of nacre, and adapters that say which connection or channel speaks.

Owns: the names of the loggers, and how a peer's text is made fit for a log. Must not know: what
is logged. Nothing is logged for a data packet.
"""

from __future__ import annotations

import functools
import itertools
import logging
from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Final

logger = logging.getLogger("nacre")

sftp_logger = logging.getLogger("nacre.sftp")
_DEBUG_LEVELS: Final = (1, 2, 3)
_debug_level = 1

#: What is enough of a peer's text in a log.
_LONGEST: Final = 200

_numbers = itertools.count(1)

if TYPE_CHECKING:
    from nacre.protocol.connection import Connection

    Adapter = logging.LoggerAdapter[logging.Logger]
else:
    Adapter = logging.LoggerAdapter


class SSHLogger(Adapter):
    """Puts a connection's and a channel's number before each message."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Return the message with its prefix."""
        return f"[{self.extra['name'] if self.extra else ''}] {msg}", kwargs


def plain(text: object) -> str:
    """Return a text that may be the peer's for a log: one line, bounded, no character that is more
    than itself to a terminal (security history row 92).
    """
    shown = str(text)
    cut = shown[:_LONGEST] + ("…" if len(shown) > _LONGEST else "")
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in cut
    )


def connection_name() -> str:
    """Return the name of one more connection."""
    return f"conn={next(_numbers)}"


def make_logger(name: str) -> SSHLogger:
    """Return a logger that puts the name of a connection, or of a channel, before each message."""
    return SSHLogger(logger, {"name": name})


#: Returns whether anything is logged for debugging: a logger need not be made for nothing.
debugging: Final[Callable[[], bool]] = functools.partial(logger.isEnabledFor, logging.DEBUG)


def set_log_level(level: int | str) -> None:
    """Set the level of nacre's logger, as `logging.Logger.setLevel` does."""
    logger.setLevel(level)


def set_sftp_log_level(level: int | str) -> None:
    """Set the level of the logger of SFTP, "nacre.sftp", as `logging.Logger.setLevel` does."""
    sftp_logger.setLevel(level)


def set_debug_level(level: int) -> None:
    """Set how much is logged at the level `logging.DEBUG`, for the connections that begin from now on.

    Args:
        level: 1, the default: what was agreed on, logins, the end; 2: the name of every message too;
            3: its fields as well. Passwords, keys and data are in none of them.

    Raises:
        ValueError: it is none of these.
    """
    if level not in _DEBUG_LEVELS:
        raise ValueError(f"{level!r} is no debug level: 1, 2 or 3")
    global _debug_level  # noqa: PLW0603 - one setting for the program, as the level of a logger is
    _debug_level = level


def debug_level() -> int:
    """Return what `set_debug_level` has set."""
    return _debug_level


def trace_connection(protocol: Connection, name: str) -> None:
    """Log the messages of a connection of this name, if that is wanted."""
    if _debug_level > 1 and debugging():
        to = make_logger(name)
        protocol.trace(lambda line: to.debug("%s", line), fields=_debug_level > 2)
