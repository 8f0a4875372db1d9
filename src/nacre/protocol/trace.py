"""A trace of the messages of a connection, such as `ssh -vvv` gives, fit to be shown to others.

Owns: what a message looks like in a trace, and which of its fields do. Must not know: what a message
does, or where a trace is written.

Passwords, answers, signatures, keys, what channels carry and what requests ask for are never in it:
of a field of bytes its size alone is, and of a secret not even that. A line is an arrow, the message's name in the RFC and its fields as
JSON; `nacre.testing` reads such lines and plays them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Final

from nacre.errors import WireError
from nacre.protocol.negotiate import is_gss
from nacre.protocol.settings import Role
from nacre.wire import transport
from nacre.wire.auth import (
    HOSTBASED,
    HOSTBOUND,
    KBDINT,
    PASSWORD,
    PUBLICKEY,
    HostbasedData,
    KbdintData,
    PasswordData,
    PublicKeyQuery,
    UserauthRequest,
)
from nacre.wire.connection import ChannelRequest
from nacre.wire.fields import Reader
from nacre.wire.gss import KEX_GSS
from nacre.wire.kex import DH, DH_GEX, ECDH, KexInit
from nacre.wire.message import BY_NUMBER, MESSAGES, Message, Structure
from nacre.wire.requests import (
    ExecRequest,
    ExitSignal,
    ExitStatus,
    PtyRequest,
    SignalRequest,
    SubsystemRequest,
    WindowChange,
)

_DECLARED: Final = transport  # its messages are in the tables that are imported below
#: What stands for a secret: its length would tell something of it.
HIDDEN: Final = "<secret>"
#: What is enough of a text, and of a list, for a reader.
_LONGEST: Final = 1000
_MOST: Final = 100
#: Numbers beyond this are those of a key exchange.
_LARGE: Final = 1 << 64
#: What authentication carries, by method.
_METHODS: Final[dict[str, type[Structure]]] = {
    PUBLICKEY: PublicKeyQuery,
    PASSWORD: PasswordData,
    KBDINT: KbdintData,
    HOSTBASED: HostbasedData,
    HOSTBOUND: PublicKeyQuery,
}
#: Requests on channels whose fields may be shown; of a command that is its size.
_REQUESTS: Final[dict[str, type[Structure]]] = {
    "exec": ExecRequest,
    "exit-signal": ExitSignal,
    "exit-status": ExitStatus,
    "pty-req": PtyRequest,
    "signal": SignalRequest,
    "subsystem": SubsystemRequest,
    "window-change": WindowChange,
}


class Direction(Enum):
    """Who sent a message; the value stands at the beginning of a line."""

    SENT = "->"
    RECEIVED = "<-"


def title(kind: type[Message]) -> str:
    """Return a message's name in its RFC, as "CHANNEL_DATA"."""
    words = (kind.__doc__ or "").replace(",", " ").split()
    name = words[0] if words else kind.__name__
    return name.removeprefix("SSH2_MSG_").removeprefix("SSH_MSG_")


class Tracer:
    """Writes a line for each message of one connection.

    Args:
        role: which end this is.
        write: takes the lines.
        fields: whether the lines have fields.
    """

    def __init__(self, role: Role, write: Callable[[str], None], *, fields: bool = True) -> None:
        self._role = role
        self._write = write
        self._fields = fields
        self._kex: dict[Direction, Sequence[str]] = {}
        self._method = ""

    def sent(self, payload: bytes | memoryview) -> None:
        """Write a line for a message that we send."""
        self._line(Direction.SENT, bytes(payload))

    def received(self, payload: bytes | memoryview) -> None:
        """Write a line for a message that the peer sent, whatever it is."""
        self._line(Direction.RECEIVED, bytes(payload))

    def _line(self, direction: Direction, payload: bytes) -> None:
        number = payload[0]
        kind = BY_NUMBER.get(number) or MESSAGES.get((self._scope(number), number))
        if kind is None:
            self._write(f"{direction.value} MESSAGE_{number} {_size(payload)}")
            return
        try:
            message = kind.decode(payload)
        except WireError:
            self._write(f"{direction.value} {title(kind)} malformed {_size(payload)}")
            return
        self._note(direction, message)
        import json  # for those who trace

        fields = f" {json.dumps(shown(message))}" if self._fields else ""
        self._write(f"{direction.value} {title(kind)}{fields}")

    def _note(self, direction: Direction, message: Message) -> None:
        """Take note of what gives the numbers of methods their meaning."""
        if isinstance(message, KexInit):
            self._kex[direction] = message.kex_algorithms
        elif isinstance(message, UserauthRequest):
            self._method = PUBLICKEY if message.method == HOSTBOUND else message.method

    def _scope(self, number: int) -> str:
        if number >= 50:  # RFC 4250 section 4.1.2: authentication
            return self._method
        ours, theirs = self._kex.get(Direction.SENT, ()), self._kex.get(Direction.RECEIVED, ())
        client, server = (ours, theirs) if self._role is Role.CLIENT else (theirs, ours)
        method = next((name for name in client if name in server), "")
        if is_gss(method):
            return KEX_GSS
        if method.startswith("diffie-hellman-group-exchange-"):
            return DH_GEX
        return DH if method.startswith("diffie-hellman-") else ECDH


def shown(structure: Structure) -> dict[str, Any]:
    """Return the fields of a message as they may be shown, fit for JSON."""
    return {name: _field(structure, name) for name, _ in structure.codecs}


def inside(kind: type[Message], name: str) -> type[Structure] | None:
    """Return what the `data` of a message is shown as, if it may be shown.

    Args:
        kind: the message.
        name: of the method of authentication, or of the request on a channel.
    """
    if kind is UserauthRequest:
        return _METHODS.get(name)
    return _REQUESTS.get(name) if kind is ChannelRequest else None


def _field(structure: Structure, name: str) -> Any:
    value = getattr(structure, name)
    secret = dict(structure.codecs)[name].secret
    if name != "data" or not isinstance(structure, UserauthRequest | ChannelRequest):
        return _value(value, secret)
    method = structure.method if isinstance(structure, UserauthRequest) else structure.name
    kind = inside(type(structure), method)
    if kind is None:
        return _value(value, secret)
    try:
        return shown(kind.read(Reader(value)))  # of a public key not its signature
    except WireError:
        return f"malformed {_value(value, secret)}"


def _value(value: Any, secret: bool) -> Any:
    match value:
        case bytes() | str() if secret:
            return HIDDEN
        case bytes():
            return _size(value)
        case str():
            return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
        case int() if abs(value) >= _LARGE:
            return f"<{value.bit_length()} bits>"
        case tuple():
            shown = [_value(one, secret) for one in value[:_MOST]]
            return [*shown, "…"] if len(value) > _MOST else shown
        case _:
            return value


def _size(value: bytes) -> str:
    return f"<{len(value)} bytes>"
