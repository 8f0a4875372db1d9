"""The kinds of values; tests/interop/test_config.py asks ssh itself about each."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nacre.errors import ConfigParseError
from nacre.trust import config_values as values
from nacre.trust.config_lines import Setting

KINDS = {
    name: getattr(values, name)
    for name in values.__all__
    if name
    not in (
        "Kind",
        "LARGEST",
        "choice",
        "forward",
        "is_port",
        "is_whole",
        "whole",
        "networks",
        "number_or",
        "permitted",
        "quantity",
        "seconds",
        "time_or",
        "words",
    )
}
KINDS |= {"forward": values.forward(1, 2), "words": values.words("none"), "time_or": values.time_or("none")}
KINDS |= {"number_or": values.number_or("any")}


def line(*arguments: str) -> Setting:
    return Setting("Keyword", " ".join(arguments), arguments, "here")


@pytest.mark.parametrize(
    ("kind", "given", "shown"),
    [
        ("flag", "TRUE", "yes"),
        ("integer", "007", "7"),
        ("integer", "0" * 5000 + "7", "7"),
        ("time", "0" * 5000 + "7m", "420"),
        ("port", "65535", "65535"),
        ("time", "1h1m1", "3661"),
        ("time", "2w", "1209600"),
        ("time_or", "None", "none"),
        ("number_or", "any", "any"),
        ("number_or", "12", "12"),
        ("rekey", "1.5K", "1536"),
        ("rekey", "1G none", "1073741824"),
        ("hops", "a,b@[::1]:3,ssh://d@e:4/,%h:%p #x", "a,b@[::1]:3,ssh://d@e:4/,%h:%p"),
        ("hops", "none", "none"),
        ("rekey", "default 1m", "0 60"),
        ("quality", "0x10", "0x10 0x10"),
        ("quality", "AF21 le", "af21 le"),
        ("mask", "0177", "0177"),
        ("escape", "^]", "\\^]"),
        ("escape", "none", "none"),
        ("keystrokes", "interval:80", "80"),
        ("variables", "A=1 A=2 B=", "A=1 B="),
        ("agent_keys", "confirm 5m", "confirm 300"),
        ("agent_keys", "90", "90"),
        ("tunnel_device", "5", "5:any"),
        ("tunnel_device", "007:any", "7:any"),
        ("domains", "A.Example b", "a.example b"),
        ("permitted_targets", "a:1 b:* [::1]:2", "a:1 b:* [::1]:2"),
        ("permitted_targets", "none", "none"),
        ("forward", "[::1]:80 h:1", "[::1]:80 [h]:1"),
        ("forward", "/path", "/path"),
        ("channel_timeouts", "session=5m *=0", "session=5m *=0"),
    ],
)
def test_values(kind: str, given: str, shown: str) -> None:
    assert " ".join(KINDS[kind](line(*given.split()))) == shown


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("flag", "y"),
        ("flag", "yes no"),
        ("integer", "-1"),
        ("integer", "٣"),
        ("integer", "2147483648"),
        ("integer", "0" * 20 + "2147483648"),
        ("integer", "9" * 5000),
        ("port", "0"),
        ("port", "65536"),
        ("port", "4294967295"),
        ("time", "1y"),
        ("time", "99999999999"),
        ("rekey", "15"),
        ("hops", "a,,b"),
        ("hops", "a,"),
        ("hops", "ssh://a:99999"),
        ("hops", "a/b"),
        ("hops", "a:b:c"),
        ("rekey", "1X"),
        ("quality", "256"),
        ("quality", "09"),
        ("mask", "1000"),
        ("escape", "ab"),
        ("escape", "^é"),
        ("keystrokes", "interval:1001"),
        ("domains", ".x"),
        ("domains", "a..b"),
        ("domains", "a b none"),
        ("variables", "=x"),
        ("cname_rules", "a:"),
        ("channel_timeouts", "=5"),
        ("tunnel_device", "1:2:3"),
        ("tunnel_device", "2147483648"),
        ("escape", "é"),
        ("permitted_targets", "80"),
        ("permitted_targets", "a:0"),
        ("permitted_targets", "a:65536"),
        ("permitted_targets", "a:4294967295"),
        ("forward", "70000"),
        ("forward", "1 host"),
        ("forward", "1 :1"),
        ("words", "none x"),
    ],
)
def test_what_is_refused(kind: str, given: str) -> None:
    with pytest.raises(ConfigParseError, match="here: Keyword: "):
        KINDS[kind](line(*given.split()))


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"rest"}))
def test_an_empty_word_is_none(kind: str) -> None:
    with pytest.raises(ConfigParseError):
        KINDS[kind](line(""))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=20), min_size=1, max_size=3))
def test_any_words_are_taken_or_refused(arguments: list[str]) -> None:
    for kind in KINDS.values():
        with suppress(ConfigParseError):
            assert all(isinstance(word, str) for word in kind(line(*arguments)))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_long_word_takes_no_time(kind: str) -> None:
    read: Callable[[Setting], object] = KINDS[kind]
    for word in ("1" * 16000, "a-" * 8000, "1s" * 8000, "[" * 16000, "0x" + "f" * 16000, "1" * 16000 + "!"):
        before = time.process_time()
        with suppress(ConfigParseError):
            read(line(word))
        assert time.process_time() - before < 2


def test_networks() -> None:
    values.networks(line(), "10.0.0.0/8,!::1")
    for text in ("x", "10.0.0.1/8", "10.0.0.0/33", ""):
        with pytest.raises(ConfigParseError, match="is no network"):
            values.networks(line(), text)
