"""Requests of a connection: their answers in order, and those that no application is asked about."""

from __future__ import annotations

import pytest

from nacre.errors import LocalProtocolError
from nacre.protocol import limits
from nacre.protocol.events import ChannelReply, ChannelRequestQuestion, GlobalReply, GlobalRequestQuestion
from tests.pair.ends import LATER, Pair


@pytest.fixture
def pair():
    return Pair().start()


def answer(pair: Pair, value: object) -> Pair:
    pair.server.connection.answer(pair.server.of(GlobalRequestQuestion)[-1].token, value)
    return pair.run()


def test_keepalives_never_reach_the_application(pair):
    ours, _ = pair.open()
    pair.client.connection.channel_request(ours, "keepalive@openssh.com", b"", True)
    pair.client.connection.global_request("keepalive@openssh.com", b"", True)
    pair.run()
    assert not pair.server.of(ChannelRequestQuestion)
    assert not pair.server.of(GlobalRequestQuestion)
    assert pair.client.of(ChannelReply) == [ChannelReply(ours, False)]
    assert not pair.client.connection.closed


@pytest.mark.parametrize(
    ("value", "reply"),
    [(True, GlobalReply(True, b"")), (b"port", GlobalReply(True, b"port")), (False, GlobalReply(False, b"")),
     (None, GlobalReply(False, b"")), (1, GlobalReply(False, b""))],
)  # fmt: skip
def test_global_requests(pair, value, reply):
    pair.server.answers[GlobalRequestQuestion] = value
    pair.client.connection.global_request("x@example", b"data", True)
    pair.client.connection.global_request("y@example", b"", False)
    pair.run()
    assert [(event.name, event.payload) for event in pair.server.of(GlobalRequestQuestion)] == [
        ("x@example", b"data"), ("y@example", b""),
    ]  # fmt: skip
    assert pair.client.of(GlobalReply) == [reply]


def test_global_replies_keep_their_order_behind_a_slow_one(pair):
    pair.server.answers[GlobalRequestQuestion] = LATER
    pair.client.connection.global_request("a@example", b"", True)
    pair.client.connection.global_request("b@example", b"", True)
    pair.run()
    assert len(pair.server.of(GlobalRequestQuestion)) == 1
    answer(pair, b"a")
    answer(pair, b"b")
    assert [event.data for event in pair.client.of(GlobalReply)] == [b"a", b"b"]


def test_our_own_unanswered_requests_are_bounded(pair):
    pair.server.answers[GlobalRequestQuestion] = LATER
    for _ in range(limits.REPLIES_EXPECTED):
        pair.client.connection.global_request("x@example", b"", True)
    with pytest.raises(LocalProtocolError):
        pair.client.connection.global_request("x@example", b"", True)
