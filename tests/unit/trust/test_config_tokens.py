"""Tokens and variables; tests/interop/test_config.py asks ssh itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from nacre.errors import ConfigParseError
from nacre.trust.config import Subject
from nacre.trust.config_lines import Setting
from nacre.trust.config_tokens import ALL, Tokens, is_plain_user, substituted

SETTING = Setting("Keyword", "", (), "here")
SUBJECT = Subject("orig", "", "me", Path(), local_host="machine.example", uid="7", home="/home/me")


def tokens(**first: str) -> Tokens:
    return Tokens.of(SUBJECT, "host", "user", "22", lambda name: first.get(name, ""))


def test_what_tokens_stand_for() -> None:
    text = "%%|%d|%h|%i|%j|%k|%L|%l|%n|%p|%r|%u"
    assert substituted(SETTING, text, ALL, tokens()) == (
        "%|/home/me|host|7||orig|machine|machine.example|orig|22|user|me"
    )
    assert substituted(SETTING, "%k", ALL, tokens(hostkeyalias="AliAs")) == "alias"
    jumps = {"none": "", "a": "a", "x@a:1,u@b:2": "b", "ssh://u@[::1]:5": "::1"}
    for jump, last in jumps.items():
        assert substituted(SETTING, "%j", ALL, tokens(proxyjump=jump)) == last
    assert tokens().by_letter["C"] == "712edd99ac3389fe94bf440935c548337051688b"


def test_nothing_is_read_twice() -> None:
    found = Tokens({**tokens().by_letter, "h": "%u${A}", "%": "%"})
    assert substituted(SETTING, "%h ${A} %%u", ALL, found, {"A": "%h${A}"}) == "%u${A} %h${A} %u"
    assert substituted(SETTING, "${A}", ALL, found) == "${A}"


@pytest.mark.parametrize("text", ["%x", "%", "a%", "%\n", "${NONE}", "${}"])
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ConfigParseError, match=r"here: Keyword: the (token|variable)"):
        substituted(SETTING, text, ALL, tokens(), {})


def test_users_without_numbers() -> None:
    nobody = Tokens.of(Subject("h", "", "me", Path()), "h", "u", "22", lambda name: "")
    with pytest.raises(ConfigParseError, match="no numbers"):
        substituted(SETTING, "%i", ALL, nobody)


def test_names_of_users() -> None:
    assert all(map(is_plain_user, ["bob", "a.b", "DOMAIN\\bob", "a b", "ü", "bob@example"]))
    for name in (
        "-x",
        "a\\",
        "a;b",
        "$(x)",
        "`x`",
        "a'b",
        'a"b',
        "a|b",
        "a&b",
        "a<b",
        "a>b",
        "{a}",
        "a\nb",
        "a\0",
        "a -x",
    ):
        assert not is_plain_user(name), name
