"""What the state machine must do with each message number, phase by phase: the table it is judged by.

Owns: for each role of the *receiving* end, strict key exchange or not, and each phase, the outcomes that
the documents allow for message numbers 0 to 255, judged by number alone, and a well-formed payload for
each number. Written from RFC 4250 to 4254, 4256, 8308, 8332, OpenSSH's PROTOCOL and the rules of order of
this project's threat model (cited as "1e", its numbered rows as "row 37").
Must not know: nacre. Nothing here is imported from it, so that table and code can disagree.

Reading the outcomes
    HANDLED        legal and acted upon: answered, shown to the program, or the state moves on
    IGNORED        consumed without an answer and without a trace in the state
    UNIMPLEMENTED  answered with SSH_MSG_UNIMPLEMENTED and the packet's sequence number; the connection lives
    DISCONNECT     this end closes the connection, with a protocol error
    ENDED          the peer's SSH_MSG_DISCONNECT: the connection is over and *nothing* is sent after it

Assumptions behind the cells, which whoever drives the table has to arrange
    * Packets arrive with a right MAC and, in the initial key exchange, KEXINIT has sequence number 0.
    * The key exchange has two messages of its own, 30 and 31 (RFC 5656, 8731, the ML-KEM hybrids), and no
      KEXINIT announces a guess (`first_kex_packet_follows` is FALSE).
    * Both ends announced ext-info; the client announced ext-info-in-auth@openssh.com and has had at most
      the EXT_INFO that comes directly after NEWKEYS.
    * The server can open channels; no application decision is pending; no limit is reached.
    * `strict` says whether *both* ends announce strict key exchange in their first KEXINIT.
    * In strict mode, before the peer's KEXINIT, nobody can know yet that it is strict: see
      `judged_at_kexinit`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import Final, NamedTuple

__all__ = [
    "KEXINIT_DEFAULT_LISTS",
    "METHOD_REPLIES",
    "NAMES",
    "Outcome",
    "Phase",
    "Role",
    "Rule",
    "expected",
    "judged_at_kexinit",
    "kexinit_payload",
    "minimal_payload",
    "needs_supplied",
    "rule_for",
    "rules",
]


class Role(StrEnum):
    """The role of the end under test, which is the one that receives."""

    CLIENT = "client"
    SERVER = "server"


class Phase(StrEnum):
    """How far the end under test has come when the message arrives."""

    INITIAL_BEFORE_KEXINIT = "initial-before-kexinit"
    """Identification strings are exchanged; the peer's KEXINIT is not here."""
    INITIAL_AFTER_KEXINIT = "initial-after-kexinit"
    """The peer's KEXINIT is here; a server waits for 30, a client for 31."""
    INITIAL_WAIT_NEWKEYS = "initial-wait-newkeys"
    """The KEX message is received (and answered); the peer's NEWKEYS is not here."""
    AFTER_FIRST_NEWKEYS = "after-first-newkeys"
    """Directly after the peer's first NEWKEYS; no service is accepted."""
    WAIT_AUTH = "wait-auth"
    """ssh-userauth is accepted. Client: one USERAUTH_REQUEST is outstanding. Server: none is."""
    AUTHENTICATED = "authenticated"
    """No channel is open, no request is outstanding, no key exchange runs."""
    REKEY_OUR_KEXINIT_SENT = "rekey-our-kexinit-sent"
    """As AUTHENTICATED, but the end under test asked for new keys; the peer's KEXINIT is not here."""
    REKEY_AFTER_PEER_KEXINIT = "rekey-after-peer-kexinit"
    """Both KEXINITs of a re-exchange are here; a server waits for 30, a client for 31."""
    REKEY_WAIT_NEWKEYS = "rekey-wait-newkeys"
    """The KEX message of a re-exchange is received; the peer's NEWKEYS is not here."""


