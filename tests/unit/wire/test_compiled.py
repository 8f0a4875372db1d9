"""The straight way means what the general way does, for whatever bytes and values."""

from __future__ import annotations

import importlib
import pkgutil
import random

import pytest

import nacre.wire
from nacre.errors import WireError
from nacre.wire.message import MESSAGES, Message, Structure

for _module in pkgutil.iter_modules(nacre.wire.__path__):
    importlib.import_module(f"nacre.wire.{_module.name}")

SAMPLES = {
    "byte": 7,
    "boolean": True,
    "uint32": 0xFFFFFFFF,
    "uint64": 1 << 40,
    "string": b"\0data",
    "string (UTF-8)": "tëxt",
    "string (UTF-8, lenient)": "lenient",
    "string (raw)": "raw\udcff",
    "string (US-ASCII)": "name@example.com",
    "mpint": 1 << 130,
    "name-list": ("one", "two"),
    "string[]": ("one", "zwö"),
    "string[] (bytes)": (b"one", b"\xff"),
    "string… to the end": (b"a", b"b"),
    "prompt[]": (("PIN: ", False),),
    "extension[]": (("ext", b"0"),),
    "byte[16]": bytes(16),
    "byte[]": b"rest",
}


def kinds():
    found, waiting = {}, [Structure]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            if kind.__module__.startswith("nacre.wire.") and kind.codecs:
                found[f"{kind.__module__}.{kind.__name__}"] = kind
    return [found[name] for name in sorted(found)]


def general_encode(value):
    return (Message if isinstance(value, Message) else Structure).encode(value)


def general_decode(kind, data):
    """Return what the general way makes of bytes: a value, or its refusal in words."""
    base = Message if issubclass(kind, Message) else Structure
    return outcome(base.decode.__func__, kind, data)


def outcome(function, *arguments):
    try:
        return function(*arguments)
    except WireError as error:
        return str(error)


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_both_ways_mean_the_same(kind):
    value = kind(*[SAMPLES[codec.name] for _, codec in kind.codecs])
    data = value.encode()
    assert data == general_encode(value)
    assert kind.decode(data) == value == kind.decode(memoryview(data)) == kind.decode(bytearray(data))
    damages = random.Random(kind.__name__)
    damaged = [data[:size] for size in range(len(data))] + [data + b"\0"]
    for _ in range(200):
        changed = bytearray(data)
        for _ in range(damages.randint(1, 3)):
            changed[damages.randrange(len(changed))] = damages.choice((0, 1, 4, 0x20, 0x2C, 0x7F, 0x80, 0xFF))
        damaged.append(bytes(changed))
    for one in damaged:
        assert outcome(kind.decode, one) == general_decode(kind, one)


def test_a_value_that_does_not_fit_is_named_as_ever():
    adjust = MESSAGES["plain", 90]
    for values in (("session", -1, 0, 0, b""), ("session", 0, 1 << 32, 0, b"")):
        with pytest.raises(ValueError, match="is not a uint32"):
            adjust(*values).encode()


def test_a_name_too_long_or_not_printable_is_refused():
    opening = MESSAGES["plain", 90]
    whole = opening("session", 0, 0, 0, b"").encode()
    for name in (b"x" * 65, b"sessi\0n", b"sessi\xffn"):
        with pytest.raises(WireError, match="name"):
            opening.decode(whole[:1] + len(name).to_bytes(4, "big") + name + whole[12:])
