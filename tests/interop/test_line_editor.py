"""The line editor under the real ssh in a real terminal: what is seen, and what the session is given."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

import nacre
from tests.support.openssh import OpenSSH
from tests.support.terminal import PATIENCE, Terminal

pytestmark = [pytest.mark.requires("ssh", "tmux"), pytest.mark.timeout(4 * PATIENCE)]

_EXAMPLE: Final = Path(__file__).parents[2] / "examples" / "serve_questions.py"


@pytest.fixture(scope="module")
def port() -> Iterator[str]:
    """Where the example listens: one for all, each session is its own."""
    server = subprocess.Popen(
        [sys.executable, _EXAMPLE, "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(nacre.__file__).parent.parent)},
    )
    assert server.stdout is not None
    try:
        yield server.stdout.readline().split()[1].rstrip(",")
    finally:
        server.kill()
        server.communicate()


@contextmanager
def _asked(openssh: OpenSSH, port: str, columns: int = 60) -> Iterator[Terminal]:
    options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR")
    options += ("ServerAliveInterval=2", "ServerAliveCountMax=1000000")  # see `Ssh.command`
    command = [str(openssh.ssh), "-F", "none", *(word for line in options for word in ("-o", line))]
    with Terminal([*command, "-p", port, "me@127.0.0.1"], columns=columns, rows=12) as terminal:
        terminal.wait("Which shell?")
        yield terminal


def _wait_cursor(terminal: Terminal, at: tuple[int, int]) -> None:
    def there(_: str) -> bool:
        return (int(terminal.asked("cursor_y")), int(terminal.asked("cursor_x"))) == at

    terminal.wait_until(there, f"the cursor at {at}")


def test_what_is_typed_is_seen_edited_and_given(openssh: OpenSSH, port: str) -> None:
    with _asked(openssh, port) as terminal:
        terminal.type("nautilos")
        terminal.press("BSpace", "BSpace")
        terminal.type("us")
        terminal.press("Home")
        terminal.type("日本e\u0301 ")
        terminal.wait("completes) 日本e\u0301 nautilus")
        _wait_cursor(terminal, (0, len("Which shell? (Tab completes) ") + 6))
        terminal.press("Left", "Left", "DC", "C-Left", "BSpace", "Enter")
        terminal.wait("A secret:")
        terminal.type("hush, hush")
        terminal.press("BSpace", "Enter")
        terminal.wait("Any key:")
        terminal.press("C-a")
        assert terminal.wait_exit() == 0
        assert "shell '日本 nautilus', a secret of 9 characters, key '\\x01'" in terminal.screen
        assert "hush" not in terminal.history


def test_a_line_of_several_rows_is_drawn_again(openssh: OpenSSH, port: str) -> None:
    with _asked(openssh, port, columns=40) as terminal:
        text = "the quick brown fox jumps over the lazy dog and away"
        terminal.type(text)
        terminal.wait("and awa\ny")
        terminal.press("Home")
        terminal.type("X")
        prompt = "Which shell? (Tab completes) "
        whole = prompt + "X" + text
        rows = [whole[start : start + 40].rstrip() for start in range(0, len(whole), 40)]
        terminal.wait_until(
            lambda screen: [line.rstrip() for line in screen.split("\n")][:3] == rows, str(rows)
        )
        _wait_cursor(terminal, (0, len(prompt) + 1))
        terminal.press("C-k")
        terminal.wait_gone("lazy")
        terminal.wait_until(lambda _: terminal.lines[:2] == [prompt + "X", ""], "an empty second row")
        terminal.press("C-y")
        terminal.resize(60, 12)
        rows = [whole[start : start + 60].rstrip() for start in range(0, len(whole), 60)]
        terminal.wait_until(
            lambda screen: [line.rstrip() for line in screen.split("\n")][:2] == rows, str(rows)
        )
        terminal.press("C-c")
        assert terminal.wait_exit() == 130
        assert "Stopped." in terminal.screen


def test_a_key_of_the_program_completes(openssh: OpenSSH, port: str) -> None:
    with _asked(openssh, port) as terminal:
        terminal.type("per")
        terminal.press("Tab")
        terminal.wait("completes) periwinkle")
        terminal.press("Enter")
        terminal.wait("A secret:")
        terminal.press("Enter")
        terminal.wait("Any key:")
        terminal.press("Up")
        assert terminal.wait_exit() == 0
        assert "shell 'periwinkle', a secret of 0 characters, key '\\x1b'" in terminal.screen
