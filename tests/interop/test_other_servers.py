"""nacre's client against other people's servers: Dropbear's and TinySSH.

Both are run as inetd runs them, one process for each connection, in mounts of their own where the home of root
is the test's. What they have been tried with beyond this, and many more servers, is in docs/peers.md.
"""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

import nacre
from nacre.guesses import recall, remember
from tests.support import system, x509
from tests.support.face import asynctest

DATA: Final = os.urandom(400 * 1024)
_PATIENCE: Final = 120

#: The programs find the keys that may come in by the home of the account, which is nobody's to choose but root's.
_AT_HOME: Final = ("unshare", "--mount", "sh", "-ec", 'mount --bind "$1" "$2"; shift 2; exec "$@"', "sh")


@dataclass(frozen=True)
class Server:
    """A server that speaks on its standard input and output.

    Attributes:
        command: how it is started.
        host_key: its key, as a line of known_hosts has it.
        sessions: how many it lets one connection have.
    """

    command: tuple[str, ...]
    host_key: str
    sessions: int


def _program(name: str) -> str:
    found = system.program(name)
    assert found is not None
    return str(found)


def _dropbear(directory: Path) -> Server:
    key = directory / "host_key"
    made = subprocess.run(
        ["dropbearkey", "-t", "ed25519", "-f", key],
        check=True,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
    )
    public = next(line for line in made.stdout.splitlines() if line.startswith("ssh-"))
    return Server((_program("dropbear"), "-i", "-r", str(key)), " ".join(public.split()[:2]), 5)


def _tinysshd(directory: Path) -> Server:
    keys = directory / "keys"
    subprocess.run([_program("tinysshd-makekey"), "-q", keys], check=True, timeout=_PATIENCE)
    raw = (keys / "ed25519.pk").read_bytes()
    blob = b"\0\0\0\x0bssh-ed25519" + len(raw).to_bytes(4, "big") + raw
    public = nacre.import_public_key(b"ssh-ed25519 " + base64.b64encode(blob))
    return Server(
        (_program("tinysshd"), str(keys)), " ".join(public.export_public_key().decode().split()[:2]), 1
    )


_SERVERS: Final = {"dropbear": _dropbear, "tinysshd": _tinysshd}
both_servers = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=system.requires(name, "root")) for name in _SERVERS]
)


@asynccontextmanager
async def connected(
    name: str, directory: Path, algorithm: str = "ssh-ed25519", **options: Any
) -> AsyncIterator[tuple[nacre.SSHClientConnection, Server]]:
    """A connection to a server, which has been told our key and whose own is checked."""
    server = _SERVERS[name](directory)
    home = directory / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    home.chmod(0o700)
    key = x509.KEYS[algorithm]
    key.write_public_key(home / ".ssh" / "authorized_keys")
    (home / ".ssh" / "authorized_keys").chmod(0o600)
    options = {
        "proxy_command": [*_AT_HOME, str(home), str(Path("~root").expanduser()), *server.command],
        "config": None,
        "username": "root",
        "agent_path": None,
        "client_keys": [key],
        "known_hosts": f"server {server.host_key}\n".encode(),
        **options,
    }
    async with nacre.connect("server", **options) as connection:
        yield connection, server


@both_servers
@asynctest
async def test_commands(name: str, tmp_path: Path) -> None:
    async with connected(name, tmp_path) as (connection, server):
        assert name.removesuffix("d") in connection.get_extra_info("server_version")
        done = await connection.run("echo out; echo err >&2; exit 7")
        assert (done.exit_status, done.stdout, done.stderr) == (7, "out\n", "err\n")
        if server.sessions == 1:
            with pytest.raises(nacre.ChannelOpenError):  # it refuses, or has gone
                await connection.run("true")
        else:
            done = await connection.run("cat", input=DATA, encoding=None)
            assert (done.exit_status, done.stdout) == (0, DATA)
            done = await connection.run("kill -TERM $$")
            assert done.exit_signal is not None
            assert done.exit_signal[0] == "TERM"


@both_servers
@asynctest
async def test_data_through_new_keys(name: str, tmp_path: Path) -> None:
    async with connected(name, tmp_path, rekey_bytes="128k") as (connection, _):
        done = await connection.run("cat; exit 7", input=DATA, encoding=None)
        assert (done.exit_status, done.stdout) == (7, DATA)


@both_servers
@asynctest
async def test_a_guess_of_the_key_exchange(name: str, tmp_path: Path) -> None:
    for each in ("first", "right", "wrong"):
        (tmp_path / each).mkdir()
    async with connected(name, tmp_path / "first"):
        kex, host_key = recall("server", 22) or ("", "")
    only = {"server_host_key_algs": [host_key]}
    async with connected(name, tmp_path / "right", kex_algs=[kex], **only) as (connection, _):
        assert (await connection.run("exit 7")).exit_status == 7
    if name == "tinysshd":
        return  # takes one name of curve25519-sha256 for the other, and so a guess that is wrong for a right one
    wrong = next(other for other in ("curve25519-sha256", "curve25519-sha256@libssh.org") if other != kex)
    remember("server", 22, (wrong, host_key))
    async with connected(name, tmp_path / "wrong", kex_algs=[wrong], **only) as (connection, _):
        assert (await connection.run("exit 7")).exit_status == 7
    assert recall("server", 22) == (kex, host_key)


@both_servers
@asynctest
async def test_a_terminal(name: str, tmp_path: Path) -> None:
    async with connected(name, tmp_path) as (connection, _):
        done = await connection.run("stty size; echo $TERM", term_type="xterm", term_size=(101, 31))
        assert done.stdout == "31 101\r\nxterm\r\n"


@pytest.mark.requires("dropbear", "root")
@pytest.mark.parametrize("algorithm", ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp521", "ssh-rsa"])
@asynctest
async def test_each_user_key(algorithm: str, tmp_path: Path) -> None:
    async with connected("dropbear", tmp_path, algorithm) as (connection, _):
        assert (await connection.run("exit 7")).exit_status == 7
