"""Loading keys beside the loop: reading files, deriving from passphrases and checking RSA keys take long.

Owns: the thread that it happens in, and passphrases from functions, which are asked in the loop: at once, or
when a key is first to sign. Must not know: what the keys are for.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import PurePath
from typing import Any, Final, NoReturn

from nacre.aio.log import logger, plain
from nacre.aio.tasks import settle
from nacre.errors import KeyImportError
from nacre.keys import (
    BesideRefused,
    Certified,
    PassphraseNeeded,
    SSHCertificate,
    SSHKey,
    SSHKeyPair,
    X509Chain,
    certificates_of,
    import_public_key,
    load_certified,
    load_pairs,
)
from nacre.keys.files import name_of
from nacre.keys.identity_files import read_identity
from nacre.keys.load import is_certified_key

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
        return self.answered(await sign_beside(await self.opened(), data, self.asked(sig_algorithm)))

    async def opened(self) -> SSHKeyPair:
        """Return the key itself, as `sign_async` needs it."""
        async with self._turn:
            if self._opened is None:
                found = [pair for pair in await self._unlock() if pair.key_data == self.key_data]
                if not found:
                    raise KeyImportError("the private key is not the one of the public key beside it")
                self._opened = found[0]
        return self._opened

    def opened_key(self) -> SSHKey | None:
        """Return the private key, if it was opened."""
        return None if self._opened is None else self._opened.key

    def certified(self, public: SSHKey, certificate: Certified) -> LockedKeyPair:
        """Return the same key with its certificate; it is opened once for both."""

        async def unlock() -> list[SSHKeyPair]:
            return [await self.opened()]

        pair = LockedKeyPair(public, unlock)
        pair.set_certificate(certificate)
        return pair


def _refuse(data: bytes, algorithm: str) -> NoReturn:
    raise RuntimeError("a key that is not open yet signs with sign_async")


async def sign_beside(pair: SSHKeyPair, data: bytes, sig_algorithm: str) -> bytes:
    """Return the signature blob of `data`; a key that waits for somebody or for hardware does so in a thread.

    Raises:
        OSError, ValueError: the key cannot be used.
    """
    signature: bytes = await settle(
        asyncio.get_running_loop().run_in_executor(None, pair.sign, data, sig_algorithm)
        if pair.waits
        else pair.sign_async(data, sig_algorithm)
    )
    return signature


async def load_certs(wanted: Any) -> list[Certified]:
    """Load certificates, in any form of `load_certificates`; None is none.

    Raises:
        OSError, KeyImportError: one cannot be used.
    """
    if wanted is None or (isinstance(wanted, (tuple, list)) and not wanted):
        return []
    if isinstance(wanted, list) and all(isinstance(each, (SSHCertificate, X509Chain)) for each in wanted):
        return wanted  # loaded already
    return await asyncio.get_running_loop().run_in_executor(None, load_certified, wanted)


async def load_private_keys(
    wanted: Any, passphrase: Any, ignore_encrypted: bool = False, certs: Any = (), *, later: bool = False
) -> list[SSHKeyPair]:
    """Load private keys.

    Args:
        wanted: in any form of `load_keypairs`.
        passphrase: opens encrypted keys; a function, plain or coroutine, is called with the file's name
            when it is needed, once for each file.
        ignore_encrypted: leave out encrypted keys for which there is no passphrase.
        certs: certificates, each for whichever key it is about; None: also not those beside the files.
        later: do not call the function now where the public part of a key is known without; see `LockedKeyPair`.

    Raises:
        OSError, KeyImportError, KeyEncryptionError: a key or certificate cannot be used. Of one that merely
            lies beside a key's file the log tells, and the key is used without it.
    """
    load = _Loading(
        passphrase, ignore_encrypted, await load_certs(certs), look_beside=certs is not None, later=later
    )
    entries: Iterable[Any] = (wanted,) if isinstance(wanted, _ONE) or is_certified_key(wanted) else wanted
    pairs: list[SSHKeyPair] = []
    for entry in entries:
        pairs += await load.entry(entry)
    return pairs


class _Loading:
    """How the entries of one argument are loaded."""

    def __init__(
        self,
        passphrase: Any,
        ignore_encrypted: bool,
        certificates: list[Certified],
        *,
        look_beside: bool,
        later: bool,
    ) -> None:
        self._later = later
        self._passphrase = passphrase
        self._ignore = ignore_encrypted
        self._certificates = certificates
        self._look_beside = look_beside

    async def entry(self, entry: Any) -> list[SSHKeyPair]:
        key, certificate = entry if isinstance(entry, tuple) and len(entry) == 2 else (entry, None)
        if not isinstance(key, (str, bytes, PurePath)) and not isinstance(certificate, (str, PurePath)):
            return load_pairs([entry], None, self._certificates, look_beside=False)
        asked: list[str] = []

        def needs(filename: str) -> None:
            asked.append(filename)

        if _is_short(key):
            try:
                return self._now(entry, needs, ignore=False)
            except PassphraseNeeded:
                asked.clear()
        passphrase, ignore = self._passphrase, self._ignore
        if not callable(passphrase):
            return await self._in_thread(entry, passphrase, ignore)
        try:
            return await self._in_thread(entry, needs, ignore=False)
        except PassphraseNeeded:
            if not asked:
                raise
        public = _public_part(key) if self._later else None
        if public is not None:
            locked = LockedKeyPair(public, functools.partial(self._ask, key, asked[0]))
            shown = self._certificates_of(key, public, certificate)
            return [*(locked.certified(public, each) for each in shown), locked]
        return await self._ask(entry, asked[0], ignore)

    async def _ask(self, entry: Any, filename: str, ignore: bool = False) -> list[SSHKeyPair]:
        return await self._in_thread(entry, await settle(self._passphrase(filename)), ignore)

    def _certificates_of(self, key: Any, public: SSHKey, named: Any) -> Sequence[Certified]:
        found = functools.partial(certificates_of, key, public, named, self._certificates)
        try:
            return found(look_beside=self._look_beside)
        except BesideRefused as error:
            logger.warning("a certificate is not used: %s", plain(error))
        return found(look_beside=False)

    async def _in_thread(self, entry: Any, passphrase: Any, ignore: bool) -> list[SSHKeyPair]:
        load = functools.partial(self._now, entry, passphrase, ignore=ignore)
        return await asyncio.get_running_loop().run_in_executor(None, load)

    def _now(self, entry: Any, passphrase: Any, *, ignore: bool) -> list[SSHKeyPair]:
        load = functools.partial(load_pairs, [entry], passphrase, self._certificates, ignore_encrypted=ignore)
        try:
            return load(look_beside=self._look_beside)
        except BesideRefused as error:
            logger.warning("a certificate is not used: %s", plain(error))
        return load(look_beside=False)


def _public_part(entry: str | bytes | PurePath) -> SSHKey | None:
    """Return the public key of an encrypted one, or None where nothing tells it."""
    try:
        return import_public_key(entry) if isinstance(entry, bytes) else read_identity(entry)
    except (OSError, ValueError):
        return None


def _is_short(entry: Any) -> bool:
    """Return whether a key is so short that it takes no time to load, unless it is encrypted."""
    try:
        if isinstance(entry, (str, PurePath)):
            return os.stat(name_of(entry)).st_size <= _SHORT
        return not isinstance(entry, bytes) or len(entry) <= _SHORT
    except (OSError, ValueError):
        return False  # what is wrong is said where it is read
