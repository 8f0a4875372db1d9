"""Tests have the same names in each process: those that share the work are to find the same ones."""

from __future__ import annotations

import re

import pytest


def test_no_name_holds_an_address(request: pytest.FixtureRequest) -> None:
    """The name of an object without a repr of its own changes from process to process."""
    names = [item.nodeid for item in request.session.items]
    assert [name for name in names if re.search(r" at 0x[0-9a-f]{6}|AAAA[0-9A-Za-z]{12}", name)] == []
