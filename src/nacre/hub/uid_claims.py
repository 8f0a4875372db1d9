"""Which hub of this machine has which uids: a registry that all hubs that run as root share.

Owns: the registry's directory, its files and its lock, and the choice of a range for a state. Must not
know: users, sessions, the database.

Two hubs that gave the same uid to two people would let each read the other's home, and end each other's
sessions. So a state claims its uids before it gives any out, and keeps them for as long as its directory
is there, whether or not a hub runs: homes belong to uids. There is one small file for each state. What
cannot be read or contradicts itself is refused, never guessed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from nacre.hub.files import read_small_file
from nacre.hub.problem import StateError, os_problem

__all__ = ["AREA", "BLOCK", "Claim", "GivenUids", "UidRange", "UidRegistry"]


class UidRange(NamedTuple):
    """Uids from `low` to `high`, both in it."""

    low: int
    high: int

    def __str__(self) -> str:
        return f"[{self.low}, {self.high}]"

    def overlaps(self, other: UidRange) -> bool:
        """Tell whether a uid is in both."""
        return self.low <= other.high and other.low <= self.high


#: Where states that name no range get theirs, in blocks: above the 16-bit uids, and below 100000, where
#: those begin that /etc/subuid gives to containers.
AREA: Final = UidRange(70_000, 99_999)
BLOCK: Final = 1_000

_LOWEST: Final = 1_000
_HIGHEST: Final = 2**31 - 1
_LOCK_SECONDS: Final = 5.0
_LOCK_POLL: Final = 0.02
_MAX_FILE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class GivenUids:
    """The uids that a state has given out.

    Attributes:
        kept: of users who are there, or whose homes are.
        deleted: of users who are gone with their homes.
    """

    kept: frozenset[int] = frozenset()
    deleted: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Claim:
    """What one state has.

    Attributes:
        state: its directory, without symbolic links.
        ranges: all its uids; new users get theirs from the first.
    """

    state: Path
    ranges: tuple[UidRange, ...]

    @property
    def live(self) -> bool:
        """Whether the state is there. One that cannot be looked at counts as there."""
        try:
            self.state.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        return True

    def overlap(self, other: UidRange) -> UidRange | None:
        """Return the first of its ranges that shares a uid with `other`."""
        return next((each for each in self.ranges if each.overlaps(other)), None)


class UidRegistry:
    """The claims of all states of this machine.

    Args:
        directory: where they are; made, for root alone, with the first claim.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def claim(self, state: Path, given: GivenUids, wanted: UidRange | None) -> Claim:
        """Claim uids for a state, or confirm what it has. The caller holds the lock of the state.

        Args:
            state: its directory.
            given: what it has given out already; claimed first.
            wanted: where new uids are to come from; None: from where they came, else the next free block.

        Raises:
            StateError: another state has them, none are left, or the registry cannot be used.
        """
        with self._locked():
            claims = self._read()
            found = _choose(state.resolve(), given, wanted, claims.values())
            for path, claim in claims.items():
                # A state that is gone loses what somebody else takes, and only then: it may lie on a disk
                # that is not mounted.
                gone = claim.state != found.state and not claim.live
                if gone and any(map(claim.overlap, found.ranges)):
                    path.unlink(missing_ok=True)
            if claims.get(self._file(found.state)) != found:
                self._write(found)
        return found

    def preview(self, state: Path, given: GivenUids, wanted: UidRange | None) -> Claim:
        """Return what `claim` would, and raise what it would; nothing is made or changed."""
        claims = self._read() if os.path.lexists(self._directory) else {}
        return _choose(state.resolve(), given, wanted, claims.values())

    def owns(self, state: Path, uid: int) -> bool:
        """Tell whether a uid is one of a state's, as the registry says now.

        Raises:
            StateError: the registry cannot be used.
        """
        if not os.path.lexists(self._directory):
            return False
        wanted = UidRange(uid, uid)
        owners = {claim.state for claim in self._read().values() if claim.overlap(wanted) and claim.live}
        return owners == {state.resolve()}

    # ------------------------------------------------------------ the directory

    def _file(self, state: Path) -> Path:
        return self._directory / f"{hashlib.sha256(os.fsencode(state)).hexdigest()[:16]}.json"

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check()
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self._directory / "lock", flags, 0o600)
        except OSError as error:
            raise self._unusable(os_problem(error)) from error
        try:
            until = time.monotonic() + _LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= until:
                        raise self._unusable("another process keeps its lock") from None
                    time.sleep(_LOCK_POLL)
            yield
        finally:
            os.close(descriptor)

    def _check(self) -> None:
        """Refuse a directory in which somebody else may have written."""
        status = self._directory.lstat()
        if not stat.S_ISDIR(status.st_mode):
            raise self._unusable("it is not a directory")
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise self._unusable(
                f"somebody else can write it (uid {status.st_uid}, mode {stat.S_IMODE(status.st_mode):04o})"
            )

    def _unusable(self, why: str) -> StateError:
        return StateError(
            f"{self._directory}, where hubs note their users' uids, cannot be used: {why}",
            "it must be a directory of root's with mode 0700",
        )

    def _read(self) -> dict[Path, Claim]:
        try:
            self._check()
            return {path: _parse(path) for path in sorted(self._directory.glob("*.json"))}
        except OSError as error:
            raise self._unusable(os_problem(error)) from error

    def _write(self, claim: Claim) -> None:
        path = self._file(claim.state)
        new = path.with_suffix(".new")
        content = json.dumps({"state": str(claim.state), "ranges": claim.ranges})
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(new, flags, 0o600), "w", encoding="ascii") as file:
                file.write(content + "\n")
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
            directory = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            raise self._unusable(os_problem(error)) from error


