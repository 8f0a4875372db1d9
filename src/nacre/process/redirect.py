"""Where the standard streams of a process go.

Owns: PIPE, DEVNULL and STDOUT, and the check of what this version can redirect to. Must not know:
roles, channels.
"""

from __future__ import annotations

from typing import Any, Final

from nacre.errors import NotSupportedYet

#: Read or write through the process object. The values are those of `subprocess`.
PIPE: Final = -1
#: Standard error goes where standard output goes.
STDOUT: Final = -2
#: Read nothing, or drop what comes.
DEVNULL: Final = -3

_NAMES: Final = {PIPE: "PIPE", STDOUT: "STDOUT", DEVNULL: "DEVNULL"}
_HINT: Final = "use PIPE, and copy between the stream and your file or socket"


def check_target(name: str, target: Any, *, allowed: tuple[int, ...]) -> int:
    """Return a redirection that this version knows.

    Args:
        name: "stdin", "stdout" or "stderr".
        target: what the caller gave.
        allowed: what is possible for this stream.

    Raises:
        NotSupportedYet: a file, socket, pipe or other stream, or what this stream cannot do.
    """
    if isinstance(target, int) and not isinstance(target, bool) and target in (PIPE, STDOUT, DEVNULL):
        if target not in allowed:
            raise NotSupportedYet(f"{name} redirected to {_NAMES[target]}")
        return target
    raise NotSupportedYet(f"{name}={target!r}", _HINT)


def check_plain(bufsize: int, send_eof: bool, recv_eof: bool) -> None:
    """Refuse what matters for files and sockets alone.

    Raises:
        NotSupportedYet: anything but the defaults.
    """
    if bufsize <= 0:
        raise ValueError("bufsize must be positive")
    if not send_eof:
        raise NotSupportedYet("send_eof=False")
    if not recv_eof:
        raise NotSupportedYet("recv_eof=False")
