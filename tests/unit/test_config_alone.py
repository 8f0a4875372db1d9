"""What a configuration alone says, and what comes of it."""

from __future__ import annotations

import asyncio
import logging
import socket
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.aio.traffic import Marker
from nacre.client_config import configured
from nacre.config_alone import AgentKeys, Alone, alone
from tests.support.agent import ssh_agent
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
        ("AddKeysToAgent no", Alone()),
        ("AddKeysToAgent yes", Alone(agent_keys=AgentKeys())),
        ("AddKeysToAgent confirm", Alone(agent_keys=AgentKeys(confirm=True))),
        ("AddKeysToAgent confirm 5m", Alone(agent_keys=AgentKeys(300, confirm=True))),
        ("AddKeysToAgent 90", Alone(agent_keys=AgentKeys(90))),
        ("AddKeysToAgent 0", Alone(agent_keys=AgentKeys())),
        ("BindInterface lo", Alone(interface="lo")),
        ("ConnectionAttempts 3", Alone(attempts=3)),
        ("FingerprintHash MD5", Alone(fingerprint_hash="md5")),
        ("GSSAPIClientIdentity me@REALM", Alone(gss_identity="me@REALM")),
        ("GSSAPITrustDns yes", Alone(gss_trusts_dns=True)),
        ("GSSAPITrustDns yes\nGSSAPIServerIdentity x\nGSSAPIKeyExchange yes", Alone(gss_trusts_dns=False)),
        ("IPQoS ef", Alone(traffic=(0xB8, 0xB8))),
        ("IPQoS lowdelay none", Alone(traffic=(0x10, None))),
        ("KbdInteractiveDevices pam,otp", Alone(kbdint_devices="pam,otp")),
        ("ProxyUseFdpass yes", Alone(passes_socket=True)),
        ("RequiredRSASize 3072", Alone(rsa_bits=3072)),
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
        ("AddKeysToAgent ask", "nobody is asked here: confirm has the agent ask"),
        ("ConnectionAttempts 0", "1 is the least"),
        ("GSSAPITrustDns yes\nGSSAPIKeyExchange yes", "needs the server's name before: GSSAPIServerIdentity"),
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


