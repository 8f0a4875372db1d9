"""The machine's registry of uids: no uid for two states, and refused where that is not certain."""

from __future__ import annotations

import fcntl
import json
import shutil
from pathlib import Path

import pytest

from nacre.hub import uid_claims
from nacre.hub.problem import StateError
from nacre.hub.uid_claims import AREA, BLOCK, GivenUids, UidRange, UidRegistry

NONE = GivenUids()
FIRST, SECOND, THIRD = (UidRange(low, low + BLOCK - 1) for low in (70_000, 71_000, 72_000))


def given(*uids: int, deleted: tuple[int, ...] = ()) -> GivenUids:
    return GivenUids(frozenset(uids), frozenset(deleted))


@pytest.fixture
def registry(tmp_path: Path) -> UidRegistry:
    return UidRegistry(tmp_path / "uids")


@pytest.fixture
def states(tmp_path: Path) -> list[Path]:
    """Three states, each a directory."""
    found = [tmp_path / name for name in ("a", "b", "c")]
    for path in found:
        path.mkdir()
    return found


def test_each_state_gets_a_block_of_its_own_and_keeps_it(registry: UidRegistry, states: list[Path]) -> None:
    assert [registry.claim(state, NONE, None).ranges for state in states] == [(FIRST,), (SECOND,), (THIRD,)]
    assert registry.claim(states[1], given(71_000), None).ranges == (SECOND,)
    assert registry.owns(states[1], 71_999)
    assert not registry.owns(states[1], 70_999)
    assert not registry.owns(states[1], 73_000)


def test_it_is_root_s_alone_and_says_whose_each_range_is(
    registry: UidRegistry, states: list[Path], tmp_path: Path
) -> None:
    registry.claim(states[0], NONE, None)
    assert (tmp_path / "uids").stat().st_mode & 0o777 == 0o700
    (file,) = (tmp_path / "uids").glob("*.json")
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text()) == {"state": str(states[0]), "ranges": [[70_000, 70_999]]}


def test_a_range_that_another_state_has_is_refused(registry: UidRegistry, states: list[Path]) -> None:
    registry.claim(states[0], NONE, None)
    with pytest.raises(StateError) as caught:
        registry.claim(states[1], NONE, UidRange(70_999, 71_998))
    assert str(caught.value) == (
        f"uid_range [70999, 71998] overlaps [70000, 70999], which the hub with the state {states[0]} has; "
        "set uid_range = [71000, 71999] in hub.toml"
    )
    assert registry.claim(states[1], NONE, UidRange(71_000, 71_999)).ranges == (SECOND,)
    # What was set stays where the setting is not seen: a command without --config.
    assert registry.claim(states[1], NONE, None).ranges == (SECOND,)
    assert registry.claim(states[1], given(71_003), UidRange(80_000, 80_009)).ranges == (
        UidRange(80_000, 80_009),
        UidRange(71_003, 71_003),
    )


def test_users_of_before_keep_their_uids(registry: UidRegistry, states: list[Path]) -> None:
    registry.claim(states[0], NONE, None)
    assert registry.claim(states[1], given(72_001, 100_001, 100_002), None).ranges == (
        THIRD,
        UidRange(100_001, 100_002),
    )
    assert registry.claim(states[2], NONE, None).ranges == (SECOND,)


def test_no_uid_of_a_user_is_another_state_s(registry: UidRegistry, states: list[Path]) -> None:
    registry.claim(states[0], given(70_000), None)
    with pytest.raises(
        StateError, match=f"uid 70000 of a user of {states[1]} belongs to .* {states[0]}; if one"
    ):
        registry.claim(states[1], given(70_000), None)
    assert not registry.owns(states[1], 70_000)
    # Those of users whose homes are gone are left to the other: nobody comes back to them.
    assert registry.claim(states[1], given(deleted=(70_000, 75_000)), None).ranges == (
        SECOND,
        UidRange(75_000, 75_000),
    )


def test_a_state_that_moved_takes_its_uids_along(registry: UidRegistry, states: list[Path]) -> None:
    registry.claim(states[0], NONE, None)
    registry.claim(states[1], given(71_000), None)
    moved = states[1].rename(states[1].with_name("elsewhere"))
    assert registry.claim(moved, given(71_000), None).ranges == (SECOND,)
    assert registry.owns(moved, 71_000)
    states[1].mkdir()  # another state in the old place has none of it
    assert registry.claim(states[1], NONE, None).ranges == (THIRD,)


def test_a_link_to_a_state_is_that_state(registry: UidRegistry, states: list[Path], tmp_path: Path) -> None:
    registry.claim(states[0], NONE, None)
    (tmp_path / "link").symlink_to(states[0])
    assert registry.claim(tmp_path / "link", NONE, None).ranges == (FIRST,)
    assert registry.owns(tmp_path / "link", 70_000)


