"""The line that a person reads holds one line, whatever is put into it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nacre.hub.problem import HubProblem, one_line, os_problem


@given(st.text())
def test_nothing_in_a_line_moves_the_cursor(text: str) -> None:
    assert one_line(text).isprintable()


def test_printable_text_stays_as_it_is() -> None:
    assert one_line("Grüße, 世界 ✓") == "Grüße, 世界 ✓"


def test_escapes_and_bidirectional_marks_are_shown_not_sent() -> None:
    assert one_line("a\x1b]52;c;x\x07b\n\u202e\udcff") == "a\\x1b]52;c;x\\x07b\\n\\u202e\\udcff"


def test_a_problem_is_what_and_remedy_in_one_line() -> None:
    problem = HubProblem("no\nway", "go\r round")
    assert str(problem) == "no\\nway; go\\r round"
    assert (problem.what, problem.remedy) == ("no\\nway", "go\\r round")
    assert str(HubProblem("no way")) == "no way"


def test_the_systems_words_come_without_number_and_path() -> None:
    assert os_problem(OSError(28, "No space left on device", "/x")) == "No space left on device"
    assert os_problem(OSError("AF_UNIX path too long")) == "AF_UNIX path too long"
