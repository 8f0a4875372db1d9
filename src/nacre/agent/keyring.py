"""The keys of an agent, and the passphrase that locks it.

Owns: which keys there are, until when, and on what terms; locking, unlocking, and what a wrong passphrase
costs. Must not know: messages, connections, who asks.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final

from nacre.agent.constraints import UNCONSTRAINED, Constraints
from nacre.crypto.constant_time import equal
from nacre.keys import SSHKeyPair
from nacre.wire.fields import encode_string
from nacre.wire.record import hidden, record

#: Keys of one agent: more than any server would let a client try, and OpenSSH's client takes 2048.
MAX_KEYS: Final = 1024
#: Bytes of the list of them: what fits a message, with its number and count.
MAX_LISTED: Final = 256 * 1024 - 5
#: Bytes of a comment that are kept: it is shown to people.
MAX_COMMENT: Final = 1024

_SALT: Final = 16
#: Work for a try at the passphrase: some 20 ms. It is nobody's only protection: the keys are not encrypted with it.
_ROUNDS: Final = 50_000
#: Seconds that each wrong passphrase adds to the wait before its answer, and the longest wait: OpenSSH's.
_DELAY: Final = 0.1
_LONGEST_DELAY: Final = 10.0


class KeyringFull(ValueError):
    """There is no room for another key."""


@record
class Entry:
    """A key of an agent.

    Attributes:
        pair: the key, and what signs with it.
        comment: what its user calls it.
        constraints: what it may be used for.
        until: when it goes, by the agent's clock; None: it stays.
        provider: whose key it is, of smartcards; "": its own.
    """

    pair: SSHKeyPair
    comment: bytes = b""
    constraints: Constraints = UNCONSTRAINED
    until: float | None = None
    provider: str = ""

    @property
    def listed(self) -> bytes:
        """How it stands in the list of keys (RFC 9987 section 5.4)."""
        return encode_string(self.pair.public_data) + encode_string(self.comment)


class Keyring:
    """The keys, in the order in which they came.

    Args:
        clock: tells the time, in seconds; a monotonic one.
        lifetime: seconds after which a key goes that says nothing else; None: it stays.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, lifetime: float | None = None) -> None:
        self._clock = clock
        self._lifetime = lifetime
        self._entries: dict[bytes, Entry] = {}

    def __len__(self) -> int:
        self.expire()
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        self.expire()
        return iter(tuple(self._entries.values()))

    def __repr__(self) -> str:
        return f"<Keyring of {len(self._entries)} keys>"

    def find(self, public_data: bytes) -> Entry | None:
        """Return the key of a blob, or None."""
        self.expire()
        return self._entries.get(public_data)

    def add(
        self,
        pair: SSHKeyPair,
        comment: bytes = b"",
        constraints: Constraints = UNCONSTRAINED,
        provider: str = "",
    ) -> Entry:
        """Add a key, in place of the same one on other terms.

        Raises:
            KeyringFull: there are too many, or their list would be too long for a message.
        """
        self.expire()
        lifetime = self._lifetime if constraints.lifetime is None else constraints.lifetime
        until = None if lifetime is None else self._clock() + lifetime
        entry = Entry(pair, comment[:MAX_COMMENT], constraints, until, provider)
        others = [other for blob, other in self._entries.items() if blob != pair.public_data]
        if len(others) >= MAX_KEYS or sum(len(each.listed) for each in (*others, entry)) > MAX_LISTED:
            raise KeyringFull(f"there are {len(others)} keys, and no room for another")
        self._entries[pair.public_data] = entry
        return entry

    def remove(self, public_data: bytes) -> None:
        """Forget a key. KeyError when there is none."""
        del self._entries[public_data]

    def clear(self) -> None:
        """Forget all keys."""
        self._entries.clear()

    def expire(self) -> None:
        """Forget the keys whose time is over."""
        now = self._clock()
        for blob in [
            blob for blob, entry in self._entries.items() if entry.until is not None and entry.until <= now
        ]:
            del self._entries[blob]

    def next_end(self) -> float | None:
        """Return in how many seconds the next key goes; None: none does."""
        ends = [entry.until for entry in self._entries.values() if entry.until is not None]
        return max(0.0, min(ends) - self._clock()) if ends else None


@record
class _Locked:
    """What is kept of the passphrase."""

    salt: bytes = hidden()
    digest: bytes = hidden()


class Lock:
    """Whether an agent is locked.

    Args:
        pause: waits for so many seconds.
    """

    def __init__(self, pause: Callable[[float], Awaitable[Any]] = asyncio.sleep) -> None:
        self._pause = pause
        self._locked: _Locked | None = None
        self._failures = 0
        #: One try at a time: many connections must not make many tries.
        self._turn = asyncio.Lock()

    @property
    def is_locked(self) -> bool:
        """Whether it is locked."""
        return self._locked is not None

    async def lock(self, passphrase: bytes) -> bool:
        """Lock it; return whether it was not locked, and there is a passphrase."""
        async with self._turn:
            if not passphrase or self._locked is not None:
                return False
            salt = os.urandom(_SALT)
            self._locked = _Locked(salt, await _digest(passphrase, salt))
            return True

    async def unlock(self, passphrase: bytes) -> bool:
        """Unlock it; return whether it was locked, and with this passphrase. A wrong one costs time."""
        async with self._turn:
            if not passphrase or self._locked is None:
                return False
            if equal(await _digest(passphrase, self._locked.salt), self._locked.digest):
                self._locked = None
                self._failures = 0
                return True
            self._failures += 1
            await self._pause(min(_DELAY * self._failures, _LONGEST_DELAY))
            return False

    def __repr__(self) -> str:
        return f"<Lock {'locked' if self.is_locked else 'open'}>"


async def _digest(passphrase: bytes, salt: bytes) -> bytes:
    """Return what a passphrase is compared by, computed beside the loop."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(None, hashlib.pbkdf2_hmac, "sha256", passphrase, salt, _ROUNDS)
