"""How a message is declared: number, scope, when it is legal and who may send it, in one place.

Owns: `Structure` (fields that follow each other), `Message` (a structure with a number) and the
registry by (scope, number); numbers 30-49 and 60-79 mean different things by method, so a number
alone names no message (RFC 4250 section 4.1). Must not know: any single message, or the state of a
connection: `nacre.protocol.state` judges by what is declared here.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import Enum
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform, get_type_hints

from nacre.errors import WireError
from nacre.wire.compiled import decoder, encoder, packer
from nacre.wire.fields import Codec, Reader
from nacre.wire.record import build


class Sender(Enum):
    """Who may send a message."""

    CLIENT = "client"
    SERVER = "server"
    BOTH = "both"


class When(Enum):
    """In which part of a connection a message belongs; `nacre.protocol.state` has the rules."""

    ALWAYS = "always"  # DISCONNECT
    NOISE = "noise"  # IGNORE, DEBUG, UNIMPLEMENTED: anywhere but in a strict first key exchange
    KEX_INIT = "kex-init"
    KEX_METHOD = "kex-method"  # the next message of the method agreed on
    KEX_END = "kex-end"  # NEWKEYS
    EXTENSION = "extension"  # EXT_INFO
    SERVICE_REQUEST = "service-request"
    SERVICE_ACCEPT = "service-accept"
    AUTH = "auth"  # 50-53
    AUTH_METHOD = "auth-method"  # 60-79
    CONNECTION = "connection"  # 80-127
    PING = "ping"  # 192, 193


class Structure:
    """Fields one after the other. Subclasses are declared with `@structure` or `@message`."""

    __slots__ = ()
    codecs: ClassVar[tuple[tuple[str, Codec], ...]] = ()

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Take the fields from `reader`, which may hold more."""
        return cls(*[codec.decode(reader) for _, codec in cls.codecs])

    @classmethod
    def decode(cls, data: bytes | bytearray | memoryview) -> Self:
        """Decode `data`, which must hold these fields and nothing more.

        Raises:
            WireError: it does not; the message names the class.
        """
        reader = Reader(data)
        try:
            value = cls.read(reader)
            reader.end()
        except WireError as exc:
            raise WireError(f"{cls.__name__}: {exc.reason}") from None
        return value

    def encode(self) -> bytes:
        """Encode the fields."""
        return b"".join([codec.encode(getattr(self, name)) for name, codec in self.codecs])

    def __repr__(self) -> str:
        shown = [f"{name}={_shown(codec, getattr(self, name))}" for name, codec in self.codecs]
        return f"{type(self).__name__}({', '.join(shown)})"


def _shown(codec: Codec, value: Any) -> str:
    return "<secret>" if codec.secret else repr(value)


class Message(Structure):
    """A structure behind a message number.

    Attributes:
        fixed: packs and unpacks the whole payload where all fields are uint32; else None. Most messages
            of a channel are of that kind, and this is what they cost.
    """

    __slots__ = ()
    fixed: ClassVar[struct.Struct | None] = None
    number: ClassVar[int]
    scope: ClassVar[str]
    when: ClassVar[When]
    sender: ClassVar[Sender]

    @classmethod
    def decode(cls, data: bytes | bytearray | memoryview) -> Self:
        """Decode a whole payload, its number included."""
        fixed = cls.fixed
        if fixed is not None and len(data) == fixed.size and data[0] == cls.number:
            return cls(*fixed.unpack(data)[1:])
        if not data or data[0] != cls.number:
            raise WireError(f"{cls.__name__}: not message {cls.number}")
        return super().decode(memoryview(data)[1:])

    def encode(self) -> bytes:
        """Encode the payload, the number first."""
        return bytes((self.number,)) + super().encode()


S = TypeVar("S", bound=type[Structure])
M = TypeVar("M", bound=type[Message])

#: Every declared message by (scope, number).
MESSAGES: dict[tuple[str, int], type[Message]] = {}
#: Numbers whose meaning does not depend on a method.
BY_NUMBER: dict[int, type[Message]] = {}

#: The scope of messages whose number means one thing only.
PLAIN = "plain"


class _Later:
    """A class attribute that is computed when it is first asked for: most messages are never met.

    A method is called on the object or the class that it was asked for on, as later ones are.
    """

    __slots__ = ("_compute", "_name")

    def __init__(self, name: str, compute: Callable[[Any], object]) -> None:
        self._name = name
        self._compute = compute

    def __get__(self, instance: object, owner: type) -> Any:
        setattr(owner, self._name, self._compute(owner))
        return getattr(owner if instance is None else instance, self._name)


def _prepare(cls: S) -> S:
    made = build(cls)
    made.codecs = _Later("codecs", _codecs)
    made.encode = _Later("encode", _encode)
    made.decode = _Later("decode", _decode)
    prepared: S = made
    return prepared


def _codecs(cls: Any) -> tuple[tuple[str, Codec], ...]:
    hints = get_type_hints(cls, include_extras=True)
    return tuple((name, _codec(cls, name, hints[name])) for name in cls.__match_args__)


def _head(cls: Any) -> bytes:
    return bytes((cls.number,)) if issubclass(cls, Message) else b""


def _encode(cls: Any) -> Any:
    """Return the method of a class."""
    general = super(cls, cls).encode
    fixed = getattr(cls, "fixed", None)
    if fixed is not None:
        return packer(fixed, cls.number, [name for name, _ in cls.codecs], general)
    return encoder(_head(cls), cls.codecs, general)


def _decode(cls: Any) -> Any:
    general = super(cls, cls).decode.__func__
    if getattr(cls, "fixed", None) is not None:
        return classmethod(general)
    return classmethod(decoder(_head(cls), cls.codecs, general))


def _fixed(cls: Any) -> struct.Struct | None:
    whole = all(codec.name == "uint32" for _, codec in cls.codecs)
    return struct.Struct(">B" + "I" * len(cls.codecs)) if whole else None


def _codec(cls: type, name: str, hint: Any) -> Codec:
    for extra in getattr(hint, "__metadata__", ()):
        if isinstance(extra, Codec):
            return extra
    raise TypeError(f"{cls.__name__}.{name} is not annotated with a type of nacre.wire.fields")


@dataclass_transform(frozen_default=True)
def structure(cls: S) -> S:
    """Declare the fields of `cls` from its annotations."""
    return _prepare(cls)


@dataclass_transform(frozen_default=True)
def message(number: int, *, when: When, sender: Sender = Sender.BOTH, scope: str = PLAIN) -> Callable[[M], M]:
    """Declare a message.

    Args:
        number: the message number (RFC 4250 section 4.1).
        when: the part of a connection it belongs to.
        sender: who may send it.
        scope: `PLAIN`, or the method that gives the number its meaning.

    Raises:
        ValueError: the number is taken in this scope.
    """

    def declare(cls: M) -> M:
        made: Any = _prepare(cls)
        made.number = number
        made.scope = scope
        made.when = when
        made.sender = sender
        made.fixed = _Later("fixed", _fixed)
        if (scope, number) in MESSAGES:
            raise ValueError(f"message {number} of {scope} is declared twice")
        MESSAGES[scope, number] = made
        if scope == PLAIN:
            BY_NUMBER[number] = made
        declared: M = made
        return declared

    return declare
