"""What is printed is aligned, and harmless for a terminal."""

from __future__ import annotations

import json

import pytest

from nacre.cli.output import say, say_json, say_table, when


def test_a_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    say_table([{"name": "alice", "n": 1, "x": 0}, {"name": "bo", "n": 100, "x": 0}], ("name", "n"), "none")
    assert capsys.readouterr().out == "NAME   N\nalice  1\nbo     100\n"


def test_an_empty_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    say_table([], ("name",), "no user yet")
    assert capsys.readouterr().out == "no user yet\n"


def test_nothing_that_is_printed_moves_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    say_table([{"comment": "\x1b[2J\nroot"}], ("comment",), "")
    say("\x1b]0;x\x07")
    out = capsys.readouterr().out
    assert out == "COMMENT\n\\x1b[2J\\nroot\n\\x1b]0;x\\x07\n"


def test_json_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    value = [{"name": "é\x1b", "n": 1.5}]
    say_json(value)
    out = capsys.readouterr().out
    assert json.loads(out) == value
    assert "\x1b" not in out


def test_a_time_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC-2")
    time.tzset()
    try:
        assert when(0.0) == "1970-01-01 02:00"
    finally:
        monkeypatch.undo()
        time.tzset()
