"""Put faults back, one after the other, and see whether the test of the row turns red.

    python -m tests.security.faults             all of them
    python -m tests.security.faults 7 23        those of these rows
    python -m tests.security.faults --drawn X   three of them, drawn by the text X (a commit's hash)

The status is the number of faults that nobody noticed. A process of its own, since what a test leaves
behind when it fails in the middle is nobody's affair.
"""

from __future__ import annotations

import random
import sys

from tests.security.faults import FAULTS
from tests.security.registry import Fault
from tests.security.rows import row_tests

DRAWN = 3


def turns_red(fault: Fault) -> bool:
    """Whether the row's test fails while the fault is in place."""
    with fault.in_place():
        try:
            row_tests()[fault.row]()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            return True
    return False


def main(arguments: list[str]) -> int:
    """Try the faults that the arguments name; returns the number that stays unnoticed."""
    if arguments[:1] == ["--drawn"]:
        chosen = random.Random(arguments[1]).sample(FAULTS, DRAWN)
    else:
        rows = {int(argument) for argument in arguments}
        chosen = [fault for fault in FAULTS if not rows or fault.row in rows]
    unnoticed = 0
    for fault in chosen:
        red = turns_red(fault)
        unnoticed += not red
        print(f"row {fault.row:3}: {'red' if red else 'GREEN'}: {fault.what}", flush=True)
    return unnoticed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
