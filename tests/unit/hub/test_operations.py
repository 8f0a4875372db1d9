"""What administrators can do, on a real state with stand-ins for the sessions."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nacre.hub import operations
from nacre.hub.config import HubConfig
from nacre.hub.homes import ensure_home
from nacre.hub.isolation import Isolation, Mode
from nacre.hub.operations import Operations, SessionRow
from nacre.hub.paths import StatePaths, prepare
from nacre.hub.problem import HubProblem
from nacre.hub.state import State
from nacre.hub.users import Role


def blob(number: int) -> bytes:
    return b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + number.to_bytes(32, "big")


def key(number: int, comment: str = "") -> dict[str, str]:
    return {"blob": base64.b64encode(blob(number)).decode(), "comment": comment}


class Sessions:
    """Stands in for the running hub, and notes what was true when it was called."""

    def __init__(self, paths: StatePaths, state: State) -> None:
        self.paths, self.state = paths, state
        self.rows = [SessionRow("s1", "alice", "notebook", 1000.0, "detached", 42)]
        self.ended: list[tuple[str, bool, bool]] = []

    async def sessions(self) -> list[SessionRow]:
        return self.rows

    async def end_session(self, session_id: str) -> bool:
        return session_id == "s1"

    async def end_user_sessions(self, name: str) -> int:
        self.ended.append((name, self.state.user(name) is not None, self.paths.home(name).exists()))
        return 3


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    return prepare(tmp_path / "state")


@pytest.fixture
def state(paths: StatePaths) -> Iterator[State]:
    with State.open(paths, (70000, 79999)) as opened:
        yield opened


@pytest.fixture(autouse=True)
def separates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Users are kept apart, whatever this machine can do; a test of the refusal says otherwise."""
    monkeypatch.setattr(operations, "choose", lambda *_: Isolation(Mode.BUBBLEWRAP, by_admin=False))


@pytest.fixture
def sessions(paths: StatePaths, state: State) -> Sessions:
    return Sessions(paths, state)


def do(
    paths: StatePaths, state: State, operation: str, sessions: Sessions | None = None, **arguments: object
) -> Any:
    async def run() -> object:
        return await Operations(paths, state, HubConfig(), sessions).handlers()[operation](arguments)

    answer = asyncio.run(run())
    assert json.loads(json.dumps(answer)) == answer, "the socket carries JSON"
    return answer


def test_users_are_added_and_listed(paths: StatePaths, state: State) -> None:
    added = do(paths, state, "user.add", name="alice", role="admin", keys=[key(1, "laptop"), key(2)])
    assert (added["name"], added["role"], added["uid"], added["returned"]) == ("alice", "admin", 70000, False)
    do(paths, state, "user.add", name="bob", keys=[])
    listed = do(paths, state, "user.list")
    assert [(user["name"], user["role"], user["keys"]) for user in listed] == [
        ("alice", "admin", 2),
        ("bob", "user", 0),
    ]


def test_a_removed_user_loses_the_way_in_first_then_the_sessions(
    paths: StatePaths, state: State, sessions: Sessions
) -> None:
    state.add_user("alice", keys=[(blob(1), "")])
    home = ensure_home(paths, "alice", None)
    removed = do(paths, state, "user.remove", sessions, name="alice")
    assert removed == {"name": "alice", "sessions": 3, "home": str(home), "deleted": False}
    assert sessions.ended == [("alice", False, True)]
    assert home.is_dir()
    assert do(paths, state, "user.add", name="alice", keys=[])["returned"] is True


def test_the_home_goes_last_and_on_request(paths: StatePaths, state: State, sessions: Sessions) -> None:
    before = state.add_user("alice")
    home = ensure_home(paths, "alice", None)
    (home / "thesis").write_text("x")
    removed = do(paths, state, "user.remove", sessions, name="alice", delete_home=True)
    assert removed == {"name": "alice", "sessions": 3, "home": str(home), "deleted": True}
    assert sessions.ended == [("alice", False, True)]
    assert not home.exists()
    again = do(paths, state, "user.add", name="alice", keys=[])
    assert again["returned"] is False
    assert again["uid"] != before.uid


def test_a_home_can_be_deleted_later(paths: StatePaths, state: State, sessions: Sessions) -> None:
    state.add_user("alice")
    home = ensure_home(paths, "alice", None)
    do(paths, state, "user.remove", sessions, name="alice")
    with pytest.raises(HubProblem, match="there is no user 'alice'"):
        do(paths, state, "user.remove", sessions, name="alice")
    assert do(paths, state, "user.remove", sessions, name="alice", delete_home=True)["deleted"] is True
    assert not home.exists()
    with pytest.raises(HubProblem, match="there is no user 'alice'"):
        do(paths, state, "user.remove", sessions, name="alice", delete_home=True)