class Outcome(StrEnum):
    """What the end under test does with the message; the module's docstring defines each."""

    HANDLED = "handled"
    IGNORED = "ignored"
    UNIMPLEMENTED = "unimplemented"
    DISCONNECT = "disconnect"
    ENDED = "ended"


Allowed = frozenset[Outcome]

DISCONNECT: Final[Allowed] = frozenset({Outcome.DISCONNECT})
ENDED: Final[Allowed] = frozenset({Outcome.ENDED})
HANDLED: Final[Allowed] = frozenset({Outcome.HANDLED})
IGNORED: Final[Allowed] = frozenset({Outcome.IGNORED})
UNIMPLEMENTED: Final[Allowed] = frozenset({Outcome.UNIMPLEMENTED})
QUIET: Final[Allowed] = HANDLED | IGNORED
"""For messages that need no answer: whether they leave a trace is the implementation's affair."""

NAMES: Final[Mapping[int, str]] = {
    1: "DISCONNECT",
    2: "IGNORE",
    3: "UNIMPLEMENTED",
    4: "DEBUG",
    5: "SERVICE_REQUEST",
    6: "SERVICE_ACCEPT",
    7: "EXT_INFO",
    8: "NEWCOMPRESS",
    20: "KEXINIT",
    21: "NEWKEYS",
    30: "KEX_INIT",
    31: "KEX_REPLY",
    50: "USERAUTH_REQUEST",
    51: "USERAUTH_FAILURE",
    52: "USERAUTH_SUCCESS",
    53: "USERAUTH_BANNER",
    60: "USERAUTH_60",  # PK_OK, PASSWD_CHANGEREQ or INFO_REQUEST, by the method in progress
    61: "USERAUTH_INFO_RESPONSE",
    80: "GLOBAL_REQUEST",
    81: "REQUEST_SUCCESS",
    82: "REQUEST_FAILURE",
    90: "CHANNEL_OPEN",
    91: "CHANNEL_OPEN_CONFIRMATION",
    92: "CHANNEL_OPEN_FAILURE",
    93: "CHANNEL_WINDOW_ADJUST",
    94: "CHANNEL_DATA",
    95: "CHANNEL_EXTENDED_DATA",
    96: "CHANNEL_EOF",
    97: "CHANNEL_CLOSE",
    98: "CHANNEL_REQUEST",
    99: "CHANNEL_SUCCESS",
    100: "CHANNEL_FAILURE",
    192: "PING",
    193: "PONG",
}
"""RFC 4250 section 4.1.2, RFC 8308 section 4.1, OpenSSH PROTOCOL 1.9. Every other number is unknown,
but for 30 to 49 and 60 to 79, whose meaning is the method's (RFC 4250 section 4.1.3)."""

METHOD_REPLIES: Final[Mapping[str, tuple[frozenset[int], frozenset[int]]]] = {
    # method: (numbers that a client may receive while it is outstanding, numbers that a server may)
    "none": (frozenset(), frozenset()),  # RFC 4252 section 5.2: SUCCESS or FAILURE only
    "publickey": (frozenset({60}), frozenset()),  # section 7: PK_OK, to a query without signature
    "password": (frozenset({60}), frozenset()),  # section 8: PASSWD_CHANGEREQ
    "hostbased": (frozenset(), frozenset()),  # section 9
    "keyboard-interactive": (frozenset({60}), frozenset({61})),  # RFC 4256 sections 3.2, 3.4
}
"""The method-specific numbers that are legal while a method is in progress (row 35: never otherwise)."""


class Rule(NamedTuple):
    """What is allowed for these numbers, and the sentence that it follows from."""

    numbers: frozenset[int]
    allowed: Allowed
    source: str
    role: Role | None = None


def _rule(numbers: int | Iterable[int], allowed: Allowed, source: str, role: Role | None = None) -> Rule:
    return Rule(frozenset({numbers} if isinstance(numbers, int) else numbers), allowed, source, role)


