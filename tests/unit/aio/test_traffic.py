"""Classes of traffic, and the sockets that are told."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from nacre.aio.traffic import Marker, code

#: As in <netinet/ip.h> and the RFCs.
CODES = {
    "af11": 0x28,
    "af12": 0x30,
    "af21": 0x48,
    "af33": 0x78,
    "af41": 0x88,
    "af43": 0x98,
    "cs0": 0x00,
    "cs1": 0x20,
    "cs7": 0xE0,
    "ef": 0xB8,
    "le": 0x04,
    "0xff": 0xFF,
    "0x00": 0,
    "lowdelay": 0x10,
    "throughput": 0x08,
    "reliability": 0x04,
    "none": None,
}


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    with socket.socket() as made:
        yield made


def tos(sock: socket.socket) -> int:
    return sock.getsockopt(socket.IPPROTO_IP, socket.IP_TOS)


def test_names() -> None:
    assert {name: code(name) for name in CODES} == CODES


def test_somebody_who_types_stays_interactive(sock: socket.socket) -> None:
    marker = Marker(0x48, 0x20)
    marker.connected(sock)
    assert tos(sock) == 0x48
    for has_terminal, expected in ((False, 0x20), (True, 0x48), (False, 0x48)):
        marker.session_opens(sock, has_terminal=has_terminal)
        assert tos(sock) == expected


def test_none_leaves_the_socket_alone(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 0x08)
    marker = Marker(None, None)
    marker.session_opens(sock, has_terminal=False)
    marker.session_opens(sock, has_terminal=True)
    assert tos(sock) == 0x08


def test_other_sockets(caplog: pytest.LogCaptureFixture) -> None:
    if socket.has_ipv6:
        with socket.socket(socket.AF_INET6) as sock:
            Marker(0x48, 0x20).session_opens(sock, has_terminal=True)
            assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS) == 0x48
    marker = Marker(1, 1)
    marker.session_opens(None, has_terminal=True)
    with closing(socket.socket()) as gone:
        gone.close()
        caplog.set_level("INFO", "nacre")
        marker.session_opens(gone, has_terminal=True)
    assert "the class of traffic is not set" in caplog.text
