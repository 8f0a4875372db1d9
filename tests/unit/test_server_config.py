"""What a server's configuration turns into; tests/interop/test_server_config.py asks sshd itself."""

from __future__ import annotations

import asyncio
import gc
import pwd
import socket
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre import server_config
from nacre.aio.admission import Startups
from nacre.aio.penalties import Outcome, Overflow
from nacre.aio.sources import Networks
from nacre.config_server_standing import SERVER_OPTIONS, SERVER_RULES
from nacre.server_config import configuration_of, configured_server, resolved_server, updated_server
from nacre.trust.config_server_keywords import SERVER
from tests.support.face import (
    HOST,
    PASSWORD,
    PasswordServer,
    asynctest,
    connect,
    connected,
    host_key,
    reported,
    serving,
    user_key,
)

ENDS = (("10.1.2.3", 999), ("127.0.0.1", 22))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "sshd_config"


def read(path: Path, text: str, **given: Any) -> nacre.SSHServerConnectionOptions:
    path.write_text(text)
    return configured_server(nacre.SSHServerConnectionOptions(config=path, **given))


@pytest.mark.parametrize(
    ("line", "option", "value"),
    [
        ("AddressFamily inet", "family", socket.AF_INET),
        ("Ciphers -chacha*,aes*-cbc", "encryption_algs", None),
        ("ClientAliveInterval 1m", "keepalive_interval", 60.0),
        ("ClientAliveCountMax 5", "keepalive_count_max", 5),
        ("Compression yes", "compression_algs", ("none", "zlib@openssh.com")),
        ("Compression no", "compression_algs", ("none",)),
        ("HostKey /a\nHostKey none\nHostKey /b", "server_host_keys", ["/a", "/b"]),
        ("HostCertificate /c", "server_host_certs", ["/c"]),
        ("KbdInteractiveAuthentication no", "kbdint_auth", False),
        ("KexAlgorithms sntrup761x25519-sha512,curve25519-sha256", "kex_algs", ("curve25519-sha256",)),
        ("ListenAddress [::1]:33", "host", "::1"),
        ("ListenAddress 127.0.0.1:33", "port", 33),
        ("ListenAddress *", "host", ""),
        ("LoginGraceTime 0", "login_timeout", 0.0),
        ("MACs hmac-sha2-512", "mac_algs", ("hmac-sha2-512",)),
        ("GSSAPIKexAlgorithms gss-nistp256-sha256-", "gss_kex_algs", ("gss-nistp256-sha256",)),
        ("MaxAuthTries 3", "max_auth_tries", 3),
        ("MaxSessions 2", "max_sessions", 2),
        ("PasswordAuthentication no", "password_auth", False),
        ("PermitTTY no", "allow_pty", False),
        ("PerSourceMaxStartups none", "max_per_source", 0),
        ("PerSourceMaxStartups 3", "max_per_source", 3),
        ("PerSourcePenalties no", "source_penalties", None),
        ("Port 2200", "port", 2200),
        ("PubkeyAcceptedAlgorithms ssh-ed25519", "signature_algs", ()),
        ("PubkeyAuthentication no", "public_key_auth", False),
        ("RekeyLimit 1G 1h", "rekey_bytes", 1 << 30),
        ("RekeyLimit 1G 1h", "rekey_seconds", 3600.0),
        ("RevokedKeys none", "revoked_keys", None),
        ("PerSourceNetBlockSize 24:48\nPerSourceMaxStartups 3", "max_per_source", 3),
        ("AllowAgentForwarding no", "agent_forwarding", False),
        ("AllowAgentForwarding yes\nDisableForwarding yes", "agent_forwarding", False),
        ("DisableForwarding yes\nAllowAgentForwarding yes", "agent_forwarding", False),
        ("DisableForwarding no", "agent_forwarding", True),
        ("GSSAPIAuthentication no", "gss_auth", False),
        ("HostbasedAuthentication no\nIgnoreRhosts yes", "host_based_auth", False),
        ("MaxStartups 3:5:7", "max_unauthenticated", Startups(3, 5, 7)),
        ("PerSourcePenaltyExemptList 10.0.0.0/8", "exempt_sources", Networks(("10.0.0.0/8",))),
        ("UseDNS yes", "rdns_lookup", True),
        ("TCPKeepAlive no", "tcp_keepalive", False),
        ("Match all\nPermitTTY no", "allow_pty", False),
        ("PermitTTY yes\nPermitTTY no", "allow_pty", True),
        ("Match user a\nPermitTTY no", "allow_pty", True),
        ("LogLevel DEBUG\nUsePAM no\nPrintMotd no\nX11Forwarding no\nAllowTcpForwarding no", "port", 22),
    ],
)
def test_keywords(config: Path, line: str, option: str, value: Any) -> None:
    found = getattr(read(config, line + "\n"), option)
    if value is None and option == "encryption_algs":
        assert found
        assert not [name for name in found if "chacha" in name]
    else:
        assert found == value


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("Unheard yes", "Unheard: there is no such keyword"),
        (
            "ChrootDirectory /x",
            "ChrootDirectory: this keyword is not supported but for none: .* Take it out for this server",
        ),
        ("AllowTcpForwarding yes", "AllowTcpForwarding: this keyword is not supported but for no"),
        ("Subsystem sftp internal-sftp", "Subsystem: this keyword is not supported: the program serves"),
        ("Match user a\nX11Forwarding yes", "X11Forwarding: this keyword is not supported yet but for no"),
        ("Match user a\nPort 1", "Port: it may not stand in a Match block"),
        ("Match user a\nBanner /no/such/file", "Banner: the file cannot be used: .*No such file"),
        ("TrustedUserCAKeys /", "TrustedUserCAKeys: the file cannot be used: / is not a regular file"),
        ("UsePAM yes", "UsePAM: this keyword is not supported but for no"),
        ("IgnoreRhosts no", "IgnoreRhosts: this keyword is not supported but for yes or shosts-only"),
        ("Ciphers aes128-cbc", "Ciphers: nacre has none of"),
        ("RekeyLimit 1K", "RekeyLimit: rekey_bytes"),
        (
            "PasswordAuthentication no\nAuthenticationMethods publickey,password password",
            "line 2: AuthenticationMethods: nobody could log in: password is switched off",
        ),
        ("PerSourcePenalties invaliduser:5", "PerSourcePenalties: nacre has no penalty invaliduser"),
    ],
)
def test_what_is_refused_when_the_server_starts(config: Path, line: str, error: str) -> None:
    with pytest.raises(nacre.ConfigParseError, match=error):
        read(config, line + "\n")


