"""Files that several processes change at once."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nacre.keys.files import MAX_FILE
from nacre.trust import shared_file
from nacre.trust.shared_file import changing

#: Adds and replaces, as often as it is told to: each change on what the one before has left.
WRITER = """
import sys
from nacre.trust.shared_file import changing
path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
for number in range(count):
    with changing(path) as file:
        line = f"{name} {number}\\n".encode()
        file.replace(file.data + line) if number % 2 else file.append(line)
"""


def test_two_processes_and_many_threads_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    others = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), name, "20"], env=environment)
        for name in ("a", "b")
    ]

    def add(number: int) -> None:
        with changing(path) as file:
            file.append(b"c %d\n" % number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(60)))
    assert [other.wait(60) for other in others] == [0, 0]
    lines = path.read_text().splitlines()
    expected = [f"{name} {number}" for name in "ab" for number in range(20)]
    assert sorted(lines) == sorted([*expected, *(f"c {number}" for number in range(60))])


#: Takes the lock, says so, and replaces the file by what it had then and a line, once it is told to.
HOLDER = """
import sys
from nacre.trust.shared_file import changing
with changing(sys.argv[1]) as file:
    print("held", flush=True)
    sys.stdin.readline()
    file.replace(file.data + b"theirs\\n")
"""


def test_who_comes_second_waits_and_sees_what_the_first_has_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        waiting_or_done = threading.Event()
        real = fcntl.flock

        def flock(descriptor: int, how: int) -> None:
            waiting_or_done.set()
            real(descriptor, how)

        def add() -> None:
            with changing(path) as file:
                file.append(b"ours\n")
            waiting_or_done.set()

        monkeypatch.setattr(fcntl, "flock", flock)
        thread = threading.Thread(target=add)
        thread.start()
        assert waiting_or_done.wait(60)
        other.stdin.write("go on\n")
        other.stdin.flush()
        thread.join(60)
        assert other.wait(60) == 0
    assert path.read_bytes() == b"theirs\nours\n"


def test_what_is_not_there_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    with changing(path) as file:
        assert file.data == b""
        file.append(b"line\n")
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileNotFoundError), changing(tmp_path / "no" / "such" / "file"):
        pass


def test_permissions_stay_and_links_are_followed(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_bytes(b"one")
    real.chmod(0o664)
    link.symlink_to(real)
    with changing(link) as file:
        file.append(b"two\n")
        assert file.data == b"one\ntwo\n"
        old = file.replace(b"three\n")
    assert real.read_bytes() == b"three\n"
    assert real.stat().st_mode & 0o777 == 0o664
    assert link.is_symlink()
    assert old == tmp_path / "real.old"
    assert old.read_bytes() == b"one\ntwo\n"
    with changing(link) as file:
        file.replace(b"four\n")
    assert old.read_bytes() == b"three\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real", "real.old"]


def test_what_is_no_file_or_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a regular file"), changing(os.devnull):
        pass
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ValueError, match="not a regular file"), changing(tmp_path / "fifo"):
        pass
    path = tmp_path / "file"
    path.write_bytes(bytes(MAX_FILE))
    with changing(path) as file, pytest.raises(ValueError, match="larger"):
        file.append(b"x")
    with path.open("ab") as large:
        large.write(b"x")
    with pytest.raises(ValueError, match="larger"), changing(path):
        pass


@pytest.mark.parametrize("fault", ["short", "full"])
def test_a_line_that_was_not_written_whole_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one\n")
    write = os.write

    def short(descriptor: int, data: bytes) -> int:
        written = write(descriptor, data[:2])
        if fault == "full":
            raise OSError(errno.ENOSPC, "full")
        return written

    with changing(path) as file:
        monkeypatch.setattr(os, "write", short)
        with pytest.raises(OSError, match="full"):
            file.append(b"two\n")
        monkeypatch.undo()
    assert path.read_bytes() == b"one\n"


def test_without_links_or_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, or on a stick."""

    def refuse(*names: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    path = tmp_path / "file"
    monkeypatch.setattr(shared_file, "_fcntl", None)
    monkeypatch.setattr(os, "link", refuse)
    with changing(path) as file:
        file.append(b"one\n")
        assert file.replace(b"two\n").read_bytes() == b"one\n"
    assert path.read_bytes() == b"two\n"


def test_a_file_that_is_gone_when_the_lock_comes_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    real, taken = shared_file._fcntl.flock, []

    def flock(descriptor: int, how: int) -> None:
        real(descriptor, how)
        if not taken:
            taken.append(descriptor)
            path.unlink()

    monkeypatch.setattr(shared_file._fcntl, "flock", flock)
    with changing(path) as file:
        file.append(b"one\n")
    assert path.read_bytes() == b"one\n"
