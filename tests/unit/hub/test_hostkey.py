"""The host key: made once, private, and refused where it is not."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

import nacre
from nacre.hub.hostkey import HostKey, load_or_make
from nacre.hub.paths import StatePaths, prepare
from nacre.hub.problem import StateError


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    return prepare(tmp_path / "state")


def test_it_is_made_once(paths: StatePaths) -> None:
    umask = os.umask(0)
    try:
        first = load_or_make(paths)
    finally:
        os.umask(umask)
    assert first.made
    assert first.key.get_algorithm() == "ssh-ed25519"
    assert first.fingerprint.startswith("SHA256:")
    assert stat.S_IMODE(paths.host_key.stat().st_mode) == 0o600
    assert sorted(path.name for path in paths.root.iterdir()) == ["homes", "run", "ssh_host_ed25519_key"]
    again = load_or_make(paths)
    assert not again.made
    assert again.fingerprint == first.fingerprint
    assert again.key.sign(b"x", "ssh-ed25519") == first.key.sign(b"x", "ssh-ed25519")


def test_one_brought_along_is_taken(paths: StatePaths) -> None:
    key = nacre.generate_private_key("ecdsa-sha2-nistp256")
    key.write_private_key(paths.host_key)
    assert load_or_make(paths).fingerprint == key.get_fingerprint()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_one_that_others_can_read(paths: StatePaths, mode: int) -> None:
    load_or_make(paths)
    paths.host_key.chmod(mode)
    with pytest.raises(
        StateError, match=rf"can be read by others \(mode {mode:04o}\); chmod 600 {paths.host_key}"
    ):
        load_or_make(paths)


def test_a_link_is_neither_followed_nor_replaced(paths: StatePaths, tmp_path: Path) -> None:
    paths.host_key.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StateError, match="is a symbolic link; put a copy of the key itself there"):
        load_or_make(paths)
    assert paths.host_key.is_symlink()
    assert not (tmp_path / "elsewhere").exists()


def test_what_is_no_file(paths: StatePaths) -> None:
    os.mkfifo(paths.host_key, 0o600)
    with pytest.raises(StateError, match="not a regular file"):
        load_or_make(paths)


ENCRYPTED = nacre.generate_private_key("ssh-ed25519").export_private_key(
    "openssh", "secret", rounds=1, ignore_few_rounds=True
)
PUBLIC = nacre.generate_private_key("ssh-ed25519").export_public_key()


@pytest.mark.parametrize(
    "content",
    [b"", b"rubbish", PUBLIC, ENCRYPTED, ENCRYPTED[:100], b"\x80\x04."],
    ids="empty rubbish public encrypted cut pickle".split(),
)
def test_what_is_no_usable_key(paths: StatePaths, content: bytes) -> None:
    paths.host_key.write_bytes(content)
    paths.host_key.chmod(0o600)
    with pytest.raises(StateError, match=r"cannot be used: .*; put a backup in its place, or move it away"):
        load_or_make(paths)
    assert paths.host_key.read_bytes() == content


def test_a_huge_file(paths: StatePaths) -> None:
    paths.host_key.touch(0o600)
    os.truncate(paths.host_key, 1 << 40)
    with pytest.raises(StateError, match="larger than 65536 bytes"):
        load_or_make(paths)


def test_a_directory_that_cannot_be_written(paths: StatePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object, *args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nacre.SSHKey, "write_private_key", refuse)
    with pytest.raises(StateError, match="cannot be written: No space left on device"):
        load_or_make(paths)


def test_the_private_part_is_not_shown(paths: StatePaths) -> None:
    key = load_or_make(paths)
    assert isinstance(key, HostKey)
    assert "key=" not in repr(key)
