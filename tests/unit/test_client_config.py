"""What OpenSSH's configuration turns into, and what it is refused for."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.client_config import configured
from nacre.dialing import MAX_HOPS
from nacre.host_trust import KnownHostsFiles
from nacre.identities import load_client_keys
from tests.support.agent import ssh_agent
from tests.support.face import HOST, OpenServer, asynctest, serving, user_key

RSA = nacre.generate_private_key("ssh-rsa", key_size=2048)
MACS = ("hmac-sha2-512-etm@openssh.com", "hmac-sha2-256-etm@openssh.com")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without anything, of a user called local."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOGNAME", "local")
    (tmp_path / ".ssh").mkdir()
    return tmp_path


def read(text: str, **given: Any) -> nacre.SSHClientConnectionOptions:
    path = Path("~/own").expanduser()
    path.write_text(text)
    return configured(nacre.SSHClientConnectionOptions(**{"host": "h", "config": path, **given}))


@pytest.mark.parametrize(
    ("line", "option", "value"),
    [
        ("HostName real.example", "host", "real.example"),
        ("HostName %h.example", "host", "h.example"),
        ("Port 2200", "port", 2200),
        ("User bob", "username", "bob"),
        ("AddressFamily inet6", "family", socket.AF_INET6),
        ("BindAddress 127.0.0.2", "local_addr", ("127.0.0.2", 0)),
        ("ConnectTimeout 1m30s", "connect_timeout", 90.0),
        ("ConnectTimeout none", "connect_timeout", None),
        ("ServerAliveInterval 15", "keepalive_interval", 15.0),
        ("ServerAliveCountMax 7", "keepalive_count_max", 7),
        ("Ciphers aes256-ctr,aes128-ctr", "encryption_algs", ("aes256-ctr", "aes128-ctr")),
        ("KexAlgorithms curve25519-sha256", "kex_algs", ("curve25519-sha256",)),
        ("MACs hmac-sha2-512", "mac_algs", ("hmac-sha2-512",)),
        ("GSSAPIKexAlgorithms gss-group14-sha256-", "gss_kex_algs", ("gss-group14-sha256",)),
        ("HostKeyAlgorithms ssh-ed25519", "server_host_key_algs", ("ssh-ed25519",)),
        ("HostKeyAlias alias", "host_key_alias", "alias"),
        ("PreferredAuthentications password,publickey", "preferred_auth", ("password", "publickey")),
        ("PasswordAuthentication no", "password_auth", False),
        ("KbdInteractiveAuthentication no", "kbdint_auth", False),
        ("ChallengeResponseAuthentication yes", "kbdint_auth", True),
        ("PubkeyAuthentication no", "public_key_auth", False),
        ("PubkeyAuthentication unbound", "public_key_auth", True),
        ("TCPKeepAlive no", "tcp_keepalive", False),
        ("RekeyLimit 500M 30m", "rekey_bytes", 500 << 20),
        ("RekeyLimit default 30m", "rekey_seconds", 1800.0),
        ("RekeyLimit 1G none", "rekey_bytes", 1 << 30),
        ("SetEnv A=1 B='x y'", "env", {"A": "1", "B": "x y"}),
        ("SendEnv LANG\nSendEnv LC_*", "send_env", ("LANG", "LC_*")),
        ("IdentityAgent none", "agent_path", None),
        ("RevokedHostKeys none", "revoked_host_keys", None),
        ("RevokedHostKeys /etc/ssh/revoked", "revoked_host_keys", "/etc/ssh/revoked"),
        ("IdentityAgent SSH_AUTH_SOCK", "agent_path", ()),
        ("IdentityAgent /run/%r/agent", "agent_path", "/run/local/agent"),
        ("IdentityAgent $NACRE_AGENT", "agent_path", "/from/variable"),
        ("ProxyJump bob@a:2200,ssh://b", "tunnel", "bob@a:2200,b"),
        ("ProxyJump %r@%h.jump:%p", "tunnel", "local@h.jump:22"),
        ("ProxyJump jump#not another", "tunnel", "jump"),
        ("HostName 127.1", "host", "127.0.0.1"),
        ("HostName ::0001", "host", "::1"),
        ("ProxyJump none\nProxyJump a", "tunnel", None),
        ("ProxyCommand exec nc -X 'a b' %h %p %%", "proxy_command", ("nc", "-X", "a b", "h", "22", "%")),
        ("ProxyJump a\nProxyCommand nc", "proxy_command", None),
        ("ProxyCommand nc\nProxyJump a", "tunnel", None),
        ("UserKnownHostsFile none", "known_hosts", KnownHostsFiles(())),
        ("UserKnownHostsFile /dev/null", "known_hosts", KnownHostsFiles((Path("/dev/null"),))),
        ("StrictHostKeyChecking accept-new", "strict_host_key_checking", "accept-new"),
        ("StrictHostKeyChecking off", "strict_host_key_checking", "no"),
        ("HashKnownHosts yes", "hash_known_hosts", True),
        ("UpdateHostKeys true", "update_host_keys", "yes"),
        ("VerifyHostKeyDNS ask", "verify_host_key_dns", "ask"),
        ("ForwardAgent no\nForwardAgent yes", "agent_forwarding", False),
        ("ForwardAgent yes", "agent_forwarding", True),
        ("ForwardAgent /run/agent-%h", "agent_forwarding", "/run/agent-h"),
        ("ForwardAgent $NACRE_AGENT", "agent_forwarding", "/from/variable"),
        ("SendEnv A B\nSendEnv -A C", "send_env", ("B", "C")),
        ("Ciphers aes128-cbc,aes256-ctr", "encryption_algs", ("aes256-ctr",)),
        ("Ciphers -*-cbc,3des-cbc", "encryption_algs", ()),
        ("MACs ^umac-64@openssh.com,hmac-sha2-512-etm@openssh.com", "mac_algs", MACS),
        ("PubkeyAcceptedAlgorithms ssh-*", "signature_algs", ()),
        ("RequestTTY force", "request_pty", "force"),
        ("RequestTTY no", "request_pty", False),
        ("RemoteCommand ls '%h' # all", "command", b"ls 'h' # all"),
        ("RemoteCommand none", "command", None),
        ("SessionType subsystem\nRemoteCommand sftp", "subsystem", "sftp"),
        ("RekeyLimit default none", "rekey_bytes", 1 << 30),
        ("VersionAddendum none", "client_version", ""),
        ("LocalForward 1 a:2\nClearAllForwardings yes", "port", 22),
        ("BatchMode yes\nLogLevel DEBUG\nEscapeChar ^]\nKeepAlive yes\nCipher 3des", "port", 22),
        ("RequiredRSASize 2048", "port", 22),
        ("ControlMaster auto\nControlPath ~/.ssh/%C\nControlPersist 10m\nPort 9", "port", 9),
        ("User u-%h-%u", "username", "u-h-local"),
        ("SetEnv A=%h B=${NACRE_AGENT}", "env", {"A": "h", "B": "/from/variable"}),
        ("Tag x\nMatch tagged x\nPort 9", "port", 9),
        ("Port 1\nPort 2", "port", 1),
    ],
)
def test_keywords(monkeypatch: pytest.MonkeyPatch, line: str, option: str, value: Any) -> None:
    monkeypatch.setenv("NACRE_AGENT", "/from/variable")
    assert getattr(read(line), option) == value


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("Unheard yes", "Unheard: there is no such keyword; IgnoreUnknown, on a line before"),
        ("StrictHostKeyChecking sometimes", "StrictHostKeyChecking: .* is expected, not 'sometimes'"),
        ("LocalForward 1 a:2", "LocalForward: this keyword is not supported: forwarding"),
        (
            "ForwardX11 yes",
            "ForwardX11: this keyword is not supported yet but for no: .*. Take it out, or give",
        ),
        ("RequestTTY maybe", "RequestTTY: true or false or yes"),
        ("Port x", "Port: 'x' is no number"),
        ("Port 70000", "Port: '70000' is no number of a port"),
        ("Port 1 2", "Port: one word is expected, not 2"),
        ("ConnectTimeout soon", "ConnectTimeout: 'soon' is no time"),
        ("Ciphers aes128-cbc", "Ciphers: nacre has none of aes128-cbc"),
        ("Ciphers aes128-foo", "Ciphers: encryption_algs: .*aes128-foo"),
        ("PasswordAuthentication maybe", "PasswordAuthentication: yes or no or .* is expected, not 'maybe'"),
        ("IdentitiesOnly maybe", "IdentitiesOnly: yes or no"),
        ("AddressFamily ipx", "AddressFamily: any or inet or inet6 is expected"),
        ("RekeyLimit 1K", "RekeyLimit: rekey_bytes: 1024 bytes are too few"),
        ("RekeyLimit 1G 1h 1h", "RekeyLimit: 1 to 2 words are expected, not 3"),
        ("SendEnv A=B", "SendEnv: 'A=B' is no name of a variable"),
        ("SetEnv A", "SetEnv: 'A' is not of the form NAME=value"),
        ("IdentityFile ~/%f", "IdentityFile: the token %f has no meaning there"),
        ("IdentityFile ~/${UNSET_HERE}", "IdentityFile: the variable UNSET_HERE is not set"),
        ("HostName %p", "HostName: the token %p has no meaning there: %%, %h have"),
        ("HostName a%", "HostName: the token %"),
        ("User %r", "User: the token %r"),
        ("User -x", "User: '-x' is no name of a user"),
        ("User 'a;b'", "User: 'a;b' is no name of a user"),
        ("ProxyJump a b", "ProxyJump: one word"),
        ("ProxyJump #a", "ProxyJump: "),
        ("IdentityFile ~nobody-here/x", "IdentityFile: there is no user 'nobody-here' here"),
        ("UserKnownHostsFile ~nobody-here/x", "UserKnownHostsFile: there is no user 'nobody-here' here"),
        ("PermitRemoteOpen 80", "PermitRemoteOpen: '80' needs a host and a port"),
        ("ProxyJump a:b:c", "ProxyJump: .* is no hop"),
        ("ProxyCommand nc %h %p 2>/dev/null", "ProxyCommand: the command is started without a shell"),
        ("ProxyCommand nc 'open", "ProxyCommand: "),
        ("SessionType subsystem", "SessionType: subsystem needs its name"),
        (
            "RefuseConnection not this one",
            "RefuseConnection: the configuration refuses this connection: not this one",
        ),
        ("CanonicalizePermittedCNAMEs x", "CanonicalizePermittedCNAMEs: 'x' is not of the form"),
    ],
)
def test_what_is_refused(line: str, error: str) -> None:
    with pytest.raises(nacre.ConfigParseError, match=rf"own line 2: {error}"):
        read(f"# a comment\n{line}\n")


def test_every_line_that_cannot_be_kept_is_told() -> None:
    with pytest.raises(nacre.ConfigParseError) as refused:
        read("KnownHostsCommand x\nLocalForward 1 a:2\nTunnel yes\nRekeyLimit 1K\n")
    first, *lines, last = str(refused.value).splitlines()
    assert first == "4 lines cannot be kept:"
    found = [line.strip().partition("own line ")[2].partition(": this")[0][:16] for line in lines]
    assert found == ["2: LocalForward", "3: Tunnel", "4: RekeyLimit: r", "1: KnownHostsCom"]
    assert last == "Take them out for this host or correct them, or give config=None"


def test_what_the_program_gives_goes_before() -> None:
    text = "HostName real\nPort 1\nUser bob\nProxyJump a\nCiphers aes128-ctr\n"
    given = {"port": 2, "username": "alice", "tunnel": None, "encryption_algs": ["aes256-ctr"]}
    options = read(text, **given)
    assert (options.port, options.username, options.tunnel) == (2, "alice", None)
    assert options.encryption_algs == ("aes256-ctr",)
    assert options.host == "real"  # the name given is the one that the configuration explains
    base = nacre.SSHClientConnectionOptions(port=3)
    assert read(text, options=base).port == 3
    assert read("ProxyJump %r@x:%p\n", port=2, username="alice").tunnel == "alice@x:2"


def test_what_the_configuration_says_may_be_unknown() -> None:
    text = "IgnoreUnknown UseKeychain,My*\nUseKeychain yes\nMyOwn x\nPort 5\n"
    assert read(text).port == 5
    with pytest.raises(nacre.ConfigParseError, match="line 5: Other"):
        read(text + "Other x\n")
    for known in ("ForwardX11 yes", "LocalForward 1 a:2"):
        with pytest.raises(nacre.ConfigParseError, match=r"line 2: .* not supported"):
            read(f"IgnoreUnknown *\n{known}\n")
    with pytest.raises(nacre.ConfigParseError, match="line 3: Usekeychain"):
        read("# none\nPort 5\nUsekeychain yes\n")


def test_a_host_names_no_user_of_a_hop() -> None:
    for text in ("ProxyJump %h.jump\n", "ProxyJump x@%n\n", "HostName u@h\nProxyJump %h\n"):
        with pytest.raises(nacre.ConfigParseError, match="it would name a user"):
            read(text, host="admin@web")
    assert read("ProxyJump %r@jump\n", host="web", username="admin@realm").tunnel == "admin@realm@jump"
    assert read("ProxyJump jump\n", host="admin@web").tunnel == "jump"


@pytest.mark.parametrize("name", ["-oProxyCommand=x", "a b", "a,b", "a'b", "a;b", "$(a)", "a\nb"])
def test_a_name_becomes_no_option_word_or_hop(name: str) -> None:
    for text in ("ProxyCommand nc %h %p\n", "ProxyCommand nc x%n\n", "ProxyJump %h.jump\n"):
        with pytest.raises(nacre.ConfigParseError, match=r"cannot stand there for %[hn]"):
            read(text, host=name)
    if "\n" not in name:
        with pytest.raises(nacre.ConfigParseError, match="cannot stand there for %r"):
            read("ProxyCommand nc %r@x\n", username=name)
    assert read("ProxyCommand nc there\n", host=name).proxy_command == ("nc", "there")


def test_files(home: Path) -> None:
    options = nacre.SSHClientConnectionOptions(host="h")
    assert configured(options) is options
    default = home / ".ssh" / "config"
    default.write_text("Port 1\n")
    assert configured(options).port == 1
    for none in (None, [], ""):
        assert configured(nacre.SSHClientConnectionOptions(options, config=none)).port == 22
    others = [home / "a", str(home / "b")]
    for path, text in zip(others, ("User a\n", "User b\nPort 5\n"), strict=True):
        Path(path).write_text(text)
    merged = configured(nacre.SSHClientConnectionOptions(options, config=others))
    assert (merged.username, merged.port) == ("a", 5)
    with pytest.raises(OSError):
        configured(nacre.SSHClientConnectionOptions(config=str(home / "missing")))
    with pytest.raises(TypeError, match="config: a file name is expected"):
        nacre.SSHClientConnectionOptions(config=[1])
    default.write_text("Include part\n")
    part = home / ".ssh" / "part"
    part.write_text("Port 7\n")
    assert configured(options).port == 7
    part.chmod(0o666)
    with pytest.raises(nacre.ConfigParseError, match="part: others can write to it; type: chmod go-w"):
        configured(options)
    assert configured(nacre.SSHClientConnectionOptions(options, config=default)).port == 7
    default.chmod(0o666)
    with pytest.raises(nacre.ConfigParseError, match="others can write to it; type: chmod go-w"):
        configured(options)


def test_known_hosts(home: Path) -> None:
    several = read("UserKnownHostsFile ~/one ~/missing %d/two").known_hosts
    assert several == KnownHostsFiles((home / "one", home / "missing", home / "two"))
    text = "UserKnownHostsFile ~/one\nGlobalKnownHostsFile ~/all\n"
    assert read(text).known_hosts == KnownHostsFiles((home / "one",), (home / "all",))
    default = read("GlobalKnownHostsFile ~/all").known_hosts
    assert default == KnownHostsFiles((home / ".ssh" / "known_hosts",), (home / "all",))
    assert read(text, known_hosts=None).known_hosts is None


@asynctest
async def test_identity_files(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user_key().write_private_key(home / "ed25519_local")
    RSA.write_private_key(home / "encrypted", passphrase="x", rounds=1, ignore_few_rounds=True)
    RSA.write_public_key(home / "public")
    user_key().write_private_key(home / ".ssh" / "id_ed25519")
    lines = "".join(
        f"IdentityFile ~/{name}\n" for name in ("ed25519_%r", "encrypted", "public", "missing", "none")
    )
    options = read(lines)
    assert options.client_keys == [home / "ed25519_local", home / "encrypted"]
    assert [pair.public_data for pair in await load_client_keys(options)] == [user_key().public_data]
    assert len(await load_client_keys(read(lines, passphrase="x"))) == 2
    assert read(lines, client_keys=[RSA]).client_keys == [RSA]
    (home / "none").write_bytes((home / "ed25519_local").read_bytes())
    monkeypatch.chdir(home)
    assert await load_client_keys(read("IdentityFile none\n")) == []
    assert len(await load_client_keys(read("Compression no\n"))) == 1


def test_certificate_files(home: Path) -> None:
    for name in ("a-cert.pub", "b-cert.pub"):
        (home / name).touch()
    text = "CertificateFile ~/a-cert.pub\nCertificateFile ~/%u/../b-cert.pub\nCertificateFile ~/missing\n"
    (home / "local").mkdir()
    assert read(text).client_certs == [home / "a-cert.pub", home / "local/../b-cert.pub"]
    assert read("CertificateFile none\n").client_certs == []
    assert read(text, client_certs=["own"]).client_certs == ["own"]
    assert read("Port 1\n").client_certs == ()


def test_compression(home: Path) -> None:
    assert read("Compression yes\n").compression_algs == ("zlib@openssh.com", "none")
    assert read("Compression no\n").compression_algs == ("none",)
    assert read("").compression_algs == ()
    with pytest.raises(nacre.ConfigParseError, match="yes or no"):
        read("Compression delayed\n")


@asynctest
async def test_identities_only(home: Path) -> None:
    RSA.write_private_key(home / "rsa", passphrase="x", rounds=1, ignore_few_rounds=True)
    user_key().write_public_key(home / "public")
    own = nacre.generate_private_key("ssh-ed25519")
    with ssh_agent(home) as running:
        async with nacre.connect_agent(str(running.path)) as agent:
            await agent.add_keys([RSA, user_key(), own])

        async def tried(text: str) -> list[bytes]:
            options = read(text, agent_path=str(running.path))
            return [pair.public_data for pair in await load_client_keys(options)]

        only = "IdentitiesOnly yes\n"
        assert len(await tried("IdentitiesOnly no\n")) == 3
        # Encrypted without a .pub file, and a public key alone: both are known by their public part.
        assert await tried(only + "IdentityFile ~/rsa\n") == [RSA.public_data]
        assert await tried(only + "IdentityFile ~/public\n") == [user_key().public_data]
        own.write_public_key(home / ".ssh" / "id_ed25519.pub")
        own.write_private_key(home / ".ssh" / "id_ed25519")
        assert await tried(only) == [own.public_data]
    assert read(only + "IdentityFile ~/missing\n").agent_path is None


@asynctest
async def test_a_connection_by_its_name_in_the_configuration(home: Path) -> None:
    users: list[str] = []

    class Server(OpenServer):
        def begin_auth(self, username: str) -> bool:
            users.append(username)
            return False

    async with serving(server_factory=Server) as listener:
        (home / ".ssh" / "config").write_text(
            f"Host there\n HostName {HOST}\n Port {listener.get_port()}\n User bob\n"
            f" UserKnownHostsFile ~/known\n"
        )
        with pytest.raises(nacre.HostKeyNotVerifiable) as caught:
            await nacre.connect("there")
        line = str(caught.value).splitlines()[-1]
        (home / "known").write_text(line + "\n")
        async with nacre.connect("there") as connection:
            assert connection.get_extra_info("host") == HOST
        async with nacre.connect("there", username="alice"):
            pass
        assert users == ["bob", "alice"]
        assert await nacre.get_server_host_key("there") is not None
        assert await nacre.get_server_auth_methods("there") == ["none"]
        (home / ".ssh" / "config").write_text("ForwardX11 yes\n")
        with pytest.raises(nacre.ConfigParseError, match="config line 1: ForwardX11"):
            await nacre.connect("there")


@asynctest
async def test_a_way_that_goes_round_in_a_circle(home: Path) -> None:
    (home / ".ssh" / "config").write_text("Host *\nHostName 127.0.0.1\nPort 1\nProxyJump there\n")
    with pytest.raises(ValueError, match="the configuration goes round in a circle") as caught:
        await nacre.connect("here")
    assert len(caught.value.__notes__) == MAX_HOPS


def test_ssh_keysign_is_for_login_by_host() -> None:
    """Alone `EnableSSHKeysign` asks for nothing: the program need not be there."""
    line = "EnableSSHKeysign yes\n"
    assert read(line).client_host_keysign is False
    assert read(f"{line}HostbasedAuthentication no").client_host_keysign is False
    assert read(f"{line}HostbasedAuthentication yes").client_host_keysign is True
    assert read(line, host_based_auth=True).client_host_keysign is True
    assert read(line, client_host_keys=["/k"]).client_host_keysign is True
    off = read(f"{line}HostbasedAuthentication yes", host_based_auth=False)
    assert off.client_host_keysign is False
    assert read(line, client_host_keysign="/own").client_host_keysign == "/own"
