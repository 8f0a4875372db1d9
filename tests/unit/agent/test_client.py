"""The agent's client, against OpenSSH's ssh-agent, and against agents that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.wire.fields import encode_string, encode_uint32
from tests.support.agent import ssh_agent
from tests.support.face import asynctest, user_key

RSA = nacre.generate_private_key("ssh-rsa", key_size=2048, comment="an RSA key")
ECDSA = nacre.generate_private_key("ecdsa-sha2-nistp256", comment="an ECDSA key")


def message(content: bytes) -> bytes:
    return encode_string(content)


@asynccontextmanager
async def answering(path: Path, answer: Callable[[bytes], bytes]) -> AsyncIterator[list[bytes]]:
    """An agent that answers each request with the bytes that `answer` returns; b"" ends the connection."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while size := await reader.read(4):
                asked.append(await reader.readexactly(int.from_bytes(size, "big")))
                reply = answer(asked[-1])
                if not reply:
                    break
                writer.write(reply)
        except ConnectionError:
            pass
        finally:
            writer.close()

    async with await asyncio.start_unix_server(serve, path):
        yield asked


@asynctest
async def test_with_a_real_agent(tmp_path: Path) -> None:
    with ssh_agent(tmp_path) as running:
        async with nacre.connect_agent(str(running.path)) as agent:
            assert await agent.get_keys() == []
            await agent.add_keys([RSA, ECDSA, user_key()])
            keys = await agent.get_keys()
            assert [key.get_algorithm() for key in keys] == ["ssh-rsa", "ecdsa-sha2-nistp256", "ssh-ed25519"]
            assert [key.get_comment() for key in keys] == ["an RSA key", "an ECDSA key", None]
            assert {key.get_key_type() for key in keys} == {"agent"}
            assert RSA.get_fingerprint() in running.ssh_add("-l")
            for pair, key in zip(keys, (RSA, ECDSA, user_key()), strict=True):
                for algorithm in pair.sig_algorithms:
                    signature = await pair.sign_async(b"data", algorithm)
                    assert key.verify(b"data", signature)
                    assert not key.verify(b"other data", signature)
            assert keys[0].sig_algorithms == ("rsa-sha2-512", "rsa-sha2-256")
            with pytest.raises(RuntimeError, match="sign_async"):
                keys[0].sign(b"data")
            only = await agent.get_keys([ECDSA.public_data])
            assert [key.public_data for key in only] == [ECDSA.public_data]

            first, second, third = await agent.get_keys()
            assert isinstance(first, nacre.SSHAgentKeyPair)
            await first.remove()
            await agent.remove_keys([second])
            with pytest.raises(ValueError, match="removing a key: the agent refuses"):
                await agent.remove_keys([second])
            with pytest.raises(ValueError, match="signing: the agent refuses"):
                await second.sign_async(b"data")
            await agent.lock("x")
            assert await agent.get_keys() == []
            with pytest.raises(ValueError, match="unlocking"):
                await agent.unlock("y")
            await agent.unlock("x")
            assert [key.public_data for key in await agent.get_keys()] == [third.public_data]
            await agent.remove_all()
            assert await agent.get_keys() == []
            assert isinstance(await agent.query_extensions(), list)


@asynctest
async def test_what_ssh_add_has_added_and_after_the_end(tmp_path: Path) -> None:
    RSA.write_private_key(tmp_path / "rsa")
    with ssh_agent(tmp_path) as running:
        running.ssh_add(tmp_path / "rsa")
        async with nacre.connect_agent(running.path) as agent:
            (key,) = await agent.get_keys()
        # Still usable, over a connection for each request.
        assert RSA.verify(b"data", await key.sign_async(b"data"))
        assert len(await agent.get_keys()) == 1
        agent.close()
        await agent.wait_closed()
    with pytest.raises(OSError):
        await key.sign_async(b"data")


