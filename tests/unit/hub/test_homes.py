"""Homes: made with their owner and mode, and deleted without a step outside."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from nacre.hub import homes
from nacre.hub.homes import delete_home, ensure_home
from nacre.hub.paths import StatePaths, prepare
from nacre.hub.problem import StateError

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="files of other users can be made by root only: sudo make test"
)


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    return prepare(tmp_path / "state")


def test_a_home_is_the_users_alone(paths: StatePaths) -> None:
    home = ensure_home(paths, "alice", None)
    assert home == paths.homes / "alice"
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    home.chmod(0o755)
    assert ensure_home(paths, "alice", None) == home
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


@needs_root
def test_a_home_belongs_to_its_uid(paths: StatePaths) -> None:
    status = ensure_home(paths, "alice", 70001).stat()
    assert (status.st_uid, status.st_gid) == (70001, 70001)


@needs_root
def test_a_home_of_another_uid_is_refused(paths: StatePaths) -> None:
    ensure_home(paths, "alice", 70001)
    with pytest.raises(StateError, match="belongs to uid 70001 and not to 70002; chown"):
        ensure_home(paths, "alice", 70002)


def test_a_link_is_no_home(paths: StatePaths, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    (elsewhere / "kept").touch()
    (paths.homes / "alice").symlink_to(elsewhere)
    with pytest.raises(StateError, match="not a directory of its own"):
        ensure_home(paths, "alice", None)
    with pytest.raises(StateError, match="is not a directory"):
        delete_home(paths, "alice")
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o755
    assert (elsewhere / "kept").exists()


def test_a_state_without_homes(tmp_path: Path) -> None:
    nowhere = StatePaths(tmp_path / "nowhere", as_root=False)
    with pytest.raises(StateError, match="cannot be used: No such file"):
        ensure_home(nowhere, "alice", None)
    with pytest.raises(StateError, match="cannot be opened: No such file"):
        delete_home(nowhere, "alice")


def test_a_home_goes_with_all_that_is_in_it_and_no_more(paths: StatePaths, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    other = ensure_home(paths, "bob", None)
    home = ensure_home(paths, "alice", None)
    (home / "tree" / "deep").mkdir(parents=True)
    (home / "tree" / "deep" / "file").write_text("x")
    for name, mode in (("read-only", 0o500), ("closed", 0o000)):
        (home / "tree" / name / "in").mkdir(parents=True)
        (home / "tree" / name / "in" / "file").touch(0o400)
        (home / "tree" / name / "in").chmod(mode)
        (home / "tree" / name).chmod(mode)
    (home / "to-outside").symlink_to(outside)
    (home / "tree" / "to-outside").symlink_to(outside)
    (home / "tree" / "to-nothing").symlink_to("/nonexistent")
    os.mkfifo(home / "fifo")
    home.chmod(0o000)
    assert delete_home(paths, "alice") is True
    assert not home.exists()
    assert other.is_dir()
    assert (outside / "kept").read_text() == "kept"
    assert delete_home(paths, "alice") is False


def test_depth_costs_neither_descriptors_nor_frames(paths: StatePaths) -> None:
    # A user can nest directories far beyond what a path may be long, and deeper than calls and open files go.
    home = ensure_home(paths, "alice", None)
    descriptor = os.open(home, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("deep", dir_fd=descriptor)
        deeper = os.open("deep", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = deeper
    os.close(descriptor)
    before = len(os.listdir("/proc/self/fd"))
    assert delete_home(paths, "alice") is True
    assert len(os.listdir("/proc/self/fd")) == before


def test_what_cannot_be_deleted_is_told(paths: StatePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    home = ensure_home(paths, "alice", None)
    (home / "mount").mkdir()

    def refuse(*args: object, **options: object) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(homes.os, "rmdir", refuse)
    with pytest.raises(StateError, match="could not be deleted whole: Device or resource busy"):
        delete_home(paths, "alice")


@needs_root
def test_what_is_mounted_in_a_home_is_not_emptied(paths: StatePaths, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    for place in (("mounted",), ("deep", "mounted")):
        point = ensure_home(paths, "alice", None).joinpath(*place)
        point.mkdir(parents=True)
        done = subprocess.run(
            ["mount", "--bind", str(precious), str(point)], capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip("this machine lets nobody mount: run the tests outside of a container")
        try:
            with pytest.raises(
                StateError, match="could not be deleted whole: something is mounted on mounted in it"
            ):
                delete_home(paths, "alice")
        finally:
            subprocess.run(["umount", str(point)], check=True)
        assert (precious / "file").exists()
        assert delete_home(paths, "alice") is True
