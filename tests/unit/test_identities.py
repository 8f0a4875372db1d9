"""Which keys a client has to log in with."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.identities import load_client_keys
from nacre.wire.fields import encode_string
from tests.support.agent import ssh_agent
from tests.support.face import asynctest, connected, serving, user_key
from tests.support.softhsm import PIN, provider

RSA = nacre.generate_private_key("ssh-rsa", key_size=2048)
ECDSA = nacre.generate_private_key("ecdsa-sha2-nistp256")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any keys and agents."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    (tmp_path / ".ssh").mkdir()
    return tmp_path


async def load(**options: Any) -> list[bytes]:
    """Return the blobs of the keys that a client with these options tries."""
    return [pair.public_data for pair in await load_client_keys(nacre.SSHClientConnectionOptions(**options))]


@asynctest
async def test_keys_from_files(home: Path) -> None:
    folder = home / ".ssh"
    assert await load() == []
    user_key().write_private_key(folder / "id_ed25519")
    RSA.write_private_key(folder / "id_rsa", passphrase="open", rounds=1, ignore_few_rounds=True)
    (folder / "id_ecdsa").write_text("damaged")
    options = nacre.SSHClientConnectionOptions
    found = await load_client_keys(options())
    assert [pair.public_data for pair in found] == [user_key().public_data]  # the encrypted one is left out
    found = await load_client_keys(options(passphrase="open"))
    assert [pair.public_data for pair in found] == [user_key().public_data, RSA.public_data]
    for none in ({"client_keys": None}, {"client_keys": []}, {"client_keys": ""}, {"public_key_auth": False}):
        assert await load_client_keys(options(**none)) == []
    with pytest.raises(nacre.KeyImportError):
        await load_client_keys(options(client_keys=str(folder / "id_rsa")))
    assert await load_client_keys(options(client_keys=str(folder / "id_rsa"), ignore_encrypted=True)) == []
    with pytest.raises(OSError):
        await load_client_keys(options(client_keys=str(folder / "missing")))


@asynctest
async def test_openssh_s_order(home: Path) -> None:
    for key, name in ((RSA, "id_rsa"), (ECDSA, "id_ecdsa"), (user_key(), "id_ed25519")):
        key.write_private_key(home / ".ssh" / name)
    assert await load() == [key.public_data for key in (user_key(), ECDSA, RSA)]


@asynctest
async def test_the_agent_s_keys_come_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user_key().write_private_key(home / ".ssh" / "id_ed25519")
    user_key().write_public_key(home / ".ssh" / "id_ed25519.pub")
    own, rsa, ecdsa = (key.public_data for key in (user_key(), RSA, ECDSA))
    with ssh_agent(home) as running:
        path = str(running.path)
        async with nacre.connect_agent(path) as agent:
            await agent.add_keys([RSA, ECDSA])
        assert await load() == [own]
        assert await load(agent_path=path) == [rsa, ecdsa, own]
        monkeypatch.setenv("SSH_AUTH_SOCK", path)
        assert await load() == [rsa, ecdsa, own]
        assert await load(client_keys=[]) == [rsa, ecdsa]
        assert await load(client_keys=[RSA]) == [rsa, ecdsa]  # the agent has it: once
        assert await load(client_keys=None) == []
        assert await load(public_key_auth=False) == []
        for none in (None, ""):
            assert await load(agent_path=none) == [own]

        public = home / "public"
        ECDSA.write_public_key(public)
        RSA.write_private_key(home / "rsa")
        RSA.write_public_key(home / "rsa.pub")
        for form in (ECDSA, ECDSA.public_data, [nacre.load_keypairs([ECDSA])[0]], str(public), [public]):
            assert await load(agent_identities=form) == [ecdsa, own]
        assert await load(agent_identities=[ECDSA.export_public_key(), home / "rsa"]) == [rsa, ecdsa, own]
        assert await load(agent_identities=None) == [rsa, ecdsa, own]
        with pytest.raises(nacre.KeyImportError):
            await load(agent_identities=[b"nonsense"])
        with pytest.raises(OSError):
            await load(agent_identities=[home / "missing"])


@asynctest
async def test_a_certificate_of_an_agent_is_named_by_itself(home: Path) -> None:
    certificate = RSA.generate_user_certificate(ECDSA, "id", principals=["user"])
    certificate.write_certificate(home / "cert.pub")
    with ssh_agent(home) as running:
        path = str(running.path)
        async with nacre.connect_agent(path) as agent:
            await agent.add_keys([RSA, (ECDSA, certificate)])
        content = (home / "cert.pub").read_bytes()
        for form in (
            certificate,
            certificate.public_data,
            home / "cert.pub",
            [str(home / "cert.pub")],
            content,
        ):
            assert await load(agent_path=path, agent_identities=form) == [certificate.public_data]
        for wrong in ([b"nonsense"], [content + content]):
            with pytest.raises(nacre.KeyImportError):
                await load(agent_path=path, agent_identities=wrong)


@asynctest
async def test_a_key_of_an_agent_among_client_keys(home: Path) -> None:
    authorized = nacre.import_authorized_keys(ECDSA.export_public_key().decode())
    with ssh_agent(home) as running:
        async with nacre.connect_agent(running.path) as agent:
            await agent.add_keys([RSA, ECDSA])
            keys = await agent.get_keys()
        async with (
            serving(server_factory=nacre.SSHServer, authorized_client_keys=authorized) as listener,
            connected(listener, client_keys=keys) as connection,
        ):
            assert not connection.is_closed()


@asynctest
async def test_an_agent_that_cannot_be_used_is_said(
    home: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await load(agent_path=str(home / "missing"), client_keys=[RSA]) == [RSA.public_data]
    assert f"the agent {home / 'missing'} is not used" in caplog.text

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_unix_server(silent, home / "silent"):
        assert await load(agent_path=str(home / "silent"), login_timeout=0.05) == []
    assert "it does not answer" in caplog.text
    caplog.clear()
    monkeypatch.setenv(
        "SSH_AUTH_SOCK", str(home / "missing")
    )  # left over from another login: not worth a word
    assert await load() == []
    assert not caplog.records


@asynctest
async def test_a_login_with_a_key_of_the_agent(home: Path) -> None:
    """With one that signs, after one that is listed and does not: another key may do."""
    authorized = nacre.import_authorized_keys(
        "".join(key.export_public_key().decode() for key in (RSA, ECDSA))
    )
    listed = encode_string(RSA.public_data) + encode_string(b"")
    answers = {11: b"\x0c\0\0\0\1" + listed, 13: b"\5", 27: b"\5"}

    async def refusing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while size := await reader.read(4):
            request = await reader.readexactly(int.from_bytes(size, "big"))
            writer.write(encode_string(answers[request[0]]))
        writer.close()

    async with serving(server_factory=nacre.SSHServer, authorized_client_keys=authorized) as listener:
        with ssh_agent(home) as running:
            async with nacre.connect_agent(str(running.path)) as agent:
                await agent.add_keys([RSA])
            async with connected(listener, client_keys=(), agent_path=str(running.path)) as connection:
                assert connection.get_extra_info("username") == "user"
        async with (
            await asyncio.start_unix_server(refusing, home / "refusing"),
            connected(listener, client_keys=[ECDSA], agent_path=str(home / "refusing")),
        ):
            pass


@pytest.mark.requires("softhsm")
@asynctest
async def test_keys_of_tokens_come_before_those_of_files(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert await load(pkcs11_provider=provider(), client_keys=[]) == []
    assert f"no keys in the tokens of {provider()}: most tokens show none without pkcs11_pin" in caplog.text
    user_key().write_private_key(home / ".ssh/id_ed25519")
    found = await load_client_keys(
        nacre.SSHClientConnectionOptions(pkcs11_provider=provider(), pkcs11_pin=PIN)
    )
    assert [pair.get_key_type() for pair in found] == ["pkcs11"] * 5 + ["local"]
    certificate = user_key().generate_user_certificate(nacre.import_public_key(_line(found[0])), "id")
    named = {"pkcs11_provider": Path(provider()), "pkcs11_pin": PIN, "client_certs": [certificate]}
    certified = await load_client_keys(nacre.SSHClientConnectionOptions(**named, client_keys=[]))
    assert [pair.has_cert for pair in certified] == [True] + [False] * 5
    assert await load(pkcs11_provider=provider(), client_keys=None) == []
    del found, certified
    with pytest.raises(nacre.KeyImportError, match="PIN"):
        await load(pkcs11_provider=provider(), pkcs11_pin="4321")
    with pytest.raises(TypeError):
        await load(pkcs11_provider=b"x")


def _line(pair: nacre.SSHKeyPair) -> bytes:
    return pair.algorithm.encode() + b" " + b64encode(pair.public_data)


@asynctest
async def test_a_certificate_without_its_key_is_said(caplog: pytest.LogCaptureFixture) -> None:
    certificate = RSA.generate_user_certificate(ECDSA, "id", principals=["user"])
    assert await load(client_keys=[RSA], client_certs=[certificate], agent_path=None) == [RSA.public_data]
    assert "a certificate is not used: there is no key here that it is about" in caplog.text
