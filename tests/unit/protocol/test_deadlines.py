"""What the clock does to a connection, and when it is asked."""

from __future__ import annotations

import pytest

from nacre.protocol import limits
from nacre.protocol.connection import Connection
from nacre.protocol.events import AuthBegin
from nacre.protocol.settings import Role, Settings
from tests.pair.ends import LATER, Pair
from tests.support.protocol import failure, server_settings


@pytest.fixture
def pair():
    return Pair().start()


def started(role: Role, **more) -> Connection:
    connection = Connection(role, server_settings(**more))
    connection.start(100)
    return connection


def test_an_identification_in_ten_seconds():
    connection = started(Role.SERVER)
    assert connection.next_deadline() == 110
    connection.tick(109.9)
    assert not connection.closed
    connection.tick(110)
    assert connection.closed
    assert "identification" in connection.failure.reason


def test_a_login_in_sixty_seconds():
    pair = Pair(server_answers={AuthBegin: LATER}).start()
    server = pair.server.connection
    assert server.next_deadline() == limits.LOGIN_TIMEOUT
    server.tick(60)
    assert "login" in failure(pair.server).reason


def test_no_limit_where_none_is_wanted():
    connection = started(Role.SERVER, ident_timeout=0, login_timeout=0)
    assert connection.next_deadline() is None
    connection.tick(1e9)
    assert not connection.closed


def test_before_the_start_nothing_is_due():
    assert Connection(Role.SERVER, server_settings()).next_deadline() is None


def test_a_silent_peer_is_found():
    pair = Pair(server=server_settings(keepalive_interval=15, keepalive_count_max=2)).start()
    server = pair.server.connection
    assert server.next_deadline() == 15
    for now in (15, 30):
        server.tick(now)
        assert server.data_to_send()
    server.tick(45)
    assert "keepalives" in failure(pair.server).reason


def test_a_peer_is_given_its_time_though_we_were_late_to_ask():
    """A process that was stopped, or a machine that slept, for longer than all keepalives take."""
    pair = Pair(server=server_settings(keepalive_interval=15, keepalive_count_max=2)).start()
    server = pair.server.connection
    server.tick(1000)
    assert server.data_to_send()
    assert server.next_deadline() == 1015
    server.tick(1014)
    assert not server.data_to_send()
    server.tick(1017)  # late again, by less
    assert server.data_to_send()
    assert server.next_deadline() == 1032
    server.tick(1031)
    assert not server.closed
    server.tick(1032)
    assert "keepalives" in failure(pair.server).reason


def test_a_peer_that_answers_is_kept():
    pair = Pair(server=server_settings(keepalive_interval=15, keepalive_count_max=1)).start()
    for now in range(15, 150, 15):
        pair.server.connection.tick(now)
        pair.now = now
        pair.run()
    assert not pair.server.connection.closed


def test_a_connection_without_a_channel_is_ended():
    pair = Pair(server=server_settings(unused_timeout=30)).start()
    server = pair.server.connection
    assert server.next_deadline() == 30
    pair.now = 20.0
    number, _ = pair.open()
    assert server.next_deadline() != 30
    server.tick(1000)
    assert not server.closed
    pair.now = 1000.0
    pair.client.connection.channel_close(number)
    pair.run()
    assert server.next_deadline() == 1030
    server.tick(1029)
    assert not server.closed
    server.tick(1030)
    assert failure(pair.server).reason == "no channel was open for 30 s"
    pair.run()
    assert pair.client.connection.closed


def test_keepalive_can_change_at_any_time(pair):
    assert pair.client.connection.next_deadline() == limits.REKEY_SECONDS
    pair.client.connection.set_keepalive(5, 3)
    assert pair.client.connection.next_deadline() == 5
    pair.client.connection.set_keepalive(0, 3)
    assert pair.client.connection.next_deadline() == limits.REKEY_SECONDS


def test_a_deadline_that_comes_nearer_is_told():
    """A driver asks only when it is told to: one that came nearer unsaid would never fire."""
    settings = Settings(username="alice", keepalive_interval=1000, rekey_seconds=5000, login_timeout=100)
    pair = Pair(client=settings, server=server_settings(login_timeout=100, rekey_seconds=3))
    known = {}

    def look() -> None:
        for end in (pair.client, pair.server):
            connection = end.connection
            moved = connection.deadline_moved
            deadline = connection.next_deadline()
            before = known.get(end, 1e9)
            known[end] = 1e9 if deadline is None else deadline
            assert moved or known[end] >= before

    look()
    for end in (pair.client, pair.server):
        end.connection.start(0)
        look()
    while (up := pair.client.output()) or (down := pair.server.output()):
        for end, data in ((pair.server, up), (pair.client, down if not up else pair.server.output())):
            for piece in (data[:40], data[40:]):
                end.feed(piece)
                look()
    assert pair.client.connection.authenticated
    ours, _ = pair.open()
    look()
    for act in (
        lambda: pair.client.connection.set_keepalive(1, 3),
        lambda: pair.client.connection.channel_write(ours, b"x"),
        pair.run,
        lambda: pair.client.connection.tick(2),
        pair.run,
        pair.client.connection.rekey,
        lambda: pair.server.connection.tick(4),
        pair.run,
        lambda: pair.client.connection.disconnect(11, ""),
        pair.run,
    ):
        act()
        look()
    assert not pair.client.connection.wants_input


def test_data_alone_moves_no_deadline(pair):
    ours, theirs = pair.open()
    pair.server.connection.deliver_to(theirs, lambda data, datatype: True)
    pair.client.connection.next_deadline()
    pair.server.connection.next_deadline()
    pair.client.connection.channel_write(ours, b"x")
    pair.run()
    assert not pair.client.connection.deadline_moved
    assert not pair.server.connection.deadline_moved
