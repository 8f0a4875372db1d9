"""OpenSSH's ssh, both versions, against nacre: every algorithm and every type of key, one by one.

Each carries data through a few exchanges of keys: the second set of keys and what follows it count too.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

import nacre
from nacre.aio import powers
from tests.interop.programs import CIPHERS, CTR_CIPHERS, FINITE_FIELDS, KEX, KEYS, MACS, peer
from tests.support import x509
from tests.support.face import asynctest
from tests.support.openssh import OpenSSH, Ssh

pytestmark = pytest.mark.requires("ssh")

DATA = os.urandom(100 * 1024)
#: The client asks for new keys twice in that much data, or more often: before it sends a full packet, it takes
#: its bytes for blocks. Each time costs it five times as much as the data.
REKEY = "RekeyLimit 40K"
_ALL_MACS = {"mac_algs": MACS}


async def carries_data(ssh: Ssh, *said: str) -> None:
    """Check that data comes back, through several key exchanges, and what ssh says of the first one."""
    done = await ssh.communicate("echo", data=DATA)
    log = done.stderr.decode(errors="replace")
    assert done.returncode == 0, log
    assert done.stdout == DATA
    for line in said:
        assert line in log, log
    assert log.count("SSH2_MSG_NEWKEYS received") >= 3, log


@pytest.mark.parametrize("kex", KEX)
@asynctest
async def test_each_key_exchange(openssh: OpenSSH, tmp_path: Path, kex: str) -> None:
    if not openssh.knows("kex", kex):
        assert (openssh.version, kex) == ("9.2", "mlkem768x25519-sha256")
        pytest.skip(f"OpenSSH {openssh} has no {kex}")
    lines = (f"KexAlgorithms {kex}", REKEY, "LogLevel DEBUG1")
    async with peer(openssh, tmp_path, *lines, kex_algs=f"+{kex}") as ssh:
        await carries_data(ssh, f"kex: algorithm: {kex}\r\n")


@pytest.mark.parametrize("kex", FINITE_FIELDS)
@asynctest
async def test_each_finite_field(
    openssh: OpenSSH, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kex: str
) -> None:
    monkeypatch.setattr(powers, "_budget", powers.Budget())  # what the other tests spent is theirs
    # ssh asks for a group as strong as its cipher: with this one for 3072 bits. The longest there is has a name too.
    lines = (f"KexAlgorithms {kex}", "Ciphers aes128-gcm@openssh.com", "RekeyLimit 64K", "LogLevel DEBUG1")
    async with peer(openssh, tmp_path, *lines, kex_algs=f"+{kex}") as ssh:
        done = await ssh.communicate("echo", data=DATA[: 70 * 1024])
        log = done.stderr.decode(errors="replace")
        assert (done.returncode, done.stdout) == (0, DATA[: 70 * 1024]), log
        assert f"kex: algorithm: {kex}\r\n" in log
        assert log.count("SSH2_MSG_NEWKEYS received") >= 2, log


@asynctest
async def test_a_source_that_has_spent_its_budget_is_told(
    openssh: OpenSSH, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = powers.Budget()
    budget.charge("127.0.0.1", 60.0)
    monkeypatch.setattr(powers, "_budget", budget)
    kex = "diffie-hellman-group14-sha256"
    async with peer(openssh, tmp_path, f"KexAlgorithms {kex}", kex_algs=f"+{kex}") as ssh:
        done = await ssh.communicate("exit 0")
        assert (done.returncode, b"try again later" in done.stderr) == (255, True), done.stderr


@asynctest
async def test_compression(openssh: OpenSSH, tmp_path: Path) -> None:
    zlib = {"compression_algs": ["zlib@openssh.com", "none"]}
    async with peer(openssh, tmp_path, "Compression yes", REKEY, "LogLevel DEBUG1", **zlib) as ssh:
        await carries_data(ssh, "compression: zlib@openssh.com\r\n", "Enabling compression at level 6.")
    async with peer(openssh, tmp_path, "LogLevel DEBUG1", **zlib) as ssh:
        done = await ssh.communicate("exit 3")
        assert (done.returncode, b"compression: none" in done.stderr) == (3, True), done.stderr


@pytest.mark.parametrize("cipher", CIPHERS)
@asynctest
async def test_each_cipher(openssh: OpenSSH, tmp_path: Path, cipher: str) -> None:
    mac = "hmac-sha2-256-etm@openssh.com" if cipher in CTR_CIPHERS else "<implicit>"
    async with peer(openssh, tmp_path, f"Ciphers {cipher}", REKEY, "LogLevel DEBUG1") as ssh:
        await carries_data(
            ssh,
            f"kex: client->server cipher: {cipher} MAC: {mac}",
            f"kex: server->client cipher: {cipher} MAC: {mac}",
        )


@pytest.mark.parametrize("mac", MACS)
@asynctest
async def test_each_mac(openssh: OpenSSH, tmp_path: Path, mac: str) -> None:
    lines = ("Ciphers aes256-ctr", f"MACs {mac}", REKEY, "LogLevel DEBUG1")
    async with peer(openssh, tmp_path, *lines, **_ALL_MACS) as ssh:
        await carries_data(
            ssh,
            f"kex: client->server cipher: aes256-ctr MAC: {mac} ",
            f"kex: server->client cipher: aes256-ctr MAC: {mac} ",
        )


@cache
def host_keys() -> list[nacre.SSHKey]:
    """One host key of each type."""
    names = [algorithm for _, algorithm in KEYS if not algorithm.startswith("rsa")]
    return [*map(nacre.generate_private_key, names), x509.KEYS["ssh-rsa"]]


@pytest.mark.parametrize("algorithm", [algorithm for _, algorithm in KEYS])
@asynctest
async def test_each_host_key(openssh: OpenSSH, tmp_path: Path, algorithm: str) -> None:
    lines = (f"HostKeyAlgorithms {algorithm}", REKEY, "LogLevel DEBUG1")
    async with peer(openssh, tmp_path, *lines, server_host_keys=host_keys()) as ssh:
        await carries_data(ssh, f"kex: host key algorithm: {algorithm}\r\n")


@pytest.fixture(scope="module")
def user_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for keys of each type, made once."""
    return tmp_path_factory.mktemp("keys")


