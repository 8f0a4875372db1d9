"""The identification string (RFC 4253 section 4.2), read before anything else.

Owns: finding the peer's line in what was received, and judging it. Must not know: packets.
"""

from __future__ import annotations

from typing import Final

from nacre.errors import ProtocolError, ProtocolNotSupported
from nacre.protocol import limits
from nacre.protocol.settings import Role

#: "1.99" is a server that also speaks SSH 1 (RFC 4253 section 5.1).
_VERSIONS: Final = (b"SSH-2.0-", b"SSH-1.99-")
_PRINTABLE: Final = bytes(range(0x20, 0x7F))


class IdentReader:
    """Finds the identification string in the first bytes of a connection.

    Args:
        role: ours. A client also reads lines before the server's identification string; a client
            has none to send (RFC 4253 section 4.2 gives that right to the server alone).
    """

    __slots__ = ("_lines", "_role")

    def __init__(self, role: Role) -> None:
        self._role = role
        self._lines = 0

    def feed(self, data: memoryview) -> tuple[int, str | None]:
        """Look at what was received and not yet used.

        Returns:
            How many bytes are used up, and the identification string without CR LF once it is
            there.

        Raises:
            ProtocolError: a line is too long, or there are too many.
            ProtocolNotSupported: the peer is no SSH 2 peer.
        """
        used = 0
        while True:
            window = bytes(data[used : used + limits.IDENT_BANNER_LINE + 1])
            end = window.find(b"\n")
            line = window if end < 0 else window[: end + 1]
            is_ident = line.startswith(b"SSH-")
            self._check(line, complete=end >= 0, is_ident=is_ident)
            if end < 0:
                return used, None
            used += end + 1
            if is_ident:
                return used, _parse(line)
            self._lines += 1

    def _check(self, line: bytes, *, complete: bool, is_ident: bool) -> None:
        could_be_ident = b"SSH-".startswith(line[:4])
        if self._role is Role.SERVER and not is_ident and not could_be_ident:
            raise ProtocolNotSupported("the first line of a client must be its SSH identification")
        if is_ident and len(line) > limits.IDENT_LINE:
            raise ProtocolError(f"an identification of more than {limits.IDENT_LINE} bytes")
        if not is_ident and len(line) > limits.IDENT_BANNER_LINE:
            raise ProtocolError("a line before the identification is too long")
        if not is_ident and complete and self._lines >= limits.IDENT_BANNER_LINES:
            raise ProtocolError("too many lines before the identification")


def _parse(line: bytes) -> str:
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    if not line.startswith(_VERSIONS):
        shown = line[:40].decode("ascii", "backslashreplace")
        raise ProtocolNotSupported(f"SSH-2.0 expected, the peer says {shown!r}")
    if line.translate(None, _PRINTABLE):
        raise ProtocolError("an identification must be printable US-ASCII")
    return line.decode("ascii")
