"""The machine that is learned of each live end, beside one that was written from the standards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import pytest

from nacre.protocol.events import AuthBegin, AuthPolicy
from nacre.protocol.settings import Role
from tests.pair.copies import Frozen
from tests.pair.damage import string, uint32, userauth
from tests.pair.raw import RawPeer
from tests.pair.stage import Stage
from tests.security.learner import CLOSED, Machine, Word, learn

NAMES: Final = {
    1: "DISCONNECT", 3: "UNIMPLEMENTED", 5: "SERVICE_REQUEST", 6: "SERVICE_ACCEPT", 7: "EXT_INFO", 20: "KEXINIT",
    21: "NEWKEYS", 30: "KEX_INIT", 31: "KEX_REPLY", 50: "USERAUTH_REQUEST", 51: "USERAUTH_FAILURE",
    52: "USERAUTH_SUCCESS", 82: "REQUEST_FAILURE", 92: "OPEN_FAILURE", 91: "OPEN_CONFIRMATION", 193: "PONG",
}  # fmt: skip


def kexinit(stage: Stage) -> bytes:
    return stage.raw.kexinit()


def method(stage: Stage) -> bytes:
    """The next message of the method; before a client has begun it, one that answers nothing."""
    begun = any(payload[0] == 30 for payload in stage.seen)
    if stage.role is Role.CLIENT and not begun:
        return b"\x1f" + string(b"") * 3
    return stage.next_method()


def service(stage: Stage) -> bytes:
    return (b"\x05" if stage.role is Role.SERVER else b"\x06") + string(b"ssh-userauth")


def log_in(stage: Stage) -> bytes:
    return userauth(b"none", b"") if stage.role is Role.SERVER else b"\x34"


MESSAGES: Final[Mapping[str, Callable[[Stage], bytes]]] = {
    "KEXINIT": kexinit,
    "METHOD": method,
    "NEWKEYS": lambda stage: b"\x15",
    "IGNORE": lambda stage: b"\x02" + string(b"x"),
    "UNIMPLEMENTED": lambda stage: b"\x03" + uint32(0),
    "DEBUG": lambda stage: b"\x04\0" + string(b"x") + string(b""),
    "EXT_INFO": lambda stage: b"\x07" + uint32(1) + string(b"x@example.com") + string(b""),
    "SERVICE": service,
    "LOGIN": log_in,
    "GLOBAL": lambda stage: b"\x50" + string(b"x@example.com") + b"\1",
    "PING": lambda stage: b"\xc0" + string(b"x"),
    "UNKNOWN": lambda stage: b"\xc8",
}


class Ends:
    """Ends of a role to which words are said, each to a new one; or to a copy of one that has heard its beginning."""

    def __init__(self, role: Role) -> None:
        begun = Stage(role, answers={AuthBegin: AuthPolicy(required=False)})
        self._heard: dict[Word, tuple[Frozen[Stage], Word]] = {(): (Frozen(begun), ())}

    def ask(self, word: Word) -> Word:
        """Return what the end sent after each symbol."""
        begin = word[:-1]
        if begin not in self._heard:
            stage, outputs = self._say(begin)
            self._heard[begin] = (Frozen(stage), outputs)
        return self._say(word)[1]

    def _say(self, word: Word) -> tuple[Stage, Word]:
        known = next(word[:size] for size in range(len(word), -1, -1) if word[:size] in self._heard)
        frozen, outputs = self._heard[known]
        stage = frozen.copy()
        for symbol in word[len(known) :]:
            outputs = (*outputs, said(stage, symbol))
        return stage, outputs


def said(stage: Stage, symbol: str) -> str:
    """Say a symbol; returns what the end sent."""
    if stage.end.connection.closed:
        return CLOSED
    if symbol == "NEWKEYS" and _has_keys(stage.raw):
        stage.raw.newkeys()
        sent = stage.exchange()
    else:
        sent = stage.send(MESSAGES[symbol](stage))
    # However many PONGs wait for the end of a key exchange, they are one thing.
    numbers = dict.fromkeys(payload[0] for payload in sent)
    told = " ".join(NAMES.get(number, str(number)) for number in numbers)
    return CLOSED if stage.end.connection.closed else told


def _has_keys(raw: RawPeer) -> bool:
    """Whether the peer has something to make keys of: else its NEWKEYS is no more than a packet."""
    return bool(raw._secret)


# ---------------------------------------------------------------- the reference
# From RFC 4253 sections 7 to 10, RFC 8308 section 2.4, OpenSSH PROTOCOL 1.9 and the rules of order of the
# threat model. What is not listed closes the connection.

NOISE: Final = ("IGNORE", "UNIMPLEMENTED", "DEBUG")
Steps = dict[str, dict[str, tuple[str, str]]]


def noise(state: str) -> dict[str, tuple[str, str]]:
    return dict.fromkeys(NOISE, ("", state))


#: Before the peer's KEXINIT nobody knows that the exchange is strict: noise is found out by its arrival.
FIRST_KEXINIT: Final[Steps] = {"tainted": noise("tainted")}
#: An open connection, and a re-key in it; the window of the peer's key exchange takes noise and PING, whose
#: answers wait for our NEWKEYS.
OPEN: Final[dict[str, tuple[str, str]]] = {
    **noise("open"), "GLOBAL": ("REQUEST_FAILURE", "open"), "PING": ("PONG", "open"),
    "UNKNOWN": ("UNIMPLEMENTED", "open"),
}  # fmt: skip

SERVER: Final[Steps] = {
    "start": {"KEXINIT": ("", "method"), **noise("tainted")},
    **FIRST_KEXINIT,
    "method": {"METHOD": ("KEX_REPLY NEWKEYS EXT_INFO", "newkeys")},
    "newkeys": {"NEWKEYS": ("", "encrypted")},
    # EXT_INFO may come directly after NEWKEYS, and then no more.
    "encrypted": {
        "EXT_INFO": ("", "service"), **noise("service"), "SERVICE": ("SERVICE_ACCEPT", "auth"),
    },
    "service": {**noise("service"), "SERVICE": ("SERVICE_ACCEPT", "auth")},
    "auth": {
        **noise("auth"), "SERVICE": ("SERVICE_ACCEPT", "auth"), "LOGIN": ("USERAUTH_SUCCESS", "open"),
    },
    "open": {
        **OPEN, "SERVICE": ("UNIMPLEMENTED", "open"), "LOGIN": ("", "open"), "KEXINIT": ("KEXINIT", "rekey method"),
    },
    "rekey method": {
        **noise("rekey method"), "PING": ("", "rekey pinged"), "METHOD": ("KEX_REPLY NEWKEYS", "rekey newkeys"),
    },
    "rekey pinged": {
        **noise("rekey pinged"), "PING": ("", "rekey pinged"), "METHOD": ("KEX_REPLY NEWKEYS PONG", "rekey newkeys"),
    },
    "rekey newkeys": {
        **noise("rekey newkeys"), "PING": ("PONG", "rekey newkeys"), "NEWKEYS": ("", "open"),
    },
}  # fmt: skip

CLIENT: Final[Steps] = {
    "start": {"KEXINIT": ("KEX_INIT", "method"), **noise("tainted")},
    **FIRST_KEXINIT,
    "method": {"METHOD": ("NEWKEYS EXT_INFO", "newkeys")},
    "newkeys": {"NEWKEYS": ("SERVICE_REQUEST USERAUTH_REQUEST", "encrypted")},
    "encrypted": {"EXT_INFO": ("", "service"), **noise("service"), "SERVICE": ("", "auth")},
    "service": {**noise("service"), "SERVICE": ("", "auth")},
    # The client has announced ext-info-in-auth@openssh.com: once more before SUCCESS.
    "auth": {**noise("auth"), "EXT_INFO": ("", "told"), "LOGIN": ("", "open")},
    "told": {**noise("told"), "LOGIN": ("", "open")},
    "open": {**OPEN, "KEXINIT": ("KEXINIT KEX_INIT", "rekey method")},
    "rekey method": {
        **noise("rekey method"), "PING": ("", "rekey pinged"), "METHOD": ("NEWKEYS", "rekey newkeys"),
    },
    "rekey pinged": {
        **noise("rekey pinged"), "PING": ("", "rekey pinged"), "METHOD": ("NEWKEYS PONG", "rekey newkeys"),
    },
    "rekey newkeys": {
        **noise("rekey newkeys"), "PING": ("PONG", "rekey newkeys"), "NEWKEYS": ("", "open"),
    },
}  # fmt: skip


def differences(machine: Machine, reference: Steps) -> list[str]:
    """Walk both at once; returns where they part, and what of the reference was not found."""
    met, waiting, wrong = {0: "start"}, [0], []
    while waiting:
        state = waiting.pop()
        name = met[state]
        for symbol in MESSAGES:
            wanted = reference.get(name, {}).get(symbol, (CLOSED, CLOSED))
            output, there = machine.steps[state, symbol]
            if output != wanted[0]:
                wrong.append(f"{name}, {symbol}: {output!r}, not {wanted[0]!r} ({machine.access[state]})")
            elif there not in met:
                met[there] = wanted[1]
                waiting.append(there)
            elif met[there] != wanted[1]:
                wrong.append(f"{name}, {symbol}: leads to {met[there]}, not to {wanted[1]}")
    missing = {*reference, CLOSED} - set(met.values())
    return [*wrong, *(f"{name} was not found" for name in sorted(missing))]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("role", "reference"), [(Role.SERVER, SERVER), (Role.CLIENT, CLIENT)])
def test_the_machine_that_is_learned_is_the_one_of_the_standards(role: Role, reference: Steps) -> None:
    machine, _ = learn(Ends(role).ask, tuple(MESSAGES), walks=60, most=20, seed=4)
    assert differences(machine, reference) == []
    assert len(machine.access) == len(reference) + 1


# ---------------------------------------------------------------- the learner itself


def test_a_learner_finds_a_state_that_shows_late() -> None:
    """A machine that counts to three in silence: single symbols do not tell its states apart."""

    def counts(word: Word) -> Word:
        outputs, seen = [], 0
        for symbol in word:
            seen += symbol == "a"
            outputs.append("three" if symbol == "b" and seen % 4 == 3 else "")
        return tuple(outputs)

    machine, _ = learn(counts, ("a", "b"), walks=200, most=10, seed=1)
    assert len(machine.access) == 4
    for word in (("a", "a", "a", "b"), ("a", "b", "a", "a", "b"), ("b",) * 3, ("a",) * 7 + ("b",)):
        assert machine.run(word) == counts(word)


def test_a_difference_is_told() -> None:
    machine, _ = learn(
        lambda word: ("",) * len(word), tuple(MESSAGES), walks=1, most=2, seed=1
    )  # what takes anything
    told = differences(machine, SERVER)
    assert any(line.startswith("start, NEWKEYS: '', not 'closed'") for line in told)
    assert "open was not found" in told
