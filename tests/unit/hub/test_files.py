"""Only regular files are read, up to their limit, and nothing blocks or leaks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nacre.hub.files import read_small_file


def test_a_file_is_read_whole_with_its_status(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"x" * 100_000)
    content, status = read_small_file(file, 100_000)
    assert content == b"x" * 100_000
    assert status.st_ino == file.stat().st_ino
    with pytest.raises(OSError, match="larger than 99999 bytes"):
        read_small_file(file, 99_999)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    assert read_small_file(tmp_path / "f", 0)[0] == b""


def test_nothing_else_is_read_and_no_descriptor_is_left(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    before = os.listdir("/proc/self/fd")
    for path in (tmp_path / "fifo", tmp_path, Path("/dev/zero")):
        with pytest.raises(OSError, match="not a regular file"):
            read_small_file(path, 10)
    with pytest.raises(FileNotFoundError):
        read_small_file(tmp_path / "none", 10)
    assert os.listdir("/proc/self/fd") == before


def test_a_link_is_followed_only_where_that_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    (tmp_path / "link").symlink_to("f")
    assert read_small_file(tmp_path / "link", 10)[0] == b"x"
    with pytest.raises(OSError, match="symbolic links"):
        read_small_file(tmp_path / "link", 10, os.O_NOFOLLOW)
