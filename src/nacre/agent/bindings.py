"""Which way a connection to the agent has come: `session-bind@openssh.com` (PROTOCOL.agent 1).

Owns: what was bound to one connection, whether that lets a key be seen and a request be signed, and the
form of a login's request that such a key may sign. Must not know: which keys there are; sockets.

A client binds its connection to the session in which it logs in, or which it forwards the agent to: the
host's key, the session's id, and the host's signature of that id, which proves that the host was there.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final

from nacre.agent.constraints import Destination, permitted, permitted_way
from nacre.errors import KeyImportError, WireError
from nacre.keys import SSHCertificate, SSHKey, SSHKeyPair, decode_shown_key
from nacre.protocol.settings import Info
from nacre.wire.fields import Reader, encode_boolean, encode_string
from nacre.wire.record import hidden, record

#: The name of the extension.
SESSION_BIND: Final = "session-bind@openssh.com"
#: Sessions of one connection; OpenSSH's own bound.
MAX_BINDINGS: Final = 16
#: Bytes of a session's id: those of the longest hash, twice.
MAX_SESSION_ID: Final = 128

_USERAUTH_REQUEST: Final = 50
_SERVICE: Final = "ssh-connection"
_PLAIN, _HOSTBOUND = "publickey", "publickey-hostbound-v00@openssh.com"


class BindingRefused(ValueError):
    """A session that is not bound, or a use that what is bound does not permit."""


@record
class Session:
    """What a client can prove of a session: the end of its first key exchange (RFC 4253 section 8).

    Attributes:
        host_key: what the host has shown: the blob of its key or certificate.
        session_id: the first exchange hash.
        signature: the host's signature of that.
    """

    host_key: bytes
    session_id: bytes = hidden()
    signature: bytes = hidden()

    def binding(self, *, forwarding: bool) -> bytes:
        """Return the content of the extension that binds a connection to this session.

        Args:
            forwarding: whether the host is given the agent, and does not just let the user in.
        """
        parts = encode_string(self.host_key) + encode_string(self.session_id) + encode_string(self.signature)
        return parts + encode_boolean(forwarding)


def session_of(info: Info) -> Session:
    """Return what a client can prove of the session of a connection; its keys were exchanged."""
    return Session(info.host_key_blob, info.session_id, info.host_key_signature)


class _Purpose(Enum):
    """What a connection was bound for."""

    LOGIN = "login"
    FORWARDING = "forwarding"


@record
class _Binding:
    """A session that was proven."""

    shown: SSHKey | SSHCertificate
    session_id: bytes
    purpose: _Purpose


class Bindings:
    """What was bound to one connection.

    Attributes:
        attempted: whether anything was to be: a connection is then not a local one, whatever came of it.
    """

    def __init__(self) -> None:
        self._bound: list[_Binding] = []
        self.attempted = False

    def bind(self, reader: Reader) -> None:
        """Take the content of the extension.

        Raises:
            BindingRefused: it proves nothing, or does not fit what was bound before.
            WireError: it is damaged.
        """
        self.attempted = True
        blob, session_id, signature, forwarding = (
            reader.string(),
            reader.string(),
            reader.string(),
            reader.byte(),
        )
        reader.end()
        if not 0 < len(session_id) <= MAX_SESSION_ID:
            raise BindingRefused(f"a session's id of {len(session_id)} bytes")
        try:
            shown = decode_shown_key(blob)
        except KeyImportError as error:
            raise BindingRefused(f"the host key of a session cannot be used: {error}") from None
        key = shown.key if isinstance(shown, SSHCertificate) else shown
        if key.verify(session_id, signature) is not True:
            raise BindingRefused("the host's signature of a session is wrong")
        for bound in self._bound:
            if bound.purpose is _Purpose.LOGIN:
                raise BindingRefused("the connection is bound to a login: nothing comes behind that")
            if bound.session_id == session_id:
                if bound.shown.public_data == shown.public_data:
                    return  # the same once more
                raise BindingRefused("the session is bound with another host key")
        if len(self._bound) >= MAX_BINDINGS:
            raise BindingRefused(f"more than {MAX_BINDINGS} sessions on one connection")
        purpose = _Purpose.FORWARDING if forwarding else _Purpose.LOGIN
        self._bound.append(_Binding(shown, session_id, purpose))

    # ------------------------------------------------------------ what it permits

    def shows(self, destinations: Sequence[Destination], now: float) -> bool:
        """Return whether a key with these destinations is seen over this connection.

        Args:
            destinations: none: it is seen by everybody.
            now: seconds since 1970-01-01 UTC.
        """
        if not destinations or not self.attempted:
            return True
        if not self._permits(destinations, None, now):
            return False
        last = self._bound[-1]
        # A key that may be used to log in to a host, and not beyond it, is of no use where the agent is
        # forwarded to.
        return last.purpose is _Purpose.LOGIN or permitted(destinations, last.shown, None, None, now)

    def _permits(self, destinations: Sequence[Destination], user: str | None, now: float) -> bool:
        if not self._bound:
            return False  # what was to be bound was refused
        if any(bound.purpose is not _Purpose.FORWARDING for bound in self._bound[:-1]):
            return False
        return permitted_way(destinations, [bound.shown for bound in self._bound], user, now)

    def require_permitted(
        self, pair: SSHKeyPair, destinations: Sequence[Destination], data: bytes, now: float
    ) -> None:
        """Raise unless a key with destinations may sign this over this connection.

        Args:
            pair: the key.
            destinations: at least one.
            data: what is to be signed: a request to log in, and nothing else.
            now: seconds since 1970-01-01 UTC.

        Raises:
            BindingRefused: it may not.
        """
        if not self._bound:
            raise BindingRefused("the connection is bound to no session")
        try:
            request = _read_request(data, pair)
        except WireError as error:
            raise BindingRefused(f"what is to be signed is no request to log in: {error.reason}") from None
        last = self._bound[-1]
        if last.purpose is _Purpose.FORWARDING:
            raise BindingRefused("the connection is bound to where the agent is forwarded, not to a login")
        if not self._permits(destinations, request.user, now):
            raise BindingRefused("this user, or this way, is not among the destinations of the key")
        if request.session_id != last.session_id:
            raise BindingRefused("the request is of another session than the one that was bound last")
        if request.host_key is None:
            if len(self._bound) > 1:
                raise BindingRefused(
                    "the request does not name the host, as it must where the agent is forwarded"
                )
        elif request.host_key != last.shown.public_data:
            raise BindingRefused("the request names another host than the session that was bound last")


@record
class _Request:
    """What a login's request says."""

    session_id: bytes
    user: str
    host_key: bytes | None


def _read_request(data: bytes, pair: SSHKeyPair) -> _Request:
    """Return what is in a request to log in by this key (RFC 4252 section 7, OpenSSH PROTOCOL 3.1).

    Raises:
        WireError: it is none, or another key's.
    """
    reader = Reader(data)
    session_id, number, user = reader.string(), reader.byte(), reader.text()
    service, method, signed = reader.ascii(), reader.ascii(), reader.byte()
    algorithm, blob = reader.ascii(), reader.string()
    host_key = reader.string() if method == _HOSTBOUND else None
    reader.end()
    if not session_id or (number, service, signed) != (_USERAUTH_REQUEST, _SERVICE, 1):
        raise WireError("it begins otherwise")
    if method not in (_PLAIN, _HOSTBOUND):
        raise WireError(f"its method is {method!r}")
    if blob != pair.public_data or algorithm not in (pair.algorithm, *pair.host_key_algorithms):
        raise WireError("it is for another key")
    return _Request(session_id, user, host_key)
