"""One pseudo-terminal and the program behind it (Linux).

Owns: opening a PTY, its modes and size, and starting a program with it as controlling terminal.
Must not know: sockets, sessions. Imports the standard library alone.

No code of ours runs between fork and exec: `posix_spawn` makes the session, and its file action
opens the terminal's other side, which thereby becomes the controlling terminal.
"""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import termios
from collections.abc import Mapping, Sequence
from typing import Final

__all__ = ["Terminal", "open_terminal", "resize", "spawn"]

#: linux/asm-generic/termbits.h; the termios module does not name it.
_IUTF8: Final = 0o40000
_IUTF8_OPCODE: Final = 42

# RFC 4254 section 8: opcodes of terminal modes that Linux has, by what they set.
_CHARACTERS: Final = {
    1: termios.VINTR,
    2: termios.VQUIT,
    3: termios.VERASE,
    4: termios.VKILL,
    5: termios.VEOF,
    6: termios.VEOL,
    7: termios.VEOL2,
    8: termios.VSTART,
    9: termios.VSTOP,
    10: termios.VSUSP,
    12: termios.VREPRINT,
    13: termios.VWERASE,
    14: termios.VLNEXT,
    18: termios.VDISCARD,
}
_INPUT: Final = {
    30: termios.IGNPAR,
    31: termios.PARMRK,
    32: termios.INPCK,
    33: termios.ISTRIP,
    34: termios.INLCR,
    35: termios.IGNCR,
    36: termios.ICRNL,
    38: termios.IXON,
    39: termios.IXANY,
    40: termios.IXOFF,
    41: termios.IMAXBEL,
    _IUTF8_OPCODE: _IUTF8,
}
_LOCAL: Final = {
    50: termios.ISIG,
    51: termios.ICANON,
    53: termios.ECHO,
    54: termios.ECHOE,
    55: termios.ECHOK,
    56: termios.ECHONL,
    57: termios.NOFLSH,
    58: termios.TOSTOP,
    59: termios.IEXTEN,
    60: termios.ECHOCTL,
    61: termios.ECHOKE,
}
_OUTPUT: Final = {
    70: termios.OPOST,
    72: termios.ONLCR,
    73: termios.OCRNL,
    74: termios.ONOCR,
    75: termios.ONLRET,
}
#: In tcgetattr's list: the flags, by the mode table that speaks of them.
_FLAG_LISTS: Final = ((0, _INPUT), (1, _OUTPUT), (3, _LOCAL))
_CONTROL_CHARACTERS: Final = 6
#: "255 if none" (RFC 4254 section 8).
_NO_CHARACTER: Final = 255


class Terminal:
    """An open PTY.

    Attributes:
        master: our side, non-blocking.
        slave: the program's side; closed when the program has it.
        name: the path of the program's side.
    """

    __slots__ = ("master", "name", "slave")

    def __init__(self, master: int, slave: int, name: str) -> None:
        self.master = master
        self.slave = slave
        self.name = name

    def close(self) -> None:
        """Close what is open; a program that still has the other side gets SIGHUP."""
        for descriptor in (self.master, self.slave):
            if descriptor >= 0:
                os.close(descriptor)
        self.master = self.slave = -1


def open_terminal(modes: Mapping[int, int], size: tuple[int, int, int, int]) -> Terminal:
    """Open a PTY.

    Args:
        modes: terminal modes by opcode (RFC 4254 section 8); those that Linux lacks are left out.
        size: columns, rows, width and height in pixels.

    Raises:
        OSError: there is none, as without /dev/pts.
    """
    master, slave = os.openpty()
    terminal = Terminal(master, slave, os.ttyname(slave))
    try:
        os.set_blocking(master, False)
        _set_modes(slave, {_IUTF8_OPCODE: 1, **modes})
        resize(master, size)
    except BaseException:
        terminal.close()
        raise
    return terminal


def _set_modes(descriptor: int, modes: Mapping[int, int]) -> None:
    attributes = termios.tcgetattr(descriptor)
    characters = attributes[_CONTROL_CHARACTERS]
    for opcode, value in modes.items():
        if opcode in _CHARACTERS:
            character = 0 if value == _NO_CHARACTER else value & 0xFF
            characters[_CHARACTERS[opcode]] = bytes((character,))
        for position, flags in _FLAG_LISTS:
            if opcode in flags:
                if value:
                    attributes[position] |= flags[opcode]
                else:
                    attributes[position] &= ~flags[opcode]
    termios.tcsetattr(descriptor, termios.TCSANOW, attributes)


def resize(master: int, size: tuple[int, int, int, int]) -> None:
    """Set the size: columns, rows, width and height in pixels. The kernel sends SIGWINCH."""
    columns, rows, width, height = size
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, width, height))


def spawn(terminal: Terminal, argv: Sequence[str], environment: Mapping[str, str]) -> int:
    """Start a program in a session of its own, the PTY its controlling terminal.

    Args:
        terminal: the PTY's side for programs.
        argv: its absolute path and its arguments.
        environment: all of the program's environment.

    Returns:
        Its pid.

    Raises:
        OSError: it cannot be executed.
    """
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, terminal.name, os.O_RDWR, 0),
        (os.POSIX_SPAWN_DUP2, 0, 1),
        (os.POSIX_SPAWN_DUP2, 0, 2),
    ]
    pid = os.posix_spawn(
        argv[0],
        list(argv),
        dict(environment),
        file_actions=actions,
        setsid=True,
        setsigmask=(),
        setsigdef=[number for number in signal.valid_signals() if number not in _UNCATCHABLE],
    )
    os.close(terminal.slave)
    terminal.slave = -1
    return pid


_UNCATCHABLE: Final = (signal.SIGKILL, signal.SIGSTOP)
