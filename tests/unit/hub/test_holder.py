"""The holder's own rules, seen from its socket."""

import asyncio
import json
import os
import select
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from nacre.hub import frames, holder
from nacre.hub.frames import Frame
from nacre.hub.paths import socket_address
from tests.unit.hub.conftest import TERMINAL, UID
from tests.unit.hub.test_sessions import run, start, until

SRC = Path(holder.__file__).resolve().parents[2]


def connect(manager, info) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(120)
    with socket_address(manager._socket(info.id)) as address:
        while True:
            try:
                connection.connect(address)
                return connection
            except BlockingIOError:  # its backlog is full for a moment
                os.sched_yield()


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff" * 64,
        b"GET / HTTP/1.1\r\n\r\n",
        frames.encode(Frame.INPUT, b"not the viewer"),
        frames.encode(Frame.ATTACH, b"short"),
        frames.encode(Frame.OUTPUT, b"the wrong way"),
        frames.encode_size(Frame.ATTACH, 80, 24, 0, 0) + frames.encode(Frame.SIGNAL, b"\xff"),
        frames.encode_size(Frame.ATTACH, 80, 24, 0, 0) + frames.encode(Frame.EXIT, b"{}"),
    ],
)
def test_garbage_ends_that_connection_and_nothing_else(make_sessions, garbage):
    async def body():
        async with make_sessions() as manager:
            info = await start(manager, "/bin/cat")
            connection = connect(manager, info)
            connection.sendall(garbage)
            await asyncio.to_thread(_read_to_end, connection)
            connection.close()
            attachment = await manager.attach(info.id, TERMINAL)
            await attachment.write(b"alive\n")
            await until(attachment, b"alive")

    run(body())


def _read_to_end(connection: socket.socket) -> None:
    while connection.recv(4096):
        pass


def test_connections_are_bounded(make_sessions):
    async def body():
        async with make_sessions() as manager:
            info = await start(manager, "/bin/cat")
            connections = [connect(manager, info) for _ in range(24)]
            # Those beyond the bound are closed at once; the others are kept, until they are silent for too long.
            closed: list[socket.socket] = []
            while len(closed) < 24 - 16:
                closed, _, _ = select.select(connections, [], [], 120)
                assert closed
            assert len(closed) == 24 - 16
            for connection in connections:
                connection.close()
            attachment = await manager.attach(info.id, TERMINAL)
            await attachment.write(b"alive\n")
            await until(attachment, b"alive")

    run(body())


@pytest.mark.requires("root")
def test_another_uid_is_turned_away(make_sessions):
    async def body():
        async with make_sessions() as manager:
            info = await start(manager, "/bin/cat")
            path = manager._socket(info.id)
            os.chmod(path, 0o666)
            os.chmod(path.parent, 0o711)
            code = (
                "import socket, sys; s = socket.socket(socket.AF_UNIX); s.settimeout(120); "
                "s.connect(sys.argv[1]); print(s.recv(1))"
            )
            done = await asyncio.to_thread(
                subprocess.run,
                ["/usr/bin/python3", "-I", "-c", code, str(path)],
                user=UID + 1,
                group=UID + 1,
                extra_groups=[],
                capture_output=True,
                timeout=120,
            )
            assert done.stdout == b"b''\n", done.stderr

    run(body())


def test_it_imports_nothing_but_the_standard_library():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import nacre.hub.holder; "
        "print(*sorted(name for name in sys.modules if name.partition('.')[0] not in sys.stdlib_module_names))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(SRC)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert set(done.stdout.split()) <= {
        "nacre",
        "nacre._version",
        "nacre.hub",
        "nacre.hub.frames",
        "nacre.hub.holder",
        "nacre.hub.pty",
        "nacre.hub.repaint",
        "__main__",
    }


def test_descendants():
    code = "sleep 100 & sh -c 'setsid sleep 100 & echo; wait' & wait"
    with subprocess.Popen(["/bin/sh", "-c", code], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        commands: list[str] = []
        while commands.count("sleep") < 2:  # they are still being executed
            found = list(holder.descendants(process.pid))
            commands = [Path(f"/proc/{pid}/comm").read_text().strip() for pid in found]
        for pid in found:
            os.kill(pid, 9)
        process.wait()
    assert process.pid not in found
    assert set(found).isdisjoint(holder.descendants(process.pid))


def test_what_it_needs_later_is_opened_before_it_is_ready(tmp_path):
    """Once it has said so, nobody hears what fails."""
    code = """
import os, sys
sys.path.insert(0, sys.argv[1])
from nacre.hub import holder
def full(path, *arguments, **options):
    raise OSError(24, "Too many open files")
os.open = full
holder.main()
"""
    ours, theirs = socket.socketpair()
    settings = {
        "uid": None,
        "listener": theirs.fileno(),
        "failure": 2,
        "home": str(tmp_path),
        "owner": os.geteuid(),
        "argv": ["/bin/cat"],
        "environment": {},
        "size": [80, 24, 0, 0],
        "modes": {},
        "detached": 0,
    }
    with ours, theirs:
        done = subprocess.run(
            [sys.executable, "-I", "-c", code, str(SRC)],
            input=json.dumps(settings),
            capture_output=True,
            text=True,
            pass_fds=[theirs.fileno()],
            timeout=120,
            check=False,
        )
    assert (done.returncode, done.stdout) == (0, "failed Too many open files\n"), done.stderr
