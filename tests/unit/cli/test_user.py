"""`nacre hub user`: with a hub and without one."""

from __future__ import annotations

import json
from pathlib import Path

from nacre.hub.paths import StatePaths


def test_a_user_is_added_and_listed(run, root: Path, key_line: str, tmp_path: Path) -> None:
    file = tmp_path / "id.pub"
    file.write_text(key_line + "\n")
    assert run("hub", "user", "add", "alice", "--key", str(file)).out == "added alice, role user, 1 key\n"
    done = run("hub", "user", "add", "bob", "--role", "admin")
    assert done.out == "added bob, role admin, 0 keys\n  no way in yet: nacre hub key add bob FILE\n"
    lines = run("hub", "user", "list").out.splitlines()
    assert lines[0].split() == ["NAME", "ROLE", "KEYS", "UID", "CREATED"]
    assert [line.split()[:4] for line in lines[1:]] == [
        ["alice", "user", "1", "70000"],
        ["bob", "admin", "0", "70001"],
    ]
    rows = json.loads(run("hub", "user", "list", "--json").out)
    assert [row["name"] for row in rows] == ["alice", "bob"]


def test_a_running_hub_does_the_same(run, hub, key_line: str) -> None:
    with hub() as sessions:
        assert run("hub", "user", "list").out == "no user yet\n"
        assert run("hub", "user", "add", "alice", "--key", key_line).status == 0
        assert run("hub", "user", "list").out.splitlines()[1].startswith("alice  user  1     70000")
        assert run("hub", "user", "remove", "alice").out.startswith("removed alice; sessions ended: 1\n")
        assert sessions.ended == ["alice"]
    assert run("hub", "user", "list").out == "no user yet\n"


def test_the_home_stays_and_is_named(run, root: Path) -> None:
    paths = StatePaths(root, as_root=False)
    run("hub", "user", "add", "alice")
    paths.home("alice").mkdir()
    assert run("hub", "user", "remove", "alice").out == (
        f"removed alice; sessions ended: 0\n  the home stays: {root}/homes/alice\n"
    )
    assert paths.home("alice").is_dir()
    assert "alice was here before, and has the home of then again" in run("hub", "user", "add", "alice").out
    assert run("hub", "user", "remove", "alice", "--delete-home").out == (
        f"removed alice; sessions ended: 0\n  deleted the home {root}/homes/alice\n"
    )
    assert not paths.home("alice").exists()


def test_no_home_is_said_too(run) -> None:
    run("hub", "user", "add", "alice")
    assert run("hub", "user", "remove", "alice").out.endswith("  there was no home\n")


def test_mistakes(run, root: Path, tmp_path: Path, key_line: str) -> None:
    run("hub", "user", "add", "alice")
    private = tmp_path / "id"
    private.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    for arguments, words in (
        (("add", "alice"), "there is a user alice already; nacre hub key add alice adds a key"),
        (("add", "Alice"), "'Alice' cannot be a user name; use 1 to 32 of a-z"),
        (("add", "root"), "the name 'root' is reserved; choose another name"),
        (
            ("add", "bob", "--role", "boss"),
            "there is no role 'boss'; use admin or user",
        ),
        (("add", "bob", "--key", str(tmp_path / "none.pub")), "cannot be read: No such file or directory"),
        (("add", "bob", "--key", str(private)), "holds a private key"),
        (("add", "bob", "--key", "ssh-ed25519 AAAA bob"), "the key is not a public key that nacre knows"),
        (("add", "bob", "--key", key_line, "--key", key_line), "already"),
        (("remove", "carol"), "there is no user 'carol'; nacre hub user list shows who there is"),
        (("remove", "../../etc", "--delete-home"), "there is no user '../../etc'"),
    ):
        done = run("hub", "user", *arguments)
        assert done.status == 1
        assert done.out == ""
        assert words in done.err
    assert [row["name"] for row in json.loads(run("hub", "user", "list", "--json").out)] == ["alice"]
