"""How connections end: the transport goes, time runs out, a command comes out of place."""

import pytest

from nacre.errors import LocalProtocolError
from nacre.protocol import limits
from nacre.protocol.connection import Connection
from nacre.protocol.events import Disconnected
from nacre.protocol.settings import Role, Settings
from tests.pair.ends import HOST_KEY
from tests.pair.stage import Stage
from tests.security.expectations import Phase
from tests.support.cases import each_case


@each_case("phase", list(Phase))
@each_case("role", Role)
def test_the_transport_may_go_at_any_time(role, phase):
    stage = Stage(role).to(phase)
    stage.end.connection.receive_eof(1.0)
    stage.end.pump()
    assert stage.end.connection.closed
    assert len(stage.end.of(Disconnected)) == 1
    assert stage.end.of(Disconnected)[0].by_peer
    assert stage.end.connection.next_deadline() is None


@pytest.mark.parametrize("role", Role)
def test_identification_and_login_have_their_time(role):
    settings = Settings(username="alice") if role is Role.CLIENT else Settings(host_keys=(HOST_KEY,))
    connection = Connection(role, settings)
    connection.start(100.0)
    assert connection.next_deadline() == 100.0 + limits.IDENT_TIMEOUT
    connection.tick(100.0 + limits.IDENT_TIMEOUT)
    assert connection.closed
    stage = Stage(role).to(Phase.WAIT_AUTH)
    assert stage.end.connection.next_deadline() == limits.LOGIN_TIMEOUT
    stage.end.connection.tick(limits.LOGIN_TIMEOUT)
    assert stage.end.connection.closed


def test_commands_out_of_place_raise_at_once():
    connection = Stage(Role.SERVER).to(Phase.WAIT_AUTH).end.connection
    for command in (
        lambda: connection.open_channel("session", b"", 1, 1),
        lambda: connection.channel_write(0, b"x"),
        lambda: connection.rekey(),
        lambda: connection.global_request("x", b"", True),
    ):
        with pytest.raises(LocalProtocolError):
            command()
    assert not connection.closed