def test_a_state_that_is_gone_is_forgotten_when_its_uids_are_needed(
    registry: UidRegistry, states: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for state in states[:2]:
        registry.claim(state, NONE, None)
    states[0].rmdir()
    assert not registry.owns(states[0], 70_000)
    # While there are others, a disk may be mounted again.
    assert registry.claim(states[2], NONE, None).ranges == (THIRD,)
    shutil.rmtree(states[2])
    monkeypatch.setattr(uid_claims, "AREA", UidRange(AREA.low, AREA.low + 3 * BLOCK - 1))
    fourth = states[0].with_name("d")
    fourth.mkdir()
    assert registry.claim(fourth, NONE, None).ranges == (FIRST,)
    states[0].mkdir()  # back again, and too late
    assert registry.owns(fourth, 70_000)
    assert not registry.owns(states[0], 70_000)
    with pytest.raises(StateError, match=f"uid 70000 of a user of {states[0]} belongs to"):
        registry.claim(states[0], given(70_000), None)


def test_when_all_are_taken_a_setting_helps(
    registry: UidRegistry, states: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.claim(states[0], NONE, UidRange(70_000, 99_999))
    with pytest.raises(StateError, match=r"set uid_range = \[100000, 100999\] in hub.toml") as caught:
        registry.claim(states[1], NONE, None)
    assert str(caught.value).startswith("no 1000 uids are free for new users in [70000, 99999]; ")


def test_a_look_makes_nothing(registry: UidRegistry, states: list[Path], tmp_path: Path) -> None:
    assert registry.preview(states[0], NONE, None).ranges == (FIRST,)
    assert not registry.owns(states[0], 70_000)
    assert not (tmp_path / "uids").exists()
    registry.claim(states[0], NONE, None)
    assert registry.preview(states[1], NONE, None).ranges == (SECOND,)
    with pytest.raises(StateError, match="overlaps"):
        registry.preview(states[1], NONE, FIRST)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[" * 100_000,
        "{}",
        '{"state": "a", "ranges": [[70000, 70999]]}',
        '{"state": "/a", "ranges": []}',
        '{"state": "/a", "ranges": [[0, 70999]]}',
        '{"state": "/a", "ranges": [[70999, 70000]]}',
        '{"state": "/a", "ranges": [[70000.0, 70999]]}',
        '{"state": "/a", "ranges": [[true, 70999]]}',
        '{"state": "/a", "ranges": [70000]}',
        '{"state": 1, "ranges": [[70000, 70999]]}',
    ],
)
def test_what_cannot_be_read_is_no_free_uid(
    registry: UidRegistry, states: list[Path], tmp_path: Path, content: str
) -> None:
    registry.claim(states[0], NONE, None)
    file = tmp_path / "uids" / "x.json"
    file.write_text(content)
    for act in (
        lambda: registry.claim(states[1], NONE, None),
        lambda: registry.preview(states[1], NONE, None),
        lambda: registry.owns(states[0], 70_000),
    ):
        with pytest.raises(StateError, match=r"x.json does not say which uids a hub has; put a backup"):
            act()


def test_a_registry_that_others_could_write_is_refused(
    registry: UidRegistry, states: list[Path], tmp_path: Path
) -> None:
    registry.claim(states[0], NONE, None)
    for mode in (0o722, 0o770):
        (tmp_path / "uids").chmod(mode)
        with pytest.raises(StateError, match=r"somebody else can write it .* mode 0700"):
            registry.claim(states[0], NONE, None)
        with pytest.raises(StateError, match="somebody else can write it"):
            registry.owns(states[0], 70_000)
    (tmp_path / "uids").chmod(0o700)
    (tmp_path / "uids").rename(tmp_path / "real")
    (tmp_path / "uids").symlink_to("real")
    with pytest.raises(StateError, match="not a directory"):
        registry.claim(states[0], NONE, None)
    (tmp_path / "uids").unlink()
    (tmp_path / "uids").write_text("")
    with pytest.raises(StateError, match="where hubs note their users' uids, cannot be used"):
        registry.claim(states[0], NONE, None)


def test_one_after_the_other(
    registry: UidRegistry, states: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.claim(states[0], NONE, None)
    monkeypatch.setattr(uid_claims, "_LOCK_SECONDS", 0.0)
    with (tmp_path / "uids" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StateError, match="another process keeps its lock"):
            registry.claim(states[1], NONE, None)
    assert registry.claim(states[1], NONE, None).ranges == (SECOND,)
