"""The helpers for users' tests: all there, documented, and unknown to nacre itself."""

from __future__ import annotations

import subprocess
import sys

import nacre.testing


def test_every_name_is_there_and_documented():
    for name in nacre.testing.__all__:
        assert getattr(nacre.testing, name).__doc__, name


def test_nothing_of_nacre_imports_it():
    program = (
        "import nacre, sys; [getattr(nacre, name) for name in nacre.__all__]; import nacre.hub, nacre.cli; "
        "sys.exit(any(name.startswith('nacre.testing') for name in sys.modules))"
    )
    subprocess.run(
        [sys.executable, "-c", program], check=True, env={"PYTHONPATH": ":".join(sys.path)}, timeout=120
    )
