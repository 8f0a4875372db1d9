"""Classes that are a few values with names: messages, events, answers.

Owns: `record` and `changing`, which make a class of slots from annotations, and `hidden` values. Must not know: what any
value means.

Not `dataclasses`: there are a hundred of these classes, and a login makes dozens of objects of them. Here
nothing is compiled until the first object is made, and an object costs the setting of its slots. What a
frozen dataclass checks when the program runs, the type checker checks before: the values do not change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, dataclass_transform

T = TypeVar("T")

#: No default.
_REQUIRED: Final = object()


class _Hidden:
    """Stands where a value's default would, until the class is made."""

    __slots__ = ("default",)

    def __init__(self, default: object) -> None:
        self.default = default


class _Fresh:
    """Stands where a value's default would, and makes one for each object."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def hidden(*, default: Any = _REQUIRED) -> Any:
    """Declare a value that stays out of the repr: a secret, or what says nothing."""
    return _Hidden(default)


def fresh(*, default_factory: Callable[[], Any]) -> Any:
    """Declare a value that is made for each object to which none is given."""
    return _Fresh(default_factory)


@dataclass_transform(frozen_default=True, field_specifiers=(hidden, fresh))
def record(cls: type[T]) -> type[T]:
    """Make `cls` a class of the values that its annotations name, in order, after those of its base.

    Objects are equal when their classes and values are. Values are not set again: mypy refuses it.
    """
    made = build(cls)
    if "__repr__" not in vars(cls):
        made.__repr__ = _repr
    finished: type[T] = made
    return finished


@dataclass_transform(field_specifiers=(hidden, fresh))
def changing(cls: type[T]) -> type[T]:
    """Do what `record` does, for values that are set again: objects have no hash."""
    made: Any = record(cls)
    made.__hash__ = None
    finished: type[T] = made
    return finished


def build(cls: type) -> Any:
    """Do what `record` does, and leave the repr to the base of `cls`."""
    space = dict(vars(cls))
    own = [name for name, hint in space.get("__annotations__", {}).items() if "ClassVar" not in str(hint)]
    defaults = dict(getattr(cls, "_defaults", {}))
    secrets = set(getattr(cls, "_hidden", ()))
    for name in own:
        default = space.pop(name, _REQUIRED)
        if isinstance(default, _Hidden):
            secrets.add(name)
            default = default.default
        if default is not _REQUIRED:
            defaults[name] = default
    for name in ("__dict__", "__weakref__"):
        space.pop(name, None)
    names = (*getattr(cls, "__match_args__", ()), *own)
    space |= {
        "__qualname__": cls.__qualname__,
        "__slots__": tuple(own),
        "__match_args__": names,
        "_defaults": defaults,
        "_hidden": frozenset(secrets),
        "__eq__": _eq,
        "__hash__": _hash,
    }
    made: Any = type(cls)(cls.__name__, cls.__bases__, space)

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - it is one, until the first call
        made.__init__ = init = _compile(made, names, defaults)
        init(self, *args, **kwargs)

    made.__init__ = __init__
    return made


def _compile(made: type, names: tuple[str, ...], defaults: dict[str, Any]) -> Callable[..., None]:
    """Return the `__init__` that sets these slots."""
    parameters = [f"{name}=defaults[{name!r}]" if name in defaults else name for name in names]
    lines = [
        f"self.{name} = defaults[{name!r}].make() if {name} is defaults[{name!r}] else {name}"
        if isinstance(defaults.get(name), _Fresh)
        else f"self.{name} = {name}"
        for name in names
    ] or ["pass"]
    source = f"def __init__({', '.join(['self', *parameters])}):\n " + "\n ".join(lines)
    found: dict[str, Any] = {}
    exec(compile(source, f"<record {made.__name__}>", "exec"), {"defaults": defaults}, found)  # noqa: S102 - names of our classes
    init: Callable[..., None] = found["__init__"]
    init.__qualname__ = f"{made.__qualname__}.__init__"
    init.__module__ = made.__module__
    return init


def _values(self: Any) -> tuple[Any, ...]:
    return tuple([getattr(self, name) for name in self.__match_args__])


def _eq(self: Any, other: object) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return _values(self) == _values(other)


def _hash(self: Any) -> int:
    return hash(_values(self))


def _repr(self: Any) -> str:
    shown = [f"{name}={getattr(self, name)!r}" for name in self.__match_args__ if name not in self._hidden]
    return f"{type(self).__qualname__}({', '.join(shown)})"
