"""Keys are loaded beside the loop, and passphrases asked for in it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.aio.key_loading import load_private_keys, sign_beside
from tests.support.authenticator import any_key
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


FORMS = ["file", "bytes", "beside"]


def encrypted(directory: Path, form: str) -> Any:
    """An encrypted key whose public part can be known."""
    path = directory / "key"
    if form == "beside":
        user_key().write_private_key(path, "pkcs8-pem", passphrase="x")
        user_key().write_public_key(directory / "key.pub")
    else:
        user_key().write_private_key(path, passphrase="x", rounds=1, ignore_few_rounds=True)
    return path.read_bytes() if form == "bytes" else path


@pytest.mark.parametrize("form", FORMS)
@asynctest
async def test_a_passphrase_is_asked_for_when_the_key_signs(form: str, tmp_path: Path) -> None:
    key = encrypted(tmp_path, form)
    asked: list[str] = []

    async def passphrase(filename: str) -> str:
        asked.append(filename)
        return "x"

    (pair,) = await load_private_keys(key, passphrase, later=True)
    assert pair.public_data == user_key().public_data
    with pytest.raises(RuntimeError, match="sign_async"):
        pair.sign(b"data")
    assert asked == []
    first, second = await asyncio.gather(pair.sign_async(b"data"), pair.sign_async(b"data", "ssh-ed25519"))
    assert user_key().verify(b"data", first)
    assert user_key().verify(b"data", second)
    assert asked == ["" if form == "bytes" else str(key)]


@asynctest
async def test_a_passphrase_is_asked_for_at_once_where_nothing_tells_the_public_part(tmp_path: Path) -> None:
    path = encrypted(tmp_path, "beside")
    (tmp_path / "key.pub").unlink()
    (pair,) = await load_private_keys(path, lambda filename: "x", later=True)
    assert user_key().verify(b"data", pair.sign(b"data"))


@pytest.mark.parametrize(
    ("given", "error"), [("wrong", nacre.KeyEncryptionError), (None, nacre.KeyImportError)]
)
@asynctest
async def test_a_key_that_is_not_opened_says_why(given: Any, error: Any, tmp_path: Path) -> None:
    (pair,) = await load_private_keys(encrypted(tmp_path, "file"), lambda filename: given, later=True)
    with pytest.raises(error):
        await pair.sign_async(b"data")


@asynctest
async def test_another_key_than_the_public_one_beside_it_does_not_sign(tmp_path: Path) -> None:
    path = encrypted(tmp_path, "beside")
    nacre.generate_private_key("ssh-ed25519").write_public_key(tmp_path / "key.pub")
    (pair,) = await load_private_keys(path, lambda filename: "x", later=True)
    with pytest.raises(nacre.KeyImportError, match="beside"):
        await pair.sign_async(b"data")


@asynctest
async def test_a_certificate_waits_for_the_passphrase_with_its_key(tmp_path: Path) -> None:
    """Both are offered before anybody is asked, and one answer opens both."""
    path = tmp_path / "key"
    user_key().write_private_key(path, passphrase="x", rounds=1, ignore_few_rounds=True)
    authority = nacre.generate_private_key("ssh-ed25519")
    beside, given = (authority.generate_user_certificate(user_key(), name) for name in ("beside", "given"))
    beside.write_certificate(tmp_path / "key-cert.pub")
    asked: list[str] = []

    def passphrase(filename: str) -> str:
        asked.append(filename)
        return "x"

    for wanted, certs, shown in (
        (path, (), beside),
        (path, [given], given),
        ([(path, given)], (), given),
        (path.read_bytes(), given, given),
        (path, None, None),
    ):
        asked.clear()
        pairs = await load_private_keys(wanted, passphrase, certs=certs, later=True)
        assert [pair.cert for pair in pairs] == ([None] if shown is None else [shown, None])
        assert asked == []
        for pair in pairs:
            signature = await pair.sign_async(b"data", pair.host_key_algorithms[0])
            assert user_key().verify(b"data", signature)
        assert len(asked) == 1


@pytest.mark.parametrize("passphrase", [None, "x"])
@asynctest
async def test_a_certificate_beside_a_key_that_cannot_be_used_is_left_out(
    passphrase: str | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "key"
    user_key().write_private_key(path, passphrase=passphrase, rounds=1, ignore_few_rounds=True)
    (tmp_path / "key-cert.pub").write_text("junk")
    (pair,) = await load_private_keys(path, passphrase)
    assert not pair.has_cert
    assert "key-cert.pub" in caplog.text
    with pytest.raises(nacre.KeyImportError):
        await load_private_keys(path, passphrase, certs=tmp_path / "key-cert.pub")
    with pytest.raises(OSError):
        await load_private_keys(path, passphrase, certs=[tmp_path / "missing"])


@asynctest
async def test_a_key_that_waits_signs_beside_the_loop() -> None:
    """The loop goes on until somebody touches the security key."""
    touched = threading.Event()
    key = any_key("sk-ssh-ed25519@openssh.com")
    pair = nacre.SSHKeyPair.from_key(key)
    pair._signer = lambda data, algorithm: data if touched.wait(60) else b""
    signing = asyncio.ensure_future(sign_beside(pair, b"data", "sk-ssh-ed25519@openssh.com"))
    done, _ = await asyncio.wait([signing], timeout=0)
    assert not done
    touched.set()
    assert await signing == b"data"


@asynctest
async def test_other_keys_sign_where_they_are() -> None:
    [pair] = await load_private_keys(user_key(), None)
    signature = await sign_beside(pair, b"data", "ssh-ed25519")
    assert user_key().verify(b"data", signature)
