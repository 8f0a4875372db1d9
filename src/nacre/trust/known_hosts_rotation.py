"""A server's new host keys in known_hosts: what is to be added and taken out, and when nothing is (OpenSSH's rules).

Owns: the plan for the user's files, and carrying it out. Must not know: how a server announces and proves its keys.

A host's keys are changed only where the file says nothing beyond them: not with a line for the host that has a
pattern, more than two names or a marker, nor with a key that stands under another name too. What a person wrote
by hand is left to a person.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from nacre.keys import SSHKey
from nacre.keys.files import FilePath
from nacre.trust.known_hosts import HashedHost, KnownHostsLine, Marker, host_name, known_hosts_line
from nacre.trust.known_hosts_changes import as_data, entries, read_text, require_room, salt
from nacre.trust.lines import as_text
from nacre.trust.shared_file import changing
from nacre.wire.record import record

__all__ = ["Plan", "plan_for", "update_files"]

#: Names of one line: ssh writes the host and its address.
_MOST_NAMES: Final = 2


@record
class Plan:
    """What becomes of the user's files.

    Attributes:
        new: the announced keys that they do not have.
        old: the keys, as blobs, that they have and that were not announced.
        obstacle: why nothing is changed; "": nothing is in the way.
    """

    new: tuple[SSHKey, ...] = ()
    old: frozenset[bytes] = frozenset()
    obstacle: str = ""

    def is_idle(self) -> bool:
        """Return whether there is nothing to do, or nothing that may be done."""
        return bool(self.obstacle) or not (self.new or self.old)


def plan_for(
    texts: Iterable[str],
    host: str,
    port: int | None,
    announced: Mapping[bytes, SSHKey],
    wanted: Collection[bytes],
) -> Plan:
    """Return what becomes of files when a host announces its keys.

    Args:
        texts: what the files have.
        host: as known_hosts has it.
        port: the port.
        announced: every key that was announced, by its blob.
        wanted: the blobs of those that may be added.

    Raises:
        ValueError: the host's name cannot stand in known_hosts.
    """
    name = host_name(host, port)
    here: set[bytes] = set()
    elsewhere: set[bytes] = set()
    obstacle = ""
    for text in texts:
        for entry in entries(text):
            key = entry.line.key() if entry.line is not None else None
            if entry.line is None or key is None:
                continue
            if not entry.line.is_for(name):
                elsewhere.add(key.public_data)
            elif entry.line.marker is not Marker.TRUSTED:
                obstacle = f"line {entry.number} has the marker {entry.line.marker.value}"
            elif _is_written_by_hand(entry.line):
                obstacle = f"line {entry.number} has a pattern, or several names"
            else:
                here.add(key.public_data)
    new = tuple(key for blob, key in announced.items() if blob in wanted and blob not in here)
    old = frozenset(here - announced.keys())
    if not obstacle and (elsewhere & (announced.keys() | old)):
        obstacle = "a key of the host stands under another name too"
    return Plan(new, old, obstacle)


def _is_written_by_hand(line: KnownHostsLine) -> bool:
    if isinstance(line.hosts, HashedHost):
        return False
    return any(character in line.names for character in "*?!/") or line.names.count(",") >= _MOST_NAMES


def read_known(filenames: Sequence[FilePath]) -> list[str]:
    """Return what the files have; one that is not there has nothing. OSError, ValueError."""
    texts = []
    for filename in filenames:
        try:
            texts.append(read_text(filename))
        except FileNotFoundError:
            texts.append("")
    return texts


def update_files(
    filenames: Sequence[FilePath],
    host: str,
    port: int | None,
    announced: Mapping[bytes, SSHKey],
    wanted: Collection[bytes],
    hashed: bool = False,
) -> Plan:
    """Change the user's files to what a host announces: new keys into the first, old ones out of each.

    The plan is made anew from what the first file has once it is locked.

    Args:
        filenames: the files.
        host: as known_hosts has it.
        port: the port.
        announced: every key that was announced, by its blob; those that are `wanted` are proven.
        wanted: the blobs of those that may be added.
        hashed: whether the host's name is written as a hash.

    Returns:
        What was done, unless it has an obstacle.

    Raises:
        OSError: a file cannot be read or written.
        ValueError: a file cannot be used, or the host's name cannot stand there.
    """
    first, *others = filenames
    name = host_name(host, port)
    with changing(first) as file:
        text = as_text(file.data)
        plan = plan_for([text, *read_known(others)], host, port, announced, wanted)
        if plan.is_idle():
            return plan
        added = [known_hosts_line(host, port, key, salt() if hashed else None) for key in plan.new]
        left = _without(text, name, plan.old)
        require_room(file.data, len(added))
        if left is None:
            file.append(as_data(added))
        else:
            file.replace(as_data([*left, *added]))
    for other in others:
        _take_out(other, name, plan.old)
    return plan


def _without(text: str, name: str, old: Collection[bytes]) -> list[str] | None:
    """Return the lines that are left without old keys of a host; None: none of them is there."""
    gone = {
        entry.number
        for entry in entries(text)
        if entry.line is not None and entry.line.is_for(name) and _has_one(entry.line, old)
    }
    return [entry.text for entry in entries(text) if entry.number not in gone] if gone else None


def _has_one(line: KnownHostsLine, blobs: Collection[bytes]) -> bool:
    key = line.key()
    return line.marker is Marker.TRUSTED and key is not None and key.public_data in blobs


def _take_out(filename: FilePath, name: str, old: Collection[bytes]) -> None:
    texts = read_known([filename])
    if _without(texts[0], name, old) is None:
        return
    with changing(filename) as file:
        left = _without(as_text(file.data), name, old)
        if left is not None:
            file.replace(as_data(left))
