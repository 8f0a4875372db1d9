"""Copies of a conversation in memory, so that what leads to it is said once and not for each case.

Owns: `Frozen`, from which any number of equal copies come, each with state of its own. Must not know: what is
copied, beyond which objects hold no state and may be shared.

Copying takes a tenth of a handshake. What has state and cannot be copied is refused, never shared.
"""

from __future__ import annotations

import io
import pickle
from enum import Enum
from types import FunctionType, ModuleType
from typing import Any, Final, Generic, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from nacre.keys import SSHKey
from nacre.protocol.settings import Settings, Sources

__all__ = ["Frozen"]

T = TypeVar("T")

#: What never changes, or (one call of AES-GCM) has nothing to remember.
_STATELESS: Final = (
    AESGCM, Ed25519PrivateKey, Ed25519PublicKey, X25519PrivateKey, X25519PublicKey,
    Enum, Settings, Sources, SSHKey, type, ModuleType,
)  # fmt: skip


class _Writer(pickle.Pickler):
    def __init__(self, file: io.BytesIO, shared: list[Any]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._shared = shared

    def persistent_id(self, obj: Any) -> int | None:
        """The place of what is shared; None: this is copied, or refused by `pickle`."""
        if not isinstance(obj, _STATELESS) and not (isinstance(obj, FunctionType) and not obj.__closure__):
            return None
        self._shared.append(obj)
        return len(self._shared) - 1

    def reducer_override(self, obj: Any) -> Any:
        """A view is one of the copied buffer."""
        if not isinstance(obj, memoryview):
            return NotImplemented
        if obj.nbytes != len(obj.obj):
            raise TypeError("a view of a part of a buffer is not copied")
        return memoryview, (obj.obj,)


class Frozen(Generic[T]):
    """What `make` returns a copy of, as it was when this was made.

    Args:
        original: what is copied; it may be used and changed afterwards.
    """

    def __init__(self, original: T) -> None:
        self._shared: list[Any] = []
        file = io.BytesIO()
        _Writer(file, self._shared).dump(original)
        self._bytes = file.getvalue()

    def copy(self) -> T:
        """Return a copy that shares nothing that can change with another."""
        reader = pickle.Unpickler(io.BytesIO(self._bytes))
        reader.persistent_load = self._shared.__getitem__
        made: T = reader.load()
        return made
