"""Windows lent from one budget: small at first, growing while they limit, and never more than was lent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nacre.errors import LocalProtocolError, ProtocolError
from nacre.protocol import limits
from nacre.protocol.window import Budget, ReceiveWindow

MIB = 1 << 20


def window_of(budget, wanted, max_packet=limits.WINDOW_CEILING):
    return ReceiveWindow(budget, wanted, max_packet)


def test_a_window_starts_with_a_small_part_of_the_budget():
    window = window_of(Budget(8 * MIB), 2 * MIB)
    assert window.size == window.left == 8 * MIB // 64


def test_a_small_wish_is_granted_as_it_is():
    assert window_of(Budget(8 * MIB), 1000).size == 1000


def test_every_channel_gets_enough_for_a_terminal():
    budget = Budget(0)
    assert [window_of(budget, 2 * MIB).size for _ in range(3)] == [limits.WINDOW_MINIMUM] * 3


def test_a_thousand_channels_fit():
    budget = Budget(8 * MIB)
    total = sum(window_of(budget, 2 * MIB).size for _ in range(1000))
    assert total <= 8 * MIB + 1000 * limits.WINDOW_MINIMUM


def test_data_beyond_the_window_is_a_fault_of_the_peer():
    window = window_of(Budget(8 * MIB), 1000)
    window.received(999)
    window.received(1)
    with pytest.raises(ProtocolError):
        window.received(1)


def test_data_of_one_packet_keeps_to_what_was_announced():
    window = window_of(Budget(8 * MIB), MIB, 100)
    window.received(100)
    with pytest.raises(ProtocolError, match="packets of at most 100"):
        window.received(101)


def test_more_consumed_than_received_is_our_mistake():
    window = window_of(Budget(8 * MIB), 1000)
    window.received(10)
    with pytest.raises(LocalProtocolError):
        window.consumed(11)


def test_credit_comes_in_bulk():
    window = window_of(Budget(0), 1000)
    window.received(1000)
    assert [window.consumed(100) for _ in range(4)] == [0, 0, 0, 0]
    assert window.consumed(100) == 500


def test_a_window_of_one_byte_gives_credit_too():
    window = window_of(Budget(0), 1)
    window.received(1)
    assert window.consumed(1) == 1


def test_a_busy_window_doubles_up_to_what_was_asked_for():
    window = window_of(Budget(8 * MIB), MIB)
    sizes = []
    while window.size < MIB:
        size = window.left
        window.received(size)
        assert window.consumed(size) > size
        sizes.append(window.size)
    assert sizes == [2 * 128 * 1024, 4 * 128 * 1024, MIB]
    window.received(MIB)
    assert window.consumed(MIB) == MIB


def test_a_closed_channel_gives_its_window_back():
    budget = Budget(8 * MIB)
    first = window_of(budget, 2 * MIB)
    size = first.size
    first.close()
    assert window_of(budget, 2 * MIB).size == size
    with pytest.raises(ProtocolError):
        first.received(1)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 300_000)), max_size=60))
def test_what_channels_hold_together_stays_in_the_budget(steps):
    budget = Budget(MIB)
    windows = [window_of(budget, 4 * MIB) for _ in range(4)]
    unread = [0] * 4
    for index, size in steps:
        window = windows[index]
        taken = min(size, window.left)
        window.received(taken)
        unread[index] += taken
        if size % 2:
            window.consumed(unread[index])
            unread[index] = 0
        assert window.left + unread[index] <= window.size
        assert sum(item.size for item in windows) <= MIB + 4 * limits.WINDOW_MINIMUM
    for index, window in enumerate(windows):
        window.consumed(unread[index])
        assert window.left > 0  # no window is ever lost
