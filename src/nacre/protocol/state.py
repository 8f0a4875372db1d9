"""Which message is legal when: the one function that decides it, over what the messages declare.

Owns: the phases of a connection, the steps of a key exchange as the peer sees them, and `judge`.
Must not know: what a message carries, or what is done with it.

The rules of order (RFC 4253 sections 7 to 11, RFC 8308 section 2.4, OpenSSH PROTOCOL 1.9 "strict
key exchange"), in the order in which `judge` applies them:

* DISCONNECT is legal always.
* The first key exchange is linear. A strict one takes nothing but the message expected next; one
  that is not strict also takes IGNORE, DEBUG and UNIMPLEMENTED.
* In a re-key the peer's window opens with its KEXINIT and closes with its NEWKEYS: in between only
  key exchange messages, 1 to 4, 192 and 193. After our KEXINIT and before the peer's, its data
  stays legal.
* Before authentication: 1 to 4, 5 and 6, 50 to 53 and 60 to 79 from the right side. Nothing else.
* After it: 50 is ignored (RFC 4252 section 5.1), a request for a service is answered with UNIMPLEMENTED as
  OpenSSH does (Twisted's Conch repeats it after every re-key); the rest of authentication is a fault.
* A number that means nothing is answered with UNIMPLEMENTED after authentication, and is a fault
  before it.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Final

from nacre.protocol.settings import Role
from nacre.wire import auth, connection, gss, kex, transport  # the declarations that are judged by
from nacre.wire.message import BY_NUMBER, Sender, When

__all__ = ["DATA_IS_LEGAL", "Action", "ExtInfoTurn", "KexStep", "Phase", "judge"]

_DECLARED: Final = (auth, connection, gss, kex, transport)
_KEX_METHOD_NUMBERS: Final = range(30, 50)
_AUTH_METHOD_NUMBERS: Final = range(60, 80)
_KEX_INIT: Final = kex.KexInit.number
_NEWKEYS: Final = kex.NewKeys.number
_USERAUTH_REQUEST: Final = auth.UserauthRequest.number


class Phase(IntEnum):
    """How far a connection has come. Only ever grows."""

    KEYS = 1  # the first key exchange
    SERVICE = 2  # encrypted; ssh-userauth is not accepted yet
    AUTH = 3
    OPEN = 4  # authenticated
    CLOSED = 5


class KexStep(Enum):
    """What the key exchange under way, if any, expects of the peer."""

    NONE = "none"
    AWAIT_KEXINIT = "await-kexinit"  # ours is sent
    AWAIT_METHOD = "await-method"  # the next message of the method
    AWAIT_NEWKEYS = "await-newkeys"


#: Who sends to a role.
_PEERS: Final = {Role.CLIENT: Sender.SERVER, Role.SERVER: Sender.CLIENT}
#: Between our KEXINIT and the peer's, its data stays legal (RFC 4253 section 7.1).
DATA_IS_LEGAL: Final = (KexStep.NONE, KexStep.AWAIT_KEXINIT)


class ExtInfoTurn(Enum):
    """Whether the peer may send EXT_INFO now (RFC 8308 section 2.4)."""

    NO = "no"
    NEXT = "next"  # directly after its first NEWKEYS
    IN_AUTH = "in-auth"  # a server, once, to a client that announced ext-info-in-auth


class Action(Enum):
    """What to do with a message."""

    HANDLE = "handle"
    IGNORE = "ignore"
    UNIMPLEMENTED = "unimplemented"
    DISCONNECT = "disconnect"


def judge(
    number: int,
    role: Role,
    phase: Phase,
    step: KexStep,
    *,
    strict: bool,
    expected: range | None = None,
    ext_info: ExtInfoTurn = ExtInfoTurn.NO,
) -> Action:
    """Decide on a message that the peer sent.

    Args:
        number: its message number.
        role: ours.
        phase: how far the connection has come.
        step: where the key exchange stands.
        strict: strict key exchange is in force.
        expected: with `AWAIT_METHOD`, the numbers that may come next.
        ext_info: whether EXT_INFO may come now.
    """
    if number == transport.Disconnect.number:
        return Action.HANDLE
    if phase is Phase.KEYS:
        return _judge_first_exchange(number, step, strict=strict, expected=expected)
    if step in (KexStep.AWAIT_METHOD, KexStep.AWAIT_NEWKEYS):
        return _judge_rekey(number, step, expected)
    if number in _KEX_METHOD_NUMBERS:
        return Action.DISCONNECT
    if number in _AUTH_METHOD_NUMBERS:
        return Action.HANDLE if phase is Phase.AUTH else Action.DISCONNECT
    declared = BY_NUMBER.get(number)
    if declared is None:
        return Action.UNIMPLEMENTED if phase is Phase.OPEN else Action.DISCONNECT
    if declared.sender is not Sender.BOTH and declared.sender is not _PEERS[role]:
        return Action.DISCONNECT
    return _judge_encrypted(declared.when, number, phase, step, ext_info)


def _judge_first_exchange(number: int, step: KexStep, *, strict: bool, expected: range | None) -> Action:
    if _is_expected(number, step, expected):
        return Action.HANDLE
    declared = BY_NUMBER.get(number)
    if declared is not None and declared.when is When.NOISE and not strict:
        return Action.HANDLE
    return Action.DISCONNECT


def _judge_rekey(number: int, step: KexStep, expected: range | None) -> Action:
    if _is_expected(number, step, expected):
        return Action.HANDLE
    declared = BY_NUMBER.get(number)
    if declared is not None and declared.when in (When.NOISE, When.PING):
        return Action.HANDLE
    return Action.DISCONNECT


def _is_expected(number: int, step: KexStep, expected: range | None) -> bool:
    match step:
        case KexStep.AWAIT_KEXINIT:
            return number == _KEX_INIT
        case KexStep.AWAIT_METHOD:
            return expected is not None and number in expected
        case KexStep.AWAIT_NEWKEYS:
            return number == _NEWKEYS
        case KexStep.NONE:
            return False


def _judge_encrypted(when: When, number: int, phase: Phase, step: KexStep, ext_info: ExtInfoTurn) -> Action:
    """Judge a number that means one thing, comes from the right side, outside the peer's re-key."""
    match when:
        case When.ALWAYS | When.NOISE:
            legal = True
        case When.KEX_INIT:
            legal = phase is Phase.OPEN  # no re-key before authentication
        case When.EXTENSION:
            legal = ext_info is not ExtInfoTurn.NO
        case When.SERVICE_REQUEST:
            if phase is Phase.OPEN:
                return Action.UNIMPLEMENTED
            legal = phase in (Phase.SERVICE, Phase.AUTH)
        case When.SERVICE_ACCEPT:
            legal = phase is Phase.SERVICE
        case When.AUTH:
            if phase is Phase.OPEN and number == _USERAUTH_REQUEST:
                return Action.IGNORE
            legal = phase is Phase.AUTH
        case When.CONNECTION | When.PING:
            legal = phase is Phase.OPEN
        case When.KEX_METHOD | When.KEX_END | When.AUTH_METHOD:
            legal = False
    return Action.HANDLE if legal else Action.DISCONNECT
