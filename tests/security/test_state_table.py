"""Every message number, in every phase, for both roles, strict or not: as encrypted bytes, on a live end.

Owns: driving a cell of `expectations` and telling what the end did with it; the comparison with the
declared rules (`nacre.protocol.state.judge`) as well. Must not know: why a cell is what it is; the
rule's source says that, and a difference shows it.
"""

from __future__ import annotations

import pytest

from nacre.protocol.settings import Role
from nacre.protocol.state import Action, ExtInfoTurn, KexStep, judge
from nacre.protocol.state import Phase as OwnPhase
from tests.pair.copies import Frozen
from tests.pair.stage import Stage
from tests.security import expectations
from tests.security.expectations import Outcome, Phase, expected, judged_at_kexinit, minimal_payload, rule_for
from tests.support.cases import each_case

ROLES = {Role.CLIENT: expectations.Role.CLIENT, Role.SERVER: expectations.Role.SERVER}


def supplied(stage: Stage, role: expectations.Role, phase: Phase, number: int) -> bytes | None:
    """The KEX message that fits the exchange, where the table wants one."""
    if not expectations.needs_supplied(role, phase, number):
        return None
    return stage.raw.kexinit() if number == 20 else stage.next_method()


def classify(
    stage: Stage, number: int, sent: list[bytes], before: tuple[object, ...], sequence: int
) -> Outcome:
    """Say what the end did, in the order that the table's README gives."""
    if stage.end.connection.closed:
        return Outcome.DISCONNECT if any(payload[0] == 1 for payload in sent) else Outcome.ENDED
    if any(payload == b"\x03" + sequence.to_bytes(4, "big") for payload in sent):
        return Outcome.UNIMPLEMENTED
    return Outcome.IGNORED if not sent and before == facts(stage) else Outcome.HANDLED


def facts(stage: Stage) -> tuple[object, ...]:
    """What a message that was acted upon without an answer has changed. (That the turn of EXT_INFO,
    directly after NEWKEYS, is over with whatever comes is no act upon that message.)"""
    connection = stage.end.connection
    handshake = connection._handshake
    return (
        len(stage.end.events),
        connection._core.phase,
        handshake.step,
        connection.info.server_sig_algs,
        len(connection._mux.channels),
        len(connection._core.outbound._held or ()),  # an answer that waits for the end of a key exchange
    )


def outcome(stage: Stage, phase: Phase, number: int, *, strict: bool) -> Outcome:
    role = stage.role
    before = facts(stage)
    sequence = stage.raw.outbound.sequence
    payload = minimal_payload(
        ROLES[role], phase, number, supplied=supplied(stage, ROLES[role], phase, number)
    )
    if number == 21 and expected(ROLES[role], strict, phase, number) == frozenset({Outcome.HANDLED}):
        stage.raw.newkeys()
        sent = stage.exchange()
    else:
        sent = stage.send(payload)
    if judged_at_kexinit(strict, phase, number) and not stage.end.connection.closed:
        sent += stage.send(stage.raw.kexinit())
    return classify(stage, number, sent, before, sequence)


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("strict", [True, False], ids=["strict", "not-strict"])
@pytest.mark.parametrize("role", Role)
def test_the_live_end_does_what_the_standards_say(role, strict, phase):
    wrong = []
    there = Frozen(Stage(role, strict=strict).to(phase))  # each number has a live end of its own
    for number in range(256):
        seen = outcome(there.copy(), phase, number, strict=strict)
        rule = rule_for(ROLES[role], strict, phase, number)
        if seen not in rule.allowed:
            wrong.append(f"{number}: {seen}, not {'/'.join(sorted(rule.allowed))} ({rule.source})")
    assert not wrong, "\n".join(wrong)


OWN: dict[Phase, tuple[OwnPhase, KexStep]] = {
    Phase.INITIAL_BEFORE_KEXINIT: (OwnPhase.KEYS, KexStep.AWAIT_KEXINIT),
    Phase.INITIAL_AFTER_KEXINIT: (OwnPhase.KEYS, KexStep.AWAIT_METHOD),
    Phase.INITIAL_WAIT_NEWKEYS: (OwnPhase.KEYS, KexStep.AWAIT_NEWKEYS),
    Phase.AFTER_FIRST_NEWKEYS: (OwnPhase.SERVICE, KexStep.NONE),
    Phase.WAIT_AUTH: (OwnPhase.AUTH, KexStep.NONE),
    Phase.AUTHENTICATED: (OwnPhase.OPEN, KexStep.NONE),
    Phase.REKEY_OUR_KEXINIT_SENT: (OwnPhase.OPEN, KexStep.AWAIT_KEXINIT),
    Phase.REKEY_AFTER_PEER_KEXINIT: (OwnPhase.OPEN, KexStep.AWAIT_METHOD),
    Phase.REKEY_WAIT_NEWKEYS: (OwnPhase.OPEN, KexStep.AWAIT_NEWKEYS),
}


@each_case("phase", Phase)
@each_case("strict", [True, False])
@each_case("role", Role)
def test_the_declared_rules_never_let_through_what_the_standards_forbid(role, strict, phase):
    """`judge` decides by number; what a payload makes of a legal number is the live end's affair."""
    own_phase, step = OWN[phase]
    number_expected = 31 if role is Role.CLIENT else 30
    turn = ExtInfoTurn.NEXT if phase is Phase.AFTER_FIRST_NEWKEYS else ExtInfoTurn.NO
    if phase is Phase.WAIT_AUTH and role is Role.CLIENT:
        turn = ExtInfoTurn.IN_AUTH
    wrong = []
    for number in range(256):
        action = judge(
            number,
            role,
            own_phase,
            step,
            strict=strict,
            expected=range(number_expected, number_expected + 1),
            ext_info=turn,
        )
        allowed = expected(ROLES[role], strict, phase, number)
        lives = bool(allowed - {Outcome.DISCONNECT})
        if judged_at_kexinit(strict, phase, number):
            continue  # strictness shows with the KEXINIT only
        if lives and action is Action.DISCONNECT and Outcome.DISCONNECT not in allowed:
            wrong.append(f"{number}: refused, but {allowed}")
        if not lives and action in (Action.IGNORE, Action.UNIMPLEMENTED):
            wrong.append(f"{number}: {action}, but {allowed}")
    assert not wrong, "\n".join(wrong)
