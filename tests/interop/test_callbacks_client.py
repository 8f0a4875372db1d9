"""A client's callbacks against OpenSSH's sshd, both versions: trust, messages, the end, logins that are not made."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

import nacre
from tests.interop.programs import connected
from tests.support.face import asynctest, reported
from tests.support.openssh import OpenSSH, Sshd

pytestmark = pytest.mark.requires("sshd")

METHODS = ["PasswordAuthentication yes", "KbdInteractiveAuthentication yes"]


async def later(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


@asynctest
async def test_an_unknown_host(openssh: OpenSSH, tmp_path: Path) -> None:
    with Sshd(openssh, tmp_path) as sshd:
        public = nacre.read_public_key(str(sshd.host_keys["ed25519"].with_suffix(".pub")))
        asked: list[Any] = []

        def answering(answer: Any) -> type[nacre.SSHClient]:
            def validate(self: Any, host: str, addr: str, port: int, key: nacre.SSHKey) -> Any:
                asked.append((host, addr, port, key.public_data))
                return answer() if callable(answer) else answer

            return type("Client", (nacre.SSHClient,), {"validate_host_public_key": validate})

        for yes in (True, lambda: later(True)):
            async with connected(sshd, known_hosts=b"", client_factory=answering(yes)) as connection:
                assert (await connection.run("exit 3")).exit_status == 3
        for no in (False, lambda: later(None), lambda: 1 / 0):
            with pytest.raises(nacre.HostKeyNotVerifiable):
                async with connected(sshd, known_hosts=b"", client_factory=answering(no)):
                    pass
        assert asked == [("127.0.0.1", "127.0.0.1", sshd.port, public.public_data)] * 5
        assert [type(report["exception"]) for report in reported()] == [ZeroDivisionError]


@asynctest
async def test_messages_and_the_order_of_the_callbacks(openssh: OpenSSH, tmp_path: Path) -> None:
    """sshd tells by SSH_MSG_DEBUG how it has read the line of authorized_keys."""
    calls: list[Any] = []

    class Client(nacre.SSHClient):
        def connection_made(self, conn: nacre.SSHClientConnection) -> None:
            calls.append("made")

        async def auth_banner_received(self, msg: str, lang: str) -> None:  # type: ignore[override]  # it may be a coroutine
            calls.append(msg)

        def debug_msg_received(self, msg: str, lang: str, always_display: bool) -> None:
            assert isinstance(always_display, bool)
            calls.append("debug")
            assert "authorized_keys" in msg

        async def auth_completed(self) -> None:  # type: ignore[override]  # it may be a coroutine
            await asyncio.sleep(0)
            calls.append("completed")

        def connection_lost(self, exc: Exception | None) -> None:
            calls.append(exc)

    (tmp_path / "banner").write_text("welcome\n")
    with Sshd(openssh, tmp_path, options=[f"Banner {tmp_path / 'banner'}"]) as sshd:
        async with connected(sshd, client_factory=Client) as connection:
            assert (await connection.run("exit 3")).exit_status == 3
            connection.send_debug("hello, sshd")
            assert (await connection.run("exit 4")).exit_status == 4
    assert "debug" in calls
    assert [call for call in calls if call != "debug"] == ["made", "welcome\n", "completed", None]


@asynctest
async def test_a_server_that_is_killed(openssh: OpenSSH, tmp_path: Path) -> None:
    lost: list[Exception | None] = []

    class Client(nacre.SSHClient):
        def connection_lost(self, exc: Exception | None) -> None:
            lost.append(exc)

    with Sshd(openssh, tmp_path) as sshd:
        async with (
            connected(sshd, client_factory=Client) as connection,
            connection.create_process("cat") as process,
        ):
            await connection.run("kill -9 $PPID")
            await connection.wait_closed()
            with pytest.raises((nacre.ConnectionLost, BrokenPipeError)):
                await process.stdout.read()
    assert [type(exc) for exc in lost] == [nacre.ConnectionLost]


@asynctest
async def test_callbacks_that_fail_leave_the_next_method(openssh: OpenSSH, tmp_path: Path) -> None:
    class Client(nacre.SSHClient):
        def kbdint_auth_requested(self) -> str:
            raise ZeroDivisionError

        async def password_auth_requested(self) -> str:
            raise ZeroDivisionError

    with Sshd(openssh, tmp_path, options=METHODS) as sshd:
        order = ["keyboard-interactive", "password", "publickey"]
        async with connected(sshd, client_factory=Client, preferred_auth=order) as connection:
            assert (await connection.run("exit 3")).exit_status == 3
    assert [type(report["exception"]) for report in reported()] == [ZeroDivisionError] * 2


@asynctest
async def test_facts_without_a_login(openssh: OpenSSH, tmp_path: Path) -> None:
    with Sshd(openssh, tmp_path, options=METHODS, host_key_types=("ed25519", "rsa-2048")) as sshd:
        where: dict[str, Any] = {"host": "127.0.0.1", "port": sshd.port, "config": None}
        methods = await nacre.get_server_auth_methods(**where, username=sshd.user)
        assert sorted(methods) == ["keyboard-interactive", "password", "publickey"]
        for kind, algorithm in (("ed25519", "ssh-ed25519"), ("rsa-2048", "rsa-sha2-512")):
            key = await nacre.get_server_host_key(**where, server_host_key_algs=[algorithm])
            assert key is not None
            expected = nacre.read_public_key(str(sshd.host_keys[kind].with_suffix(".pub")))
            assert key.public_data == expected.public_data


@asynctest
async def test_run_client_and_options_that_merge(openssh: OpenSSH, tmp_path: Path) -> None:
    with Sshd(openssh, tmp_path) as sshd:
        common = nacre.SSHClientConnectionOptions(
            config=None,
            known_hosts=sshd.known_hosts().encode(),
            client_keys=str(sshd.user_key),
            username="nobody",
        )
        options = nacre.SSHClientConnectionOptions(options=common, username=sshd.user, command="exit 6")
        loop = asyncio.get_running_loop()
        sock = socket.socket()
        sock.setblocking(False)
        await loop.sock_connect(sock, ("127.0.0.1", sshd.port))
        async with await nacre.run_client(
            sock, options=options, host="127.0.0.1", port=sshd.port
        ) as connection:
            assert connection.get_extra_info("username") == sshd.user
            assert (await connection.run()).exit_status == 6
            assert (await connection.run("exit 7")).exit_status == 7
