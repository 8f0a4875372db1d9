"""Reading small files that somebody else may have put there.

Owns: that nothing but a regular file is read, never more of it than a limit, and that no read
blocks. Must not know: what is in the files.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

__all__ = ["read_small_file"]


def read_small_file(path: Path, limit: int, flags: int = 0) -> tuple[bytes, os.stat_result]:
    """Return the content of a regular file, and the status of the very file that was read.

    Args:
        path: of the file.
        limit: the largest size that is accepted, in bytes.
        flags: further flags for opening it, such as O_NOFOLLOW.

    Raises:
        OSError: it cannot be opened, is not a regular file, or is larger than that.
    """
    # O_NONBLOCK: a FIFO or a device must not keep us waiting before it can be refused.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | flags)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        parts = bytearray()
        while len(parts) <= limit:
            part = os.read(descriptor, min(65536, limit + 1 - len(parts)))
            if not part:
                return bytes(parts), status
            parts += part
    finally:
        os.close(descriptor)
    raise OSError(errno.EFBIG, f"it is larger than {limit} bytes", str(path))
