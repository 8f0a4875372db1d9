"""Which keys have a context made for them: those in use, and the few that were made last."""

from __future__ import annotations

import gc
from collections import deque
from typing import Any

import pytest

from nacre.crypto import contexts

NAMES = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")


class Holder(contexts.Holder):
    has_context = False

    def work(self) -> None:
        if not self.has_context:
            self.has_context = True
            contexts.made(self)

    def let_go(self) -> None:
        self.has_context = False


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contexts, "_made", deque())
    monkeypatch.setattr(contexts, "_KEPT", 4)


def test_few_contexts_are_left_however_many_were_made() -> None:
    holders = [Holder() for _ in range(100)]
    for holder in holders:
        holder.work()
    assert [holder.has_context for holder in holders] == [False] * 96 + [True] * 4
    holders[0].work()
    assert holders[0].has_context
    assert not holders[96].has_context


def test_who_is_in_use_keeps_it_until_that_is_over() -> None:
    busy = [Holder() for _ in range(10)]
    for holder in busy:
        holder.work()
        contexts.keep(holder)
    others = [Holder() for _ in range(100)]
    for holder in others:
        holder.work()
    assert sum(holder.has_context for holder in others) == 4
    for holder in busy:
        holder.work()
    for holder in others:
        holder.work()
    assert all(holder.has_context for holder in busy)
    for holder in busy:
        contexts.rest(holder)
    assert not any(holder.has_context for holder in busy)


def test_what_has_ended_is_not_kept() -> None:
    holder = Holder()
    holder.work()
    del holder
    gc.collect()
    assert [seen() for seen in contexts._made] == [None]
    for _ in range(30):
        Holder().work()
    assert len(contexts._made) == 4


@pytest.mark.parametrize("name", NAMES)
def test_a_cipher_goes_on_where_it_was(make_suite: Any, name: str) -> None:
    suite = make_suite(name, "")
    sealer, opener, usual = suite.sealer(), suite.opener(), suite.sealer()
    for size in range(20):
        packet = suite.packet(sealer, bytes(size))
        sealed = suite.seal(sealer, packet, size)
        assert sealed == suite.seal(usual, packet, size)
        assert suite.open(opener, sealed, size) == packet
        contexts.rest(sealer)
        contexts.rest(opener)


def test_the_next_key_is_used_as_the_one_before_and_other_ciphers_keep_what_they_have(
    make_suite: Any,
) -> None:
    first, second = (make_suite(name, "").sealer() for name in NAMES)
    contexts.keep(first)
    contexts.follow(second, first)
    assert second.use is contexts.Use.OFTEN
    other = make_suite("chacha20-poly1305@openssh.com", "").sealer()
    contexts.follow(other, second)
    contexts.keep(other)
    contexts.rest(other)
    assert make_suite.seal(other, make_suite.packet(other, b"payload"), 0)
