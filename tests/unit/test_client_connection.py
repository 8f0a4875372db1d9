"""The client's connection: what a session asks for, from options and from the call."""

from __future__ import annotations

from typing import Any

import pytest

import nacre
from nacre.client_connection import SSHClientConnection
from tests.support.cases import each_case
from tests.support.face import Recorder, SessionServer, asynctest, connected, host_key, serving


def request(given: dict[str, Any] | None = None, **options: Any) -> Any:
    """The request of a session, from options of the connection and of the call."""

    class Holder:
        _options = nacre.SSHClientConnectionOptions(**options)
        _session_defaults = SSHClientConnection._session_defaults

    values = SSHClientConnection._session_values(Holder(), given or {})  # type: ignore[arg-type]  # what stands in for it is enough
    return SSHClientConnection._session_request(values)


def test_a_command_stands_in_place_of_the_default_subsystem_and_the_other_way_round() -> None:
    assert request({}, command="a").command == b"a"
    assert request({"command": "b"}, command="a").command == b"b"
    assert request({"command": "b"}, subsystem="s").subsystem is None
    assert request({"subsystem": "s"}, command="a").command is None
    assert request({"subsystem": ()}, command="a").command == b"a"
    assert request({}).command is None


@each_case(
    ("wanted", "command", "term_type", "expected"),
    [
        (True, None, None, None),
        (True, "x", "xterm", "xterm"),
        (False, None, "xterm", None),
        ("force", "x", None, ""),
        ("force", "x", "xterm", "xterm"),
        ("auto", None, "xterm", "xterm"),
        ("auto", "x", "xterm", None),
    ],
)
def test_when_a_terminal_is_asked_for(wanted: Any, command: Any, term_type: Any, expected: Any) -> None:
    assert request({"request_pty": wanted, "command": command, "term_type": term_type}).term_type == expected


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_TEST", "mine")
    monkeypatch.setenv("OTHER", "mine")
    assert request({"send_env": "LC_*", "env": {"A": "1"}}).environment["LC_TEST"] == "mine"
    assert "OTHER" not in request({"send_env": ["LC_*"]}).environment
    assert request({"send_env": ["LC_TEST"], "env": {"LC_TEST": "given"}}).environment == {"LC_TEST": "given"}
    assert request({}, env={"A": "1"}).environment == {"A": "1"}


def test_mistakes_are_named() -> None:
    with pytest.raises(TypeError, match="no_such"):
        request({"no_such": 1})
    with pytest.raises(TypeError, match="password"):
        request({"password": "x"})  # an option of connections, not of sessions
    with pytest.raises(nacre.NotSupportedYet, match="x11_forwarding"):
        request({"x11_forwarding": True})
    with pytest.raises(ValueError, match="term_size"):
        request({"term_size": (1,)})


@asynctest
async def test_every_option_of_a_session_reaches_the_server() -> None:
    made: list[Any] = []
    async with (
        serving(server_factory=lambda: SessionServer(Recorder, made), line_editor=False) as listener,
        connected(listener, term_type="vt100", env={"A": "1"}, encoding=None) as connection,
    ):
        chan, _ = await connection.create_session(
            Recorder,
            "cmd",
            term_size=(10, 20),
            term_modes={nacre.PTY_ECHO: 0},
            window=40_000,
            max_pktsize=1000,
        )
        server = made[0].chan
        assert server.get_terminal_type() == "vt100"
        assert server.get_terminal_size() == (10, 20, 0, 0)
        assert server.get_terminal_modes() == {nacre.PTY_ECHO: 0}
        assert server.get_environment() == {"A": "1"}
        assert chan.get_encoding() == (None, "strict")
        assert chan.get_recv_window() == 40_000
        chan.set_encoding("latin-1")
        chan.write("ä")
        server.set_encoding("latin-1")
        await made[0].until(lambda: made[0].data)
        assert made[0].text == "ä"


@asynctest
async def test_a_small_window_and_small_packets_lose_nothing() -> None:
    async def handler(process: Any) -> None:
        while data := await process.stdin.read(1000):
            process.stdout.write(data)
            await process.stdout.drain()
        process.exit(0)

    for window, packet in ((1, 1), (100, 7), (5000, 32768)):
        async with (
            serving(process_factory=handler, encoding=None, window=window, max_pktsize=packet) as listener,
            connected(listener, encoding=None, window=window, max_pktsize=packet) as connection,
        ):
            data = bytes(range(256)) * (2 if window == 1 else 40)
            assert (await connection.run("x", input=data)).stdout == data


@asynctest
async def test_the_key_of_the_host() -> None:
    async with serving() as listener, connected(listener) as connection:
        key = connection.get_server_host_key()
        assert key is not None
        assert key.public_data == host_key().public_data
