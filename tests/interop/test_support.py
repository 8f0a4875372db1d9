"""The tools of the interop tests, tried on OpenSSH itself: each version against the other."""

from __future__ import annotations

import asyncio
import itertools
import socket
import subprocess

import pytest

from tests.support import openssh, proxy
from tests.support.openssh import VERSIONS, Sshd, client_of, find
from tests.support.proxy import Damage

pytestmark = pytest.mark.requires("sshd")


@pytest.mark.parametrize("client_version", VERSIONS)
@pytest.mark.parametrize("server_version", VERSIONS)
def test_each_client_runs_a_command_on_each_server(tmp_path, server_version, client_version):
    client = find(client_version)
    with Sshd(find(server_version), tmp_path) as server:
        done = client_of(server, client).run("cat; echo error >&2; exit 7", data=b"\x00in\xff")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"\x00in\xff", b"error\n")
    assert f"OpenSSH_{client_version}" in _version(client)


def _version(client):
    return subprocess.run([client.ssh, "-V"], check=True, capture_output=True, text=True).stderr


def test_it_runs_beside_an_event_loop(sshd):
    done = asyncio.run(client_of(sshd).communicate("cat", data=b"x" * 100_000))
    assert (done.returncode, len(done.stdout)) == (0, 100_000)


def test_options_reach_both_ends(openssh, tmp_path):
    with Sshd(openssh, tmp_path, options=["Ciphers aes256-ctr"]) as server:
        assert client_of(server, None, "Ciphers aes256-ctr").run("true").returncode == 0
        refused = client_of(server, None, "Ciphers aes128-ctr").run("true")
    assert refused.returncode == 255
    assert b"no matching cipher" in refused.stderr


def test_each_host_key_type_is_known(openssh, tmp_path):
    types = ("ed25519", "ecdsa", "rsa-2048")
    with Sshd(openssh, tmp_path, host_key_types=types) as server:
        for algorithm in ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512"):
            done = client_of(server, None, f"HostKeyAlgorithms {algorithm}").run("true")
            assert (done.returncode, done.stderr) == (0, b"")


def test_an_unknown_host_key_is_refused(sshd, tmp_path):
    client = client_of(sshd)
    client.known_hosts.write_text("")
    done = client.run("true")
    assert done.returncode == 255
    assert b"Host key verification failed" in done.stderr


def test_another_key_may_not_enter(sshd, tmp_path):
    other = sshd.openssh.make_key(tmp_path / "other")
    client = client_of(sshd)
    done = openssh.Ssh(client.openssh, client.port, client.user, other, client.known_hosts).run("true")
    assert done.returncode == 255
    assert b"Permission denied" in done.stderr
    assert "Connection closed by authenticating user" in sshd.log or "Failed publickey" in sshd.log


def test_flags_come_before_the_remote_command(sshd):
    done = client_of(sshd).run("-tt", "--", "tty")
    assert done.stdout.startswith(b"/dev/pts/")


def test_the_hybrid_key_exchange_is_there_in_10_0(tmp_path):
    version = find("10.0")
    with Sshd(version, tmp_path) as server:
        done = client_of(server, None, "KexAlgorithms mlkem768x25519-sha256").run("true")
    assert done.returncode == 0


def test_a_configuration_that_sshd_refuses_is_shown(openssh, tmp_path):
    with pytest.raises(RuntimeError, match="Nonsense"), Sshd(openssh, tmp_path, options=["Nonsense yes"]):
        pass


def test_what_a_proxy_does_to_bytes() -> None:
    def through(damage: Damage, *pieces: bytes) -> tuple[list[bytes], bool]:
        one, other = socket.socketpair()
        with one, other:
            way = proxy._Way(one, damage)
            treated = [way.treat(piece) for piece in pieces]
        return [sent for pieces, _ in treated for sent in pieces], treated[-1][1]

    assert through(Damage(), b"abc", b"de") == ([b"abc", b"de"], False)
    assert through(Damage(piece=2), b"abc", b"de") == ([b"ab", b"c", b"de"], False)
    assert through(Damage(flip=8 * 3), b"abc", b"de") == ([b"abc", b"ee"], False)
    assert through(Damage(drop=range(1, 4)), b"abc", b"de") == ([b"a", b"e"], False)
    assert through(Damage(cut=4), b"abc") == ([b"abc"], False)
    assert through(Damage(cut=4), b"abc", b"de") == ([b"abc", b"d"], True)
    assert through(Damage(silent=2), b"abc", b"de") == ([b"ab"], False)


@pytest.mark.parametrize("key_type", ["ed25519", "rsa-2048"])
def test_ssh_keygen_reads_the_keys_that_it_did_not_make(openssh, tmp_path, key_type):
    made = [openssh.make_key(tmp_path / str(number), key_type) for number in range(4)]
    lines = [path.with_suffix(".pub").read_text() for path in made]
    for path, line in zip(made, lines, strict=True):
        shown = subprocess.run(
            [openssh.ssh_keygen, "-y", "-f", path], check=True, capture_output=True, text=True
        )
        assert shown.stdout == line
    assert all(one != other for one, other in itertools.pairwise(lines))
