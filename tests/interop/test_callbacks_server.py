"""OpenSSH's ssh, both versions, against a server's callbacks: what each answer, and each failure, looks like to it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nacre
from tests.interop.programs import Askpass, handler, peer
from tests.support.face import asynctest, host_key, reported
from tests.support.openssh import OpenSSH, Ssh

pytestmark = pytest.mark.requires("ssh")

SECRET = "correct horse"  # a test's


async def later(value: Any) -> Any:
    await asyncio.sleep(0)
    return value() if callable(value) else value


class Anybody(nacre.SSHServer):
    """Lets anybody in, and gives the session that a test has set."""

    form: Callable[[nacre.SSHServerConnection], Any]

    def connection_made(self, conn: nacre.SSHServerConnection) -> None:
        self._conn = conn

    def begin_auth(self, username: str) -> Any:
        return later(False)

    def session_requested(self) -> Any:
        return type(self).form(self._conn)


class Session(nacre.SSHServerSession[bytes]):
    """Says what it was asked."""

    def connection_made(self, chan: Any) -> None:
        self._chan = chan

    async def exec_requested(self, command: str) -> bool:
        await asyncio.sleep(0)
        return True

    def session_started(self) -> None:
        self._chan.write(self._chan.get_command().encode())
        self._chan.exit(7)


async def stream_handler(stdin: Any, stdout: Any, stderr: Any) -> None:
    stdout.write(stdout.channel.get_command().encode())
    stdout.channel.exit(7)


FORMS: dict[str, Callable[[nacre.SSHServerConnection], Any]] = {
    "a session": lambda conn: Session(),
    "a coroutine of one": lambda conn: later(Session()),
    "a handler": lambda conn: stream_handler,
    "a channel and a session": lambda conn: (conn.create_server_channel(window=4096), Session()),
    "a process": lambda conn: nacre.SSHServerProcess(
        lambda process: (process.stdout.write(process.command.encode()), process.exit(7))
    ),
}


def refuse() -> Any:
    raise nacre.ChannelOpenError(nacre.OPEN_RESOURCE_SHORTAGE, "no room")


@asynctest
async def test_sessions(openssh: OpenSSH, tmp_path: Path) -> None:
    server = type("Server", (Anybody,), {})
    async with peer(
        openssh, tmp_path, server_factory=server, process_factory=None, authorized_client_keys=None
    ) as ssh:
        for name, form in FORMS.items():
            server.form = staticmethod(form)
            done = await ssh.communicate("do something")
            assert (done.returncode, done.stdout) == (7, b"do something"), (name, done.stderr)
        for why, form in {
            b"open failed: administratively prohibited: sessions are not offered": lambda conn: later(False),
            b"open failed: resource shortage: no room": lambda conn: refuse(),
            b"open failed: connect failed: the channel could not be opened": lambda conn: 1 / 0,
        }.items():
            server.form = staticmethod(form)
            done = await ssh.communicate("do something")
            assert (done.returncode, why in done.stderr) == (255, True), done.stderr
    assert [type(report["exception"]) for report in reported()] == [ZeroDivisionError]


@asynctest
async def test_forwarding_is_refused_whatever_the_callbacks_say(openssh: OpenSSH, tmp_path: Path) -> None:
    class Forwards(Anybody):
        def connection_requested(self, *args: Any) -> bool:
            return True

        server_requested = unix_connection_requested = unix_server_requested = connection_requested

    options: dict[str, Any] = {"server_factory": Forwards, "authorized_client_keys": None}
    async with peer(openssh, tmp_path, **options) as ssh:
        for arguments, why in (
            (("-W", "localhost:1"), b"administratively prohibited: TCP forwarding is not in this version"),
            (("-R", "0:localhost:1", "-o", "ExitOnForwardFailure yes"), b"remote port forwarding failed"),
            (
                ("-R", f"{tmp_path}/socket:localhost:1", "-o", "ExitOnForwardFailure yes"),
                b"remote port forwarding failed",
            ),
        ):
            done = await ssh.communicate(*arguments, "--", *(() if "-W" in arguments else ("exit 0",)))
            assert (done.returncode, why in done.stderr) == (255, True), (arguments, done.stderr)


@asynctest
async def test_what_is_told_reaches_the_person(openssh: OpenSSH, tmp_path: Path) -> None:
    class Talkative(nacre.SSHServer):
        def connection_made(self, conn: nacre.SSHServerConnection) -> None:
            self._conn = conn
            conn.send_auth_banner("one\n")

        async def begin_auth(self, username: str) -> bool:
            await asyncio.sleep(0)
            self._conn.send_auth_banner(f"for {username}\n")
            return True

        async def auth_completed(self) -> None:  # type: ignore[override]  # it may be a coroutine
            await asyncio.sleep(0)
            self._conn.send_debug("you are in", always_display=True)

    async with peer(openssh, tmp_path, server_factory=Talkative) as ssh:
        done = await ssh.communicate("exit 5")
        assert (done.returncode, done.stderr) == (5, b"one\nfor user\n")
    async with peer(openssh, tmp_path, "LogLevel DEBUG1", server_factory=Talkative) as ssh:
        done = await ssh.communicate("exit 5")
        assert (done.returncode, b"Remote: you are in" in done.stderr) == (5, True), done.stderr


@pytest.mark.parametrize("method", ["publickey", "password", "keyboard-interactive"])
@asynctest
async def test_a_callback_that_fails_once(openssh: OpenSSH, tmp_path: Path, method: str) -> None:
    """The connection lives: the next key, the next try of a person, is judged as ever."""
    tries: list[str] = []

    class Failing(nacre.SSHServer):
        def public_key_auth_supported(self) -> bool:
            return method == "publickey"

        def password_auth_supported(self) -> bool:
            return method == "password"

        def kbdint_auth_supported(self) -> bool:
            return method == "keyboard-interactive"

        def validate_public_key(self, username: str, key: nacre.SSHKey) -> Any:
            tries.append(key.get_fingerprint())
            return True if len(set(tries)) > 1 else later(lambda: 1 / 0)

        def validate_password(self, username: str, password: str) -> Any:
            tries.append(password)
            return True if len(tries) > 1 else later(lambda: 1 / 0)

        def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
            return later(("", "", "", [("word: ", True)]))

        def validate_kbdint_response(self, username: str, responses: Any) -> Any:
            return self.validate_password(username, responses[0])

    second = openssh.make_key(tmp_path / "second")
    lines = (f"IdentityFile {tmp_path / 'user_key'}", f"IdentityFile {second}")
    if method != "publickey":
        lines = ("NumberOfPasswordPrompts 3", *Askpass.lines, f"PreferredAuthentications {method}")
    options: dict[str, Any] = {"server_factory": Failing, "authorized_client_keys": None}
    async with peer(openssh, tmp_path, *lines, **options) as ssh:
        person = Askpass(tmp_path, "first", "second")
        done = await ssh.communicate("exit 5", environment=person.environment)
        assert done.returncode == 5, (done.stderr, tries)
    assert [type(report["exception"]) for report in reported()] == [ZeroDivisionError]


@asynctest
async def test_a_new_password_that_will_not_do(openssh: OpenSSH, tmp_path: Path) -> None:
    changes: list[tuple[str, str]] = []

    class Strict(nacre.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        async def validate_password(self, username: str, password: str) -> bool:
            raise nacre.PasswordChangeRequired("choose a new one")

        async def change_password(self, username: str, old_password: str, new_password: str) -> bool:
            changes.append((old_password, new_password))
            if len(new_password) < 5:
                raise nacre.PasswordChangeRequired("a longer one")
            return old_password == SECRET

    lines = (*Askpass.lines, "PreferredAuthentications password")
    options: dict[str, Any] = {"server_factory": Strict, "authorized_client_keys": None}
    async with peer(openssh, tmp_path, *lines, **options) as ssh:
        person = Askpass(tmp_path, SECRET, SECRET, "abc", "abc", SECRET, "abcdef", "abcdef")
        done = await ssh.communicate("exit 5", environment=person.environment)
        assert (done.returncode, changes) == (5, [(SECRET, "abc"), (SECRET, "abcdef")]), done.stderr
        assert b"choose a new one" in done.stderr
        assert b"a longer one" in done.stderr


@asynctest
async def test_what_is_not_in_this_version_is_never_offered(openssh: OpenSSH, tmp_path: Path) -> None:
    class Everything(nacre.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

        def validate_gss_principal(self, *args: Any) -> bool:
            return True

    options: dict[str, Any] = {"server_factory": Everything, "authorized_client_keys": None}
    async with peer(openssh, tmp_path, **options) as ssh:
        done = await ssh.communicate("exit 5")
        assert (done.returncode, b"(keyboard-interactive,password)" in done.stderr) == (255, True), (
            done.stderr
        )


@asynctest
async def test_the_order_of_the_callbacks_and_the_end(openssh: OpenSSH, tmp_path: Path) -> None:
    calls: list[Any] = []
    ended = asyncio.Event()

    class Notes(nacre.SSHServer):
        def connection_made(self, conn: nacre.SSHServerConnection) -> None:
            calls.append("made")

        def begin_auth(self, username: str) -> bool:
            calls.append(username)
            return True

        def auth_completed(self) -> None:
            calls.append("completed")

        def session_requested(self) -> Any:
            calls.append("session")
            return stream_handler

        def connection_lost(self, exc: Exception | None) -> None:
            calls.append(exc)
            ended.set()

    async with peer(openssh, tmp_path, server_factory=Notes, process_factory=None) as ssh:
        assert (await ssh.communicate("x")).returncode == 7
        await ended.wait()
    assert calls == ["made", "user", "completed", "session", None]


@asynctest
async def test_run_server_on_a_socket_of_the_programs_own(openssh: OpenSSH, tmp_path: Path) -> None:
    key = openssh.make_key(tmp_path / "user_key")
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        port = listener.getsockname()[1]
        known_hosts = tmp_path / "known_hosts"
        known_hosts.write_text(f"[127.0.0.1]:{port} {host_key().export_public_key().decode()}\n")
        ssh = Ssh(openssh, port, "user", key, known_hosts)
        running = asyncio.ensure_future(ssh.communicate("exit 5"))
        sock, _ = await loop.sock_accept(listener)
        connection = await nacre.run_server(
            sock,
            server_factory=nacre.SSHServer,
            server_host_keys=[host_key()],
            authorized_client_keys=str(key.with_suffix(".pub")),
            process_factory=handler,
            encoding=None,
        )
        assert (await running).returncode == 5
        await connection.wait_closed()
