"""What two ends said to each other, without its secrets: recorded, read, and made into messages again.

Owns: `Transcript`, `recording`, and what stands for the bytes that a transcript does not have. Must not
know: sockets.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from nacre.aio import log
from nacre.protocol.trace import HIDDEN, Direction, inside, shown, title
from nacre.wire.auth import UserauthRequest
from nacre.wire.connection import ChannelRequest
from nacre.wire.fields import Codec, encode_string
from nacre.wire.message import MESSAGES, Message, Structure

#: Every message that a transcript can name.
KINDS: Final[dict[str, type[Message]]] = {title(kind): kind for kind in MESSAGES.values()}

_LINE: Final = re.compile(r"(?:\[(?P<who>[^\]]*)\] )?(?P<arrow>->|<-) (?P<name>[A-Z_0-9]+)(?P<rest>.*)")
_SIZE: Final = re.compile(r"<(\d+) bytes>")
#: What is said where the transcript has a secret.
_PLACEHOLDER: Final = "x" * 8


@dataclass(frozen=True)
class Line:
    """One message.

    Attributes:
        sent: whether the end that wrote the transcript sent it.
        name: its name in the RFC, as "CHANNEL_DATA".
        fields: its fields as they are shown; bytes by their size, as "<17 bytes>", secrets as "<secret>".
    """

    sent: bool
    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        arrow = Direction.SENT if self.sent else Direction.RECEIVED
        return f"{arrow.value} {self.name} {json.dumps(self.fields)}"


@dataclass(frozen=True)
class Transcript:
    """What one end of a connection sent and received, in order.

    Attributes:
        lines: the messages.
    """

    lines: Sequence[Line] = ()

    @classmethod
    def parse(cls, text: str, connection: str = "") -> Transcript:
        """Read a transcript from a log or a file.

        Args:
            text: lines such as nacre logs with `set_debug_level(3)`; others are passed over.
            connection: take the lines of this connection alone, as "conn=1"; "": all of them.

        Raises:
            ValueError: a line has a message's name, and something else than its fields.
        """
        lines = []
        for number, line in enumerate(text.splitlines(), 1):
            match = _LINE.search(line)
            if match is None or (connection and match["who"] != connection):
                continue
            try:
                fields = json.loads(match["rest"] or "{}")
            except ValueError:
                raise ValueError(
                    f"line {number} of the transcript: {match['rest']!r} are no fields"
                ) from None
            lines.append(Line(match["arrow"] == Direction.SENT.value, match["name"], fields))
        return cls(tuple(lines))

    def __str__(self) -> str:
        return "\n".join(map(str, self.lines))

    def names(self, *, sent: bool | None = None) -> list[str]:
        """Return the names of the messages: of those sent, of those received, or (None) of all."""
        return [line.name for line in self.lines if sent in (None, line.sent)]


class _Recorder(logging.Handler):
    """Collects the lines of the log."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if _LINE.match(message):
            self.text.append(message)


class Recording:
    """The connections of a block of code; see `recording`."""

    def __init__(self, recorder: _Recorder) -> None:
        self._recorder = recorder

    @property
    def connections(self) -> dict[str, Transcript]:
        """The transcript of each connection so far, by its name, in the order in which they began."""
        text = "\n".join(self._recorder.text)
        found = (_LINE.match(line) for line in self._recorder.text)
        who = dict.fromkeys(match["who"] for match in found if match)
        return {name: Transcript.parse(text, name) for name in who}

    @property
    def transcript(self) -> Transcript:
        """The transcript of the connection that began first."""
        return next(iter(self.connections.values()), Transcript())


@contextmanager
def recording() -> Iterator[Recording]:
    """Record what the connections say that begin while the block runs. No secret is recorded."""
    recorder = _Recorder()
    level, debug, logger = log.logger.level, log.debug_level(), log.logger
    logger.addHandler(recorder)
    logger.setLevel(logging.DEBUG)
    log.set_debug_level(3)
    try:
        yield Recording(recorder)
    finally:
        log.set_debug_level(debug)
        logger.setLevel(level)
        logger.removeHandler(recorder)


def make_message(name: str, fields: Mapping[str, Any], known: Mapping[int, bytes] | None = None) -> Message:
    """Make a message of its name and fields.

    Args:
        name: as "CHANNEL_OPEN".
        fields: by name, as values or as a transcript shows them; those that are missing are 0, empty or False.
        known: what stands for "<17 bytes>", by size; other sizes are zeros.

    Raises:
        ValueError: there is no message of that name, or it has no such field.
    """
    kind = KINDS.get(name)
    if kind is None:
        raise ValueError(f"there is no message {name!r}")
    unknown = set(fields) - {codec_name for codec_name, _ in kind.codecs}
    if unknown:
        raise ValueError(f"{name} has no field {', '.join(sorted(unknown))}")
    values = {key: _value(codec, fields.get(key), known or {}) for key, codec in kind.codecs}
    data = fields.get("data")
    if isinstance(data, Mapping):
        values["data"] = _inner(kind, values, data, known or {})
    elif kind is ChannelRequest and values["name"] == "env" and isinstance(data, str):
        values["data"] = encode_string(b"x" * (len(values["data"]) - 8)) + encode_string(b"")
    return kind(**values)


def _inner(
    kind: type[Message], values: Mapping[str, Any], data: Mapping[str, Any], known: Mapping[int, bytes]
) -> bytes:
    """Make what the data of a request is, from its fields."""
    what = values["method"] if kind is UserauthRequest else values["name"] if kind is ChannelRequest else ""
    structure = inside(kind, what)
    if structure is None:
        raise ValueError(f"the data of {what!r} cannot be made of fields: give bytes")
    found: Structure = structure(
        **{key: _value(codec, data.get(key), known) for key, codec in structure.codecs}
    )
    signature = encode_string(bytes(83)) if data.get("signed") else b""
    return found.encode() + signature


def _value(codec: Codec, value: Any, known: Mapping[int, bytes]) -> Any:
    """Return a field's value from what a transcript or a script says of it."""
    if codec.name.startswith("string ("):
        return _PLACEHOLDER if value == HIDDEN else value or ""
    match codec.name:
        case "string" | "byte[]" | "byte[16]":
            return _octets(value, 16 if codec.name == "byte[16]" else 0, known)
        case "boolean":
            return bool(value)
        case "string[]":
            return tuple(_PLACEHOLDER if one == HIDDEN else one for one in value or ())
        case "extension[]":
            return tuple((name, _octets(one, 0, known)) for name, one in value or ())
        case "prompt[]":
            return tuple((text, bool(echo)) for text, echo in value or ())
        case "name-list":
            return tuple(value or ())
        case _:
            return value or 0


def _octets(value: Any, least: int, known: Mapping[int, bytes]) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str) and (size := _SIZE.fullmatch(value)):
        return known.get(int(size[1]), bytes(int(size[1])))
    if isinstance(value, Mapping) or value in (None, HIDDEN):
        return bytes(least)  # of fields: the caller makes it
    raise ValueError(f"{value!r} are no bytes")


def as_line(message: Message, *, sent: bool) -> Line:
    """Return the line of a message."""
    return Line(sent, title(type(message)), shown(message))
