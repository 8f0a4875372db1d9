"""The rules of order, one by one. All numbers in all phases are in tests/security, from a table of its own."""

from __future__ import annotations

import pytest

from nacre.protocol.settings import Role
from nacre.protocol.state import Action, ExtInfoTurn, KexStep, Phase, judge
from tests.support.cases import each_case

HANDLE, IGNORE, UNIMPLEMENTED, DISCONNECT = (
    Action.HANDLE, Action.IGNORE, Action.UNIMPLEMENTED, Action.DISCONNECT,
)  # fmt: skip
CLIENT, SERVER = Role.CLIENT, Role.SERVER


def verdict(number, role=SERVER, phase=Phase.OPEN, step=KexStep.NONE, *, strict=True, **more):
    return judge(number, role, phase, step, strict=strict, **more)


@each_case("phase", [Phase.KEYS, Phase.SERVICE, Phase.AUTH, Phase.OPEN])
@each_case("step", KexStep)
@each_case("role", Role)
def test_disconnect_is_legal_always(role, phase, step):
    assert verdict(1, role, phase, step) is HANDLE


@pytest.mark.parametrize("number", [2, 3, 4])
def test_a_strict_first_exchange_takes_no_noise(number):
    for step in (KexStep.AWAIT_KEXINIT, KexStep.AWAIT_METHOD, KexStep.AWAIT_NEWKEYS):
        assert verdict(number, phase=Phase.KEYS, step=step, strict=True) is DISCONNECT
        assert verdict(number, phase=Phase.KEYS, step=step, strict=False) is HANDLE
        assert verdict(number, phase=Phase.OPEN, step=step, strict=True) is HANDLE  # later ones do


def test_the_first_exchange_is_linear():
    def handled(step, **more):
        return [
            n
            for n in range(5, 256)
            if verdict(n, phase=Phase.KEYS, step=step, strict=False, **more) is HANDLE
        ]

    assert handled(KexStep.AWAIT_KEXINIT) == [20]
    assert handled(KexStep.AWAIT_METHOD, expected=range(30, 31)) == [30]
    assert handled(KexStep.AWAIT_METHOD, expected=None) == []
    assert handled(KexStep.AWAIT_NEWKEYS) == [21]
    assert handled(KexStep.NONE) == []


@pytest.mark.parametrize("step", [KexStep.AWAIT_METHOD, KexStep.AWAIT_NEWKEYS])
def test_between_the_peers_kexinit_and_its_newkeys_nothing_but_the_exchange(step):
    handled = [n for n in range(256) if verdict(n, step=step, expected=range(30, 31)) is HANDLE]
    assert handled == [1, 2, 3, 4, 30 if step is KexStep.AWAIT_METHOD else 21, 192, 193][:4] + (
        [30, 192, 193] if step is KexStep.AWAIT_METHOD else [21, 192, 193]
    )


def test_after_our_kexinit_the_peers_data_stays_legal():
    assert verdict(94, step=KexStep.AWAIT_KEXINIT) is HANDLE
    assert verdict(20, step=KexStep.AWAIT_KEXINIT) is HANDLE


@each_case("number", [80, 81, 90, 93, 94, 95, 96, 97, 98, 99, 100])
def test_no_connection_protocol_before_authentication(number):
    assert verdict(number, phase=Phase.SERVICE) is DISCONNECT
    assert verdict(number, phase=Phase.AUTH) is DISCONNECT
    assert verdict(number) is HANDLE


@pytest.mark.parametrize(
    ("number", "sender"), [(50, CLIENT), (51, SERVER), (52, SERVER), (53, SERVER), (5, CLIENT)]
)
def test_each_message_of_authentication_comes_from_its_side(number, sender):
    assert verdict(number, sender.peer, Phase.AUTH) is HANDLE
    assert verdict(number, sender, Phase.AUTH) is DISCONNECT


def test_no_success_before_authentication_has_begun():
    # What CVE-2018-10933 was.
    assert verdict(52, SERVER, Phase.AUTH) is DISCONNECT
    assert verdict(52, SERVER, Phase.SERVICE) is DISCONNECT
    assert verdict(52, CLIENT, Phase.SERVICE) is DISCONNECT


def test_requests_after_success_are_ignored_and_the_rest_is_a_fault():
    assert verdict(50, SERVER) is IGNORE
    for number in (51, 52, 53, *range(60, 80)):
        assert verdict(number, CLIENT) is DISCONNECT


def test_no_rekey_before_authentication():
    assert verdict(20, phase=Phase.SERVICE) is DISCONNECT
    assert verdict(20, phase=Phase.AUTH) is DISCONNECT
    assert verdict(20) is HANDLE
    assert verdict(21) is DISCONNECT
    assert {verdict(number) for number in range(30, 50)} == {DISCONNECT}


@pytest.mark.parametrize(
    ("turn", "action"),
    [(ExtInfoTurn.NO, DISCONNECT), (ExtInfoTurn.NEXT, HANDLE), (ExtInfoTurn.IN_AUTH, HANDLE)],
)
def test_ext_info_has_its_turns(turn, action):
    assert verdict(7, phase=Phase.AUTH, ext_info=turn) is action


def test_no_ping_before_authentication():
    assert verdict(192, phase=Phase.AUTH) is DISCONNECT
    assert verdict(192) is HANDLE


@each_case("number", [0, 8, 22, 54, 83, 101, 128, 191, 194, 255])
def test_unknown_numbers(number):
    assert verdict(number) is UNIMPLEMENTED
    assert verdict(number, phase=Phase.AUTH) is DISCONNECT
    assert verdict(number, phase=Phase.KEYS, step=KexStep.AWAIT_KEXINIT) is DISCONNECT


def test_the_service_is_asked_for_by_the_client_and_accepted_once():
    assert verdict(6, CLIENT, Phase.SERVICE) is HANDLE
    assert verdict(6, CLIENT, Phase.AUTH) is DISCONNECT
    assert verdict(6, SERVER, Phase.SERVICE) is DISCONNECT
    assert verdict(5, SERVER, Phase.OPEN) is UNIMPLEMENTED  # Twisted's Conch, after each re-key
