"""Loading keys beside the loop: reading files, deriving from passphrases and checking RSA keys take long.

Owns: the thread that it happens in, and passphrases from functions, which are asked in the loop. Must not
know: what the keys are for.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any, Final

from nacre.aio.tasks import settle
from nacre.errors import NotSupportedYet
from nacre.keys import PassphraseNeeded, SSHKey, SSHKeyPair, load_keypairs
from nacre.keys.files import expand

#: Bytes that hold no RSA key whose check would take long. A thread costs more than such a key.
_SHORT: Final = 1024
#: What is one key, or one file of keys; anything else that is given is a sequence of them.
_ONE = (str, bytes, PurePath, SSHKey, SSHKeyPair)


async def load_private_keys(wanted: Any, passphrase: Any, ignore_encrypted: bool = False) -> list[SSHKeyPair]:
    """Load private keys.

    Args:
        wanted: in any form of `load_keypairs`.
        passphrase: opens encrypted keys; a function, plain or coroutine, is called with the file's name
            when it is needed, once for each file.
        ignore_encrypted: leave out encrypted keys for which there is no passphrase.

    Raises:
        OSError, KeyImportError, KeyEncryptionError: a key cannot be used.
    """
    entries: Iterable[Any] = (wanted,) if isinstance(wanted, _ONE) else wanted
    pairs: list[SSHKeyPair] = []
    for entry in entries:
        pairs += await _load(entry, passphrase, ignore_encrypted)
    return pairs


async def _load(entry: Any, passphrase: Any, ignore_encrypted: bool) -> list[SSHKeyPair]:
    if isinstance(entry, tuple) and len(entry) == 2:
        if entry[1] is not None:
            raise NotSupportedYet("login with certificates", "give the key alone")
        entry = entry[0]
    if not isinstance(entry, (str, bytes, PurePath)):
        return load_keypairs([entry])
    asked: list[str] = []

    def needs(filename: str) -> None:
        asked.append(filename)

    if _is_short(entry):
        try:
            return load_keypairs([entry], needs)
        except PassphraseNeeded:
            asked.clear()
    known = needs if callable(passphrase) else passphrase
    try:
        return await _in_thread(entry, known, ignore_encrypted and not callable(passphrase))
    except PassphraseNeeded:
        if not asked:
            raise
    return await _in_thread(entry, await settle(passphrase(asked[0])), ignore_encrypted)


def _is_short(entry: str | bytes | PurePath) -> bool:
    """Return whether a key is so short that it takes no time to load, unless it is encrypted."""
    try:
        size = len(entry) if isinstance(entry, bytes) else expand(entry).stat().st_size
    except (OSError, ValueError):
        return False  # what is wrong is said where it is read
    return size <= _SHORT


async def _in_thread(entry: Any, passphrase: Any, ignore_encrypted: bool) -> list[SSHKeyPair]:
    load = functools.partial(load_keypairs, [entry], passphrase, None, ignore_encrypted=ignore_encrypted)
    return await asyncio.get_running_loop().run_in_executor(None, load)
