"""`nacre keyscan`: what it prints is what known_hosts takes."""

from __future__ import annotations

import asyncio
import io
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import nacre
import nacre.sshfp

KEYS = [nacre.generate_private_key(name) for name in ("ssh-ed25519", "ecdsa-sha2-nistp256")]


@contextmanager
def server() -> Iterator[int]:
    """A server with two keys, in a loop of its own."""
    ports: list[int] = []
    started = threading.Event()
    ended: list[asyncio.Event] = []
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        async with await nacre.listen("127.0.0.1", 0, server_host_keys=KEYS) as acceptor:
            ports.append(acceptor.get_port())
            loops.append(asyncio.get_running_loop())
            ended.append(asyncio.Event())
            started.set()
            await ended[0].wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert started.wait(30)
        yield ports[0]
    finally:
        loops[0].call_soon_threadsafe(ended[0].set)
        thread.join(30)


def test_the_keys_of_a_host(run):
    with server() as port:
        done = run("keyscan", "-p", str(port), "127.0.0.1")
        assert (done.status, done.err) == (0, "")
        trusted, _, _, *_ = nacre.import_known_hosts(done.out).match("127.0.0.1", "", port)
        assert trusted == [key.convert_to_public() for key in KEYS]
        done = run("keyscan", "-H", "-p", str(port), "127.0.0.1")
        assert "127.0.0.1" not in done.out
        assert nacre.import_known_hosts(done.out).match("127.0.0.1", "", port)[0] == trusted
        done = run("keyscan", "-D", "-p", str(port), "-t", "ed25519", "127.0.0.1")
        assert done.out.splitlines() == nacre.sshfp.record_lines("127.0.0.1", KEYS[0])
        done = run("keyscan", "-p", str(port), "-t", "ed25519", "127.0.0.1")
        assert len(done.out.splitlines()) == 1
        done = run("keyscan", "-p", str(port), "-t", "rsa", "127.0.0.1")
        assert (done.status, done.out) == (1, "")
        assert "no key of these types" in done.err


def test_hosts_of_a_file_and_one_that_does_not_answer(run, tmp_path, monkeypatch):
    with server() as port:
        (tmp_path / "hosts").write_text("# hosts\n127.0.0.1\n\n")
        assert len(run("keyscan", "-p", str(port), "-f", str(tmp_path / "hosts")).out.splitlines()) == 2
        monkeypatch.setattr(sys, "stdin", io.StringIO("127.0.0.1\n"))
        assert len(run("keyscan", "-p", str(port), "-f", "-").out.splitlines()) == 2
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        closed = silent.getsockname()[1]
        done = run("keyscan", "-p", str(closed), "127.0.0.1")
        assert done.status == 1
        assert "127.0.0.1: " in done.err
        assert "refused" in done.err
        silent.listen()
        done = run("keyscan", "-T", "0.2", "-p", str(closed), "-t", "rsa", "127.0.0.1")
        assert done.err == "nacre: 127.0.0.1: no answer within 0.2 s\n"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ((), 1, "no host to ask"),
        (("-t", "dsa", "h"), 2, "'dsa' is not one of"),
        (("-f", "/nothing/here"), 1, "No such file"),
    ],
)
def test_a_mistake_is_one_line(run, arguments, status, words):
    done = run("keyscan", *arguments)
    assert done.status == status
    assert words in done.err


def test_several_addresses_of_a_host_and_the_names_to_write(run, tmp_path):
    with server() as port:
        scan = ("keyscan", "-p", str(port), "-t", "ed25519")
        names = [line.split()[0] for line in run(*scan, "-4", "127.0.0.1,name").out.splitlines()]
        assert names == [f"[127.0.0.1]:{port}", f"[name]:{port}"]
        (tmp_path / "hosts").write_text("# all\nno.such.invalid,127.0.0.1 one,two\n")
        done = run(*scan, "-f", str(tmp_path / "hosts"))
        assert [line.split()[0] for line in done.out.splitlines()] == [f"[one]:{port}", f"[two]:{port}"]
        assert (done.status, done.err) == (0, "")
        assert run(*scan, "-6", "127.0.0.1").status == 1
