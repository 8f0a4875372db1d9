"""Each row's test turns red with a fault put back: three of them at each commit, all of them when asked.

The three are drawn by the hash of the commit, so that over time all are; `python -m tests.security.faults`
tries every one. A test that stays green with its fault shows nothing. That each fault can still be put back
is checked in `tests/meta/test_security.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.security.faults import FAULTS

ROOT = Path(__file__).resolve().parents[2]


def commit() -> str:
    """The hash of the commit; where there is no repository, always the same."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
        )
    except FileNotFoundError:
        return "no git"
    return found.stdout.strip() or "no repository"


def tried(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Try faults in a process of its own."""
    path = os.pathsep.join((str(ROOT / "src"), str(ROOT)))
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.security.faults", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )


@pytest.mark.timeout(420)
def test_three_faults_drawn_by_the_commit_turn_their_tests_red() -> None:
    done = tried("--drawn", commit())
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert done.stdout.count(": red: ") == 3, done.stdout


def test_faults_have_words_of_their_own() -> None:
    words = [(fault.row, fault.what) for fault in FAULTS]
    assert len(set(words)) == len(words)