ALL: Final = range(256)
UNKNOWN: Final = frozenset(ALL) - set(NAMES) - set(range(30, 50)) - set(range(60, 80))
CLIENT: Final = Role.CLIENT
SERVER: Final = Role.SERVER

# --- rules shared by several phases -----------------------------------------------------------------------

PEER_DISCONNECT: Final = _rule(
    1,
    ENDED,
    'RFC 4253 11.1: "This message causes immediate termination of the connection. All implementations MUST '
    'be able to process this message"; "MUST NOT send or receive any data after this message"',
)
GENERIC: Final = (
    PEER_DISCONNECT,
    _rule(2, IGNORED, 'RFC 4253 11.2: "MUST understand (and ignore) this message at any time"'),
    # Two outcomes: RFC 4253 11.4 gives the receiver nothing to do; a program may be told of it.
    _rule(3, QUIET, 'RFC 4253 11: "Either party may send any of the following messages at any time"'),
    # Two outcomes: the document leaves the choice.
    _rule(4, QUIET, 'RFC 4253 11.3: "MUST understand this message, but they are allowed to ignore it"'),
)

# --- the initial key exchange -----------------------------------------------------------------------------

STRICT_BASE: Final = (
    _rule(
        ALL,
        DISCONNECT,
        "1e: initial key exchange, strict: until the first NEWKEYS in that direction DISCONNECT and the one "
        "KEX message expected next; anything else = disconnect (row 1, row 2)",
    ),
    PEER_DISCONNECT,
)
LENIENT_BASE: Final = (
    _rule(
        ALL,
        DISCONNECT,
        "1e: initial key exchange, not strict: also IGNORE, DEBUG, UNIMPLEMENTED; nothing else "
        "(EXT_INFO: row 3; userauth: row 4, row 35; 80 and above: row 37; KEX out of step: row 2, row 6)",
    ),
    *GENERIC,
)
EXPECT_KEXINIT: Final = (
    _rule(20, HANDLED, 'RFC 4253 7.1: "Key exchange begins by each side sending" SSH_MSG_KEXINIT'),
)
EXPECT_KEX: Final = (
    _rule(30, HANDLED, "RFC 4253 8, RFC 5656 4: the client sends 30 first; row 2: the linear path", SERVER),
    _rule(31, HANDLED, "RFC 4253 8, RFC 5656 4: the server answers with 31; row 2: the linear path", CLIENT),
)
EXPECT_NEWKEYS: Final = (
    _rule(21, HANDLED, 'RFC 4253 7.3: "Key exchange ends by each side sending an SSH_MSG_NEWKEYS message"'),
)

# --- new keys in use, nobody authenticated ----------------------------------------------------------------

