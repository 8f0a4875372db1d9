"""A client and a server that are connected to each other."""

from __future__ import annotations

import pytest

import nacre
from nacre.testing import connected_pair
from tests.support.face import PasswordServer, asynctest


def greet(process: nacre.SSHServerProcess[str]) -> None:
    process.stdout.write(f"hello {process.get_extra_info('username')}\n")
    process.exit(3)


@asynctest
async def test_both_ends_with_a_handler():
    async with connected_pair(server={"process_factory": greet}, client={"username": "alice"}) as pair:
        done = await pair.client.run("")
        assert (done.stdout, done.exit_status) == ("hello alice\n", 3)
        assert isinstance(pair.client, nacre.SSHClientConnection)
        assert isinstance(pair.server, nacre.SSHServerConnection)
        assert pair.server.get_extra_info("username") == "alice"
    assert pair.client.is_closed()
    assert pair.server.is_closed()


@asynctest
async def test_who_may_log_in_is_up_to_the_options():
    server = {"server_factory": PasswordServer}
    async with connected_pair(server=server, client={"password": "secret"}):
        pass
    with pytest.raises(nacre.PermissionDenied):
        async with connected_pair(server=server, client={"password": "wrong"}):
            raise AssertionError("nobody logs in")


@asynctest
async def test_keys():
    key = nacre.generate_private_key("ssh-ed25519")
    keys = nacre.import_authorized_keys(key.export_public_key().decode())
    async with connected_pair(server={"authorized_client_keys": keys}, client={"client_keys": [key]}) as pair:
        assert pair.server.get_extra_info("username") == "user"


@asynctest
async def test_it_is_closed_when_the_block_raises():
    with pytest.raises(ZeroDivisionError):
        async with connected_pair() as pair:
            raise ZeroDivisionError
    assert pair.client.is_closed()
    assert pair.server.is_closed()


@asynctest
async def test_either_end_may_close_it():
    async with connected_pair() as pair:
        pair.server.close()
        await pair.client.wait_closed()
    async with connected_pair() as pair:
        pair.client.abort()
        await pair.server.wait_closed()
