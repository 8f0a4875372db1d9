"""What a channel keeps: data that waits for the peer, and data that waits for the application.

Owns: the two queues and the joining of small pieces. Must not know: channels, windows, asyncio.

A peer may send its window in packets of one byte each: pieces are joined, so that what a queue costs
stays near what it holds. So there are few of them, and lists do, which are made when there is something.
"""

from __future__ import annotations

from nacre.aio import limits
from nacre.errors import LocalProtocolError

Bytes = bytes | bytearray | memoryview


class SendQueue:
    """Data that the window, or the output, had no room for. Owns its bytes."""

    __slots__ = ("_offset", "_pieces", "size")

    def __init__(self) -> None:
        self._pieces: list[tuple[bytes | bytearray, int | None]] | None = None
        self._offset = 0
        self.size = 0

    def push(self, data: Bytes, datatype: int | None) -> None:
        """Take data behind what is there.

        Raises:
            LocalProtocolError: the program has not waited for room, and too much is queued.
        """
        if self.size + len(data) > limits.WRITE_QUEUE:
            raise LocalProtocolError(
                f"{self.size} bytes wait for the peer and {len(data)} were to follow: "
                f"write less at once, and wait in drain() or after pause_writing()"
            )
        self.size += len(data)
        if self._pieces is None:
            self._pieces = []
        if len(data) < limits.JOIN:
            # The first piece is left alone: a part of it may have gone.
            if len(self._pieces) > 1:
                last, of_type = self._pieces[-1]
                if of_type == datatype and isinstance(last, bytearray) and len(last) < limits.JOIN:
                    last += data
                    return
            self._pieces.append((bytearray(data), datatype))
        else:
            self._pieces.append((data if isinstance(data, bytes) else bytes(data), datatype))

    def head(self) -> tuple[memoryview, int | None]:
        """Return what is next, and its data type. The view ends with the next call."""
        assert self._pieces
        data, datatype = self._pieces[0]
        return memoryview(data)[self._offset :], datatype

    def advance(self, count: int) -> None:
        """Forget `count` bytes of what `head` returned."""
        assert self._pieces
        self.size -= count
        self._offset += count
        if self._offset == len(self._pieces[0][0]):
            self._pieces.pop(0)
            self._offset = 0

    def clear(self) -> None:
        """Forget everything."""
        self._pieces = None
        self._offset = 0
        self.size = 0


class _Piece:
    __slots__ = ("data", "datatype")

    def __init__(self, data: bytes, datatype: int | None) -> None:
        self.data: bytes | bytearray = data
        self.datatype = datatype


class ReceiveQueue:
    """Data that arrived before the session started, or while it does not read.

    Attributes:
        pieces: what there is, the oldest first, for a look at whether there is any; None or empty: there is nothing.
    """

    __slots__ = ("_last", "pieces")

    def __init__(self) -> None:
        self.pieces: list[_Piece] | None = None
        self._last: dict[int | None, _Piece] | None = None

    def __bool__(self) -> bool:
        return bool(self.pieces)

    def push(self, data: bytes, datatype: int | None) -> None:
        """Take data behind what is there."""
        if len(data) < limits.JOIN and self.pieces:
            piece: _Piece | None = self.pieces[-1]
            full = len(self.pieces) >= limits.PIECES
            if full:
                piece = self._last.get(datatype) if self._last else None
            if piece is not None and piece.datatype == datatype and (full or len(piece.data) < limits.JOIN):
                if isinstance(piece.data, bytes):
                    piece.data = bytearray(piece.data)
                piece.data += data
                return
        piece = _Piece(data, datatype)
        if self.pieces is None:
            self.pieces = []
        self.pieces.append(piece)
        if self._last is None:
            self._last = {}
        self._last[datatype] = piece

    def pop(self) -> tuple[bytes, int | None]:
        """Return the oldest piece and its data type."""
        assert self.pieces
        piece = self.pieces.pop(0)
        if self._last and self._last.get(piece.datatype) is piece:
            del self._last[piece.datatype]
        return bytes(piece.data), piece.datatype

    def clear(self) -> None:
        """Forget everything."""
        self.pieces = None
        self._last = None
