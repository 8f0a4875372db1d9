"""How the users of one hub are kept apart, and how a holder is started for one of them.

Owns: the choice between a uid for each user, bubblewrap and a shared account, the check that the
choice works on this machine, and the credentials and wrapping of a session's program. Must not
know: sessions, PTYs, who the users are.

* uid: the hub is root. Each user's processes run under a uid and gid of their own, without other
  groups; never as root.
* bubblewrap: the hub is somebody else. Each user's program sees the file system read-only, an own
  home, an own /tmp, an own process tree; the hub's state, the other homes and the hub account's
  home are not there.
* none: all users share the hub's account. Only where the administrator says so may there be more
  than one, or listeners beyond loopback.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from nacre.hub.config import IsolationChoice
from nacre.hub.paths import StatePaths
from nacre.hub.problem import HubProblem, one_line, os_problem

__all__ = ["Credentials", "Isolation", "Mode", "choose"]

_PROBE_SECONDS: Final = 20.0
#: A uid that no range of users contains, for trying whether others can execute our interpreter.
_PROBE_UID: Final = 65533


class Mode(Enum):
    """How users are kept apart."""

    UID = "uid"
    BUBBLEWRAP = "bubblewrap"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Under which uid and gid a holder runs; None: under the hub's own."""

    uid: int | None


@dataclass(frozen=True, slots=True)
class Isolation:
    """What was chosen.

    Attributes:
        mode: how users are kept apart.
        by_admin: the configuration names this mode itself.
        notice: a line to show at start, or None.
        bwrap: the bubblewrap program, in that mode.
    """

    mode: Mode
    by_admin: bool
    notice: str | None = None
    bwrap: str | None = None

    @property
    def separates(self) -> bool:
        """Whether one user cannot read another's files."""
        return self.mode is not Mode.NONE

    @property
    def may_serve_others(self) -> bool:
        """Whether there may be a second user, and a listener beyond loopback."""
        return self.separates or self.by_admin

    def credentials(self, uid: int) -> Credentials:
        """Under what a user's holder runs.

        Raises:
            HubProblem: it would be root.
        """
        if self.mode is not Mode.UID:
            return Credentials(None)
        if uid <= 0:
            raise HubProblem(f"uid {uid} is not for a user", "no session ever runs as root")
        return Credentials(uid)

    def wrap(self, argv: Sequence[str], paths: StatePaths, home: Path) -> tuple[str, ...]:
        """Return what is executed for `argv`: itself, or bubblewrap around it."""
        if self.mode is not Mode.BUBBLEWRAP or self.bwrap is None:
            return tuple(argv)
        return (self.bwrap, *_sandbox(paths, home), "--", *argv)


def choose(choice: IsolationChoice, paths: StatePaths, uid: int | None = None) -> Isolation:
    """Decide how users are kept apart, and try it.

    Args:
        choice: what the configuration says.
        paths: the state.
        uid: the hub's effective uid; None: ask the system.

    Raises:
        HubProblem: what the configuration asks for does not work here.
    """
    uid = os.geteuid() if uid is None else uid
    by_admin = choice is not IsolationChoice.AUTO
    if choice is IsolationChoice.NONE:
        if uid == 0:
            raise HubProblem(
                'isolation = "none" would run every session as root',
                "start the hub as an account of its own, or leave isolation out",
            )
        return Isolation(Mode.NONE, by_admin, _SHARED)
    if uid == 0:
        if choice is IsolationChoice.BUBBLEWRAP:
            raise HubProblem(
                'isolation = "bubblewrap" is for a hub that is not started as root',
                "leave isolation out: as root, each user gets a uid of their own",
            )
        _check_reachable(paths)
        return Isolation(Mode.UID, by_admin)
    if choice is IsolationChoice.UID:
        raise HubProblem(
            'isolation = "uid" needs a hub that is started as root', "start it so, or leave it out"
        )
    bwrap = shutil.which("bwrap")
    problem = _try_bubblewrap(bwrap) if bwrap else "bubblewrap is not installed"
    if bwrap and not problem:
        return Isolation(Mode.BUBBLEWRAP, by_admin, bwrap=bwrap)
    if choice is IsolationChoice.BUBBLEWRAP:
        raise HubProblem(f"bubblewrap does not work here: {problem}", "install it, or allow user namespaces")
    return Isolation(
        Mode.NONE,
        by_admin,
        f'{_SHARED} ({problem}). One user only, on loopback only, until isolation = "none" is configured',
    )


#: A limit is reached, and no path is to blame.
_SCARCE: Final = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM)
_RAISE: Final = "raise the limits of the hub: ulimit -a shows them; systemd has LimitNOFILE= and TasksMax="
#: The most of another program's words in a line of ours.
_LAST_WORDS: Final = 200

_SHARED: Final = "all users share this account and can read each other's files"


