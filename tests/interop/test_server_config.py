"""The same server configuration files, read by nacre and by `sshd -T` of both versions."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
from pathlib import Path

import pytest

import nacre
from nacre import config_accounts as accounts
from nacre.server_config import configured_server, resolved_server
from nacre.trust.config_server import Arrival
from nacre.trust.config_server_keywords import SERVER_IGNORED, SERVER_NAMES
from tests.support.face import HOST, asynctest
from tests.support.openssh import OpenSSH, Ssh

pytestmark = pytest.mark.requires("sshd")
AS_ROOT = pytest.mark.skipif(
    os.geteuid() != 0, reason="sshd -T looks for root's directory of its own before it reads"
)

ME = pwd.getpwuid(os.geteuid()).pw_name
#: What both choose algorithms from; what sshd works out from several keywords, or of the machine.
SKIPPED = frozenset(
    "ciphers macs kexalgorithms hostkeyalgorithms pubkeyacceptedalgorithms hostbasedacceptedalgorithms "
    "casignaturealgorithms gssapikexalgorithms hostkey listenaddress persourcepenalties".split()
)
#: What newer versions alone have.
NEWER = (
    "ChannelTimeout",
    "UnusedConnectionTimeout",
    "RefuseConnection",
    "Match Invalid-User",
    "PerSourcePenalties",
)

FILES = [
    # Values of every kind.
    """
    AcceptEnv A B
    AcceptEnv C
    AddressFamily inet
    AllowAgentForwarding no
    AllowUsers a b@10.0.0.0/8 root
    AllowUsers c
    AllowTcpForwarding local
    AllowStreamLocalForwarding all
    AuthenticationMethods publickey,hostbased publickey
    AuthorizedKeysFile .ssh/a /x/%u none
    AuthorizedPrincipalsFile /p/%u
    Banner /etc/issue
    ChallengeResponseAuthentication no
    ChrootDirectory /var/%u
    ClientAliveCountMax 0
    ClientAliveInterval 5m
    Compression delayed
    DenyGroups x y
    DenyUsers d
    DisableForwarding yes
    ExposeAuthInfo yes
    ForceCommand  echo  "x" # y
    GatewayPorts clientspecified
    GSSAPIAuthentication yes
    HostbasedAuthentication yes
    IgnoreRhosts shosts-only
    IPQoS ef
    KeepAlive no
    LogLevel DEBUG3
    LoginGraceTime 1m
    MaxAuthTries 3
    MaxSessions 4
    MaxStartups 3:5:7
    PasswordAuthentication no
    PermitEmptyPasswords yes
    PermitListen 8080
    PermitOpen a:1 b:*
    PermitRootLogin prohibit-password
    PermitTTY no
    PermitTunnel point-to-point
    PermitUserEnvironment LANG,LC_*
    PermitUserRC no
    PerSourceMaxStartups 5
    PerSourceNetBlockSize 24:64
    Port 44
    Port 45
    PrintMotd no
    PubkeyAuthOptions none verify-required touch-required
    RekeyLimit 1G 1h
    RequiredRSASize 3072
    RevokedKeys /y
    SetEnv A=1 B="x y"
    StreamLocalBindMask 0117
    StrictModes no
    Subsystem sftp internal-sftp -l  x
    SyslogFacility LOCAL1
    TrustedUserCAKeys /x
    UseDNS yes
    VersionAddendum hello  there
    X11DisplayOffset 5
    X11Forwarding yes
    Protocol 2
    UseLogin no
    """,
    # What Match says goes before; of several blocks the first one counts, and lists add up.
    """
    PasswordAuthentication yes
    Banner none
    AcceptEnv Z
    PermitTTY yes
    RekeyLimit 1G 1h
    Match User {me},b*
      RekeyLimit 2G none
      PasswordAuthentication no
      AcceptEnv A
      Banner /1
    Match Address 10.0.0.0/8,!10.1.2.4
      PasswordAuthentication yes
      AcceptEnv B
      MaxAuthTries 3
    Match Host *.X LocalPort 22 LocalAddress 127.0.0.0/8
      MaxSessions 4
    Match Group {group},!nobody
      ClientAliveInterval 9
    Match User !{me},*
      MaxAuthTries 1
      MaxSessions 1
      ClientAliveInterval 1
      Banner /2
    Match Address 10.1.2.3
      PermitTunnel yes
    Match Group no-such
      PermitTTY no
    Match all
      X11Forwarding yes
      X11DisplayOffset 3
    """,
    # Includes, in and out of what applies.
    """
    Include {folder}/inc*
    Match User nobody-at-all
      Include {folder}/other
    Match User {me}
      Include {folder}/other {folder}/none
      MaxSessions 3
    """,
    """
    Match Invalid-User
      PermitTTY no
    Match all
      ChannelTimeout session=5m
      UnusedConnectionTimeout 5m
      RefuseConnection yes
    """,
]
PEERS = [(ME, "h.x", "10.1.2.3"), ("bob", "other", "192.0.2.1"), (ME, "h.y", "10.1.2.4")]


def asked(openssh: OpenSSH, path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    Path("/run/sshd").mkdir(exist_ok=True)
    return subprocess.run(
        [openssh.sshd, "-T", "-f", path, *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def judged(openssh: OpenSSH, path: Path, *arguments: str) -> dict[str, list[str]]:
    """Return what sshd makes of it: keyword to values."""
    done = asked(openssh, path, *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        keyword, _, value = line.partition(" ")
        found.setdefault(keyword, []).append(value)
    return found


@pytest.fixture(scope="module")
def host_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "key"
    nacre.generate_private_key("ssh-ed25519").write_private_key(path)
    return path


def compare(openssh: OpenSSH, path: Path, empty: dict[str, list[str]], arrival: Arrival | None) -> None:
    """See that both say the same of every keyword, those that nobody set included."""
    arguments = []
    if arrival is not None:
        spec = f"user={arrival.user},host={arrival.host},addr={arrival.address}"
        arguments = ["-C", f"{spec},laddr={arrival.local_address},lport={arrival.local_port}"]
    found, expected = resolved_server([path], arrival), judged(openssh, path, *arguments)
    for name, values in expected.items():
        if name not in SKIPPED:
            assert found.get(name, empty.get(name)) == values, name
    lost = found.keys() - expected.keys() - SKIPPED
    assert not lost


@AS_ROOT
@pytest.mark.parametrize("number", range(len(FILES)))
def test_sshd_says_the_same(openssh: OpenSSH, tmp_path: Path, host_key: Path, number: int) -> None:
    empty = tmp_path / "empty"
    empty.write_text(f"HostKey {host_key}\n")
    (tmp_path / "inc1").write_text("MaxSessions 7\nMatch User bob\nPermitTTY no\nBanner /1\n")
    (tmp_path / "inc2").write_text("PidFile /x\nMatch all\nMaxAuthTries 2\n")
    (tmp_path / "other").write_text("MaxSessions 9\nMatch Address 10.1.2.3\nBanner /o\n")
    group = min(accounts.groups(ME))
    text = FILES[number].replace("{folder}", str(tmp_path)).replace("{me}", ME).replace("{group}", group)
    path = tmp_path / "config"
    path.write_text(f"HostKey {host_key}\n{text}")
    if openssh.version == "9.2" and any(word in text for word in NEWER):
        assert asked(openssh, path).returncode != 0
        return
    defaults = judged(openssh, empty)
    if not re.search("Match (?!all)", text):  # sshd asks for who comes as soon as it must know
        compare(openssh, path, defaults, None)
    for user, host, address in PEERS if "Match" in text else PEERS[:1]:
        arrival = Arrival(
            user,
            host,
            address,
            "127.0.0.1",
            22,
            lambda name: True,  # whom sshd -T is told of it takes for known
            accounts.groups,
            f"OpenSSH_{openssh.version}",
        )
        compare(openssh, path, defaults, arrival)


@AS_ROOT
def test_every_keyword_of_sshd_is_known_by_name(openssh: OpenSSH, tmp_path: Path, host_key: Path) -> None:
    (tmp_path / "empty").write_text(f"HostKey {host_key}\n")
    keywords = set(judged(openssh, tmp_path / "empty"))
    assert not keywords - SERVER_NAMES.keys() - SERVER_IGNORED


#: Lines that both refuse.
REFUSED = """Unheard yes
Port x
MaxAuthTries -1
MaxStartups 7:5:3
PerSourceNetBlockSize 33
PerSourceNetBlockSize 24:129
PubkeyAuthOptions touch
AuthenticationMethods any publickey
AuthenticationMethods made-up
AllowUsers x@
AuthorizedKeysCommand relative
Subsystem name
PermitRootLogin perhaps
PermitOpen a
ListenAddress a b
LogLevel x
Match
Match user
Match made-up x
Match !user x
Match user a all
Match invalid-user nonsense
Match localport 22,23
Match address 10.0.0.1/8
Match user a\\nPort 3
Match user a\\nUnheard x""".split("\n")


@AS_ROOT
@pytest.mark.parametrize("line", REFUSED)
def test_both_refuse(openssh: OpenSSH, tmp_path: Path, host_key: Path, line: str) -> None:
    if openssh.version != "10.0" and not re.match("Port|Match", line):
        return  # one version says it of all of them
    path = tmp_path / "config"
    path.write_text(f"HostKey {host_key}\n" + line.replace("\\n", "\n") + "\n")
    with pytest.raises(nacre.ConfigParseError, match=r"config line [23]"):
        resolved_server([path])
    done = asked(openssh, path, "-C", "user=a,host=h,addr=10.0.0.2,laddr=127.0.0.1,lport=22")
    assert done.returncode != 0


@AS_ROOT
def test_key_exchanges_of_gss_api(openssh: OpenSSH, tmp_path: Path, host_key: Path) -> None:
    path = tmp_path / "config"
    for text, wanted in (
        ("gss-group16-sha512-,gss-group14-sha1-", ("gss-group16-sha512",)),
        ("+gss-nistp256-sha256-", None),
        ("gss-curve25519-sha256", None),
    ):
        path.write_text(f"HostKey {host_key}\nGSSAPIKexAlgorithms {text}\n")
        said = asked(openssh, path)
        if "Bad configuration option" not in said.stderr:  # OpenSSH's own sources have no such keyword
            shown = f"gssapikexalgorithms {text}" in said.stdout.splitlines()
            assert ((said.returncode == 0) and shown) is (wanted is not None), text
        given = nacre.SSHServerConnectionOptions(config=path)
        if wanted is None:
            with pytest.raises(nacre.ConfigParseError, match="line 2: GSSAPIKexAlgorithms"):
                configured_server(given)
        else:
            assert configured_server(given).gss_kex_algs == wanted


@asynctest
async def test_sshs_of_both_versions_meet_it(openssh: OpenSSH, tmp_path: Path, host_key: Path) -> None:
    """One who must show a key and then another factor, one who is barred, and what runs then."""
    user_key = openssh.make_key(tmp_path / "user_key")
    (tmp_path / "keys").mkdir()
    for name in ("alice", "bob", "eve"):
        (tmp_path / "keys" / name).write_bytes(user_key.with_suffix(".pub").read_bytes())
    config = tmp_path / "sshd_config"
    config.write_text(
        f"HostKey {host_key}\nStrictModes no\nAuthorizedKeysFile {tmp_path}/keys/%u\nDenyUsers eve\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nAcceptEnv LC_*\nMaxStartups 5:50:9\n"
        "Match User bob\nAuthenticationMethods publickey,hostbased\nMatch Address 127.0.0.0/8\nForceCommand /bin/forced\n"
    )

    async def handler(process: nacre.SSHServerProcess[str]) -> None:
        process.stdout.write(f"{process.command} {dict(process.env)}")
        process.exit(0)

    listener = await nacre.listen(HOST, 0, config=config, process_factory=handler)
    try:
        key = nacre.read_private_key(host_key).export_public_key().decode()
        known = tmp_path / "known"
        known.write_text(f"[{HOST}]:{listener.get_port()} {key}")

        async def login(user: str) -> tuple[int | None, bytes, bytes]:
            options = ("SetEnv LC_ALL=C OTHER=x",)
            ssh = Ssh(openssh, listener.get_port(), user, user_key, known, options)
            done = await ssh.communicate("ls")
            return done.returncode, done.stdout, done.stderr

        assert (await login("alice"))[:2] == (0, b"/bin/forced {'LC_ALL': 'C'}")
        for user, left in (("eve", b"publickey"), ("bob", b"hostbased"), ("../keys/alice", b"publickey")):
            status, _, said = await login(user)
            assert (status, left in said) == (255, True), said
    finally:
        listener.close()
        await listener.wait_closed()
