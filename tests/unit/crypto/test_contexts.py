"""Who has a context of its cipher: those in use, and few besides."""

from __future__ import annotations

import gc
from collections import deque
from typing import Any

import pytest

from nacre.crypto import contexts


class Holder:
    counter = 0
    has_context = False

    def use(self) -> None:
        if not self.has_context:
            self.has_context = True
            contexts.made(self)
        self.counter += 1

    def let_go(self) -> None:
        self.has_context = False


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contexts, "_holders", deque())
    monkeypatch.setattr(contexts, "_KEPT", 4)


def test_contexts_out_of_use_are_few_however_many_were_made() -> None:
    holders = [Holder() for _ in range(100)]
    for holder in holders:
        for _ in range(6):
            holder.use()
    # The latest were looked at once, and have moved since the time before that.
    assert 4 <= sum(holder.has_context for holder in holders) <= 8
    assert holders[-1].has_context


def test_who_is_in_use_keeps_it_while_others_come_and_go() -> None:
    busy = [Holder() for _ in range(10)]
    for turn in range(200):
        for holder in busy:
            assert holder.has_context or turn < 10
            holder.use()
        Holder().use()


def test_who_has_lost_it_makes_another_one() -> None:
    holders = [Holder() for _ in range(30)]
    for holder in holders:
        holder.use()
    assert not holders[0].has_context
    holders[0].use()
    assert holders[0].has_context


def test_what_has_ended_is_not_kept() -> None:
    holder = Holder()
    holder.use()
    del holder
    gc.collect()
    assert [seen() for seen, _ in contexts._holders] == [None]
    for _ in range(30):
        Holder().use()
    assert len(contexts._holders) <= 5


def test_a_cipher_goes_on_where_it_was(make_suite: Any) -> None:
    for name in ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com"):
        suite = make_suite(name, "")
        sealer, opener, usual = suite.sealer(), suite.opener(), suite.sealer()
        for size in range(20):
            packet = suite.packet(sealer, bytes(size))
            sealed = suite.seal(sealer, packet, size)
            assert sealed == suite.seal(usual, packet, size)
            assert suite.open(opener, sealed, size) == packet
            sealer.let_go()
            opener.let_go()
