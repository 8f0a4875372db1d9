"""The kinds of values that servers alone have; tests/interop/test_server_config.py asks sshd itself."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nacre.errors import ConfigParseError
from nacre.trust import config_server_values as values
from nacre.trust.config_lines import Setting

KINDS = {name: getattr(values, name) for name in values.__all__}


def line(*arguments: str) -> Setting:
    return Setting("Keyword", " ".join(arguments), arguments, "here")


@pytest.mark.parametrize(
    ("kind", "given", "shown"),
    [
        ("flag", "Yes", "yes"),
        ("users", "a b@10.0.0.0/8", "a b@10.0.0.0/8"),
        (
            "methods",
            "publickey,password keyboard-interactive:pam",
            "publickey,password keyboard-interactive:pam",
        ),
        ("methods", "any", "any"),
        ("startups", "5", "5:30:5"),
        ("startups", "3:5:7", "3:5:7"),
        (
            "penalties",
            "authfail:1m overflow:deny-all max-sources4:5",
            "authfail:60 overflow:deny-all max-sources4:5",
        ),
        ("penalties", "NO", "no"),
        ("permitted_listeners", "8080 a:1", "*:8080 a:1"),
        ("program", "/bin/x  %u", "/bin/x %u"),
        ("key_options", "verify-required touch-required", "touch-required verify-required"),
        ("key_options", "none touch-required", "touch-required"),
        ("key_options", "none", "none"),
        ("net_blocks", "24:48", "24:48"),
        ("net_blocks", "24", "24:0"),
        ("subsystem", "sftp internal-sftp -l", "sftp internal-sftp -l"),
        ("listener", "[::1]:22", "::1 22"),
        ("listener", "::1", "::1 "),
    ],
)
def test_values(kind: str, given: str, shown: str) -> None:
    assert " ".join(KINDS[kind](line(*given.split()))) == shown


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("flag", "true"),
        ("users", "a@"),
        ("users", "@b"),
        ("methods", "any publickey"),
        ("methods", "publickey,any"),
        ("methods", "publickey,"),
        ("startups", "0"),
        ("startups", "7:5:3"),
        ("startups", "1:101:2"),
        ("penalties", "authfail"),
        ("penalties", "made-up:1"),
        ("permitted_listeners", "-1"),
        ("program", "relative"),
        ("key_options", "touch"),
        ("net_blocks", "33"),
        ("net_blocks", "24:129"),
        ("net_blocks", ":64"),
        ("subsystem", "alone"),
        ("listener", "a:b"),
        ("listener", "a rdomain b"),
    ],
)
def test_what_is_refused(kind: str, given: str) -> None:
    with pytest.raises(ConfigParseError, match="here: Keyword: "):
        KINDS[kind](line(*given.split()))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=20), min_size=1, max_size=3))
def test_any_words_are_taken_or_refused(arguments: list[str]) -> None:
    for kind in KINDS.values():
        with suppress(ConfigParseError):
            assert all(isinstance(word, str) for word in kind(line(*arguments)))
