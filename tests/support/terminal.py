"""A real terminal for tests: one private tmux server with one window, told what to type and what to wait for.

Owns: `Terminal`. Must not know: SSH, the hub. A test waits for what is to be seen, never for time to pass:
tmux copies what the program writes into a FIFO, and each arrival has the screen looked at again.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from tests.support import system

#: Seconds within which what a test waits for has to be on the screen. Notebooks start slowly on a busy machine.
PATIENCE: Final = 120.0
#: Seconds after which the screen is looked at again even if nothing was written: the end of a program.
_LOOK_AGAIN: Final = 0.5
#: The title that the window has when the program has ended.
_ENDED: Final = "ended, says nacre"


class Terminal:
    """A program in a terminal, alive inside `with`.

    Args:
        command: the program and its arguments.
        columns: of the window.
        rows: of the window.
        environment: variables of the program, beside those of the test.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 120,
        rows: int = 36,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        system.need("tmux")
        self._command = list(command)
        self._size = (columns, rows)
        self._environment = {"LANG": "C.UTF-8", **(environment or {})}
        self._folder = tempfile.TemporaryDirectory(prefix="nacre-tmux-", ignore_cleanup_errors=True)
        self._fifo = -1

    def __enter__(self) -> Self:
        folder = Path(self._folder.name)
        configuration = folder / "tmux.conf"
        configuration.write_text(
            "set -g status off\n"
            "set -g default-terminal tmux-256color\n"
            "set -s escape-time 0\n"
            "set -g history-limit 20000\n"
        )
        os.mkfifo(folder / "begin")
        os.mkfifo(folder / "output")
        # For reading and writing: with a writer of our own there never is an end of it.
        self._fifo = os.open(folder / "output", os.O_RDWR | os.O_NONBLOCK)
        (folder / "run").write_text(
            "\n".join(
                (
                    f"cd {shlex.quote(str(folder))}",
                    "trap : INT QUIT",  # Ctrl-C is for the program
                    "read x <begin",  # so that nothing of the output is missed
                    f"sh -c 'echo $$ >pid; exec \"$@\"' sh {shlex.join(self._command)}",
                    "echo $? >status",
                    rf"printf '\033]2;{_ENDED}\033\\'",  # comes behind all that the program has written
                    "echo >output",
                    "read x <begin",  # the screen stays
                )
            )
        )
        columns, rows = self._size
        variables = [word for name, value in self._environment.items() for word in ("-e", f"{name}={value}")]
        size = ["-x", str(columns), "-y", str(rows)]
        self._tmux("new-session", "-d", *size, *variables, "sh", str(folder / "run"))
        self._tmux("pipe-pane", "-O", f"exec cat >{shlex.quote(str(folder / 'output'))}")
        (folder / "begin").write_text("go\n")
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the program, as by closing its window, and the terminal."""
        if self._fifo < 0:
            return
        self._tmux("kill-server", check=False)
        os.close(self._fifo)
        self._fifo = -1
        self._folder.cleanup()

    def _tmux(self, *arguments: str, check: bool = True) -> str:
        folder = Path(self._folder.name)
        done = subprocess.run(
            ["tmux", "-u", "-S", folder / "socket", "-f", folder / "tmux.conf", *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
            env={name: value for name, value in os.environ.items() if name not in ("TMUX", "TMUX_PANE")},
        )
        if check and done.returncode:
            raise RuntimeError(f"tmux {shlex.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    # ------------------------------------------------------------ typing

    def type(self, text: str) -> None:
        """Type characters as they are."""
        self._tmux("send-keys", "-l", "--", text)

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names: "Enter", "C-n", "Up", "Escape"."""
        self._tmux("send-keys", "--", *keys)

    def paste(self, data: bytes) -> None:
        """Give the program any bytes at once."""
        self._tmux("send-keys", "-H", *(f"{octet:02x}" for octet in data))

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the window."""
        self._size = (columns, rows)
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    # ------------------------------------------------------------ looking

    @property
    def screen(self) -> str:
        """What is on the screen now, line by line."""
        return self._tmux("capture-pane", "-p")

    @property
    def lines(self) -> list[str]:
        """The lines of the screen, without the blanks at their ends."""
        return [line.rstrip() for line in self.screen.split("\n")]

    @property
    def history(self) -> str:
        """What is on the screen and what has scrolled out of it, long lines joined."""
        return self._tmux("capture-pane", "-p", "-J", "-S", "-")

    def asked(self, what: str) -> str:
        """Return what tmux knows of the window, as "alternate_on" or "cursor_flag"."""
        return self._tmux("display-message", "-p", "#{" + what + "}").strip()

    def wait(self, wanted: str | re.Pattern[str], seconds: float = PATIENCE) -> str:
        """Wait until a text, or what fits a pattern, is on the screen; return the screen."""
        if isinstance(wanted, str):
            wanted = re.compile(re.escape(wanted))
        pattern = wanted
        return self.wait_until(
            lambda screen: pattern.search(screen) is not None, repr(pattern.pattern), seconds
        )

    def wait_gone(self, text: str, seconds: float = PATIENCE) -> str:
        """Wait until a text is not on the screen any more; return the screen."""
        return self.wait_until(lambda screen: text not in screen, f"no {text!r}", seconds)

    def wait_until(self, true: Callable[[str], bool], what: str, seconds: float = PATIENCE) -> str:
        """Wait until the screen is as wanted; return it.

        Raises:
            AssertionError: it was not in time; the message shows the screen.
        """
        until = time.monotonic() + seconds
        while True:
            screen = self.screen
            if true(screen):
                return screen
            left = until - time.monotonic()
            if left <= 0:
                raise AssertionError(f"waited {seconds:g} s for {what} on this screen:\n{screen}")
            self._wait_for_output(min(left, _LOOK_AGAIN))

    def wait_exit(self, seconds: float = PATIENCE) -> int:
        """Wait until the program has ended, and all that it wrote is on the screen; return its exit status."""
        status = Path(self._folder.name) / "status"

        def over(_: str) -> bool:
            return status.exists() and status.read_text() != "" and self.asked("pane_title") == _ENDED

        self.wait_until(over, "the program's end", seconds)
        return int(status.read_text())

    def _wait_for_output(self, seconds: float) -> None:
        """Wait until something is written, and take all of it."""
        if select.select([self._fifo], [], [], seconds)[0]:
            with contextlib.suppress(BlockingIOError):
                while os.read(self._fifo, 1 << 16):
                    pass

    @property
    def pid(self) -> int:
        """The pid of the program."""
        file = Path(self._folder.name) / "pid"
        self.wait_until(lambda _: file.exists() and file.read_text() != "", "the program's start")
        return int(file.read_text())
