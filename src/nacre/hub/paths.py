"""Where the hub keeps its state, with which rights, and that one hub only works on it.

Owns: the choice of the state directory, the names in it, their modes and the lock. Must not know:
what is in the files.

Started as root, the directory is open for passing through (0711): each user's processes have a uid
of their own and must reach their home. What is private inside has a mode of its own. Started as
somebody else, nobody but that account enters (0700).
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from nacre.hub.problem import StateError, os_problem

__all__ = [
    "LockRole",
    "StateBusy",
    "StateLock",
    "StatePaths",
    "absolute",
    "choose_state_dir",
    "choose_uid_registry",
    "prepare",
    "refuse_open_file",
    "socket_address",
]

#: The longest path that fits into sockaddr_un.sun_path on Linux, with its NUL.
MAX_SOCKET_PATH: Final = 107

#: How often a process that waits for the lock of a short command looks again, in seconds.
LOCK_POLL: Final = 0.05


@dataclass(frozen=True, slots=True)
class StatePaths:
    """The names inside a state directory.

    Attributes:
        root: the state directory, absolute.
        as_root: whether the hub runs as root, and users therefore have uids of their own.
    """

    root: Path
    as_root: bool

    @property
    def database(self) -> Path:
        """Users, keys and invites."""
        return self.root / "nacre.db"

    @property
    def host_key(self) -> Path:
        """The private host key."""
        return self.root / "ssh_host_ed25519_key"

    @property
    def control(self) -> Path:
        """The socket on which the running hub takes administration commands."""
        return self.root / "control.sock"

    @property
    def lock(self) -> Path:
        """The file whose lock says that somebody works on this state."""
        return self.root / "lock"

    @property
    def config(self) -> Path:
        """The configuration that is read when no other is named."""
        return self.root / "hub.toml"

    @property
    def homes(self) -> Path:
        """The directory of all the users' homes."""
        return self.root / "homes"

    @property
    def run(self) -> Path:
        """Sockets of the holders; nothing in it has to survive a restart of the machine."""
        return self.root / "run"

    def home(self, name: str) -> Path:
        """Return the home of a user. ValueError for a name that is not one plain component."""
        if not name or name in {".", ".."} or "/" in name or "\0" in name:
            raise ValueError(f"{name!r} cannot be the name of a directory")
        return self.homes / name


def choose_state_dir(option: str | None, environ: Mapping[str, str], uid: int) -> Path:
    """Return the state directory, absolute.

    Args:
        option: the value of `--state`, if given.
        environ: the environment.
        uid: the effective uid.

    Raises:
        StateError: it is to be in a home directory, and there is none.
    """
    if option:
        return absolute(option)
    if chosen := environ.get("NACRE_STATE"):
        return absolute(chosen)
    # systemd gives the paths of StateDirectory= separated by colons.
    if first := environ.get("STATE_DIRECTORY", "").partition(":")[0]:
        return absolute(first)
    if uid == 0:
        return Path("/var/lib/nacre")
    data = Path(environ.get("XDG_DATA_HOME", ""))
    # "All paths set in these environment variables must be absolute"; others are to be ignored.
    if not data.is_absolute():
        data = (
            absolute(environ.get("HOME") or "~", "name a directory for the state with --state")
            / ".local"
            / "share"
        )
    return data / "nacre"


def choose_uid_registry(environ: Mapping[str, str]) -> Path:
    """Return the directory where all hubs of this machine note their users' uids, absolute."""
    return absolute(environ.get("NACRE_UID_REGISTRY") or "/var/lib/nacre-uids")


def absolute(path: str, remedy: str = "write the path in full") -> Path:
    """Return a path that a person gave, with `~` replaced. StateError where that stands for nothing."""
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:
        who = f"uid {os.geteuid()}" if path == "~" or path.startswith("~/") else path.partition("/")[0][1:]
        raise StateError(
            f"{who} has no home directory here, neither by HOME nor by /etc/passwd",
            remedy,
        ) from None


#: What a state directory can hold before the hub has ever run in it.
_OWN_NAMES: Final = frozenset({"nacre.db", "ssh_host_ed25519_key", "hub.toml", "homes", "run", "lock"})


def prepare(root: Path) -> StatePaths:
    """Make the state directory, or check the one that is there, and set its modes.

    Raises:
        StateError: it cannot be made or written, belongs to somebody else, or is a directory of
            other things, whose modes are then left alone.
    """
    uid = os.geteuid()
    paths = StatePaths(root, as_root=uid == 0)
    mode = 0o711 if paths.as_root else 0o700
    try:
        root.mkdir(mode=mode, parents=True, exist_ok=True)
        _refuse_foreign_directory(root)
        _own_directory(root, mode, uid, follow=True)
        if not os.access(root, os.R_OK | os.W_OK | os.X_OK, effective_ids=True):
            raise StateError(f"the state directory {root} cannot be written", "choose another with --state")
        for directory, directory_mode in ((paths.homes, mode), (paths.run, 0o700)):
            directory.mkdir(mode=directory_mode, exist_ok=True)
            _own_directory(directory, directory_mode, uid, follow=False)
    except OSError as error:
        raise StateError(
            f"the state directory {root} cannot be used: {os_problem(error)}", "choose another with --state"
        ) from error
    return paths


