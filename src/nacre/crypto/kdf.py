"""Key derivation (RFC 4253 section 7.2).

Owns: turning a shared secret and an exchange hash into keys. Must not know: which key is for what.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, Final

#: The hashes of the methods, without the look-up by which `hashlib.new` finds them.
_HASHES: Final[dict[str, Callable[[bytes], Any]]] = {
    name: getattr(hashlib, name) for name in ("sha256", "sha384", "sha512")
}
_LETTERS: Final = (b"A", b"B", b"C", b"D", b"E", b"F")


def new_hash(name: str, data: bytes = b"") -> Any:
    """Return a hash as `hashlib.new` does, at a fraction of its cost for those of key exchanges."""
    made = _HASHES.get(name)
    return hashlib.new(name, data) if made is None else made(data)


def derive(
    hash_name: str,
    encoded_secret: bytes,
    exchange_hash: bytes,
    letter: bytes,
    session_id: bytes,
    size: int,
) -> bytes:
    """Derive one key: HASH(K || H || letter || session_id), extended as far as needed.

    Args:
        hash_name: the hash of the key exchange method, as hashlib calls it.
        encoded_secret: K exactly as it entered the exchange hash: an mpint, or a string for the
            hybrid methods.
        exchange_hash: H of this key exchange.
        letter: b"A" and b"B" initial IVs, b"C" and b"D" encryption keys, b"E" and b"F" integrity
            keys; the first of each pair is client to server.
        session_id: H of the first key exchange of the connection.
        size: how many bytes are needed; 0 gives b"".

    Returns:
        `size` bytes of key.

    Raises:
        ValueError: `letter` is none of the six, or `size` is negative.
    """
    return derive_all(hash_name, encoded_secret, exchange_hash, ((letter, size),), session_id)[0]


def derive_all(
    hash_name: str,
    encoded_secret: bytes,
    exchange_hash: bytes,
    wanted: Iterable[tuple[bytes, int]],
    session_id: bytes,
) -> list[bytes]:
    """Derive several keys: as `derive`, for each letter and size in `wanted`."""
    secret_and_hash = new_hash(hash_name, encoded_secret + exchange_hash)
    keys = []
    for letter, size in wanted:
        if letter not in _LETTERS:
            raise ValueError(f"a key is derived for one of the letters A to F, not {letter!r}")
        if size < 0:
            raise ValueError(f"a key of {size} bytes cannot be derived")
        if not size:  # as of a MAC, where the cipher authenticates
            keys.append(b"")
            continue
        block = secret_and_hash.copy()
        block.update(letter + session_id)
        key = block.digest()
        # RFC 4253 section 7.2: "K2 = HASH(K || H || K1), K3 = HASH(K || H || K1 || K2)".
        while len(key) < size:
            block = secret_and_hash.copy()
            block.update(key)
            key += block.digest()
        keys.append(key[:size])
    return keys
