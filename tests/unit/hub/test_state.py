"""Users, keys and invites: every rule, and every refusal."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from nacre.hub.invites import InviteError, InviteFault, normalise
from nacre.hub.paths import StatePaths, prepare
from nacre.hub.problem import HubProblem, StateError
from nacre.hub.state import FIRST_INVITE_SECONDS, State, glance_at_uids, uid_in_use
from nacre.hub.uid_claims import GivenUids
from nacre.hub.users import Role, fingerprint

RANGE = (70000, 70009)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def blob(number: int) -> bytes:
    return b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + number.to_bytes(32, "big")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    return prepare(tmp_path / "state")


@pytest.fixture
def state(paths: StatePaths, clock: Clock) -> Iterator[State]:
    with State.open(paths, RANGE, clock, lambda uid: False) as opened:
        yield opened


# ------------------------------------------------------------ users


def test_a_user_is_kept_across_a_restart(paths: StatePaths, clock: Clock) -> None:
    with State.open(paths, RANGE, clock) as state:
        assert not state.has_users()
        added = state.add_user("alice", Role.ADMIN, [(blob(1), "laptop"), (blob(2), "")])
    with State.open(paths, RANGE, clock) as state:
        assert state.has_users()
        assert state.users() == [added]
        assert state.user("alice") == added
        assert (added.role, added.created) == (Role.ADMIN, clock.now)
        assert [(key.blob, key.comment) for key in state.keys("alice")] == [
            (blob(1), "laptop"),
            (blob(2), ""),
        ]


def test_users_come_by_name(state: State) -> None:
    for name in ("carol", "alice", "bob"):
        state.add_user(name)
    assert [user.name for user in state.users()] == ["alice", "bob", "carol"]
    assert state.user("dave") is None
    assert state.user("ALICE") is None
    assert state.user("\udcff") is None


def test_an_existing_user_is_not_added_again(state: State) -> None:
    state.add_user("alice", keys=[(blob(1), "")])
    with pytest.raises(HubProblem, match="there is a user alice already; nacre hub key add alice adds a key"):
        state.add_user("alice", Role.ADMIN, [(blob(2), "")])
    assert [key.blob for key in state.keys("alice")] == [blob(1)]


@pytest.mark.parametrize("name", ["root", "Alice", "../x", "invite-a", ""])
def test_a_name_that_cannot_be_one(state: State, name: str) -> None:
    with pytest.raises(HubProblem):
        state.add_user(name)
    assert state.users() == []


def test_a_bad_key_leaves_no_user(state: State) -> None:
    with pytest.raises(HubProblem, match="not a public key"):
        state.add_user("alice", keys=[(blob(1), ""), (b"rubbish", "")])
    assert state.users() == []
    assert state.keys() == []


def test_uids_are_given_once(state: State) -> None:
    assert [state.add_user(name).uid for name in ("a", "b", "c")] == [70000, 70001, 70002]
    state.remove_user("c")
    state.home_deleted("c")
    assert state.add_user("d").uid == 70003
    assert state.add_user("c").uid == 70004


def test_a_uid_of_the_system_is_left_out(paths: StatePaths, clock: Clock) -> None:
    with State.open(paths, RANGE, clock, lambda uid: uid in {70000, 70002}) as state:
        assert [state.add_user(name).uid for name in ("a", "b")] == [70001, 70003]


def test_the_accounts_of_this_system_are_known() -> None:
    assert uid_in_use(0)
    assert uid_in_use(os.getuid())
    assert not uid_in_use(1_999_999_937)


@pytest.mark.requires("root")
def test_a_uid_under_which_something_runs_is_left_out(paths: StatePaths, clock: Clock) -> None:
    low = 1_900_000_000 + os.getpid()
    with subprocess.Popen(
        ["/bin/cat"], stdin=subprocess.PIPE, user=low, group=low, extra_groups=[], cwd="/"
    ) as process:
        with State.open(paths, (low, low + 9), clock) as state:
            assert state.add_user("alice").uid == low + 1
        process.communicate(b"")


def test_where_uids_come_from_may_be_asked_each_time(paths: StatePaths, clock: Clock) -> None:
    asked = []

    def source(given: GivenUids) -> tuple[int, int]:
        asked.append(given)
        return (80000, 80009)

    with State.open(paths, source, clock, lambda uid: False) as state:
        assert asked == []
        assert [state.add_user(name).uid for name in ("a", "b")] == [80000, 80001]
        state.remove_user("b")
        state.home_deleted("b")
        assert state.given_uids() == GivenUids(frozenset({80000}), frozenset({80001}))
        assert asked == [GivenUids(), GivenUids(frozenset({80000}))]
        assert glance_at_uids(paths) == state.given_uids()  # while somebody has it open
    before = sorted(paths.root.iterdir())
    assert glance_at_uids(paths) == GivenUids(frozenset({80000}), frozenset({80001}))
    assert sorted(paths.root.iterdir()) == before


def test_a_range_comes_to_its_end(paths: StatePaths, clock: Clock) -> None:
    with State.open(paths, (70000, 70001), clock, lambda uid: False) as state:
        state.add_user("a")
        state.add_user("b")
        with pytest.raises(
            StateError, match="every uid from 70000 to 70001 has been given out; widen uid_range"
        ):
            state.add_user("c")
        state.remove_user("a")
        state.home_deleted("a")
        with pytest.raises(StateError):
            state.add_user("c")
    with State.open(paths, (80000, 80001), clock, lambda uid: False) as state:
        assert state.add_user("c").uid == 80000
        assert state.user("b") is not None


def test_a_removed_user_is_gone_with_the_keys_and_comes_back_with_the_uid(state: State) -> None:
    before = state.add_user("alice", Role.ADMIN, [(blob(1), "")])
    assert state.remove_user("alice") == before
    assert state.user("alice") is None
    assert state.users() == []
    assert state.keys() == []
    assert state.removed_user("alice") == before
    with pytest.raises(HubProblem, match="there is no user 'alice'"):
        state.remove_user("alice")
    again = state.add_user("alice")
    assert (again.uid, again.role) == (before.uid, Role.USER)
    assert state.removed_user("alice") is None
    assert state.user_has_key("alice", blob(1)) is None


def test_a_name_whose_home_is_gone_is_a_new_users(state: State) -> None:
    before = state.add_user("alice")
    state.home_deleted("alice")
    assert state.user("alice") == before, "an active user has a home"
    state.remove_user("alice")
    state.home_deleted("alice")
    assert state.removed_user("alice") is None
    again = state.add_user("alice")
    assert again.uid != before.uid
    assert again.number != before.number


# ------------------------------------------------------------ keys


def test_a_key_opens_for_its_user_only(state: State) -> None:
    alice = state.add_user("alice", keys=[(blob(1), "")])
    bob = state.add_user("bob", keys=[(blob(2), ""), (blob(1), "shared")])
    assert state.user_has_key("alice", blob(1)) == alice
    assert state.user_has_key("bob", blob(1)) == bob
    assert state.user_has_key("bob", blob(2)) == bob
    assert state.user_has_key("alice", blob(2)) is None
    assert state.user_has_key("alice", blob(3)) is None
    assert state.user_has_key("Alice", blob(1)) is None
    for name in ("", "carol", "alice\0", "é", "\udcff", "a" * 10_000):
        assert state.user_has_key(name, blob(1)) is None
    for data in (b"", b"x", blob(1)[:-1], blob(1) + b"\0"):
        assert state.user_has_key("alice", data) is None


def test_the_name_does_not_change_the_work(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    state.add_user("alice", keys=[(blob(1), "")])
    state.add_user("gone", keys=[(blob(2), "")])
    state.remove_user("gone")
    asked: list[tuple[object, ...]] = []
    query = state._store.query

    def record(sql: str, parameters: tuple[object, ...] = ()) -> object:
        asked.append((sql, parameters))
        return query(sql, parameters)  # type: ignore[arg-type]  # as sqlite3 takes them

    monkeypatch.setattr(state._store, "query", record)
    for key in (blob(1), blob(9)):
        asked.clear()
        for name in ("alice", "gone", "nobody-here", "invite-x", "\udcff"):
            state.user_has_key(name, key)
        assert len(asked) == 5
        assert len(set(asked)) == 1


def test_keys_are_added_listed_and_taken_away(state: State, clock: Clock) -> None:
    state.add_user("alice")
    key = state.add_key("alice", blob(1), "my\x1b[2Jlaptop")
    assert (key.user, key.algorithm, key.fingerprint) == ("alice", "ssh-ed25519", fingerprint(blob(1)))
    assert key.comment == "my\\x1b[2Jlaptop"
    assert key.added == clock.now
    assert state.keys() == state.keys("alice") == [key]
    assert state.remove_key("alice", str(key.number)) == key
    assert state.keys("alice") == []


def test_the_same_key_twice(state: State) -> None:
    state.add_user("alice", keys=[(blob(1), "")])
    with pytest.raises(
        HubProblem, match=f"alice has the key {fingerprint(blob(1))} already".replace("+", r"\+")
    ):
        state.add_key("alice", blob(1))
    with pytest.raises(HubProblem):
        state.add_keys("alice", [(blob(2), ""), (blob(2), "")])
    assert len(state.keys("alice")) == 1


def test_several_keys_at_once_come_back_in_order(state: State) -> None:
    state.add_user("alice", keys=[(blob(1), "")])
    assert state.add_keys("alice", []) == []
    assert [key.blob for key in state.add_keys("alice", [(blob(3), ""), (blob(2), "")])] == [blob(3), blob(2)]


def test_nobodys_keys(state: State) -> None:
    for call in (
        lambda: state.keys("alice"),
        lambda: state.add_key("alice", blob(1)),
        lambda: state.remove_key("alice", "1"),
    ):
        with pytest.raises(HubProblem, match="there is no user 'alice'; nacre hub user list shows"):
            call()


def test_a_key_is_bounded(state: State) -> None:
    state.add_user("alice")
    with pytest.raises(HubProblem, match="a key of 9000 bytes is too large"):
        state.add_key("alice", blob(1) + bytes(9000 - len(blob(1))))
    assert len(state.add_key("alice", blob(1), "c" * 10_000).comment) == 200


def test_a_key_is_named_by_number_or_fingerprint(state: State) -> None:
    state.add_user("alice", keys=[(blob(number), "") for number in range(5)])
    keys = state.keys("alice")
    for which in ("", "SHA256:", keys[0].fingerprint[:12], "99", keys[0].fingerprint + "x", "x" * 500):
        with pytest.raises(HubProblem, match="alice has no key"):
            state.remove_key("alice", which)
    assert state.remove_key("alice", keys[0].fingerprint) == keys[0]
    assert state.remove_key("alice", keys[1].fingerprint[:14]) == keys[1]
    assert state.remove_key("alice", keys[2].fingerprint.removeprefix("SHA256:")) == keys[2]
    assert state.keys("alice") == keys[3:]


def test_a_beginning_that_two_keys_share(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nacre.hub.state.fingerprint", lambda blob: "SHA256:same" + blob[-1:].hex())
    state.add_user("alice", keys=[(blob(1), ""), (blob(2), "")])
    monkeypatch.setattr("nacre.hub.state._MIN_FINGERPRINT", 3)
    with pytest.raises(HubProblem, match="alice has 2 keys 'same0'") as caught:
        state.remove_key("alice", "same0")
    assert "nacre hub key list alice" in caught.value.remedy


def test_another_users_key_is_not_taken_away(state: State) -> None:
    state.add_user("alice", keys=[(blob(1), "")])
    state.add_user("bob")
    number = state.keys("alice")[0].number
    with pytest.raises(HubProblem, match="bob has no key"):
        state.remove_key("bob", str(number))


# ------------------------------------------------------------ invites


def test_an_invite_makes_a_user_once(state: State, clock: Clock) -> None:
    state.add_user("root-like", Role.ADMIN)
    code = state.create_invite(role=Role.ADMIN, expires=60)
    invite = state.invite(code, clock.now)
    assert invite is not None
    assert (invite.user, invite.role, invite.uses, invite.first) == (None, Role.ADMIN, 1, False)
    assert (invite.created, invite.expires) == (clock.now, clock.now + 60)
    user = state.redeem(
        code.lower().replace("-", "", 1).replace("invite", "invite-"), "alice", blob(1), clock.now, "c"
    )
    assert (user.name, user.role) == ("alice", Role.ADMIN)
    assert state.user_has_key("alice", blob(1)) == user
    assert state.invite(code, clock.now) is None
    refused(state, InviteFault.USED, code, "bob", blob(2), clock.now)


def refused(state: State, fault: InviteFault, code: str, name: str, key: bytes, now: float) -> None:
    before = (state.users(), state.keys(), state.invites())
    with pytest.raises(InviteError) as caught:
        state.redeem(code, name, key, now)
    assert caught.value.fault is fault
    assert (state.users(), state.keys(), state.invites()) == before


def test_the_code_is_not_in_the_database(state: State, paths: StatePaths) -> None:
    code = state.create_invite()
    symbols = normalise(code)
    assert symbols is not None
    state.close()
    content = b"".join(path.read_bytes() for path in paths.root.glob("nacre.db*"))
    assert symbols.encode() not in content
    assert code.encode() not in content


def test_an_invite_for_several(state: State, clock: Clock) -> None:
    code = state.create_invite(uses=2)
    state.redeem(code, "a", blob(1), clock.now)
    left = state.invite(code, clock.now)
    assert left is not None
    assert left.uses == 1
    state.redeem(code, "b", blob(2), clock.now)
    refused(state, InviteFault.USED, code, "c", blob(3), clock.now)


def test_an_invite_ends_on_the_second(state: State, clock: Clock) -> None:
    code = state.create_invite(expires=60)
    assert state.invite(code, clock.now + 59.9) is not None
    assert state.invite(code, clock.now + 60) is None
    refused(state, InviteFault.EXPIRED, code, "a", blob(1), clock.now + 60)
    state.redeem(code, "a", blob(1), clock.now + 59.9)


@pytest.mark.parametrize("code", ["", "invite-", "invite-0000-0000-0000", "alice", "invite-\0", "é" * 99])
def test_a_code_that_there_is_not(state: State, clock: Clock, code: str) -> None:
    state.create_invite()
    assert state.invite(code, clock.now) is None
    refused(state, InviteFault.UNKNOWN, code, "alice", blob(1), clock.now)


def test_a_failure_does_not_use_an_invite_up(state: State, clock: Clock) -> None:
    state.add_user("bob")
    state.add_user("gone")
    state.remove_user("gone")
    code = state.create_invite()
    refused(state, InviteFault.NAME_TAKEN, code, "bob", blob(1), clock.now)
    refused(state, InviteFault.NAME_TAKEN, code, "gone", blob(1), clock.now)
    for name in ("root", "Bob", "", "a/b", "invite-x"):
        refused(state, InviteFault.NAME_INVALID, code, name, blob(1), clock.now)
    with pytest.raises(HubProblem, match="not a public key"):
        state.redeem(code, "alice", b"rubbish", clock.now)
    assert state.user("alice") is None
    state.redeem(code, "alice", blob(1), clock.now)


def test_an_invite_for_a_name(state: State, clock: Clock) -> None:
    code = state.create_invite(user="alice")
    refused(state, InviteFault.NAME_PRESET, code, "bob", blob(1), clock.now)
    state.redeem(code, "alice", blob(1), clock.now)


def test_an_invite_for_an_existing_user_adds_a_key_and_no_power(state: State, clock: Clock) -> None:
    before = state.add_user("alice", Role.USER, [(blob(1), "")])
    code = state.create_invite(user="alice", role=Role.ADMIN, uses=2)
    refused(state, InviteFault.KEY_KNOWN, code, "alice", blob(1), clock.now)
    assert state.redeem(code, "alice", blob(2), clock.now) == before
    assert [key.blob for key in state.keys("alice")] == [blob(1), blob(2)]
    assert state.user("alice") == before


def test_a_removed_users_invites_go_too_and_an_administrator_can_make_a_new_one(
    state: State, clock: Clock
) -> None:
    before = state.add_user("alice")
    old = state.create_invite(user="alice")
    state.remove_user("alice")
    refused(state, InviteFault.USED, old, "alice", blob(1), clock.now)
    again = state.redeem(state.create_invite(user="alice"), "alice", blob(1), clock.now)
    assert again.uid == before.uid


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"uses": 0}, "0 uses; give 1 to 1000"),
        ({"uses": 1001}, "1001 uses"),
        ({"expires": 0.0}, "valid for 0 seconds; give 1s to 366d"),
        ({"expires": 1e9}, "valid for 1e"),
        ({"expires": float("nan")}, "valid for nan"),
        ({"user": "Root"}, "cannot be a user name"),
        ({"user": "root"}, "is reserved"),
    ],
)
def test_an_invite_has_bounds(state: State, settings: dict[str, object], words: str) -> None:
    with pytest.raises(HubProblem, match=words):
        state.create_invite(**settings)  # type: ignore[arg-type]  # wrong ones on purpose
    assert state.invites() == []


def test_invites_are_listed_and_voided(state: State, clock: Clock) -> None:
    code = state.create_invite(user="alice")
    state.create_invite(expires=10)
    first, second = state.invites()
    assert (first.user, second.user) == ("alice", None)
    clock.now += 10
    assert state.invites() == [first]
    state.revoke_invite(first.number)
    assert state.invites() == []
    refused(state, InviteFault.USED, code, "alice", blob(1), clock.now)
    for number in (first.number, 99):
        with pytest.raises(HubProblem, match=f"there is no invite {number}"):
            state.revoke_invite(number)


def test_void_invites_are_forgotten_after_a_while(state: State, clock: Clock) -> None:
    code = state.create_invite(expires=10)
    clock.now += 10 + 31 * 86400
    state.create_invite()
    refused(state, InviteFault.UNKNOWN, code, "alice", blob(1), clock.now)


def test_the_first_invite_makes_the_administrator(state: State, clock: Clock) -> None:
    code = state.first_invite()
    assert code is not None
    invite = state.invite(code, clock.now)
    assert invite is not None
    assert (invite.role, invite.uses, invite.first) == (Role.ADMIN, 1, True)
    assert invite.expires == clock.now + FIRST_INVITE_SECONDS == clock.now + 3600
    assert state.redeem(code, "alice", blob(1), clock.now).role is Role.ADMIN
    assert state.first_invite() is None


def test_a_new_first_invite_voids_the_one_before(state: State, clock: Clock) -> None:
    first, second = state.first_invite(), state.first_invite("alice")
    assert first is not None
    assert second is not None
    refused(state, InviteFault.UNKNOWN, first, "alice", blob(1), clock.now)
    refused(state, InviteFault.NAME_PRESET, second, "bob", blob(1), clock.now)
    state.redeem(second, "alice", blob(1), clock.now)


def test_the_first_invite_is_void_once_there_is_a_user(state: State, clock: Clock) -> None:
    code = state.first_invite()
    assert code is not None
    state.add_user("alice")
    assert state.invite(code, clock.now) is None
    assert state.invites() == []
    refused(state, InviteFault.USED, code, "bob", blob(1), clock.now)


def test_a_hub_whose_users_are_all_gone_begins_again(state: State, clock: Clock) -> None:
    before = state.add_user("alice")
    state.remove_user("alice")
    code = state.first_invite()
    assert code is not None
    assert state.redeem(code, "alice", blob(1), clock.now).uid == before.uid


def test_a_race_for_one_use_has_one_winner(paths: StatePaths, clock: Clock) -> None:
    with State.open(paths, RANGE, clock) as state:
        code = state.create_invite()
    barrier = threading.Barrier(4)
    outcomes: list[str] = []

    def redeem(number: int) -> None:
        # A connection of SQLite belongs to its thread.
        with State.open(paths, RANGE, clock, lambda uid: False) as mine:
            barrier.wait(timeout=120)
            try:
                outcomes.append(mine.redeem(code, f"user{number}", blob(number), clock.now).name)
            except InviteError as error:
                outcomes.append(error.fault.name)

    threads = [threading.Thread(target=redeem, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes)[:3] == ["USED"] * 3
    with State.open(paths, RANGE, clock) as state:
        assert [user.name for user in state.users()] == [
            outcomes[[o.startswith("user") for o in outcomes].index(True)]
        ]


def test_a_removed_user_stays_out_even_with_a_key_that_was_left(state: State) -> None:
    state.add_user("alice", keys=[(blob(1), "")])
    with state._store.transaction():
        state._store.change("UPDATE users SET state = 'removed'")
    assert state.user_has_key("alice", blob(1)) is None