def _refuse_foreign_directory(root: Path) -> None:
    """Keep `--state /tmp`, or a home directory, from having its mode changed."""
    names = {entry.name for entry in root.iterdir()}
    if names and not names & _OWN_NAMES:
        raise StateError(
            f"{root} holds other things than the state of a hub",
            "name an empty or a new directory with --state",
        )


def _own_directory(path: Path, mode: int, uid: int, *, follow: bool) -> None:
    status = path.stat(follow_symlinks=follow)
    if not stat.S_ISDIR(status.st_mode):
        raise StateError(f"{path} is not a directory", "move it away, or mount what it points to there")
    if status.st_uid != uid:
        raise StateError(
            f"{path} belongs to uid {status.st_uid} and this is uid {uid}",
            "run as its owner, or name another state with --state",
        )
    if stat.S_IMODE(status.st_mode) != mode:
        path.chmod(mode)


def refuse_open_file(path: Path, status: os.stat_result) -> None:
    """Refuse a private file that is no regular file, is not ours, or that others can read.

    Args:
        path: the name to show.
        status: of the opened file, so that nothing can be exchanged between check and use.

    Raises:
        StateError: with the command that puts it right.
    """
    if not stat.S_ISREG(status.st_mode):
        raise StateError(f"{path} is not a regular file", "move it away")
    if status.st_uid != os.geteuid():
        raise StateError(
            f"{path} belongs to uid {status.st_uid} and this is uid {os.geteuid()}",
            f"chown {os.geteuid()} {path}",
        )
    if status.st_mode & 0o077:
        raise StateError(
            f"{path} can be read by others (mode {stat.S_IMODE(status.st_mode):04o})", f"chmod 600 {path}"
        )


class LockRole(StrEnum):
    """Who holds the lock."""

    #: A hub, for as long as it runs.
    HUB = "hub"
    #: An administration command while no hub runs, for a moment.
    COMMAND = "command"


class StateBusy(StateError):
    """Somebody else works on the state.

    Attributes:
        pid: the process that holds the lock, or None where it could not be read.
        role: what that process is.
    """

    def __init__(self, root: Path, pid: int | None, role: LockRole) -> None:
        who = "another nacre process" if pid is None else f"process {pid}"
        if role is LockRole.HUB:
            what, remedy = (
                f"a hub already runs on {root} ({who})",
                "stop that one first, or name another --state",
            )
        else:
            what, remedy = f"a nacre command works on {root} ({who})", "try again in a moment"
        super().__init__(what, remedy)
        self.pid = pid
        self.role = role


class StateLock:
    """The lock on a state directory, held. It goes with the process, however that ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def acquire(cls, paths: StatePaths, role: LockRole, wait: float = 0.0) -> Self:
        """Take the lock.

        Args:
            paths: the state.
            role: what the caller is; told to whoever comes second.
            wait: how long to wait for a command to be done, in seconds. A hub is not waited for.

        Raises:
            StateBusy: somebody else has it.
            StateError: the file cannot be opened.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(paths.lock, flags, 0o600)
        except OSError as error:
            raise StateError(
                f"{paths.lock} cannot be opened: {os_problem(error)}", "choose another state with --state"
            ) from error
        try:
            cls._take(descriptor, paths, time.monotonic() + wait)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()} {role}\n".encode("ascii"), 0)
        except OSError as error:
            os.close(descriptor)
            raise StateError(f"{paths.lock} cannot be locked: {os_problem(error)}") from error
        except StateBusy:
            os.close(descriptor)
            raise
        return cls(descriptor)

    @staticmethod
    def _take(descriptor: int, paths: StatePaths, deadline: float) -> None:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pid, role = _read_holder(descriptor)
                if role is LockRole.HUB or time.monotonic() >= deadline:
                    raise StateBusy(paths.root, pid, role) from None
                time.sleep(LOCK_POLL)
            else:
                return

    def release(self) -> None:
        """Give the lock back. A second call does nothing."""
        if self._descriptor is not None:
            # Emptied, not removed: whoever has the file open waits for this very inode.
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _read_holder(descriptor: int) -> tuple[int | None, LockRole]:
    """Return who holds the lock. A file that is still empty is that of a process about to write it."""
    pid, _, role = os.pread(descriptor, 64, 0).decode("ascii", "replace").strip().partition(" ")
    return (int(pid) if pid.isdecimal() else None, LockRole.HUB if role == LockRole.HUB else LockRole.COMMAND)


@contextmanager
def socket_address(path: Path) -> Iterator[str]:
    """Lend an address of a UNIX socket for `bind` or `connect`, also where the path is too long for one.

    A path that does not fit is reached through a descriptor of its directory, which the address
    needs for as long as this context lasts and no longer.
    """
    if len(os.fsencode(path)) <= MAX_SOCKET_PATH:
        yield str(path)
        return
    descriptor = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)