@pytest.mark.parametrize(("key_type", "algorithm"), KEYS)
@asynctest
async def test_each_user_key(
    openssh: OpenSSH, tmp_path: Path, user_keys: Path, key_type: str, algorithm: str
) -> None:
    key = openssh.make_key(user_keys / key_type, key_type)
    lines = (f"PubkeyAcceptedAlgorithms {algorithm}", "LogLevel DEBUG3")
    authorized = str(key.with_suffix(".pub"))
    async with peer(openssh, tmp_path, *lines, authorized_client_keys=authorized) as basis:
        ssh = Ssh(openssh, basis.port, "user", key, basis.known_hosts, basis.options)
        done = await ssh.communicate("exit 0")
        log = done.stderr.decode(errors="replace")
        assert done.returncode == 0, log
        assert f"signing using {algorithm} " in log, log
        # The server says what it takes (RFC 8308): else ssh would not dare to use SHA-2 with RSA.
        assert "server-sig-algs=<ssh-ed25519," in log


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("KexAlgorithms diffie-hellman-group14-sha256", "no matching key exchange method"),
        ("KexAlgorithms ecdh-sha2-nistp256", "no matching key exchange method"),
        ("Ciphers aes128-cbc", "no matching cipher"),
        ("HostKeyAlgorithms ssh-rsa", "no matching host key type"),
        ("HostKeyAlgorithms ecdsa-sha2-nistp256", "no matching host key type"),
        ("PubkeyAcceptedAlgorithms ssh-rsa", "Permission denied"),
    ],
)
@asynctest
async def test_what_is_not_offered(
    openssh: OpenSSH, tmp_path: Path, user_keys: Path, line: str, told: str
) -> None:
    """Nothing of SHA-1, CBC or finite fields; ECDSA host keys where there is such a key alone."""
    key = openssh.make_key(user_keys / "rsa-2048", "rsa-2048")
    authorized = str(key.with_suffix(".pub"))
    keys = {"server_host_keys": [x509.KEYS["ssh-rsa"]], "authorized_client_keys": authorized}
    async with peer(openssh, tmp_path, line, **keys) as basis:
        ssh = Ssh(openssh, basis.port, "user", key, basis.known_hosts, basis.options)
        done = await ssh.communicate("exit 0")
        assert (done.returncode, told in done.stderr.decode()) == (255, True), done.stderr


@pytest.mark.parametrize("mac", ["hmac-sha2-256", "hmac-sha2-512", "hmac-sha1", "umac-64@openssh.com"])
@asynctest
async def test_macs_that_are_not_offered_unasked(openssh: OpenSSH, tmp_path: Path, mac: str) -> None:
    async with peer(openssh, tmp_path, "Ciphers aes128-ctr", f"MACs {mac}") as ssh:
        done = await ssh.communicate("exit 0")
        assert (done.returncode, b"no matching MAC" in done.stderr) == (255, True), done.stderr
