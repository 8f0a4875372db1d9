"""What `nc` does, as programs for Python: machines for tests need not have one."""

from __future__ import annotations

from typing import Final

__all__ = ["NETCAT", "PASSING"]

#: Copies between its standard input and output and a socket, as `nc` does.
NETCAT: Final = """
import os, selectors, socket, sys
far = socket.create_connection((sys.argv[1], int(sys.argv[2])))
ways = selectors.DefaultSelector()
ways.register(0, selectors.EVENT_READ, lambda data: far.sendall(data))
ways.register(far.fileno(), selectors.EVENT_READ, lambda data: os.write(1, data))
while True:
    for key, _ in ways.select():
        data = os.read(key.fd, 65536)
        if not data:
            raise SystemExit
        key.data(data)
"""
#: Hands over its connection and ends, as `nc -F` does.
PASSING: Final = """
import socket, sys
far = socket.create_connection((sys.argv[1], int(sys.argv[2])))
socket.send_fds(socket.socket(fileno=1), [bytes(1)], [far.fileno()])
"""
