"""Clients that do harm, each in a process of its own.

Owns: what they send and do not send. Must not know: whom they attack, or what comes of it.

    python -m bench.security_flood KIND PORT SOURCES SECONDS COUNT

It prints a line when it has begun, and one with what it saw at its end.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import struct
import sys
import time
from typing import Final

_RESET: Final = struct.pack("ii", 1, 0)
_NO_PORT: Final = 24  # IP_BIND_ADDRESS_NO_PORT
#: Connections that one flooder has under way.
AT_ONCE: Final = 64


def dial(port: int, source: str) -> socket.socket:
    """Return a socket that is being connected."""
    sock = socket.socket()
    sock.setblocking(False)
    # A reset at the end leaves nothing in TIME_WAIT, so that ports do not run out.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    sock.setsockopt(socket.IPPROTO_IP, _NO_PORT, 1)
    sock.bind((source, 0))
    sock.connect_ex(("127.0.0.1", port))
    return sock


def flood(port: int, sources: list[str], seconds: float, count: int) -> dict[str, float]:
    """Connect as fast as it goes; each connection is dropped once the server has said or done anything.

    The first `count` are held.
    """
    selector = selectors.DefaultSelector()
    greeted = refused = failed = 0
    held: list[socket.socket] = []
    number = 0

    def another() -> None:
        nonlocal number
        number += 1
        selector.register(dial(port, sources[number % len(sources)]), selectors.EVENT_READ)

    for _ in range(max(AT_ONCE, count)):
        another()
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        for key, _ in selector.select(0.1):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            selector.unregister(sock)
            try:
                data = sock.recv(64)
            except OSError:
                data = b""
                failed += 1
            if data.startswith(b"SSH-"):
                greeted += 1
            else:
                refused += 1
            if data.startswith(b"SSH-") and len(held) < count:
                held.append(sock)
            else:
                sock.close()
            another()
    return {"greeted": greeted, "refused": refused, "failed": failed, "seconds": time.monotonic() - began}


def stay(port: int, sources: list[str], seconds: float, count: int, what: bytes) -> dict[str, float]:
    """Open so many connections, send the same on each, and hold them."""
    held = []
    for number in range(count):
        sock = socket.create_connection(("127.0.0.1", port), 30, (sources[number % len(sources)], 0))
        sock.recv(4096)
        with contextlib.suppress(OSError):
            sock.sendall(what)
        held.append(sock)
    begun()
    sys.stdin.readline()
    return {"held": len(held)}


def drip(port: int, sources: list[str], seconds: float, count: int, text: bytes) -> dict[str, float]:
    """Send one byte a second on each of many connections, until all are dropped or the time is over.

    The first line of the text, where it has one, is sent at once.
    """
    line, end, rest = text.partition(b"\n")
    text = rest if end else text
    living = [
        socket.create_connection(("127.0.0.1", port), 30, (sources[number % len(sources)], 0))
        for number in range(count)
    ]
    if end:
        for sock in living:
            sock.sendall(line + end)
    begun()
    began = last = time.monotonic()
    for tick in range(4 * len(text)):
        if not living or tick > 4 * seconds:
            break
        for sock in living[:]:
            try:
                if _ended(sock):
                    raise ConnectionResetError
                if not tick % 4:
                    sock.send(text[tick // 4 :][:1])
            except OSError:
                sock.close()
                living.remove(sock)
                last = time.monotonic()
        time.sleep(max(0.0, began + (tick + 1) / 4 - time.monotonic()))
    return {"left": len(living), "seconds": last - began}


def _ended(sock: socket.socket) -> bool:
    """Return whether the server has ended the connection."""
    sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while sock.recv(65536):
            pass
        return True
    return False


def begun() -> None:
    """Say that it has begun."""
    sys.stdout.write("begun\n")
    sys.stdout.flush()


def main() -> None:
    """Do what the command line says."""
    kind, port, sources, seconds, count = sys.argv[1:6]
    given = (int(port), sources.split(","), float(seconds), int(count))
    if kind == "flood":
        begun()
        seen = flood(*given)
    elif kind in ("drip", "drop"):
        packet = b"SSH-2.0-drop\r\n" + b"\0\0\x80\0\4\x14" + bytes(240)
        seen = drip(*given, b"SSH-2.0-" + b"x" * 240 if kind == "drip" else packet)
    else:
        what = {
            "idle": b"SSH-2.0-idle\r\n",
            "fill": b"SSH-2.0-fill\r\n" + b"\0\0\xff\xfc\4\x14" + bytes(65_000),
            "vast": b"SSH-2.0-vast\r\n" + b"\0\3\xff\xfc\4\x14" + bytes(200_000),
        }
        seen = stay(*given, what[kind])
    sys.stdout.write(json.dumps(seen) + "\n")


if __name__ == "__main__":
    main()
