"""The same configuration files, read by nacre and by `ssh -G` of both versions."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path

import pytest

import nacre
from nacre import client_config
from nacre.client_config import configured
from tests.support.openssh import OpenSSH

pytestmark = pytest.mark.requires("ssh")

#: ssh takes ~ from the account, not from HOME.
HOME = Path(pwd.getpwuid(os.geteuid()).pw_dir)
USER = pwd.getpwuid(os.geteuid()).pw_name

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
    Host *
      ServerAliveCountMax 9
      ConnectTimeout 5
    """,
    # Match, and what was set before it.
    """
    Match host b
      HostName %h.example
    Match host b.example
      User bob
    Match originalhost b user bob
      Port 7
    Match !host c*,x
      ConnectTimeout 2m
    Match host c?,!ca localuser *
      HostName real
      Port 8
    Match user bob
      ServerAliveCountMax 4
    Match all
      PreferredAuthentications publickey,password
      IdentitiesOnly yes
    """,
    # Lists, quotes, what is said twice.
    """
    IdentityFile ~/one
    IdentityFile "~/t wo"
    UserKnownHostsFile ~/k1 "/tmp/k 2"
    UserKnownHostsFile ~/k3
    Host a
      IdentityFile ~/three
      ProxyJump x@y:22,ssh://z:33
      ProxyJump none
    Host b
      ProxyJump none
      ProxyJump x
    Host *
      ProxyJump last
      Ciphers aes256-ctr,aes128-ctr
      Ciphers aes128-ctr
      MACs hmac-sha2-512,hmac-sha2-256
      KexAlgorithms curve25519-sha256
      HostKeyAlgorithms ssh-ed25519,rsa-sha2-512
      ConnectTimeout none
      SetEnv A=1 B="x y"
      SendEnv LANG LC_*
      AddressFamily inet
      PasswordAuthentication no
      TCPKeepAlive no
      HostKeyAlias alias
    """,
    # What other programs understand.
    """
    IgnoreUnknown UseKeychain,My*
    UseKeychain yes
    MyOwn 'x y'
    Port 13
    """,
    # Includes, in and out of what applies.
    """
    Host a
      Include {folder}/inc*
    Host *
      Port 9
      Include {folder}/other
    """,
]
HOSTS = ["a", "b", "ca", "cb", "d"]


def judged(openssh: OpenSSH, path: Path, host: str) -> dict[str, list[str]]:
    """Return what ssh makes of it: keyword to values."""
    done = subprocess.run(
        [openssh.ssh, "-G", "-F", path, host],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        keyword, _, value = line.partition(" ")
        found.setdefault(keyword, []).append(value)
    return found


def ours(path: Path, host: str) -> dict[str, list[str]]:
    """Return what nacre makes of it, in ssh's words."""
    options = configured(nacre.SSHClientConnectionOptions(host=host, config=path))
    timeout = options.connect_timeout
    said = {
        "hostname": [options.host],
        "user": [options.username or USER],
        "port": [str(options.port)],
        "connecttimeout": ["none" if timeout is None else str(int(timeout))],
        "serveraliveinterval": [str(int(options.keepalive_interval))],
        "serveralivecountmax": [str(options.keepalive_count_max)],
        "identitiesonly": ["yes" if options.agent_path is None or options.agent_identities else "no"],
        "passwordauthentication": ["yes" if options.password_auth else "no"],
        "tcpkeepalive": ["yes" if options.tcp_keepalive else "no"],
        "addressfamily": [{0: "any", 2: "inet", 10: "inet6"}[int(options.family)]],
    }
    for keyword, option in (
        ("ciphers", "encryption_algs"),
        ("macs", "mac_algs"),
        ("kexalgorithms", "kex_algs"),
        ("hostkeyalgorithms", "server_host_key_algs"),
        ("preferredauthentications", "preferred_auth"),
        ("sendenv", "send_env"),
    ):
        if options.is_given(option):
            values = getattr(options, option)
            said[keyword] = list(values) if keyword == "sendenv" else [",".join(values)]
    for keyword, option in (("proxyjump", "tunnel"), ("hostkeyalias", "host_key_alias")):
        if getattr(options, option):
            said[keyword] = [getattr(options, option)]
    if options.env:
        said["setenv"] = [f"{name}={value}" for name, value in options.env.items()]
    return said


@pytest.mark.parametrize("number", range(len(FILES)))
def test_ssh_says_the_same(
    openssh: OpenSSH, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setenv("HOME", str(HOME))
    (tmp_path / "inc1").write_text("User first\nHost b\nUser second\nPort 11\n")
    (tmp_path / "inc2").write_text("Match host a\nPort 12\n")
    (tmp_path / "other").write_text("User third\nHost d\nConnectTimeout 3\n")
    path = tmp_path / "config"
    path.write_text(FILES[number].replace("{folder}", str(tmp_path)))
    for host in HOSTS:
        expected, found = judged(openssh, path, host), ours(path, host)
        assert found == {keyword: expected.get(keyword) for keyword in found}, host
        if "proxyjump" not in found:
            assert expected.get("proxyjump", ["none"]) == ["none"]


def test_every_keyword_of_ssh_is_known_by_name(openssh: OpenSSH, tmp_path: Path) -> None:
    (tmp_path / "config").touch()
    keywords = {keyword.lower() for keyword in judged(openssh, tmp_path / "config", "a")} - {"host"}
    known = client_config._KEYWORDS.keys() | client_config._DONE_ANYWAY.keys() | client_config._NOT_DONE
    assert not keywords - known


def test_files_that_are_named(openssh: OpenSSH, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(HOME))
    known, key = tmp_path / "known a.example", tmp_path / "key_a.example"
    known.touch()
    openssh.make_key(key)
    path = tmp_path / "config"
    path.write_text(
        f'HostName a.example\nIdentityFile {tmp_path}/key_%h\nUserKnownHostsFile "{tmp_path}/known a.example" /none\n'
    )
    options = configured(nacre.SSHClientConnectionOptions(host="a", config=path))
    assert options.client_keys == [key]
    assert options.known_hosts == [known]
    expected = judged(openssh, path, "a")
    assert expected["userknownhostsfile"] == [f"{known} /none"]
    assert [name.replace("%h", "a.example") for name in expected["identityfile"]] == [str(key)]


@pytest.mark.parametrize(
    "text",
    ["Port 'x", "Port", "Port x", "Host", "ConnectTimeout soon", "PasswordAuthentication maybe", "Match"],
)
def test_both_refuse(openssh: OpenSSH, tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text + "\n")
    with pytest.raises(nacre.ConfigParseError, match="config line 1"):
        ours(path, "a")
    with pytest.raises(AssertionError, match="line 1"):
        judged(openssh, path, "a")
