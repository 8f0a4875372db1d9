"""nacre against OpenSSH's sshd, both versions: every algorithm and every type of key, one by one.

Each carries data through a few exchanges of keys, as in test_matrix_server.py. nacre offers the one algorithm
alone, so that a connection shows that it was the one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import nacre
from tests.interop.programs import AEAD_CIPHERS, CIPHERS, FINITE_FIELDS, KEX, KEY_TYPES, KEYS, MACS, connected
from tests.support.face import asynctest
from tests.support.openssh import VERSIONS, OpenSSH, Sshd, find

pytestmark = pytest.mark.requires("sshd")

DATA = os.urandom(260 * 1024)
#: We ask for new keys twice in that much data; it cannot be much less.
REKEY = {"rekey_bytes": "100k"}


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """An sshd of each version in turn, with a host key and an authorized user key of each type."""
    directory = tmp_path_factory.mktemp("sshd")
    options = ["MaxAuthTries 20", "LogLevel DEBUG1"]
    with Sshd(find(request.param), directory, options=options, host_key_types=KEY_TYPES) as sshd:
        with sshd.authorized_keys.open("ab") as authorized:
            for key_type in KEY_TYPES:
                key = sshd.openssh.make_key(directory / f"user_{key_type}", key_type)
                authorized.write(key.with_suffix(".pub").read_bytes())
        yield sshd


_NEW_KEYS = "SSH2_MSG_NEWKEYS received"


async def carries_data(server: Sshd, connection: nacre.SSHClientConnection) -> None:
    """Check that data comes back, through several key exchanges."""
    before = server.log.count(_NEW_KEYS)
    done = await connection.run("cat; exit 7", input=DATA, encoding=None)
    assert done.exit_status == 7
    assert done.stdout == DATA
    server.wait_for_log(_NEW_KEYS, before + 2)


@pytest.mark.parametrize("kex", KEX)
@asynctest
async def test_each_key_exchange(server: Sshd, kex: str) -> None:
    if not server.openssh.knows("kex", kex):
        assert (server.openssh.version, kex) == ("9.2", "mlkem768x25519-sha256")
        with pytest.raises(nacre.KeyExchangeFailed):
            async with connected(server, kex_algs=[kex]):
                pass
        return
    async with connected(server, kex_algs=[kex], **REKEY) as connection:
        await carries_data(server, connection)


@pytest.mark.parametrize("kex", FINITE_FIELDS)
@asynctest
async def test_each_finite_field(openssh: OpenSSH, tmp_path: Path, kex: str) -> None:
    # sshd 10 offers none of them by default.
    with Sshd(openssh, tmp_path, options=[f"KexAlgorithms {kex}", "LogLevel DEBUG1"]) as sshd:
        async with connected(sshd, kex_algs=[kex], rekey_bytes="100k") as connection:
            done = await connection.run("cat; exit 7", input=DATA[: 160 * 1024], encoding=None)
            assert (done.exit_status, done.stdout) == (7, DATA[: 160 * 1024])
        sshd.wait_for_log(f"kex: algorithm: {kex}")
        sshd.wait_for_log(_NEW_KEYS, 2)


@asynctest
async def test_compression(server: Sshd) -> None:
    async with connected(server, compression_algs=["zlib@openssh.com"], **REKEY) as connection:
        await carries_data(server, connection)
        assert connection.get_extra_info("send_compression") == "zlib@openssh.com"
        assert connection.get_extra_info("recv_compression") == "zlib@openssh.com"
        done = await connection.run("cat", input="hello " * 100_000)
        assert done.stdout == "hello " * 100_000


@pytest.mark.parametrize("cipher", CIPHERS)
@asynctest
async def test_each_cipher(server: Sshd, cipher: str) -> None:
    async with connected(server, encryption_algs=[cipher], **REKEY) as connection:
        await carries_data(server, connection)
        assert connection.get_extra_info("send_cipher") == cipher
        assert connection.get_extra_info("recv_cipher") == cipher
        if cipher not in AEAD_CIPHERS:
            assert connection.get_extra_info("recv_mac") == "hmac-sha2-256-etm@openssh.com"


@pytest.mark.parametrize("mac", MACS)
@asynctest
async def test_each_mac(server: Sshd, mac: str) -> None:
    options = {"encryption_algs": ["aes256-ctr"], "mac_algs": [mac]}
    async with connected(server, **options, **REKEY) as connection:
        await carries_data(server, connection)
        assert connection.get_extra_info("send_mac") == mac
        assert connection.get_extra_info("recv_mac") == mac


@pytest.mark.parametrize(("key_type", "algorithm"), KEYS)
@asynctest
async def test_each_host_key(server: Sshd, key_type: str, algorithm: str) -> None:
    public = server.host_keys[key_type].with_suffix(".pub").read_text()
    async with connected(server, server_host_key_algs=[algorithm], **REKEY) as connection:
        await carries_data(server, connection)
        key = connection.get_server_host_key()
        assert key is not None
        assert key.export_public_key().decode().split()[:2] == public.split()[:2]


@pytest.mark.parametrize(("key_type", "algorithm"), KEYS)
@asynctest
async def test_each_user_key(server: Sshd, key_type: str, algorithm: str) -> None:
    key = nacre.read_private_key(str(server.directory / f"user_{key_type}"))
    # sshd 9.2 announces more in server-sig-algs than it is told to accept: the choice is ours.
    async with connected(server, client_keys=[key], signature_algs=[algorithm]) as connection:
        assert (await connection.run("exit 3")).exit_status == 3
    server.wait_for_log(f"{key.get_fingerprint()}")


@asynctest
async def test_each_key_is_tried_until_one_fits(server: Sshd) -> None:
    strangers = [nacre.generate_private_key("ssh-ed25519") for _ in range(5)]
    keys = [*strangers, str(server.user_key)]
    async with connected(server, client_keys=keys) as connection:
        assert (await connection.run("exit 3")).exit_status == 3


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("KexAlgorithms diffie-hellman-group14-sha256", "key exchange"),
        ("Ciphers aes128-cbc", "cipher"),
        ("MACs hmac-sha1,umac-64@openssh.com", "MAC"),
        ("HostKeyAlgorithms ssh-rsa", "host key"),
    ],
)
@asynctest
async def test_what_is_not_offered(server: Sshd, line: str, told: str) -> None:
    """A server that has legacy algorithms alone gets a clear end, with the word for what is missing."""
    options = [line, "Ciphers aes128-ctr"]
    host_keys = ("rsa-2048",) if "HostKey" in line else ("ed25519",)
    directory = server.directory / line.split(maxsplit=1)[0]
    with (
        Sshd(server.openssh, directory, options=options, host_key_types=host_keys) as sshd,
        pytest.raises(nacre.KeyExchangeFailed, match=f"(?i){told}") as failed,
    ):
        async with connected(sshd):
            pass
    assert "would connect" in str(failed.value) or "none of what the peer offers" in str(failed.value)
