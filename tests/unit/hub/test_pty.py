"""One pseudo-terminal and the program behind it."""

import os
import select
import termios

import pytest

from nacre.hub import pty

SIZE = (100, 30, 800, 600)


def read_all(master: int) -> bytes:
    data = b""
    while True:
        ready, _, _ = select.select([master], [], [], 120)
        assert ready, data
        try:
            piece = os.read(master, 4096)
        except OSError:
            return data
        data += piece


def run(*argv: str, modes=None, environment=None) -> tuple[bytes, int]:
    terminal = pty.open_terminal(modes or {}, SIZE)
    try:
        pid = pty.spawn(terminal, argv, environment or {"PATH": "/usr/bin:/bin"})
        output = read_all(terminal.master)
        return output, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        terminal.close()


def test_size_and_controlling_terminal():
    output, status = run("/bin/sh", "-c", "stty size; : > /dev/tty && ps -o stat= -p $$; exit 5")
    assert output.startswith(b"30 100\r\n")
    assert b"s" in output.splitlines()[1]  # a session leader
    assert status == 5


def test_the_environment_is_what_was_given():
    output, _ = run("/usr/bin/env", environment={"A": "1"})
    assert output == b"A=1\r\n"


def test_modes_are_applied():
    # ECHO (53) and ONLCR (72) off, VINTR (1) to Ctrl-B: RFC 4254 section 8.
    terminal = pty.open_terminal({53: 0, 72: 0, 1: 2, 200: 9, 128: 38400}, SIZE)
    try:
        attributes = termios.tcgetattr(terminal.slave)
        assert not attributes[3] & termios.ECHO
        assert attributes[3] & termios.ICANON
        assert not attributes[1] & termios.ONLCR
        assert attributes[6][termios.VINTR] == b"\x02"
        assert attributes[0] & 0o40000  # IUTF8
    finally:
        terminal.close()


def test_resize():
    terminal = pty.open_terminal({}, SIZE)
    try:
        pty.resize(terminal.master, (80, 24, 0, 0))
        assert os.get_terminal_size(terminal.slave) == (80, 24)
    finally:
        terminal.close()


def test_a_program_that_is_not_there(tmp_path):
    text = tmp_path / "text"
    text.touch(0o644)
    terminal = pty.open_terminal({}, SIZE)
    try:
        with pytest.raises(FileNotFoundError):
            pty.spawn(terminal, ["/nonexistent/program"], {})
        with pytest.raises(PermissionError):
            pty.spawn(terminal, [str(text)], {})
    finally:
        terminal.close()


def test_signals_are_as_for_any_program():
    output, _ = run("/bin/sh", "-c", "exec grep -E 'Sig(Blk|Ign)' /proc/self/status")
    masks = [int(line.split()[1], 16) for line in output.splitlines()]
    assert len(masks) == 2
    # glibc keeps signals 32 and 33 to itself; nobody can reset these.
    assert [mask & ~0x180000000 for mask in masks] == [0, 0]
