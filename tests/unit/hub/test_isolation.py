"""How users are kept apart: the choice, and that it holds."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nacre.hub import isolation
from nacre.hub.config import IsolationChoice
from nacre.hub.isolation import Isolation, Mode, choose
from nacre.hub.paths import StatePaths, prepare
from nacre.hub.problem import HubProblem

SRC = Path(isolation.__file__).resolve().parents[2]


def paths(root: Path) -> StatePaths:
    return prepare(root / "state")


@pytest.mark.parametrize(
    ("choice", "uid"),
    [
        (IsolationChoice.NONE, 0),  # every session would be root's
        (IsolationChoice.BUBBLEWRAP, 0),
        (IsolationChoice.UID, 1000),
    ],
)
def test_what_cannot_keep_users_apart_is_refused(tmp_path, choice, uid):
    with pytest.raises(HubProblem) as caught:
        choose(choice, paths(tmp_path), uid)
    assert "\n" not in str(caught.value)


def test_a_shared_account_only_by_the_administrator_s_word(tmp_path, monkeypatch):
    monkeypatch.setattr(isolation.shutil, "which", lambda name: None)
    chosen = choose(IsolationChoice.NONE, paths(tmp_path), 1000)
    assert (chosen.mode, chosen.separates, chosen.may_serve_others) == (Mode.NONE, False, True)
    fallen = choose(IsolationChoice.AUTO, paths(tmp_path), 1000)
    assert (fallen.mode, fallen.separates, fallen.may_serve_others) == (Mode.NONE, False, False)
    assert "read each other's files" in fallen.notice
    with pytest.raises(HubProblem, match="bubblewrap"):
        choose(IsolationChoice.BUBBLEWRAP, paths(tmp_path), 1000)


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (
            "echo first >&2; echo 'bwrap: No permissions to create new namespace' >&2; exit 1",
            "bwrap: No permissions to",
        ),
        ("echo on standard output; exit 1", "on standard output"),
        ("exit 3", "bwrap said nothing and ended with status 3"),
        ("kill -SEGV $$", "bwrap said nothing and ended with signal 11"),
        ("printf '\\033[2J%0300d' 0 >&2; exit 1", "\\x1b[2J000"),
    ],
)
def test_why_bubblewrap_does_not_work_is_in_its_own_words(tmp_path, monkeypatch, script, why):
    program = tmp_path / "bwrap"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(isolation.shutil, "which", lambda name: str(program))
    with pytest.raises(HubProblem) as caught:
        choose(IsolationChoice.BUBBLEWRAP, paths(tmp_path), 1000)
    assert why in str(caught.value)
    assert str(caught.value).startswith("bubblewrap does not work here: ")
    assert len(str(caught.value)) < 400


def test_a_limit_is_not_the_interpreter_s_fault(tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(isolation.subprocess, "run", full)
    with pytest.raises(HubProblem, match="no program can be started: Too many open files; raise"):
        choose(IsolationChoice.AUTO, paths(tmp_path), 0)

    def said(*arguments, **options):
        words = b"Traceback\nOSError: [Errno 24] Too many open files: '/usr/lib'\n"
        return subprocess.CompletedProcess((), 1, b"", words)

    monkeypatch.setattr(isolation.subprocess, "run", said)
    with pytest.raises(
        HubProblem, match=r"limits of this process: OSError: .* Too many open files: .*; raise"
    ):
        choose(IsolationChoice.AUTO, paths(tmp_path), 0)


def test_no_session_ever_runs_as_root():
    for uid in (0, -1):
        with pytest.raises(HubProblem, match="root"):
            Isolation(Mode.UID, by_admin=False).credentials(uid)
    assert Isolation(Mode.UID, by_admin=False).credentials(70000).uid == 70000
    assert Isolation(Mode.BUBBLEWRAP, by_admin=False).credentials(70000).uid is None


@pytest.mark.requires("root")
def test_a_closed_directory_on_the_way_to_the_homes_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(HubProblem) as caught:
        choose(IsolationChoice.AUTO, paths(closed), 0)
    assert "closed to others" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.requires("root")
def test_what_others_can_reach_is_accepted(open_tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    assert choose(IsolationChoice.AUTO, paths(open_tmp_path), 0).mode is Mode.UID


def _as_somebody(script: str, state: Path, uid: int | None) -> subprocess.CompletedProcess[str]:
    """Run a script in the sandbox of alice, made by a hub of another account than root."""
    code = """
import os, subprocess, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from nacre.hub.isolation import choose
from nacre.hub.config import IsolationChoice
from nacre.hub.paths import prepare
from nacre.hub.homes import ensure_home
paths = prepare(Path(sys.argv[2]))
paths.host_key.write_text("the host key")
paths.database.write_text("the database")
(ensure_home(paths, "bob", None) / "secret").write_text("bob's")
home = ensure_home(paths, "alice", None)
chosen = choose(IsolationChoice.AUTO, paths)
if chosen.bwrap is None:
    print("no bubblewrap:", chosen.notice); sys.exit(77)
argv = chosen.wrap(("/bin/sh", "-c", sys.argv[3]), paths, home)
sys.exit(subprocess.run(argv, cwd=home, env={"PATH": "/usr/bin:/bin", "HUB": str(os.getpid())}).returncode)
"""
    return subprocess.run(
        ["/usr/bin/python3", "-c", code, str(SRC), str(state), script],
        user=uid,
        group=uid,
        extra_groups=None if uid is None else [],
        env={"PATH": "/usr/bin:/bin", "HOME": str(state)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.requires("bwrap")
def test_the_sandbox_hides_the_state_the_other_homes_and_the_hub(open_tmp_path):
    uid = 61002 if os.geteuid() == 0 else None
    root = open_tmp_path / "of-the-hub"
    root.mkdir()
    if uid is not None:
        os.chown(root, uid, uid)
    state = root / "state"
    script = f"""
echo mine > mine && cat mine
cat {state}/ssh_host_ed25519_key {state}/nacre.db {state}/homes/bob/secret 2>&1
ls {state} {state}/homes
kill -0 $HUB 2>&1 || echo cannot signal
touch /etc/x /usr/x 2>&1
"""
    done = _as_somebody(script, state, uid)
    if done.returncode == 77:
        pytest.skip(f"bubblewrap does not work in these namespaces: {done.stdout}")
    assert done.stdout.startswith("mine\n"), (done.stdout, done.stderr)
    for secret in ("the host key", "the database", "bob's"):
        assert secret not in done.stdout
    assert "cannot signal" in done.stdout
    assert done.stdout.count("No such file") == 3
    assert "bob" not in done.stdout.replace("homes/bob/secret", "")
    assert done.stdout.count("Read-only file system") == 2
    assert (state / "homes/alice/mine").read_text() == "mine\n"
