"""The hub's state: who may come in, with which keys, and by which invites.

Owns: every rule about users, keys and invites, each change as one transaction. Must not know: SSH,
sessions, homes. Everything is synchronous and small; a change costs one fsync.

A removed user keeps the row and the uid. While the home is kept, the name is kept with it: only an
administrator can bring it back, so that nobody who picks a free name gets somebody else's files.
"""

from __future__ import annotations

import grp
import hashlib
import hmac
import pwd
import time
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Final, Self

from nacre.hub import invites
from nacre.hub.invites import Invite, InviteError, InviteFault
from nacre.hub.leftovers import left_of
from nacre.hub.paths import StatePaths
from nacre.hub.problem import HubProblem, StateError, one_line
from nacre.hub.store import Store, glance
from nacre.hub.uid_claims import GivenUids
from nacre.hub.users import (
    Role,
    User,
    UserKey,
    check_user_name,
    fingerprint,
    is_user_name,
    key_algorithm,
)

__all__ = [
    "FIRST_INVITE_SECONDS",
    "MAX_INVITE_SECONDS",
    "MAX_INVITE_USES",
    "State",
    "glance_at_uids",
    "uid_in_use",
]

#: How long the invite that makes the administrator is valid.
FIRST_INVITE_SECONDS: Final = 3600.0
MAX_INVITE_SECONDS: Final = 366 * 86400.0
MAX_INVITE_USES: Final = 1000

#: Larger than any key that is accepted: an RSA key of 16384 bits takes 2 KiB.
MAX_BLOB: Final = 8192
MAX_COMMENT: Final = 200

#: Void invites are kept so long, for an answer that says why they are void.
_KEEP_VOID: Final = 30 * 86400.0

#: The fewest characters of a fingerprint that name a key.
_MIN_FINGERPRINT: Final = 6


#: Says where a new uid comes from, when one is needed; knows what has been given out.
UidSource = Callable[[GivenUids], tuple[int, int]]


def uid_in_use(uid: int) -> bool:
    """Tell whether the system has an account or a group of this number, or a process under it."""
    for look_up in (pwd.getpwuid, grp.getgrgid):
        try:
            look_up(uid)
        except KeyError:
            continue
        return True
    return bool(left_of(uid, ()))


