"""What has a name on the public surface and is not built: refused by that name, never swallowed.

Owns: the makers of methods that refuse, and the answers to a peer that asks for forwarding. Must not
know: what would be built.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from nacre.aio.link import Channel, GlobalHandler, Link, OpenHandler
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


#: Callbacks of the surface that nothing calls, with the feature that each belongs to.
NEVER_CALLED: Final[Mapping[str, str]] = {
    "connection_requested": "TCP forwarding",
    "server_requested": "TCP forwarding",
    "unix_connection_requested": "UNIX forwarding",
    "unix_server_requested": "UNIX forwarding",
    "tun_requested": "a network tunnel",
    "tap_requested": "a network tunnel",
}
#: Classes of programs that were told already; they may come and go.
_told_classes: weakref.WeakSet[type] = weakref.WeakSet()


def tell_of_callbacks(owner: object, base: type, more: Mapping[str, str], link: Link) -> None:
    """Warn of callbacks that a program has and that nothing calls, once for each class.

    Args:
        owner: the program's callbacks.
        base: the class with the defaults.
        more: such callbacks of this role alone.
        link: of the connection.
    """
    kind = type(owner)
    if kind is base or kind in _told_classes:
        return
    _told_classes.add(kind)
    vain = [
        f"{name} ({feature})"
        for name, feature in (*NEVER_CALLED.items(), *more.items())
        if hasattr(base, name) and getattr(kind, name, None) is not getattr(base, name)
    ]
    if vain:
        link.logger.warning(
            "%s has callbacks that are never called, for what is not in this version: %s",
            kind.__qualname__,
            ", ".join(vain),
        )


#: What was refused of each connection that asked, so that its log says so once.
_refused: weakref.WeakKeyDictionary[Any, set[str]] = weakref.WeakKeyDictionary()


def _tell(connection: Any, what: str) -> None:
    told = _refused.setdefault(connection, set())
    if what not in told:
        told.add(what)
        connection.logger.info("%s was refused: it is not in this version", what)


def refused_channel(what: str) -> OpenHandler:
    """Return what refuses a channel that the peer asks for and that is not built."""

    async def handler(connection: Any, event: ChannelOpenQuestion) -> tuple[Channel, OpenAccept]:
        _tell(connection, what)
        raise ChannelOpenError(
            OpenFailureReason.ADMINISTRATIVELY_PROHIBITED, f"{what} is not in this version"
        )

    return handler


def refused_request(what: str) -> GlobalHandler:
    """Return what refuses a global request for what is not built."""

    async def handler(connection: Any, event: GlobalRequestQuestion) -> bool | bytes:
        _tell(connection, what)
        return False

    return handler