def test_a_user_who_never_came_has_no_home(paths: StatePaths, state: State) -> None:
    state.add_user("alice")
    assert do(paths, state, "user.remove", name="alice")["home"] is None


def test_a_home_that_is_a_link_is_not_touched(paths: StatePaths, state: State, tmp_path: Path) -> None:
    state.add_user("alice")
    (tmp_path / "precious").mkdir()
    paths.home("alice").symlink_to(tmp_path / "precious")
    with pytest.raises(HubProblem, match="is not a directory"):
        do(paths, state, "user.remove", name="alice", delete_home=True)
    assert (tmp_path / "precious").is_dir()
    assert state.user("alice") is None, "the way in is shut all the same"


@pytest.mark.parametrize("name", ["../x", "..", "a/b", "", "root", "x" * 500])
def test_no_name_leads_out_of_the_homes(paths: StatePaths, state: State, name: str) -> None:
    with pytest.raises(HubProblem, match="there is no user"):
        do(paths, state, "user.remove", name=name, delete_home=True)


def test_keys_come_and_go(paths: StatePaths, state: State) -> None:
    state.add_user("alice")
    (added,) = do(paths, state, "key.add", name="alice", keys=[key(1, "laptop")])
    assert (added["user"], added["algorithm"], added["comment"]) == ("alice", "ssh-ed25519", "laptop")
    assert "blob" not in added
    assert do(paths, state, "key.list") == do(paths, state, "key.list", name="alice") == [added]
    assert do(paths, state, "key.remove", name="alice", key=added["fingerprint"]) == added
    assert do(paths, state, "key.list") == []


def test_the_first_invite_needs_a_terminal_and_makes_the_administrator(
    paths: StatePaths, state: State
) -> None:
    for arguments in ({}, {"terminal": False}, {"role": "user"}):
        with pytest.raises(HubProblem, match="shown on a terminal only; run this command in a terminal"):
            do(paths, state, "invite.create", **arguments)
    assert state.invites() == []
    invite = do(paths, state, "invite.create", role="user", expires=1e6, uses=9, terminal=True)
    assert (invite["first"], invite["role"], invite["uses"]) == (True, "admin", 1)
    assert invite["expires"] - invite["created"] == pytest.approx(3600)
    assert invite["type"] == f"ssh -p 8022 {invite['code']}@127.0.0.1"
    assert state.redeem(invite["code"], "alice", blob(1), time.time()).role is Role.ADMIN


def test_an_invite_for_somebody_who_is_there_tells_the_role_of_before(
    paths: StatePaths, state: State
) -> None:
    state.add_user("ada", Role.ADMIN)
    invite = do(paths, state, "invite.create", user="ada", role="user")
    assert invite["role"] == "admin"
    assert state.redeem(invite["code"], "ada", blob(2), time.time()).role is Role.ADMIN


def test_later_invites(paths: StatePaths, state: State) -> None:
    state.add_user("admin", Role.ADMIN)
    invite = do(paths, state, "invite.create", user="alice", role="user", uses=2, expires=90)
    assert (invite["first"], invite["user"], invite["uses"]) == (False, "alice", 2)
    (listed,) = do(paths, state, "invite.list")
    assert listed["number"] == invite["number"]
    assert "code" not in listed
    assert "digest" not in listed
    do(paths, state, "invite.revoke", number=listed["number"])
    assert do(paths, state, "invite.list") == []
    assert do(paths, state, "invite.create")["user"] is None


def test_sessions_are_listed_and_ended(paths: StatePaths, state: State, sessions: Sessions) -> None:
    (row,) = do(paths, state, "session.list", sessions)
    assert row.pop("seconds") > 0
    assert row == {
        "id": "s1",
        "user": "alice",
        "app": "notebook",
        "started": 1000.0,
        "state": "detached",
        "pid": 42,
    }
    assert do(paths, state, "session.end", sessions, id="s1") == {"id": "s1"}
    with pytest.raises(
        HubProblem, match="there is no session 's2'; nacre hub session list shows which there are"
    ):
        do(paths, state, "session.end", sessions, id="s2")


def test_without_a_hub_there_are_no_sessions(paths: StatePaths, state: State, sessions: Sessions) -> None:
    for operation, arguments in (("session.list", {}), ("session.end", {"id": "s1"})):
        with pytest.raises(HubProblem, match="no hub runs on"):
            do(paths, state, operation, **arguments)
    assert do(paths, state, "ping")["running"] is False
    assert do(paths, state, "ping", sessions)["running"] is True