@asynctest
async def test_keys_are_handed_to_the_agent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Those of files, once they have logged in; the passphrase is asked for the first time alone."""
    caplog.set_level(logging.INFO, "nacre")
    plain, locked = (nacre.generate_private_key("ssh-ed25519", comment=name) for name in ("plain", "locked"))
    plain.write_private_key(tmp_path / "plain")
    locked.write_private_key(tmp_path / "locked", passphrase="x", rounds=1, ignore_few_rounds=True)
    locked.write_public_key(tmp_path / "locked.pub")
    asked: list[str] = []

    def passphrase(name: str) -> str:
        asked.append(name)
        return "x"

    def authorized(*keys: nacre.SSHKey) -> nacre.SSHAuthorizedKeys:
        return nacre.import_authorized_keys("".join(key.export_public_key().decode() for key in keys))

    class Asked(nacre.SSHClient):
        def __init__(self) -> None:
            self.keys = [locked]

        def public_key_auth_requested(self) -> Any:
            return self.keys.pop() if self.keys else None

    class Both(nacre.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return True

    config, socket_path = tmp_path / "config", tmp_path / "agent"
    files = f"IdentityFile {tmp_path / 'plain'}\nIdentityFile {tmp_path / 'locked'}\n"
    config.write_text(f"AddKeysToAgent yes\nIdentityAgent {socket_path}\n{files}")

    async def log_in(listener: nacre.SSHAcceptor, **given: Any) -> None:
        options = {"known_hosts": None, "username": "u", "config": config, "passphrase": passphrase, **given}
        async with nacre.connect(HOST, listener.get_port(), **options):
            pass

    server = {"server_factory": Both, "authorized_client_keys": authorized(locked)}
    async with serving(**server) as listener:
        await log_in(listener)  # without an agent: that is no obstacle
        assert "a key is not handed to the agent" in caplog.text
        with ssh_agent(tmp_path) as running:
            assert running.path == socket_path
            await log_in(listener, client_keys=[locked])
            await log_in(listener, client_factory=Asked, passphrase=None)
            await log_in(
                listener, agent_path=socket_path
            )  # the program's: perhaps it is lent by somebody else
            assert running.ssh_add("-l") == "The agent has no identities.\n"
            asked.clear()
            await log_in(listener)
            await log_in(listener)
            assert asked == [str(tmp_path / "locked")]
            assert running.ssh_add("-L") == locked.export_public_key().decode()
            # A key that came first and was refused is not handed on.
            listener.update(authorized_client_keys=authorized(plain))
            config.write_text(config.read_text().replace("yes", "confirm 1h"))
            await log_in(listener)
            assert {line.split()[2] for line in running.ssh_add("-L").splitlines()} == {"plain", "locked"}
            with pytest.raises(nacre.PermissionDenied, match="the agent refuses"):
                await log_in(listener)  # it asks its user before it signs, and nobody answers


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
async def test_another_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("nacre.dialing._BETWEEN_ATTEMPTS", 0.01)
    caplog.set_level(logging.INFO, "nacre")
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
async def test_the_class_of_traffic(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("IPQoS af21 cs1\n")
    async with serving(process_factory=lambda process: process.exit(0)) as listener:
        port = listener.get_port()

        async def marked(connection: nacre.SSHClientConnection, **session: Any) -> int:
            await connection.run("x", **session)
            found: int = connection.get_extra_info("socket").getsockopt(socket.IPPROTO_IP, socket.IP_TOS)
            return found

        async with nacre.connect(HOST, port, **client_options(config=config)) as connection:
            transport = connection.get_extra_info("socket")
            assert transport.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == 0x48
            assert await marked(connection) == 0x20
            assert await marked(connection, term_type="xterm") == 0x48
            assert await marked(connection) == 0x48
        async with nacre.connect(HOST, port, **client_options()) as connection:
            assert await marked(connection) == 0
        near, far = socket.socketpair()
        with near, far:  # of a proxy: it has no classes
            Marker(1, 1).session_opens(near, has_terminal=True)


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
async def test_fingerprints_as_people_have_them(tmp_path: Path) -> None:
    config = tmp_path / "config"
    other = nacre.generate_private_key("ssh-ed25519")
    known = f"* {other.export_public_key().decode()}".encode()
    async with serving() as listener:
        for name in ("md5", "sha512"):
            config.write_text(f"FingerprintHash {name}\n")
            with pytest.raises(nacre.HostKeyNotVerifiable) as refused:
                await nacre.connect(
                    HOST, listener.get_port(), **client_options(config=config, known_hosts=known)
                )
            assert host_key().get_fingerprint(name) in str(refused.value)
            assert other.get_fingerprint(name) in str(refused.value)
            assert "SHA256:" not in str(refused.value)


@cache
def rsa() -> nacre.SSHKey:
    return nacre.generate_private_key("ssh-rsa", key_size=2048)


@asynctest
async def test_rsa_keys_of_hosts(tmp_path: Path) -> None:
    config = tmp_path / "config"
    authority = nacre.generate_private_key("ssh-ed25519")
    certificate = authority.generate_host_certificate(rsa(), "host", principals=[HOST])
    known = (
        f"* {rsa().export_public_key().decode()}@cert-authority * {authority.export_public_key().decode()}"
    )
    short = "the host key of .* has 2048 bits; RequiredRSASize has 2049 as the least"
    for shown in (rsa(), (rsa(), certificate)):
        async with serving(server_host_keys=[shown]) as listener:
            given = client_options(config=config, known_hosts=known.encode())
            for bits in (1024, 2048):
                config.write_text(f"RequiredRSASize {bits}\n")
                async with nacre.connect(HOST, listener.get_port(), **given):
                    pass
            config.write_text("RequiredRSASize 2049\n")
            with pytest.raises(nacre.HostKeyNotVerifiable, match=short):
                await nacre.connect(HOST, listener.get_port(), **given)
            with pytest.raises(nacre.HostKeyNotVerifiable, match=short):
                await nacre.connect(HOST, listener.get_port(), **{**given, "known_hosts": None})


@asynctest
async def test_rsa_keys_of_users(tmp_path: Path) -> None:
    """A short one is not shown; a short authority of a certificate is the server's affair, as by ssh."""
    config = tmp_path / "config"
    authorized = nacre.import_authorized_keys(
        rsa().export_public_key().decode() + "cert-authority " + rsa().export_public_key().decode()
    )
    key = nacre.generate_private_key("ssh-ed25519")
    certificate = rsa().generate_user_certificate(key, "id", principals=["user"])
    async with serving(server_factory=nacre.SSHServer, authorized_client_keys=authorized) as listener:

        async def log_in(least: int, *keys: Any) -> None:
            config.write_text(f"RequiredRSASize {least}\n")
            given = client_options(config=config, client_keys=keys)
            async with nacre.connect(HOST, listener.get_port(), **given):
                pass

        await log_in(2048, rsa())
        with pytest.raises(nacre.PermissionDenied, match="it has fewer bits than RequiredRSASize"):
            await log_in(2049, rsa())
        await log_in(2049, rsa(), (key, certificate))


@asynctest
async def test_whoever_is_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "config"
    yes = "NoHostAuthenticationForLocalhost yes\n"
    async with serving() as listener:
        port = listener.get_port()

        async def believed(text: str, host: str = HOST, **given: Any) -> bool:
            config.write_text(f"{text}UserKnownHostsFile none\n")
            try:
                connection = await nacre.connect(
                    host, port, **{**client_options(config=config, known_hosts=()), **given}
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
        # A key that is revoked is no host's, and a program that says which keys it believes believes these alone.
        assert not await believed(yes, revoked_host_keys=host_key().export_public_key())
        assert not await believed(yes, known_hosts=b"")
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / ".ssh").mkdir(mode=0o700)
        (tmp_path / ".ssh" / "config").write_text(yes)
        shown = await nacre.get_server_host_key(HOST, port)
        assert shown is not None
        assert shown.public_data == host_key().public_data
