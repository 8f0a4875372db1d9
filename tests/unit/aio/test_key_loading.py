"""Keys are loaded beside the loop, and passphrases asked for in it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.aio.key_loading import load_private_keys
from tests.support.face import asynctest, user_key


@asynctest
async def test_a_passphrase_from_a_coroutine(tmp_path: Path) -> None:
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        user_key().write_private_key(path, passphrase=path.name, rounds=1, ignore_few_rounds=True)
    asked: list[str] = []

    async def passphrase(filename: str) -> str | None:
        asked.append(filename)
        return Path(filename).name

    pairs = await load_private_keys([str(path) for path in paths], passphrase)
    assert len(pairs) == 2
    assert asked == [str(path) for path in paths]

    async def nothing(filename: str) -> None:
        return None

    with pytest.raises(nacre.KeyImportError):
        await load_private_keys(str(paths[0]), nothing)
    assert await load_private_keys(str(paths[0]), nothing, ignore_encrypted=True) == []


@asynctest
async def test_a_plain_function_is_called_in_the_loop_s_thread(tmp_path: Path) -> None:
    path = tmp_path / "key"
    user_key().write_private_key(path, passphrase="x", rounds=1, ignore_few_rounds=True)
    asked: list[Any] = []

    def passphrase(filename: str) -> str:
        asked.append((filename, threading.current_thread()))
        return "x"

    assert len(await load_private_keys(path, passphrase)) == 1
    assert asked == [(str(path), threading.main_thread())]
    assert len(await load_private_keys(path.read_bytes(), lambda filename: "x")) == 1
    with pytest.raises(nacre.KeyEncryptionError):
        await load_private_keys(path, lambda filename: "wrong")


@asynctest
async def test_every_form(tmp_path: Path) -> None:
    path = tmp_path / "key"
    user_key().write_private_key(path)
    (pair,) = nacre.load_keypairs([user_key()])
    for form in (str(path), path, path.read_bytes(), user_key(), pair):
        for given in (form, [form], [(form, None)]):
            (loaded,) = await load_private_keys(given, None)
            assert loaded.public_data == user_key().public_data
    assert await load_private_keys([], None) == []
