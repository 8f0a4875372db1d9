"""What an administrator can do: the operations behind the control socket and the command line.

Owns: the name, the arguments and the answer of each operation, and the order of its steps: the way
in is shut first, then sessions end, then files go. Must not know: sockets, terminals, how sessions
are run.

While a hub runs, it holds these and serves them; while none does, the command line calls the same
ones directly. Arguments come as JSON and are checked here.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Final, Protocol, TypeVar

from nacre.hub.config import HubConfig
from nacre.hub.control import Handler
from nacre.hub.durations import parse_duration
from nacre.hub.homes import delete_home
from nacre.hub.invites import Invite
from nacre.hub.isolation import choose
from nacre.hub.paths import StatePaths
from nacre.hub.problem import HubProblem
from nacre.hub.state import State
from nacre.hub.users import Role, User, UserKey

__all__ = ["Operations", "SessionControl", "SessionRow"]

T = TypeVar("T")

#: The most keys that one request may bring.
MAX_KEYS: Final = 50


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A running session, as it is listed.

    Attributes:
        id: what `session end` takes.
        user: whose it is.
        app: the name of the app.
        started: wall-clock time in seconds.
        state: "attached" or "detached".
        pid: of the app's process.
    """

    id: str
    user: str
    app: str
    started: float
    state: str
    pid: int


class SessionControl(Protocol):
    """What the operations need of the sessions; the running hub gives it."""

    async def sessions(self) -> list[SessionRow]:
        """Return all that run."""
        ...

    async def end_session(self, session_id: str) -> bool:
        """End one and wait for its end; False when there is no such session."""
        ...

    async def end_user_sessions(self, name: str) -> int:
        """Close a user's connections, end the user's sessions, wait, and return how many these were."""
        ...


def _argument(arguments: Mapping[str, object], name: str, kind: type[T], default: T | None = None) -> T:
    value = arguments.get(name, default)
    # A bool is an int in Python.
    if isinstance(value, kind) and not (kind is not bool and isinstance(value, bool)):
        return value
    raise HubProblem(f"the command gave no proper {name}", "is it another version of nacre than the hub?")


def _seconds(arguments: Mapping[str, object], name: str, default: float) -> float:
    value = arguments.get(name, default)
    if isinstance(value, int | float):
        # JSON knows infinity and integers of any size, and this refuses them.
        with suppress(ValueError):
            return parse_duration(value)
    raise HubProblem(f"the command gave no proper {name}", "is it another version of nacre than the hub?")


def _optional(arguments: Mapping[str, object], name: str) -> str | None:
    return None if arguments.get(name) is None else _argument(arguments, name, str)


def _keys(arguments: Mapping[str, object]) -> list[tuple[bytes, str]]:
    given = _argument(arguments, "keys", list)
    if len(given) > MAX_KEYS:
        raise HubProblem(f"{len(given)} keys are too many at once", f"give at most {MAX_KEYS}")
    found = []
    for entry in given:
        if not isinstance(entry, dict):
            raise HubProblem("the command gave no proper keys")
        try:
            blob = base64.b64decode(_argument(entry, "blob", str), validate=True)
        except (binascii.Error, ValueError):
            raise HubProblem("the command gave no proper keys") from None
        found.append((blob, _argument(entry, "comment", str, "")))
    return found


def _user_row(user: User) -> dict[str, object]:
    return {"name": user.name, "role": user.role.value, "uid": user.uid, "created": user.created}


def _key_row(key: UserKey) -> dict[str, object]:
    return {
        "number": key.number,
        "user": key.user,
        "algorithm": key.algorithm,
        "fingerprint": key.fingerprint,
        "comment": key.comment,
        "added": key.added,
    }


def _invite_row(invite: Invite) -> dict[str, object]:
    return {**asdict(invite), "role": invite.role.value}


