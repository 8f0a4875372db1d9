"""The table of docs/security.md is up to date, and every fault of the history can still be put back."""

from __future__ import annotations

import pytest

from tests.security.faults import FAULTS
from tests.security.registry import Fault
from tests.security.rows import ROWS, row_tests
from tests.security.table import PAGE, render


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == render(), "run: python -m tests.security.table"


def test_every_row_has_a_test_with_a_fault_or_waits_for_a_feature():
    assert [row.number for row in ROWS] == [*range(1, 104)]
    built = {row.number for row in ROWS if not row.waits_for}
    assert built == set(row_tests())
    assert built == {fault.row for fault in FAULTS}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.row}-{fault.what}")
def test_a_fault_can_be_put_back(fault: Fault):
    # Red here: the line that the fault is about has changed. Put the same fault into the new code, in
    # tests/security/faults, and see `python -m tests.security.faults ROW` turn the row's test red.
    with fault.in_place():
        pass
