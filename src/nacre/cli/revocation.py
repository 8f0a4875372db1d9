"""What `nacre keygen` does with revocation lists: write them, look into them, print them.

Owns: the words, which are ssh-keygen's. Must not know: the format of the lists; the library does.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from nacre.cli import certificates

__all__ = ["ACTIONS"]

#: The most of a file of what is to be revoked, in characters.
_MOST: Final = 8 * 1024 * 1024


def _text(name: str) -> str:
    if name == "-":
        return sys.stdin.read(_MOST)
    with Path(name).expanduser().open("rb") as file:
        return file.read(_MOST).decode("utf-8", "surrogateescape")


def _authority(options: argparse.Namespace, nacre: Any) -> Any:
    """Return whose certificates serial numbers and key IDs are of; None: nobody has said."""
    from nacre.keygen import Authority

    if options.signature is None:
        return None
    if options.signature.lower() == "none":
        return Authority(None)
    return Authority(nacre.read_public_key(Path(options.signature).expanduser()))


def _revoke(options: argparse.Namespace, nacre: Any) -> int:
    from nacre.keygen import revoke_lines

    if options.file is None:
        raise ValueError("-k takes the revocation list from -f")
    path = Path(options.file).expanduser()
    revoked = nacre.read_krl(path) if options.update else nacre.KeyRevocationList()
    if options.version is not None:
        revoked.version = certificates.serial_of(options.version)[0]
    authority = _authority(options, nacre)
    for name in options.files:
        try:
            revoke_lines(revoked, _text(name), authority)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    revoked.generated = int(time.time())
    revoked.write(path)
    return 0


def _shown(nacre: Any, name: str) -> list[Any]:
    """Return the certificates of a file, or its public keys."""
    try:
        return list(nacre.read_certificate_list(name))
    except nacre.KeyImportError:
        return list(nacre.read_public_key_list(name))


def _when(seconds: int) -> str:
    return time.strftime("%Y%m%dT%H%M%S", time.localtime(seconds))


def _is_revoked(options: argparse.Namespace, nacre: Any) -> int:
    from nacre.cli.output import say
    from nacre.keygen import revoked_lines

    if options.file is None or not (options.files or options.lists):
        raise ValueError("-Q takes the revocation list from -f, and the files to look for, or -l to print it")
    revoked = nacre.read_krl(Path(options.file).expanduser())
    for line in revoked_lines(revoked, _when) if options.lists else ():
        say(line)
    status = 0
    for name in options.files:
        for one in _shown(nacre, name):
            verdict = revoked.revokes(one)
            status = 1 if verdict else status
            comment = one.get_comment(errors="replace")
            say(f"{name}{f' ({comment})' if comment else ''}: {'REVOKED' if verdict else 'ok'}")
    return status


ACTIONS: Final[dict[str | None, Callable[[argparse.Namespace, Any], int]]] = {"k": _revoke, "Q": _is_revoked}
