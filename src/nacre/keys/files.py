"""Key files on disk: bounded reading, and writing that neither follows links nor leaves halves.

Owns: opening, size and type checks, modes and the atomic replacement; that what is wrong in a file is said with
its name. Must not know: what is in the files.

Private keys are written with mode 0600 to a new file beside the old one (O_EXCL, O_NOFOLLOW) which
then takes its name, so that a reader sees the old file or the new one and a symbolic link is
replaced rather than followed. Nothing here locks: two writers of one name leave one whole file.
"""

from __future__ import annotations

import functools
import os
import stat
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Final

__all__ = [
    "MAX_FILE",
    "FilePath",
    "append_file",
    "expand",
    "name_of",
    "naming",
    "read_file",
    "replace_file",
    "unmarked",
]

FilePath = str | PurePath

#: The largest key, known_hosts or authorized_keys file that is read, in bytes.
MAX_FILE: Final = 1024 * 1024

# What a system lacks (Windows: all but O_BINARY) it does not need.
_CLOEXEC: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOCTTY", 0)
_NONBLOCK: Final = getattr(os, "O_NONBLOCK", 0)
_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)


def expand(filename: FilePath) -> Path:
    """Return the path with a leading `~` resolved."""
    if isinstance(filename, str) and not filename.startswith("~"):
        return _as_path(filename)
    try:
        return Path(filename).expanduser()
    except RuntimeError:  # there is no such user: then it is a name like another
        return Path(filename)


@functools.lru_cache(64)
def _as_path(name: str) -> Path:
    return Path(name)


def name_of(filename: FilePath) -> str:
    """Return the name of a file with a leading `~` resolved: for the system, which needs no path object."""
    name = os.fspath(filename)
    return str(expand(name)) if name.startswith("~") else name


#: Among so many bytes of UTF-16 is one letter of ASCII.
_ENOUGH: Final = 64


def unmarked(data: bytes) -> bytes:
    """Return the bytes of a text file without the mark of UTF-8, which editors and shells of Windows put before it.

    OpenSSH refuses it, in words that nobody understands; it says nothing, and is no part of what the file says.

    Raises:
        ValueError: the mark is that of UTF-16, in which the rest is, too.
    """
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) and b"\0" in data[:_ENOUGH]:
        raise ValueError("this is UTF-16, as PowerShell's > writes it: save it as UTF-8 or ASCII")
    return data.removeprefix(BOM_UTF8)


@contextmanager
def naming(filename: FilePath) -> Iterator[None]:
    """Say of a `ValueError` within which file it is about: whoever gave several looks at one."""
    try:
        yield
    except ValueError as error:
        name = name_of(filename)
        if name not in str(error):
            error.args = (f"{name}: {error}",)
        raise


def read_file(filename: FilePath, limit: int = MAX_FILE) -> bytes:
    """Return the content of a regular file.

    Args:
        filename: the path; symbolic links are followed, `~` is resolved.
        limit: the largest size that is accepted, in bytes.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is no regular file (a FIFO does not block, a device is not read), or too large.
    """
    path = name_of(filename)
    descriptor = os.open(path, os.O_RDONLY | _CLOEXEC | _NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{path} is not a regular file")
        parts: list[bytes] = []
        room = limit + 1
        # One octet more than there should be: where it does not come, the file has ended. (Some have no size.)
        size = status.st_size
        while room > 0:
            part = os.read(descriptor, min(room, size + 1 if size and not parts else 65536))
            parts.append(part)
            room -= len(part)
            if not part or (len(part) == size and len(parts) == 1):
                break
    finally:
        os.close(descriptor)
    if room <= 0:
        raise ValueError(f"{path} is larger than {limit} bytes")
    return b"".join(parts)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_directory(directory: Path) -> None:
    """Make a rename survive a crash, where directories can be opened at all."""
    flag = getattr(os, "O_DIRECTORY", None)
    if flag is None:
        return
    descriptor = os.open(directory, os.O_RDONLY | flag | _CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_like(descriptor: int, like: os.stat_result) -> None:
    """Give a new file the owner and the permission bits of another, where the system has them."""
    if hasattr(os, "fchown"):
        try:
            os.fchown(descriptor, like.st_uid, like.st_gid)
        except PermissionError:
            # It becomes ours, as any file that we write: nobody else's rights may come with it.
            os.fchmod(descriptor, stat.S_IMODE(like.st_mode) & ~(stat.S_IRWXG | stat.S_IRWXO))
            return
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, stat.S_IMODE(like.st_mode))


def replace_file(filename: FilePath, data: bytes, mode: int, like: os.stat_result | None = None) -> None:
    """Write `data` as the whole content of a file, atomically.

    Args:
        filename: the path; when it is a symbolic link, the link itself is replaced.
        data: the content.
        mode: the permission bits (the umask still applies).
        like: of the file that is replaced, whose permission bits, and owner where we may give it, are to be kept.

    Raises:
        OSError: it cannot be written; the old file is then untouched.
        ValueError: the name is that of a device, a FIFO or the like.
    """
    path = expand(filename)
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is not a regular file")
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC
    try:
        descriptor = os.open(temporary, flags, mode)
    except OSError as exc:
        exc.filename = str(path)  # nobody knows the other name
        raise
    try:
        try:
            if like is not None:
                _make_like(descriptor, like)
            _write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def append_file(filename: FilePath, data: bytes, mode: int) -> None:
    """Add `data` to the end of a file, which is made with `mode` when it is not there.

    Raises:
        OSError: it cannot be opened or written; a symbolic link is not followed.
        ValueError: it is not a regular file.
    """
    path = expand(filename)
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | _NOFOLLOW | _NONBLOCK | _CLOEXEC
    descriptor = os.open(path, flags, mode)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{path} is not a regular file")
        if status.st_size:
            # A last line without its end would swallow the first line of what is added.
            os.lseek(descriptor, -1, os.SEEK_END)
            if os.read(descriptor, 1) != b"\n":
                data = b"\n" + data
        _write_all(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
