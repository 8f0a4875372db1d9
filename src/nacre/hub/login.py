"""Who comes in: public keys and invites, nothing else.

Owns: `HubServer`, the hub's `nacre.SSHServer`: what each login is and what is logged of it. Must
not know: what a session does. A name, a removed name and a wrong key are answered alike, after the
same work; every invite name is let through to the dialogue, which judges the code.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

import nacre
from nacre.hub.invites import is_invite_name, redact
from nacre.hub.problem import one_line
from nacre.hub.route import Login, parse_login
from nacre.hub.state import State
from nacre.hub.users import User, fingerprint
from nacre.hub.visit import Visit

__all__ = ["HubServer", "LoginBook"]

_log: Final = logging.getLogger("nacre.hub")

#: The longest user name that is looked at: a name, "+" and an app; nothing longer can be right.
_LONGEST: Final = 128
#: Sessions that one connection may have open at once (as OpenSSH's MaxSessions), and channels of any kind.
MAX_SESSIONS: Final = 10
MAX_CHANNELS: Final = 64
#: Connections of one user, and connections of all who come with an invite: any key opens these.
MAX_CONNECTIONS: Final = 32
#: Of the latter those of one source, so that nobody keeps the others from using their invites.
MAX_INVITES: Final = 4
#: How long somebody with an invite may stay, in seconds.
INVITE_SECONDS: Final = 300.0
#: What is enough of a client's last words in a log line.
_LONGEST_WHY: Final = 200
#: Refused keys that a log line names.
_MAX_NAMED: Final = 8

_BANNER: Final = (
    "nacre hub: you log in with an SSH key. No key yet? Run  ssh-keygen -t ed25519  on your machine.\n"
)


class LoginBook:
    """What the logins of one hub share.

    Args:
        state: users and keys.
        begin: called with each login's session that has said what it wants.

    Attributes:
        servers: the connections that are open, logged in or not.
    """

    def __init__(self, state: State, begin: Callable[[HubServer, Visit], None]) -> None:
        self.state = state
        self.begin = begin
        self.servers: set[HubServer] = set()

    def server(self) -> HubServer:
        """Make the callbacks of a new connection."""
        return HubServer(self)

    def crowded(self, user: User | None, source: str | None = None) -> bool:
        """Whether a user, or those with invites, have more connections than they may.

        Args:
            user: the user; None: those with invites.
            source: where an invite comes from; None: something that has no bound of its own.
        """
        name = None if user is None else user.name
        same = [
            server
            for server in self.servers
            if server.is_in and (None if server.user is None else server.user.name) == name
        ]
        if user is None and source is not None:
            near = [server for server in same if server.source == source]
            if len(near) > MAX_INVITES:
                return True
        return len(same) > MAX_CONNECTIONS


class HubServer(nacre.SSHServer):
    """The callbacks of one connection.

    Attributes:
        login: the name that logged in, taken apart; None before, and for an invite.
        invite: the invite that somebody came with, as typed; only ever shown redacted.
        user: who it is, as of the login; None for an invite.
        key_blob: the key that logged in.
    """

    def __init__(self, book: LoginBook) -> None:
        self._book = book
        self._conn: nacre.SSHServerConnection
        self._visits: set[Visit] = set()
        self.login: Login | None = None
        self.invite: str | None = None
        self.user: User | None = None
        self.key_blob = b""
        self._tried: str | None = None
        self._refused: list[str] = []
        self._limit: asyncio.TimerHandle | None = None

    @property
    def connection(self) -> nacre.SSHServerConnection:
        """The connection."""
        return self._conn

    # ------------------------------------------------------------ callbacks

    def connection_made(self, conn: nacre.SSHServerConnection) -> None:
        """Keep the connection."""
        self._conn = conn
        self._book.servers.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end; one that was no login is a refusal."""
        self._book.servers.discard(self)
        if self._limit is not None:
            self._limit.cancel()
        why = f": {one_line(str(exc)[:_LONGEST_WHY])}" if exc else ""
        if self.is_in:
            _log.info("logout %s from %s%s", self.name, self.address, why)
        elif self._tried is not None:
            keys = ", ".join(self._refused) or "no key"
            _log.warning("refused %s from %s with %s%s", self._tried, self.address, keys, why)

    def begin_auth(self, username: str) -> bool:
        """Everybody gets the banner, whatever their name, and needs a key."""
        if self._tried is None:
            self._conn.send_auth_banner(_BANNER)
        self._tried = one_line(redact(username[:_LONGEST]))
        return True

    def public_key_auth_supported(self) -> bool:
        """The only way in."""
        return True

    def validate_public_key(self, username: str, key: nacre.SSHKey) -> bool:
        """May this key log this name in? Asked for the query and for the signature alike."""
        blob = key.public_data
        # The same look-up for everybody: an invite's name is nobody's.
        known = self._book.state.user_has_key(parse_login(username[:_LONGEST]).user, blob)
        if known is not None or is_invite_name(username):
            return True
        if (shown := fingerprint(blob)) not in self._refused and len(self._refused) < _MAX_NAMED:
            self._refused.append(shown)
        return False

    def auth_completed(self) -> None:
        """Somebody is in: by the key whose signature was verified, and by nothing that was offered."""
        username = str(self._conn.get_extra_info("username"))
        blob = self._conn.get_extra_info("client_key_blob")
        if not isinstance(blob, bytes):
            self._conn.disconnect(_NO_KEY, "a login without a key")
            return
        self.key_blob = blob
        if is_invite_name(username):
            self.invite = username
            loop = asyncio.get_running_loop()
            self._limit = loop.call_later(INVITE_SECONDS, self._conn.disconnect, _OVER, "this took too long")
        else:
            self.login = parse_login(username)
            self.user = self._book.state.user_has_key(self.login.user, blob)
            if self.user is None:  # removed between the question and now
                self._conn.disconnect(_NO_KEY, "this login is not possible any more")
                return
        _log.info("login %s from %s with %s", self.name, self.address, fingerprint(blob))
        if self._book.crowded(self.user, self.source):
            _log.warning("refused %s from %s: too many connections", self.name, self.address)
            self._conn.disconnect(_CROWDED, "too many connections")

    def session_requested(self) -> Any:
        """A channel for a session; more than a few at once are refused."""
        if len(self._visits) >= MAX_SESSIONS or not self.is_in:
            return False
        visit = Visit(lambda started: self._book.begin(self, started), self.left)
        self._visits.add(visit)
        return self._conn.create_server_channel(encoding=None), visit

    def left(self, visit: Visit) -> None:
        """A visit is over, or its channel went before it began."""
        self._visits.discard(visit)

    # ------------------------------------------------------------ for log lines and the front

    @property
    def is_in(self) -> bool:
        """Whether the login is complete."""
        return self.user is not None or self.invite is not None

    @property
    def name(self) -> str:
        """Who it is, for a log line."""
        if self.user is not None:
            return self.user.name
        return "an invite" if self.invite is not None else "nobody"

    @property
    def source(self) -> str | None:
        """The network that it comes from; None for this machine and what else is exempt."""
        source = self._conn.get_extra_info("source")
        return source if isinstance(source, str) else None

    @property
    def address(self) -> str:
        """Where from, for a log line."""
        peer = self._conn.get_extra_info("peername")
        return one_line(f"{peer[0]} port {peer[1]}") if isinstance(peer, tuple) else "somewhere"

    @property
    def visits(self) -> tuple[Visit, ...]:
        """The session channels that are open."""
        return tuple(self._visits)


_NO_KEY: Final = nacre.DISC_NO_MORE_AUTH_METHODS_AVAILABLE
_CROWDED: Final = nacre.DISC_TOO_MANY_CONNECTIONS
_OVER: Final = nacre.DISC_BY_APPLICATION
