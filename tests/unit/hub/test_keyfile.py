"""Keys as an administrator gives them, with real keys of ssh-keygen's form."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import nacre
from nacre.hub.keyfile import MAX_KEY_FILE, KeyFileError, parse_keys, read_keys

KEY = nacre.generate_private_key("ssh-ed25519", comment="me@laptop")
LINE = KEY.export_public_key().decode()
OTHER = nacre.generate_private_key("ecdsa-sha2-nistp256")


def test_a_line(tmp_path: Path) -> None:
    (key,) = read_keys(LINE)
    assert (key.blob, key.comment) == (KEY.public_data, "me@laptop")


def test_a_file_of_several_keys(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_bytes(b"# mine\n\n" + LINE.encode() + b"\r\n  \n" + OTHER.export_public_key())
    assert [key.blob for key in read_keys(str(file))] == [KEY.public_data, OTHER.public_data]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(LINE.encode())))
    assert read_keys("-")[0].blob == KEY.public_data
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"x" * (MAX_KEY_FILE + 1))))
    with pytest.raises(KeyFileError, match="standard input is larger than"):
        read_keys("-")


def test_another_public_format() -> None:
    assert parse_keys(KEY.export_public_key("pkcs8-pem"), "f")[0].blob == KEY.public_data


def test_a_private_key_is_refused_with_advice(tmp_path: Path) -> None:
    for content in (KEY.export_private_key("openssh"), KEY.export_private_key("pkcs8-pem")):
        file = tmp_path / "id"
        file.write_bytes(content)
        with pytest.raises(
            KeyFileError, match=r"holds a private key; give the \.pub file beside it, and keep this"
        ):
            read_keys(str(file))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "f holds no key; give the .pub file"),
        (b"# nothing\n\n", "f holds no key"),
        (b"hello\n", "f is not a public key that nacre knows: "),
        (b"\x00\xff\n", "f is not a public key"),
        (b"ssh-ed25519 AAAA\n", "f is not a public key"),
        (LINE.encode() + b"ssh-ed25519 AAAA\n" + LINE.encode(), "f:2 is not a public key"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "f is not a public key"),
    ],
    ids="empty comment text binary cut second certificate".split(),
)
def test_what_is_no_key(content: bytes, words: str) -> None:
    with pytest.raises(KeyFileError, match=words) as caught:
        parse_keys(content, "f")
    assert str(caught.value).isprintable()


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(
        KeyFileError, match=r"cannot be read: No such file or directory; give a \.pub file or a key line"
    ):
        read_keys(str(tmp_path / "none"))
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path, Path("/dev/zero")):
        with pytest.raises(KeyFileError, match="not a regular file"):
            read_keys(str(path))
    (tmp_path / "large").write_bytes(b"#" * (MAX_KEY_FILE + 1))
    with pytest.raises(KeyFileError, match="larger than"):
        read_keys(str(tmp_path / "large"))


def test_a_comment_is_whatever_it_is() -> None:
    (key,) = parse_keys(LINE.encode().replace(b"me@laptop", b"\xff\x1b[2J"), "f")
    assert key.comment == "\ufffd\x1b[2J"
