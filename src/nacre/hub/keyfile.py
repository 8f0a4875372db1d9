"""Public keys as an administrator gives them: a line, a file, or standard input.

Owns: telling these apart, and the words for what is wrong. Must not know: key formats, which are
nacre's own business; users.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nacre
from nacre.hub.files import read_small_file
from nacre.hub.paths import absolute
from nacre.hub.problem import HubProblem, os_problem

__all__ = ["MAX_KEY_FILE", "KeyFileError", "PublicKey", "parse_keys", "read_keys"]

#: In bytes. Such a file has a few keys of at most 3 KiB each.
MAX_KEY_FILE: Final = 256 * 1024

#: Prefixes of the names of key types: what begins so is a key, not the name of a file.
_KEY_TYPES: Final = ("ssh-", "ecdsa-", "sk-")


class KeyFileError(HubProblem):
    """That is not a public key."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key, checked.

    Attributes:
        blob: the public key blob (RFC 4253 section 6.6).
        comment: what stood behind it; may be empty.
    """

    blob: bytes
    comment: str


def read_keys(source: str) -> tuple[PublicKey, ...]:
    """Return the keys of what an administrator typed: a key line, "-" for standard input, or a file.

    Raises:
        KeyFileError: it cannot be read, or is not one or more public keys.
    """
    if source.startswith(_KEY_TYPES) and " " in source.strip():
        return parse_keys(source.encode("utf-8", "surrogateescape"), "the key")
    if source == "-":
        content, place = sys.stdin.buffer.read(MAX_KEY_FILE + 1), "standard input"
    else:
        content, place = _read_file(absolute(source)), source
    if len(content) > MAX_KEY_FILE:
        raise KeyFileError(f"{place} is larger than {MAX_KEY_FILE} bytes", "give the .pub file of a key")
    return parse_keys(content, place)


def _read_file(path: Path) -> bytes:
    try:
        return read_small_file(path, MAX_KEY_FILE)[0]
    except OSError as error:
        raise KeyFileError(
            f"the key {path} cannot be read: {os_problem(error)}", "give a .pub file or a key line"
        ) from error


def parse_keys(content: bytes, place: str) -> tuple[PublicKey, ...]:
    """Return the keys in the content of a file, one a line; blank lines and comments are skipped.

    Args:
        content: of the file.
        place: its name, for messages.

    Raises:
        KeyFileError: a line is no public key, or there is none.
    """
    if b"PRIVATE KEY-----" in content:
        raise KeyFileError(
            f"{place} holds a private key", "give the .pub file beside it, and keep this one secret"
        )
    if content.lstrip().startswith((b"-----BEGIN ", b"---- BEGIN ")):
        return (_parse_key(content, place),)
    keys = []
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip() and not line.lstrip().startswith(b"#"):
            keys.append(_parse_key(line, place if content.count(b"\n") < 2 else f"{place}:{number}"))
    if not keys:
        raise KeyFileError(f"{place} holds no key", "give the .pub file of a key")
    return tuple(keys)


def _parse_key(text: bytes, place: str) -> PublicKey:
    try:
        key = nacre.import_public_key(text)
    except nacre.KeyImportError as error:
        raise KeyFileError(
            f"{place} is not a public key that nacre knows: {error}", "ssh-keygen -t ed25519 makes one"
        ) from None
    return PublicKey(key.public_data, (key.get_comment_bytes() or b"").decode("utf-8", "replace"))
