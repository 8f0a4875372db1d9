"""What a killed holder leaves of its session, where users have uids of their own, and ending it.

Owns: finding a user's processes that belong to no holder, and killing them. Must not know: sessions,
SSH, the hub's state. Imports the standard library and its sibling `holder` alone. Linux.

A holder runs under its user's uid, so that user can kill it. Then nobody is left to end what descends
from it: the kernel gives its orphans to init. They keep the uid, though, which belongs to that user
alone; so what has the uid and descends from none of the user's other holders is what was left.

Run by the hub as a process of its own, and as root: reading all of /proc takes its time, and the
user can neither stop nor kill it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable
from typing import Final, NoReturn

from nacre.hub.holder import descendants

__all__ = ["left_of", "main", "sweep"]

#: How often to try, and to look whether they are gone. A look takes milliseconds.
_LOOKS: Final = 200
#: How long the child that signals everything of a uid may take: the user may have stopped it.
_CHILD_SECONDS: Final = 1.0
_PAUSE: Final = 0.01


def left_of(uid: int, keep: Iterable[int]) -> set[int]:
    """Return the pids of a uid's processes that are none of `keep` (holders) and below none of them."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return {pid for pid in pids if _belongs(pid, uid)} - set(_kept(keep))


def _status(pid: int) -> dict[bytes, list[bytes]]:
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            return {name: value.split() for name, _, value in (line.partition(b":") for line in file)}
    except OSError:  # it has just gone
        return {}


def _state(pid: int) -> bytes:
    return _status(pid).get(b"State", [b"X"])[0]


def _belongs(pid: int, uid: int) -> bool:
    """Whether a process is alive, and under a uid, also as the one that it can return to."""
    status = _status(pid)
    dead = status.get(b"State", [b"X"])[0] in (b"Z", b"X")
    return not dead and str(uid).encode() in status.get(b"Uid", [])


def sweep(uid: int, keep: Iterable[int]) -> set[int]:
    """End what is left of a user's killed sessions.

    Args:
        uid: the user's own, which nobody else has.
        keep: pids of the user's holders that are alive; what descends from them stays.

    Returns:
        What would not go, or is still on its way.

    Raises:
        ValueError: the uid is root's.
    """
    if uid <= 0:
        raise ValueError("root has no leftovers")
    keep = tuple(keep)
    if keep:
        _kill_around(uid, keep)
    else:
        _signal_all(uid, signal.SIGKILL)
    for _ in range(_LOOKS):
        if not (left := left_of(uid, keep)):
            break
        time.sleep(_PAUSE)  # the kernel takes them down one by one
    return left


def _kill_around(uid: int, keep: Iterable[int]) -> None:
    """Kill what is not below `keep`, and let the rest go on.

    Everything is stopped first, also what is to stay. A process that forks and exits without pause is
    never there any more when a look at /proc comes to it, unless it stands still.
    """
    stopped_before = {pid for pid in _kept(keep) if _state(pid) == b"T"}
    if _signal_all(uid, signal.SIGSTOP):
        for pid in left_of(uid, keep):
            _signal(pid, uid, signal.SIGKILL)
    for pid in reversed(_kept(keep)):  # children first: their parents are not to see them stopped
        if pid not in stopped_before:
            _signal(pid, uid, signal.SIGCONT)


def _kept(keep: Iterable[int]) -> list[int]:
    return [below for holder in keep for below in (holder, *descendants(holder))]


def _signal(pid: int, uid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        descriptor = os.pidfd_open(pid)
        try:
            if _belongs(pid, uid):  # the pid may be another's by now; the descriptor stays
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)


def _signal_all(uid: int, number: signal.Signals) -> bool:
    """Send a signal to everything of a uid: the kernel does it in one go, which no fork escapes.

    Only a process of that uid may ask for it, and the user may stop or kill ours before it does: then
    it is tried again.

    Returns:
        Whether it was done.
    """
    for _ in range(_LOOKS):
        child = os.fork()
        if child == 0:
            _become_and_signal(uid, number)
        until = time.monotonic() + _CHILD_SECONDS
        while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0):
            if time.monotonic() > until:
                os.kill(child, signal.SIGKILL)
                ended = os.waitpid(child, 0)
                break
            time.sleep(_PAUSE / 10)
        if ended[1] == 0:
            return True
    return False


def _become_and_signal(uid: int, number: signal.Signals) -> NoReturn:
    failed = 1
    try:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, number)  # all that it may, but not itself
        failed = 0
    finally:
        os._exit(failed)


def main() -> None:
    """Sweep, as `UID HOLDER…` on the command line say; prints the pids that would not go."""
    uid, *keep = (int(word) for word in sys.argv[2:])
    print(*sorted(sweep(uid, keep)))
