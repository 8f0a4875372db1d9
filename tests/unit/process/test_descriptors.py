"""Descriptors: which ones the loop waits for, and reading and writing them."""

from __future__ import annotations

import asyncio
import io
import os
import pty
import socket
import threading
from pathlib import Path

import pytest

from nacre.process import descriptors
from nacre.process.descriptors import DescriptorSink, DescriptorSource, SocketSink
from tests.support.face import asynctest


def test_what_the_loop_waits_for(tmp_path: Path) -> None:
    read, write = os.pipe()
    leader, follower = pty.openpty()
    disk = os.open(tmp_path / "x", os.O_CREAT)
    null = os.open(os.devnull, os.O_RDWR)
    assert [descriptors.waits(one) for one in (read, write, leader, follower, disk, null)] == [True] * 4 + [
        False
    ] * 2
    for descriptor in (read, write, leader, follower, disk, null):
        os.close(descriptor)


def test_numbers() -> None:
    assert descriptors.number(io.BytesIO()) is None
    assert descriptors.number(object()) is None
    with open(os.devnull) as file:
        assert descriptors.number(file) == file.fileno()


@asynctest
async def test_a_pipe_that_fills_up() -> None:
    read, write = os.pipe()
    source = DescriptorSource(read, lambda: os.close(read))
    sink = DescriptorSink(write, lambda: os.close(write))
    data = os.urandom(1_000_000)
    writing = asyncio.create_task(sink.write(data))
    await asyncio.sleep(0)
    assert not writing.done()
    got = b""
    while len(got) < len(data):
        got += await source.read(1)
    assert got == data
    await writing
    waiting = asyncio.create_task(source.read(1))
    await asyncio.sleep(0)
    assert not waiting.done()
    await sink.close(end=True)
    assert await waiting == b""
    await source.close()


@asynctest
async def test_the_end_of_a_terminal_is_an_end() -> None:
    leader, follower = pty.openpty()
    assert descriptors.set_terminal_size(leader, (10, 20, 0, 0))
    assert os.get_terminal_size(follower) == (10, 20)
    source = DescriptorSource(leader, lambda: os.close(leader))
    os.write(follower, b"x")
    os.close(follower)
    assert await source.read(10) == b"x"
    assert await source.read(10) == b""
    await source.close()
    with pytest.raises(OSError):
        await source.read(10)


@asynctest
async def test_a_socket_stays_open() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sink = SocketSink(ours)
        await sink.write(b"x")
        await sink.close(end=False)
        await sink.close(end=True)
        assert (theirs.recv(10), theirs.recv(10)) == (b"x", b"")
        assert not descriptors.set_terminal_size(ours.fileno(), (1, 1, 0, 0))


@asynctest
async def test_a_thread_is_waited_for() -> None:
    free = threading.Event()
    ended: list[int] = []

    def work() -> None:
        free.wait(10)
        ended.append(1)

    task = asyncio.create_task(descriptors.in_thread(work))
    await asyncio.sleep(0)
    task.cancel()
    free.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [1]
