"""Reading and writing of key files."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from nacre.keys.files import MAX_FILE, append_file, expand, name_of, read_file, replace_file, unmarked


def test_reading_follows_links_and_resolves_home(tmp_path, monkeypatch):
    (tmp_path / "key").write_bytes(b"content")
    (tmp_path / "link").symlink_to(tmp_path / "key")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_file(tmp_path / "link") == b"content"
    assert read_file("~/key") == b"content"
    assert str(expand("~no-such-user-here/x")) == "~no-such-user-here/x"


def test_cve_2026_0965_size_limit(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(bytes(MAX_FILE))
    assert len(read_file(path)) == MAX_FILE
    path.write_bytes(bytes(MAX_FILE + 1))
    with pytest.raises(ValueError, match="larger"):
        read_file(path)


@pytest.mark.timeout(120)
def test_cve_2026_0965_only_regular_files(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path, "/dev/zero"):
        with pytest.raises(ValueError, match="not a regular file"):
            read_file(path)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "none")


def test_writing_does_not_follow_a_link(tmp_path):
    (tmp_path / "victim").write_bytes(b"untouched")
    (tmp_path / "key").symlink_to(tmp_path / "victim")
    replace_file(tmp_path / "key", b"secret", 0o600)
    assert (tmp_path / "victim").read_bytes() == b"untouched"
    assert not (tmp_path / "key").is_symlink()
    assert (tmp_path / "key").read_bytes() == b"secret"


def test_a_file_that_others_could_read_is_replaced_by_one_they_cannot(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(b"old")
    path.chmod(0o666)
    replace_file(path, b"secret", 0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "key"
    path.write_bytes(b"old")

    def full(descriptor, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="space"):
        replace_file(path, b"secret", 0o600)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["key"]


def test_devices_are_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ValueError, match="regular"):
        replace_file(tmp_path / "fifo", b"secret", 0o600)
    assert stat.S_ISFIFO((tmp_path / "fifo").stat().st_mode)


def test_appending_ends_the_last_line_first(tmp_path):
    path = tmp_path / "authorized_keys"
    append_file(path, b"first\n", 0o600)
    append_file(path, b"second", 0o600)
    append_file(path, b"third\n", 0o600)
    assert path.read_bytes() == b"first\nsecond\nthird\n"


def test_appending_follows_no_link_and_blocks_on_no_fifo(tmp_path):
    (tmp_path / "victim").write_bytes(b"untouched")
    (tmp_path / "link").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError):
        append_file(tmp_path / "link", b"x", 0o600)
    assert (tmp_path / "victim").read_bytes() == b"untouched"
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises((OSError, ValueError)):
        append_file(tmp_path / "fifo", b"x", 0o600)


def test_a_link_under_the_temporary_name_is_not_written_through(tmp_path, monkeypatch):
    monkeypatch.setattr("os.urandom", bytes)
    (tmp_path / "victim").write_bytes(b"untouched")
    (tmp_path / f".key.{bytes(8).hex()}.new").symlink_to(tmp_path / "victim")
    with pytest.raises(FileExistsError):
        replace_file(tmp_path / "key", b"secret", 0o600)
    (tmp_path / f".key.{bytes(8).hex()}.new").unlink()
    (tmp_path / f".key.{bytes(8).hex()}.new").write_bytes(b"")
    (tmp_path / f".key.{bytes(8).hex()}.new").chmod(0o666)
    with pytest.raises(FileExistsError):
        replace_file(tmp_path / "key", b"secret", 0o600)
    assert (tmp_path / "victim").read_bytes() == b"untouched"


@pytest.mark.parametrize("kind", [str, Path])
def test_the_name_of_a_file_has_its_tilde_resolved(monkeypatch, kind):
    monkeypatch.setenv("HOME", "/home/of-a-test")
    assert name_of(kind("~/key")) == "/home/of-a-test/key"
    assert name_of(kind("a/~b")) == "a/~b"
    assert name_of(kind("~no-such-user-here/key")) == "~no-such-user-here/key"


def test_an_error_names_the_file_that_was_to_be_written(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        replace_file(tmp_path / "no" / "key", b"x", 0o600)
    assert caught.value.filename == str(tmp_path / "no" / "key")


def test_marks_of_windows_before_a_text():
    assert unmarked(b"\xef\xbb\xbfssh-ed25519") == unmarked(b"ssh-ed25519") == b"ssh-ed25519"
    assert unmarked(b"\xef\xbb\xbf\xef\xbb\xbfx") == b"\xef\xbb\xbfx"  # one is a mark
    for encoding in ("utf-16-le", "utf-16-be"):
        with pytest.raises(ValueError, match="UTF-16, as PowerShell's > writes it"):
            unmarked("\ufeffssh-ed25519".encode(encoding))
