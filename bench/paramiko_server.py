"""A server with Paramiko: a thread for each connection and for each command.

Owns: what the commands of `bench.commands` do there. Must not know: who the client is.

    python -m bench.paramiko_server SETTINGS.json
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import paramiko

from bench.commands import ECHO, SINK, WRITE, read_source


def pin(transport: Any, settings: dict[str, Any]) -> None:
    """Let a transport negotiate what the settings say, and nothing else."""
    names = {"encryption_algs": "ciphers", "mac_algs": "digests", "kex_algs": "kex"}
    security = transport.get_security_options()
    for ours, theirs in names.items():
        if ours in settings:
            known = [name for name in settings[ours] if name in getattr(security, theirs)]
            if known:
                setattr(security, theirs, known)


class Transport(paramiko.Transport):
    """Starts a command when the answer to its request has been sent: one that ends at once would precede it."""

    starting: threading.Thread | None = None

    def _send_message(self, data: Any) -> None:
        super()._send_message(data)
        # The thread of the transport answers requests; others send for commands that run.
        if self.starting is not None and threading.current_thread() is self:
            self.starting.start()
            self.starting = None


class Server(paramiko.ServerInterface):
    """Lets the user's key in, and runs commands."""

    def __init__(self, key: str, transport: Transport) -> None:
        self._key = key
        self._transport = transport

    def check_auth_publickey(self, username: str, key: Any) -> int:
        """Let one key in."""
        known: bool = key.get_base64() == self._key
        return int(paramiko.AUTH_SUCCESSFUL if known else paramiko.AUTH_FAILED)

    def get_allowed_auths(self, username: str) -> str:
        """Say which methods there are."""
        return "publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        """Let sessions be opened."""
        return int(paramiko.OPEN_SUCCEEDED)

    def check_channel_pty_request(self, *_: Any) -> bool:
        """Give a terminal."""
        return True

    def check_channel_shell_request(self, channel: Any) -> bool:
        """Start what echoes."""
        return self.check_channel_exec_request(channel, ECHO.encode())

    def check_channel_exec_request(self, channel: Any, command: bytes) -> bool:
        """Start a command."""
        thread = threading.Thread(target=run, args=(channel, command.decode()), daemon=True)
        self._transport.starting = thread
        return True


def run(channel: Any, command: str) -> None:
    """Do what a command says."""
    if command == SINK:
        with open("/dev/null", "wb", buffering=0) as sink:
            while data := channel.recv(WRITE):
                sink.write(data)
    elif command == ECHO:
        channel.sendall(b"R")
        while data := channel.recv(4096):
            channel.sendall(data)
    elif (wanted := read_source(command)) is not None:
        path, left = wanted
        with open(path, "rb", buffering=0) as file:
            while left:
                channel.sendall(file.read(WRITE))
                left -= WRITE
    channel.send_exit_status(0)
    channel.close()


def main() -> None:
    """Serve until the end, after saying where."""
    settings = json.loads(Path(sys.argv[1]).read_text())
    host_key = paramiko.Ed25519Key(filename=settings["host"])
    allowed = Path(settings["authorized_keys"]).read_text().split()[1]
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    sys.stdout.write(json.dumps({"port": listener.getsockname()[1]}) + "\n")
    sys.stdout.flush()

    def serve(connection: socket.socket) -> None:
        transport = Transport(connection)
        pin(transport, settings)
        transport.add_server_key(host_key)
        transport.start_server(event=threading.Event(), server=Server(allowed, transport))

    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        serve(connection)


if __name__ == "__main__":
    main()
