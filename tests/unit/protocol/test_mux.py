"""Channels and global requests between two ends (RFC 4254), and what no peer may do to them."""

from __future__ import annotations

import pytest

from nacre.errors import LocalProtocolError, OpenFailureReason, ProtocolError
from nacre.protocol import limits
from nacre.protocol.events import (
    ChannelClosed,
    ChannelData,
    ChannelEOF,
    ChannelOpened,
    ChannelOpenFailed,
    ChannelOpenQuestion,
    ChannelReply,
    ChannelRequestQuestion,
    ChannelWritable,
    Disconnected,
    GlobalRequestQuestion,
    OpenAccept,
    OpenRefuse,
)
from nacre.protocol.settings import Settings
from nacre.wire import connection as wire
from nacre.wire.requests import ExecRequest, PtyRequest, SessionOpen
from tests.pair.ends import LATER, End, Pair
from tests.support.protocol import failure, inject, server_settings, talk


@pytest.fixture
def pair():
    return Pair().start()


def data_of(end: End, datatype: int | None = None) -> bytes:
    return b"".join(event.data for event in end.of(ChannelData) if event.datatype == datatype)


def answer(pair: Pair, kind: type, value: object, index: int = -1) -> Pair:
    pair.server.connection.answer(pair.server.of(kind)[index].token, value)
    return pair.run()


# ------------------------------------------------------------ opening


def test_open_and_close(pair):
    ours, theirs = pair.open()
    assert pair.client.of(ChannelOpened) == [ChannelOpened(ours, b"")]
    assert pair.server.of(ChannelOpenQuestion)[0].payload == SessionOpen()
    pair.client.connection.channel_close(ours)
    pair.run()
    assert pair.client.of(ChannelClosed) == [ChannelClosed(ours)]
    assert pair.server.of(ChannelClosed) == [ChannelClosed(theirs)]
    pair.client.connection.channel_close(ours)  # one that is gone is fine
    assert not pair.client.output()


def test_sixty_four_channels_do_not_mix(pair):
    numbers = [pair.open() for _ in range(64)]
    assert len({ours for ours, _ in numbers}) == len({theirs for _, theirs in numbers}) == 64
    for ours, _ in numbers:
        pair.client.connection.channel_write(ours, b"%d" % ours)
    pair.run()
    for ours, theirs in numbers:
        assert [event.data for event in pair.server.of(ChannelData) if event.channel == theirs] == [
            b"%d" % ours
        ]


def test_the_server_opens_too(pair):
    pair.client.answers[ChannelOpenQuestion] = OpenAccept(1000, 1000, b"more")
    number = pair.server.connection.open_channel("x@example", b"payload", 1000, 1000)
    pair.run()
    assert pair.client.of(ChannelOpenQuestion)[0].payload == b"payload"
    assert pair.server.of(ChannelOpened) == [ChannelOpened(number, b"more")]


@pytest.mark.parametrize(
    ("value", "code"),
    [(OpenRefuse(4, "full"), 4), (None, 1), (False, 1), (True, 1), ("yes", 1)],
)
def test_only_an_acceptance_opens(value, code):
    pair = Pair(server_answers={ChannelOpenQuestion: value}).start()
    number = pair.client.connection.open_channel("session", b"", 1000, 1000)
    pair.run()
    failed = pair.client.of(ChannelOpenFailed)[0]
    assert (failed.channel, failed.code) == (number, code)
    with pytest.raises(LocalProtocolError):
        pair.client.connection.channel_write(number, b"x")


def test_no_more_sessions(pair):
    pair.client.connection.global_request("no-more-sessions@openssh.com", b"", False)
    pair.client.connection.open_channel("session", b"", 1000, 1000)
    pair.run()
    assert pair.client.of(ChannelOpenFailed)[0].code == OpenFailureReason.ADMINISTRATIVELY_PROHIBITED
    assert not pair.server.of(GlobalRequestQuestion)


@pytest.mark.parametrize(
    ("settings", "kind"), [({"max_sessions": 2}, "session"), ({"max_channels": 2}, "x@example")]
)
def test_channels_of_a_peer_are_bounded_and_come_back(settings, kind):
    pair = Pair(server=server_settings(**settings)).start()
    for _ in range(3):
        last = pair.client.connection.open_channel(kind, b"", 1000, 1000)
        pair.run()
    assert [event.channel for event in pair.client.of(ChannelOpenFailed)] == [last]
    assert pair.client.of(ChannelOpenFailed)[0].code == OpenFailureReason.RESOURCE_SHORTAGE
    pair.client.connection.channel_close(0)
    pair.run()
    pair.open(kind)
    assert len(pair.client.of(ChannelOpened)) == 3


