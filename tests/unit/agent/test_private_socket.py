"""A UNIX socket for one user."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from pathlib import Path

import pytest

from nacre.agent import private_socket
from nacre.agent.private_socket import listen_privately, peer_uid
from tests.support.face import asynctest, reported


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data)
        await writer.drain()


def mode(path: str | Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


@asynctest
async def test_in_a_directory_of_its_own() -> None:
    async with await listen_privately(echo, prefix="nacre-test-") as listening:
        assert mode(listening.path) == 0o600
        assert mode(Path(listening.path).parent) == 0o700
        reader, writer = await asyncio.open_unix_connection(listening.path)
        writer.write(b"hello")
        assert await reader.read(100) == b"hello"
    assert not os.path.exists(os.path.dirname(listening.path))
    assert await reader.read() == b""
    writer.close()
    listening.close()


@asynctest
async def test_at_a_path(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    before = os.umask(0)
    try:
        async with await listen_privately(echo, path):
            assert mode(path) == 0o600
            with pytest.raises(OSError, match="in use"):
                await listen_privately(echo, path)
            assert os.path.exists(path)
    finally:
        os.umask(before)
    assert os.listdir(tmp_path) == []
    with pytest.raises(OSError):
        await listen_privately(echo, str(tmp_path / "missing" / "socket"))
    (tmp_path / "file").write_text("kept")
    with pytest.raises(OSError):
        await listen_privately(echo, str(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "kept"


@asynctest
async def test_whoever_is_another_user_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert peer_uid(ours) == os.geteuid()
    async with await listen_privately(echo) as listening:
        monkeypatch.setattr(private_socket, "peer_uid", lambda sock: os.geteuid() + 1)
        reader, writer = await asyncio.open_unix_connection(listening.path)
        assert await reader.read() == b""
        writer.close()


@asynctest
async def test_connections_are_counted() -> None:
    async with await listen_privately(echo, max_clients=1) as listening:
        _, first = await asyncio.open_unix_connection(listening.path)
        reader, second = await asyncio.open_unix_connection(listening.path)
        assert await reader.read() == b""
        first.close()
        second.close()


@asynctest
async def test_what_fails_is_told_and_ends_one_connection() -> None:
    async def fail(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(1) == b"f":
            raise RuntimeError("broken")
        raise ConnectionResetError("gone")

    async with await listen_privately(fail) as listening:
        for sent in (b"f", b"o"):
            reader, writer = await asyncio.open_unix_connection(listening.path)
            writer.write(sent)
            assert await reader.read() == b""
            writer.close()
    assert [str(context["exception"]) for context in reported()] == ["broken"]
