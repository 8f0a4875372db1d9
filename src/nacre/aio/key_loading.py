"""Loading keys beside the loop: reading files, deriving from passphrases and checking RSA keys take long.

Owns: the thread that it happens in, and passphrases from functions, which are asked in the loop: at once, or
when a key is first to sign. Must not know: what the keys are for.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterable
from pathlib import PurePath
from typing import Any, Final, NoReturn

from nacre.aio.tasks import settle
from nacre.errors import KeyImportError, NotSupportedYet
from nacre.keys import PassphraseNeeded, SSHKey, SSHKeyPair, import_public_key, load_keypairs
from nacre.keys.files import expand
from nacre.keys.identity_files import read_identity

#: Bytes that hold no RSA key whose check would take long. A thread costs more than such a key.
_SHORT: Final = 1024
#: What is one key, or one file of keys; anything else that is given is a sequence of them.
_ONE = (str, bytes, PurePath, SSHKey, SSHKeyPair)


class LockedKeyPair(SSHKeyPair):
    """An encrypted key whose public part is known: it is opened when it is first to sign.

    Args:
        public: the public part.
        unlock: returns the pairs of the file, once somebody has given the passphrase.
    """

    def __init__(self, public: SSHKey, unlock: Callable[[], Awaitable[list[SSHKeyPair]]]) -> None:
        super().__init__(public.algorithm, public.public_data, public.sig_algorithms, _refuse)
        self.set_comment(public.get_comment_bytes())
        self._unlock = unlock
        self._turn = asyncio.Lock()
        self._opened: SSHKeyPair | None = None

    async def sign_async(self, data: bytes, sig_algorithm: str | None = None) -> bytes:
        """Return the signature blob, asking for the passphrase if nobody has given it yet.

        Raises:
            OSError, KeyImportError, KeyEncryptionError: the key cannot be opened, or it is another one.
        """
        async with self._turn:
            if self._opened is None:
                found = [pair for pair in await self._unlock() if pair.key_data == self.key_data]
                if not found:
                    raise KeyImportError("the private key is not the one of the public key beside it")
                self._opened = found[0]
        return await self._opened.sign_async(data, sig_algorithm or self.sig_algorithm)


def _refuse(data: bytes, algorithm: str) -> NoReturn:
    raise RuntimeError("a key that is not open yet signs with sign_async")


async def load_private_keys(
    wanted: Any, passphrase: Any, ignore_encrypted: bool = False, *, later: bool = False
) -> list[SSHKeyPair]:
    """Load private keys.

    Args:
        wanted: in any form of `load_keypairs`.
        passphrase: opens encrypted keys; a function, plain or coroutine, is called with the file's name
            when it is needed, once for each file.
        ignore_encrypted: leave out encrypted keys for which there is no passphrase.
        later: do not call the function now where the public part of a key is known without; see `LockedKeyPair`.

    Raises:
        OSError, KeyImportError, KeyEncryptionError: a key cannot be used.
    """
    entries: Iterable[Any] = (wanted,) if isinstance(wanted, _ONE) else wanted
    pairs: list[SSHKeyPair] = []
    for entry in entries:
        pairs += await _load(entry, passphrase, ignore_encrypted, later)
    return pairs


async def _load(entry: Any, passphrase: Any, ignore_encrypted: bool, later: bool) -> list[SSHKeyPair]:
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
    public = _public_part(entry) if later else None
    if public is not None:
        return [LockedKeyPair(public, functools.partial(_ask_and_load, entry, passphrase, asked[0]))]
    return await _ask_and_load(entry, passphrase, asked[0], ignore_encrypted)


async def _ask_and_load(
    entry: Any, passphrase: Any, filename: str, ignore_encrypted: bool = False
) -> list[SSHKeyPair]:
    return await _in_thread(entry, await settle(passphrase(filename)), ignore_encrypted)


def _public_part(entry: str | bytes | PurePath) -> SSHKey | None:
    """Return the public key of an encrypted one, or None where nothing tells it."""
    try:
        return import_public_key(entry) if isinstance(entry, bytes) else read_identity(entry)
    except (OSError, ValueError):
        return None


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