def _check_reachable(paths: StatePaths) -> None:
    """Another uid must be able to execute our interpreter, read nacre, and enter the homes."""
    package = Path(__file__).resolve().parent.parent
    probe = "import sys; sys.path.insert(0, sys.argv[1]); import nacre.hub.holder; import os; os.stat(sys.argv[2])"
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-c", probe, str(package.parent), f"{paths.homes}/."],
            user=_PROBE_UID,
            group=_PROBE_UID,
            extra_groups=[],
            cwd="/",
            env={},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except OSError as error:
        if error.errno in _SCARCE:
            raise HubProblem(f"no program can be started: {os_problem(error)}", _RAISE) from error
        words = os_problem(error)
    except subprocess.TimeoutExpired:
        words = "it did not come to an end"
    else:
        if done.returncode == 0:
            return
        words = _last_words(done)
        if any(os.strerror(number) in words for number in _SCARCE):
            raise HubProblem(f"programs cannot run with the limits of this process: {words}", _RAISE)
    places = (("the interpreter", Path(sys.executable)), ("nacre", package), ("the homes", paths.homes))
    for what, path in places:
        closed = _closed_directory(path)
        if closed is not None:
            raise HubProblem(
                f"users' own uids cannot reach {what}, {path}: {closed} is closed to others",
                "as root, use an interpreter and a state that others can reach, such as /usr/bin/python3 in a "
                "venv below /opt and --state /var/lib/nacre",
            )
    raise HubProblem(
        f"users' own uids cannot run {sys.executable} with nacre from {package}"
        + (f": {words}" if words else ""),
        "as root, use an interpreter that others can execute, such as /usr/bin/python3",
    )


def _closed_directory(path: Path) -> Path | None:
    """The first directory on the way to `path`, links followed, that others cannot enter."""
    for place in (path.absolute(), path.resolve()):
        for directory in reversed(place.parents):
            if not directory.stat().st_mode & 0o001:
                return directory
    return None


def _try_bubblewrap(bwrap: str) -> str:
    """Try it; return what is wrong, or nothing."""
    try:
        done = subprocess.run(
            [
                bwrap,
                *_NAMESPACES,
                "--ro-bind",
                "/",
                "/",
                "--proc",
                "/proc",
                "--dev",
                "/dev",
                "--",
                "/bin/true",
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except OSError as error:
        return f"{bwrap}: {os_problem(error)}"
    except subprocess.TimeoutExpired:
        return f"{bwrap} did not come to an end"
    if done.returncode == 0:
        return ""
    how = f"status {done.returncode}" if done.returncode > 0 else f"signal {-done.returncode}"
    return _last_words(done) or f"{bwrap} said nothing and ended with {how}"


def _last_words(done: subprocess.CompletedProcess[bytes]) -> str:
    """The last line that a program said, which is where the reason stands; nothing, if it said nothing."""
    lines = (done.stdout + b"\n" + done.stderr).decode("utf-8", "replace").split("\n")
    return next((one_line(line.strip())[:_LAST_WORDS] for line in reversed(lines) if line.strip()), "")


#: No --new-session: the PTY is the session's own, and job control needs it as controlling terminal.
_NAMESPACES: Final = (
    "--unshare-user",
    "--unshare-pid",
    "--unshare-ipc",
    "--unshare-uts",
    "--die-with-parent",
)


def _sandbox(paths: StatePaths, home: Path) -> tuple[str, ...]:
    """Bubblewrap's arguments for one user: later ones lie over earlier ones."""
    arguments = [*_NAMESPACES, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
    for hidden in _hidden(paths):
        arguments += ["--tmpfs", str(hidden)]
    for needed in _needed(paths):
        arguments += ["--ro-bind", str(needed), str(needed)]
    arguments += ["--bind", str(home), str(home), "--chdir", str(home)]
    return tuple(arguments)


def _hidden(paths: StatePaths) -> list[Path]:
    """What no session may see: the accounts' homes, the hub's runtime directory and its state."""
    own = Path(os.environ.get("HOME") or "/nonexistent")
    candidates = [
        Path("/home"),
        Path("/root"),
        own.resolve(),
        Path(f"/run/user/{os.geteuid()}"),
        Path("/var/tmp"),
    ]
    hidden = [place for place in candidates if place.is_dir() and place != Path("/")]
    return [*dict.fromkeys(hidden), paths.root.resolve()]


def _needed(paths: StatePaths) -> list[Path]:
    """What a session must see though it lies in a hidden place: the interpreter, nacre."""
    wanted = {Path(sys.prefix), Path(sys.base_prefix), Path(__file__).resolve().parent.parent}
    root = paths.root.resolve()
    hidden = [*_hidden(paths), Path("/tmp")]
    needed = []
    for path in sorted(wanted):
        if root == path or root.is_relative_to(path):
            continue  # binding it would show the state again
        if any(path.is_relative_to(place) for place in hidden):
            needed.append(path)
    return needed
