"""Each row's test turns red with a fault put back: three of them at each commit, all of them when asked.

The three are drawn by the hash of the commit, so that over time all are; `python -m tests.security.test_faults`
tries every one. A test that stays green with its fault shows nothing.
"""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.security import test_rows_authentication, test_rows_transport  # the tests of the rows
from tests.security.faults import FAULTS
from tests.security.registry import TESTS, Fault

__all__ = ["test_rows_authentication", "test_rows_transport"]

ROOT = Path(__file__).resolve().parents[2]
DRAWN = 3


def commit() -> str:
    """The hash of the commit, or of the list of faults where there is no repository."""
    found = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=20
    )
    return found.stdout.strip() or hashlib.sha256(repr([fault.what for fault in FAULTS]).encode()).hexdigest()


def turns_red(fault: Fault) -> bool:
    """Whether the row's test fails while the fault is in place."""
    with fault.in_place():
        try:
            TESTS[fault.row]()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            return True
    return False


@pytest.mark.parametrize("number", range(DRAWN))
def test_a_fault_drawn_by_the_commit_turns_its_test_red(number: int) -> None:
    fault = random.Random(commit()).sample(FAULTS, DRAWN)[number]
    assert turns_red(fault), f"row {fault.row} stays green though {fault.what}"
    TESTS[fault.row]()  # and green again without it


def test_every_fault_has_a_test_and_every_test_a_fault() -> None:
    assert {fault.row for fault in FAULTS} == set(TESTS)
    words = [(fault.row, fault.what) for fault in FAULTS]
    assert len(set(words)) == len(words)


def main() -> int:
    """Try every fault, or those of the rows named; returns the number that stays unnoticed."""
    rows = {int(argument) for argument in sys.argv[1:]}
    unnoticed = 0
    for fault in FAULTS:
        if rows and fault.row not in rows:
            continue
        red = turns_red(fault)
        unnoticed += not red
        print(f"row {fault.row:3}: {'red' if red else 'GREEN'}: {fault.what}", flush=True)
    return unnoticed


if __name__ == "__main__":
    sys.exit(main())
