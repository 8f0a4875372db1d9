"""The agent in memory, asked by nacre's client and by hand; OpenSSH's programs ask it in tests/interop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import nacre
from nacre.agent import Agent, Destination, Hop, HopKey
from nacre.agent.messages import MAX_MESSAGE, Request, lock_request
from nacre.wire.fields import Reader, encode_string, encode_text, encode_uint32
from tests.support.agent import login_request, proof
from tests.support.face import asynctest, host_key, reported, user_key

RSA = nacre.generate_private_key("ssh-rsa", key_size=2048, comment="rsa")
ECDSA = nacre.generate_private_key("ecdsa-sha2-nistp256", comment="ecdsa")
FAILURE, SUCCESS, EXTENSION_FAILURE = b"\5", b"\6", b"\x1c"
TO_HOST = Destination(Hop("host", (HopKey(host_key().public_data),)))


@asynccontextmanager
async def visited(agent: Agent) -> AsyncIterator[nacre.SSHAgentClient]:
    async with await agent.listen() as listening, nacre.connect_agent(listening.path) as client:
        yield client


async def ask(client: nacre.SSHAgentClient, request: bytes) -> bytes:
    return await client._exchange(request)


def sign(key: Any, data: bytes, flags: int = 0) -> bytes:
    return b"\x0d" + encode_string(key.public_data) + encode_string(data) + encode_uint32(flags)


def bind(session_id: bytes, forwarding: bool, key: Any = None) -> bytes:
    key = key or host_key()
    return (
        b"\x1b"
        + encode_text("session-bind@openssh.com")
        + proof(key, key, session_id).binding(forwarding=forwarding)
    )


@asynctest
async def test_a_client_adds_lists_signs_removes() -> None:
    agent = Agent()
    certificate = RSA.generate_user_certificate(ECDSA, "id")
    async with visited(agent) as client:
        await client.add_keys([RSA, (ECDSA, certificate), user_key()], lifetime=1000)
        pairs = await client.get_keys()
        assert [pair.public_data for pair in pairs] == [
            RSA.public_data, certificate.public_data, ECDSA.public_data, user_key().public_data
        ]  # fmt: skip
        assert [pair.get_comment() for pair in pairs][:2] == ["rsa", "ecdsa"]
        for pair, key in zip(pairs, (RSA, ECDSA, ECDSA, user_key()), strict=True):
            for algorithm in pair.sig_algorithms:
                assert key.verify(b"data", await pair.sign_async(b"data", algorithm), algorithm)
        await client.remove_keys([pairs[0]])
        with pytest.raises(ValueError, match="refuses"):
            await client.remove_keys([pairs[0]])
        with pytest.raises(ValueError, match="refuses"):
            await pairs[0].sign_async(b"data")
        assert set(await client.query_extensions()) == {"query", "session-bind@openssh.com"}
        await client.remove_all()
        assert await client.get_keys() == []
    assert agent.keys == []


@asynctest
async def test_a_program_adds_and_removes() -> None:
    agent = Agent()
    await agent.add_keys([RSA, user_key()], destinations=[TO_HOST])
    assert [key.algorithm for key in agent.keys] == ["ssh-rsa", "ssh-ed25519"]
    assert repr(agent) == "<Agent of 2 keys>"
    assert repr(agent.keys[0]) == "<AgentKey ssh-rsa rsa>"
    assert agent.keys[0].constraints.destinations == (TO_HOST,)
    agent.remove_keys([RSA])
    with pytest.raises(KeyError):
        agent.remove_keys([RSA])
    with pytest.raises(ValueError, match="nobody to ask"):
        await agent.add_keys([RSA], confirm=True)
    agent.remove_all()
    assert agent.keys == []


@asynctest
async def test_an_rsa_key_does_not_sign_with_sha1() -> None:
    agent = Agent()
    await agent.add_keys([RSA])
    async with visited(agent) as client:
        assert await ask(client, sign(RSA, b"data")) == FAILURE
        assert await ask(client, sign(RSA, b"data", 1 | 2)) == FAILURE
        assert (await ask(client, sign(RSA, b"data", 2)))[0] == 14


@asynctest
async def test_lifetimes_are_kept_without_anybody_asking() -> None:
    agent = Agent(lifetime=1e-3)
    await agent.add_keys([RSA])
    async with asyncio.timeout(120):
        while agent._keyring._entries:  # not by looking at them, which would do it
            await asyncio.sleep(0.001)
    assert agent._timer is None


@asynctest
async def test_consent() -> None:
    asked = []
    answer: Any = True

    async def consent(key: nacre.agent.AgentKey) -> Any:
        asked.append(key.comment)
        if isinstance(answer, Exception):
            raise answer
        return answer

    agent = Agent(confirm=consent)
    async with visited(agent) as client:
        await client.add_keys([ECDSA], confirm=True)
        (pair,) = await client.get_keys()
        await pair.sign_async(b"data")
        for answer in (False, None, "yes", RuntimeError("broken")):  # noqa: B007 - `consent` returns it
            with pytest.raises(ValueError, match="refuses"):
                await pair.sign_async(b"data")
        assert asked == ["ecdsa"] * 5
    assert [str(context["exception"]) for context in reported()] == ["broken"]


@asynctest
async def test_a_key_that_asks_for_consent_is_not_taken_where_nobody_gives_it() -> None:
    async with visited(Agent()) as client:
        with pytest.raises(ValueError, match="refuses"):
            await client.add_keys([ECDSA], confirm=True)


@asynctest
async def test_a_key_that_goes_while_its_user_is_asked() -> None:
    agent: Agent

    def consent(key: object) -> bool:
        agent.remove_all()
        return True

    agent = Agent(confirm=consent)
    await agent.add_keys([ECDSA], confirm=True)
    async with visited(agent) as client:
        assert await ask(client, sign(ECDSA, b"data")) == FAILURE


@asynctest
async def test_locked() -> None:
    agent = Agent()
    await agent.add_keys([ECDSA], destinations=[TO_HOST])
    await agent.add_keys([RSA])
    async with visited(agent) as client:
        await client.lock("secret")
        assert repr(agent) == "<Agent of 2 keys, locked>"
        assert await client.get_keys() == []
        assert await client.query_extensions() == []
        for call in (
            client.lock("x"),
            client.add_keys([RSA]),
            client.remove_all(),
            client.remove_keys([RSA]),
        ):
            with pytest.raises(ValueError, match="refuses"):
                await call
        assert await ask(client, sign(RSA, b"data", 2)) == FAILURE
        with pytest.raises(ValueError, match="unlocking"):
            await client.unlock("other")
        bound = client.bound(proof(host_key(), host_key()))
        await bound.connect()
        await client.unlock("secret")
        # What was to be bound while it was locked was not: that connection is not a local one for all that.
        assert [key.get_algorithm() for key in await bound.get_keys()] == ["ssh-rsa"]
        assert len(await client.get_keys()) == 2
        with pytest.raises(ValueError, match="refuses"):
            await client.unlock("secret")
        assert await ask(client, lock_request(Request.UNLOCK, "x")) == FAILURE


@asynctest
async def test_tokens_are_the_program_s() -> None:
    given = []

    def keys(provider: str, pin: str) -> list[nacre.SSHKeyPair]:
        given.append((provider, pin))
        return nacre.load_keypairs([ECDSA]) if pin == "1234" else []

    async with visited(Agent()) as client:
        for call in (client.add_smartcard_keys("card", "1234"), client.remove_smartcard_keys("card")):
            with pytest.raises(ValueError, match="refuses"):
                await call
    agent = Agent(smartcards=keys)
    async with visited(agent) as client:
        await client.add_smartcard_keys("card", "1234", lifetime=100)
        with pytest.raises(ValueError, match="refuses"):
            await client.add_smartcard_keys("card")
        assert [key.provider for key in agent.keys] == ["card"]
        (pair,) = await client.get_keys()
        await pair.sign_async(b"data")
        with pytest.raises(ValueError, match="refuses"):
            await client.remove_smartcard_keys("other")
        await client.remove_smartcard_keys("card")
        assert await client.get_keys() == []
        assert given == [("card", "1234"), ("card", "")]


@asynctest
async def test_from_another_machine_keys_are_listed_and_sign_and_no_more() -> None:
    called = []
    agent = Agent(smartcards=lambda provider, pin: called.append(provider) or [])
    await agent.add_keys([RSA])
    async with visited(agent) as client:
        assert await ask(client, bind(b"session", True)) == SUCCESS
        assert len(await client.get_keys()) == 1
        assert (await ask(client, sign(RSA, b"data", 2)))[0] == 14
        for call in (
            client.add_keys([ECDSA]),
            client.remove_keys([RSA]),
            client.remove_all(),
            client.lock("x"),
            client.unlock("x"),
            client.add_smartcard_keys("/lib/evil.so"),
            client.remove_smartcard_keys("/lib/evil.so"),
        ):
            with pytest.raises(ValueError, match="refuses"):
                await call
    assert not called
    assert len(agent.keys) == 1


@asynctest
async def test_destinations() -> None:
    agent = Agent()
    (pair,) = nacre.load_keypairs([ECDSA])
    request = sign(ECDSA, login_request(pair))
    async with await agent.listen() as listening:
        async with nacre.connect_agent(listening.path) as client:
            await client.add_keys([ECDSA], destinations=[TO_HOST])
            assert len(await client.get_keys()) == 1
            assert await ask(client, request) == FAILURE  # nobody knows for which host
            assert await ask(client, bind(b"session", False)) == SUCCESS
            assert len(await client.get_keys()) == 1
            assert (await ask(client, request))[0] == 14
            assert await ask(client, sign(ECDSA, b"other data")) == FAILURE
        async with nacre.connect_agent(listening.path) as client:
            assert await ask(client, bind(b"session", False, user_key())) == SUCCESS
            assert await client.get_keys() == []
            assert await ask(client, request) == FAILURE
        async with nacre.connect_agent(listening.path) as client:
            damaged = bytearray(bind(b"session", False))
            damaged[-10] ^= 1
            assert await ask(client, bytes(damaged)) == EXTENSION_FAILURE
            assert await client.get_keys() == []
        # A client that sees the key through nothing does not replace it by one on other terms.
        async with nacre.connect_agent(listening.path) as client:
            await client.add_keys([ECDSA])
            assert agent.keys[0].constraints.destinations == ()


@asynctest
async def test_what_is_no_request() -> None:
    agent = Agent()
    await agent.add_keys([RSA])
    async with visited(agent) as client:
        for request in (
            b"\0", b"\1", b"\7", b"\xff", b"\x0d", b"\x0d" + bytes(12), b"\x11", b"\x12", b"\x16", b"\x1a", b"\x1b",
            b"\x1b" + encode_text("other@example.com"),
            sign(ECDSA, b"data"),
            sign(RSA, b"data", 2) + b"\0",
        ):  # fmt: skip
            assert await ask(client, request) == FAILURE, request
        assert len(await client.get_keys()) == 1


@pytest.mark.parametrize("size", [0, MAX_MESSAGE + 1, 2**32 - 1])
@asynctest
async def test_a_length_that_is_none_ends_the_connection(size: int) -> None:
    async with await Agent().listen() as listening:
        reader, writer = await asyncio.open_unix_connection(listening.path)
        writer.write(encode_uint32(size))
        assert await reader.read() == b""
        writer.close()


@asynctest
async def test_one_stream_is_served_too() -> None:
    agent = Agent()
    await agent.add_keys([RSA])
    ours, theirs = socket.socketpair()
    served = await asyncio.open_unix_connection(sock=ours)
    serving = asyncio.create_task(agent.serve(*served))
    reader, writer = await asyncio.open_unix_connection(sock=theirs)
    writer.write(encode_string(b"\x0b"))
    answer = Reader(await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big")))
    assert (answer.byte(), answer.uint32()) == (12, 1)
    writer.write(b"\0\0")
    for end in (writer, served[1]):
        end.close()
        await end.wait_closed()
    await serving
