"""Tokens that an agent takes: the keys of the PKCS#11 libraries that its user permits.

Owns: which library may be loaded for whoever asks. Must not know: messages, or how a token is spoken to.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from nacre.aio.pkcs11_keys import load_pkcs11_keys
from nacre.keys import SSHKeyPair
from nacre.trust.pattern import PatternList

__all__ = ["PermittedTokens"]


class PermittedTokens:
    """What `smartcards` of an agent may be: ssh-agent's option -P.

    A library's code runs in this process, so what a path leads to counts, and not what it is called.

    Args:
        patterns: of the paths of libraries, with `*` and `?`, commas between, `!` before what is excluded.

    Raises:
        ValueError: a pattern is empty or too long.
    """

    def __init__(self, patterns: str) -> None:
        self._patterns = PatternList(patterns)

    async def __call__(self, provider: str, pin: str) -> Sequence[SSHKeyPair]:
        """Return the keys on the tokens of a library.

        Args:
            provider: its path.
            pin: of the tokens; "": none.

        Raises:
            ValueError: it is not permitted, or cannot be used.
            OSError: it is not there.
        """
        return await asyncio.to_thread(self._load, provider, pin)

    def _load(self, provider: str, pin: str) -> Sequence[SSHKeyPair]:
        path = os.path.realpath(provider, strict=True)
        if not self._patterns.matches(path):
            raise ValueError(f"{path} is none of the libraries that are permitted")
        return load_pkcs11_keys(path, pin or None)
