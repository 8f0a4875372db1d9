"""A TCP proxy for tests that can fall silent, as a network does: no FIN, no RST, nothing.

Owns: `Proxy`. Must not know: what goes through it.
"""

from __future__ import annotations

import selectors
import socket
import threading
from typing import Final, Self

_CHUNK: Final = 1 << 16


class Proxy:
    """Forwards connections from a port of its own to another one of 127.0.0.1, inside `with`.

    Attributes:
        port: where clients connect.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._sockets: list[socket.socket] = []
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
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    self._woken.recv(_CHUNK)
                elif key.fileobj is self._listener:
                    self._accept()
                elif not self._cut.is_set():
                    self._forward(key.fileobj, key.data)
            if self._cut.is_set():
                for each in self._sockets:
                    if each in self._selector.get_map():
                        self._selector.unregister(each)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.create_connection(("127.0.0.1", self._target))
        self._sockets += [client, server]
        self._selector.register(client, selectors.EVENT_READ, server)
        self._selector.register(server, selectors.EVENT_READ, client)

    def _forward(self, source: object, sink: socket.socket) -> None:
        assert isinstance(source, socket.socket)
        try:
            data = source.recv(_CHUNK)
            if data:
                sink.sendall(data)
            else:
                self._selector.unregister(source)
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            for each in (source, sink):
                if each in self._selector.get_map():
                    self._selector.unregister(each)
                each.close()
