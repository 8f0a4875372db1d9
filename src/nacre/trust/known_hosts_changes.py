"""Changes of known_hosts files: a key is kept, replaced, forgotten; names are hashed.

Owns: what the text becomes, and who may change it to that. Must not know: connections, or who decided so.

A line that is not understood, a comment, and whatever is for other hosts stays as it is, byte for byte.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import Final

from nacre.keys import SSHKey
from nacre.keys.files import FilePath, name_of, read_file
from nacre.trust.known_hosts import (
    HashedHost,
    KnownHostsLine,
    Marker,
    hash_host_name,
    host_name,
    known_hosts_line,
    parse_line,
)
from nacre.trust.lines import MAX_LINE, MAX_LINES, as_text, words
from nacre.trust.shared_file import changing
from nacre.wire.record import record

__all__ = [
    "Entry",
    "Kept",
    "Outcome",
    "as_data",
    "entries",
    "find_host",
    "forget_host",
    "hash_names",
    "hashed_lines",
    "keep_key",
    "read_text",
    "require_room",
    "salt",
    "without_host",
]

_SALT_SIZE: Final = 20


@record
class Entry:
    """One line of a file, as it is.

    Attributes:
        number: from 1.
        text: without its end.
        line: taken apart; None for a comment, an empty line, and one that is refused.
        problem: why it is refused; "": it is not.
    """

    number: int
    text: str
    line: KnownHostsLine | None = None
    problem: str = ""

    def comment(self) -> str:
        """Return what stands behind the key, or ""."""
        behind = 3 if self.line is None or self.line.marker is Marker.TRUSTED else 4
        return "".join(words(self.text.strip(" \t\r"), behind + 1)[behind:])


def entries(text: str) -> Iterator[Entry]:
    """Return every line of a file, those that say nothing too."""
    lines = text.split("\n")
    if lines[-1] == "":
        del lines[-1]
    for number, line in enumerate(lines, start=1):
        stripped = line.strip(" \t\r")
        if not stripped or stripped.startswith("#"):
            yield Entry(number, line)
        elif len(line) > MAX_LINE:
            yield Entry(number, line, problem=f"the line is longer than {MAX_LINE} characters")
        else:
            try:
                yield Entry(number, line, parse_line(stripped))
            except ValueError as error:
                yield Entry(number, line, problem=str(error))


def read_text(filename: FilePath) -> str:
    """Return what a file has.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no regular file, or larger than 1 MiB.
    """
    return as_text(read_file(filename))


def as_data(lines: Iterable[str]) -> bytes:
    """Return lines as the content of a file."""
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


def salt() -> bytes:
    """Return a salt for the hash of a host's name."""
    return os.urandom(_SALT_SIZE)


# ---------------------------------------------------------------- a key is kept


class Kept(Enum):
    """What became of a key that was to be kept."""

    ADDED = "added"
    ALREADY = "it was there"
    CONFLICT = "another key, or a mark of revocation, was there"
    NOWHERE = "the file keeps nothing"


@record
class Outcome:
    """What became of a key that was to be kept.

    Attributes:
        kept: what became of it.
        line: the line that has it, or that has another one; 0: none.
    """

    kept: Kept
    line: int = 0


def keep_key(filename: FilePath, host: str, port: int | None, key: SSHKey, hashed: bool = False) -> Outcome:
    """Add a key of a host to a file, unless it has come there meanwhile; or another one has.

    Args:
        filename: the file; it is made, and so is its folder.
        host: the name or address that the user gave.
        port: the port; None, 0 and 22 are not written.
        key: the host's key.
        hashed: whether the host's name is written as a hash.

    Raises:
        OSError: it cannot be read or written.
        ValueError: it is no regular file, it is full, or the host's name cannot stand there.
    """
    line = known_hosts_line(host, port, key, salt() if hashed else None)
    if os.path.realpath(name_of(filename)) == os.devnull:
        return Outcome(Kept.NOWHERE)
    with changing(filename) as file:
        standing = _standing(as_text(file.data), host_name(host, port), key)
        if standing.kept is Kept.ADDED:
            require_room(file.data, 1)
            file.append(as_data([line]))
    return standing


def require_room(data: bytes, lines: int) -> None:
    """Refuse what would make a file one that is not read again. ValueError."""
    if data.count(b"\n") + lines >= MAX_LINES:
        raise ValueError(f"{MAX_LINES} lines are the most that known_hosts may have")


