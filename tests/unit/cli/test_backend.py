"""The way to the state: through the hub that runs, by itself while none does, never both."""

from __future__ import annotations

import argparse
import socket
from pathlib import Path

import pytest

from nacre.cli import backend
from nacre.cli.backend import perform, state_paths
from nacre.hub.paths import LockRole, StateBusy, StateLock, prepare
from nacre.hub.problem import HubProblem


def options(root: Path, **more: str) -> argparse.Namespace:
    return argparse.Namespace(state=str(root), **more)


def test_the_state_that_is_meant(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert state_paths(options(root)).root == root
    monkeypatch.setenv("NACRE_STATE", str(root / "other"))
    assert state_paths(argparse.Namespace()).root == root / "other"
    assert not root.exists()


def test_a_running_hub_is_asked(root: Path, hub) -> None:
    with hub():
        assert perform(options(root), "ping", {})["running"] is True


def test_without_one_the_command_works_itself_and_leaves_nothing_locked(root: Path) -> None:
    answer = perform(options(root), "ping", {}, make_state=True)
    assert answer["running"] is False
    StateLock.acquire(prepare(root), LockRole.HUB).release()
    assert perform(options(root), "user.list", {}) == []


def test_a_state_is_made_only_by_what_needs_one(root: Path) -> None:
    with pytest.raises(HubProblem, match="there is no state of a hub in"):
        perform(options(root), "user.list", {})
    assert not root.exists()


def test_a_hub_that_holds_the_lock_and_does_not_answer(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "BUSY_WAIT", 0.05)
    monkeypatch.setattr(backend, "BUSY_POLL", 0.01)
    perform(options(root), "ping", {}, make_state=True)
    silent = r"the hub on .* \(process \d+\) does not answer; look at its log"
    with StateLock.acquire(prepare(root), LockRole.HUB), pytest.raises(HubProblem, match=silent):
        perform(options(root), "ping", {})


def test_a_hub_that_is_just_starting_is_waited_for(root: Path, hub, monkeypatch: pytest.MonkeyPatch) -> None:
    perform(options(root), "ping", {}, make_state=True)
    lock = StateLock.acquire(prepare(root), LockRole.HUB)
    real, calls = backend.call, []

    def call(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == 3:
            lock.release()
        return real(*arguments)  # type: ignore[arg-type]  # as the real one takes them

    monkeypatch.setattr(backend, "call", call)
    assert perform(options(root), "ping", {})["running"] is False
    assert len(calls) == 3


def test_another_command_is_waited_for_and_then_told_of(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "BUSY_WAIT", 0.05)
    perform(options(root), "ping", {}, make_state=True)
    busy = "a nacre command works on"
    with StateLock.acquire(prepare(root), LockRole.COMMAND), pytest.raises(StateBusy, match=busy):
        perform(options(root), "ping", {})


def test_a_dead_hubs_socket_does_not_matter(root: Path) -> None:
    paths = prepare(root)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(paths.control))
    assert perform(options(root), "ping", {}, make_state=True)["running"] is False


def test_a_broken_configuration_is_a_line(root: Path, tmp_path: Path) -> None:
    perform(options(root), "ping", {}, make_state=True)
    (root / "hub.toml").write_text("x = 1\n")
    with pytest.raises(HubProblem, match=r"hub.toml:1: unknown key 'x'"):
        perform(options(root), "user.list", {})
    other = tmp_path / "other.toml"
    other.write_text("uid_range = [80000, 80000]\n")
    arguments = {"name": "alice", "keys": []}
    assert perform(options(root, config=str(other)), "user.add", arguments)["uid"] == 80000


def test_a_refusal_is_the_same_both_ways(root: Path, hub) -> None:
    perform(options(root), "ping", {}, make_state=True)
    arguments = {"name": "alice"}
    with pytest.raises(HubProblem) as here:
        perform(options(root), "user.remove", arguments)
    with hub(), pytest.raises(HubProblem) as there:
        perform(options(root), "user.remove", arguments)
    assert str(here.value) == str(there.value)
