"""What the application may ask of a connection, and when."""

from __future__ import annotations

import pytest

from nacre.errors import LocalProtocolError
from nacre.protocol.connection import Connection
from nacre.protocol.events import ChannelData
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