#: What distributions ship, but for Include and comments.
DEBIAN = """KbdInteractiveAuthentication no
UsePAM yes
X11Forwarding yes
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp /usr/lib/openssh/sftp-server
"""
FEDORA = """SyslogFacility AUTHPRIV
AuthorizedKeysFile .ssh/authorized_keys
KbdInteractiveAuthentication no
GSSAPIAuthentication yes
GSSAPICleanupCredentials no
UsePAM yes
X11Forwarding yes
PrintMotd no
Subsystem sftp /usr/libexec/openssh/sftp-server
Ciphers aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,aes128-gcm@openssh.com,aes128-ctr
MACs hmac-sha2-256-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-512
GSSAPIKeyExchange no
KexAlgorithms curve25519-sha256,ecdh-sha2-nistp256,diffie-hellman-group16-sha512
PubkeyAcceptedAlgorithms ecdsa-sha2-nistp256,ssh-ed25519,sk-ssh-ed25519@openssh.com,rsa-sha2-256,rsa-sha2-512
HostbasedAcceptedAlgorithms ecdsa-sha2-nistp256,ssh-ed25519,rsa-sha2-256,rsa-sha2-512-cert-v01@openssh.com
CASignatureAlgorithms ecdsa-sha2-nistp256,ssh-ed25519,rsa-sha2-256,rsa-sha2-512
RequiredRSASize 2048
"""
#: Which of their lines have to go.
NOT_HERE = ("UsePAM", "X11Forwarding", "Subsystem")


@pytest.mark.parametrize("text", [DEBIAN, FEDORA], ids=["debian", "fedora"])
def test_what_distributions_ship_is_refused_at_once(config: Path, text: str) -> None:
    with pytest.raises(nacre.ConfigParseError) as refused:
        read(config, text)
    head, *lines, remedy = str(refused.value).splitlines()
    assert head == "3 lines cannot be kept:"
    assert remedy == "Take them out for this server or correct them, or give config=None"
    numbers = {line.partition(" ")[0]: number for number, line in enumerate(text.splitlines(), 1)}
    for line, keyword in zip(lines, NOT_HERE, strict=True):
        assert line.startswith(
            f"  {config} line {numbers[keyword]}: {keyword}: this keyword is not supported"
        )
        assert "Take it out" not in line
    kept = "".join(line for line in text.splitlines(True) if line.partition(" ")[0] not in NOT_HERE)
    assert not read(config, kept).kbdint_auth


