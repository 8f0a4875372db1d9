"""The rules of servers; tests/unit/test_server_config.py compares them with what is done."""

from __future__ import annotations

from nacre.config_server_standing import SERVER_OPTIONS, SERVER_RULES
from nacre.config_standing import Standing


def test_each_says_why() -> None:
    assert all(rule.note for rule in SERVER_RULES.values())
    assert not SERVER_RULES.keys() & SERVER_OPTIONS.keys()
    assert all(rule.standing is not Standing.HONOURED for rule in SERVER_RULES.values())
