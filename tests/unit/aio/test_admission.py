"""Admission: the bound in all with its random part, the bound by source, who is shut out, who is exempt."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from nacre.aio import limits
from nacre.aio.admission import Admission, Place, Policy, Refusal, Startups
from nacre.aio.penalties import Outcome, PenaltyPolicy
from nacre.aio.sources import Networks
from tests.support.cases import each_case

A, B = ("192.0.2.1", 1000), ("192.0.2.2", 1000)
NEAR, FAR = ("2001:db8::1", 1, 0, 0), ("2001:db8:0:1::1", 1, 0, 0)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def admission(draw: float = 1.0, **policy: Any) -> tuple[Admission, Clock]:
    clock = Clock()
    return Admission(Policy(**policy), clock, lambda: draw), clock


def admit(judge: Admission, peer: Any = A, count: int = 1) -> list[Place]:
    places = [judge.admit(peer) for _ in range(count)]
    assert None not in places
    return [place for place in places if place is not None]


@each_case(
    ("count", "draw", "dropped"),
    [
        (9, 0.0, False),
        (10, 0.299, True),
        (10, 0.301, False),
        (55, 0.649, True),
        (55, 0.651, False),
        (99, 0.992, True),
        (99, 0.993, False),
        (100, 0.9999999, True),
    ],
)
def test_from_start_to_full_more_and_more_are_dropped(count: int, draw: float, dropped: bool) -> None:
    assert Startups(10, 30, 100).drops(count, lambda: draw) is dropped


@pytest.mark.parametrize("full", [1, 3])
def test_start_and_full_may_be_the_same(full: int) -> None:
    startups = Startups(full, 100, full)
    assert not startups.drops(full - 1, lambda: 0.0)
    assert startups.drops(full, lambda: 1.0)


def test_a_place_is_given_back_once() -> None:
    judge, _ = admission(startups=Startups(2, 100, 2), per_source=2)
    first, second = admit(judge, count=2)
    assert judge.admit(B) is None
    first.leave()
    first.leave()
    assert judge.count == 1
    admit(judge)
    assert judge.admit(A) is None
    second.leave()
    assert judge.refused[Refusal.STARTUPS] == 2


def test_one_source_cannot_take_all_places() -> None:
    judge, _ = admission(per_source=3)
    admit(judge, A, 3)
    assert judge.admit(A) is None
    assert judge.admit(("::ffff:192.0.2.1", 1, 0, 0)) is None
    admit(judge, B, 3)
    admit(judge, NEAR, 3)
    assert judge.admit(("2001:db8::ffff", 1, 0, 0)) is None
    admit(judge, FAR, 1)
    assert judge.refused == {Refusal.STARTUPS: 0, Refusal.PER_SOURCE: 3, Refusal.PENALTY: 0}


@pytest.mark.parametrize("peer", [("127.0.0.9", 1), ("::1", 1, 0, 0), "", "/run/nacre.sock", b"\0abstract"])
def test_loopback_and_unix_sockets_are_exempt(peer: Any) -> None:
    judge, _ = admission(per_source=1, penalties=PenaltyPolicy())
    for place in admit(judge, peer, 3):
        place.leave(Outcome.CRASH)
    admit(judge, peer, 3)


def test_loopback_is_a_source_where_the_list_says_so() -> None:
    judge, _ = admission(per_source=1, exempt=Networks(["192.0.2.0/24"]))
    admit(judge, A, 5)
    admit(judge, ("127.0.0.2", 1))
    assert judge.admit(("127.0.0.2", 2)) is None
    admit(judge, ("127.0.0.3", 1))


def test_who_misbehaves_is_shut_out_for_a_while() -> None:
    judge, clock = admission(penalties=PenaltyPolicy())
    for peer in (A, NEAR):
        for place in admit(judge, peer, 3):
            place.leave(Outcome.AUTHFAIL)
        assert judge.admit(peer) is None
    admit(judge, B)
    admit(judge, FAR)
    clock.now = 14.9
    assert judge.admit(A) is None
    clock.now = 15
    admit(judge, A)
    assert judge.refused[Refusal.PENALTY] == 3


def test_a_login_costs_nothing() -> None:
    judge, _ = admission(penalties=PenaltyPolicy())
    for _ in range(50):
        admit(judge)[0].leave()
    assert judge.admit(A) is not None


def test_behind_a_load_balancer_the_client_is_the_source() -> None:
    judge, _ = admission(per_source=1, balancers=Networks(["192.0.2.0/24", "unix"]))
    places = admit(judge, A, 3)
    assert all(place.proxied for place in places)
    assert admit(judge, "")[0].proxied
    assert not admit(judge, NEAR)[0].proxied
    assert places[0].locate("198.51.100.1")
    assert places[0].source == "198.51.100.1"
    assert not places[1].locate("198.51.100.1")
    places[1].leave()
    assert places[2].locate(None)
    places[0].leave()
    assert admit(judge, A)[0].locate("198.51.100.1")


def test_a_source_that_a_hook_names_is_not_judged_before() -> None:
    judge, _ = admission(per_source=1, late=True)
    first, second, third = admit(judge, A, 3)
    assert first.locate("192.0.2.1")
    assert not second.locate("192.0.2.1")
    assert third.locate("192.0.2.9")
    with pytest.raises(ValueError, match="x"):
        third.locate("x")


def test_penalties_survive_a_change_of_something_else() -> None:
    judge, _ = admission(penalties=PenaltyPolicy())
    admit(judge)[0].leave(Outcome.CRASH)
    judge.change(Policy(penalties=PenaltyPolicy(), per_source=9))
    assert judge.admit(A) is None
    judge.change(Policy(penalties=PenaltyPolicy(crash=1)))
    admit(judge)
    judge.change(Policy())
    admit(judge)[0].leave(Outcome.CRASH)
    admit(judge)


def test_a_flood_does_not_flood_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "nacre")
    judge, clock = admission(startups=Startups(1, 100, 1))
    admit(judge)
    for second in range(120):
        clock.now = second
        for _ in range(100):
            judge.admit(B)
    assert [record.getMessage() for record in caplog.records] == [
        "refused 1 connections, the last from 192.0.2.2: too many have not logged in",
        "refused 6000 connections, the last from 192.0.2.2: too many have not logged in",
    ]


def test_what_a_host_is_follows_the_policy() -> None:
    judge, _ = admission(per_source=1)
    admit(judge, A)
    assert judge.admit(A) is None
    judge.change(Policy(per_source=1, exempt=Networks(["192.0.2.0/24"])))
    admit(judge, A, 3)


def test_what_is_kept_of_hosts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ORIGINS", 10)
    judge, _ = admission(per_source=1)
    for number in range(50):
        admit(judge, (f"192.0.2.{number}", 1))[0].leave()
    assert len(judge._origins) <= 10
    assert not judge._by_source


def test_a_source_is_as_large_as_the_policy_says() -> None:
    judge, _ = admission(per_source=1, blocks=(24, 48))
    for peer, neighbour in ((A, B), (NEAR, FAR)):
        admit(judge, peer)
        assert judge.admit(neighbour) is None
    judge.change(Policy(per_source=1))
    admit(judge, B)
    admit(judge, FAR)