def test_penalties(config: Path) -> None:
    policy = read(
        config, "PerSourcePenalties authfail:7 max:20s\nPerSourcePenalties authfail:9 crash:1m\n"
    ).source_penalties
    assert (policy.authfail, policy.most, policy.crash) == (7, 20, 60)
    text = "refuseconnection:1m max-sources4:5 max-sources6:6 overflow:deny-all overflow6:permissive"
    policy = read(config, f"PerSourcePenalties {text}\n").source_penalties
    assert policy.refuseconnection == 60
    assert policy.table(4) == (5, Overflow.DENY)
    assert policy.table(6) == (6, Overflow.PERMISSIVE)


def test_which_line_of_penalties_counts(config: Path) -> None:
    """As `sshd -T` of OpenSSH 10.0 has it."""
    for said, authfail in (
        ("yes|no", 5),
        ("no|yes", None),
        ("authfail:60|no", 60),
        ("no|authfail:60", 60),
        ("no|authfail:60|no", 60),
        ("yes|no|authfail:3", 3),
        ("authfail:60 authfail:5|authfail:7", 60),
    ):
        lines = "".join(f"PerSourcePenalties {line}\n" for line in said.split("|"))
        policy = read(config, lines).source_penalties
        assert (None if policy is None else policy.authfail) == authfail, said


def test_each_keyword_is_done_or_has_its_rule() -> None:
    names = {keyword.name.lower() for keyword in SERVER}
    done = server_config._KEYWORDS.keys()
    assert names == done | SERVER_RULES.keys()
    assert not done & SERVER_RULES.keys()
    assert done == SERVER_OPTIONS.keys()
    options = {option for words in SERVER_OPTIONS.values() for option in words.split()}
    assert options <= nacre.SSHServerConnectionOptions.options.keys()


def test_a_login_has_its_own_options(config: Path) -> None:
    text = "PermitTTY yes\nClientAliveInterval 5\nMatch user bob address 10.0.0.0/8\nPermitTTY no\nClientAliveInterval 9\n"
    options = read(config, text, keepalive_interval=3)
    known = configuration_of(options)
    assert known is not None
    assert [known.login(user, ENDS).options.allow_pty for user in ("bob", "eve")] == [False, True]
    assert known.login("bob", (("192.0.2.1", 1), ENDS[1])).options.allow_pty is True
    # What the program gives goes before; who comes through a UNIX socket has no address.
    assert known.login("bob", ENDS).options.keepalive_interval == 3
    assert known.login("bob", ("", "/a/socket")).options.allow_pty is True


def test_an_update_reads_it_anew(config: Path) -> None:
    options = read(config, "MaxSessions 3\nPermitTTY no\n")
    config.write_text("MaxSessions 4\n")
    options = updated_server(options, {"login_timeout": 5})
    assert (options.max_sessions, options.allow_pty, options.login_timeout) == (4, True, 5)
    assert configuration_of(updated_server(options, {"config": None})) is None


def test_without_a_configuration(tmp_path: Path) -> None:
    for none in ((), None, []):
        options = nacre.SSHServerConnectionOptions(config=none)
        assert configured_server(options) is options
    with pytest.raises(OSError):
        configured_server(nacre.SSHServerConnectionOptions(config=tmp_path / "missing"))


def test_what_sshd_shows(config: Path) -> None:
    config.write_text("SetEnv A=1 B=2\nAcceptEnv X Y\nListenAddress ::1\nSubsystem a b  c\nPort 1\nPort 2\n")
    assert resolved_server([config]) == {
        "setenv": ["A=1", "B=2"], "acceptenv": ["X", "Y"], "listenaddress": ["[::1]:*"],
        "subsystem": ["a b c"], "port": ["1", "2"],
    }  # fmt: skip