@asynctest
async def test_the_extensions_of_an_agent_of_before_the_last_drafts(tmp_path: Path) -> None:
    path = tmp_path / "agent"
    answer = message(b"\6" + encode_string(b"a@x"))
    async with answering(path, lambda request: answer), nacre.connect_agent(path) as agent:
        assert await agent.query_extensions() == ["a@x"]


@pytest.mark.parametrize("number", [5, 28])
@asynctest
async def test_an_agent_without_extensions(tmp_path: Path, number: int) -> None:
    path = tmp_path / "agent"
    async with answering(path, lambda request: message(bytes((number,)))), nacre.connect_agent(path) as agent:
        assert await agent.query_extensions() == []


@asynctest
async def test_another_answer_than_those_to_a_question_for_extensions(tmp_path: Path) -> None:
    path = tmp_path / "agent"
    async with answering(path, lambda request: message(b"\xff")), nacre.connect_agent(path) as agent:
        with pytest.raises(ValueError, match="message 255"):
            await agent.query_extensions()


@asynctest
async def test_a_key_of_an_agent_cannot_be_handed_to_one(tmp_path: Path) -> None:
    with ssh_agent(tmp_path) as running:
        async with nacre.connect_agent(running.path) as agent:
            await agent.add_keys([user_key()])
            with pytest.raises(nacre.KeyImportError, match="elsewhere"):
                await agent.add_keys(await agent.get_keys())


@asynctest
async def test_requests_at_the_same_time(tmp_path: Path) -> None:
    with ssh_agent(tmp_path) as running:
        async with nacre.connect_agent(str(running.path)) as agent:
            await agent.add_keys([RSA, user_key()])
            rsa, ed25519 = await agent.get_keys()
            signatures = await asyncio.gather(
                *(pair.sign_async(b"%d" % number) for number in range(8) for pair in (rsa, ed25519))
            )
            for number in range(8):
                assert RSA.verify(b"%d" % number, signatures[2 * number])
                assert user_key().verify(b"%d" % number, signatures[2 * number + 1])


@asynctest
async def test_the_users_own_files_and_constraints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    user_key().write_private_key(tmp_path / ".ssh" / "id_ed25519")
    RSA.write_private_key(tmp_path / ".ssh" / "id_rsa", passphrase="x", rounds=1, ignore_few_rounds=True)
    with ssh_agent(tmp_path) as running:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(running.path))
        async with await nacre.connect_agent() as agent:
            await agent.add_keys()
            assert [key.get_algorithm() for key in await agent.get_keys()] == ["ssh-ed25519"]
            await agent.remove_all()
            await agent.add_keys(passphrase="x", lifetime=1000)
            assert [key.get_algorithm() for key in await agent.get_keys()] == ["ssh-ed25519", "ssh-rsa"]
            (held, _) = await agent.get_keys()
            with pytest.raises(ValueError, match="cannot be handed over"):
                await agent.add_keys([held])
            for call in (
                agent.add_smartcard_keys("provider", "1234"),
                agent.remove_smartcard_keys("provider"),
            ):
                with pytest.raises(ValueError, match="the keys of a token: the agent refuses"):
                    await call


@asynctest
async def test_an_agent_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(FileNotFoundError, match="SSH_AUTH_SOCK is not set"):
        await nacre.connect_agent()
    with pytest.raises(FileNotFoundError, match="No such file or directory: '"):
        await nacre.connect_agent(str(tmp_path / "missing"))
    with pytest.raises(TypeError, match="not object"):
        await nacre.connect_agent(object())


