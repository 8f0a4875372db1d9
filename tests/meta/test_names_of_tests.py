"""Tests have the same names in each process: those that share the work are to find the same ones."""

from __future__ import annotations

import re

import pytest

#: An object without a repr of its own; a key that was made a moment ago, as text or as bytes.
CHANGING = r" at 0x[0-9a-f]{6}|AAAA[0-9A-Za-z]{12}|ssh-ed25519\\x00\\x00\\x00 |(nistp256|ssh-rsa)\\x00"


def test_no_name_holds_what_changes_from_process_to_process(request: pytest.FixtureRequest) -> None:
    assert [item.nodeid for item in request.session.items if re.search(CHANGING, item.nodeid)] == []