@asynctest
async def test_a_server_with_a_configuration(tmp_path: Path, config: Path) -> None:
    keys, banners = tmp_path / "keys", []
    keys.mkdir()
    user_key().write_public_key(keys / "alice")
    (tmp_path / "banner").write_text("be kind\n")
    host_key().write_private_key(tmp_path / "host_key")
    config.write_text(
        f"HostKey {tmp_path}/host_key\nListenAddress {HOST}\nStrictModes no\n"
        f"PermitUserEnvironment LANG,X*\nAuthorizedKeysFile {keys}/%u\nBanner {tmp_path}/banner\nAcceptEnv LANG\nDenyUsers eve\n"
        "Match user bob\nForceCommand forced\nSetEnv COLOUR=red LANG=C\nBanner none\nPasswordAuthentication yes\n"
        "Match all\nPasswordAuthentication no\n"
    )

    class Client(nacre.SSHClient):
        def auth_banner_received(self, msg: str, lang: str) -> None:
            banners.append(msg)

    async def handler(process: nacre.SSHServerProcess[str]) -> None:
        process.stdout.write(f"{process.command} {sorted(process.env.items())}")
        process.exit(0)

    listener = await nacre.listen(
        port=0, config=config, server_factory=PasswordServer, process_factory=handler
    )
    try:
        env = {"LANG": "de", "OTHER": "x", "COLOUR": "blue"}
        async with connected(
            listener, username="alice", client_keys=[user_key()], client_factory=Client
        ) as alice:
            assert (await alice.run("ls", env=env)).stdout == "ls [('LANG', 'de')]"
        assert banners == ["be kind\n"]
        async with connected(listener, username="bob", password=PASSWORD, client_factory=Client) as bob:
            assert (await bob.run("ls", env=env)).stdout == "forced [('COLOUR', 'red'), ('LANG', 'C')]"
        assert banners == ["be kind\n"]
        for username in ("bob", "eve", "../keys/alice"):
            with pytest.raises(nacre.PermissionDenied):
                await connect(listener, username=username, client_keys=[user_key()], password="wrong")
        with pytest.raises(nacre.PermissionDenied):  # for all but bob passwords are switched off
            await connect(listener, username="alice", password=PASSWORD)
    finally:
        listener.close()
        await listener.wait_closed()


@asynctest
async def test_who_is_let_in_by_the_program_is_barred_by_the_configuration(config: Path) -> None:
    config.write_text("AllowUsers user@127.0.0.*\n")
    async with serving(config=config) as listener:
        async with connected(listener, username="user"):
            pass
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, username="other", password=PASSWORD)


@asynctest
async def test_methods_in_order(config: Path) -> None:
    config.write_text(
        "AuthenticationMethods publickey,password\nMatch user bob\nAuthenticationMethods password\n"
    )
    keys = nacre.SSHAuthorizedKeys(user_key().export_public_key().decode())
    async with serving(config=config, server_factory=PasswordServer, authorized_client_keys=keys) as listener:
        async with connected(listener, username="alice", client_keys=[user_key()], password=PASSWORD):
            pass
        async with connected(listener, username="bob", password=PASSWORD):
            pass
        for given in ({"client_keys": [user_key()]}, {"password": PASSWORD}):
            with pytest.raises(nacre.PermissionDenied):
                await connect(listener, username="alice", **given)
        assert await nacre.get_server_auth_methods(HOST, listener.get_port(), "alice", config=None) == [
            "publickey"
        ]


@asynctest
async def test_limits_of_one_user(config: Path) -> None:
    config.write_text(
        "MaxAuthTries 2\nMaxSessions 2\nMatch user alice\nMaxAuthTries 1\nMaxSessions 1\nRekeyLimit 1M 7\n"
    )
    keys = nacre.SSHAuthorizedKeys(user_key().export_public_key().decode())
    servers: list[nacre.SSHServerConnection] = []

    class Server(PasswordServer):
        def connection_made(self, conn: nacre.SSHServerConnection) -> None:
            servers.append(conn)

    async def hold(process: nacre.SSHServerProcess[str]) -> None:
        await process.stdin.read()

    given = {"server_factory": Server, "authorized_client_keys": keys, "process_factory": hold}
    async with serving(config=config, **given) as listener:
        for user, most in (("alice", 1), ("bob", 2)):
            async with connected(listener, username=user, client_keys=[user_key()]) as connection:
                for _ in range(most):
                    await connection.create_process()
                with pytest.raises(nacre.ChannelOpenError, match="too many sessions"):
                    await connection.create_process()
                settings = servers[-1].link.protocol.settings
                assert (settings.rekey_seconds == 7, settings.max_auth_tries) == (user == "alice", most)
        for user, known in (("alice", False), ("bob", True)):
            tries = iter(["wrong", PASSWORD])

            class Client(nacre.SSHClient):
                def password_auth_requested(self, tries: Any = tries) -> str | None:
                    return next(tries, None)

            connecting = connect(listener, username=user, client_factory=Client)
            if known:
                async with await connecting:
                    pass
            else:
                with pytest.raises(nacre.DisconnectError, match="too many authentication failures"):
                    await connecting


