"""Lines of principals, and the lines of authorized_keys that come of them; tests/security has hostile ones."""

from __future__ import annotations

import logging

import pytest

from nacre.config_principals import authorities, principals


def test_a_name_may_have_options_before_it(caplog: pytest.LogCaptureFixture) -> None:
    text = (
        "alice\n"
        '# bob\n\n  no-pty,command="a b"\tcarol  # who\n'
        'a,b\n"d"\ncert-authority dave\nprincipals="x" erin\nno-such frank'
    )
    with caplog.at_level(logging.WARNING, "nacre"):
        assert list(principals(text, "here")) == [
            ("alice", 'principals="alice"'),
            ("carol", 'principals="carol",no-pty,command="a b"'),
            ("frank", 'principals="frank",no-such'),  # which the line is refused for, as any such line
        ]
    assert [record.getMessage().partition(": ")[0] for record in caplog.records] == ["here"] * 4


def test_only_blanks_and_tabs_part_a_name_from_its_options() -> None:
    """Whoever may name a group in a directory must not become another by a space that is none to sshd."""
    text = "no-pty\xa0admin\nno-pty\x0badmin\nno-pty\u2003admin\r\nadmin\x1f\n\tno-pty \t boss \r\n"
    assert [name for name, _ in principals(text, "here")] == [
        "no-pty\xa0admin",
        "no-pty\x0badmin",
        "no-pty\u2003admin",
        "admin\x1f",
        "boss",
    ]


def test_each_authority_is_trusted_for_each_name() -> None:
    keys = "# mine\n\nssh-ed25519 A\n ssh-rsa B c \n"
    assert authorities(keys, None) == ["cert-authority ssh-ed25519 A\n", "cert-authority ssh-rsa B c\n"]
    assert authorities(keys, []) == []
    assert authorities("k", ["x", "y"]) == ["cert-authority,x k\n", "cert-authority,y k\n"]
