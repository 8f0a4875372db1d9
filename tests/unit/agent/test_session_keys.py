"""The keys of an agent in a session: nacre's client tells the agent which one."""

from __future__ import annotations

import logging

import pytest

import nacre
from nacre.agent import Agent, Destination, Hop, HopKey
from tests.support.face import asynctest, connected, host_key, serving, user_key

OTHER = nacre.generate_private_key("ecdsa-sha2-nistp256")


def to(key: nacre.SSHKey, user: str = "") -> list[Destination]:
    return [Destination(Hop("host", (HopKey(key.public_data),), user))]


@asynctest
async def test_keys_for_other_hosts_are_not_offered(caplog: pytest.LogCaptureFixture) -> None:
    authorized = nacre.import_authorized_keys(user_key().export_public_key().decode())
    caplog.set_level(logging.INFO)
    agent = Agent()
    async with (
        await agent.listen() as listening,
        serving(server_factory=nacre.SSHServer, authorized_client_keys=authorized) as listener,
    ):
        async with nacre.connect_agent(listening.path) as client:
            await client.add_keys([OTHER], destinations=to(OTHER))
            await client.add_keys([user_key()], destinations=to(host_key()))
            pairs = await client.get_keys()
        async with connected(listener, client_keys=(), agent_path=listening.path) as connection:
            assert connection.get_extra_info("client_key_blob") == user_key().public_data
        assert "ecdsa" not in caplog.text  # no server has heard of it
        # The same with keys that the program has asked its agent for, once the agent's client is closed too.
        async with connected(listener, client_keys=pairs, agent_path=None):
            pass
        await agent.add_keys([user_key()], destinations=to(host_key(), "somebody"))
        with pytest.raises(nacre.PermissionDenied):
            async with connected(listener, client_keys=(), agent_path=listening.path):
                pass
        assert "not among the destinations" in caplog.text
        listening.close()
        with pytest.raises(nacre.PermissionDenied):
            async with connected(listener, client_keys=pairs, agent_path=None):
                pass
        assert "does not say which keys" in caplog.text


@asynctest
async def test_an_agent_in_the_same_process() -> None:
    authorized = nacre.import_authorized_keys(user_key().export_public_key().decode())
    agent = Agent()
    await agent.add_keys([OTHER, user_key()], destinations=to(host_key()))
    async with serving(server_factory=nacre.SSHServer, authorized_client_keys=authorized) as listener:
        async with connected(listener, client_keys=(), agent_path=agent) as connection:
            assert connection.get_extra_info("client_key_blob") == user_key().public_data
        async with nacre.connect_agent(agent) as client:
            assert len(await client.get_keys()) == 2
        agent.remove_all()
        with pytest.raises(nacre.PermissionDenied):
            async with connected(listener, client_keys=(), agent_path=agent):
                pass
