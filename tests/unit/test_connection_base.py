"""What both ends of a connection know and can do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import nacre
from tests.support.face import HOST, asynctest, connected, reported, serving, two_sessions


@asynctest
async def test_facts_of_both_ends() -> None:
    async with two_sessions() as (_, server, connection):
        other = server.chan.get_connection()
        assert (connection.is_client(), connection.is_server()) == (True, False)
        assert (other.is_client(), other.is_server()) == (False, True)
        version = f"SSH-2.0-nacre_{nacre.__version__}"
        for end in (connection, other):
            assert end.get_extra_info("client_version") == end.get_extra_info("server_version") == version
            assert end.get_extra_info("username") == "user"
            assert end.get_extra_info("send_cipher") == end.get_extra_info("recv_cipher")
            # A cipher that authenticates by itself stands in both places.
            assert end.get_extra_info("send_mac") == end.get_extra_info("send_cipher")
            assert end.get_extra_info("recv_mac") == end.get_extra_info("recv_cipher")
            assert end.get_extra_info("send_compression") == end.get_extra_info("recv_compression") == "none"
            assert end.get_extra_info("peername")[0] == end.get_extra_info("sockname")[0] == HOST
            assert end.get_extra_info("remote_peername") == end.get_extra_info("peername")
            assert end.get_extra_info("local_peername") == end.get_extra_info("sockname")
            assert end.get_extra_info("socket") is not None
            assert end.get_extra_info("unheard-of", 5) == 5
            assert end.logger is not None
        assert connection.get_extra_info("host") == HOST
        assert connection.get_extra_info("port") == connection.get_extra_info("peername")[1]
        assert "publickey" in connection.get_extra_info("preferred_auth")
        connection.set_extra_info(mine=1)
        assert connection.get_extra_info("mine") == 1
        assert isinstance(other.get_owner(), nacre.SSHServer)


@asynctest
async def test_each_direction_has_its_algorithms() -> None:
    async with serving(mac_algs="hmac-sha2-256-etm@openssh.com") as listener:
        async with connected(listener, encryption_algs="aes128-ctr") as connection:
            assert connection.get_extra_info("send_cipher") == "aes128-ctr"
            assert connection.get_extra_info("recv_mac") == "hmac-sha2-256-etm@openssh.com"
        with pytest.raises(nacre.KeyExchangeFailed):
            async with connected(
                listener, encryption_algs="aes128-ctr", mac_algs="hmac-sha2-512-etm@openssh.com"
            ):
                pass


@asynctest
async def test_keepalive_finds_a_peer_that_is_silent() -> None:
    async with two_sessions() as (client, server, connection):
        with pytest.raises(ValueError):
            connection.set_keepalive(-1)
        connection.set_keepalive(0.02, 10)
        other = server.chan.get_connection()
        await asyncio.sleep(0.1)
        assert not connection.is_closed()  # it answers
        transport = other._link.driver.transport
        transport.pause_reading()
        await client.closed.wait()
        assert isinstance(client.error, nacre.ConnectionLost)
        assert "keepalive" in str(client.error)
        transport.abort()
        await server.closed.wait()


@asynctest
async def test_tasks_of_a_connection() -> None:
    ended: list[str] = []

    async def for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("x")

    async def fails() -> None:
        raise ZeroDivisionError

    async with two_sessions() as (_, _, connection):
        connection.create_task(for_ever())
        connection.create_task(fails())
        await asyncio.sleep(0)
        connection.close()
        await connection.wait_closed()
    assert ended == ["x"]
    assert [type(report["exception"]) for report in reported()] == [ZeroDivisionError]


@asynctest
async def test_commands_after_the_end() -> None:
    async with two_sessions() as (_, _, connection):
        connection.disconnect(nacre.DISC_BY_APPLICATION, "bye")
        assert connection.is_closed()
        with pytest.raises(nacre.DisconnectError):
            connection.send_debug("x")
        connection.set_keepalive(5)
        await connection.wait_closed()
        connection.abort()


@asynctest
async def test_what_was_written_before_close_arrives() -> None:
    async with two_sessions() as (client, server, connection):
        client.chan.write("last words")
        connection.close()
        await server.closed.wait()
        assert server.text == "last words"
        assert server.error is None


@asynctest
async def test_waiting_for_the_end_from_several_places() -> None:
    async with serving() as listener:
        async with connected(listener) as connection:
            waiting = [asyncio.create_task(connection.wait_closed()) for _ in range(3)]
            own: Any = connection.create_task(connection.wait_closed())
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)
        assert own.done()


@asynctest
async def test_who_has_a_callback_of_its_own_is_told_of_the_login() -> None:
    told: list[str] = []

    class Client(nacre.SSHClient):
        def auth_completed(self) -> None:
            told.append("class")

    def of_instance() -> nacre.SSHClient:
        client = nacre.SSHClient()
        vars(client)["auth_completed"] = lambda: told.append("instance")
        return client

    async with serving() as listener:
        for factory in (Client, of_instance, nacre.SSHClient):
            async with connected(listener, client_factory=factory):
                pass
    assert told == ["class", "instance"]
