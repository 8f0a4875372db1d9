"""The same configuration files, read by nacre and by `ssh -G` of both versions."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nacre
from nacre.client_config import configured, resolved
from nacre.host_trust import KnownHostsFiles
from nacre.trust.config_keywords import CLIENT_IGNORED, CLIENT_NAMES
from tests.support.openssh import OpenSSH

pytestmark = pytest.mark.requires("ssh")

#: ssh takes ~ from the account, not from HOME.
HOME = Path(pwd.getpwuid(os.geteuid()).pw_dir)
#: What ssh works out for keywords that nobody set, from others; ServerAliveInterval is Debian's idea.
DERIVED = {"batchmode": {"serveraliveinterval"}, "userknownhostsfile": {"updatehostkeys"}}
#: What both choose algorithms from: nacre's list is its own.
ALGORITHMS = frozenset(
    "ciphers macs kexalgorithms hostkeyalgorithms pubkeyacceptedalgorithms hostbasedacceptedalgorithms "
    "casignaturealgorithms gssapikexalgorithms".split()
)

FILES = [
    # Which block applies.
    """
    Host a
      Port 1
    Host b c*
      Port = 2
      User "some body" # and a comment
    Host * !d
      Port 3
      User other
      ServerAliveInterval 1m30s
    Host !x
      ConnectionAttempts 9
    Host * !x
      ServerAliveCountMax 9
      ConnectTimeout 5
    """,
    # Match, and what was set before it.
    """
    Match host b
      HostName %h.Example
    Match host b.example
      User Bob
    Match originalhost B user Bob
      Port 7
    Match user bob
      Port 77
    Match !host c*,x
      ConnectTimeout 2m
    Match host c?,!ca localuser *
      HostName real
      Port 8
    Match user Bob
      ServerAliveCountMax 4
    Match user Bob all
      NumberOfPasswordPrompts 8
    Match !all
      GatewayPorts yes
    Match all
      PreferredAuthentications publickey,password
      IdentitiesOnly yes
    """,
    # Lists, quotes, what is said twice.
    """
    IdentityFile ~/one
    IdentityFile "~/t wo"
    CertificateFile ~/c1%h
    UserKnownHostsFile ~/k1%h "/tmp/k 2"
    UserKnownHostsFile ~/k3
    GlobalKnownHostsFile none
    Host a
      IdentityFile ~/three
      ProxyJump x@y:22,ssh://z:33 # hops
      ProxyJump none
    Host b
      ProxyJump none
      ProxyJump x
    Host *
      ProxyCommand "nc %h"  %p # all of it
      ConnectTimeout none
      SetEnv A=1 A=2 B="x y"
      SetEnv C=1
      SendEnv LANG LC_* X1
      SendEnv LC_A -LC_[AB] -X? Y
      AddressFamily INET
      PasswordAuthentication no
      KeepAlive no
      ChallengeResponseAuthentication no
      HostKeyAlias AlIas
      RemoteCommand  echo  %h %n %p %r %u %i %d %L %l %% # too
    """,
    # What other programs understand, and what nobody does any more.
    """
    IgnoreUnknown UseKeychain,My*,!MyElse
    UseKeychain yes
    MyOwn 'x y'
    Port 13
    Cipher 3des
    Protocol 2
    UseRoaming no
    AFSTokenPassing no
    FallBackToRsh yes
    UserKnownHostsFile2 x
    DSAAuthentication no
    """,
    # Includes, in and out of what applies.
    """
    Host a
      Include {folder}/inc*
    Host *
      Port 9
      Include {folder}/other {folder}/missing*
    """,
    # A second reading, where lists add up.
    """
    Match !final
      Port 3
    Match final host b
      User late
    Match canonical
      SendEnv D
      IdentityFile ~/x
    Match !canonical
      ConnectTimeout 3
    Match all
    SendEnv A B
    SendEnv -B
    """,
    # Values of every kind.
    """
    AddKeysToAgent confirm 5m
    BatchMode yes
    BindAddress 127.0.0.1
    BindInterface lo
    CanonicalDomains a.example b.example
    CanonicalizeFallbackLocal no
    CanonicalizeMaxDots 4
    CanonicalizePermittedCNAMEs *.a:*.b c:d
    CheckHostIP yes
    ClearAllForwardings no
    Compression YES
    ControlMaster autoask
    ControlPath ~/c-%C-%h-%k
    ControlPersist 5m
    DynamicForward 1080
    DynamicForward *:1081
    EnableEscapeCommandline yes
    EnableSSHKeysign yes
    EscapeChar ^B
    ExitOnForwardFailure true
    FingerprintHash md5
    ForkAfterAuthentication no
    ForwardAgent yes
    ForwardX11 yes
    ForwardX11Timeout 1h
    ForwardX11Trusted no
    GSSAPIAuthentication yes
    GSSAPIDelegateCredentials yes
    GSSAPIKeyExchange yes
    GSSAPIServerIdentity foo
    HashKnownHosts yes
    HostName 127.0.0.1
    HostbasedAuthentication yes
    IdentityAgent ~/a%h
    IPQoS AF21 ef
    KbdInteractiveDevices pam,x
    KnownHostsCommand /bin/x %H
    LocalCommand echo  %h "x"
    LocalForward 8080 b:80
    LocalForward [::1]:81 [::2]:82
    LogLevel quiet
    LogVerbose kex.c:*:1000
    NoHostAuthenticationForLocalhost yes
    NumberOfPasswordPrompts 5
    PermitLocalCommand yes
    PermitRemoteOpen a:1 b:*
    PKCS11Provider /x
    ProxyUseFdpass yes
    PubkeyAuthentication unbound
    RekeyLimit 1.5G 1h
    RemoteForward 9000
    RemoteForward /x/y /z
    RequestTTY force
    RequiredRSASize 2048
    RevokedHostKeys /x
    SecurityKeyProvider /lib/x
    ServerAliveInterval 5
    SessionType subsystem
    StdinNull yes
    StreamLocalBindMask 077
    StreamLocalBindUnlink yes
    StrictHostKeyChecking accept-new
    SyslogFacility local3
    TCPKeepAlive no
    Tunnel yes
    TunnelDevice 5
    UpdateHostKeys no
    VerifyHostKeyDNS ask
    VisualHostKey yes
    XAuthLocation /x
    """,
    # And of those that have another one.
    """
    AddKeysToAgent 90
    ControlMaster ask
    ControlPersist yes
    EscapeChar none
    FingerprintHash SHA256
    ForwardAgent ~/agent
    ForwardX11Timeout 0
    IPQoS 10
    KnownHostsCommand none
    LogLevel debug1
    PermitRemoteOpen none
    PubkeyAuthentication host-bound
    RekeyLimit default 2w
    RequestTTY auto
    SessionType none
    ServerAliveInterval none
    StrictHostKeyChecking off
    SyslogFacility authpriv
    Tunnel ethernet
    TunnelDevice any:3
    UpdateHostKeys ask
    UserKnownHostsFile none
    VerifyHostKeyDNS false
    """,
    # Quoting, and where the blanks may be.
    '# port 3\n\tport\t=\t\'22\'\f\nKbdInteractiveDevices=a\\ b\\q"c \'d" # e\n"IdentityFile" \\\\x#y\n',
    # Names that are made canonical, and those that are left alone.
    """
    CanonicalizeHostname yes
    CanonicalizeMaxDots 0
    CanonicalDomains nowhere.invalid
    HostName A%h.x
    Match canonical host *.x
      Port 4
    Host ab.*
      ConnectTimeout 7
    Match originalhost B
      User bob
    """,
    "CanonicalizeHostname always\nHostName 0:0::1\nMatch host ::1\n Port 5\n",
    # What is shown otherwise than it is written.
    """
    CanonicalDomains A.Example
    EscapeChar ^]
    ForwardAgent %d/agent-%r
    ForwardX11Timeout none
    HostName 127.1
    PermitRemoteOpen a:1 [::1]:*
    ProxyJump u@j#not-this
    TunnelDevice 007:any
    RekeyLimit 1G none
    RekeyLimit 2G 1h
    IdentityFile a
    IdentityFile b
    IdentityFile a
    CertificateFile a
    CertificateFile a
    """,
]
#: What only the newer version knows.
NEWER = [
    """
    Tag a
    ChannelTimeout session=5m *=0
    ObscureKeystrokeTiming interval:80
    VersionAddendum  foo bar
    RevokedHostKeys ~/x%h
    User me-%h-${NACRE_TEST}
    SetEnv A=%h
    ProxyJump x,u@y:3
    RemoteCommand %j %C
    Include {folder}/%h-${NACRE_TEST}
    Match tagged a
      Port 4
    Match localnetwork 127.0.0.0/8,::1
      BindAddress z
    Match localnetwork 203.0.113.0/24
      BindAddress y
    Match !sessiontype exec,subsystem command "" host=a
      ConnectTimeout 3
    Match tagged b,!a
      ConnectTimeout 4
    Match tagged ""
      ConnectTimeout 5
    """,
    # What is not there is matched by no pattern.
    """
    Match !tagged *
      Port 4
    Match command *
      ConnectTimeout 3
    """,
]
HOSTS = ["a", "b", "ca", "d"]


def asked(openssh: OpenSSH, path: Path, host: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [openssh.ssh, "-G", "-F", path, host],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def judged(openssh: OpenSSH, path: Path, host: str) -> dict[str, list[str]]:
    """Return what ssh makes of it: keyword to values."""
    done = asked(openssh, path, host)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        keyword, _, value = line.partition(" ")
        found.setdefault(keyword.lower(), []).append(value)
    found.pop("host", None)
    return found


@cache
def defaults(openssh: OpenSSH) -> Mapping[str, list[str]]:
    """Return what ssh says of an empty file, once."""
    return judged(openssh, Path(os.devnull), "a")


def ours(path: Path, host: str) -> dict[str, list[str]]:
    return resolved(nacre.SSHClientConnectionOptions(host=host, config=path))


def compare(openssh: OpenSSH, path: Path, host: str) -> None:
    """See that both say the same of every keyword, those that nobody set included."""
    found = ours(path, host)
    expected = judged(openssh, path, host)
    skipped = ALGORITHMS | {
        name for keyword, derived in DERIVED.items() if keyword in found for name in derived
    }
    skipped = skipped - (found.keys() - ALGORITHMS) | {"ignoreunknown"}
    if found.get("proxyjump", found.get("proxycommand")) == ["none"]:
        skipped |= {"proxyjump", "proxycommand"}
    elif {"proxyjump", "proxycommand"} <= found.keys():  # the first of the two
        skipped |= {"proxycommand", "proxyjump"} - expected.keys()
    want = {name: values for name, values in expected.items() if name not in skipped}
    said = {name: values for name, values in found.items() if name not in skipped}
    for name in found.keys() - expected.keys() - skipped:
        assert found[name] in (["none"], ["any"], ["default"]), name  # which ssh shows as nothing
        del said[name]
    for name, values in want.items():
        assert said.get(name, defaults(openssh).get(name)) == values, (host, name)


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(HOME))
    monkeypatch.setenv("NACRE_TEST", "value")
    (tmp_path / "inc1").write_text("User first\nHost b\nUser second\nPort 11\n")
    (tmp_path / "inc2").write_text("Match host a\nPort 12\n")
    (tmp_path / "other").write_text("User third\nHost d\nConnectTimeout 3\n")
    (tmp_path / "a-value").write_text("BatchMode yes\n")


@pytest.mark.parametrize("number", range(len(FILES)))
def test_ssh_says_the_same(openssh: OpenSSH, tmp_path: Path, number: int) -> None:
    path = tmp_path / "config"
    path.write_text(FILES[number].replace("{folder}", str(tmp_path)))
    for host in HOSTS if "Host" in FILES[number] and number < 6 else ["b"]:
        compare(openssh, path, host)


@pytest.mark.parametrize("number", range(len(NEWER)))
def test_what_newer_ones_know(openssh: OpenSSH, tmp_path: Path, number: int) -> None:
    path = tmp_path / "config"
    path.write_text(NEWER[number].replace("{folder}", str(tmp_path)))
    if openssh.version == "9.2":
        assert asked(openssh, path, "a").returncode != 0
        return
    for host in ("a", "b"):
        compare(openssh, path, host)


_PATTERNS = st.lists(st.sampled_from(["a", "b", "!a", "*", "?", "a*", "!*b", "c,a"]), min_size=1, max_size=3)
_CRITERIA = st.sampled_from(
    [
        *("all", "final", "!final", "canonical", "host a", "!host a,b", "host *", "user root", "user u*"),
        *(
            "originalhost a",
            "!originalhost b",
            "localuser *",
            "!localuser *",
            "host a user u1",
            "final host b",
        ),
    ]
)
_LINES = st.one_of(
    st.builds("Host {}".format, _PATTERNS.map(" ".join)),
    st.builds("Match {}".format, _CRITERIA),
    st.builds("User u{}".format, st.integers(1, 3)),
    st.builds("Port {}".format, st.integers(1, 9)),
    st.builds("HostName {}".format, st.sampled_from(["a", "%h", "b%%", "x.%h", "'q'"])),
    st.builds("SendEnv {}".format, st.sampled_from(["A", "B C", "-A", "-*", "AB A"])),
    st.builds("IdentityFile ~/{}".format, st.sampled_from("xyz")),
    st.builds("SetEnv {}".format, st.sampled_from(["A=1", "A=1 B=2", "B='x  y'"])),
    st.builds("ConnectTimeout {}".format, st.sampled_from(["1m", "1h1", "none", "007"])),
    st.builds(
        "Compression {}{}".format, st.sampled_from(["", "= ", '"'][:2]), st.sampled_from(["yes", "no"])
    ),
    st.sampled_from(["", "# Port x", "  \t", "Tunnel yes", "Protocol 1", 'LogLevel "DEBUG2"']),
)


@settings(
    max_examples=12,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(_LINES, min_size=4, max_size=25))
def test_ssh_says_the_same_of_any_file(openssh: OpenSSH, tmp_path: Path, lines: list[str]) -> None:
    path = tmp_path / "config"
    path.write_text("\n".join(lines) + "\n")
    compare(openssh, path, "a")


def test_every_keyword_of_ssh_is_known_by_name(openssh: OpenSSH) -> None:
    keywords = set(defaults(openssh)) - {"host"}
    assert not keywords - CLIENT_NAMES.keys() - CLIENT_IGNORED


def test_files_that_are_named(openssh: OpenSSH, tmp_path: Path) -> None:
    known, key = tmp_path / "known a.example", tmp_path / "key_a.example"
    known.touch()
    openssh.make_key(key)
    path = tmp_path / "config"
    path.write_text(
        f'HostName a.example\nIdentityFile {tmp_path}/key_%h\nUserKnownHostsFile "{tmp_path}/known a.example" /none\n'
    )
    options = configured(nacre.SSHClientConnectionOptions(host="a", config=path))
    assert options.client_keys == [key]
    assert options.known_hosts == KnownHostsFiles((known, Path("/none")))
    expected = judged(openssh, path, "a")
    assert expected["userknownhostsfile"] == [f"{known} /none"]
    assert [name.replace("%h", "a.example") for name in expected["identityfile"]] == [str(key)]


#: Lines that both refuse, whether they apply or not.
REFUSED = """Port 'x
Port
Port x
Port ""
Port 0
Port 1 2
Host
Host ""
ConnectTimeout soon
ConnectTimeout -1
ConnectTimeout 1.5m
PasswordAuthentication maybe
Match
Match host
Match nonsense x
Match host a user b all
Match all host a
Unheard yes
Compression =yes=
User ""
IdentityFile a b
SetEnv A
SendEnv A=B
CanonicalDomains .c
CanonicalizePermittedCNAMEs x
CanonicalizeMaxDots 0x2
LocalForward 1
LocalForward 1 a:2 b
LocalForward 70000 a:1
RemoteForward 1 b
DynamicForward a:b
IPQoS 0x08x
IPQoS ef af11 cs1
NumberOfPasswordPrompts -1
ServerAliveCountMax 99999999999
RekeyLimit 15
RekeyLimit 1K 1m x
EscapeChar ab
TunnelDevice x
LogLevel foo
SyslogFacility foo
RequestTTY maybe
ControlMaster foo
AddKeysToAgent no 5m
GlobalKnownHostsFile none x
AddressFamily ipx
StreamLocalBindMask 9
EscapeChar é
LogVerbose a none
TunnelDevice 2147483648
ProxyJump a,,b
ProxyJump a,
ProxyJump ssh://a:99999
Include ""
Match localnetwork !127.0.0.0/8
PermitRemoteOpen 80""".split("\n")


def test_both_refuse(openssh: OpenSSH, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(
        "Host no-such\n" + "\n".join(line for line in REFUSED if line.split()[0] not in ("Host", "Match"))
    )
    told = asked(openssh, path, "a").stderr
    for number, line in enumerate(path.read_text().split("\n")[1:], start=2):
        assert f"line {number}" in told, line
    path.write_text("\n".join(line for line in REFUSED if line.split()[0] in ("Host", "Match")))
    told = asked(openssh, path, "a").stderr
    for number, line in enumerate(path.read_text().split("\n"), start=1):
        assert f"line {number}" in told, line
    for line in REFUSED:
        path.write_text(f"Host no-such\n{line}\n")
        with pytest.raises(nacre.ConfigParseError, match="config line 2"):
            pytest.fail(f"{line}: {ours(path, 'a')}")


def test_key_exchanges_of_gss_api(openssh: OpenSSH, tmp_path: Path) -> None:
    """What ssh takes and shows is what is offered, but for SHA-1; what it refuses is refused."""
    path = tmp_path / "config"
    sha2 = ("gss-group16-sha512", "gss-curve25519-sha256")
    for text, wanted in (
        ("gss-group16-sha512-,gss-group14-sha1-,gss-curve25519-sha256-", sha2),
        ("gss-nistp256-sha256-", ("gss-nistp256-sha256",)),
        ("gss-made-up-", None),
        ("+gss-nistp256-sha256-", None),
        ("gss-curve25519-sha256", None),
        ("gss-*", None),
    ):
        path.write_text(f"GSSAPIKexAlgorithms {text}\n")
        said = asked(openssh, path, "a")
        if (
            "Bad configuration option" not in said.stderr
        ):  # OpenSSH's own sources have no GSS-API key exchange
            shown = f"gssapikexalgorithms {text}" in said.stdout.splitlines()
            assert ((said.returncode == 0) and shown) is (wanted is not None), text
        given = nacre.SSHClientConnectionOptions(host="a", config=path)
        if wanted is None:
            with pytest.raises(nacre.ConfigParseError, match="line 1: GSSAPIKexAlgorithms"):
                configured(given)
        else:
            assert configured(given).gss_kex_algs == wanted
