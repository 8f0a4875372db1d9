"""Each algorithm by itself, nacre in both roles, against both versions of OpenSSH.

Owns: the matrix of key exchanges, ciphers, MACs, host keys and user keys. What a version of OpenSSH
lacks is told from its own `ssh -Q`, and not tried.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import nacre
from tests.interop.test_openssh_client import peer
from tests.interop.test_openssh_server import connected
from tests.support.face import asynctest
from tests.support.openssh import OpenSSH, Sshd, client_of

pytestmark = pytest.mark.requires("sshd")

KEX = ("mlkem768x25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org")
AEAD = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com")
CTR = ("aes128-ctr", "aes192-ctr", "aes256-ctr")
MACS = (
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
)
SUITES = [(cipher, "hmac-sha2-256-etm@openssh.com") for cipher in AEAD] + [
    (cipher, mac) for cipher in CTR for mac in MACS
]
#: Signature algorithms with the key that makes them, as `ssh-keygen -t` takes it.
SIGNATURES = {
    "ssh-ed25519": "ed25519",
    "ecdsa-sha2-nistp256": "ecdsa-256",
    "ecdsa-sha2-nistp384": "ecdsa-384",
    "ecdsa-sha2-nistp521": "ecdsa-521",
    "rsa-sha2-256": "rsa-3072",
    "rsa-sha2-512": "rsa-3072",
}
#: More than one packet, and no whole number of them.
DATA = bytes(range(256)) * 300 + b"end"


def need_kex(openssh: OpenSSH, kex: str) -> None:
    if not openssh.knows("kex", kex):
        pytest.skip(f"OpenSSH {openssh} has no {kex}: the other version tries it")


def agreed(verbose: bytes, what: str) -> str:
    """What `ssh -v` says was agreed on."""
    found = re.search(rb"debug1: kex: " + what.encode() + rb":? ([^ \r\n]+)", verbose)
    assert found, verbose
    return found[1].decode()


async def echo_through(ssh, *flags: str) -> bytes:
    """Send data through `cat` on a nacre server; returns what ssh -v said."""
    done = await ssh.communicate("-v", *flags, "--", "shell", data=DATA)
    assert done.returncode == 0, done.stderr
    assert done.stdout == DATA
    return done.stderr


# ---------------------------------------------------------------- OpenSSH's ssh against nacre


@pytest.mark.parametrize("kex", KEX)
@asynctest
async def test_ssh_key_exchange(openssh: OpenSSH, tmp_path: Path, kex: str) -> None:
    need_kex(openssh, kex)
    async with peer(openssh, tmp_path, f"KexAlgorithms {kex}") as ssh:
        assert agreed(await echo_through(ssh), "algorithm") == kex


@pytest.mark.parametrize(("cipher", "mac"), SUITES)
@asynctest
async def test_ssh_cipher_and_mac(openssh: OpenSSH, tmp_path: Path, cipher: str, mac: str) -> None:
    lines = (f"Ciphers {cipher}", f"MACs {mac}")
    # hmac-sha2-256 and -512 without -etm must be asked for by name.
    async with peer(openssh, tmp_path, *lines, mac_algs=list(MACS)) as ssh:
        said = await echo_through(ssh)
        assert f"cipher: {cipher} ".encode() in said
        assert (b"MAC: <implicit>" if cipher in AEAD else f"MAC: {mac}".encode()) in said


@pytest.mark.parametrize("algorithm", SIGNATURES)
@asynctest
async def test_ssh_host_key(openssh: OpenSSH, tmp_path: Path, algorithm: str) -> None:
    key_file = openssh.make_key(tmp_path / "host_key", SIGNATURES[algorithm])
    host_key = nacre.read_private_key(str(key_file))
    async with peer(openssh, tmp_path, f"HostKeyAlgorithms {algorithm}", server_host_keys=[host_key]) as ssh:
        public = key_file.with_suffix(".pub").read_text().split()[:2]
        ssh.known_hosts.write_text(f"[127.0.0.1]:{ssh.port} {' '.join(public)}\n")
        assert agreed(await echo_through(ssh), "host key algorithm") == algorithm


@pytest.mark.parametrize("algorithm", SIGNATURES)
@asynctest
async def test_ssh_user_key(openssh: OpenSSH, tmp_path: Path, algorithm: str) -> None:
    key = openssh.make_key(tmp_path / "key", SIGNATURES[algorithm])
    lines = (f"PubkeyAcceptedAlgorithms {algorithm}", f"IdentityFile {key}")
    async with peer(openssh, tmp_path, *lines, authorized_client_keys=str(key.with_suffix(".pub"))) as ssh:
        await echo_through(ssh)


# ---------------------------------------------------------------- nacre against sshd


async def cat(connection: nacre.SSHClientConnection) -> None:
    done = await connection.run("cat; exit 7", input=DATA, encoding=None)
    assert done.stdout == DATA
    assert done.exit_status == 7


@pytest.mark.parametrize("kex", KEX)
@asynctest
async def test_sshd_key_exchange(sshd: Sshd, kex: str) -> None:
    need_kex(sshd.openssh, kex)
    async with connected(sshd, kex_algs=[kex]) as connection:
        await cat(connection)


@pytest.mark.parametrize(("cipher", "mac"), SUITES)
@asynctest
async def test_sshd_cipher_and_mac(sshd: Sshd, cipher: str, mac: str) -> None:
    async with connected(sshd, encryption_algs=[cipher], mac_algs=[mac]) as connection:
        await cat(connection)
        assert connection.get_extra_info("send_cipher") == cipher
        assert connection.get_extra_info("recv_cipher") == cipher
        if cipher in CTR:
            assert connection.get_extra_info("send_mac") == mac
            assert connection.get_extra_info("recv_mac") == mac


@pytest.mark.parametrize("algorithm", SIGNATURES)
@asynctest
async def test_sshd_host_key(openssh: OpenSSH, tmp_path: Path, algorithm: str) -> None:
    with Sshd(openssh, tmp_path, host_key_types=(SIGNATURES[algorithm],)) as sshd:
        async with connected(sshd, server_host_key_algs=[algorithm]) as connection:
            await cat(connection)
            key = connection.get_server_host_key()
            assert key is not None
            assert algorithm in key.sig_algorithms


@pytest.mark.parametrize("algorithm", SIGNATURES)
@asynctest
async def test_sshd_user_key(openssh: OpenSSH, tmp_path: Path, algorithm: str) -> None:
    options = (f"PubkeyAcceptedAlgorithms {algorithm}",)
    with Sshd(openssh, tmp_path, options=options) as sshd:
        key = openssh.make_key(tmp_path / "key", SIGNATURES[algorithm])
        sshd.authorized_keys.write_bytes(key.with_suffix(".pub").read_bytes())
        # sshd 9.2 announces more in server-sig-algs than it is told to accept: the choice is ours.
        async with connected(sshd, client_keys=str(key), signature_algs=[algorithm]) as connection:
            await cat(connection)


def test_the_reference_itself(sshd: Sshd) -> None:
    """OpenSSH against OpenSSH passes the same data: a failure above is not the test's own."""
    done = client_of(sshd).run("cat; exit 7", data=DATA)
    assert (done.returncode, done.stdout) == (7, DATA)