def _standing(text: str, name: str, key: SSHKey) -> Outcome:
    """Return what becomes of a key for a host in a file with this text."""
    every = list(entries(text))
    found = Outcome(Kept.ADDED, len(every) + 1)
    for entry in every:
        if entry.line is None or entry.line.marker is Marker.AUTHORITY or not entry.line.is_for(name):
            continue
        same = _has(entry.line, {key.public_data})
        if entry.line.marker is Marker.REVOKED and same:
            return Outcome(Kept.CONFLICT, entry.number)
        if entry.line.marker is Marker.TRUSTED:
            if same:
                found = Outcome(Kept.ALREADY, entry.number)
            elif found.kept is Kept.ADDED and entry.line.key() is not None:
                found = Outcome(Kept.CONFLICT, entry.number)
    return found


def _has(line: KnownHostsLine, blobs: Collection[bytes]) -> bool:
    key = line.key()
    return key is not None and key.public_data in blobs


# ---------------------------------------------------------------- what ssh-keygen does with files


def find_host(text: str, name: str) -> list[Entry]:
    """Return the lines for a host, as `ssh-keygen -F` does.

    Args:
        text: of the file.
        name: the host as known_hosts has it: `name`, or `[name]:port`.
    """
    name = name.lower()
    return [entry for entry in entries(text) if entry.line is not None and entry.line.is_for(name)]


def without_host(text: str, name: str) -> tuple[list[str], list[int]]:
    """Return the lines that are left without a host, and the numbers of those that are gone.

    Lines with a marker stay, as with `ssh-keygen -R`.
    """
    gone = [
        entry.number
        for entry in find_host(text, name)
        if entry.line is not None and entry.line.marker is Marker.TRUSTED
    ]
    return [entry.text for entry in entries(text) if entry.number not in set(gone)], gone


def forget_host(filename: FilePath, name: str) -> tuple[list[int], Path | None]:
    """Take the keys of a host out of a file, as `ssh-keygen -R` does.

    Args:
        filename: the file.
        name: the host as known_hosts has it: `name`, or `[name]:port`.

    Returns:
        The numbers of the lines that are gone, and where the file as it was is; None: nothing was changed.

    Raises:
        OSError: it cannot be read or written.
        ValueError: it is no regular file, it is too large, or a line of it is not understood.
    """
    os.stat(name_of(filename))  # what is not there is not made
    with changing(filename) as file:
        text = as_text(file.data)
        _require_understood(text)
        left, gone = without_host(text, name)
        return gone, file.replace(as_data(left)) if gone else None


def hashed_lines(entry: Entry) -> list[str]:
    """Return a line with its names as hashes, one line for each; a line that cannot be hashed as it is."""
    line = entry.line
    if line is None or line.marker is not Marker.TRUSTED or isinstance(line.hosts, HashedHost):
        return [entry.text]
    if any(character in line.names for character in "*?!/"):
        return [entry.text]
    # The rest stays as it is, with its comment.
    rest = words(entry.text, 2)[1]
    return [f"{hash_host_name(name, salt())} {rest}" for name in line.names.lower().split(",")]


def hash_names(filename: FilePath) -> tuple[list[int], Path | None]:
    """Replace the names of hosts in a file by hashes, as `ssh-keygen -H` does.

    Lines with a marker, a pattern or a network stay as they are.

    Returns:
        The numbers of the lines with patterns, which could not be hashed, and where the file as it was is; None:
        nothing was changed.

    Raises:
        OSError: it cannot be read or written.
        ValueError: it is no regular file, it is too large, or a line of it is not understood.
    """
    os.stat(name_of(filename))
    with changing(filename) as file:
        text = as_text(file.data)
        _require_understood(text)
        every = list(entries(text))
        lines = [hashed for entry in every for hashed in hashed_lines(entry)]
        kept = [
            entry.number
            for entry in every
            if entry.line is not None
            and entry.line.marker is Marker.TRUSTED
            and not isinstance(entry.line.hosts, HashedHost)
            and hashed_lines(entry) == [entry.text]
        ]
        changed = lines != [entry.text for entry in every]
        return kept, file.replace(as_data(lines)) if changed else None


def _require_understood(text: str) -> None:
    """Refuse to write a file anew of which something is not understood, as ssh-keygen does."""
    for entry in entries(text):
        if entry.problem:
            raise ValueError(
                f"line {entry.number} of known_hosts: {entry.problem}; the file was left as it was"
            )
