"""What a hub stands on: opened whole, or refused with one line and everything given back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from nacre.hub.ground import HubOptions, find_config, open_ground
from nacre.hub.paths import LockRole, StateBusy, StateLock, StatePaths
from nacre.hub.problem import HubProblem, StateError


def is_free(root: Path) -> bool:
    try:
        StateLock.acquire(StatePaths(root, as_root=False), LockRole.HUB).release()
    except StateBusy:
        return False
    return True


def test_everything_is_there_and_given_back(tmp_path: Path) -> None:
    root = tmp_path / "state"
    with open_ground(HubOptions(state=str(root), listen="127.0.0.1:0")) as ground:
        assert ground.paths.root == root
        assert (ground.config.host, ground.config.port) == ("127.0.0.1", 0)
        assert ground.host_key.made
        assert not ground.state.has_users()
        assert [app.name for app in ground.apps] == ["notebook", "console", "python", "shell"]
        assert not is_free(root)
        with pytest.raises(StateBusy, match="a hub already runs on"):
            open_ground(HubOptions(state=str(root)))
    assert is_free(root)
    ground.close()
    with open_ground(HubOptions(), {**os.environ, "NACRE_STATE": str(root)}) as again:
        assert not again.host_key.made
        assert again.config.port == 8022


def test_the_file_in_the_state_is_read_unless_another_is_named(tmp_path: Path) -> None:
    root = tmp_path / "state"
    root.mkdir()
    (root / "hub.toml").write_text("listen = '127.0.0.1:1111'")
    other = tmp_path / "other.toml"
    other.write_text("listen = '127.0.0.1:2222'\nuid_range = [80000, 80000]")
    with open_ground(HubOptions(state=str(root))) as ground:
        assert ground.config.port == 1111
    with open_ground(HubOptions(state=str(root), config=str(other))) as ground:
        assert ground.config.port == 2222
        assert ground.state.add_user("alice").uid == 80000
    with open_ground(HubOptions(state=str(root), port=3333)) as ground:
        assert ground.config.port == 3333


@pytest.mark.requires("root")
def test_two_states_have_different_uids(tmp_path: Path) -> None:
    one, two = (HubOptions(state=str(tmp_path / name)) for name in ("one", "two"))
    with open_ground(one) as first, open_ground(two) as second:
        uids = [ground.state.add_user("alice").uid for ground in (first, second)]
        assert [[ground.uids.owns(uid) for uid in uids] for ground in (first, second)] == [
            [True, False],
            [False, True],
        ]
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "one", copy)
    with pytest.raises(
        StateError, match=f"uid {uids[0]} of a user of {copy} belongs to the hub with the state"
    ):
        open_ground(HubOptions(state=str(copy)))
    assert is_free(copy)
    shutil.rmtree(tmp_path / "one")
    with open_ground(HubOptions(state=str(copy))) as moved:
        assert moved.uids.owns(uids[0])


@pytest.mark.requires("root")
def test_a_range_of_another_hub_s_is_refused(tmp_path: Path) -> None:
    with open_ground(HubOptions(state=str(tmp_path / "one"))) as first:
        low = first.uids.claim(first.state.given_uids()).low
        file = tmp_path / "hub.toml"
        file.write_text(f"uid_range = [{low}, {low + 5}]\n")
        with pytest.raises(
            StateError, match=f"overlaps .*, which the hub with the state {tmp_path}/one has; set"
        ):
            open_ground(HubOptions(state=str(tmp_path / "two"), config=str(file)))


def test_which_file_is_meant(tmp_path: Path) -> None:
    paths = StatePaths(tmp_path, as_root=False)
    assert find_config(None, paths) is None
    # A link to nothing was put there by somebody who meant a file: it must not pass for none.
    (tmp_path / "hub.toml").symlink_to(tmp_path / "none")
    assert find_config(None, paths) == tmp_path / "hub.toml"
    assert find_config("x.toml", paths) == Path("x.toml")


def test_every_refusal_is_one_line_and_leaves_the_lock(tmp_path: Path) -> None:
    root = tmp_path / "state"
    broken = tmp_path / "broken.toml"
    broken.write_text("listn = 1\n[apps.x]\n")
    without = tmp_path / "without.toml"
    without.write_text("[apps.x]\n")
    for options, words in (
        (HubOptions(state=str(root), config=str(tmp_path / "none.toml")), "cannot be read: No such file"),
        (HubOptions(state=str(root), config=str(broken)), "broken.toml:1: unknown key 'listn'"),
        (HubOptions(state=str(root), config=str(without)), "the app 'x' has no command"),
        (HubOptions(state=str(root), listen="nowhere at all"), "--listen: "),
        (HubOptions(state=str(root), port=70000), "--port: "),
        (HubOptions(state=str(broken)), "cannot be used: "),
    ):
        with pytest.raises(HubProblem, match=words) as caught:
            open_ground(options)
        assert str(caught.value).isprintable()
    assert is_free(root)
    (root / "ssh_host_ed25519_key").write_text("rubbish")
    (root / "ssh_host_ed25519_key").chmod(0o600)
    with pytest.raises(HubProblem, match="the host key"):
        open_ground(HubOptions(state=str(root)))
    assert is_free(root)
    (root / "nacre.db").write_text("rubbish" * 1000)
    with pytest.raises(HubProblem, match="the database"):
        open_ground(HubOptions(state=str(root)))
    assert is_free(root)