def _parse(path: Path) -> Claim:
    content, _ = read_small_file(path, _MAX_FILE, os.O_NOFOLLOW)
    try:
        document = json.loads(content)
        state = Path(document["state"])
        ranges = tuple(UidRange(low, high) for low, high in document["ranges"])
        numbers = [number for each in ranges for number in each]
        fine = state.is_absolute() and bool(ranges) and all(type(number) is int for number in numbers)
        fine = fine and all(_LOWEST <= each.low <= each.high <= _HIGHEST for each in ranges)
    except (ValueError, KeyError, TypeError, RecursionError):
        fine = False
    if not fine:
        raise StateError(
            f"{path} does not say which uids a hub has",
            "put a backup in its place, or remove it and start the hub that it stands for first",
        )
    return Claim(state, ranges)


# ---------------------------------------------------------------- the choice


def _choose(state: Path, given: GivenUids, wanted: UidRange | None, claims: Iterable[Claim]) -> Claim:
    claims = list(claims)
    mine = next((claim for claim in claims if claim.state == state), None)
    gone = [claim for claim in claims if claim.state != state and not claim.live]
    others = [claim for claim in claims if claim.state != state and claim.live]
    for uid in sorted(given.kept):
        if other := _owner(UidRange(uid, uid), others):
            raise StateError(
                f"uid {uid} of a user of {state} belongs to the hub with the state {other.state}",
                "if one is a copy of the other, move it away; else remove this user with --delete-home "
                "and add them again, for another uid",
            )
    if wanted is None:
        new = _own_block(mine, given, others) or _free_block([*others, *gone]) or _free_block(others)
        if new is None:
            raise StateError(
                f"no {BLOCK} uids are free for new users in {AREA}",
                f"set {_suggestion(BLOCK, others)} in hub.toml",
            )
    elif other := _owner(wanted, others):
        raise StateError(
            f"uid_range {wanted} overlaps {other.overlap(wanted)!s}, which the hub with the state {other.state} has",
            f"set {_suggestion(wanted.high - wanted.low + 1, others)} in hub.toml",
        )
    else:
        new = wanted
    free = {uid for uid in given.deleted if not _owner(UidRange(uid, uid), others)}
    rest = (uid for uid in sorted(given.kept | free) if not new.low <= uid <= new.high)
    return Claim(state, (new, *_spans(rest)))


def _owner(uids: UidRange, claims: Iterable[Claim]) -> Claim | None:
    return next((claim for claim in claims if claim.overlap(uids)), None)


def _own_block(mine: Claim | None, given: GivenUids, others: list[Claim]) -> UidRange | None:
    """Return where a state's new uids came from so far: what it claimed, else the block of its last uid."""
    if mine is not None:
        return None if _owner(mine.ranges[0], others) else mine.ranges[0]
    last = max((uid for uid in given.kept if AREA.low <= uid <= AREA.high), default=None)
    if last is None:
        return None
    low = last - (last - AREA.low) % BLOCK
    block = UidRange(low, low + BLOCK - 1)
    return None if _owner(block, others) else block


def _free_block(claims: list[Claim]) -> UidRange | None:
    blocks = (UidRange(low, low + BLOCK - 1) for low in range(AREA.low, AREA.high, BLOCK))
    return next((block for block in blocks if _owner(block, claims) is None), None)


def _suggestion(size: int, claims: list[Claim]) -> str:
    """Return a setting that would do."""
    starts = sorted({AREA.low, *(each.high + 1 for claim in claims for each in claim.ranges)})
    for low in starts:
        uids = UidRange(low, low + size - 1)
        if low >= AREA.low and uids.high <= _HIGHEST and _owner(uids, claims) is None:
            return f"uid_range = {uids}"
    return "a smaller uid_range"


def _spans(uids: Iterable[int]) -> Iterator[UidRange]:
    """Return sorted uids as ranges."""
    low = high = None
    for uid in uids:
        if low is None or high is None:
            low = high = uid
        elif uid == high + 1:
            high = uid
        else:
            yield UidRange(low, high)
            low = high = uid
    if low is not None and high is not None:
        yield UidRange(low, high)
