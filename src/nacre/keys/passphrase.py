"""The passphrase of an encrypted private key, asked for only when it is needed.

Owns: `PassphraseSource` and the error for its absence. Must not know: how a passphrase is used.
"""

from __future__ import annotations

from collections.abc import Callable

from nacre.errors import KeyImportError

__all__ = ["Passphrase", "PassphraseNeeded", "PassphraseSource"]

#: As programs give it: the passphrase, or a function that takes the file's name and returns one.
Passphrase = str | bytes | Callable[[str], str | bytes | None] | None


class PassphraseNeeded(KeyImportError):
    """The private key is encrypted, and no passphrase was given."""

    def __init__(self) -> None:
        super().__init__("Passphrase needed: this private key is encrypted")


class PassphraseSource:
    """The passphrase for the keys of one file; a function is asked once, at the first encrypted key.

    Args:
        passphrase: as the program gave it.
        filename: what a function is asked with; "" for keys that are not from a file.
    """

    __slots__ = ("_filename", "_passphrase", "asked")

    def __init__(self, passphrase: Passphrase = None, filename: str = "") -> None:
        self._passphrase = passphrase
        self._filename = filename
        #: Whether a key needed it.
        self.asked = False

    def get(self) -> bytes:
        """Return the passphrase.

        Raises:
            PassphraseNeeded: there is none, or it is empty.
            TypeError: the function returned something else (a coroutine is awaited by the caller
                of this package).
        """
        self.asked = True
        if callable(self._passphrase):
            self._passphrase = self._passphrase(self._filename)
        passphrase = self._passphrase
        if isinstance(passphrase, str):
            passphrase = passphrase.encode("utf-8")
        if passphrase is not None and not isinstance(passphrase, bytes):
            raise TypeError(f"a passphrase is a str or bytes, not {type(passphrase).__name__}")
        if not passphrase:
            raise PassphraseNeeded
        return passphrase