def test_undecided_opens_are_bounded():
    pair = Pair(server_answers={ChannelOpenQuestion: LATER}).start()
    for _ in range(limits.OPENS_PENDING + 1):
        pair.client.connection.open_channel("session", b"", 1000, 1000)
    pair.run()
    assert len(pair.client.of(ChannelOpenFailed)) == 1
    assert len(pair.server.of(ChannelOpenQuestion)) == limits.OPENS_PENDING


def test_a_maximum_packet_of_nothing_is_refused(pair):
    talk(pair, pair.client, wire.ChannelOpen("session", 7, 1000, 0, b"").encode())
    assert not pair.server.of(ChannelOpenQuestion)


@pytest.mark.parametrize(
    "message",
    [
        wire.ChannelOpenConfirmation(0, 0, 1000, 1000, b""),
        wire.ChannelOpenFailure(0, 1, "", ""),
        wire.ChannelDataMessage(0, b"x"),
        wire.ChannelExtendedData(0, 1, b"x"),
        wire.ChannelWindowAdjust(0, 1),
        wire.ChannelEof(0),
        wire.ChannelClose(0),
        wire.ChannelRequest(0, "exec", False, b""),
        wire.ChannelSuccess(0),
        wire.ChannelFailure(0),
        wire.RequestSuccess(b""),
        wire.RequestFailure(),
    ],
)
def test_a_message_about_what_nobody_opened_or_asked_is_a_fault(pair, message):
    talk(pair, pair.client, message.encode())
    assert isinstance(failure(pair.server), ProtocolError)


# ------------------------------------------------------------ data


def test_data_both_ways_and_extended(pair):
    ours, theirs = pair.open()
    assert pair.client.connection.channel_write(ours, b"in") == 2
    assert pair.server.connection.channel_write(theirs, b"out") == 3
    assert pair.server.connection.channel_write(theirs, b"err", 1) == 3
    pair.run()
    assert (data_of(pair.server), data_of(pair.client), data_of(pair.client, 1)) == (b"in", b"out", b"err")


def test_a_window_stops_and_credit_goes_on(pair):
    pair.server.answers[ChannelOpenQuestion] = OpenAccept(1000, 1 << 15)
    ours, theirs = pair.open()
    client = pair.client.connection
    assert client.channel_write(ours, bytes(5000)) == 1000
    assert client.channel_write(ours, b"x") == 0
    pair.run()
    assert not pair.client.of(ChannelWritable)
    pair.server.connection.consumed(theirs, 1000)
    pair.run()
    assert pair.client.of(ChannelWritable) == [ChannelWritable(ours)]
    assert client.channel_write(ours, bytes(5000)) >= 1000


def test_data_beyond_the_window_is_a_fault(pair):
    pair.server.answers[ChannelOpenQuestion] = OpenAccept(10, 1 << 15)
    _, theirs = pair.open()
    talk(pair, pair.client, wire.ChannelDataMessage(theirs, bytes(11)).encode())
    assert isinstance(failure(pair.server), ProtocolError)


@pytest.mark.parametrize("length", [0, 1, 3, 0xFFFFFFFF])
def test_data_whose_length_lies_is_a_fault(pair, length):
    _, theirs = pair.open()
    talk(pair, pair.client, b"\x5e" + theirs.to_bytes(4, "big") + length.to_bytes(4, "big") + b"xx")
    assert isinstance(failure(pair.server), ProtocolError)


def test_empty_data_is_no_event(pair):
    _, theirs = pair.open()
    talk(pair, pair.client, wire.ChannelDataMessage(theirs, b"").encode())
    assert not pair.server.of(ChannelData)
    assert not pair.server.connection.closed


def test_a_type_of_data_that_nobody_defined_is_dropped_and_credited(pair):
    pair.server.answers[ChannelOpenQuestion] = OpenAccept(100, 100)
    _, theirs = pair.open()
    for _ in range(10):
        talk(pair, pair.client, wire.ChannelExtendedData(theirs, 9, bytes(100)).encode())
    assert not pair.server.of(ChannelData)
    assert not pair.server.connection.closed


def test_a_window_beyond_two_to_the_32_is_a_fault(pair):
    _, theirs = pair.open()
    talk(pair, pair.client, wire.ChannelWindowAdjust(theirs, 0xFFFFFFFF).encode())
    assert isinstance(failure(pair.server), ProtocolError)


# ------------------------------------------------------------ end of data and close


def test_eof_comes_after_the_data(pair):
    ours, theirs = pair.open()
    client = pair.client.connection
    client.channel_write(ours, b"x")
    client.channel_eof(ours)
    client.channel_eof(ours)  # once is enough
    pair.run()
    assert [type(event) for event in pair.server.events[-2:]] == [ChannelData, ChannelEOF]
    with pytest.raises(LocalProtocolError):
        client.channel_write(ours, b"y")
    assert pair.server.connection.channel_write(theirs, b"back") == 4
    pair.run()
    assert data_of(pair.client) == b"back"


