"""The words in which attacks of several steps are written down.

Owns: `Step`, `AttackSequence` and the vocabulary that they are checked against.
Must not know: nacre, or any particular attack; a driver gives the words their meaning.

A step is `Step(verb, what, options)`:
    send    the hostile peer sends `what`: a message name of expectations.NAMES, "MESSAGE" with option
            `number`, or a word of SEND_EXTRA. Before NEWKEYS in plain text, after it under the right keys.
    expect  what the end under test does next. "DISCONNECT": it sends SSH_MSG_DISCONNECT and closes;
            "ENDED": it closes in silence; "ALIVE": it has closed nothing and still answers;
            "NOTHING": alive, and no packet came out; otherwise the message that it sends.
    never   must not happen anywhere in the sequence, before or after this step: the message goes out, or the
            application is called.
    answer  the application's decision on a question that the end under test asks.
    do      a command of the application or the driver to the end under test (rekey, write, clock).
    check   a quantity or a fact to hold at this point.

The end under test starts in `start` (a phase of expectations.py, reached by an honest peer of the given
strictness) and has sent whatever that phase implies. A sequence whose `start` is a REKEY phase or
AUTHENTICATED has no channel open, unless a step opens one: `do open-session`, channel 0 on both sides.
`times` repeats a step with all its options.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.security.expectations import NAMES, Phase, Role

__all__ = [
    "ALIVE",
    "BOTH",
    "GONE",
    "OPTIONS",
    "VOCABULARY",
    "AttackSequence",
    "Step",
    "answer",
    "attack",
    "check",
    "do",
    "expect",
    "never",
    "send",
]

BOTH: Final = (Role.CLIENT, Role.SERVER)

SEND_EXTRA: Final = frozenset(
    {
        "MESSAGE",  # any number, option `number`
        "KEX_GUESS",  # a 30 for a method that is not the negotiated one
        "GEX_GROUP",  # 31 with p and g, as if group exchange had been negotiated
        "LAST_PACKET_AGAIN",  # the bytes of the last packet once more
        "NOTHING_OF",  # a man in the middle drops the packet named by `message`
        "PUBLICKEY_QUERY",  # USERAUTH_REQUEST publickey FALSE, option `key`
        "PUBLICKEY_SIGNED",  # USERAUTH_REQUEST publickey TRUE, options `key`, `signed_by`
        "PASSWORD",  # USERAUTH_REQUEST password, option `right`
        "KBDINT",  # USERAUTH_REQUEST keyboard-interactive, option `submethods`
        "NONE",  # USERAUTH_REQUEST none
        "METHOD",  # USERAUTH_REQUEST with option `method`
        "KBDINT_ROUND",  # KBDINT and, after INFO_REQUEST, a wrong answer
        "INFO_RESPONSE",  # USERAUTH_INFO_RESPONSE, option `answers`
        "INFO_REQUEST",  # USERAUTH_INFO_REQUEST, option `prompts`
        "PK_OK",  # USERAUTH_PK_OK, option `key`
    }
)
EXPECT_EXTRA: Final = frozenset({"DISCONNECT", "ENDED", "ALIVE", "NOTHING", "PK_OK", "INFO_REQUEST"})
CALLBACKS: Final = frozenset(
    {
        "app:anything",  # any callback of the application at all
        "app:authenticated",  # the program is told that a user is in
        "app:host-key-accepted",  # the program is told that the host key is good
        "app:validate-password",
        "app:begin-kbdint",  # asked for the first challenge
        "app:validate-kbdint",  # asked about answers
        "app:data",
        "app:request",
        "app:open",
        "any-userauth",  # any of 50 to 79 goes out
    }
)
COMMANDS: Final = frozenset(
    {
        "rekey",  # start a key exchange, up to our KEXINIT
        "complete-rekey",  # an honest exchange from start to end, option `method`
        "write",  # the application writes `bytes` to channel 0
        "clock",  # time passes, option `seconds`
        "preset-sequence",  # both ends' sequence number in `direction` becomes `value`
        "fault",  # the named `callable` raises `exception` or returns `value` from here on
        "configure",  # settings of the end under test, before the sequence begins
        "open-session",  # open channel 0 on both sides (window 2 MiB, maximum packet 32 KiB each way)
        "half-open",  # the end under test has sent CHANNEL_OPEN for channel 0 and has no reply
        "close-sent",  # the end under test has sent CHANNEL_CLOSE for channel 0
    }
)
FACTS: Final = frozenset(
    {
        "sequence-number",  # that of the next packet in `direction` is `value`
        "session-id-unchanged",
        "memory-growth",  # at most `bytes` more than before the sequence
        "queued",  # at most `bytes` and `packets` held back
        "write-refused",  # the writer is told to wait (back-pressure)
        "channels",  # exactly `value` channels exist
        "authenticated-as",  # `user`, by `key`
        "not-authenticated",
        "restrictions",  # those of `key` still hold
        "partial-successes",  # exactly `value`
        "host-key-not-verified",
        "pongs",  # at most `value` PONGs came out
        "replies",  # at most `value` PK_OK came out
        "delivered",  # exactly `bytes` reached the application
        "delivered-at-most",  # no more than `bytes` reached the application
    }
)
MESSAGES: Final = frozenset(NAMES.values())
VOCABULARY: Final[Mapping[str, frozenset[str]]] = {
    "send": MESSAGES | SEND_EXTRA,
    "expect": MESSAGES | EXPECT_EXTRA,
    "never": MESSAGES | CALLBACKS | {"PK_OK"},
    "answer": frozenset({"accept", "refuse", "later", "partial"}),
    "do": COMMANDS,
    "check": FACTS,
}
OPTIONS: Final = frozenset(
    {
        # of the packet
        "number", "message", "times", "guess", "strict", "follows", "sequence", "signature", "algorithm",
        "key", "signed_by", "right", "user", "service", "method", "submethods", "answers", "prompts",
        "channel", "size", "datatype", "kind", "window", "max_packet", "adjust", "want_reply", "methods",
        "host_key", "share",
        # of an expectation: `or_lives` allows to survive a DISCONNECT, `or_ends` allows a DISCONNECT instead
        # of the answer (and voids what follows), `by` allows it within that many of the sends before it
        "or_lives", "or_ends", "by", "reason", "open_failure",
        # of a command or a check
        "bytes", "packets", "seconds", "direction", "value", "callable", "exception", "setting", "question",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One step; the module's docstring has the verbs."""

    verb: str
    what: str
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AttackSequence:
    """A named attack: who is under test, where it starts, what happens, and the rows that ask for it."""

    name: str
    rows: tuple[int, ...]
    role: Role
    strict: bool
    start: Phase
    steps: tuple[Step, ...]
    source: str


def send(what: str, **options: object) -> Step:
    """The peer sends this."""
    return Step("send", what, options)


def expect(what: str, **options: object) -> Step:
    """The end under test must do this next."""
    return Step("expect", what, options)


def never(what: str) -> Step:
    """This must not happen anywhere in the sequence."""
    return Step("never", what)


def answer(what: str, **options: object) -> Step:
    """The application decides."""
    return Step("answer", what, options)


def do(what: str, **options: object) -> Step:
    """A command to the end under test."""
    return Step("do", what, options)


def check(what: str, **options: object) -> Step:
    """This must hold now."""
    return Step("check", what, options)


GONE: Final = expect("DISCONNECT")
ALIVE: Final = expect("ALIVE")


def attack(
    name: str,
    rows: int | tuple[int, ...],
    role: Role,
    start: Phase,
    *steps: Step,
    source: str,
    strict: bool = True,
) -> AttackSequence:
    """An attack, by default on a strict connection; `rows` count in the threat model."""
    numbers = (rows,) if isinstance(rows, int) else rows
    return AttackSequence(re.sub(r"\W+", "_", name), numbers, role, strict, start, steps, source)
