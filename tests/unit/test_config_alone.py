"""What a configuration alone says, and what comes of it."""

from __future__ import annotations

import asyncio
import logging
import socket
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.client_config import configured
from nacre.config_alone import Alone, alone
from tests.support.face import HOST, OpenServer, PasswordServer, asynctest, client_options, host_key, serving


def read(path: Path, text: str, **given: Any) -> nacre.SSHClientConnectionOptions:
    file = path / "config"
    file.write_text(text)
    return configured(nacre.SSHClientConnectionOptions(config=file, host="h", username="u", **given))


def test_where_nothing_is_said(tmp_path: Path) -> None:
    assert alone(nacre.SSHClientConnectionOptions()) == alone(read(tmp_path, "Port 1\n")) == Alone()
    assert alone(nacre.SSHServerConnectionOptions()) == Alone()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ConnectionAttempts 3", Alone(attempts=3)),
        ("KbdInteractiveDevices pam,otp", Alone(kbdint_devices="pam,otp")),
        ("NoHostAuthenticationForLocalhost yes", Alone(trusts_loopback=True)),
    ],
)
def test_what_is_said(tmp_path: Path, text: str, said: Alone) -> None:
    options = read(tmp_path, f"{text}\n")
    assert alone(options) == said
    assert alone(nacre.SSHClientConnectionOptions(options, port=1)) == said


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("ConnectionAttempts 0", "1 is the least"),
        ("VersionAddendum é", "printable ASCII is expected"),
        (f"VersionAddendum {'x' * 151}", "150 characters at most"),
    ],
)
def test_what_is_wrong(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(
        nacre.ConfigParseError, match=rf"config line 1: {text.split(maxsplit=1)[0]}: .*{error}"
    ):
        read(tmp_path, f"{text}\n")


def test_the_version_and_what_stands_behind_it(tmp_path: Path) -> None:
    plain = nacre.SSHClientConnectionOptions().client_version
    assert read(tmp_path, "VersionAddendum None\n").client_version == plain == ""
    assert read(tmp_path, "VersionAddendum of me 2\n").client_version == f"nacre_{nacre.__version__} of me 2"
    assert read(tmp_path, "VersionAddendum of me\n", client_version="own").client_version == "own"


class _Opens(logging.Handler):
    """Has a server listen once an attempt was in vain."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self.sock = sock
        self.said: list[str] = []
        self.opened: asyncio.Task[Any] | None = None

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())
        if self.opened is None:
            self.opened = asyncio.create_task(
                nacre.listen(sock=self.sock, server_host_keys=[host_key()], server_factory=OpenServer)
            )


@asynctest
async def test_another_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nacre.dialing._BETWEEN_ATTEMPTS", 0.01)
    monkeypatch.setattr(logging.getLogger("nacre"), "level", logging.INFO)
    config = tmp_path / "config"
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        opens = _Opens(sock)
        logging.getLogger("nacre").addHandler(opens)
        try:
            given = client_options(config=config, port=sock.getsockname()[1])
            config.write_text("ConnectionAttempts 1\n")
            with pytest.raises(ConnectionRefusedError):
                await nacre.connect(HOST, **given)
            assert opens.opened is None
            config.write_text("ConnectionAttempts 9999\n")
            async with nacre.connect(HOST, **given):
                assert "9998 more attempts" in opens.said[0]
        finally:
            logging.getLogger("nacre").removeHandler(opens)
        assert opens.opened is not None
        listener = await opens.opened
        listener.close()
        await listener.wait_closed()


@asynctest
async def test_the_devices_of_a_dialogue(tmp_path: Path) -> None:
    asked: list[str] = []

    class Server(PasswordServer):
        def kbdint_auth_supported(self) -> bool:
            return True

        def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
            asked.append(submethods)
            return False

    class Client(nacre.SSHClient):
        def __init__(self, answer: Any) -> None:
            self.answer = answer

        def kbdint_auth_requested(self) -> Any:
            answer, self.answer = self.answer, None
            return answer

    (tmp_path / "config").write_text(
        "KbdInteractiveDevices pam,otp\nPreferredAuthentications keyboard-interactive\n"
    )
    async with serving(server_factory=Server) as listener:
        for answer in ("", "own"):
            given = client_options(
                config=tmp_path / "config", client_factory=lambda answer=answer: Client(answer)
            )
            with pytest.raises(nacre.PermissionDenied):
                await nacre.connect(HOST, listener.get_port(), **given)
        given = client_options(config=tmp_path / "config", password="x")
        with pytest.raises(nacre.PermissionDenied):
            await nacre.connect(HOST, listener.get_port(), **given)
    assert asked == ["pam,otp", "own", "pam,otp"]


@asynctest
async def test_whoever_is_this_machine(tmp_path: Path) -> None:
    config = tmp_path / "config"
    yes = "NoHostAuthenticationForLocalhost yes\n"
    async with serving() as listener:
        port = listener.get_port()

        async def believed(text: str, host: str = HOST, **given: Any) -> bool:
            config.write_text(text)
            try:
                connection = await nacre.connect(
                    host, port, **client_options(config=config, known_hosts=b"", **given)
                )
            except nacre.HostKeyNotVerifiable:
                return False
            async with connection:
                return True

        assert await believed(yes)
        assert await believed(f"{yes}HostName {HOST}\n", "a-name")
        assert not await believed("NoHostAuthenticationForLocalhost no\n")
        # Where it is looked up as another host, or the address is not the server's own.
        assert not await believed(f"{yes}HostKeyAlias other\n")
        with socket.create_connection((HOST, port)) as sock:
            assert not await believed(yes, sock=sock)
        # A key that is revoked is no host's.
        assert not await believed(yes, revoked_host_keys=host_key().export_public_key())
