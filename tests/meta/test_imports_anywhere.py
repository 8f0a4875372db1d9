"""The library imports where UNIX's own modules do not exist; the hub, the hosts server and the CLI are for Linux."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src"
UNIX_ONLY = ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty", "syslog")

PROGRAM = f"""
import importlib, pkgutil, sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name in {UNIX_ONLY!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

for name in {UNIX_ONLY!r}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Blocker())
# What Python itself has imported by then under Linux, it would not have elsewhere; it stays importable.
"""

NAMES = """
import nacre
for name in nacre.__all__:
    getattr(nacre, name)
"""

MODULES = """
import nacre
apart = ("nacre.hub", "nacre.hosts", "nacre.cli", "nacre.__main__")
def lost(name):
    if not name.startswith(apart):
        raise
for found in pkgutil.walk_packages(nacre.__path__, "nacre.", onerror=lost):
    if not found.name.startswith(apart):
        importlib.import_module(found.name)
"""


def _run(program):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM + program],
        env={"PYTHONPATH": str(SOURCE), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("program", [NAMES, MODULES], ids=["public names", "modules"])
def test_the_library_imports_without_unix(program):
    done = _run(program)
    assert done.returncode == 0, done.stderr


def test_the_block_works():
    done = _run("import pty")
    assert "No module named" in done.stderr
