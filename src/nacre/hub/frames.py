"""Frames between the hub and a holder, over a UNIX stream socket.

Owns: the framing (uint32 length, one byte of kind, payload), the kinds, and the payloads that are
more than bytes. Must not know: who sends what when. Imports the standard library alone: the holder
runs without the rest of nacre.
"""

from __future__ import annotations

import json
from enum import IntEnum
from struct import Struct
from typing import Any, Final

__all__ = [
    "MAX_PAYLOAD",
    "Frame",
    "FrameError",
    "FrameReader",
    "encode",
    "encode_json",
    "encode_size",
    "size_of",
]

#: One read of a PTY and some room; nothing larger is ever sent.
MAX_PAYLOAD: Final = 256 * 1024

_HEAD: Final = Struct(">IB")
_SIZE: Final = Struct(">IIII")


class Frame(IntEnum):
    """Kinds of frames."""

    # hub to holder
    ATTACH = 1  # size: become the viewer
    INPUT = 2  # bytes for the terminal
    RESIZE = 3  # size
    SIGNAL = 4  # a name without SIG
    DETACH = 5  # stop being the viewer
    END = 6  # end the session
    # holder to hub
    OUTPUT = 17  # bytes of the terminal
    EXIT = 18  # JSON: {"status": n} or {"signal": "NAME"}; the last frame
    DETACHED = 19  # a sentence; the last frame


class FrameError(ValueError):
    """Bytes that are no frames."""


def encode(kind: Frame, payload: bytes | memoryview = b"") -> bytes:
    """Encode one frame."""
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"a frame of {len(payload)} bytes")
    return _HEAD.pack(len(payload), kind) + payload


def encode_json(kind: Frame, value: Any) -> bytes:
    """Encode a frame whose payload is JSON."""
    return encode(kind, json.dumps(value).encode())


def encode_size(kind: Frame, columns: int, rows: int, width_pixels: int, height_pixels: int) -> bytes:
    """Encode a frame whose payload is the size of a terminal, each bounded to what a PTY takes."""
    sizes = (min(max(value, 0), 0xFFFF) for value in (columns, rows, width_pixels, height_pixels))
    return encode(kind, _SIZE.pack(*sizes))


def size_of(payload: bytes) -> tuple[int, int, int, int]:
    """Decode a size: columns, rows, width and height in pixels."""
    if len(payload) != _SIZE.size:
        raise FrameError("a size of another length")
    columns, rows, width, height = _SIZE.unpack(payload)
    if max(columns, rows, width, height) > 0xFFFF:
        raise FrameError("a size that no terminal has")
    return columns, rows, width, height


class FrameReader:
    """Takes frames from a stream of bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[Frame, bytes]]:
        """Take more bytes; return the frames that are complete.

        Raises:
            FrameError: they are no frames; the connection is of no more use.
        """
        self._buffer += data
        frames = []
        start = 0
        while len(self._buffer) - start >= _HEAD.size:
            length, kind = _HEAD.unpack_from(self._buffer, start)
            if length > MAX_PAYLOAD:
                raise FrameError(f"a frame of {length} bytes")
            end = start + _HEAD.size + length
            if len(self._buffer) < end:
                break
            try:
                frames.append((Frame(kind), bytes(self._buffer[start + _HEAD.size : end])))
            except ValueError:
                raise FrameError(f"no frame has the kind {kind}") from None
            start = end
        del self._buffer[:start]
        return frames