class State:
    """Users, keys and invites in one database. Made by `open`."""

    def __init__(
        self,
        store: Store,
        uid_range: tuple[int, int] | UidSource,
        clock: Callable[[], float],
        uid_taken: Callable[[int], bool],
    ) -> None:
        self._store = store
        self._uid_range = uid_range
        self._clock = clock
        self._uid_taken = uid_taken

    @classmethod
    def open(
        cls,
        paths: StatePaths,
        uid_range: tuple[int, int] | UidSource,
        clock: Callable[[], float] = time.time,
        uid_taken: Callable[[int], bool] = uid_in_use,
    ) -> Self:
        """Open the state; the caller holds its lock.

        Args:
            paths: where it is.
            uid_range: the first and the last uid that new users may get, or what says it when asked.
            clock: wall-clock time in seconds, for what is written into records.
            uid_taken: tells that a uid is somebody else's and must not be given to a user.

        Raises:
            StateError: it cannot be used, and why.
        """
        return cls(Store(paths.database), uid_range, clock, uid_taken)

    def close(self) -> None:
        """Close the state. A second call does nothing."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------ users

    def users(self) -> list[User]:
        """Return the users who may come in, by name."""
        rows = self._store.query(
            "SELECT number, name, role, uid, created FROM users WHERE state = 'active' ORDER BY name"
        )
        return [_user(row) for row in rows]

    def has_users(self) -> bool:
        """Tell whether anybody may come in."""
        return bool(self._store.query("SELECT 1 FROM users WHERE state = 'active' LIMIT 1"))

    def user(self, name: str) -> User | None:
        """Return the user of this name, or None."""
        return self._find(name, "active")

    def removed_user(self, name: str) -> User | None:
        """Return the user of this name who was removed and whose home is kept, or None."""
        return self._find(name, "removed")

    def _find(self, name: str, state: str) -> User | None:
        if not is_user_name(name):
            return None
        rows = self._store.query(
            "SELECT number, name, role, uid, created FROM users WHERE name = ? AND state = ?", (name, state)
        )
        return _user(rows[0]) if rows else None

    def _need(self, name: str) -> User:
        user = self.user(name)
        if user is None:
            raise HubProblem(f"there is no user {name[:40]!r}", "nacre hub user list shows who there is")
        return user

    def add_user(self, name: str, role: Role = Role.USER, keys: Iterable[tuple[bytes, str]] = ()) -> User:
        """Add a user, or bring a removed one back, with the uid and the home of before.

        Args:
            name: see `users.is_user_name`.
            role: what the user may do.
            keys: (public key blob, comment) of each key.

        Raises:
            HubProblem: the name cannot be used, or there is such a user.
        """
        check_user_name(name)
        with self._store.transaction():
            if self.user(name) is not None:
                raise HubProblem(f"there is a user {name} already", f"nacre hub key add {name} adds a key")
            user = self._enter(name, role)
            for blob, comment in keys:
                self._bind(user, blob, comment)
        return user

    def _enter(self, name: str, role: Role) -> User:
        """Make the row of a user active, inside the caller's transaction."""
        now = self._clock()
        back = self._store.change(
            "UPDATE users SET state = 'active', removed = NULL, role = ? WHERE name = ? AND state = 'removed'",
            (role.value, name),
        )
        if not back:
            self._store.change(
                "INSERT INTO users (name, role, uid, state, created) VALUES (?, ?, ?, 'active', ?)",
                (name, role.value, self._free_uid(), now),
            )
        return self._need(name)

    def _free_uid(self) -> int:
        source = self._uid_range
        low, high = source if isinstance(source, tuple) else source(self.given_uids())
        ((last,),) = self._store.query("SELECT max(uid) FROM users WHERE uid BETWEEN ? AND ?", (low, high))
        uid = last + 1 if isinstance(last, int) else low
        while uid <= high:
            if not self._uid_taken(uid):
                return uid
            uid += 1
        raise StateError(f"every uid from {low} to {high} has been given out", "widen uid_range in hub.toml")

    def given_uids(self) -> GivenUids:
        """Return every uid that was ever given to a user here."""
        return _given(self._store.query(_GIVEN))

    def remove_user(self, name: str) -> User:
        """Keep a user from coming in, and forget the user's keys. The home and the uid stay the user's.

        Raises:
            HubProblem: there is no such user.
        """
        with self._store.transaction():
            user = self._need(name)
            self._store.change("DELETE FROM keys WHERE user = ?", (user.number,))
            # An invite that presets the name would bring the user back.
            self._store.change("UPDATE invites SET uses = 0 WHERE user = ?", (name,))
            self._store.change(
                "UPDATE users SET state = 'removed', removed = ? WHERE number = ?",
                (self._clock(), user.number),
            )
        return user

    def home_deleted(self, name: str) -> None:
        """Note that a removed user's home is gone: the name is free again, for somebody with another uid."""
        with self._store.transaction():
            self._store.change(
                "UPDATE users SET state = 'deleted' WHERE name = ? AND state = 'removed'", (name,)
            )

    # ------------------------------------------------------------ keys

    def user_has_key(self, name: str, blob: bytes) -> User | None:
        """Return the user `name` if `blob` is one of the user's keys.

        The key is looked up, whoever is asked for; the names come after, in memory. So an unknown
        user, a removed one and a known one whose key it is not cost the same work.
        """
        rows = self._store.query(
            "SELECT users.number, name, role, uid, created, state, blob FROM keys "
            "CROSS JOIN users ON users.number = keys.user WHERE keys.digest = ?",
            (_key_digest(blob),),
        )
        wanted = name.encode("utf-8", "surrogatepass")
        found = None
        for *row, state, stored in rows:
            same = hmac.compare_digest(str(row[1]).encode("utf-8"), wanted)
            if same and state == "active" and stored == blob:
                found = _user(tuple(row))
        return found

    def keys(self, name: str | None = None) -> list[UserKey]:
        """Return the keys of one user, or of all. HubProblem when there is no such user."""
        owner = None if name is None else self._need(name).number
        rows = self._store.query(
            "SELECT keys.number, name, blob, comment, added FROM keys JOIN users ON users.number = keys.user "
            "WHERE state = 'active' AND (?1 IS NULL OR users.number = ?1) ORDER BY name, keys.number",
            (owner,),
        )
        return [_key(row) for row in rows]

    def add_key(self, name: str, blob: bytes, comment: str = "") -> UserKey:
        """Bind a key to a user. HubProblem: no such user, no key, or it is bound to that user already."""
        return self.add_keys(name, [(blob, comment)])[0]

    def add_keys(self, name: str, keys: Sequence[tuple[bytes, str]]) -> list[UserKey]:
        """Bind all of some keys, (public key blob, comment) each, or none; otherwise as `add_key`."""
        with self._store.transaction():
            user = self._need(name)
            for blob, comment in keys:
                self._bind(user, blob, comment)
        return self.keys(name)[-len(keys) :] if keys else []

    def _bind(self, user: User, blob: bytes, comment: str) -> None:
        """Bind a key, inside the caller's transaction."""
        key_algorithm(blob)
        if len(blob) > MAX_BLOB:
            raise HubProblem(
                f"a key of {len(blob)} bytes is too large", f"use one of at most {MAX_BLOB} bytes"
            )
        added = self._store.change(
            "INSERT INTO keys (user, digest, blob, comment, added) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (user.number, _key_digest(blob), blob, one_line(comment)[:MAX_COMMENT], self._clock()),
        )
        if not added:
            raise HubProblem(f"{user.name} has the key {fingerprint(blob)} already", "nothing is left to do")

    def remove_key(self, name: str, which: str) -> UserKey:
        """Take a key from a user.

        Args:
            name: the user.
            which: the key's number, its fingerprint, or an unambiguous beginning of that.

        Raises:
            HubProblem: there is no such user or key, or more than one.
        """
        wanted = which if which.startswith("SHA256:") else f"SHA256:{which}"
        with self._store.transaction():
            found = [key for key in self.keys(name) if str(key.number) == which]
            if not found and len(wanted) >= len("SHA256:") + _MIN_FINGERPRINT:
                found = [key for key in self.keys(name) if key.fingerprint.startswith(wanted)]
            if len(found) != 1:
                count = "no key" if not found else f"{len(found)} keys"
                raise HubProblem(
                    f"{name} has {count} {which[:80]!r}",
                    f"give the number or the fingerprint that nacre hub key list {name} shows",
                )
            self._store.change("DELETE FROM keys WHERE number = ?", (found[0].number,))
        return found[0]

    # ------------------------------------------------------------ invites

    def create_invite(
        self, user: str | None = None, role: Role = Role.USER, uses: int = 1, expires: float = 7 * 86400.0
    ) -> str:
        """Make an invite and return its code, which is not stored.

        Args:
            user: the name that it is for, or None to let its user choose. For a user who exists it
                binds one more key and leaves the role alone.
            role: of the new user.
            uses: how many may come in by it.
            expires: how long it is valid, in seconds.

        Raises:
            HubProblem: a value is out of its bounds.
        """
        if user is not None:
            check_user_name(user)
        if not 1 <= uses <= MAX_INVITE_USES:
            raise HubProblem(f"an invite cannot have {uses} uses", f"give 1 to {MAX_INVITE_USES}")
        if not 1.0 <= expires <= MAX_INVITE_SECONDS:
            raise HubProblem(f"an invite cannot be valid for {expires:g} seconds", "give 1s to 366d")
        return self._write_invite(user, role, uses, expires, first=False)

    def first_invite(self, user: str | None = None) -> str | None:
        """Make the invite of the administrator, while there is no user; else return None.

        It is valid for an hour and voids the one before. It is to be shown on a terminal only:
        whoever reads it owns the hub.
        """
        if self.has_users():
            return None
        if user is not None:
            check_user_name(user)
        return self._write_invite(user, Role.ADMIN, 1, FIRST_INVITE_SECONDS, first=True)

    def _write_invite(self, user: str | None, role: Role, uses: int, expires: float, *, first: bool) -> str:
        code = invites.new_code()
        symbols = invites.normalise(code)
        if symbols is None:
            raise RuntimeError("a new code has no normal form")
        now = self._clock()
        with self._store.transaction():
            self._store.change("DELETE FROM invites WHERE expires < ?", (now - _KEEP_VOID,))
            if first:
                self._store.change("DELETE FROM invites WHERE first = 1")
            self._store.change(
                "INSERT INTO invites (digest, user, role, uses, first, created, expires) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (invites.digest(symbols), user, role.value, uses, int(first), now, now + expires),
            )
        return code

    def invites(self) -> list[Invite]:
        """Return the invites that are still valid."""
        rows = self._store.query(
            "SELECT number, user, role, uses, created, expires, first FROM invites ORDER BY number"
        )
        return [invite for invite in map(_invite, rows) if self._fault(invite, self._clock()) is None]

    def revoke_invite(self, number: int) -> None:
        """Void an invite. HubProblem when there is no valid one of this number."""
        with self._store.transaction():
            if not self._store.change("UPDATE invites SET uses = 0 WHERE number = ? AND uses > 0", (number,)):
                raise HubProblem(f"there is no invite {number}")

    def invite(self, code: str, now: float) -> Invite | None:
        """Return the invite of this code if it is valid at `now` (wall clock), else None."""
        invite = self._look_up(code)
        return invite if invite is not None and self._fault(invite, now) is None else None

    def _look_up(self, code: str) -> Invite | None:
        symbols = invites.normalise(code)
        # What cannot be a code is looked up as well: the same work for every name.
        key = invites.digest(symbols or "")
        rows = self._store.query(
            "SELECT number, user, role, uses, created, expires, first FROM invites WHERE digest = ?", (key,)
        )
        return _invite(rows[0]) if rows else None

    def _fault(self, invite: Invite, now: float) -> InviteFault | None:
        if invite.uses < 1:
            return InviteFault.USED
        if now >= invite.expires:
            return InviteFault.EXPIRED
        if invite.first and self.has_users():
            return InviteFault.USED
        return None

    def redeem(self, code: str, user_name: str, key_blob: bytes, now: float, comment: str = "") -> User:
        """Make a user, or bind a key to the one that the invite presets, and use the invite up.

        Args:
            code: as it was typed.
            user_name: the name that was chosen or confirmed.
            key_blob: the public key whose signature has been verified.
            now: wall-clock time in seconds.
            comment: to keep beside the key.

        Raises:
            InviteError: why not; nothing is changed then.
        """
        with self._store.transaction():
            invite = self._look_up(code)
            if invite is None:
                raise InviteError(InviteFault.UNKNOWN)
            fault = self._fault(invite, now) or self._name_fault(invite, user_name)
            if fault is not None:
                raise InviteError(fault)
            user = self.user(user_name)
            if user is not None and self.user_has_key(user_name, key_blob) is not None:
                raise InviteError(InviteFault.KEY_KNOWN)
            if user is None:
                user = self._enter(user_name, invite.role)
            self._bind(user, key_blob, comment)
            self._store.change("UPDATE invites SET uses = uses - 1 WHERE number = ?", (invite.number,))
        return user

    def _name_fault(self, invite: Invite, name: str) -> InviteFault | None:
        if not is_user_name(name):
            return InviteFault.NAME_INVALID
        if invite.user is not None:
            return None if name == invite.user else InviteFault.NAME_PRESET
        if self.user(name) is not None:
            return InviteFault.NAME_TAKEN
        # The home of before would come with the name. The first invite comes from an administrator.
        if self.removed_user(name) is not None and not invite.first:
            return InviteFault.NAME_TAKEN
        return None


_GIVEN: Final = "SELECT uid, state = 'deleted' FROM users"


def _given(rows: Iterable[tuple[Any, ...]]) -> GivenUids:
    uids: tuple[set[int], set[int]] = (set(), set())
    for uid, deleted in rows:
        uids[deleted].add(uid)
    return GivenUids(frozenset(uids[0]), frozenset(uids[1]))


def glance_at_uids(paths: StatePaths) -> GivenUids:
    """Return `State.given_uids` of a state that may be in use, or not be there; nothing is changed."""
    return _given(glance(paths.database, _GIVEN))


def _key_digest(blob: bytes) -> bytes:
    return hashlib.sha256(blob).digest()


# The schema decides the types of the columns; SQLite's interface cannot tell them.


def _user(row: tuple[Any, ...]) -> User:
    number, name, role, uid, created = row
    return User(number, name, Role(role), uid, created)


def _key(row: tuple[Any, ...]) -> UserKey:
    number, user, blob, comment, added = row
    return UserKey(number, user, key_algorithm(blob), blob, fingerprint(blob), comment, added)


def _invite(row: tuple[Any, ...]) -> Invite:
    number, user, role, uses, created, expires, first = row
    return Invite(number, user, Role(role), uses, created, expires, bool(first))