BEFORE_AUTH: Final = (
    _rule(
        ALL,
        DISCONNECT,
        "1e: before authentication 1-4, 5/6 for ssh-userauth, 50 and the method's 60-79 from the right side, "
        "and nothing more; unknown numbers before authentication: disconnect",
    ),
    *GENERIC,
    _rule(
        20,
        DISCONNECT,
        '1e: "No re-key before authentication"; RFC 8308 3.2.1: "parties SHOULD NOT start key re-exchange '
        'before successful user authentication but MAY tolerate it" (so no is allowed)',
    ),
    _rule(
        {21, *range(30, 50)},
        DISCONNECT,
        "row 2: only the linear path may proceed; row 6: a second KEX reply = disconnect",
    ),
    _rule(range(51, 54), DISCONNECT, "row 35: 51, 52, 53, 60, 61 to a server in each phase", SERVER),
    _rule(range(60, 80), DISCONNECT, "row 35; 1e: from the right side, of the method in progress", SERVER),
    _rule(
        range(80, 256),
        DISCONNECT,
        '1e: "80 and above = disconnect, before any parsing" (row 37 names 80-127 and 192-255; RFC 4252 6); '
        "PING too: no PONG before authentication (row 19)",
    ),
)
DIRECTLY_AFTER_NEWKEYS: Final = (
    *BEFORE_AUTH,
    # Two outcomes: without extensions in it, the message has nothing to leave a trace with.
    _rule(7, QUIET, "1e: EXT_INFO, either way one, directly after the first NEWKEYS; RFC 8308 2.4"),
    _rule(5, HANDLED, 'RFC 4253 10: "it MUST respond with" SERVICE_ACCEPT; 1e: for ssh-userauth', SERVER),
    # Two outcomes: HANDLED when the client has its SERVICE_REQUEST out (it may send that before the
    # server's NEWKEYS is here), DISCONNECT when nothing was asked for: it is an answer to a request.
    _rule(6, HANDLED | DISCONNECT, "RFC 4253 10: SERVICE_ACCEPT answers a SERVICE_REQUEST", CLIENT),
    _rule(50, DISCONNECT, "row 4: userauth only after NEWKEYS + accepted SERVICE_REQUEST", SERVER),
    _rule(
        {*range(50, 54), *range(60, 80)},
        DISCONNECT,
        'row 4, row 5; RFC 4252 5.4: banner only "after this authentication protocol starts"; '
        "5.1: FAILURE and SUCCESS are responses to a request",
        CLIENT,
    ),
)
DURING_AUTH: Final = (
    *BEFORE_AUTH,
    # server
    # Two outcomes: 1e has 5 among the legal numbers before authentication and RFC 4253 10 has every
    # supported request answered; but the service is requested once, and row 2 wants a linear path.
    _rule(5, HANDLED | DISCONNECT, "1e: 5/6 for ssh-userauth; RFC 4253 10; row 2", SERVER),
    _rule(7, DISCONNECT, "1e: EXT_INFO client to server: one, directly after its first NEWKEYS", SERVER),
    _rule(50, HANDLED, "1e: 50 from the right side; RFC 4252 5.1: answered by FAILURE or SUCCESS", SERVER),
    # client
    _rule(6, DISCONNECT, "RFC 4253 10: answers a SERVICE_REQUEST, and none is outstanding; row 65", CLIENT),
    _rule(
        7,
        QUIET,  # two outcomes: no extension in it, no trace
        "1e: EXT_INFO server to client: one more between the first USERAUTH_REQUEST and SUCCESS; RFC 8308 "
        '2.4: "MUST accept a server\'s SSH_MSG_EXT_INFO at both opportunities"',
        CLIENT,
    ),
    _rule(50, DISCONNECT, "1e: 50 from the right side; row 36: role-specific tables", CLIENT),
    # Two outcomes: legal answer to the outstanding request, after which a client that has nothing left
    # to try ends the connection itself (RFC 4253 11.1, NO_MORE_AUTH_METHODS_AVAILABLE).
    _rule(51, HANDLED | DISCONNECT, 'RFC 4252 5.1: "it MUST respond with" USERAUTH_FAILURE', CLIENT),
    _rule(52, HANDLED, 'RFC 4252 5.1: "it MUST respond with" USERAUTH_SUCCESS', CLIENT),
    # Two outcomes: "the client software may allow the user to explicitly disable the display".
    _rule(
        53,
        QUIET,
        'RFC 4252 5.4: "at any time after this authentication protocol starts and before '
        'authentication is successful"',
        CLIENT,
    ),
    # Two outcomes: HANDLED when the method in progress has a 60 for the client (METHOD_REPLIES) and the
    # payload fits what was asked (PK_OK echoes the key); DISCONNECT for `none` and everything else.
    _rule(
        60,
        HANDLED | DISCONNECT,
        "1e: the method's 60-79 from the right side; RFC 4252 7, 8; 4256 3.2",
        CLIENT,
    ),
    _rule(
        range(61, 80),
        DISCONNECT,
        "1e: the method's 60-79 from the right side: none, publickey, password and keyboard-interactive "
        "have no server message but 60 (RFC 4252 7, 8; RFC 4256 3.4: 61 is the client's)",
        CLIENT,
    ),
)

