"""Sockets of TCP that know what they are."""

from __future__ import annotations

import socket

import pytest

from nacre.aio.sockets import stream_socket

ANY = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_they_are_what_they_say_and_so_are_those_that_they_accept(family: int) -> None:
    with stream_socket(family) as listener, stream_socket(family) as client:
        listener.bind((ANY[family], 0))
        listener.listen()
        client.connect(listener.getsockname())
        accepted, address = listener.accept()
        with accepted:
            assert address == client.getsockname()
            for sock in (listener, client, accepted):
                plain = socket.socket(fileno=socket.dup(sock.fileno()))
                with plain:
                    # asyncio switches Nagle's algorithm off by these three
                    assert (sock.family, sock.type, sock.proto) == (plain.family, plain.type, plain.proto)
                    assert sock.proto == socket.IPPROTO_TCP
            client.sendall(b"x")
            assert accepted.recv(1) == b"x"
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_of_other_families_they_are_those_of_python() -> None:
    with stream_socket(socket.AF_UNIX, 0) as sock:
        assert type(sock) is socket.socket
