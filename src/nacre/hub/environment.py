"""What a session's program finds in its environment, and the directories that it points to.

Owns: the allow list for what a client may set, the variables that every session gets, and the
user's own configuration directories. Must not know: how the program is started. Nothing of the
hub's own environment gets in.
"""

from __future__ import annotations

import fnmatch
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

__all__ = ["SEARCH_PATH", "child_environment", "prepare_home"]

#: Programs are looked for beside the hub's interpreter first: euporie and Jupyter live there.
SEARCH_PATH: Final = os.pathsep.join(
    (str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin", "/usr/local/games", "/usr/games")
)

#: What a client may set. Names, not contents, decide; contents are bounded and must be printable.
_FROM_CLIENT: Final = ("COLORTERM", "LANG", "LC_*", "NO_COLOR", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "TZ")
_LONGEST: Final = 256
_LONGEST_TERM: Final = 64
_DEFAULT_TERM: Final = "xterm-256color"

#: Directories below the home, by the variables that point to them.
_DIRECTORIES: Final = {
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "XDG_STATE_HOME": ".local/state",
    "XDG_CACHE_HOME": ".cache",
    "XDG_RUNTIME_DIR": ".local/run",
    "JUPYTER_CONFIG_DIR": ".jupyter",
    "JUPYTER_DATA_DIR": ".local/share/jupyter",
    "JUPYTER_RUNTIME_DIR": ".local/run/jupyter",
    "IPYTHONDIR": ".ipython",
    "TMPDIR": ".local/tmp",
}


def child_environment(
    user: str,
    home: Path,
    term: str,
    from_client: Mapping[str, str],
    more_names: Iterable[str] = (),
) -> dict[str, str]:
    """Return the whole environment of a session's program.

    Args:
        user: the user's name.
        home: the user's home, as the program sees it.
        term: the client's terminal type; one that is not plain becomes xterm-256color.
        from_client: what the client asked to set; all but the allow list is dropped.
        more_names: further names or patterns that the administrator allows.
    """
    allowed = (*_FROM_CLIENT, *more_names)
    environment = {
        name: value
        for name, value in from_client.items()
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in allowed)
        and name.replace("_", "").isalnum()
        and name.isascii()
        and _plain(value, _LONGEST)
    }
    environment.setdefault("LANG", "C.UTF-8")
    environment |= {
        "USER": user,
        "LOGNAME": user,
        "HOME": str(home),
        "SHELL": "/bin/bash" if Path("/bin/bash").exists() else "/bin/sh",
        "PATH": SEARCH_PATH,
        "TERM": term if term and _plain(term, _LONGEST_TERM) and " " not in term else _DEFAULT_TERM,
    }
    environment |= {name: str(home / place) for name, place in _DIRECTORIES.items()}
    return environment


def _plain(value: str, longest: int) -> bool:
    return len(value) <= longest and value.isprintable()


def prepare_home(home: Path, uid: int | None) -> None:
    """Make the directories that the environment points to, 0700, below a home that is there.

    What a user put in their place stays: a link is not followed, and what cannot be made is left to
    the programs to complain about, since everything in a home belongs to its user.

    Args:
        home: the home.
        uid: whose they are to be; None for the hub's own account.
    """
    top = os.open(home, _DIRECTORY)
    try:
        for place in sorted(set(_DIRECTORIES.values())):
            _make(top, Path(place).parts, uid)
    finally:
        os.close(top)


_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def _make(top: int, parts: tuple[str, ...], uid: int | None) -> None:
    """Make a path below `top` one component at a time, following nothing."""
    here = os.dup(top)
    try:
        for part in parts:
            try:
                os.mkdir(part, 0o700, dir_fd=here)
                made = True
            except FileExistsError:
                made = False
            try:
                deeper = os.open(part, _DIRECTORY, dir_fd=here)
            except OSError:  # a file or a link of the user's own: theirs to put right
                return
            os.close(here)
            here = deeper
            if made and uid is not None:
                os.fchown(here, uid, uid)
    finally:
        os.close(here)
