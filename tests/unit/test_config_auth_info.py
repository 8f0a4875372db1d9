"""What sessions are told of their login; tests/interop/test_server_keywords.py asks sshd itself."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import stat
import tempfile
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.config_auth_info import VARIABLE, AuthInfo
from nacre.protocol import events
from tests.support.face import PASSWORD, PasswordServer, asynctest, connected, serving, user_key

KEY = user_key().convert_to_public()
NAME, BASE64 = KEY.export_public_key().decode().split()[:2]
TOKEN: Any = None


def shown(*, verified: bool = True) -> events.PublicKeyQuestion:
    return events.PublicKeyQuestion(TOKEN, "user", KEY.algorithm, KEY.public_data, KEY, verified)


@pytest.mark.parametrize(
    ("event", "verdict", "line"),
    [
        (shown(), True, f"publickey {NAME} {BASE64}"),
        (shown(), events.Partial(("password",)), f"publickey {NAME} {BASE64}"),
        (shown(verified=False), True, None),
        (shown(), False, None),
        (shown(), 1, None),
        (events.PasswordQuestion(TOKEN, "user", "secret", None), True, "password"),
        (events.PasswordQuestion(TOKEN, "user", "secret", None), events.PasswordExpired("", ""), None),
        (events.KbdintResponses(TOKEN, "user", ("secret",)), True, "keyboard-interactive"),
        (events.KbdintQuestion(TOKEN, "user", "", ""), events.Challenge(), None),
        (
            events.HostbasedQuestion(TOKEN, "user", KEY.algorithm, KEY.public_data, "a.b.", "x\npassword"),
            True,
            f'hostbased {NAME} {BASE64} client user "x\\npassword", client host "a.b"',
        ),
        (events.GssPrincipalQuestion(TOKEN, "user", "gssapi-keyex", TOKEN), True, "gssapi-keyex"),
        (events.AuthBegin(TOKEN, "user"), True, None),
    ],
    ids=lambda value: type(value).__name__,
)
def test_one_line_for_each_yes(event: Any, verdict: Any, line: str | None) -> None:
    info = AuthInfo()
    info.note(event, verdict)
    assert info.lines == ([] if line is None else [line])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    (tmp_path / "t").mkdir()
    return tmp_path / "t"


def test_the_file_is_ours_and_goes(folder: Path) -> None:
    info = AuthInfo()
    info.note(shown(), True)
    assert not info.environment({})
    info.write()
    path = Path(info.environment({})[VARIABLE])
    assert path.read_text() == f"publickey {NAME} {BASE64}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    info.close()
    assert not os.listdir(folder)
    assert not info.environment({})
    info.write()
    info.close()
    assert not os.listdir(folder)


def test_without_a_file_nothing_is_told(folder: Path, caplog: Any) -> None:
    nobody, somebody = AuthInfo(), AuthInfo()
    nobody.write()
    assert not os.listdir(folder)
    folder.rmdir()
    somebody.note(shown(), True)
    somebody.write()
    assert somebody.environment({VARIABLE: "/x", "LANG": "C"}) == {"LANG": "C"}
    assert "sessions are not told" in caplog.text


@asynctest
async def test_nobody_else_says_where_the_file_is(tmp_path: Path, folder: Path, caplog: Any) -> None:
    """A client that has filled the disk, or a user's key, could have a session read who has logged in elsewhere."""
    config = tmp_path / "sshd_config"
    user_key().write_public_key(tmp_path / "keys")
    line = (tmp_path / "keys").read_text()
    (tmp_path / "keys").write_text(f'environment="{VARIABLE}=/of/key",environment="A=b" {line}')
    config.write_text(
        f"AcceptEnv *\nPermitUserEnvironment yes\nStrictModes no\nAuthorizedKeysFile {tmp_path}/keys\n"
        "Match user bob\nExposeAuthInfo yes\n"
    )

    async def tell(process: nacre.SSHServerProcess[str]) -> None:
        process.stdout.write(f"{process.env['A']} {process.env.get(VARIABLE)}")
        process.exit(0)

    folder.rmdir()
    async with serving(config=config, process_factory=tell, server_factory=nacre.SSHServer) as listener:
        for user, told in (("bob", "b None"), ("eve", "b /of/key")):
            how = {"client_keys": [user_key()], "env": {VARIABLE: "/of/client"}}
            async with connected(listener, username=user, **how) as client:
                assert (await client.run("x")).stdout == told
    assert "sessions are not told" in caplog.text


@asynctest
async def test_sessions_of_a_login_in_two_steps(tmp_path: Path, folder: Path) -> None:
    config = tmp_path / "sshd_config"
    config.write_text(
        "AcceptEnv *\nSetEnv SSH_USER_AUTH=/x\nAuthenticationMethods publickey,password\n"
        "Match user bob\nExposeAuthInfo yes\n"
    )

    async def tell(process: nacre.SSHServerProcess[str]) -> None:
        path = Path(process.env["SSH_USER_AUTH"])
        process.stdout.write(path.read_text() if path.exists() else "nothing")
        process.exit(0)

    keys = nacre.SSHAuthorizedKeys(user_key().export_public_key().decode())
    options = {"config": config, "process_factory": tell, "server_factory": PasswordServer}
    async with serving(**options, authorized_client_keys=keys) as listener:
        how = {"client_keys": [user_key()], "password": PASSWORD, "env": {"SSH_USER_AUTH": "/etc/passwd"}}
        async with connected(listener, username="bob", **how) as client:
            for _ in range(2):
                assert (await client.run("x")).stdout == f"publickey {NAME} {BASE64}\npassword\n"
            assert len(os.listdir(folder)) == 1
        async with connected(listener, username="eve", **how) as client:
            assert (await client.run("x")).stdout == "nothing"
        while os.listdir(folder):
            await asyncio.sleep(0.01)
            gc.collect()


@asynctest
async def test_the_class_of_traffic_is_that_of_the_first_terminal(tmp_path: Path) -> None:
    config = tmp_path / "sshd_config"
    config.write_text("Match user bob\nIPQoS ef cs1\n")
    servers: list[nacre.SSHServerConnection] = []

    class Server(nacre.SSHServer):
        def connection_made(self, conn: nacre.SSHServerConnection) -> None:
            servers.append(conn)

        def begin_auth(self, username: str) -> bool:
            return False

    async def handler(process: nacre.SSHServerProcess[str]) -> None:
        process.exit(0)

    def octet() -> int:
        sock = servers[-1].get_extra_info("socket")
        return int(sock.getsockopt(socket.IPPROTO_IP, socket.IP_TOS))

    async with serving(config=config, server_factory=Server, process_factory=handler) as listener:
        async with connected(listener, username="bob") as client:
            before = octet()
            await client.run("x")
            assert octet() == 0x20
            await client.run("x", term_type="xterm")
            assert octet() == 0xB8
            await client.run("x")
            assert octet() == 0xB8
        async with connected(listener, username="eve") as client:
            await client.run("x")
            assert octet() == before
