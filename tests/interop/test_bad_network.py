"""OpenSSH and nacre over a network that splits, delays, alters, loses, falls silent and cuts."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import nacre
from tests.interop.programs import peer
from tests.support.face import OpenServer, asynctest, client_options, serving
from tests.support.openssh import OpenSSH, Ssh, Sshd
from tests.support.proxy import Damage, Ending, Proxy

pytestmark = pytest.mark.requires("ssh")

SIZE = 1 << 19
#: In the middle of data, long after the keys are there.
LATER = 200_000


@asynccontextmanager
async def client(openssh: OpenSSH, directory: Path, **damage: Damage) -> AsyncIterator[Ssh]:
    """An ssh that reaches a nacre server through a proxy."""
    async with peer(openssh, directory) as ssh:
        with Proxy(ssh.port, **damage) as proxy:
            known = ssh.known_hosts.read_text().replace(f":{ssh.port} ", f":{proxy.port} ")
            ssh.known_hosts.write_text(known)
            yield dataclasses.replace(ssh, port=proxy.port)


@asynccontextmanager
async def connection(sshd: Sshd, **damage: Damage) -> AsyncIterator[nacre.SSHClientConnection]:
    """A nacre client of an sshd, through a proxy."""
    with Proxy(sshd.port, **damage) as proxy:
        options = {
            "config": None,
            "username": sshd.user,
            "client_keys": str(sshd.user_key),
            "known_hosts": sshd.known_hosts(f"[127.0.0.1]:{proxy.port}").encode(),
        }
        async with await nacre.connect("127.0.0.1", proxy.port, **options) as connected:
            yield connected


# ---------------------------------------------------------------- what nobody may notice


DULL = {
    "bytes": {"up": Damage(piece=1), "down": Damage(piece=1)},
    "late": {"up": Damage(piece=97, delay=0.001), "down": Damage(piece=89, delay=0.001)},
}


@asynctest
async def _ssh_over_a_dull_network(openssh: OpenSSH, directory: Path, kind: str) -> None:
    data = os.urandom(4000)
    async with client(openssh, directory, **DULL[kind]) as ssh:
        done = await ssh.communicate("hash", data=data)
        assert done.stdout.decode() == f"{len(data)} {hashlib.sha256(data).hexdigest()}\n"
        assert done.returncode == 0


@pytest.mark.parametrize("kind", DULL)
def test_ssh_over_a_dull_network(openssh: OpenSSH, tmp_path: Path, kind: str) -> None:
    _ssh_over_a_dull_network(openssh, tmp_path, kind)


@asynctest
async def _sshd_over_a_dull_network(sshd: Sshd, kind: str) -> None:
    data = os.urandom(4000)
    async with connection(sshd, **DULL[kind]) as connected:
        done = await connected.run("cat; exit 3", input=data, encoding=None)
        assert (done.stdout, done.exit_status) == (data, 3)


@pytest.mark.requires("sshd")
@pytest.mark.parametrize("kind", DULL)
def test_sshd_over_a_dull_network(sshd: Sshd, kind: str) -> None:
    _sshd_over_a_dull_network(sshd, kind)


# ---------------------------------------------------------------- what ends the connection


FLIP = Damage(flip=8 * LATER + 3)
SPOILT: dict[str, dict[str, Damage]] = {
    "flip up": {"up": FLIP},
    "flip down": {"down": FLIP},
    "drop up": {"up": Damage(drop=range(LATER, LATER + 7))},
    "drop down": {"down": Damage(drop=range(LATER, LATER + 16))},
    "close": {"down": Damage(cut=LATER)},
    "reset": {"up": Damage(cut=LATER, ending=Ending.RESET)},
    "flip in an identification": {"up": Damage(flip=8 * 9)},
    "flip in a KEXINIT": {"down": Damage(flip=8 * 150)},
}


@asynctest
async def _ssh_over_a_network_that_spoils(openssh: OpenSSH, directory: Path, kind: str) -> None:
    async with client(openssh, directory, **SPOILT[kind]) as ssh:
        done = await ssh.communicate("echo", data=bytes(SIZE))
        assert done.returncode == 255
        # What came came before the damage, and is what was sent.
        assert len(done.stdout) < SIZE
        assert not done.stdout.strip(b"\0")


@pytest.mark.parametrize("kind", SPOILT)
def test_ssh_over_a_network_that_spoils(openssh: OpenSSH, tmp_path: Path, kind: str) -> None:
    _ssh_over_a_network_that_spoils(openssh, tmp_path, kind)


@asynctest
async def _sshd_over_a_network_that_spoils(sshd: Sshd, kind: str) -> None:
    came = b""
    try:
        async with connection(sshd, **SPOILT[kind]) as connected:
            process = await connected.create_process("cat", encoding=None)
            process.stdin.write(bytes(SIZE))
            process.stdin.write_eof()
            while piece := await process.stdout.read(1 << 16):
                came += piece
            assert (await process.wait()).exit_status is None
    except (nacre.DisconnectError, OSError):
        pass
    assert len(came) < SIZE
    assert not came.strip(b"\0")


@pytest.mark.requires("sshd")
@pytest.mark.parametrize("kind", SPOILT)
def test_sshd_over_a_network_that_spoils(sshd: Sshd, kind: str) -> None:
    _sshd_over_a_network_that_spoils(sshd, kind)


# ---------------------------------------------------------------- nacre at both ends


class Server(OpenServer):
    """Counts its connections."""

    def __init__(self, book: list[asyncio.Event]) -> None:
        self._ended = asyncio.Event()
        book.append(self._ended)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.set()


async def _echo(process: nacre.SSHServerProcess[str]) -> None:
    process.stdout.write(await process.stdin.readline())
    process.exit(0)


async def _talk(port: int) -> str:
    async with await nacre.connect("127.0.0.1", port, **client_options()) as connected:
        done = await connected.run("x", input="hello\n")
        return str(done.stdout)


@pytest.mark.parametrize("way", ["up", "down"])
@pytest.mark.parametrize("ending", list(Ending))
def test_a_session_that_is_cut_anywhere_leaves_nothing(way: str, ending: Ending) -> None:
    @asynctest
    async def cuts() -> None:
        book: list[asyncio.Event] = []
        async with serving(server_factory=lambda: Server(book), process_factory=_echo) as listener:
            for cut in range(0, 3200, 160):
                with Proxy(listener.get_port(), **{way: Damage(cut=cut, ending=ending)}) as proxy:
                    try:
                        came = await _talk(proxy.port)
                    except (nacre.DisconnectError, nacre.ChannelOpenError, OSError):
                        continue
                    assert came in ("", "hello\n"), cut
            for ended in book:
                await ended.wait()
        assert len(book) > 10

    cuts()


def test_silence_is_found_out_by_both_ends() -> None:
    @asynctest
    async def silence() -> None:
        lost = asyncio.Event()

        class Silent(OpenServer):
            def connection_lost(self, exc: Exception | None) -> None:
                lost.set()

        options = {"keepalive_interval": 0.05, "keepalive_count_max": 20}
        async with serving(server_factory=Silent, process_factory=_echo, **options) as listener:
            # Both directions: one that still speaks would be heard.
            silent = {"up": Damage(silent=2500), "down": Damage(silent=2500)}
            with Proxy(listener.get_port(), **silent) as proxy:
                async with await nacre.connect("127.0.0.1", proxy.port, **client_options(**options)) as one:
                    await one.wait_closed()
                await lost.wait()

    silence()
