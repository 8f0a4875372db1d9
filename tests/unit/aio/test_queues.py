"""The queues of a channel: order, joining, and what small pieces cost."""

from __future__ import annotations

import random

import pytest

from nacre.aio import limits
from nacre.aio.queues import ReceiveQueue, SendQueue


def test_send_queue_keeps_order_and_types() -> None:
    queue = SendQueue()
    pushed = [(b"a", None), (b"b" * 70000, 1), (b"c", 1), (b"d", None), (b"e", None)]
    for data, datatype in pushed:
        queue.push(data, datatype)
    assert queue.size == 70004
    got: list[tuple[bytes, int | None]] = []
    while queue.size:
        data, datatype = queue.head()
        part = bytes(data[:1000])
        data.release()
        got.append((part, datatype))
        queue.advance(len(part))
    for wanted in (None, 1):
        assert b"".join(d for d, t in got if t == wanted) == b"".join(d for d, t in pushed if t == wanted)
    assert [t for i, (_, t) in enumerate(got) if i == 0 or got[i - 1][1] != t] == [None, 1, None]


def test_send_queue_owns_its_bytes() -> None:
    queue = SendQueue()
    for size in (10, limits.JOIN + 1):
        mine = bytearray(b"x" * size)
        queue.push(mine, None)
        mine[:] = b"y" * size
    while queue.size:
        data, _ = queue.head()
        assert b"y" not in bytes(data)
        length = len(data)
        data.release()
        queue.advance(length)


def test_send_queue_joins_small_pieces_while_the_first_is_under_way() -> None:
    queue = SendQueue()
    for _ in range(10000):
        queue.push(b"x", None)
    assert len(queue._pieces) <= 3
    view, _ = queue.head()  # a view must not keep later pieces from joining
    for _ in range(10000):
        queue.push(b"x", None)
    view.release()
    assert queue.size == 20000


def test_receive_queue_keeps_order() -> None:
    queue = ReceiveQueue()
    for number in range(100):
        queue.push(b"%d," % number, None if number % 10 else 1)
    plain, extended = b"", b""
    while queue:
        data, datatype = queue.pop()
        if datatype is None:
            plain += data
        else:
            extended += data
    assert plain == b"".join(b"%d," % n for n in range(100) if n % 10)
    assert extended == b"".join(b"%d," % n for n in range(100) if not n % 10)


@pytest.mark.parametrize("pattern", [(None,), (None, 1)])
def test_one_byte_packets_cost_few_pieces(pattern: tuple[int | None, ...]) -> None:
    queue = ReceiveQueue()
    for number in range(100_000):
        queue.push(b"x", pattern[number % len(pattern)])
    assert len(queue.pieces) <= limits.PIECES
    total = {None: 0, 1: 0}
    while queue:
        data, datatype = queue.pop()
        total[datatype] += len(data)
    assert sum(total.values()) == 100_000


def test_receive_queue_goes_on_after_it_ran_empty() -> None:
    generator = random.Random(1)
    queue = ReceiveQueue()
    pushed, popped = b"", b""
    for _ in range(2000):
        data = bytes([generator.randrange(256)]) * generator.randrange(1, 50)
        queue.push(data, None)
        pushed += data
        while queue and generator.random() < 0.4:
            popped += queue.pop()[0]
    while queue:
        popped += queue.pop()[0]
    assert popped == pushed
