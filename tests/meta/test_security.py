"""The table of docs/security.md is up to date, and every fault of the history can still be put back."""

from __future__ import annotations

import pytest

from tests.security import features, table
from tests.security.faults import FAULTS
from tests.security.features import FEATURES
from tests.security.registry import Fault
from tests.security.rows import ROWS, Row, overdue, row_tests
from tests.security.table import PAGE, render
from tests.support.cases import each_case


def test_the_page_is_up_to_date():
    assert PAGE.read_text() == render(), "run: python -m tests.security.table"


def test_no_feature_came_without_the_tests_of_its_rows():
    assert overdue(ROWS) == []


@pytest.mark.parametrize("feature", ["certificates that are there", "TCP that is there"])
def test_a_feature_that_comes_without_them_is_noticed(feature, monkeypatch):
    monkeypatch.setattr("tests.security.features.FEATURES", {feature: (lambda: "", lambda: "nacre.name")})
    waiting = Row(1, "CVE", "both", "a fault", waits_for=feature)
    growing = Row(2, "CVE", "both", "a fault", grows_with=feature)
    late = overdue([waiting, growing, Row(3, "CVE", "both", "a fault")])
    assert [line.partition(" (")[0] for line in late] == ["row 1", "row 2"]
    assert all("nacre.name" in line for line in late)
    monkeypatch.setattr(table, "ROWS", [waiting])
    with pytest.raises(ValueError, match="row 1"):
        render()


def test_features_have_signs_that_tell_what_is_there():
    assert {feature for row in ROWS for feature in (row.waits_for, row.grows_with) if feature} <= set(
        FEATURES
    )
    # Each kind of sign, on something that has been built.
    assert features._public("nobody", "SSHKey")() == "nacre.SSHKey"
    assert features._option("nothing", "login_timeout")() == "the option login_timeout"
    assert features._callback("validate_password")() == "the callback validate_password"
    assert features._algorithm("rsa-sha2-512")() == "the algorithm rsa-sha2-512"
    assert features._source("client_config")() == "client_config.py"
    for sign in (features._public, features._option, features._algorithm, features._source):
        assert sign("nobody")() == ""
    assert features._callback("tun_requested")() == ""


def test_every_row_has_a_test_with_a_fault_or_waits_for_a_feature():
    assert [row.number for row in ROWS] == [*range(1, 104)]
    built = {row.number for row in ROWS if not row.waits_for}
    assert built == set(row_tests())
    assert built == {fault.row for fault in FAULTS}


@each_case("fault", FAULTS)
def test_a_fault_can_be_put_back(fault: Fault):
    # Red here: the line that the fault is about has changed. Put the same fault into the new code, in
    # tests/security/faults, and see `python -m tests.security.faults ROW` turn the row's test red.
    with fault.in_place():
        pass