@asynctest
async def test_a_connection_that_is_refused(config: Path) -> None:
    config.write_text("Match user eve\nRefuseConnection yes\n")
    ended: list[Outcome] = []
    given = {"error_handler": lambda conn, error: ended.append(conn.outcome())}
    async with serving(config=config, **given) as listener:
        async with connected(listener, username="user"):
            pass
        with pytest.raises(nacre.DisconnectError):
            await connect(listener, username="eve")
        while not ended:
            await asyncio.sleep(0.01)
    assert ended == [Outcome.REFUSED]


class SlowDirectory:
    """The users of a machine whose directory service answers for one name when it likes."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.answer = threading.Event()
        self.threads: set[threading.Thread] = set()

    def getpwnam(self, name: str) -> Any:
        self.threads.add(threading.current_thread())
        if name == "slow":
            self.asked.set()
            assert self.answer.wait(30)
        raise KeyError(name)

    async def until_asked(self) -> None:
        while not self.asked.is_set():
            await asyncio.sleep(0)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowDirectory]:
    directory = SlowDirectory()
    monkeypatch.setattr(pwd, "getpwnam", directory.getpwnam)
    yield directory
    directory.answer.set()
    for thread in directory.threads - {threading.main_thread()}:
        thread.join(30)


def _echo(process: nacre.SSHServerProcess[str]) -> None:
    process.stdout.write(process.command or "")
    process.exit(0)


@asynctest
async def test_a_slow_look_up_holds_up_its_own_login_alone(config: Path, slow: SlowDirectory) -> None:
    config.write_text("AllowGroups *\nMatch all\nMatch Group nobody-has-it\nPermitTTY no\n")
    config.write_text("DenyGroups staff\nAuthorizedKeysFile %h/keys\n")
    async with serving(config=config, server_factory=PasswordServer, process_factory=_echo) as listener:
        waiting = asyncio.ensure_future(connect(listener, username="slow", password=PASSWORD))
        await slow.until_asked()
        async with connected(listener, username="other", password=PASSWORD) as other:
            assert (await other.run("here")).stdout == "here"
        assert not waiting.done()
        slow.answer.set()
        async with await waiting as connection:
            assert (await connection.run("at last")).stdout == "at last"
    assert threading.main_thread() not in slow.threads


@asynctest
async def test_a_connection_that_ends_during_a_look_up_leaves_nothing(
    config: Path, slow: SlowDirectory
) -> None:
    config.write_text("DenyGroups staff\n")
    servers = []

    class Server(nacre.SSHServer):
        def connection_made(self, conn: nacre.SSHServerConnection) -> None:
            servers.append(weakref.ref(conn))

        def begin_auth(self, username: str) -> bool:
            raise AssertionError("nobody is there any more")

    async with serving(config=config, server_factory=Server) as listener:
        client = asyncio.ensure_future(connect(listener, username="slow"))
        await slow.until_asked()
        client.cancel()
        with pytest.raises(asyncio.CancelledError):
            await client
        while servers[0]() is not None:  # though the thread is still there
            await asyncio.sleep(0.01)
            gc.collect()
        slow.answer.set()


@asynctest
async def test_a_thread_that_is_not_there_refuses_one_login(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config.write_text("DenyGroups staff\n")

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async with serving(config=config, server_factory=PasswordServer) as listener:
        with monkeypatch.context() as none_left:
            none_left.setattr(threading.Thread, "start", refuse)
            with pytest.raises(nacre.PermissionDenied):
                await connect(listener, username="user", password=PASSWORD)
        assert [str(report["exception"]) for report in reported()] == ["can't start new thread"]
        async with connected(listener, username="user", password=PASSWORD):
            pass


@asynctest
async def test_without_a_configuration_there_is_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    start = threading.Thread.start
    monkeypatch.setattr(
        threading.Thread, "start", lambda thread: started.append(thread.name) or start(thread)
    )
    async with serving(authorized_client_keys=nacre.SSHAuthorizedKeys()) as listener, connected(listener):
        pass
    assert "nacre-login" not in started


def test_files_are_read_where_users_are_looked_up(config: Path, tmp_path: Path) -> None:
    (tmp_path / "revoked").write_bytes(user_key().export_public_key())
    (tmp_path / "banner").write_text("be kind\n")
    user_key().write_public_key(tmp_path / "keys")
    text = f"RevokedKeys {tmp_path}/revoked\nBanner {tmp_path}/banner\n"
    known = configuration_of(read(config, text, authorized_client_keys=str(tmp_path / "keys")))
    assert known is not None
    login = known.login("user", ENDS)
    assert login.options.revoked_keys.revokes(user_key())
    assert isinstance(login.options.authorized_client_keys, nacre.SSHAuthorizedKeys)
    assert login.banner == "be kind\n"
