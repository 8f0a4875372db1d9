"""The callback classes of session channels, to be subclassed by programs (RFC 4254 section 6).

Owns: `SSHClientSession` and `SSHServerSession` with their defaults. Must not know: who calls them.
"""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, AnyStr, Final, Generic

if TYPE_CHECKING:
    from nacre.aio.client_channel import SSHClientChannel
    from nacre.aio.server_channel import SSHServerChannel

TermSize = tuple[int, int, int, int]

#: Callbacks that nothing waits for: a coroutine would never run, and be true besides.
PLAIN: Final = (
    "connection_made connection_lost session_started data_received eof_received pause_writing resume_writing "
    "xon_xoff_requested exit_status_received exit_signal_received break_received signal_received "
    "soft_eof_received terminal_size_changed"
).split()

#: The classes that were looked at. Not a WeakSet, which costs each channel a call.
_checked: set[weakref.ref[type]] = set()


def require_plain(session: object) -> None:
    """Raise at once where a session has a coroutine for a callback that nothing waits for.

    Raises:
        TypeError: naming it.
    """
    kind = type(session)
    if weakref.ref(kind) in _checked:
        return
    for name in PLAIN:
        if inspect.iscoroutinefunction(getattr(kind, name, None)):
            raise TypeError(
                f"{name} of a session must be a plain function: nothing waits for it as a coroutine"
            )
    _checked.add(weakref.ref(kind, _checked.discard))


class _Session(Generic[AnyStr]):
    """What the sessions of both roles are told."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is closed; called once, last.

        Args:
            exc: what ended it; None when it was closed in order.
        """

    def session_started(self) -> None:
        """The session runs: data may be written, and data that has come is delivered after this."""

    def data_received(self, data: AnyStr, datatype: int | None) -> None:
        """Data has come.

        Args:
            data: str, or bytes where the channel has no encoding.
            datatype: None, or `EXTENDED_DATA_STDERR`.
        """

    def eof_received(self) -> bool | None:
        """The peer sends no more data.

        Returns:
            True to keep our own direction open; otherwise it is closed too.
        """
        return False

    def pause_writing(self) -> None:
        """More than the high-water mark waits for the peer: stop writing."""

    def resume_writing(self) -> None:
        """What waits has fallen to the low-water mark: go on writing."""


class SSHClientSession(_Session[AnyStr]):
    """The client's end of a session, for `SSHClientConnection.create_session`."""

    def connection_made(self, chan: SSHClientChannel[AnyStr]) -> None:
        """The channel is open; the command was not asked for yet."""

    def xon_xoff_requested(self, client_can_do: bool) -> None:
        """The server says whether it wants flow control by the terminal (RFC 4254 section 6.8)."""

    def exit_status_received(self, status: int) -> None:
        """The command has ended with this status (RFC 4254 section 6.10)."""

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        """The command was ended by a signal, named without SIG (RFC 4254 section 6.10)."""


class SSHServerSession(_Session[AnyStr]):
    """The server's end of a session, for `SSHServer.session_requested`.

    The `…_requested` callbacks may be coroutines; what the client sends meanwhile waits.
    """

    def connection_made(self, chan: SSHServerChannel[AnyStr]) -> None:
        """The channel is open; nothing was asked for yet."""

    def pty_requested(
        self, term_type: str, term_size: TermSize, term_modes: Mapping[int, int]
    ) -> bool | Awaitable[bool]:
        """The client wants a terminal (RFC 4254 section 6.2).

        Args:
            term_type: the client's TERM.
            term_size: columns, rows, width and height in pixels.
            term_modes: opcode to value (RFC 4254 section 8).

        Returns:
            Whether it is granted; that is the default.
        """
        return True

    def shell_requested(self) -> bool | Awaitable[bool]:
        """The client wants a shell. Returns whether one is granted."""
        return False

    def exec_requested(self, command: str) -> bool | Awaitable[bool]:
        """The client wants a command run. Returns whether that is granted.

        Args:
            command: decoded as UTF-8 with surrogateescape; the channel's `get_command_bytes`
                has it as it came.
        """
        return False

    def subsystem_requested(self, subsystem: str) -> bool | Awaitable[bool]:
        """The client wants a subsystem. Returns whether it is granted."""
        return False

    def break_received(self, msec: int) -> bool:
        """The client sent a break (RFC 4335). Returns whether it was performed."""
        return False

    def signal_received(self, signal: str) -> None:
        """The client sent a signal, named without SIG (RFC 4254 section 6.9)."""

    def soft_eof_received(self) -> None:
        """The user typed the end-of-file character at the line editor."""

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        """The client's terminal has a new size (RFC 4254 section 6.7)."""