class Operations:
    """The operations on one state.

    Args:
        paths: the state's directory.
        state: open.
        config: the effective configuration, with the port that is really listened on.
        sessions: the running hub's; None while no hub runs.
    """

    def __init__(
        self, paths: StatePaths, state: State, config: HubConfig, sessions: SessionControl | None = None
    ) -> None:
        self._paths = paths
        self._state = state
        self._config = config
        self._sessions = sessions
        # A user must not come back while the home of before is being deleted.
        self._homes = asyncio.Lock()
        self._separates: bool | None = None

    def handlers(self) -> dict[str, Handler]:
        """Return every operation by its name."""
        return {
            "ping": self._ping,
            "user.add": self._user_add,
            "user.list": self._user_list,
            "user.remove": self._user_remove,
            "key.add": self._key_add,
            "key.list": self._key_list,
            "key.remove": self._key_remove,
            "invite.create": self._invite_create,
            "invite.list": self._invite_list,
            "invite.revoke": self._invite_revoke,
            "session.list": self._session_list,
            "session.end": self._session_end,
        }

    async def _ping(self, arguments: Mapping[str, object]) -> object:
        return {"pid": os.getpid(), "running": self._sessions is not None}

    async def _user_add(self, arguments: Mapping[str, object]) -> object:
        async with self._homes:
            await self._refuse_second_user(_argument(arguments, "name", str))
            return self._add_user(arguments)

    def _add_user(self, arguments: Mapping[str, object]) -> object:
        name = _argument(arguments, "name", str)
        role = Role.parse(_argument(arguments, "role", str, Role.USER.value))
        back = self._state.removed_user(name) is not None
        user = self._state.add_user(name, role, _keys(arguments))
        return {**_user_row(user), "returned": back}

    async def _refuse_second_user(self, name: str | None) -> None:
        """Keep a hub that cannot keep users apart at one, unless the administrator chose that."""
        if not self._state.has_users() or (name is not None and self._state.user(name) is not None):
            return
        if self._paths.as_root:
            # Each has a uid of their own there, or the hub does not start.
            return
        if self._separates is None:
            # It tries a program or two; the hub must not stand still meanwhile.
            isolation = await asyncio.to_thread(choose, self._config.isolation, self._paths)
            self._separates = isolation.may_serve_others
        if not self._separates:
            raise HubProblem(
                "users would share this account and could read each other's files, so there can be one only",
                'install bubblewrap, start the hub as root, or set isolation = "none"',
            )

    async def _user_list(self, arguments: Mapping[str, object]) -> object:
        counts: dict[str, int] = {}
        for key in self._state.keys(None):
            counts[key.user] = counts.get(key.user, 0) + 1
        return [{**_user_row(user), "keys": counts.get(user.name, 0)} for user in self._state.users()]

    async def _user_remove(self, arguments: Mapping[str, object]) -> object:
        async with self._homes:
            return await self._remove_user(arguments)

    async def _remove_user(self, arguments: Mapping[str, object]) -> object:
        name = _argument(arguments, "name", str)
        delete = _argument(arguments, "delete_home", bool, default=False)
        # A second call, to have the home deleted after all, finds the user removed.
        if not (delete and self._state.removed_user(name) is not None):
            self._state.remove_user(name)
        ended = 0 if self._sessions is None else await self._sessions.end_user_sessions(name)
        home = self._paths.home(name)
        kept = home.is_dir() and not home.is_symlink()
        if delete:
            # It may hold a hundred thousand files; the hub must not stand still meanwhile.
            await asyncio.to_thread(delete_home, self._paths, name)
            self._state.home_deleted(name)
        return {"name": name, "sessions": ended, "home": str(home) if kept else None, "deleted": delete}

    async def _key_add(self, arguments: Mapping[str, object]) -> object:
        name = _argument(arguments, "name", str)
        return [_key_row(key) for key in self._state.add_keys(name, _keys(arguments))]

    async def _key_list(self, arguments: Mapping[str, object]) -> object:
        return [_key_row(key) for key in self._state.keys(_optional(arguments, "name"))]

    async def _key_remove(self, arguments: Mapping[str, object]) -> object:
        name, which = _argument(arguments, "name", str), _argument(arguments, "key", str)
        return _key_row(self._state.remove_key(name, which))

    async def _invite_create(self, arguments: Mapping[str, object]) -> object:
        user = _optional(arguments, "user")
        if not self._state.has_users():
            # Whoever reads this code owns the hub; the command line vouches for its terminal.
            if not _argument(arguments, "terminal", bool, default=False):
                raise HubProblem(
                    "the first invite makes the administrator and is shown on a terminal only",
                    "run this command in a terminal, without a pipe",
                )
            code = self._state.first_invite(user)
        else:
            await self._refuse_second_user(user)
            code = self._state.create_invite(
                user,
                Role.parse(_argument(arguments, "role", str, Role.USER.value)),
                _argument(arguments, "uses", int, 1),
                _seconds(arguments, "expires", 7 * 86400.0),
            )
        invite = None if code is None else self._state.invite(code, time.time())
        if code is None or invite is None:
            raise HubProblem("the invite is void already", "make another")
        # One for a user who is there binds a key, and leaves the role alone.
        there = None if user is None else self._state.user(user)
        role = invite.role if there is None else there.role
        return {
            **_invite_row(invite),
            "role": role.value,
            "code": code,
            "type": self._config.ssh_command(code),
        }

    async def _invite_list(self, arguments: Mapping[str, object]) -> object:
        return [_invite_row(invite) for invite in self._state.invites()]

    async def _invite_revoke(self, arguments: Mapping[str, object]) -> object:
        self._state.revoke_invite(_argument(arguments, "number", int))
        return None

    async def _session_list(self, arguments: Mapping[str, object]) -> object:
        now = time.time()
        rows = await self._running().sessions()
        return [{**asdict(row), "seconds": max(0.0, now - row.started)} for row in rows]

    async def _session_end(self, arguments: Mapping[str, object]) -> object:
        session = _argument(arguments, "id", str)
        if not await self._running().end_session(session):
            raise HubProblem(
                f"there is no session {session[:40]!r}", "nacre hub session list shows which there are"
            )
        return {"id": session}

    def _running(self) -> SessionControl:
        if self._sessions is None:
            raise HubProblem(f"no hub runs on {self._paths.root}", "start one: nacre hub")
        return self._sessions
