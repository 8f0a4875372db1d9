"""The users of this machine."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from nacre import config_accounts as accounts
from nacre.config_accounts import Account

ME = pwd.getpwuid(os.geteuid())


def test_whom_the_machine_knows() -> None:
    assert accounts.account(ME.pw_name) == Account(ME.pw_uid, Path(ME.pw_dir))
    assert accounts.is_known(ME.pw_name)
    assert not accounts.is_known("no-such-user-here")
    accounts.require_groups()
    assert accounts.groups(ME.pw_name)
    assert accounts.groups("no-such-user-here") == frozenset()


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a\\b",
        "~x",
        "-x",
        "C:x",
        "${x}",
        "%h",
        "a*",
        "x\0",
        "x\n",
        "a" * 256,
        "ａｄｍｉｎ",
        "a\u202e",
    ],
)
def test_names_that_lead_elsewhere(name: str) -> None:
    assert not accounts.is_plain_name(name)
    assert accounts.account(name) is None


def test_names_of_files() -> None:
    assert all(map(accounts.is_plain_name, ["alice", "xxx..yyy", "xxx~yyy", "Cxxx:", "a b", "ü", "a@b"]))


def test_what_others_can_change(tmp_path: Path) -> None:
    me = Account(os.getuid(), tmp_path)
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o755)
    path = folder / "keys"
    path.touch(mode=0o600)
    tmp_path.chmod(0o755)
    assert accounts.is_private_to(path, me)
    for part in (path, folder, tmp_path):
        mode = part.stat().st_mode
        part.chmod(mode | 0o020)
        assert not accounts.is_private_to(path, me)
        part.chmod(mode)
    link = tmp_path / "link"
    link.symlink_to(path)
    path.chmod(0o602)
    assert not accounts.is_private_to(link, me)


def test_programs_that_root_alone_can_change(tmp_path: Path) -> None:
    assert accounts.unsafe_program("/bin/sh") == ""
    assert accounts.unsafe_program("/bin") == "it is no regular file"
    path = tmp_path / "program"
    path.touch(mode=0o755)
    path.chmod(0o775)
    assert (
        f"others than root can change {os.path.realpath(path)}: root must own it"
        in accounts.unsafe_program(str(path))
    )
    path.chmod(0o755)  # and so for each folder above it
    assert "others than root can change" in accounts.unsafe_program(str(path))
    with pytest.raises(FileNotFoundError):
        accounts.unsafe_program(str(tmp_path / "none"))


def test_whom_a_program_runs_as() -> None:
    found = accounts.identity("root")
    assert found is not None
    who, name, home = found
    assert (who.uid, who.gid, name, home) == (0, 0, "root", Path("/root"))
    assert 0 in who.groups
    assert accounts.identity("no-such-user") is None
    assert accounts.identity("a\0b") is None
