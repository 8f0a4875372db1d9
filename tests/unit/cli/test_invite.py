"""`nacre hub invite`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CODE = r"invite(-[0-9A-HJKMNP-TV-Z]{4}){3}"


def test_the_first_one_is_for_a_terminal_only(run, root: Path) -> None:
    done = run("hub", "invite")
    assert (done.status, done.out) == (1, "")
    assert "shown on a terminal only" in done.err


@pytest.mark.usefixtures("terminal")
def test_the_first_one_makes_the_administrator(run) -> None:
    done = run("hub", "invite", "--role", "user", "--uses", "5", "--expires", "9d")
    assert re.fullmatch(
        rf"Become the administrator, within 1h:   ssh -p 8022 {CODE}@127\.0\.0\.1\n", done.out
    )


def test_later_ones_say_whom_they_are_for(run, hub) -> None:
    run("hub", "user", "add", "admin", "--role", "admin")
    with hub():
        done = run("hub", "invite", "--user", "alice", "--expires", "90m", "--uses", "2")
    assert re.fullmatch(
        rf"For alice, role user, uses: 2, valid 1h30m:   ssh -p 8022 {CODE}@127\.0\.0\.1\n", done.out
    )
    done = run("hub", "invite", "--role", "admin")
    assert done.out.startswith("For a user of any name, role admin, uses: 1, valid 7d:   ssh ")


def test_the_address_is_the_configured_one(run, root: Path) -> None:
    run("hub", "user", "add", "admin")
    (root / "hub.toml").write_text('listen = "10.1.2.3:22"\n')
    assert re.search(rf"   ssh {CODE}@10\.1\.2\.3$", run("hub", "invite").out.strip())


def test_mistakes(run) -> None:
    run("hub", "user", "add", "admin")
    for arguments, words in (
        (("--uses", "0"), "an invite cannot have 0 uses; give 1 to 1000"),
        (("--expires", "0"), "give 1s to 366d"),
        (("--expires", "900d"), "give 1s to 366d"),
        (("--role", "boss"), "there is no role 'boss'"),
        (("--user", "root"), "is reserved"),
        (("--user", "a b"), "cannot be a user name"),
    ):
        done = run("hub", "invite", *arguments)
        assert (done.status, done.out) == (1, "")
        assert words in done.err
