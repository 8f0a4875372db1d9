"""What becomes of each keyword."""

from __future__ import annotations

import pytest

import nacre
from nacre import client_config
from nacre.config_standing import CLIENT_OPTIONS, CLIENT_RULES, Rule, Standing, check
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
