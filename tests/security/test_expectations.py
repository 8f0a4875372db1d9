"""The sanity of the table itself: complete, and not in contradiction with the rules it was written from.

Owns: checks on `expectations.py` and `sequences.py` as data. Must not know: nacre.
"""

from __future__ import annotations

import itertools

import pytest

from tests.security import expectations as table
from tests.security import sequences
from tests.security.expectations import Outcome, Phase, Role, expected
from tests.support.cases import each_case

COLUMNS = list(itertools.product(Role, (False, True), Phase))
INITIAL = [phase for phase in Phase if phase.value.startswith("initial")]
LATER = [phase for phase in Phase if phase not in INITIAL]
BEFORE_AUTHENTICATION = [*INITIAL, Phase.AFTER_FIRST_NEWKEYS, Phase.WAIT_AUTH]
DISCONNECT = frozenset({Outcome.DISCONNECT})
NEXT_KEX_MESSAGE = {
    (Role.SERVER, Phase.INITIAL_BEFORE_KEXINIT): 20,
    (Role.CLIENT, Phase.INITIAL_BEFORE_KEXINIT): 20,
    (Role.SERVER, Phase.INITIAL_AFTER_KEXINIT): 30,
    (Role.CLIENT, Phase.INITIAL_AFTER_KEXINIT): 31,
    (Role.SERVER, Phase.INITIAL_WAIT_NEWKEYS): 21,
    (Role.CLIENT, Phase.INITIAL_WAIT_NEWKEYS): 21,
}


@each_case(("role", "strict", "phase"), COLUMNS)
def test_every_cell_is_decided_by_a_rule_with_a_source(role: Role, strict: bool, phase: Phase) -> None:
    for number in range(256):
        rule = table.rule_for(role, strict, phase, number)
        assert rule.allowed, number
        assert rule.allowed <= frozenset(Outcome), number
        assert any(mark in rule.source for mark in ("RFC", "1e", "row", "PROTOCOL")), number


@each_case(("role", "strict", "phase"), COLUMNS)
def test_the_base_rule_comes_first_and_covers_everything(role: Role, strict: bool, phase: Phase) -> None:
    base, *exceptions = table.rules(role, strict, phase)
    assert base.numbers == frozenset(range(256))
    assert all(rule.numbers and rule.numbers < base.numbers for rule in exceptions)


@each_case(("role", "strict", "phase"), COLUMNS)
def test_the_peers_disconnect_always_ends_and_nothing_else_does(
    role: Role, strict: bool, phase: Phase
) -> None:
    ending = [n for n in range(256) if Outcome.ENDED in expected(role, strict, phase, n)]
    assert ending == [1]
    assert expected(role, strict, phase, 1) == {Outcome.ENDED}


@each_case(("role", "phase"), list(itertools.product(Role, INITIAL)))
def test_strict_initial_exchange_has_one_path(role: Role, phase: Phase) -> None:
    alive = [n for n in range(256) if expected(role, True, phase, n) != DISCONNECT]
    assert alive == sorted({1, NEXT_KEX_MESSAGE[role, phase]})


@each_case(("role", "phase"), list(itertools.product(Role, INITIAL)))
def test_initial_exchange_not_strict_adds_ignore_unimplemented_and_debug(role: Role, phase: Phase) -> None:
    alive = [n for n in range(256) if expected(role, False, phase, n) != DISCONNECT]
    assert alive == sorted({1, 2, 3, 4, NEXT_KEX_MESSAGE[role, phase]})


@each_case(("role", "phase"), list(itertools.product(Role, LATER)))
def test_strictness_changes_no_message_number_later(role: Role, phase: Phase) -> None:
    assert all(expected(role, True, phase, n) == expected(role, False, phase, n) for n in range(256))


@each_case(("role", "strict", "phase"), list(itertools.product(Role, (False, True), BEFORE_AUTHENTICATION)))
def test_nothing_from_80_up_lives_before_authentication(role: Role, strict: bool, phase: Phase) -> None:
    assert all(expected(role, strict, phase, n) == DISCONNECT for n in range(80, 256))


@each_case(("strict", "phase"), list(itertools.product((False, True), Phase)))
def test_a_server_never_takes_what_only_servers_send(strict: bool, phase: Phase) -> None:
    for number in (6, 31, 51, 52, 53, *range(60, 80)):  # row 35; keyboard-interactive is not in progress
        assert Outcome.HANDLED not in expected(Role.SERVER, strict, phase, number), number
    for number in (51, 52, 53, 60, 61):
        assert expected(Role.SERVER, strict, phase, number) == DISCONNECT, number


