"""The identification string (RFC 4253 section 4.2)."""

from __future__ import annotations

import pytest

from nacre.errors import ProtocolError, ProtocolNotSupported
from nacre.protocol import limits
from nacre.protocol.ident import IdentReader
from nacre.protocol.settings import Role
from tests.support.cases import each_case


def read(data: bytes, role: Role = Role.CLIENT) -> tuple[int, str | None]:
    return IdentReader(role).feed(memoryview(data))


@each_case("role", Role)
@each_case(
    ("line", "version"),
    [
        (b"SSH-2.0-OpenSSH_9.2 Debian\r\n", "SSH-2.0-OpenSSH_9.2 Debian"),
        (b"SSH-2.0-x\n", "SSH-2.0-x"),  # "MAY accept a single Line Feed"
        (b"SSH-1.99-old\r\n", "SSH-1.99-old"),  # RFC 4253 section 5.1
    ],
)
def test_a_line_of_the_standard(role, line, version):
    assert read(line + b"\0\0\0\x0c", role) == (len(line), version)


@pytest.mark.parametrize("role", Role)
def test_it_may_come_octet_by_octet(role):
    line = b"SSH-2.0-x\r\n"
    reader = IdentReader(role)
    for size in range(len(line)):
        assert reader.feed(memoryview(line[:size])) == (0, None)
    assert reader.feed(memoryview(line)) == (len(line), "SSH-2.0-x")


@pytest.mark.parametrize("line", [b"SSH-1.5-old\r\n", b"SSH-3.0-new\r\n", b"SSH-2.1-x\r\n", b"SSH-\r\n"])
def test_another_version_is_not_supported(line):
    with pytest.raises(ProtocolNotSupported):
        read(line)


@pytest.mark.parametrize(
    "line", [b"SSH-2.0-\xff\r\n", b"SSH-2.0-a\0b\r\n", b"SSH-2.0-\x1b[2J\r\n", b"SSH-2.0-a\r\r\n"]
)
def test_what_is_not_printable_is_refused(line):
    with pytest.raises(ProtocolError):
        read(line)


def test_255_octets_and_no_more():
    longest = b"SSH-2.0-" + b"x" * (limits.IDENT_LINE - 10) + b"\r\n"
    assert len(longest) == 255
    assert read(longest)[0] == 255
    with pytest.raises(ProtocolError):
        read(longest.replace(b"x\r", b"xx\r"))
    with pytest.raises(ProtocolError):
        read(b"SSH-2.0-" + b"x" * 300)  # no need to wait for its end


def test_a_server_may_say_something_before():
    data = b"Authorised use only\r\n\r\nSSH-2.0-x\r\n"
    assert read(data, Role.CLIENT) == (len(data), "SSH-2.0-x")


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n", b"\0", b"ssh-2.0-x\r\n", b"\x16\x03\x01", b"SS\r\n"])
def test_a_client_may_not(data):
    with pytest.raises(ProtocolNotSupported):
        read(data, Role.SERVER)


def test_lines_before_it_are_bounded():
    lines = b"x\n" * limits.IDENT_BANNER_LINES
    assert read(lines + b"SSH-2.0-x\n")[1] == "SSH-2.0-x"
    with pytest.raises(ProtocolError):
        read(lines + b"x\n")
    with pytest.raises(ProtocolError):
        read(b"x" * (limits.IDENT_BANNER_LINE + 1))


def test_lines_are_counted_across_reads():
    reader = IdentReader(Role.CLIENT)
    for _ in range(limits.IDENT_BANNER_LINES):
        assert reader.feed(memoryview(b"x\n")) == (2, None)
    with pytest.raises(ProtocolError):
        reader.feed(memoryview(b"x\n"))
