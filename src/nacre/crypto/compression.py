"""Compression of payloads (RFC 4253 section 6.2): none, and zlib@openssh.com for who names it.

Owns: both directions of zlib, with a bound on what a payload may become. Must not know: when
compression begins; with zlib@openssh.com that is after authentication. `zlib`, which would inflate
what strangers send, never will be here (security history row 27).
"""

from __future__ import annotations

import zlib
from typing import Final, NoReturn

from nacre.crypto.registry import Algorithm, Family, Status, lookup, register
from nacre.errors import CompressionError

#: zlib's own default, and OpenSSH's.
_LEVEL: Final = 6
_RISK: Final = "lengths of packets that tell of secrets where somebody else chooses a part of the data"


class Compressor:
    """Compresses the payloads of one direction under one key."""

    __slots__ = ("_stream",)

    def __init__(self) -> None:
        self._stream = zlib.compressobj(_LEVEL)

    def compress(self, payload: bytes | memoryview) -> bytes:
        """Return a payload compressed, so that the peer can read it at once."""
        # RFC 4253 section 6.2: "a partial flush" after each packet.
        return self._stream.compress(payload) + self._stream.flush(zlib.Z_PARTIAL_FLUSH)


class Decompressor:
    """Decompresses the payloads of one direction under one key.

    Args:
        limit: the largest payload.
    """

    __slots__ = ("_limit", "_stream")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._stream = zlib.decompressobj()

    def decompress(self, data: bytes | memoryview) -> bytes:
        """Return a payload.

        Raises:
            CompressionError: it is empty, larger than the limit, or no continuation of the stream.
        """
        try:
            payload = self._stream.decompress(data, self._limit + 1)
        except zlib.error:
            _refuse("what is not compressed data")
        if len(payload) > self._limit:
            _refuse(f"a payload of more than {self._limit} bytes")
        if self._stream.eof:
            _refuse("the end of the compressed data")
        if not payload:
            _refuse("an empty payload")
        return payload


def _refuse(what: str) -> NoReturn:
    raise CompressionError(f"the peer's compression gave {what}")


def make_compressor(name: str) -> Compressor | None:
    """Return what compresses one direction after authentication; None where nothing does."""
    return Compressor() if lookup(Family.COMPRESSION, name).factory else None


def make_decompressor(name: str, limit: int) -> Decompressor | None:
    """Return what decompresses one direction after authentication; None where nothing is compressed.

    Args:
        name: the negotiated method.
        limit: the largest payload.
    """
    return Decompressor(limit) if lookup(Family.COMPRESSION, name).factory else None


register(Algorithm(family=Family.COMPRESSION, name="none", rank=10, status=Status.DEFAULT, factory=None))
register(
    Algorithm(
        family=Family.COMPRESSION,
        name="zlib@openssh.com",
        rank=20,
        status=Status.OPTIONAL,
        factory=Compressor,
        risk=_RISK,
    )
)
