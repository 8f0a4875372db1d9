"""`nacre hub key`."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import nacre
from nacre.cli.key import key_arguments


@pytest.fixture
def user(run) -> None:
    assert run("hub", "user", "add", "alice").status == 0


def fingerprint(line: str) -> str:
    return nacre.import_public_key(line).get_fingerprint()


@pytest.mark.usefixtures("user")
def test_a_key_from_a_file_a_line_words_and_standard_input(
    run, key_line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = f"added ssh-ed25519 {fingerprint(key_line)} to alice\n"
    file = tmp_path / "id.pub"
    file.write_text(key_line)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(key_line.encode())))
    for source in ([str(file)], [key_line], key_line.split(), ["-"]):
        assert run("hub", "key", "add", "alice", *source).out == added
        assert run("hub", "key", "remove", "alice", fingerprint(key_line)).out == (
            f"removed ssh-ed25519 {fingerprint(key_line)} from alice\n"
        )


@pytest.mark.usefixtures("user")
def test_keys_are_listed(run, hub, key_line: str) -> None:
    assert run("hub", "key", "list").out == "no key yet\n"
    run("hub", "key", "add", "alice", key_line)
    for arguments in ((), ("alice",)):
        heading, line = run("hub", "key", "list", *arguments).out.splitlines()
        assert heading.split() == ["NUMBER", "USER", "ALGORITHM", "FINGERPRINT", "ADDED", "COMMENT"]
        assert line.split()[:4] == ["1", "alice", "ssh-ed25519", fingerprint(key_line)]
        assert line.endswith("me@laptop")
    with hub():
        (row,) = json.loads(run("hub", "key", "list", "alice", "--json").out)
    assert row["fingerprint"] == fingerprint(key_line)


@pytest.mark.usefixtures("user")
def test_mistakes(run, key_line: str, tmp_path: Path) -> None:
    run("hub", "key", "add", "alice", key_line)
    (tmp_path / "empty").touch()
    for arguments, words in (
        (("add", "alice", key_line), "alice has the key SHA256:"),
        (("add", "bob", key_line), "there is no user 'bob'"),
        (("add", "alice", "ssh-ed25519", "AAAA"), "the key is not a public key"),
        (("add", "alice", str(tmp_path / "empty")), "holds no key"),
        (("add", "alice", str(tmp_path)), "not a regular file"),
        (("list", "bob"), "there is no user 'bob'"),
        (
            ("remove", "alice", "7"),
            "alice has no key '7'; give the number or the fingerprint that nacre hub key list alice",
        ),
        (("remove", "bob", "1"), "there is no user 'bob'"),
    ):
        done = run("hub", "key", *arguments)
        assert (done.status, done.out) == (1, "")
        assert words in done.err


def test_keys_travel_as_text(key_line: str) -> None:
    (key,) = key_arguments([key_line])
    assert key["comment"] == "me@laptop"
    assert json.loads(json.dumps(key)) == key
    assert key_arguments([]) == []