KEYS = b"\x0c" + encode_uint32(1) + encode_string(user_key().public_data) + encode_string(b"")
SHA1 = encode_string(encode_string(b"ssh-rsa") + encode_string(b"s"))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"\0\0\0\0", "a message of 0 bytes"),
        (b"\x7f\xff\xff\xff\x0c", "a message of 2147483647 bytes"),
        (encode_uint32(256 * 1024 + 1) + b"\x0c", "a message of 262145 bytes"),
        (message(b"\5"), "the agent refuses"),
        (message(b"\x0e"), "the agent refuses"),
        (message(b"\x0c\0\1\0\0"), "65536 keys"),
        (message(KEYS[:-1]), "listing keys"),
        (message(KEYS + b"more"), "listing keys"),
        (message(b"\x0c" + encode_uint32(1) + encode_string(b"\0\0") + encode_string(b"")), "listing keys"),
    ],
    ids=range(9),  # one of them has a key that is another in each process
)
@asynctest
async def test_an_agent_that_answers_nonsense(tmp_path: Path, answer: bytes, error: str) -> None:
    answers = [answer, message(KEYS)]
    async with (
        answering(tmp_path / "agent", lambda _: answers.pop(0)),
        nacre.connect_agent(str(tmp_path / "agent")) as agent,
    ):
        with pytest.raises(ValueError, match=error):
            await agent.get_keys()
        # What was left of it is not taken for the next answer.
        assert [key.public_data for key in await agent.get_keys()] == [user_key().public_data]


@asynctest
async def test_an_agent_that_signs_with_sha1(tmp_path: Path) -> None:
    listed = b"\x0c" + encode_uint32(1) + encode_string(RSA.public_data) + encode_string(b"")
    answers = {11: message(listed), 13: message(b"\x0e" + SHA1)}
    async with (
        answering(tmp_path / "agent", lambda request: answers[request[0]]),
        nacre.connect_agent(str(tmp_path / "agent")) as agent,
    ):
        (key,) = await agent.get_keys()
        with pytest.raises(ValueError, match="signed with 'ssh-rsa', asked for 'rsa-sha2-512'"):
            await key.sign_async(b"data")


@asynctest
async def test_an_agent_that_goes(tmp_path: Path) -> None:
    async with (
        answering(tmp_path / "agent", lambda request: b""),
        nacre.connect_agent(str(tmp_path / "agent")) as agent,
    ):
        with pytest.raises(ConnectionResetError):
            await agent.get_keys()
        with pytest.raises(ValueError, match="too long for an agent"):
            await agent.sign(b"key", bytes(256 * 1024), "ssh-ed25519")


@asynctest
async def test_a_cancelled_request_leaves_nothing_behind(tmp_path: Path) -> None:
    answers: list[Any] = [b"\0\0", message(KEYS)]  # the first is half of a length, and no more
    async with (
        answering(tmp_path / "agent", lambda _: answers.pop(0)) as asked,
        nacre.connect_agent(str(tmp_path / "agent")) as agent,
    ):
        waiting = asyncio.ensure_future(agent.get_keys())
        while not asked:
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert len(await agent.get_keys()) == 1


@asynctest
async def test_of_the_user_s_own_files_those_that_the_agent_does_not_take_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    user_key().write_private_key(tmp_path / ".ssh" / "id_ed25519")
    path = tmp_path / "agent"
    async with answering(path, lambda request: message(b"\5")) as asked, nacre.connect_agent(path) as agent:
        await agent.add_keys()
        assert len(asked) == 1
        assert "the agent refuses" in caplog.text
        with pytest.raises(ValueError, match="adding a key: the agent refuses"):
            await agent.add_keys([user_key()])


@asynctest
async def test_an_agent_that_goes_is_an_error_of_both_kinds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    user_key().write_private_key(tmp_path / ".ssh" / "id_ed25519")
    path = tmp_path / "agent"
    async with answering(path, lambda request: b""), nacre.connect_agent(path) as agent:
        for call in (agent.get_keys(), agent.add_keys(), agent.remove_all()):
            with pytest.raises(ConnectionResetError) as caught:
                await call
            assert isinstance(caught.value, ValueError)
            assert str(caught.value).endswith("the agent closed the connection")
