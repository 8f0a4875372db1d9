"""`nacre hub check`: every problem, or what the configuration comes to; and it changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from nacre.hub import isolation
from nacre.hub.isolation import Isolation, Mode
from nacre.hub.problem import HubProblem


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "choose", lambda choice, paths: Isolation(Mode.UID, by_admin=False))


def test_without_a_file_the_defaults_are_told(run, root: Path) -> None:
    done = run("hub", "check")
    assert done.status == 0
    lines = done.out.splitlines()
    assert lines[0] == "configuration is fine: defaults alone"
    assert lines[1] == f"state = {root}"
    assert 'listen = "127.0.0.1:8022"' in lines
    assert lines[-2].startswith("isolation in effect: uid")
    assert lines[-1].startswith("apps: notebook (")
    assert not root.exists()


def test_the_file_in_the_state_is_the_one(run, root: Path) -> None:
    root.mkdir()
    (root / "hub.toml").write_text('detached = "2h"\n[apps.true]\ncommand = "true"\n')
    done = run("hub", "check")
    assert done.status == 0
    assert f"configuration is fine: {root}/hub.toml" in done.out
    assert 'detached = "2h"' in done.out
    assert done.out.rstrip().endswith("shell  true")
    assert [path.name for path in root.iterdir()] == ["hub.toml"]


def test_every_problem_is_told(run, tmp_path: Path) -> None:
    file = tmp_path / "hub.toml"
    file.write_text(
        'listn = "x"\n[limits]\nlogin = "never"\n[apps.x]\ncommand = "no-such-program"\n[apps.y]\n'
    )
    done = run("hub", "--config", str(file), "check")
    assert done.status == 1
    lines = [line.removeprefix(f"{file}:") for line in done.out.splitlines()]
    assert lines[0] == "1: unknown key 'listn'; did you mean 'listen'?"
    assert lines[1].startswith("3: login: 'never' is not a duration; write ")
    assert lines[2] == '6: the app \'y\' has no command; write command = ["program", "argument"]'
    file.write_text('[apps.x]\ncommand = "no-such-program"\n')
    done = run("hub", "check", "--config", str(file))
    assert done.status == 1
    assert done.out.startswith(f"{file}:1: x: there is no program no-such-program in ")
    assert done.out.endswith("; install it, correct the command, or write enabled = false\n")


def test_a_file_that_is_not_there(run, tmp_path: Path) -> None:
    done = run("hub", "check", "--config", str(tmp_path / "none"))
    assert done.status == 1
    assert (
        "the configuration cannot be read: No such file or directory; name another one with --config"
        in done.out
    )


def test_a_host_that_is_none(run, root: Path) -> None:
    root.mkdir()
    (root / "hub.toml").write_text("\nlisten = 'nonsense.invalid'\n")
    done = run("hub", "check")
    assert done.status == 1
    assert done.out.startswith(f"{root}/hub.toml:2: listen: cannot listen on nonsense.invalid: ")
    assert done.out.endswith("; write an address of this machine, or a name that stands for one\n")


def test_isolation_that_does_not_work_here(run, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(choice: object, paths: object) -> None:
        raise HubProblem("bubblewrap does not work here", "install it")

    monkeypatch.setattr(isolation, "choose", refuse)
    (root / "homes").mkdir(parents=True)
    (root / "hub.toml").write_text('isolation = "bubblewrap"\n')
    done = run("hub", "check")
    assert done.status == 1
    assert done.out == f"{root}/hub.toml: bubblewrap does not work here; install it\n"


@pytest.mark.requires("root")
def test_the_uids_are_told_or_whose_they_are(run, root: Path, tmp_path: Path, uid_registry: Path) -> None:
    assert "uid_range = [70000, 70999]" in run("hub", "check").out.splitlines()
    assert not uid_registry.exists()
    other = tmp_path / "other"
    assert run("hub", "user", "add", "ann", "--state", str(other)).status == 0
    assert "uid_range = [71000, 71999]" in run("hub", "check").out.splitlines()
    assert "uid_range = [70000, 70999]" in run("hub", "check", "--state", str(other)).out.splitlines()
    file = tmp_path / "hub.toml"
    file.write_text("uid_range = [70500, 70999]\n")
    done = run("hub", "check", "--config", str(file))
    assert done.status == 1
    assert done.out == (
        f"{file}: uid_range [70500, 70999] overlaps [70000, 70999], which the hub with the state {other} has; "
        "set uid_range = [71000, 71499] in hub.toml\n"
    )
