"""What has a name on the public surface and is not built: refused by that name, never swallowed.

Owns: the makers of methods that refuse, and the answers to a peer that asks for forwarding. Must not
know: what would be built.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from nacre.aio.link import Channel, GlobalHandler, OpenHandler
from nacre.aio.log import SSHLogger
from nacre.errors import ChannelOpenError, NotSupportedYet, OpenFailureReason
from nacre.protocol.events import ChannelOpenQuestion, GlobalRequestQuestion, OpenAccept


def absent(name: str, hint: str = "") -> Callable[..., Coroutine[Any, Any, Any]]:
    """Return a coroutine method that raises `NotSupportedYet`."""

    async def method(self: object, *args: Any, **kwargs: Any) -> Any:
        raise NotSupportedYet(f"{type(self).__name__}.{name}", hint)

    method.__name__ = name
    method.__doc__ = f"Not in this version: `{name}` raises `NotSupportedYet`."
    return method


def absent_plain(name: str, hint: str = "") -> Callable[..., Any]:
    """Return a plain method that raises `NotSupportedYet`."""

    def method(self: object, *args: Any, **kwargs: Any) -> Any:
        raise NotSupportedYet(f"{type(self).__name__}.{name}", hint)

    method.__name__ = name
    method.__doc__ = f"Not in this version: `{name}` raises `NotSupportedYet`."
    return method


class Refusals:
    """Refuses what the peer asks for and is not built, and says so in the log, once for each.

    Args:
        logger: returns the logger of the connection.
        overridden: tells whether the program has a callback of that name, and so expects it to be
            called.
    """

    def __init__(self, logger: Callable[[], SSHLogger], overridden: Callable[[str], bool]) -> None:
        self._logger = logger
        self._overridden = overridden
        self._told: set[str] = set()

    def _tell(self, what: str, callback: str) -> None:
        if what not in self._told:
            self._told.add(what)
            if callback and self._overridden(callback):
                self._logger().warning("%s is not supported yet: %s is not called", what, callback)
            else:
                self._logger().info("%s was refused: it is not supported yet", what)

    def channel(self, what: str, callback: str = "") -> OpenHandler:
        """Return what refuses a channel."""

        async def handler(event: ChannelOpenQuestion) -> tuple[Channel, OpenAccept]:
            self._tell(what, callback)
            raise ChannelOpenError(
                OpenFailureReason.ADMINISTRATIVELY_PROHIBITED, f"{what} is not in this version"
            )

        return handler

    def request(self, what: str, callback: str = "") -> GlobalHandler:
        """Return what refuses a global request."""

        async def handler(event: GlobalRequestQuestion) -> bool | bytes:
            self._tell(what, callback)
            return False

        return handler
