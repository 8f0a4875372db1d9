"""What a packet costs in calls and copies is no more than it was. A count is exact, on any machine: no clock is asked."""

from __future__ import annotations

import copy
import json

import pytest

from bench import guard
from nacre.aio.incoming import Incoming
from nacre.protocol.inbound import Inbound
from nacre.protocol.mux import Mux
from nacre.protocol.outbound import Outbound
from tests.security.registry import rewritten

HINT = (
    "a packet, or a session, costs more calls or copies than before. Take the addition off its path; or, if it has to be there, "
    "run `python -m bench.guard --update` and say in the commit what it is for"
)


@pytest.fixture(scope="module")
def baseline():
    return json.loads(guard.BASELINE.read_text())


@pytest.fixture(scope="module")
def counted():
    return guard.calls()


def test_a_packet_costs_no_more_calls_than_before(baseline, counted):
    grown = guard.more_than(baseline, counted)
    assert not grown, "\n".join([HINT, *grown])


def test_the_baseline_is_not_left_behind(baseline, counted):
    """One that is far above what is true would not see an addition."""
    slack = [
        (name, end)
        for name, ends in baseline["python"].items()
        for end, most in ends.items()
        if counted["python"][name][end] < most - 1 and baseline["version"] == guard.version()
    ]
    assert not slack, "a packet costs less than before: run `python -m bench.guard --update`"


#: What is added: where, in place of what, and what sees it.
ADDED = {
    "a copy while sending": (Outbound.send_data, "[at:end] = data", "[at:end] = bytearray(data)", "KiB"),
    "a copy while receiving": (Incoming.data, "received(data,", "received(bytes(bytearray(data)),", "KiB"),
    "a copy into what is there": (Outbound.send_data, "[at:end] = data", "[at:end] = scratch[at:end] = data", "slices"),
    "a call": (Inbound.next_payload, "start = self.start\n", "start = (lambda: self.start)()\n", "calls"),
    "a call of a session": (Mux._eof, "(payload, ChannelEof)", "((lambda: payload)(), ChannelEof)", "calls"),
}  # fmt: skip


@pytest.mark.parametrize("added", ADDED)
def test_what_is_added_to_the_path_is_seen(baseline, added, monkeypatch):
    function, old, new, seen = ADDED[added]
    rewritten(function, old, new)(monkeypatch)
    grown = guard.more_than(baseline | {"version": guard.version()}, guard.calls())
    assert any(f" {seen} " in line for line in grown), grown


@pytest.mark.parametrize("kind", ["python", "others"])
def test_one_call_more_is_seen(baseline, kind):
    found = copy.deepcopy(baseline) | {"version": guard.version()}
    found[kind]["bulk"]["sender"] += 1
    told = guard.more_than(baseline | {"version": guard.version()}, found)
    assert [line.split(":")[0] for line in told] == ["bulk, sender"]


def test_another_version_of_python_is_compared_by_its_own_calls_only(baseline):
    found = copy.deepcopy(baseline)
    found["others"]["bulk"]["sender"] += 1
    assert not guard.more_than(baseline | {"version": "another"}, found)
