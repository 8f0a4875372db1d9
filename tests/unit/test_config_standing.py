"""What becomes of each keyword."""

from __future__ import annotations

import logging

import pytest

import nacre
from nacre import client_config
from nacre.config_standing import CLIENT_OPTIONS, CLIENT_RULES, Rule, Standing, _note, check
from nacre.errors import ConfigParseError
from nacre.trust.config_keywords import CLIENT
from nacre.trust.config_lines import Setting


def test_each_keyword_is_done_or_has_its_rule() -> None:
    names = {keyword.name.lower() for keyword in CLIENT}
    done = client_config._KEYWORDS.keys()
    assert names == done | CLIENT_RULES.keys()
    assert not done & CLIENT_RULES.keys()
    assert done == CLIENT_OPTIONS.keys()
    options = {option for words in CLIENT_OPTIONS.values() for option in words.split()}
    assert options <= nacre.SSHClientConnectionOptions.options.keys()


def test_a_check() -> None:
    def line(word: str) -> Setting:
        return Setting("Keyword", word, (word,), "here")

    rule = Rule(Standing.REFUSED, "why not", ("true", "at most 5"))
    for word in ("True", "5", "0"):
        check(line(word), rule)
    for word in ("6", "x"):
        with pytest.raises(ConfigParseError, match=r"here: Keyword: .* but for yes or at most 5: why not"):
            check(line(word), rule)
    check(line("x"), Rule(Standing.MEANINGLESS, "nobody minds"))


def test_a_note_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    def said(word: str, where: str) -> list[str]:
        caplog.clear()
        check(Setting("Keyword", word, (word,), where), Rule(Standing.NOTED, "no matter", ("false",)))
        return caplog.messages

    _note.cache_clear()
    caplog.set_level(logging.INFO, "nacre")
    assert said("false", "f line 1") == []
    assert said("auto", "f line 1") == ["f line 1: Keyword: no matter"]
    assert said("auto", "f line 1") == []
    assert said("auto", "f line 2") == ["f line 2: Keyword: no matter"]