# --- authenticated ----------------------------------------------------------------------------------------

AFTER_AUTH: Final = (
    _rule(
        ALL,
        UNIMPLEMENTED,
        '1e: unknown numbers: UNIMPLEMENTED; RFC 4253 11.4: "MUST respond to all unrecognized messages"',
    ),
    # Two outcomes: 0 is unknown (11.4), and it is also no message number at all.
    _rule(0, UNIMPLEMENTED | DISCONNECT, 'RFC 4250 4.1.1: "message numbers in the range 1 to 255"'),
    *GENERIC,
    _rule(
        5,
        UNIMPLEMENTED,
        "RFC 4253 11.4, as OpenSSH has it: a service is not given again, and Conch asks for it after each re-key",
        SERVER,
    ),
    _rule(
        5, DISCONNECT, 'RFC 4253 10: "the client requests a service"; row 36: role-specific tables', CLIENT
    ),
    _rule(6, DISCONNECT, "1e lists 6 before authentication only; RFC 4253 10: answers a SERVICE_REQUEST"),
    _rule(7, DISCONNECT, "1e: EXT_INFO has its legal times, and after authentication is none of them"),
    # Two outcomes: without delay-compression nothing gives 8 a meaning (11.4); where 8 is known, it is
    # a message of an extension that is not in effect, or from the wrong side.
    _rule(
        8,
        UNIMPLEMENTED | DISCONNECT,
        'RFC 8308 3.2: "This extension takes effect only if both parties send it"',
    ),
    _rule(20, HANDLED, 'RFC 4253 9: "a party MUST respond with its own SSH_MSG_KEXINIT message"'),
    _rule(21, DISCONNECT, "RFC 4253 7.3: NEWKEYS ends a key exchange, and none runs; row 2, row 6"),
    # Two outcomes: without a key exchange method in use these have no meaning (RFC 4250 4.1.3), hence
    # UNIMPLEMENTED; and they are KEX messages off the linear path, hence disconnect.
    _rule(range(30, 50), UNIMPLEMENTED | DISCONNECT, "RFC 4250 4.1.3 with 4253 11.4; row 2 and row 6"),
    _rule(50, IGNORED, "1e: after authentication 50 is ignored in silence (RFC 4252 5.1)", SERVER),
    # Two outcomes: 1e's sentence names no role, but the RFC it cites speaks of servers, and a client's
    # table has no 50 in it (row 36).
    _rule(50, IGNORED | DISCONNECT, "1e: 50 is ignored in silence; row 36: role-specific tables", CLIENT),
    _rule(
        {*range(51, 54), *range(60, 80)}, DISCONNECT, "1e: after authentication 51-53 and 60-79 = disconnect"
    ),
    # Two outcomes: want_reply is FALSE, so an unknown request leaves nothing behind unless it is logged.
    _rule(80, QUIET, 'RFC 4254 4: "both the client and server MAY send global requests at any time"'),
    _rule({81, 82}, DISCONNECT, "row 65: unsolicited REQUEST_SUCCESS/FAILURE = disconnect"),
    _rule(90, HANDLED, "RFC 4254 5.1: answered by OPEN_CONFIRMATION or OPEN_FAILURE", SERVER),
    _rule(
        90,
        HANDLED,
        'RFC 4254 6.1: "Client implementations SHOULD reject any session channel open requests"; '
        "5.1: OPEN_FAILURE",
        CLIENT,
    ),
    _rule({91, 92}, DISCONNECT, "row 65: OPEN_CONFIRMATION/FAILURE for an unknown channel = disconnect"),
    _rule(
        range(93, 99),
        DISCONNECT,
        "RFC 4254 5: channel messages name the recipient's channel; row 70: for "
        "unknown id. Row 70 leaves disconnect or ignore to the table: for a number never given out, "
        "this table says disconnect; after CLOSE, see sequences.py",
    ),
    _rule({99, 100}, DISCONNECT, "row 65: unsolicited CHANNEL_SUCCESS/FAILURE = disconnect"),
    _rule(192, HANDLED, "OpenSSH PROTOCOL 1.9: PING is answered by PONG", SERVER),
    # Two outcomes: only the server advertises ping@openssh.com; a client may know the message all the same.
    _rule(192, HANDLED | UNIMPLEMENTED, 'OpenSSH PROTOCOL 1.9: "The server advertises support"', CLIENT),
    # Three outcomes: no document says what a PONG without a PING is. It is not row 65's (it names its
    # replies), and 1e has it legal even in a re-exchange; an end that sends no PING may not know it.
    _rule(193, QUIET | UNIMPLEMENTED, "OpenSSH PROTOCOL 1.9; 1e: re-key: 1-4, 192, 193"),
)
OUR_KEXINIT_SENT: Final = (
    # 1e: "Between our KEXINIT and the peer's, its data stays legal"; RFC 4253 7.1: "each party MUST be
    # prepared to process an arbitrary number of messages that may be in-flight before receiving" KEXINIT.
    *AFTER_AUTH,
    _rule(
        range(30, 50),
        DISCONNECT,
        'RFC 4253 9: "Re-exchange is processed identically to the initial key exchange": no KEX message '
        "before the peer's KEXINIT (1e, row 2)",
    ),
    # Two outcomes each: PONG has to wait ("we send nothing but KEX and 1-4 after ours"), or is not sent.
    _rule(192, QUIET, "1e: PING stays legal; row 19: a bounded number answered or none", SERVER),
    _rule(192, QUIET | UNIMPLEMENTED, "as in AUTHENTICATED; row 19", CLIENT),
)
REKEY_BASE: Final = (
    _rule(
        ALL,
        DISCONNECT,
        "1e: re-key: the window opens at the peer's KEXINIT and closes at its NEWKEYS: KEX messages and 1-4, "
        "192, 193 only (row 18); KEX messages out of step: row 2, row 6; a second KEXINIT: RFC 4253 7.1",
    ),
    *GENERIC,
    # Two outcomes: RFC 4253 7.1 lets the peer send 1-19 and 20-29 here and applies section 11 (UNIMPLEMENTED)
    # to what is unrecognized, as does 1e's row on unknown numbers; 1e's row on re-key and row 18 disconnect.
    _rule(
        {*range(9, 20), *range(22, 30)},
        DISCONNECT | UNIMPLEMENTED,
        "1e: re-key, and row 18, against 1e: unknown numbers, and RFC 4253 7.1 with 11.4",
    ),
    # Two outcomes: PROTOCOL 1.9 queues the PONG until the exchange is over; row 19 allows none.
    _rule(192, QUIET, "1e: re-key: 1-4, 192, 193; row 19: a bounded number answered or none", SERVER),
    _rule(192, QUIET | UNIMPLEMENTED, "1e: re-key: 1-4, 192, 193; as in AUTHENTICATED", CLIENT),
    _rule(193, QUIET | UNIMPLEMENTED, "1e: re-key: 1-4, 192, 193; as in AUTHENTICATED"),
)

