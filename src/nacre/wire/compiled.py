"""The straight way to encode and decode the fields of a structure: one function for each class.

Owns: `encoder` and `decoder`, which write those functions. Must not know: any message.

What is written takes only what is as it should be. Whatever is not, it leaves to the general way, which goes
from field to field by its codec and says what is wrong: so there is one place for each refusal, and this is
not it. A class with a field of a type that is not written out here is decoded in the general way alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct, error
from typing import Any, Final

from nacre.wire import fields
from nacre.wire.fields import Codec, Reader

_UINT32: Final = Struct(">I")

#: Names that are met all the time, by their bytes: they need not be looked at. Those who declare names add them.
KNOWN_NAMES: Final[dict[bytes, str]] = {}

#: What becomes of a value before it is a string.
_STRINGS: Final[dict[object, str]] = {
    fields.encode_string: "self.{name}",
    fields.encode_text: 'self.{name}.encode("utf-8")',
    fields.encode_ascii: 'self.{name}.encode("ascii")',
    fields.encode_lenient: 'self.{name}.encode("utf-8", "replace")',
    fields.encode_name_list: '",".join(self.{name}).encode("ascii")',
}
_PLAIN: Final[dict[object, str]] = {
    fields.encode_uint32: "pack(self.{name})",
    fields.encode_boolean: '(b"\\1" if self.{name} else b"\\0")',
    bytes: "bytes(self.{name})",
}
#: How a string of `size` bytes before `end` becomes the value; a name that is no name is left to its codec.
_DECODED: Final[dict[object, str]] = {
    Reader.string: "bytes(data[at:end])",
    Reader.text: 'str(data[at:end], "utf-8")',
    fields.decode_lenient: 'str(data[at:end], "utf-8", "replace")',
    Reader.ascii: "known.get(raw := bytes(data[at:end])) or name(raw)",
}


def encoder(head: bytes, codecs: Sequence[tuple[str, Codec]], general: Callable[[Any], bytes]) -> Any:
    """Return the method that encodes.

    Args:
        head: what stands before the fields.
        codecs: the fields.
        general: encodes in the general way, and raises what is wrong.
    """
    lines: list[str] = []
    parts = ["head"] if head else []
    constants: dict[str, Any] = {"head": head, "pack": _UINT32.pack, "error": error, "general": general}
    for index, (name, codec) in enumerate(codecs):
        value = f"v{index}"
        if (text := _STRINGS.get(codec.encode)) is not None:
            lines.append(f"  {value} = {text.format(name=name)}")
            parts += [f"pack(len({value}))", value]
        elif (text := _PLAIN.get(codec.encode)) is not None:
            parts.append(text.format(name=name))
        else:
            constants[f"e{index}"] = codec.encode
            parts.append(f"e{index}(self.{name})")
    lines.append(f"  return b''.join(({''.join(part + ', ' for part in parts)}))")
    source = "def encode(self):\n try:\n" + "\n".join(lines) + "\n except error:\n  return general(self)\n"
    return _function(source, "encode", constants)


def packer(fixed: Struct, number: int, names: Sequence[str], general: Callable[[Any], bytes]) -> Any:
    """Return the method that encodes a message whose fields are uint32.

    Args:
        fixed: packs all of it.
        number: of the message.
        names: of the fields.
        general: encodes in the general way, and says which value is wrong.
    """
    values = "".join(f", self.{name}" for name in names)
    source = (
        f"def encode(self):\n try:\n  return pack({number}{values})\n except error:\n  return general(self)\n"
    )
    return _function(source, "encode", {"pack": fixed.pack, "error": error, "general": general})


def decoder(head: bytes, codecs: Sequence[tuple[str, Codec]], general: Callable[..., Any]) -> Any:
    """Return the method of the class that decodes, or `general`.

    Args:
        head: what stands before the fields.
        codecs: the fields.
        general: decodes in the general way, and raises what is wrong.
    """
    lines = [f"  if bytes(data[:{len(head)}]) != head: return general(cls, data)", f"  at = {len(head)}"]
    lines.append("  size = len(data)")
    for index, (_, codec) in enumerate(codecs):
        value = f"v{index}"
        if (text := _DECODED.get(codec.decode)) is not None:
            lines += [
                "  end = at + 4 + unpack(data, at)[0]",
                "  at += 4",
                "  if end > size: return general(cls, data)",
                f"  {value} = {text}",
                "  at = end",
            ]
        elif codec.decode is Reader.uint32:
            lines += [f"  {value} = unpack(data, at)[0]", "  at += 4"]
        elif codec.decode is Reader.boolean:
            lines += [f"  {value} = data[at] != 0", "  at += 1"]
        elif codec.decode is Reader.rest:
            lines += [f"  {value} = bytes(data[at:])", "  at = size"]
        else:
            return general
    values = ", ".join(f"v{index}" for index in range(len(codecs)))
    source = (
        "def decode(cls, data):\n try:\n"
        + "\n".join(lines)
        + "\n except refused:\n  return general(cls, data)\n"
        + f" return cls({values}) if at == size else general(cls, data)\n"
    )
    constants: dict[str, Any] = {
        "head": head,
        "unpack": _UINT32.unpack_from,
        "name": _name,
        "known": KNOWN_NAMES,
        "refused": (error, IndexError, ValueError),
        "general": general,
    }
    return _function(source, "decode", constants)


def _name(value: bytes) -> str:
    """Return a name; ValueError for what is none."""
    if not fields.is_name(value):
        raise ValueError
    return value.decode("ascii")


def _function(source: str, name: str, constants: dict[str, Any]) -> Any:
    found: dict[str, Any] = {}
    exec(compile(source, f"<{name}>", "exec"), constants, found)  # noqa: S102 - the fields of our classes
    return found[name]
