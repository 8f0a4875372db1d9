"""A file that several processes change at once: nobody's change is lost, and no reader sees a half.

Owns: the lock, adding to the end, and the replacement of the whole. Must not know: what is in the file.

The lock is on the file itself (flock), so that nothing is left lying about; who has waited for it looks
whether the file still bears its name, since a replacement gives the name to another one. Where a system has no
flock (Windows), additions are still written in one piece, and replacements are still whole. A symbolic link is
followed: the file that it leads to is changed, and the link stays.
"""

from __future__ import annotations

import importlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from nacre.keys.files import MAX_FILE, FilePath, expand, replace_file

__all__ = ["SharedFile", "changing"]

#: A folder that is made for the file: ~/.ssh is its owner's alone.
_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600

try:
    _fcntl: Any = importlib.import_module("fcntl")
except ImportError:
    _fcntl = None

_FLAGS: Final = (
    os.O_RDWR
    | os.O_CREAT
    | os.O_APPEND
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)


class SharedFile:
    """A file whose lock is held; made by `changing`.

    Attributes:
        path: where it is, without symbolic links.
        data: its content.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self.data = self._read()

    def _read(self) -> bytes:
        size = os.fstat(self._descriptor).st_size
        if size > MAX_FILE:
            raise ValueError(f"{self.path} is larger than {MAX_FILE} bytes")
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        parts = []
        while part := os.read(self._descriptor, 65536):
            parts.append(part)
        return b"".join(parts)

    def append(self, data: bytes) -> None:
        """Add to the end, on a line of its own; what could not be written whole is taken back.

        Raises:
            OSError: it cannot be written.
            ValueError: the file would be too large to be read again.
        """
        if self.data and not self.data.endswith(b"\n"):
            data = b"\n" + data
        if len(self.data) + len(data) > MAX_FILE:
            raise ValueError(f"{self.path} would be larger than {MAX_FILE} bytes")
        written = 0
        try:
            written = os.write(self._descriptor, data)
            os.fsync(self._descriptor)
        finally:
            if written != len(data):
                with suppress(OSError):
                    os.ftruncate(self._descriptor, len(self.data))
        if written != len(data):
            raise OSError(f"{self.path} could not be written whole: is the disk full?")
        self.data += data

    def replace(self, data: bytes) -> Path:
        """Give the file another content; the old one stays beside it, as OpenSSH does.

        Returns:
            Where the old content is: the name with `.old`.

        Raises:
            OSError: it cannot be written; the file is then as it was.
        """
        old = self.path.with_name(f"{self.path.name}.old")
        old.unlink(missing_ok=True)
        try:
            os.link(self.path, old)
        except OSError:  # a file system without links
            replace_file(old, self.data, _FILE_MODE)
        replace_file(self.path, data, _FILE_MODE, like=os.fstat(self._descriptor))
        return old


@contextmanager
def changing(filename: FilePath) -> Iterator[SharedFile]:
    """Open a file to change it, and hold its lock; it is made if it is not there, and so is its folder.

    This waits for whoever else changes the file: never call it in an event loop's thread.

    Raises:
        OSError: it cannot be opened for writing.
        ValueError: it is no regular file, or larger than 1 MiB.
    """
    path = Path(os.path.realpath(expand(filename)))
    if not path.parent.exists():
        with suppress(FileExistsError):  # somebody else made it meanwhile
            path.parent.mkdir(mode=_FOLDER_MODE)
    while True:
        descriptor = os.open(path, _FLAGS, _FILE_MODE)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ValueError(f"{path} is not a regular file")
            if _fcntl is not None:
                _fcntl.flock(descriptor, _fcntl.LOCK_EX)
            if _bears_its_name(descriptor, path):
                yield SharedFile(path, descriptor)
                return
        finally:
            os.close(descriptor)


def _bears_its_name(descriptor: int, path: Path) -> bool:
    """Return whether a file is still the one of that name: it may have been replaced while we waited."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
