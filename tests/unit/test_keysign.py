"""ssh-keysign: where it is, what it is asked, and what it may answer. The program itself: tests/interop."""

from __future__ import annotations

import asyncio
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre import keysign
from nacre.keysign import Keysign, KeysignKeyPair, keysign_pairs
from nacre.wire.fields import encode_byte, encode_string, encode_uint32
from tests.support.face import asynctest

KEY = nacre.generate_private_key("ssh-ed25519").convert_to_public()
OTHER = nacre.generate_private_key("ecdsa-sha2-nistp256").convert_to_public()


class Process:
    """A program that answers what it is told to, and keeps what it was asked."""

    def __init__(self, answer: bytes, problems: bytes = b"") -> None:
        self.answer = answer
        self.problems = problems
        self.asked = b""
        self.kwargs: dict[str, Any] = {}
        self.argv: tuple[Any, ...] = ()

    async def start(self, *argv: Any, **kwargs: Any) -> Process:
        self.argv, self.kwargs = argv, kwargs
        return self

    async def communicate(self, request: bytes) -> tuple[bytes, bytes]:
        self.asked = request
        return self.answer, self.problems


class Socket:
    def fileno(self) -> int:
        return 9


def answering(monkeypatch: pytest.MonkeyPatch, answer: bytes, problems: bytes = b"") -> Process:
    process = Process(answer, problems)
    monkeypatch.setattr(asyncio, "create_subprocess_exec", process.start)
    return process


RIGHT = encode_string(b"\2" + encode_string(b"signature"))


@asynctest
async def test_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    process = answering(monkeypatch, RIGHT)
    assert await Keysign("/x/ssh-keysign").sign(b"data", Socket()) == b"signature"
    assert process.asked == encode_string(encode_byte(2) + encode_uint32(9) + encode_string(b"data"))
    assert process.argv == ("/x/ssh-keysign",)
    assert (process.kwargs["pass_fds"], process.kwargs["env"]) == ((9,), {})
    await Keysign("/x/ssh-keysign").sign(b"", None)
    assert process.asked == encode_string(encode_byte(2) + encode_uint32(2) + encode_string(b""))
    assert process.kwargs["pass_fds"] == ()


@pytest.mark.parametrize(
    "answer",
    [b"\0", RIGHT[:-1], RIGHT + b"!", encode_string(b""), encode_string(b"\3" + encode_string(b"s")),
     encode_string(b"\2" + encode_string(b"s") + b"!")],
)  # fmt: skip
@asynctest
async def test_answers_that_are_none(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    answering(monkeypatch, answer)
    with pytest.raises(ValueError, match=r"."):
        await Keysign("/x").sign(b"data", None)


@asynctest
async def test_a_refusal_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, b"", b"one\nssh-keysign not enabled in /etc/ssh/ssh_config\x1b\n")
    with pytest.raises(OSError, match=r"not enabled in /etc/ssh/ssh_config\\x1b"):
        await Keysign("/x").sign(b"data", None)
    answering(monkeypatch, b"")
    with pytest.raises(OSError, match="did not say why"):
        await Keysign("/x").sign(b"data", None)


@asynctest
async def test_a_program_that_is_given_up_ends(tmp_path: Path) -> None:
    path = tmp_path / "ssh-keysign"
    told = tmp_path / "told"
    path.write_text(
        f"#!{sys.executable}\nimport sys, time\nopen({str(told)!r}, 'w').close()\ntime.sleep(600)\n"
    )
    path.chmod(stat.S_IRWXU)
    signing = asyncio.ensure_future(Keysign(str(path)).sign(b"data", None))
    while not told.exists():
        done, _ = await asyncio.wait([signing], timeout=0.01)
        assert not done
    signing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await signing


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(keysign, "DIRECTORIES", (str(tmp_path / "a"), str(tmp_path)))
    with pytest.raises(ValueError, match="there is no"):
        Keysign.find(True)
    path = tmp_path / "ssh-keysign"
    path.touch()
    assert Keysign.find(True).path == str(path)
    assert Keysign.find(str(path)).path == str(path)
    with pytest.raises(ValueError, match="client_host_keysign: there is no /lost"):
        Keysign.find("/lost")
    monkeypatch.setattr(keysign, "DIRECTORIES", ())
    with pytest.raises(ValueError, match="no place"):
        Keysign.find(True)


@asynctest
async def test_the_keys_of_the_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(keysign, "KEY_DIRECTORIES", (str(tmp_path),))
    KEY.write_public_key(tmp_path / "ssh_host_ed25519_key.pub")
    (tmp_path / "ssh_host_ecdsa_key.pub").write_text("junk\n")
    ca = nacre.generate_private_key("ssh-ed25519")
    certificate = ca.generate_host_certificate(KEY, "id", principals=["h"])
    certificate.write_certificate(tmp_path / "ssh_host_ed25519_key-cert.pub")
    pairs = await keysign_pairs(Keysign("/x"), None, ())
    assert [pair.public_data for pair in pairs] == [certificate.public_data, KEY.public_data]
    assert {pair.get_key_type() for pair in pairs} == {"keysign"}
    assert "ssh_host_ecdsa_key.pub is not used" in caplog.text
    assert [pair.public_data for pair in await keysign_pairs(Keysign("/x"), None, None)] == [KEY.public_data]


@asynctest
async def test_keys_that_are_named(tmp_path: Path) -> None:
    path = tmp_path / "key.pub"
    KEY.write_public_key(path)
    for keys in (path, [path], KEY, [KEY]):
        (pair,) = await keysign_pairs(Keysign("/x"), keys, None)
        assert pair.public_data == KEY.public_data
        # Beside it lies a private key that is not for us to read, or none at all.
        (pair,) = await keysign_pairs(Keysign("/x"), keys, ())
        assert pair.public_data == KEY.public_data
    ca = nacre.generate_private_key("ssh-ed25519")
    certificate = ca.generate_host_certificate(OTHER, "id", principals=["h"])
    pairs = await keysign_pairs(Keysign("/x"), [KEY, OTHER], [certificate])
    assert [pair.algorithm for pair in pairs] == [KEY.algorithm, certificate.algorithm, OTHER.algorithm]
    with pytest.raises(OSError, match="lost"):
        await keysign_pairs(Keysign("/x"), [tmp_path / "lost"], None)


@asynctest
async def test_a_pair_signs_by_the_program_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, RIGHT)
    pair = KeysignKeyPair(KEY, Keysign("/x"))
    assert await pair.sign_async(b"data", "ssh-ed25519") == b"signature"
    with pytest.raises(RuntimeError):
        pair.sign(b"data")