BAD: list[tuple[str, dict[str, object]]] = [
    ("user.add", {}),
    ("user.add", {"name": 1, "keys": []}),
    ("user.add", {"name": "alice"}),
    ("user.add", {"name": "alice", "keys": {}}),
    ("user.add", {"name": "alice", "keys": [1]}),
    ("user.add", {"name": "alice", "keys": [{}]}),
    ("user.add", {"name": "alice", "keys": [{"blob": "é"}]}),
    ("user.add", {"name": "alice", "keys": [{"blob": "!!!!"}]}),
    ("user.add", {"name": "alice", "keys": [{"blob": "AAAA"}]}),
    ("user.add", {"name": "alice", "keys": [key(n) for n in range(51)]}),
    ("user.add", {"name": "alice", "keys": [], "role": "boss"}),
    ("user.add", {"name": "alice", "keys": [], "role": None}),
    ("user.remove", {"name": None}),
    ("user.remove", {"name": "alice", "delete_home": 1}),
    ("key.add", {"name": "alice", "keys": "x"}),
    ("key.list", {"name": 5}),
    ("key.remove", {"name": "alice"}),
    ("invite.create", {"user": 5}),
    ("invite.create", {"terminal": "yes"}),
    ("invite.revoke", {"number": "1"}),
    ("invite.revoke", {"number": True}),
    ("session.end", {}),
]


@pytest.mark.parametrize(
    ("operation", "arguments"), BAD, ids=[f"{name}-{n}" for n, (name, _) in enumerate(BAD)]
)
def test_arguments_of_another_kind_are_refused(
    paths: StatePaths, state: State, sessions: Sessions, operation: str, arguments: dict[str, object]
) -> None:
    with pytest.raises(HubProblem):
        do(paths, state, operation, sessions, **arguments)
    assert state.users() == []


@pytest.mark.parametrize(
    "arguments",
    [
        {"uses": True},
        {"uses": 1.5},
        {"uses": "1"},
        {"expires": "1h"},
        {"expires": True},
        {"expires": float("inf")},
        {"expires": 10**400},
        {"expires": -1},
    ],
)
def test_numbers_of_an_invite(paths: StatePaths, state: State, arguments: dict[str, object]) -> None:
    state.add_user("admin", Role.ADMIN)
    with pytest.raises(HubProblem, match="the command gave no proper"):
        do(paths, state, "invite.create", **arguments)


def test_a_whole_number_will_do_for_seconds(paths: StatePaths, state: State) -> None:
    state.add_user("admin", Role.ADMIN)
    invite = do(paths, state, "invite.create", expires=60)
    assert invite["expires"] - invite["created"] == pytest.approx(60)


@pytest.fixture
def shared_account(paths: StatePaths, monkeypatch: pytest.MonkeyPatch) -> StatePaths:
    """A state of a hub that is not root, on a machine without bubblewrap."""
    alone = Isolation(Mode.NONE, by_admin=False)
    monkeypatch.setattr(operations, "choose", lambda choice, paths: alone)
    return StatePaths(paths.root, as_root=False)


def test_users_who_cannot_be_kept_apart_stay_alone(shared_account: StatePaths, state: State) -> None:
    do(shared_account, state, "user.add", name="alice", keys=[])
    for operation, arguments in (
        ("user.add", {"name": "bob", "keys": []}),
        ("invite.create", {"user": "bob"}),
        ("invite.create", {}),
    ):
        with pytest.raises(
            HubProblem, match=r'there can be one only; install bubblewrap, .* isolation = "none"'
        ):
            do(shared_account, state, operation, **arguments)
    assert [user.name for user in state.users()] == ["alice"]
    assert state.invites() == []
    # One more key for the one user there is.
    assert do(shared_account, state, "invite.create", user="alice")["user"] == "alice"
    with pytest.raises(HubProblem, match="there is a user alice already"):
        do(shared_account, state, "user.add", name="alice", keys=[])


def test_an_administrator_can_let_users_share_an_account(
    shared_account: StatePaths, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = Isolation(Mode.NONE, by_admin=True)
    monkeypatch.setattr(operations, "choose", lambda choice, paths: chosen)
    for name in ("alice", "bob"):
        do(shared_account, state, "user.add", name=name, keys=[])


def test_users_with_uids_of_their_own_are_apart(paths: StatePaths, state: State) -> None:
    rooted = StatePaths(paths.root, as_root=True)
    for name in ("alice", "bob"):
        do(rooted, state, "user.add", name=name, keys=[])
