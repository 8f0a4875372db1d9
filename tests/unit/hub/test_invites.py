"""Invite codes: their form, their hash, and how often one may guess."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nacre.hub.invites import (
    ALPHABET,
    SYMBOLS,
    InviteError,
    InviteFault,
    InviteLimiter,
    digest,
    is_invite_name,
    new_code,
    normalise,
    redact,
)
from nacre.hub.users import is_user_name


def test_a_code_has_sixty_random_bits() -> None:
    assert len(set(ALPHABET)) == 32
    assert SYMBOLS * math.log2(len(ALPHABET)) >= 50
    assert not set("ILOU") & set(ALPHABET)


def test_codes_have_their_form_and_differ() -> None:
    codes = {new_code() for _ in range(200)}
    assert len(codes) == 200
    for code in codes:
        prefix, *groups = code.split("-")
        assert prefix == "invite"
        assert [len(group) for group in groups] == [4, 4, 4]
        assert set("".join(groups)) <= set(ALPHABET)
    # Every symbol is used, at every place.
    assert set("".join(code[7:] for code in codes)) - {"-"} == set(ALPHABET)


@pytest.mark.parametrize(
    "typed",
    [
        "invite-7KQ2-M4XD-9PTA",
        "INVITE-7kq2-m4xd-9pta",
        "invite-7kq2m4xd9pta",
        "Invite-7-K-Q-2-M-4-X-D-9-P-T-A",
    ],
)
def test_however_it_is_typed_it_is_the_same_code(typed: str) -> None:
    assert normalise(typed) == "7KQ2M4XD9PTA"


def test_lookalikes_are_read_as_what_was_meant() -> None:
    assert normalise("invite-OoIi-Ll00-1111") == "001111001111"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "invite-",
        "invite-7KQ2",
        "7KQ2-M4XD-9PTA",
        "invite-7KQ2-M4XD-9PTAA",
        "invite-7KQ2-M4XD-9PTU",
        "invite-7KQ2-M4XD-9PTÅ",
    ],
)
def test_what_cannot_be_a_code(text: str) -> None:
    assert normalise(text) is None


@given(st.text())
def test_any_text_has_a_normal_form_or_none(text: str) -> None:
    for typed in (text, "invite-" + text):
        symbols = normalise(typed)
        assert symbols is None or (len(symbols) == SYMBOLS and set(symbols) <= set(ALPHABET))


def test_a_long_text_is_not_looked_at() -> None:
    assert normalise("invite-" + "-" * 10**6 + "7KQ2M4XD9PTA") is None


@given(st.text())
def test_no_user_name_is_an_invite(text: str) -> None:
    assert not (is_user_name(text) and is_invite_name(text))


def test_invite_names_in_any_case() -> None:
    assert is_invite_name("invite-x")
    assert is_invite_name("INVITE-")
    assert not is_invite_name("invite")
    assert not is_invite_name("alice")


def test_the_stored_form_does_not_hold_the_code() -> None:
    stored = digest("7KQ2M4XD9PTA")
    assert len(stored) == 32
    assert b"7KQ2" not in stored
    assert stored != digest("7KQ2M4XD9PTB")


def test_a_log_does_not_hold_the_code() -> None:
    assert redact("user Invite-7kq2-m4xd-9pta@host and invite-x") == "user invite-…@host and invite-…"
    assert redact("alice") == "alice"


def test_every_fault_has_its_words() -> None:
    for fault in InviteFault:
        error = InviteError(fault)
        assert error.fault is fault
        assert error.what
        assert error.remedy


def test_guessing_ends_after_the_limit_and_begins_again_with_time() -> None:
    limiter = InviteLimiter(failures=3, window=60.0)
    for now in (0.0, 10.0, 20.0):
        assert limiter.allowed(now)
        limiter.failed(now)
    assert not limiter.allowed(20.0)
    assert limiter.wait(20.0) == 40.0
    assert not limiter.allowed(59.9)
    assert limiter.allowed(60.0)
    assert limiter.wait(60.0) == 0.0
    limiter.failed(60.0)
    assert not limiter.allowed(69.0)
    assert limiter.allowed(70.0)


def test_failures_beyond_the_limit_prolong_it_and_take_no_memory() -> None:
    limiter = InviteLimiter(failures=2, window=60.0)
    for second in range(1000):
        limiter.failed(float(second))
    assert not limiter.allowed(1000.0)
    assert limiter.wait(1000.0) == 58.0


@pytest.mark.parametrize(("failures", "window"), [(0, 1.0), (-1, 1.0), (1, 0.0), (1, -1.0)])
def test_a_limiter_without_a_limit_is_refused(failures: int, window: float) -> None:
    with pytest.raises(ValueError):
        InviteLimiter(failures, window)
