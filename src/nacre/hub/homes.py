"""The users' homes: making them, and deleting one without leaving its walls.

Owns: STATE/homes/NAME, its mode, owner and end. Must not know: who the users are.

A home's content belongs to its user, who may put anything there and change it while it is being
deleted: nothing in this file follows a symbolic link that it finds inside.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from nacre.hub.paths import StatePaths
from nacre.hub.problem import StateError, os_problem

__all__ = ["delete_home", "ensure_home"]

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def ensure_home(paths: StatePaths, name: str, uid: int | None) -> Path:
    """Make a user's home, or check the one that is there.

    Args:
        paths: the state.
        name: the user's name.
        uid: whose it is to be, with the group of the same number; None for the hub's own account.

    Returns:
        The path of the home, a directory of mode 0700.

    Raises:
        StateError: it cannot be made, is a symbolic link, or belongs to somebody else.
    """
    home = paths.home(name)
    owner = os.geteuid() if uid is None else uid
    try:
        try:
            home.mkdir(0o700)
            made = True
        except FileExistsError:
            made = False
        descriptor = os.open(home, _DIRECTORY)
        try:
            if made and uid is not None:
                os.fchown(descriptor, uid, uid)
            status = os.fstat(descriptor)
            if status.st_uid != owner:
                raise StateError(
                    f"the home {home} belongs to uid {status.st_uid} and not to {owner}",
                    f"chown -R {owner}:{owner} {home}, or move it away",
                )
            if stat.S_IMODE(status.st_mode) != 0o700:
                os.fchmod(descriptor, 0o700)
        finally:
            os.close(descriptor)
    except NotADirectoryError as error:
        # O_DIRECTORY with O_NOFOLLOW says the same of a symbolic link.
        raise StateError(f"the home {home} is not a directory of its own", "move it away") from error
    except OSError as error:
        raise StateError(f"the home {home} cannot be used: {os_problem(error)}") from error
    return home


def delete_home(paths: StatePaths, name: str) -> bool:
    """Delete a user's home and everything in it. Takes as long as there is something to delete.

    Returns:
        Whether there was one.

    Raises:
        StateError: something in it could not be deleted (a mount is never entered), or it is not a
            directory.
    """
    home = paths.home(name)
    try:
        parent = os.open(paths.homes, _DIRECTORY)
    except OSError as error:
        raise StateError(f"{paths.homes} cannot be opened: {os_problem(error)}") from error
    try:
        try:
            _unlock(name, parent)
            top = os.open(name, _DIRECTORY, dir_fd=parent)
        except FileNotFoundError:
            return False
        try:
            _empty(top)
        finally:
            os.close(top)
        os.rmdir(name, dir_fd=parent)
    except NotADirectoryError as error:
        raise StateError(
            f"the home {home} is not a directory", "look at it, and remove it by hand"
        ) from error
    except OSError as error:
        raise StateError(
            f"the home {home} could not be deleted whole: {os_problem(error)}", "remove the rest by hand"
        ) from error
    finally:
        os.close(parent)
    return True


def _empty(top: int) -> None:
    """Delete everything in the directory `top`.

    shutil.rmtree keeps a descriptor and a stack frame for each level, so that a user who nests a
    few thousand directories exhausts both. Here every directory that is found deeper down is moved
    up into `top` first: a few descriptors are enough for any depth.
    """
    if os.geteuid() == 0:
        # From here on its user cannot add anything to it.
        os.fchown(top, 0, 0)
    while entries := _entries(top):
        for entry, is_directory in entries:
            if is_directory:
                _take_apart(top, entry)
            else:
                os.unlink(entry, dir_fd=top)


def _take_apart(top: int, name: str) -> None:
    """Delete the directory `name` in `top`, and move the directories in it up to `top`."""
    _unlock(name, top)
    inner = os.open(name, _DIRECTORY, dir_fd=top)
    try:
        for entry, is_directory in _entries(inner):
            if is_directory:
                # To give a directory another parent takes the right to write into it.
                _unlock(entry, inner)
                os.rename(entry, f".removed-{secrets.token_hex(12)}", src_dir_fd=inner, dst_dir_fd=top)
            else:
                os.unlink(entry, dir_fd=inner)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=top)


def _unlock(name: str, parent: int) -> None:
    """Give us every right on the directory `name`: package managers make some that are read-only."""
    # O_PATH takes no right on it, and its descriptor keeps a link from being put in its place.
    place = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        if _mount(place) != _mount(parent):
            raise OSError(errno.EXDEV, f"something is mounted on {name} in it")
        Path(f"/proc/self/fd/{place}").chmod(0o700)
    finally:
        os.close(place)


def _mount(descriptor: int) -> bytes:
    """Return the number of the mount that an open directory is on; two binds of one device differ."""
    lines = Path(f"/proc/self/fdinfo/{descriptor}").read_bytes().splitlines()
    return next(line for line in lines if line.startswith(b"mnt_id:"))


def _entries(directory: int) -> list[tuple[str, bool]]:
    with os.scandir(directory) as found:
        return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]
