"""The state directory: which it is, its modes, its lock, and its refusals."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nacre.hub import paths as paths_module
from nacre.hub.paths import (
    LockRole,
    StateBusy,
    StateLock,
    StatePaths,
    choose_state_dir,
    choose_uid_registry,
    prepare,
    refuse_open_file,
    socket_address,
)
from nacre.hub.problem import StateError

AS_ROOT = os.geteuid() == 0
OPEN = 0o711 if AS_ROOT else 0o700


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    ("option", "environ", "uid", "expected"),
    [
        ("/a", {"NACRE_STATE": "/b", "STATE_DIRECTORY": "/c"}, 0, "/a"),
        (None, {"NACRE_STATE": "/b", "STATE_DIRECTORY": "/c"}, 0, "/b"),
        (None, {"STATE_DIRECTORY": "/c", "XDG_DATA_HOME": "/d"}, 1000, "/c"),
        (None, {"STATE_DIRECTORY": "/c:/other"}, 0, "/c"),
        (None, {"XDG_DATA_HOME": "/d"}, 0, "/var/lib/nacre"),
        (None, {"XDG_DATA_HOME": "/d", "HOME": "/home/ann"}, 1000, "/d/nacre"),
        (None, {"XDG_DATA_HOME": "relative", "HOME": "/home/ann"}, 1000, "/home/ann/.local/share/nacre"),
        (None, {"XDG_DATA_HOME": "", "HOME": "/home/ann"}, 1000, "/home/ann/.local/share/nacre"),
    ],
)
def test_the_first_rule_that_applies_decides(
    option: str | None, environ: dict[str, str], uid: int, expected: str
) -> None:
    assert choose_state_dir(option, environ, uid) == Path(expected)


def test_without_a_home_directory_a_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)

    def nobody(_: object) -> None:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", nobody)
    with pytest.raises(
        StateError, match=r"^uid \d+ has no home directory here, .*; name a directory .* --state$"
    ):
        choose_state_dir(None, {}, 12345)
    with pytest.raises(StateError, match=r"^uid \d+ has no home directory here, .*; write the path in full$"):
        choose_state_dir("~/state", {}, 0)
    with pytest.raises(StateError, match=r"^no-such-user has no home directory here"):
        choose_state_dir("~no-such-user/state", {}, 0)


def test_a_relative_directory_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert choose_state_dir("./.nacre", {}, 1000) == tmp_path / ".nacre"


def test_where_all_hubs_of_a_machine_note_their_uids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for environ, expected in (
        ({}, "/var/lib/nacre-uids"),
        ({"NACRE_UID_REGISTRY": ""}, "/var/lib/nacre-uids"),
        ({"NACRE_UID_REGISTRY": "/r"}, "/r"),
        ({"NACRE_UID_REGISTRY": "r"}, str(tmp_path / "r")),
    ):
        assert choose_uid_registry(environ) == Path(expected)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "a\0b"])
def test_a_home_is_one_plain_component(name: str) -> None:
    with pytest.raises(ValueError):
        StatePaths(Path("/state"), as_root=True).home(name)


def test_everything_is_made_with_its_mode(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        paths = prepare(tmp_path / "deep" / "state")
    finally:
        os.umask(umask)
    assert paths.as_root is AS_ROOT
    assert (mode(paths.root), mode(paths.homes), mode(paths.run)) == (OPEN, OPEN, 0o700)


def test_modes_that_are_too_wide_are_taken_back(tmp_path: Path) -> None:
    paths = prepare(tmp_path / "state")
    for path in (paths.root, paths.homes, paths.run):
        path.chmod(0o777)
    prepare(paths.root)
    assert (mode(paths.root), mode(paths.homes), mode(paths.run)) == (OPEN, OPEN, 0o700)


def test_a_directory_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    tmp_path.chmod(0o755)
    with pytest.raises(StateError, match="holds other things"):
        prepare(tmp_path)
    assert mode(tmp_path) == 0o755
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_a_host_key_brought_along_makes_a_state_directory(tmp_path: Path) -> None:
    (tmp_path / "ssh_host_ed25519_key").write_text("x")
    assert prepare(tmp_path).homes.is_dir()


def test_a_file_in_the_place_of_the_state(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("x")
    with pytest.raises(StateError, match="cannot be used: File exists; choose another with --state"):
        prepare(tmp_path / "state")


def test_a_link_in_the_place_of_the_homes(tmp_path: Path) -> None:
    paths = prepare(tmp_path / "state")
    paths.homes.rmdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    paths.homes.symlink_to(elsewhere)
    with pytest.raises(StateError, match="is not a directory"):
        prepare(paths.root)
    assert mode(elsewhere) == 0o755


def test_the_state_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = prepare(tmp_path / "state").root
    monkeypatch.setattr(paths_module.os, "geteuid", lambda: 12345)
    with pytest.raises(StateError, match=r"belongs to uid \d+ and this is uid 12345"):
        prepare(root)


def test_a_state_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = prepare(tmp_path / "state").root
    monkeypatch.setattr(paths_module.os, "access", lambda *args, **options: False)
    with pytest.raises(StateError, match="cannot be written; choose another with --state"):
        prepare(root)


# ------------------------------------------------------------ private files


@pytest.mark.parametrize("wide", [0o640, 0o604, 0o660, 0o601])
def test_a_private_file_that_others_can_touch(tmp_path: Path, wide: int) -> None:
    file = tmp_path / "key"
    file.write_text("x")
    file.chmod(wide)
    with pytest.raises(StateError, match=f"mode {wide:04o}.*; chmod 600 "):
        refuse_open_file(file, file.stat())
    file.chmod(0o600)
    refuse_open_file(file, file.stat())


def test_a_private_file_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "key"
    file.touch(0o600)
    monkeypatch.setattr(paths_module.os, "geteuid", lambda: 12345)
    with pytest.raises(StateError, match="chown 12345"):
        refuse_open_file(file, file.stat())


def test_a_fifo_is_no_private_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "key", 0o600)
    with pytest.raises(StateError, match="not a regular file"):
        refuse_open_file(tmp_path / "key", (tmp_path / "key").stat())


# ------------------------------------------------------------ the lock


def test_a_second_hub_is_told_the_first_ones_pid(tmp_path: Path) -> None:
    paths = prepare(tmp_path)
    with StateLock.acquire(paths, LockRole.HUB):
        with pytest.raises(StateBusy, match=rf"a hub already runs on .* \(process {os.getpid()}\)") as caught:
            StateLock.acquire(paths, LockRole.HUB, wait=60)
        assert (caught.value.pid, caught.value.role) == (os.getpid(), LockRole.HUB)
    StateLock.acquire(paths, LockRole.HUB).release()


def test_a_lock_goes_with_its_process(tmp_path: Path) -> None:
    paths = prepare(tmp_path)
    code = (
        "import sys, os; from pathlib import Path; from nacre.hub.paths import *\n"
        "lock = StateLock.acquire(StatePaths(Path(sys.argv[1]), True), LockRole.HUB)\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(StateBusy) as caught:
            StateLock.acquire(paths, LockRole.HUB)
        assert caught.value.pid == child.pid
        child.kill()
    StateLock.acquire(paths, LockRole.HUB).release()


def test_a_command_is_waited_for(tmp_path: Path) -> None:
    paths = prepare(tmp_path)
    first = StateLock.acquire(paths, LockRole.COMMAND)
    with pytest.raises(StateBusy, match="a nacre command works on"):
        StateLock.acquire(paths, LockRole.HUB)
    releasing = threading.Timer(0.1, first.release)
    releasing.start()
    StateLock.acquire(paths, LockRole.HUB, wait=60).release()
    releasing.join()


def test_a_holder_that_has_not_written_its_name_yet(tmp_path: Path) -> None:
    paths = prepare(tmp_path)
    with StateLock.acquire(paths, LockRole.HUB):
        paths.lock.write_bytes(b"\xff\xfe")
        with pytest.raises(StateBusy, match="another nacre process"):
            StateLock.acquire(paths, LockRole.HUB)


def test_the_lock_is_private_and_follows_no_link(tmp_path: Path) -> None:
    paths = prepare(tmp_path / "state")
    StateLock.acquire(paths, LockRole.HUB).release()
    assert mode(paths.lock) == 0o600
    paths.lock.unlink()
    paths.lock.symlink_to(tmp_path / "other")
    with pytest.raises(StateError, match="cannot be opened"):
        StateLock.acquire(paths, LockRole.HUB)
    assert not (tmp_path / "other").exists()


def test_releasing_twice_is_harmless(tmp_path: Path) -> None:
    lock = StateLock.acquire(prepare(tmp_path), LockRole.HUB)
    lock.release()
    lock.release()


# ------------------------------------------------------------ addresses


@pytest.mark.parametrize("depth", [0, 12])
def test_a_socket_is_reached_however_long_its_path_is(tmp_path: Path, depth: int) -> None:
    directory = tmp_path.joinpath(*["a-long-name"] * depth)
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "s"
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        with socket_address(path) as address:
            assert len(address) <= 107
            listener.bind(address)
        listener.listen()
        with socket_address(path) as address:
            client.connect(address)
    assert path.is_socket()