_INITIAL: Final[Mapping[Phase, tuple[Rule, ...]]] = {
    Phase.INITIAL_BEFORE_KEXINIT: EXPECT_KEXINIT,
    Phase.INITIAL_AFTER_KEXINIT: EXPECT_KEX,
    Phase.INITIAL_WAIT_NEWKEYS: EXPECT_NEWKEYS,
}
_LATER: Final[Mapping[Phase, tuple[Rule, ...]]] = {
    Phase.AFTER_FIRST_NEWKEYS: DIRECTLY_AFTER_NEWKEYS,
    Phase.WAIT_AUTH: DURING_AUTH,
    Phase.AUTHENTICATED: AFTER_AUTH,
    Phase.REKEY_OUR_KEXINIT_SENT: OUR_KEXINIT_SENT,
    Phase.REKEY_AFTER_PEER_KEXINIT: (*REKEY_BASE, *EXPECT_KEX),
    Phase.REKEY_WAIT_NEWKEYS: (*REKEY_BASE, *EXPECT_NEWKEYS),
}


def rules(role: Role, strict: bool, phase: Phase) -> tuple[Rule, ...]:
    """The rules of one column, base rule first; a later rule overrides an earlier one.

    Strictness changes the initial key exchange only (1e: the rows on the initial exchange; the reset of
    the sequence numbers, which lasts, is no question of message numbers).
    """
    if phase in _INITIAL:
        chosen = (*(STRICT_BASE if strict else LENIENT_BASE), *_INITIAL[phase])
    else:
        chosen = _LATER[phase]
    return tuple(rule for rule in chosen if rule.role in (None, role))