@pytest.mark.parametrize(
    "message", [wire.ChannelDataMessage(0, b"x"), wire.ChannelEof(0), wire.ChannelExtendedData(0, 1, b"x")]
)
def test_anything_after_eof_is_a_fault(pair, message):
    ours, theirs = pair.open()
    assert theirs == 0
    pair.client.connection.channel_eof(ours)
    talk(pair, pair.client, message.encode())
    assert isinstance(failure(pair.server), ProtocolError)


def test_a_message_after_close_is_a_fault(pair):
    pair.open()
    inject(pair.client, wire.ChannelClose(0).encode())
    talk(pair, pair.client, wire.ChannelEof(0).encode())
    assert isinstance(failure(pair.server), ProtocolError)


def test_data_that_crosses_our_close_is_dropped(pair):
    ours, theirs = pair.open()
    pair.server.connection.channel_close(theirs)
    pair.client.connection.channel_write(ours, b"crossing")
    pair.run()
    assert not pair.server.of(ChannelData)
    assert pair.server.of(ChannelClosed)
    assert pair.client.of(ChannelClosed)
    assert not pair.server.connection.closed


def _closed_before_its_status(pair: Pair) -> tuple[int, int]:
    """Have a server end its output with a status to come, and a client send CLOSE upon it."""
    ours, theirs = pair.open()
    pair.client.connection.channel_eof(ours)
    pair.server.connection.channel_eof(theirs, status_follows=True)
    talk(pair, pair.client, wire.ChannelClose(theirs).encode())
    assert not pair.server.of(ChannelClosed)
    assert not pair.client.of(ChannelClosed)
    return ours, theirs


def test_a_close_is_answered_behind_a_status_that_follows(pair):
    _, theirs = _closed_before_its_status(pair)
    pair.server.connection.channel_request(theirs, "exit-status", b"\0\0\0\3", False)
    pair.server.connection.channel_close(theirs)
    pair.run()
    assert pair.client.of(ChannelRequestQuestion)[-1].name == "exit-status"
    assert len(pair.server.of(ChannelClosed)) == 1
    assert theirs not in pair.server.connection._mux.channels


def test_a_close_is_answered_when_no_status_follows_after_all(pair):
    _, theirs = _closed_before_its_status(pair)
    pair.server.connection.channel_eof(theirs)
    pair.run()
    assert len(pair.server.of(ChannelClosed)) == len(pair.client.of(ChannelClosed)) == 1


def test_a_status_that_does_not_follow_after_all_leaves_the_channel_to_the_peer(pair):
    ours, theirs = pair.open()
    pair.server.connection.channel_eof(theirs, status_follows=True)
    pair.server.connection.channel_eof(theirs)
    pair.run()
    assert not pair.server.of(ChannelClosed)
    pair.client.connection.channel_close(ours)
    pair.run()
    assert len(pair.client.of(ChannelClosed)) == len(pair.server.of(ChannelClosed)) == 1


@pytest.mark.parametrize(
    "message", [wire.ChannelClose(0), wire.ChannelEof(0), wire.ChannelWindowAdjust(0, 1)]
)
def test_anything_after_a_close_that_is_not_answered_yet_is_a_fault(pair, message):
    _, theirs = _closed_before_its_status(pair)
    assert theirs == 0
    talk(pair, pair.client, message.encode())
    assert isinstance(failure(pair.server), ProtocolError)


def test_both_close_at_once(pair):
    ours, theirs = pair.open()
    pair.client.connection.channel_close(ours)
    pair.server.connection.channel_close(theirs)
    pair.run()
    assert len(pair.client.of(ChannelClosed)) == len(pair.server.of(ChannelClosed)) == 1


def test_the_end_of_the_connection_ends_each_channel_once(pair):
    pair.open()
    pair.open()
    pair.client.connection.open_channel("session", b"", 1, 1)
    pair.client.connection.disconnect(11, "bye")
    pair.client.pump()
    kinds = [type(event) for event in pair.client.events[-4:]]
    assert kinds == [ChannelClosed, ChannelClosed, ChannelOpenFailed, Disconnected]


# ------------------------------------------------------------ requests


