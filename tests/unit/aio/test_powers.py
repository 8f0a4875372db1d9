"""Exponentiations in helper processes: that they are right, that helpers come and go, and the budget."""

from __future__ import annotations

import asyncio
import os
import select
import subprocess
import sys
import threading

import pytest

from nacre.aio import limits, powers
from nacre.aio.powers import Budget, Helpers, compute, work
from nacre.crypto.kex.groups import Power, modp
from nacre.errors import DisconnectError, DisconnectReason
from tests.support.face import asynctest

BIG = Power(3, (1 << 511) + 12345, modp(2048).prime)
SMALL = (Power(2, 10, 1000), Power(7, 77, 1 << 64))


class Clock:
    """A time that stands still until it is told."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def helpers():
    made = Helpers(2)
    yield made
    made.close()
    assert made.processes == 0


@asynctest
async def test_the_results_are_right_and_in_order(helpers):
    assert await helpers.compute(SMALL) == (24, pow(7, 77, 1 << 64))
    assert await helpers.compute((BIG,)) == (pow(BIG.base, BIG.exponent, BIG.modulus),)


@asynctest
async def test_helpers_are_started_when_they_are_needed_and_no_more_than_allowed(helpers):
    assert helpers.processes == 0
    await helpers.compute(SMALL)
    assert helpers.processes == 1
    results = await asyncio.gather(*(helpers.compute((Power(2, number, 1009),)) for number in range(20)))
    assert results == [(pow(2, number, 1009),) for number in range(20)]
    assert helpers.processes <= 2


@asynctest
async def test_a_helper_that_was_killed_is_replaced(helpers):
    await helpers.compute(SMALL)
    helpers._processes[0].kill()
    helpers._processes[0].wait()
    assert await helpers.compute(SMALL) == (24, pow(7, 77, 1 << 64))


@asynctest
async def test_no_more_wait_than_there_is_patience_for(helpers, monkeypatch):
    monkeypatch.setattr(limits, "POWERS_WAITING", 3)
    tasks = [asyncio.create_task(helpers.compute(SMALL)) for _ in range(5)]
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in done] == [tuple] * 3 + [DisconnectError] * 2
    assert len(await helpers.compute(SMALL)) == 2  # there is room again


@asynctest
async def test_sources_have_their_turn(helpers, monkeypatch):
    """Row 20: who floods waits behind itself."""
    order, first = [], threading.Event()

    def compute_(powers_):
        first.wait(60)
        order.append(powers_[0].base)
        return (powers_[0].base,)

    one = Helpers(1)
    monkeypatch.setattr(one, "_compute", compute_)
    asked = [("flood", 1), ("flood", 2), ("flood", 3), ("flood", 4), ("honest", 10), ("another", 20)]
    tasks = []
    for source, base in asked:
        tasks.append(asyncio.create_task(one.compute((Power(base, 1, 97),), source)))
        await asyncio.sleep(0)  # each is asked for before the next
    first.set()
    assert await asyncio.gather(*tasks) == [(base,) for _, base in asked]
    one.close()
    # The thread had taken the first before the others came, or has then seen all sources.
    assert order in ([1, 2, 10, 20, 3, 4], [1, 10, 20, 2, 3, 4])


@asynctest
async def test_what_nobody_waits_for_any_more_is_not_computed(monkeypatch):
    computed, first = [], threading.Event()

    def compute_(powers_):
        computed.append(powers_[0].base)
        first.wait(60)
        return (1,)

    one = Helpers(1)
    monkeypatch.setattr(one, "_compute", compute_)
    kept = asyncio.create_task(one.compute((Power(1, 1, 97),), "here"))
    gone = asyncio.create_task(one.compute((Power(2, 1, 97),), "gone"))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.gather(gone, return_exceptions=True)
    first.set()
    assert await kept == (1,)
    one.close()
    assert computed == [1]
    assert one._waiting == 0


@asynctest
async def test_without_an_interpreter_it_is_said(helpers, monkeypatch):
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(OSError, match="Python interpreter"):
        await helpers.compute(SMALL)


def test_a_closed_set_of_helpers_begins_anew():
    helpers = Helpers(1)
    for _ in range(2):
        assert asyncio.run(helpers.compute(SMALL))[0] == 24
        helpers.close()
    helpers.close()


def ends(pid):
    """Wait for the end of a process that is not ours."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 60)[0])
    finally:
        os.close(handle)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs pidfd_open, which is Linux's")
def test_helpers_end_with_their_process():
    program = """
import asyncio, os, signal, sys
from nacre.aio import powers
from nacre.crypto.kex.groups import Power
print(asyncio.run(powers.compute((Power(2, 10, 1000),))), flush=True)
print(powers._helpers._processes[0].pid, flush=True)
if sys.argv[1] == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
"""
    for how, status in (("leave", 0), ("kill", -9)):
        # The helper has no descriptor of ours but its own pipes: what it is asked through ends with its parent.
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program, how],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        result, pid = done.stdout.splitlines()
        assert (result, done.returncode, done.stderr) == ("(24,)", status, "")
        assert ends(int(pid))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, which this system has not")
def test_a_forked_child_has_helpers_of_its_own():
    asyncio.run(powers.compute(SMALL))
    before = powers._helpers
    powers._forget_after_fork()
    try:
        assert powers._helpers is not before
        assert powers._helpers.processes == 0
    finally:
        powers._helpers.close()
        powers._helpers = before


# ---------------------------------------------------------------- the budget


def test_work_grows_with_the_group():
    seconds = [work((Power(2, 1 << 511, modp(bits).prime),)) for bits in (2048, 4096, 8192)]
    assert seconds[1] == pytest.approx(0.05)
    assert seconds == [pytest.approx(0.0125), pytest.approx(0.05), pytest.approx(0.2)]


def logins(budget, source):
    """Count how many logins of half a second of work each a source may have."""
    for number in range(100):
        try:
            budget.charge(source, 0.5)
        except DisconnectError:
            return number
    return 100


def test_a_source_is_refused_when_it_has_spent_its_budget():
    clock = Clock()
    budget = Budget(clock)
    assert logins(budget, "192.0.2.1") == 8
    assert logins(budget, "192.0.2.2") == 8  # others are not concerned
    clock.now += 5
    assert logins(budget, "192.0.2.1") == 2
    clock.now += 3600
    assert logins(budget, "192.0.2.1") == 8


def test_a_network_of_ipv6_is_one_source():
    budget = Budget(Clock())
    assert logins(budget, "2001:db8::1") == 8
    assert logins(budget, "2001:db8::ffff:1%eth0") == 0
    assert logins(budget, "2001:db8:0:1::1") == 8


def test_a_flood_of_sources_fills_no_memory(monkeypatch):
    monkeypatch.setattr(limits, "POWERS_SOURCES", 8)
    budget = Budget(Clock())
    for number in range(100):
        budget.charge(f"192.0.2.{number}", 1.0)
    assert len(budget._spent) == 8


@asynctest
async def test_a_refusal_is_an_answer(monkeypatch):
    monkeypatch.setattr(powers, "_budget", Budget(Clock()))
    dear = Power(2, 3, (1 << 700000) + 1)
    assert await compute(SMALL, "192.0.2.7") == (24, pow(7, 77, 1 << 64))
    assert isinstance(await compute((dear,), "192.0.2.7"), tuple)
    refused = await compute(SMALL, "192.0.2.7")
    assert isinstance(refused, DisconnectError)
    assert refused.code == DisconnectReason.TOO_MANY_CONNECTIONS
    assert "try again later" in str(refused)
    assert await compute(SMALL) == (24, pow(7, 77, 1 << 64))
