"""The PROXY header, versions 1 and 2: what a load balancer says before a client's first byte.

Owns: the parsing of the header (HAProxy's "The PROXY protocol", 2020/03/05). Must not know: who may send
one, or what becomes of it.
"""

from __future__ import annotations

import ipaddress
import struct
from typing import Final

from nacre.aio import limits
from nacre.wire.record import record

#: Section 2.1: the longest line, CR LF included.
_LINE: Final = 107
_WORD: Final = b"PROXY "
#: Section 2.2.
_SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
_FIXED: Final = 16
_LOCAL, _PROXY = 0x20, 0x21
#: Family and protocol, with the length of the addresses: unspecified, TCP over IPv4 and IPv6, UNIX.
_UNSPECIFIED, _TCP4, _TCP6, _UNIX = 0x00, 0x11, 0x21, 0x31
_ADDRESSES: Final = {_UNSPECIFIED: 0, _TCP4: 12, _TCP6: 36, _UNIX: 216}

Endpoint = tuple[str, int]


class HeaderError(ValueError):
    """What came is no PROXY header, or one that cannot be taken."""


@record
class Header:
    """What a load balancer said.

    Attributes:
        size: of the header, in bytes.
        source: where the client comes from; None: this connection is the balancer's own, or comes
            from something without an address.
        destination: where the client went to; None likewise.
    """

    size: int
    source: Endpoint | None = None
    destination: Endpoint | None = None


def parse(data: bytes) -> Header | None:
    """Parse the header at the beginning of what came.

    Returns:
        The header; None: it is not complete.

    Raises:
        HeaderError: it is none, or cannot be taken.
    """
    if data.startswith(_SIGNATURE[: len(data)]):
        return _binary(data)
    if data.startswith(_WORD[: len(data)]):
        return _line(data)
    raise HeaderError("a load balancer's connection does not begin with a PROXY header")


# ------------------------------------------------------------ version 1


def _line(data: bytes) -> Header | None:
    line, end, _ = data[:_LINE].partition(b"\r\n")
    if not end:
        if len(data) >= _LINE:
            raise HeaderError("a PROXY header without an end")
        return None
    size = len(line) + len(end)
    try:
        words = line.decode("ascii").split(" ")
    except UnicodeDecodeError:
        raise HeaderError("a PROXY header that is not ASCII") from None
    if words[1] == "UNKNOWN":
        return Header(size)
    if len(words) != 6 or words[1] not in ("TCP4", "TCP6"):
        raise HeaderError("a PROXY header that is neither TCP4, TCP6 nor UNKNOWN")
    _, family, source, destination, source_port, destination_port = words
    version = 4 if family == "TCP4" else 6
    return Header(
        size,
        (_address(source, version), _port(source_port)),
        (_address(destination, version), _port(destination_port)),
    )


def _address(text: str, version: int) -> str:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        raise HeaderError("a PROXY header with something that is no address") from None
    if found.version != version or "%" in text:
        raise HeaderError("a PROXY header with an address of another family")
    return str(found)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5) or text != str(int(text)):
        raise HeaderError("a PROXY header with something that is no port")
    if int(text) > 0xFFFF:
        raise HeaderError("a PROXY header with a port that there is not")
    return int(text)


# ------------------------------------------------------------ version 2


def _binary(data: bytes) -> Header | None:
    if len(data) < _FIXED:
        return None
    command, family, length = struct.unpack_from(">BBH", data, len(_SIGNATURE))
    size = _FIXED + length
    if command not in (_LOCAL, _PROXY):
        raise HeaderError("a PROXY header of a version or command that there is not")
    if size > limits.PROXY_HEADER:
        raise HeaderError(f"a PROXY header of more than {limits.PROXY_HEADER} bytes")
    if command == _PROXY and (family not in _ADDRESSES or length < _ADDRESSES[family]):
        raise HeaderError("a PROXY header whose addresses are not TCP's, or not there")
    if len(data) < size:
        return None
    if command == _LOCAL or family in (_UNSPECIFIED, _UNIX):
        return Header(size)
    source, destination, ports = (4, 8, 12) if family == _TCP4 else (16, 32, 36)
    addresses = data[_FIXED : _FIXED + ports]
    source_port, destination_port = struct.unpack_from(">HH", addresses, destination)
    return Header(
        size,
        (str(ipaddress.ip_address(addresses[:source])), source_port),
        (str(ipaddress.ip_address(addresses[source:destination])), destination_port),
    )
