"""The receiving half of a channel by itself: order, pauses, credit, text, failures."""

from __future__ import annotations

from typing import Any

import pytest

from nacre.aio.incoming import Incoming, NotTextError


class Session:
    """Writes down what it is given; may do something about it."""

    def __init__(self, react: Any = None, keep_open: bool = True) -> None:
        self.got: list[Any] = []
        self._react = react
        self._keep_open = keep_open

    def data_received(self, data: Any, datatype: int | None) -> None:
        self.got.append((data, datatype))
        if self._react:
            self._react(data)

    def eof_received(self) -> bool:
        self.got.append("eof")
        return self._keep_open


class Half:
    """An `Incoming` with what it tells its channel."""

    def __init__(self, encoding: str | None = None, errors: str = "strict") -> None:
        self.credit = 0
        self.failures: list[tuple[type[BaseException], str]] = []
        self.half_closed = 0
        self.incoming = Incoming(self)
        self.incoming.set_encoding(encoding, errors)

    def return_credit(self, size: int) -> None:
        self.credit += size

    def fail(self, error: BaseException, where: str) -> None:
        self.failures.append((type(error), where))
        self.incoming.stop()

    def answer_eof(self) -> None:
        self.half_closed += 1


def test_what_comes_before_the_start_is_kept_with_its_credit() -> None:
    half, session = Half(), Session()
    half.incoming.data(b"early", None)
    half.incoming.eof()
    assert half.credit == 0
    half.incoming.start(session)
    assert session.got == [(b"early", None), "eof"]
    assert half.credit == 5


def test_a_pause_keeps_data_credit_and_the_end() -> None:
    half, session = Half(), Session()
    half.incoming.start(session)
    half.incoming.pause()
    half.incoming.data(b"kept", None)
    half.incoming.eof()
    assert (session.got, half.credit) == ([], 0)
    half.incoming.resume()
    assert session.got == [(b"kept", None), "eof"]
    assert half.credit == 4


def test_a_pause_inside_the_callback_stops_the_next() -> None:
    half = Half()
    session = Session(react=lambda data: half.incoming.pause())
    half.incoming.data(b"a" * 40000, None)
    half.incoming.data(b"b" * 40000, None)
    half.incoming.start(session)
    assert len(session.got) == 1
    half.incoming.resume()
    assert len(session.got) == 2


def test_resuming_inside_the_callback_does_not_nest() -> None:
    half = Half()
    depth = deepest = 0

    def react(data: Any) -> None:
        nonlocal depth, deepest
        depth += 1
        deepest = max(deepest, depth)
        half.incoming.resume()
        depth -= 1

    session = Session(react=react)
    for _ in range(5):
        half.incoming.data(b"x" * 40000, None)
    half.incoming.start(session)
    assert (len(session.got), deepest) == (5, 1)


def test_what_comes_while_the_queue_is_delivered_goes_behind_it() -> None:
    half = Half()
    session = Session(react=lambda data: half.incoming.data(b"third", None) if data[:1] == b"1" else None)
    half.incoming.data(b"1" * 40000, None)
    half.incoming.data(b"2" * 40000, None)
    half.incoming.start(session)
    assert [data[:1] for data, _ in session.got] == [b"1", b"2", b"t"]


def test_the_last_words_are_given_though_the_session_pauses() -> None:
    half, session = Half(), Session()
    half.incoming.start(session)
    half.incoming.pause()
    half.incoming.data(b"last", None)
    half.incoming.eof()
    half.incoming.finish()
    assert session.got == [(b"last", None), "eof"]
    half.incoming.data(b"too late", None)
    half.incoming.resume()
    half.incoming.eof()
    assert len(session.got) == 2


def test_a_session_that_never_started_is_given_nothing() -> None:
    half = Half()
    half.incoming.data(b"x", None)
    half.incoming.finish()
    assert half.credit == 0


@pytest.mark.parametrize("keep_open", [True, False])
def test_the_end_of_data(keep_open: bool) -> None:
    half = Half()
    half.incoming.start(Session(keep_open=keep_open))
    half.incoming.eof()
    assert half.half_closed == (0 if keep_open else 1)


def test_credit_that_the_session_returns() -> None:
    half = Half()
    half.incoming.hold_credit()
    half.incoming.start(Session())
    half.incoming.data(b"x" * 10, None)
    assert half.credit == 0
    assert half.incoming.release_credit(4)
    assert half.credit == 6
    assert not half.incoming.release_credit(4)
    assert half.incoming.release_credit(0)
    assert half.credit == 10


def test_credit_can_be_returned_inside_the_callback() -> None:
    half = Half()
    half.incoming.hold_credit()
    half.incoming.start(Session(react=lambda data: half.incoming.release_credit(0)))
    half.incoming.data(b"x" * 10, None)
    assert half.credit == 10


def test_each_data_type_is_decoded_by_itself() -> None:
    half, session = Half("utf-8"), Session()
    half.incoming.start(session)
    for number, byte in enumerate("€€".encode()):
        half.incoming.data(bytes([byte]), 1 if number % 2 else None)  # interleaved: neither is whole
    plain, extended = Half("utf-8"), Session()
    plain.incoming.start(extended)
    for byte in "€".encode():
        plain.incoming.data(bytes([byte]), None)
        plain.incoming.data(bytes([byte]), 1)
    assert extended.got == [("€", None), ("€", 1)]
    assert half.failures  # and what is no text is a failure


def test_text_that_is_cut_off() -> None:
    half = Half("utf-8")
    half.incoming.start(Session())
    half.incoming.data(b"\xe2\x82", None)
    half.incoming.eof()
    assert half.failures == [(NotTextError, "eof_received")]
    half, session = Half("utf-8", "replace"), Session()
    half.incoming.start(session)
    half.incoming.data(b"\xe2\x82", None)
    half.incoming.eof()
    assert session.got == [("�", None), "eof"]


def test_a_failure_ends_the_delivery() -> None:
    def fail(data: Any) -> None:
        raise ZeroDivisionError

    half, session = Half(), Session(react=fail)
    for _ in range(3):
        half.incoming.data(b"x" * 40000, None)
    half.incoming.start(session)
    half.incoming.eof()
    assert len(session.got) == 1
    assert half.failures == [(ZeroDivisionError, "data_received")]
    assert half.credit == 0


def test_a_codec_that_is_none() -> None:
    with pytest.raises(LookupError):
        Half().incoming.set_encoding("no such codec", "strict")
