"""A real ssh-agent without keys, on a socket in a directory that the test gives."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import system

_PATIENCE = 60


class Agent:
    """A running agent.

    Attributes:
        path: its socket.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def ssh_add(self, *arguments: str | Path) -> str:
        """Run ssh-add against it and return what it printed."""
        done = subprocess.run(
            ["ssh-add", *map(str, arguments)],
            env={**os.environ, "SSH_AUTH_SOCK": str(self.path)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        return done.stdout + done.stderr


@contextmanager
def ssh_agent(directory: Path) -> Iterator[Agent]:
    """Run ssh-agent."""
    system.need("ssh-agent")
    path = directory / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert "SSH_AUTH_SOCK" in process.stdout.readline()  # it listens
        yield Agent(path)
    finally:
        process.terminate()
        process.communicate(timeout=_PATIENCE)
