"""The PROXY header: both versions at every cut, and what cannot be taken."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nacre.aio import limits
from nacre.aio.proxy_header import Header, HeaderError, parse
from tests.support.cases import each_case

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def binary(command: int, family: int, body: bytes) -> bytes:
    return SIGNATURE + struct.pack(">BBH", command, family, len(body)) + body


V4 = socket.inet_aton("192.0.2.1") + socket.inet_aton("198.51.100.2") + struct.pack(">HH", 4711, 22)
V6 = (
    socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    + socket.inet_pton(socket.AF_INET6, "2001:db8::2")
    + struct.pack(">HH", 4711, 22)
)
SOURCE, DESTINATION = ("192.0.2.1", 4711), ("198.51.100.2", 22)
GOOD = {
    b"PROXY TCP4 192.0.2.1 198.51.100.2 4711 22\r\n": (SOURCE, DESTINATION),
    b"PROXY TCP6 2001:db8::1 2001:db8::2 4711 22\r\n": (("2001:db8::1", 4711), ("2001:db8::2", 22)),
    b"PROXY UNKNOWN\r\n": (None, None),
    b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535 and more\r\n": (None, None),
    binary(0x21, 0x11, V4): (SOURCE, DESTINATION),
    binary(0x21, 0x11, V4 + b"\x03\0\x04abcd"): (SOURCE, DESTINATION),
    binary(0x21, 0x21, V6): (("2001:db8::1", 4711), ("2001:db8::2", 22)),
    binary(0x21, 0x31, bytes(216)): (None, None),
    binary(0x21, 0x00, b""): (None, None),
    binary(0x20, 0x00, b""): (None, None),
    binary(0x20, 0x11, V4): (None, None),  # the balancer's own: a check whether we are there
}


@each_case("header", GOOD)
def test_headers_at_every_cut(header: bytes) -> None:
    source, destination = GOOD[header]
    for cut in range(len(header)):
        assert parse(header[:cut]) is None
    for more in (b"", b"SSH-2.0-x\r\n", b"PROXY "):
        assert parse(header + more) == Header(len(header), source, destination)


@each_case(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"P R",
        b"\r\n\r\nX",
        b"PROXY TCP4 192.0.2.1 198.51.100.2 4711 22\n".ljust(107, b"x"),
        b"PROXY \r\n",
        b"PROXY  UNKNOWN\r\n",
        b"PROXY UDP4 192.0.2.1 198.51.100.2 4711 22\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.2 4711\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.2 4711 22 \r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.2 4711 65536\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.2 04711 22\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.2 -1 22\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.2 4711 \xd9\xa2\r\n",
        b"PROXY TCP4 2001:db8::1 2001:db8::2 4711 22\r\n",
        b"PROXY TCP6 192.0.2.1 198.51.100.2 4711 22\r\n",
        b"PROXY TCP6 fe80::1%eth0 fe80::2 4711 22\r\n",
        b"PROXY TCP4 192.0.2.256 198.51.100.2 4711 22\r\n",
        binary(0x11, 0x11, V4),
        binary(0x22, 0x11, V4),
        binary(0x21, 0x12, V4),
        binary(0x21, 0x11, V4[:-1]),
        binary(0x21, 0x21, V6[:-1]),
        binary(0x21, 0x31, bytes(215)),
    ],
)
def test_what_cannot_be_taken(data: bytes) -> None:
    with pytest.raises(HeaderError, match="PROXY header"):
        parse(data)


def test_a_header_is_bounded_before_it_is_stored() -> None:
    head = SIGNATURE + struct.pack(">BBH", 0x21, 0x11, limits.PROXY_HEADER - 15)
    with pytest.raises(HeaderError, match="more than"):
        parse(head)
    assert parse(head[:-2] + struct.pack(">H", limits.PROXY_HEADER - 16)) is None


@given(st.one_of(st.binary(max_size=120), st.binary(max_size=60).map(lambda tail: SIGNATURE + tail)))
def test_whatever_comes_is_a_header_an_error_or_too_short(data: bytes) -> None:
    try:
        header = parse(data)
    except HeaderError:
        return
    assert header is None or 0 < header.size <= len(data)
