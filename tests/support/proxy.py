"""A TCP proxy for tests that does to a connection what networks do: it delays, splits, alters, loses and cuts.

Owns: `Proxy`, and `Damage`, which says what happens to the bytes of one direction. Must not know: what goes
through it.
"""

from __future__ import annotations

import heapq
import itertools
import selectors
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Self

_CHUNK: Final = 1 << 16
#: SO_LINGER with no time at all: closing is a reset.
_AT_ONCE: Final = struct.pack("ii", 1, 0)


class Ending(Enum):
    """How a connection is cut."""

    CLOSE = "FIN"
    RESET = "RST"


@dataclass(frozen=True)
class Damage:
    """What happens to the bytes of one direction of each connection; offsets are in bytes from its first.

    Attributes:
        piece: bytes that are sent at once; 0: as they come.
        delay: seconds that each piece is held back behind the one before.
        flip: the bit that is turned: 8 times its byte's offset, and its place in that byte.
        drop: the bytes that are left out.
        cut: after so many bytes both directions end.
        ending: how.
        silent: after so many bytes nothing goes through, in this direction, and nobody is told.
    """

    piece: int = 0
    delay: float = 0.0
    flip: int | None = None
    drop: range = field(default=range(0))
    cut: int | None = None
    ending: Ending = Ending.CLOSE
    silent: int | None = None


@dataclass
class _Way:
    """One direction of one connection."""

    sink: socket.socket
    damage: Damage
    seen: int = 0
    due: float = 0.0

    def treat(self, data: bytes) -> tuple[list[bytes], bool]:
        """Return the pieces to send, and whether the connection is to be cut behind them."""
        damage, start = self.damage, self.seen
        self.seen += len(data)
        treated = bytearray(data)
        if damage.flip is not None and start <= damage.flip // 8 < self.seen:
            treated[damage.flip // 8 - start] ^= 1 << damage.flip % 8
        if damage.drop:
            treated = bytearray(octet for at, octet in enumerate(treated, start) if at not in damage.drop)
        ends = [end for end in (damage.cut, damage.silent) if end is not None]
        if ends:
            del treated[max(0, min(ends) - start) :]
        size = damage.piece or len(treated) or 1
        pieces = [bytes(treated[at : at + size]) for at in range(0, len(treated), size)]
        return pieces, damage.cut is not None and self.seen >= damage.cut


class Proxy:
    """Forwards connections from a port of its own to another one of 127.0.0.1, inside `with`.

    Args:
        target: the other port.
        up: what happens to what clients send.
        down: what happens to what the server sends.

    Attributes:
        port: where clients connect.
    """

    def __init__(self, target: int, up: Damage = Damage(), down: Damage = Damage()) -> None:
        self._target = target
        self._damages = up, down
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._sockets: list[socket.socket] = []
        self._late: list[tuple[float, int, socket.socket, bytes]] = []
        self._order = itertools.count()
        self._cut = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._selector.register(self._woken, selectors.EVENT_READ, None)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._wake.send(b"x")
        self._thread.join()
        for each in (*self._sockets, self._listener, self._wake, self._woken):
            each.close()
        self._selector.close()

    def cut(self) -> None:
        """Forward nothing any more, and say so to nobody."""
        self._cut.set()
        self._wake.send(b"x")

    def _run(self) -> None:
        while not self._over.is_set():
            for key, _ in self._selector.select(self._send_late()):
                if key.fileobj is self._woken:
                    self._woken.recv(_CHUNK)
                elif key.fileobj is self._listener:
                    self._accept()
                elif not self._cut.is_set():
                    assert isinstance(key.fileobj, socket.socket)
                    if key.fileobj.fileno() >= 0:  # not ended by what came just before
                        self._forward(key.fileobj, key.data)
            if self._cut.is_set():
                for each in self._sockets:
                    self._forget(each)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.create_connection(("127.0.0.1", self._target))
        up, down = self._damages
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sockets += [client, server]
        self._selector.register(client, selectors.EVENT_READ, _Way(server, up))
        self._selector.register(server, selectors.EVENT_READ, _Way(client, down))
        if up.cut == 0 or down.cut == 0:
            self._end(client, server, up.ending if up.cut == 0 else down.ending)

    def _forward(self, source: socket.socket, way: _Way) -> None:
        try:
            data = source.recv(_CHUNK)
            pieces, over = way.treat(data)
            for piece in pieces:
                if way.damage.delay:
                    self._hold(way, piece)
                else:
                    way.sink.sendall(piece)
            if over:
                self._end(source, way.sink, way.damage.ending)
            elif not data:
                self._forget(source)
                if way.damage.delay:
                    self._hold(way, b"")
                else:
                    way.sink.shutdown(socket.SHUT_WR)
        except OSError:
            self._end(source, way.sink, Ending.CLOSE)

    def _hold(self, way: _Way, piece: bytes) -> None:
        way.due = max(way.due, time.monotonic()) + way.damage.delay
        heapq.heappush(self._late, (way.due, next(self._order), way.sink, piece))

    def _send_late(self) -> float | None:
        """Send what was held back long enough; returns how long the next has to wait."""
        while self._late:
            due, _, sink, piece = self._late[0]
            wait = due - time.monotonic()
            if wait > 0:
                return wait
            heapq.heappop(self._late)
            try:
                if piece:
                    sink.sendall(piece)
                else:
                    sink.shutdown(socket.SHUT_WR)
            except OSError:  # whoever it was for has gone
                self._forget(sink)
        return None

    def _end(self, one: socket.socket, other: socket.socket, ending: Ending) -> None:
        for each in (one, other):
            self._forget(each)
            if ending is Ending.RESET and each.fileno() >= 0:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            each.close()

    def _forget(self, each: socket.socket) -> None:
        if each.fileno() >= 0 and each in self._selector.get_map():
            self._selector.unregister(each)
