"""Penalties by source: what adds up, what has no effect yet, when it is over, and that the table is bounded."""

from __future__ import annotations

from typing import Any

import pytest

from nacre.aio.penalties import Outcome, Overflow, Penalties, PenaltyPolicy


def test_penalties_add_up_and_have_no_effect_below_the_least() -> None:
    table = Penalties(PenaltyPolicy())
    for _ in range(2):
        table.add("a", 5, 0)
    assert not table.remaining("a", 0)
    table.add("a", 5, 0)
    assert table.remaining("a", 0) == 15
    assert not table.remaining("b", 0)
    assert table.remaining("a", 14) == 1
    assert not table.remaining("a", 15)
    # What is over counts no more.
    table.add("a", 5, 20)
    assert not table.remaining("a", 20)


def test_what_was_in_effect_stays_so_until_its_end() -> None:
    table = Penalties(PenaltyPolicy())
    table.add("a", 20, 0)
    table.add("a", 1, 19)
    assert table.remaining("a", 19) == 2


def test_nobody_is_shut_out_for_longer_than_the_most() -> None:
    table = Penalties(PenaltyPolicy(most=30))
    for _ in range(9):
        table.add("a", 90, 100)
    assert table.remaining("a", 100) == 30


@pytest.mark.parametrize("outcome", Outcome)
def test_what_costs_how_much(outcome: Outcome) -> None:
    costs = {
        "settled": 0,
        "noauth": 1,
        "authfail": 5,
        "grace_exceeded": 10,
        "crash": 90,
        "refuseconnection": 10,
    }
    assert PenaltyPolicy().cost(outcome) == costs[outcome.value]
    table = Penalties(PenaltyPolicy())
    table.add("a", 0, 0)
    assert not len(table)


def test_the_table_of_ipv6_may_be_another() -> None:
    policy = PenaltyPolicy.of({"sources": 3, "sources6": 1, "overflow6": "deny-all"})
    assert policy.table(4) == (3, Overflow.PERMISSIVE)
    assert policy.table(6) == (1, Overflow.DENY)
    assert PenaltyPolicy.of({"sources": 3, "overflow": "deny-all"}).table(6) == (3, Overflow.DENY)
    for version, denied in ((4, False), (6, True)):
        table = Penalties(policy, version)
        table.add("a", 100, 0)
        assert bool(table.remaining("b", 0)) is denied


def test_a_full_table_forgets_the_penalty_that_would_end_first() -> None:
    table = Penalties(PenaltyPolicy(sources=3))
    table.add("long", 100, 0)
    table.add("short", 16, 0)
    table.add("longer", 200, 0)
    table.add("short", 50, 0)  # is not the first to end any more, though it came early
    table.add("more", 300, 0)
    assert len(table) == 3
    assert {name for name in ("long", "short", "longer", "more") if table.remaining(name, 0)} == {
        "long",
        "longer",
        "more",
    }


def test_a_full_table_lets_nobody_in_where_that_is_wished() -> None:
    table = Penalties(PenaltyPolicy(sources=2, overflow=Overflow.DENY))
    table.add("a", 20, 0)
    table.add("b", 30, 0)
    table.add("c", 99, 0)
    assert len(table) == 2
    assert table.remaining("somebody", 0) == 20
    assert not table.remaining("somebody", 20)
    assert table.remaining("b", 20)


def test_the_table_and_its_order_are_bounded() -> None:
    table = Penalties(PenaltyPolicy(sources=100))
    for number in range(10_000):
        table.add(str(number % 500), 1 + number % 7, number / 100)
    assert len(table) <= 100
    assert len(table._order) <= 5 * 100
    for _ in range(1000):
        table.add("one", 1, 1000)
    assert len(table) == 1
    assert len(table._order) <= 10


def test_values_by_name() -> None:
    policy = PenaltyPolicy.of({"authfail": 7, "overflow": "deny-all", "sources": 9})
    assert policy == PenaltyPolicy(authfail=7, overflow=Overflow.DENY, sources=9)
    wrong: list[dict[str, Any]] = [
        {"x": 1}, {"crash": -1}, {"crash": "1"}, {"crash": True}, {"overflow": "x"}, {"least": 700}, {"sources": 0},
    ]  # fmt: skip
    for values in wrong:
        with pytest.raises(ValueError, match=r"."):
            PenaltyPolicy.of(values)
