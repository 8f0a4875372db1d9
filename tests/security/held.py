"""How many bytes an object holds, with everything that it alone leads to.

Owns: the count. Must not know: what is counted. A difference of two counts is what grew; what many objects
share (classes, functions, modules, loggers) is never counted.
"""

from __future__ import annotations

import gc
import logging
import sys
import types
from enum import Enum

__all__ = ["held_bytes"]

_SHARED = (
    type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.CodeType, types.FrameType,
    Enum, logging.Logger, logging.Manager,
)  # fmt: skip


def held_bytes(*roots: object, without: tuple[object, ...] = ()) -> int:
    """Count the bytes of these objects and of all that they refer to, but for what leads through `without`."""
    seen = {id(item) for item in without}
    todo: list[object] = list(roots)
    total = 0
    while todo:
        found = todo.pop()
        if id(found) in seen or isinstance(found, _SHARED):
            continue
        seen.add(id(found))
        total += sys.getsizeof(found, 0)
        if isinstance(found, memoryview):
            todo.append(found.obj)
        elif isinstance(found, types.MethodType):
            todo.append(found.__self__)
        else:
            todo.extend(gc.get_referents(found))
    return total
