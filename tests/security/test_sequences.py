"""Every attack of several steps is played against a live end: by the test of each of its rows.

Owns: that none is left out, and that what fails is told by its name. Must not know: any attack.
"""

from __future__ import annotations

import inspect

import pytest

from tests.security.drive import play
from tests.security.rows import row_tests
from tests.security.sequences import SEQUENCES
from tests.security.steps import ALIVE, BOTH, GONE, attack, send


def test_each_is_played_by_the_tests_of_its_rows() -> None:
    tests = row_tests()
    for row in {row for sequence in SEQUENCES for row in sequence.rows}:
        assert f"play_row({row})" in inspect.getsource(tests[row]), f"row {row}"
    assert all(sequence.rows for sequence in SEQUENCES)


def test_each_that_fails_is_told() -> None:
    ignore = send("IGNORE")
    wrong, right = (
        attack(name, 1, BOTH[0], SEQUENCES[0].start.AUTHENTICATED, ignore, what, source="nowhere")
        for name, what in (("wrong", GONE), ("right", ALIVE))
    )
    with pytest.raises(ExceptionGroup, match="2 of 3") as told:
        play(wrong, right, wrong)
    for error in told.value.exceptions:
        assert error.__notes__ == ["in wrong (nowhere)"]