@cache
def _column(role: Role, strict: bool, phase: Phase) -> tuple[Rule, ...]:
    cells: dict[int, Rule] = {}
    for rule in rules(role, strict, phase):
        cells.update(dict.fromkeys(rule.numbers, rule))
    return tuple(cells[number] for number in ALL)


def rule_for(role: Role, strict: bool, phase: Phase, number: int) -> Rule:
    """The one rule that decides this cell, with the sentence it follows from."""
    return _column(role, strict, phase)[number]


def expected(role: Role, strict: bool, phase: Phase, number: int) -> Allowed:
    """The outcomes that the documents allow for this cell; never empty.

    Args:
        role: the role of the receiving end, the one under test.
        strict: both ends announce strict key exchange.
        phase: where the receiving end stands.
        number: the message number, 0 to 255.
    """
    return rule_for(role, strict, phase, number).allowed


def judged_at_kexinit(strict: bool, phase: Phase, number: int) -> bool:
    """Whether the verdict is due only when the peer's strict KEXINIT has followed the message.

    Row 1: "KEXINIT must have sequence number 0 (checked when the peer's KEXINIT reveals strictness)". An
    IGNORE, UNIMPLEMENTED or DEBUG before it is legal for a peer that is not strict, so an end can only
    consume it, and disconnects when the KEXINIT announces strictness with sequence number 1.
    """
    return strict and phase is Phase.INITIAL_BEFORE_KEXINIT and number in {2, 3, 4}


# --- payloads ---------------------------------------------------------------------------------------------


