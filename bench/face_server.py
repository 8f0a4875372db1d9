"""The server of nacre and of AsyncSSH: one program, the public names of both are the same.

Owns: what the commands of `bench.commands` do there, once as callback sessions, once as streams.
Must not know: which of the two it is.

    python -m bench.face_server SETTINGS.json
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import sys
from pathlib import Path
from typing import Any

from bench.commands import ECHO, SINK, TRUE, WRITE, ZEROS, read_source


def algorithms(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the options that pin what is negotiated."""
    chosen: dict[str, Any] = {"compression_algs": ["none"]}
    for name in ("encryption_algs", "mac_algs", "kex_algs", "rekey_bytes"):
        if name in settings:
            chosen[name] = settings[name]
    return chosen


class Session:
    """A callback session: the library's own session class comes behind it."""

    command: str | None = None
    left = 0
    paused = False
    sink = False

    def connection_made(self, chan: Any) -> None:
        self.chan = chan

    def pty_requested(self, *_: Any) -> bool:
        return True

    def shell_requested(self) -> bool:
        return True

    def exec_requested(self, command: str) -> bool:
        self.command = command
        return True

    def session_started(self) -> None:
        command = self.command
        if command == TRUE:
            self.chan.exit(0)
        elif command == SINK:
            self.sink = True
        elif command == ECHO:
            self.chan.write(b"R")
        elif (wanted := read_source(command)) is not None:
            self.left = wanted[1]
            self.pump()

    def pump(self) -> None:
        write = self.chan.write
        while self.left and not self.paused:
            self.left -= WRITE
            write(ZEROS)
        if not self.left:
            self.left = -1
            self.chan.exit(0)

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if self.left > 0:
            self.pump()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        if not self.sink:
            self.chan.write(data)

    def eof_received(self) -> bool:
        if self.left <= 0:  # a program that only sends is not asked whether it reads
            self.chan.exit(0)
        return True


async def run_process(process: Any) -> None:
    """Do what the command of a process says."""
    command = process.command
    if command == SINK:
        with open("/dev/null", "wb", buffering=0) as sink:
            while data := await process.stdin.read(WRITE):
                sink.write(data)
    elif command == ECHO or command is None:
        if command:
            process.stdout.write(b"R")
        while data := await process.stdin.read(4096):
            process.stdout.write(data)
    elif (wanted := read_source(command)) is not None:
        path, left = wanted
        with open(path, "rb", buffering=0) as file:
            while left:
                process.stdout.write(file.read(WRITE))
                left -= WRITE
                await process.stdout.drain()
    process.exit(0)


async def serve(settings: dict[str, Any]) -> None:
    """Serve until the end, after saying where."""
    module = importlib.import_module(settings["server"])
    session = type("BenchSession", (Session, module.SSHServerSession), {})

    class Server(module.SSHServer):
        def session_requested(self) -> Any:
            return session()

    options: dict[str, Any] = {
        "server_host_keys": [settings["host"]],
        "authorized_client_keys": settings["authorized_keys"],
        "encoding": None,
        "line_editor": False,
        "login_timeout": 120,
        "backlog": 1024,
        **algorithms(settings),
    }
    if settings["server"] == "nacre":
        # So many clients log in at once here, from one address, that its bounds would refuse them.
        options["max_unauthenticated"] = 1024
    if settings["server_style"] == "streams":
        options["process_factory"] = run_process
    server = await module.create_server(Server, "127.0.0.1", 0, **options)
    gc.collect()
    sys.stdout.write(json.dumps({"port": server.get_port()}) + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(json.loads(Path(sys.argv[1]).read_text())))