def test_requests_are_answered_in_order(pair):
    ours, _ = pair.open()
    client = pair.client.connection
    pair.server.answers[ChannelRequestQuestion] = lambda event: event.name != "env"
    client.channel_request(ours, "pty-req", PtyRequest("vt100", 80, 24, 0, 0, b"\0").encode(), True)
    client.channel_request(ours, "env", b"\0\0\0\1A\0\0\0\1B", True)
    client.channel_request(ours, "exec", ExecRequest(b"ls").encode(), True)
    client.channel_request(ours, "x@example", b"?", False)
    pair.run()
    asked = pair.server.of(ChannelRequestQuestion)
    assert [event.name for event in asked] == ["pty-req", "env", "exec", "x@example"]
    assert asked[0].payload.columns == 80
    assert (asked[2].payload, asked[3].payload) == (ExecRequest(b"ls"), b"?")
    assert pair.client.of(ChannelReply) == [ChannelReply(ours, value) for value in (True, False, True)]


def test_what_is_pipelined_behind_a_question_waits_its_turn(pair):
    # ssh sends pty-req, env, exec, data and EOF without waiting for an answer.
    pair.server.answers[ChannelRequestQuestion] = LATER
    ours, theirs = pair.open()
    client = pair.client.connection
    client.channel_request(ours, "shell", b"", True)
    client.channel_write(ours, b"typed ahead")
    client.channel_eof(ours)
    client.channel_request(ours, "signal", b"\0\0\0\3INT", False)
    pair.run()
    assert not pair.server.of(ChannelData)
    answer(pair, ChannelRequestQuestion, True)
    assert [type(event) for event in pair.server.events[-3:]] == [
        ChannelData,
        ChannelEOF,
        ChannelRequestQuestion,
    ]
    assert pair.client.of(ChannelReply) == [ChannelReply(ours, True)]
    assert theirs == 0


def test_close_voids_the_question_and_a_late_answer_is_dropped(pair):
    pair.server.answers[ChannelRequestQuestion] = LATER
    ours, _ = pair.open()
    pair.client.connection.channel_request(ours, "shell", b"", True)
    pair.client.connection.channel_close(ours)
    pair.run()
    assert pair.server.of(ChannelClosed)
    answer(pair, ChannelRequestQuestion, True)
    assert not pair.server.connection.closed
    with pytest.raises(LocalProtocolError):
        answer(pair, ChannelRequestQuestion, True)


def test_one_lane_does_not_stop_another(pair):
    pair.server.answers[ChannelRequestQuestion] = LATER
    first, _ = pair.open()
    second, _ = pair.open()
    pair.client.connection.channel_request(first, "shell", b"", True)
    pair.client.connection.channel_write(second, b"x")
    pair.run()
    assert data_of(pair.server) == b"x"


@pytest.mark.parametrize("value", [None, 1, "yes", b"", object()])
def test_what_is_not_true_is_a_no(pair, value):
    pair.server.answers[ChannelRequestQuestion] = value
    ours, _ = pair.open()
    pair.client.connection.channel_request(ours, "shell", b"", True)
    pair.run()
    assert pair.client.of(ChannelReply) == [ChannelReply(ours, False)]


@pytest.mark.parametrize("size", [0, 2000])
def test_requests_behind_an_undecided_one_are_bounded(pair, size):
    pair.server.answers[ChannelRequestQuestion] = LATER
    ours, _ = pair.open()
    for _ in range(limits.LANE_MESSAGES + 2):
        pair.client.connection.channel_request(ours, "x@example", bytes(size), False)
    pair.run()
    assert isinstance(failure(pair.server), ProtocolError)


def test_a_request_that_does_not_decode_is_a_fault(pair):
    ours, _ = pair.open()
    pair.client.connection.channel_request(ours, "pty-req", b"\0\0", True)
    pair.run()
    assert isinstance(failure(pair.server), ProtocolError)


def test_our_own_unanswered_requests_are_bounded(pair):
    pair.server.answers[ChannelRequestQuestion] = LATER
    ours, _ = pair.open()
    for _ in range(limits.REPLIES_EXPECTED):
        pair.client.connection.channel_request(ours, "x@example", b"", True)
    with pytest.raises(LocalProtocolError):
        pair.client.connection.channel_request(ours, "x@example", b"", True)


@pytest.mark.parametrize(
    "command",
    [
        lambda c: c.channel_write(9, b""),
        lambda c: c.channel_eof(9),
        lambda c: c.channel_request(9, "x", b"", False),
    ],
)
def test_a_channel_that_does_not_exist_is_our_mistake(pair, command):
    with pytest.raises(LocalProtocolError):
        command(pair.client.connection)
    assert not pair.client.connection.closed


def test_a_client_is_asked_about_sessions_like_about_anything():
    pair = Pair(client=Settings(username="alice"), client_answers={ChannelOpenQuestion: None}).start()
    pair.server.connection.open_channel("session", b"", 1000, 1000)
    pair.run()
    assert pair.server.of(ChannelOpenFailed)
