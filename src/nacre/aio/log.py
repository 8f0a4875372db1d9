"""The logger of nacre, and adapters that say which connection or channel speaks.

Owns: the names of the loggers. Must not know: what is logged. Nothing is logged for a data packet.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

logger = logging.getLogger("nacre")

_numbers = itertools.count(1)

if TYPE_CHECKING:
    Adapter = logging.LoggerAdapter[logging.Logger]
else:
    Adapter = logging.LoggerAdapter


class SSHLogger(Adapter):
    """Puts a connection's and a channel's number before each message."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Return the message with its prefix."""
        return f"[{self.extra['name'] if self.extra else ''}] {msg}", kwargs


def connection_logger() -> tuple[str, SSHLogger]:
    """Return the name of one more connection, and its logger."""
    name = f"conn={next(_numbers)}"
    return name, SSHLogger(logger, {"name": name})


def channel_logger(connection: str, number: int) -> SSHLogger:
    """Return the logger of a channel."""
    return SSHLogger(logger, {"name": f"{connection}, chan={number}"})


def set_log_level(level: int | str) -> None:
    """Set the level of nacre's logger, as `logging.Logger.setLevel` does."""
    logger.setLevel(level)