def _string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def _uint32(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


KEXINIT_DEFAULT_LISTS: Final[tuple[bytes, ...]] = (
    b"curve25519-sha256",
    b"ssh-ed25519",
    b"aes256-gcm@openssh.com",
    b"aes256-gcm@openssh.com",
    b"hmac-sha2-256-etm@openssh.com",
    b"hmac-sha2-256-etm@openssh.com",
    b"none",
    b"none",
    b"",
    b"",
)
"""The ten name-lists of KEXINIT in their order (RFC 4253 section 7.1), without any indicator name."""


def kexinit_payload(
    cookie: bytes, lists: Sequence[bytes] = KEXINIT_DEFAULT_LISTS, first_kex_packet_follows: bool = False
) -> bytes:
    """A KEXINIT (RFC 4253 section 7.1); indicator names (ext-info, strict) are the caller's to add."""
    if len(cookie) != 16 or len(lists) != 10:
        raise ValueError("KEXINIT has a cookie of 16 bytes and ten name-lists")
    body = b"".join(_string(names) for names in lists)
    return b"\x14" + cookie + body + bytes([first_kex_packet_follows]) + _uint32(0)


_HOST_KEY: Final = _string(b"ssh-ed25519") + _string(b"\x58" + b"\x66" * 31)
_SIGNATURE: Final = _string(b"ssh-ed25519") + _string(bytes(64))
_X25519_SHARE: Final = b"\x09" + bytes(31)
_OPAQUE: Final = bytes(range(0xA0, 0xA8))

_BODIES: Final[Mapping[int, bytes]] = {
    1: _uint32(11) + _string(b"bye") + _string(b""),  # RFC 4253 11.1, BY_APPLICATION
    2: _string(b"ignored"),  # 11.2
    3: _uint32(0),  # 11.4
    4: b"\x00" + _string(b"debug") + _string(b""),  # 11.3
    5: _string(b"ssh-userauth"),  # 10
    6: _string(b"ssh-userauth"),  # 10
    7: _uint32(0),  # RFC 8308 2.3
    8: b"",  # RFC 8308 3.2
    20: kexinit_payload(bytes(16))[1:],
    21: b"",  # RFC 4253 7.3
    30: _string(_X25519_SHARE),  # RFC 5656 4, RFC 8731 3
    31: _string(_HOST_KEY) + _string(_X25519_SHARE) + _string(_SIGNATURE),
    50: _string(b"alice") + _string(b"ssh-connection") + _string(b"none"),  # RFC 4252 5, 5.2
    51: _string(b"publickey,password,keyboard-interactive") + b"\x00",  # 5.1
    52: b"",
    53: _string(b"welcome\r\n") + _string(b""),  # 5.4
    60: _string(b"") + _string(b"") + _string(b"") + _uint32(0),  # RFC 4256 3.2, no prompts
    61: _uint32(0),  # RFC 4256 3.4, no responses
    80: _string(b"x@example.com") + b"\x00",  # RFC 4254 4, want_reply FALSE
    81: b"",
    82: b"",
    90: _string(b"session") + _uint32(0, 65536, 32768),  # 5.1
    91: _uint32(0, 0, 65536, 32768),
    92: _uint32(0, 1) + _string(b"no") + _string(b""),
    93: _uint32(0, 1),  # 5.2
    94: _uint32(0) + _string(b"data"),
    95: _uint32(0, 1) + _string(b"data"),
    96: _uint32(0),  # 5.3
    97: _uint32(0),
    98: _uint32(0) + _string(b"x@example.com") + b"\x00",  # 5.4
    99: _uint32(0),
    100: _uint32(0),
    192: _string(b"ping"),  # OpenSSH PROTOCOL 1.9
    193: _string(b"ping"),
}
_METHOD_BODIES: Final[Mapping[tuple[str, int], bytes]] = {
    ("publickey", 60): _string(b"ssh-ed25519") + _string(_HOST_KEY),  # RFC 4252 7; must echo the request
    ("password", 60): _string(b"change it") + _string(b""),  # RFC 4252 8
}


def needs_supplied(role: Role, phase: Phase, number: int) -> bool:
    """Whether this is the KEX message expected next, which only the driver can make so that it fits."""
    return number in {20, 30, 31} and expected(role, False, phase, number) == HANDLED


def minimal_payload(
    role: Role, phase: Phase, number: int, *, supplied: bytes | None = None, method: str = "none"
) -> bytes:
    """A well-formed payload for this number, message number byte included.

    Args:
        role: the receiving end.
        phase: where the receiving end stands.
        number: the message number, 0 to 255; unknown ones get eight arbitrary bytes after it.
        supplied: the whole payload of KEXINIT, KEX_INIT or KEX_REPLY, where `needs_supplied`; ignored
            elsewhere, because there the number alone decides.
        method: the authentication method in progress, which gives 60 its form (RFC 4252, 4256).

    Raises:
        ValueError: the payload has to be supplied and is not.
    """
    if needs_supplied(role, phase, number):
        if supplied is None or supplied[:1] != bytes([number]):
            raise ValueError(f"supply a {NAMES[number]} that fits the exchange for {role} in {phase}")
        return supplied
    body = _METHOD_BODIES.get((method, number), _BODIES.get(number, _OPAQUE))
    return bytes([number]) + body
