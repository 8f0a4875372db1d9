"""What `nacre keygen -l` prints: the fingerprints of whatever keys a file has.

Owns: which files those are, and the words, which are ssh-keygen's. Must not know: formats of keys; the library does.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from nacre import SSHKey

__all__ = ["ACTIONS", "described"]

#: The most that is looked at, in bytes.
_MOST: Final = 1 << 20
#: A key in a line of known_hosts or authorized_keys, wherever it stands.
_KEY: Final = re.compile(r"(?:^|[ \t])([a-z][a-z0-9@.-]+)[ \t]+(AAAA[A-Za-z0-9+/]+=*)(?:[ \t]+(.*))?$")


def described(key: SSHKey, hash_name: str, comment: str | None = None, *, certified: bool = False) -> str:
    """Return what ssh-keygen says of a key: bits, fingerprint, comment, kind."""
    from nacre.cli.certificates import kind_of

    kind = kind_of(key.get_algorithm()) + ("-CERT" if certified else "")
    said = comment or key.get_comment(errors="replace") or "no comment"
    size = getattr(key.convert_to_public().library_public_key, "key_size", 256)
    return f"{size} {key.get_fingerprint(hash_name)} {said} ({kind})"


def _of_lines(text: str, hash_name: str, nacre: Any) -> Iterator[str]:
    """Return what is said of the keys and certificates in lines, as those of authorized_keys or known_hosts."""
    for line in text.split("\n"):
        stripped = line.strip(" \t\r")
        found = None if stripped.startswith("#") else _KEY.search(stripped)
        if found is None:
            continue
        certified = "-cert-v01@" in found[1]
        try:
            shown = (nacre.import_certificate if certified else nacre.import_public_key)(
                f"{found[1]} {found[2]}"
            )
        except nacre.KeyImportError:
            continue
        key = shown.key if certified else shown
        # Of a line of known_hosts, the host says more than nothing.
        host = stripped[: found.start()].split(",")[0] if found.start() else ""
        yield described(key, hash_name, found[3] or (host if " " not in host else None), certified=certified)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MOST)


def _lines(path: Path, options: argparse.Namespace, nacre: Any) -> list[str]:
    data = _content(path)
    beside = Path(f"{path}.pub")
    if b"PRIVATE KEY" in data and beside.exists():
        path, data = beside, _content(beside)
    try:
        keys = nacre.read_public_key_list(path)
    except nacre.KeyImportError as error:
        found = list(_of_lines(data.decode("utf-8", "surrogateescape"), options.hash, nacre))
        if not found:
            raise error from None
        return found
    return [described(key, options.hash) for key in keys]


def _fingerprints(options: argparse.Namespace, nacre: Any) -> int:
    from nacre.cli.output import say

    for line in _lines(Path(options.file or "~/.ssh/id_ed25519.pub").expanduser(), options, nacre):
        say(line)
    return 0


ACTIONS: Final[dict[str | None, Callable[[argparse.Namespace, Any], int]]] = {"l": _fingerprints}
