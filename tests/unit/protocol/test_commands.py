"""What the application may ask of a connection, and when."""

from __future__ import annotations

import pytest

from nacre.errors import LocalProtocolError
from nacre.protocol.connection import Connection
from nacre.protocol.events import (
    ChannelClosed,
    ChannelData,
    ChannelEOF,
    ChannelOpened,
    ChannelOpenQuestion,
    ChannelReply,
    ChannelRequestQuestion,
)
from nacre.protocol.settings import Role
from tests.pair.ends import Pair
from tests.support.protocol import server_settings


@pytest.fixture
def pair():
    return Pair().start()


def test_data_can_be_taken_without_an_event(pair):
    ours, theirs = pair.open()
    taken = []
    server = pair.server.connection
    server.deliver_to(theirs, lambda data, datatype: taken.append(data) is None)
    window = server._mux.channels[theirs].receive
    for size in (1, 40_000, 0):
        pair.client.connection.channel_write(ours, bytes(size))
        pair.run()
    assert b"".join(taken) == bytes(40_001)
    assert not pair.server.of(ChannelData)
    assert window.left + window._consumed == window.size  # what was consumed is credited, at once or soon


def test_data_that_was_not_consumed_gets_no_credit(pair):
    ours, theirs = pair.open()
    server = pair.server.connection
    server.deliver_to(theirs, lambda data, datatype: False)
    window = server._mux.channels[theirs].receive
    first = window.size
    pair.client.connection.channel_write(ours, bytes(2 * first))
    pair.run()
    assert window.left == 0
    server.consumed(theirs, first)
    pair.run()
    assert window.left == window.size > 0


class Hearer:
    """Notes what it is told; decides as it was told to."""

    def __init__(self, decision):
        self.told = []
        self.decision = decision

    def opened(self):
        self.told.append("opened")

    def closed(self):
        self.told.append("closed")

    def eof_arrived(self):
        self.told.append("eof")

    def reply_arrived(self, success):
        self.told.append(success)

    def request_decided(self, payload, name):
        self.told.append(name)
        return self.decision() if callable(self.decision) else self.decision

    def request_granted(self, name):
        self.told.append("granted")


def hearers(pair, decision):
    ours, theirs = pair.open()
    asking, asked = Hearer(False), Hearer(decision)
    pair.client.connection.deliver_to(ours, lambda data, datatype: True, asking)
    pair.server.connection.deliver_to(theirs, lambda data, datatype: True, asked)
    return ours, asking, asked


@pytest.mark.parametrize("decision", [True, False])
def test_requests_their_answers_and_the_end_of_data_can_be_told_without_an_event(pair, decision):
    ours, asking, asked = hearers(pair, decision)
    pair.client.connection.channel_request(ours, "shell", b"", True)
    pair.client.connection.channel_request(ours, "signal", b"\0\0\0\3INT", False)
    pair.client.connection.channel_eof(ours)
    pair.run()
    granted = ["granted"] * decision
    assert asked.told == ["shell", *granted, "signal", *granted, "eof"]
    assert asking.told == [decision]  # who wants no reply gets none
    assert not [event for end in (pair.client, pair.server) for event in end.of((ChannelEOF, ChannelReply))]
    assert not pair.server.of(ChannelRequestQuestion)


def test_that_the_peer_opens_and_closes_a_channel_can_be_told_without_an_event(pair):
    client, asking = pair.client.connection, Hearer(False)
    ours = client.open_channel("session", b"", 1 << 21, 1 << 15)
    client.deliver_to(ours, lambda data, datatype: True, asking)
    pair.run()
    assert asking.told == ["opened"]
    pair.server.connection.channel_close(pair.server.of(ChannelOpenQuestion)[-1].channel)
    pair.run()
    assert asking.told == ["opened", "closed"]
    assert ours not in client._mux.channels
    assert not pair.client.of((ChannelOpened, ChannelClosed))


def test_who_closes_a_channel_himself_or_loses_the_connection_is_told_with_an_event(pair):
    ours, asking, _ = hearers(pair, True)
    other, also, _ = hearers(pair, True)
    client = pair.client.connection
    client.channel_eof(ours, status_follows=True)
    pair.server.connection.channel_close(pair.server.of(ChannelOpenQuestion)[0].channel)
    pair.run()
    assert asking.told == []  # how a program has ended is still to be told
    client.channel_close(ours)
    assert asking.told == []
    client.disconnect(11, "bye")
    pair.run()
    assert [event.channel for event in pair.client.of(ChannelClosed)] == [ours, other]
    assert asking.told == also.told == []


def test_what_cannot_be_decided_at_once_is_asked_with_an_event_and_holds_up_what_follows(pair):
    later = object()
    ours, asking, asked = hearers(pair, later)
    del pair.server.answers[ChannelRequestQuestion]
    pair.client.connection.channel_request(ours, "shell", b"", True)
    pair.client.connection.channel_eof(ours)
    pair.run()
    assert asked.told == ["shell"]
    (question,) = pair.server.of(ChannelRequestQuestion)
    assert question.begun is later
    pair.server.connection.answer(question.token, True)
    pair.run()
    assert asked.told == ["shell", "eof"]
    assert asking.told == [True]


def test_a_decision_that_ends_the_connection_is_not_sent(pair):
    closed = []

    class Begun:
        close = staticmethod(lambda: closed.append(True))

    for outcome in (True, Begun):
        ends = Pair().start()
        server = ends.server.connection

        def decision(server=server, outcome=outcome):
            server.disconnect(11, "enough")
            return outcome

        ours, asking, asked = hearers(ends, decision)
        ends.client.connection.channel_request(ours, "shell", b"", True)
        ends.run()
        assert asked.told == ["shell"]
        assert asking.told == []
        assert ends.client.connection.closed
    assert closed == [True]


def test_after_the_end_commands_raise_or_do_nothing(pair):
    ours, _ = pair.open()
    client = pair.client.connection
    client.disconnect(11, "bye")
    for call in (
        lambda: client.open_channel("session", b"", 1, 1),
        lambda: client.channel_write(ours, b"x"),
        lambda: client.global_request("x", b"", False),
        client.rekey,
    ):
        with pytest.raises(LocalProtocolError):
            call()
    client.consumed(ours, 1)
    client.channel_close(ours)
    client.tick(1e9)
    assert client.next_deadline() is None
    assert not client.wants_input


def test_before_the_login_commands_raise():
    server = Connection(Role.SERVER, server_settings())
    server.start(0)
    for call in (
        lambda: server.open_channel("session", b"", 1, 1),
        lambda: server.channel_request(0, "x", b"", False),
        lambda: server.channel_eof(0),
        lambda: server.global_request("x", b"", False),
        lambda: server.send_debug("x"),
        server.rekey,
    ):
        with pytest.raises(LocalProtocolError):
            call()
    assert not server.closed