@each_case(("strict", "phase"), list(itertools.product((False, True), Phase)))
def test_a_client_never_takes_what_only_clients_send(strict: bool, phase: Phase) -> None:
    for number in (5, 30, 50, 61):
        assert Outcome.HANDLED not in expected(Role.CLIENT, strict, phase, number), number


@each_case(("role", "strict", "phase"), COLUMNS)
def test_unimplemented_is_an_answer_after_authentication_only(role: Role, strict: bool, phase: Phase) -> None:
    answered = {n for n in range(256) if Outcome.UNIMPLEMENTED in expected(role, strict, phase, n)}
    if phase in BEFORE_AUTHENTICATION:
        assert not answered
    if phase in {Phase.AUTHENTICATED, Phase.REKEY_OUR_KEXINIT_SENT}:
        assert answered >= table.UNKNOWN


@pytest.mark.parametrize(
    ("role", "phase"),
    list(itertools.product(Role, (Phase.REKEY_AFTER_PEER_KEXINIT, Phase.REKEY_WAIT_NEWKEYS))),
)
def test_rekey_lets_only_the_listed_messages_live_for_certain(role: Role, phase: Phase) -> None:
    initial = Phase(phase.value.replace("rekey-after-peer", "initial-after").replace("rekey", "initial"))
    certain = {n for n in range(256) if Outcome.DISCONNECT not in expected(role, False, phase, n)}
    assert certain == {1, 2, 3, 4, 192, 193, NEXT_KEX_MESSAGE[role, initial]}


def test_only_the_ambiguous_messages_before_a_strict_kexinit_are_judged_later() -> None:
    judged = [
        (strict, phase, n)
        for strict in (False, True)
        for phase in Phase
        for n in range(256)
        if table.judged_at_kexinit(strict, phase, n)
    ]
    assert judged == [(True, Phase.INITIAL_BEFORE_KEXINIT, n) for n in (2, 3, 4)]


@each_case(("role", "phase"), list(itertools.product(Role, Phase)))
def test_payloads_begin_with_their_number(role: Role, phase: Phase) -> None:
    for number in range(256):
        if table.needs_supplied(role, phase, number):
            with pytest.raises(ValueError, match="supply"):
                table.minimal_payload(role, phase, number)
        supplied = bytes([number, 0])
        payload = table.minimal_payload(role, phase, number, supplied=supplied)
        assert payload[0] == number
        assert (payload == supplied) == table.needs_supplied(role, phase, number)
        if number not in table.NAMES:
            assert len(payload) == 9


def test_kexinit_has_its_fields_in_order() -> None:
    payload = table.kexinit_payload(bytes(range(16)), first_kex_packet_follows=True)
    assert payload[:17] == b"\x14" + bytes(range(16))
    assert payload[17:21] == len(table.KEXINIT_DEFAULT_LISTS[0]).to_bytes(4, "big")
    assert payload[-5:] == b"\x01\x00\x00\x00\x00"
    with pytest.raises(ValueError, match="cookie"):
        table.kexinit_payload(b"short")


def test_sequences_are_named_once_and_cover_their_rows() -> None:
    names = [sequence.name for sequence in sequences.SEQUENCES]
    assert len(names) == len(set(names))
    covered = {row for sequence in sequences.SEQUENCES for row in sequence.rows}
    assert covered >= {*range(1, 8), *range(15, 20), *range(35, 45), 47, *range(65, 73)}


@each_case("sequence", sequences.SEQUENCES)
def test_sequence_speaks_the_vocabulary(sequence: sequences.AttackSequence) -> None:
    assert sequence.source
    assert sequence.steps
    assert any(step.verb in {"expect", "never"} for step in sequence.steps)
    for step in sequence.steps:
        assert step.verb in sequences.VOCABULARY
        words = sequences.VOCABULARY[step.verb]
        assert step.what in words, step
        unknown = set(step.options) - sequences.OPTIONS
        assert not unknown, unknown


@each_case("sequence", sequences.SEQUENCES)
def test_sequence_sends_nothing_after_the_end(sequence: sequences.AttackSequence) -> None:
    ended = False
    for step in sequence.steps:
        if step.verb in {"send", "do", "answer"}:
            assert not ended, step
        certain = step.what in {"DISCONNECT", "ENDED"} and "or_lives" not in step.options
        ended = ended or (step.verb == "expect" and certain)
