"""What is not built is refused by its name, on the spot."""

from __future__ import annotations

import logging
from typing import Any

import pytest

import nacre
from nacre.absent import NEVER_CALLED
from nacre.aio.channel import SSHChannel
from tests.support.face import (
    OpenServer,
    PasswordServer,
    Recorder,
    asynctest,
    connected,
    serving,
    two_sessions,
)

CLIENT_METHODS = """start_sftp_client listen_ssh listen_reverse_ssh create_connection open_connection create_server start_server
create_unix_connection open_unix_connection create_unix_server start_unix_server create_tun create_tap open_tun
open_tap forward_local_port forward_local_path forward_local_port_to_path forward_local_path_to_port
forward_remote_port forward_remote_path forward_remote_port_to_path forward_remote_path_to_port forward_socks
forward_tun forward_tap""".split()


@asynctest
async def test_methods_of_connections() -> None:
    async with two_sessions() as (_, server, connection):
        for name in CLIENT_METHODS:
            with pytest.raises(nacre.NotSupportedYet, match=f"SSHClientConnection.{name}"):
                await getattr(connection, name)("any", arguments=1)
        other = server.chan.get_connection()
        for name in (
            "create_connection",
            "open_connection",
            "create_unix_connection",
            "open_unix_connection",
        ):
            with pytest.raises(nacre.NotSupportedYet, match=f"SSHServerConnection.{name}"):
                await getattr(other, name)()
        for name in ("create_tcp_channel", "create_unix_channel", "create_tuntap_channel"):
            with pytest.raises(nacre.NotSupportedYet, match=name):
                getattr(other, name)()


@asynctest
async def test_what_is_refused_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "nacre"):
        async with serving() as listener, connected(listener) as connection:
            for _ in range(3):
                with pytest.raises(nacre.ChannelOpenError, match="TCP forwarding is not in this version"):
                    await SSHChannel[str](connection._link).open("direct-tcpip", b"", Recorder)
            await connection._link.global_request("tcpip-forward", b"")
    messages = [record.getMessage() for record in caplog.records if "forwarding" in record.getMessage()]
    assert len(messages) == 2
    assert messages[0].endswith("] TCP forwarding was refused: it is not in this version")


@asynctest
async def test_callbacks_that_are_never_called_are_named_once_for_each_class(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def answer(*args: Any) -> bool:
        raise AssertionError("never called")

    every = dict.fromkeys(NEVER_CALLED, answer)
    server = type("Forwards", (OpenServer,), every)
    async with serving(server_factory=server) as listener:
        for _ in range(2):
            async with connected(listener):
                pass
    (message,) = (record.getMessage() for record in caplog.records if record.levelno == logging.WARNING)
    for name in every:
        assert f"{name} (" in message


@asynctest
async def test_callbacks_that_are_called_are_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    class Client(nacre.SSHClient):
        def validate_host_public_key(self, host: str, addr: str, port: int, key: nacre.SSHKey) -> bool:
            return True

    async with (
        serving(server_factory=PasswordServer) as listener,
        connected(listener, client_factory=Client, password="secret"),
    ):
        pass
    assert not caplog.records
