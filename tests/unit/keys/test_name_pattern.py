"""Patterns of names: what they match, and how long that takes."""

from __future__ import annotations

import re
import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nacre.keys.name_pattern import MAX_PATTERN, Glob, matches_name
from tests.support.cases import each_case


@each_case(
    ("pattern", "text", "expected"),
    [
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("*", "anything", True),
        ("?", "", False),
        ("?", "a", True),
        ("a*c", "abc", True),
        ("a*c", "ac", True),
        ("a*c", "acb", False),
        ("*.example.com", "host.example.com", True),
        ("*.example.com", "example.com", False),
        ("192.168.0.?", "192.168.0.7", True),
        ("192.168.0.?", "192.168.0.77", False),
        ("*a*b*", "xxbxxaxx", False),
        ("[a]", "a", False),
        ("[a]", "[a]", True),
        (".", "a", False),
        ("a**b", "ab", True),
    ],
)
def test_matching(pattern, text, expected):
    assert Glob(pattern).matches(text) is expected


@settings(deadline=None, max_examples=500)
@given(st.text("ab*?", max_size=12), st.text("ab", max_size=12))
def test_matches_as_the_equivalent_expression(pattern, text):
    expression = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    assert Glob(pattern).matches(text) is bool(re.fullmatch(expression, text))


@pytest.mark.parametrize("pattern", ["*a" * 2048, "*a?" * 1365, "*" * 4096, "a" * 4095 + "*", "*?" * 2048])
@pytest.mark.parametrize("text", ["a" * 4096, "a" * 4095 + "b", "ab" * 2048])
def test_cve_2026_0967_each_character_is_looked_at_once(pattern, text):
    """Counted in lines of Python that run: time would depend on the machine."""
    lines = 0

    def count(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        Glob(pattern).matches(text)
    finally:
        sys.settrace(before)
    assert 0 < lines < 10 * (len(pattern) + len(text))


def test_a_name_is_itself_or_what_the_pattern_says():
    assert matches_name("host", "host")
    assert not matches_name("host", "Host")
    assert matches_name("*.example.com", "a.example.com")
    assert not matches_name("*" + "a" * MAX_PATTERN, "a" * MAX_PATTERN)
