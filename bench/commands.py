"""The commands that clients send: what a shell does with them under sshd, the other servers do themselves.

Owns: their text, and reading it. Must not know: any library.
"""

from __future__ import annotations

from typing import Final

#: A login, or a session, and nothing more.
TRUE: Final = "true"
#: Takes everything and drops it.
SINK: Final = "cat >/dev/null"
#: A terminal that gives back each key; R says that it does.
ECHO: Final = "stty raw -echo; printf R; exec cat"
#: What a program of ours writes at a time.
WRITE: Final = 65536
ZEROS: Final = bytes(WRITE)


def source(path: str, size: int) -> str:
    """Return the command that sends the first `size` bytes of a file, a multiple of `WRITE`."""
    return f"dd if={path} bs={WRITE} count={size // WRITE} status=none"


def read_source(command: str | None) -> tuple[str, int] | None:
    """Return the file and the size of a `source` command, None for another one."""
    if not command or not command.startswith("dd if="):
        return None
    words = dict(word.split("=", 1) for word in command.split()[1:])
    return words["if"], int(words["count"]) * WRITE
