"""The data types of SSH (RFC 4251 section 5): bounded reading, and encoding.

Owns: `Reader`, the `encode_*` functions and the field annotations (`UInt32`, `String`, …) from
which `nacre.wire.message` builds encoders and decoders. Must not know: any message.

Every length and count that comes from the peer is compared with what is there before anything is
allocated for it; whatever does not fit raises `WireError`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final

from nacre.errors import WireError
from nacre.wire.record import record

UINT32_MAX: Final = (1 << 32) - 1
UINT64_MAX: Final = (1 << 64) - 1

_UINT32 = struct.Struct(">I")
_UINT64 = struct.Struct(">Q")

#: What a name may be made of (RFC 4251 section 6), and the comma between names.
_PRINTABLE: Final = bytes(range(0x21, 0x7F))
#: RFC 4251 section 6: a name is at most 64 characters long.
MAX_NAME: Final = 64
#: More names than any implementation has algorithms.
MAX_NAMES: Final = 1024
#: 16,384 bits and the sign byte: the largest number in any key or exchange that nacre takes.
MAX_MPINT: Final = 2049


def is_name(value: bytes) -> bool:
    """Return whether this is a name: printable US-ASCII, at most 64 (RFC 4251 section 6)."""
    return len(value) <= MAX_NAME and not value.translate(None, _PRINTABLE)


class Reader:
    """Takes SSH data types from the front of `data`, never past its end.

    Args:
        data: the bytes to read; not copied until a field is taken.
    """

    __slots__ = ("_data", "_end", "_position")

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._data = memoryview(data)
        self._position = 0
        self._end = len(self._data)

    @property
    def remaining(self) -> int:
        """How many bytes are left."""
        return self._end - self._position

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        start = self._position
        if size > self._end - start:
            raise WireError(f"{size} bytes expected, {self._end - start} left")
        self._position = start + size
        return bytes(self._data[start : start + size])

    def byte(self) -> int:
        """Return the next byte as an integer."""
        return self.take(1)[0]

    def boolean(self) -> bool:
        """Return the next boolean; every value but 0 is true (RFC 4251 section 5)."""
        start = self._position
        if start >= self._end:
            raise WireError("1 bytes expected, 0 left")
        self._position = start + 1
        return self._data[start] != 0

    def uint32(self) -> int:
        """Return the next uint32."""
        start = self._position
        if self._end - start < 4:
            raise WireError(f"4 bytes expected, {self._end - start} left")
        self._position = start + 4
        value: int = _UINT32.unpack_from(self._data, start)[0]
        return value

    def uint64(self) -> int:
        """Return the next uint64."""
        value: int = _UINT64.unpack(self.take(8))[0]
        return value

    def string(self) -> bytes:
        """Return the next string as bytes."""
        # In one piece, without `uint32` and `take`: most of what a login decodes are strings.
        start, left = self._position + 4, self._end - self._position - 4
        if left < 0:
            raise WireError(f"4 bytes expected, {left + 4} left")
        size: int = _UINT32.unpack_from(self._data, start - 4)[0]
        if size > left:
            raise WireError(f"{size} bytes expected, {left} left")
        self._position = start + size
        return bytes(self._data[start : start + size])

    def text(self) -> str:
        """Return the next string, which must be UTF-8."""
        try:
            return self.string().decode("utf-8")
        except UnicodeDecodeError as exc:
            raise WireError(f"a text field is not UTF-8: {exc.reason}") from None

    def ascii(self) -> str:
        """Return the next string, which must be a name: printable US-ASCII, at most 64 (RFC 4251 section 6)."""
        # As `string`, without a call between.
        start, left = self._position + 4, self._end - self._position - 4
        if left < 0:
            raise WireError(f"4 bytes expected, {left + 4} left")
        size: int = _UINT32.unpack_from(self._data, start - 4)[0]
        if size > left:
            raise WireError(f"{size} bytes expected, {left} left")
        self._position = start + size
        if size > MAX_NAME:
            raise WireError(f"a name of {size} characters")
        value = bytes(self._data[start : start + size])
        if value.translate(None, _PRINTABLE):
            raise WireError("a name has characters that are not printable US-ASCII")
        return value.decode("ascii")

    def mpint(self) -> int:
        """Return the next mpint, which must be non-negative and minimal."""
        value = self.string()
        if len(value) > MAX_MPINT:
            raise WireError(f"an mpint of {len(value)} bytes is too large")
        if not value:
            return 0
        if value[0] & 0x80:
            raise WireError("a negative mpint where none may be")
        if value[0] == 0 and (len(value) == 1 or not value[1] & 0x80):
            raise WireError("an mpint with needless leading zeros")
        return int.from_bytes(value, "big")

    def name_list(self) -> tuple[str, ...]:
        """Return the next name-list.

        An empty name, which RFC 4251 forbids, is passed over as OpenSSH does: libssh 0.10 ends lists with a comma.
        """
        value = self.string()
        if not value:
            return ()
        if value.count(b",") >= MAX_NAMES:
            raise WireError(f"a name-list of more than {MAX_NAMES} names")
        if value.translate(None, _PRINTABLE):
            raise WireError("a name-list has characters that are not printable US-ASCII")
        names = tuple(filter(None, value.decode("ascii").split(",")))
        for name in names:
            if len(name) > MAX_NAME:
                raise WireError(f"a name of {len(name)} characters in a name-list")
        return names

    def rest(self) -> bytes:
        """Return everything that is left."""
        return self.take(self.remaining)

    def end(self) -> None:
        """Raise `WireError` unless everything was read."""
        if self._position != self._end:
            raise WireError(f"{self.remaining} bytes too many")


def encode_byte(value: int) -> bytes:
    """Encode one byte."""
    return bytes((value,))


def encode_boolean(value: bool) -> bytes:
    """Encode a boolean."""
    return b"\1" if value else b"\0"


def encode_uint32(value: int) -> bytes:
    """Encode a uint32."""
    if not 0 <= value <= UINT32_MAX:
        raise ValueError(f"{value} is not a uint32")
    return _UINT32.pack(value)


def encode_uint64(value: int) -> bytes:
    """Encode a uint64."""
    if not 0 <= value <= UINT64_MAX:
        raise ValueError(f"{value} is not a uint64")
    return _UINT64.pack(value)


def encode_string(value: bytes | bytearray | memoryview) -> bytes:
    """Encode a string from bytes."""
    return _UINT32.pack(len(value)) + value


def encode_text(value: str) -> bytes:
    """Encode a string from text, as UTF-8."""
    return encode_string(value.encode("utf-8"))


def encode_mpint(value: int) -> bytes:
    """Encode a non-negative mpint."""
    if value < 0:
        raise ValueError("nacre sends no negative mpint")
    if value == 0:
        return b"\0\0\0\0"
    return encode_string(value.to_bytes(value.bit_length() // 8 + 1, "big"))


def encode_name_list(names: Iterable[str]) -> bytes:
    """Encode a name-list."""
    return encode_string(",".join(names).encode("ascii"))


# ---------------------------------------------------------------- field annotations


@record
class Codec:
    """How a field of a message is read and written.

    Attributes:
        name: the word of RFC 4251 section 5.
        secret: the value stays out of every repr, log and trace.
    """

    name: str
    decode: Callable[[Reader], Any]
    encode: Callable[[Any], bytes]
    secret: bool = False


def encode_ascii(value: str) -> bytes:
    """Encode a name."""
    return encode_string(value.encode("ascii"))


def _encode_surrogates(value: str) -> bytes:
    return encode_string(value.encode("utf-8", "surrogateescape"))


def _decode_surrogates(reader: Reader) -> str:
    return reader.string().decode("utf-8", "surrogateescape")


def decode_lenient(reader: Reader) -> str:
    """Take a string that should be UTF-8, and is shown as far as it is."""
    return reader.string().decode("utf-8", "replace")


def encode_lenient(value: str) -> bytes:
    """A file's name or a peer's word in a reason may have surrogates: a message must not fail over one."""
    return encode_string(value.encode("utf-8", "replace"))


def _decode_text_list(reader: Reader) -> tuple[str, ...]:
    """A uint32 count and that many UTF-8 strings (RFC 4256 section 3.4)."""
    count = reader.uint32()
    if count * 4 > reader.remaining:
        raise WireError(f"{count} strings cannot be in {reader.remaining} bytes")
    return tuple(reader.text() for _ in range(count))


def _encode_text_list(values: tuple[str, ...]) -> bytes:
    return encode_uint32(len(values)) + b"".join(encode_text(value) for value in values)


def _decode_string_list(reader: Reader) -> tuple[bytes, ...]:
    """A uint32 count and that many strings (RFC 4462 section 3.2)."""
    count = reader.uint32()
    if count * 4 > reader.remaining:
        raise WireError(f"{count} strings cannot be in {reader.remaining} bytes")
    return tuple(reader.string() for _ in range(count))


def _encode_string_list(values: tuple[bytes, ...]) -> bytes:
    return encode_uint32(len(values)) + _encode_strings(values)


def _decode_strings(reader: Reader) -> tuple[bytes, ...]:
    """Strings up to the end, without a count before them (OpenSSH PROTOCOL 2.5)."""
    values = []
    while reader.remaining:
        values.append(reader.string())
    return tuple(values)


def _encode_strings(values: tuple[bytes, ...]) -> bytes:
    return b"".join(encode_string(value) for value in values)


def _decode_prompts(reader: Reader) -> tuple[tuple[str, bool], ...]:
    """A uint32 count, and that many prompts with their echo flag (RFC 4256 section 3.2)."""
    count = reader.uint32()
    if count * 5 > reader.remaining:
        raise WireError(f"{count} prompts cannot be in {reader.remaining} bytes")
    return tuple((reader.text(), reader.boolean()) for _ in range(count))


def _encode_prompts(prompts: tuple[tuple[str, bool], ...]) -> bytes:
    parts = [encode_uint32(len(prompts))]
    parts += [encode_text(text) + encode_boolean(echo) for text, echo in prompts]
    return b"".join(parts)


def _decode_extensions(reader: Reader) -> tuple[tuple[str, bytes], ...]:
    """A uint32 count, and that many names with their values (RFC 8308 section 2.3)."""
    count = reader.uint32()
    if count * 8 > reader.remaining:
        raise WireError(f"{count} extensions cannot be in {reader.remaining} bytes")
    return tuple((reader.ascii(), reader.string()) for _ in range(count))


def _encode_extensions(extensions: tuple[tuple[str, bytes], ...]) -> bytes:
    parts = [encode_uint32(len(extensions))]
    parts += [encode_ascii(name) + encode_string(value) for name, value in extensions]
    return b"".join(parts)


def _decode_cookie(reader: Reader) -> bytes:
    return reader.take(16)


def _encode_cookie(value: bytes) -> bytes:
    if len(value) != 16:
        raise ValueError("a cookie has 16 bytes")
    return value


Byte = Annotated[int, Codec("byte", Reader.byte, encode_byte)]
Boolean = Annotated[bool, Codec("boolean", Reader.boolean, encode_boolean)]
UInt32 = Annotated[int, Codec("uint32", Reader.uint32, encode_uint32)]
UInt64 = Annotated[int, Codec("uint64", Reader.uint64, encode_uint64)]
String = Annotated[bytes, Codec("string", Reader.string, encode_string)]
Text = Annotated[str, Codec("string (UTF-8)", Reader.text, encode_text)]
#: Text that only people read: what is not UTF-8 is replaced, not refused, in both directions.
LenientText = Annotated[str, Codec("string (UTF-8, lenient)", decode_lenient, encode_lenient)]
#: Text that must come back byte for byte though it may not be UTF-8 (environment values).
RawText = Annotated[str, Codec("string (raw)", _decode_surrogates, _encode_surrogates)]
Name = Annotated[str, Codec("string (US-ASCII)", Reader.ascii, encode_ascii)]
MPInt = Annotated[int, Codec("mpint", Reader.mpint, encode_mpint)]
NameList = Annotated[tuple[str, ...], Codec("name-list", Reader.name_list, encode_name_list)]
TextList = Annotated[tuple[str, ...], Codec("string[]", _decode_text_list, _encode_text_list)]
StringList = Annotated[tuple[bytes, ...], Codec("string[] (bytes)", _decode_string_list, _encode_string_list)]
Strings = Annotated[tuple[bytes, ...], Codec("string… to the end", _decode_strings, _encode_strings)]
Prompts = Annotated[tuple[tuple[str, bool], ...], Codec("prompt[]", _decode_prompts, _encode_prompts)]
Extensions = Annotated[
    tuple[tuple[str, bytes], ...], Codec("extension[]", _decode_extensions, _encode_extensions)
]
Cookie = Annotated[bytes, Codec("byte[16]", _decode_cookie, _encode_cookie)]
Rest = Annotated[bytes, Codec("byte[]", Reader.rest, bytes)]
#: The same types where the value is a secret.
SecretText = Annotated[str, Codec("string (UTF-8)", Reader.text, encode_text, secret=True)]
SecretTextList = Annotated[
    tuple[str, ...], Codec("string[]", _decode_text_list, _encode_text_list, secret=True)
]
SecretRest = Annotated[bytes, Codec("byte[]", Reader.rest, bytes, secret=True)]
