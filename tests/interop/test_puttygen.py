"""Key files there and back, with PuTTY's puttygen as the other side."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import nacre
from tests.support import x509

pytestmark = pytest.mark.requires("plink")

PASSPHRASE = "correct horse"
KEYS = {name: nacre.import_private_key(key.export_private_key()) for name, key in x509.KEYS.items()}
for _name, _key in KEYS.items():
    _key.set_comment(f"made of {_name}")


@pytest.fixture
def puttygen(tmp_path: Path):
    """Run puttygen with a passphrase file of its own; returns what it prints."""
    secret, empty = tmp_path / "secret", tmp_path / "empty"
    secret.write_text(f"{PASSPHRASE}\n")
    empty.write_text("\n")

    def run(*arguments: object, opens: bool = False, locks: bool = False) -> str:
        words = ["--old-passphrase", secret] if opens else []
        words += ["--new-passphrase", secret if locks else empty] if locks or opens else []
        done = subprocess.run(
            ["puttygen", *map(str, [*arguments, *words])],
            check=False, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("name", sorted(KEYS))
def test_our_files(puttygen, tmp_path: Path, name: str) -> None:
    key = KEYS[name]
    plain, locked = tmp_path / "plain.ppk", tmp_path / "locked.ppk"
    # Of each length of the private part one: to derive keys costs both sides a lot.
    locks = name in ("ssh-ed25519", "ecdsa-sha2-nistp521")
    for path, how in ((plain, {}), (locked, {"opens": True}))[: 1 + locks]:
        key.write_private_key(path, "ppk", PASSPHRASE if how else None)
        there = tmp_path / f"{path.name}.there"
        puttygen(path, "-O", "private-openssh-new", "-o", there, **how)
        again = nacre.read_private_key(there)
        assert again == key
        assert again.get_comment() == key.get_comment()
    assert key.get_fingerprint() in puttygen(plain, "-l")
    assert puttygen(plain, "-L").split() == key.export_public_key().decode().split()
    written = puttygen(plain, "-p").encode()
    assert nacre.import_public_key(written) == key.convert_to_public()
    assert nacre.import_public_key(written).get_comment() == key.get_comment()
    key.write_public_key(tmp_path / "rfc4716", "rfc4716")
    assert key.get_fingerprint() in puttygen(tmp_path / "rfc4716", "-l")


@pytest.mark.parametrize("name", sorted(KEYS))
def test_their_files(puttygen, tmp_path: Path, name: str) -> None:
    key = KEYS[name]
    key.write_private_key(tmp_path / "openssh")
    for version in (2, 3):
        for locks in (False, True):
            path = tmp_path / f"{version}{locks}.ppk"
            how = "version=3,memory=64,passes=1" if version == 3 else "version=2"
            puttygen(tmp_path / "openssh", "-O", "private", "-o", path, "--ppk-param", how, locks=locks)
            again = nacre.read_private_key(path, PASSPHRASE if locks else None)
            assert again == key
            assert again.get_comment() == key.get_comment()
            assert path.read_bytes().startswith(b"PuTTY-User-Key-File-%d: %s\n" % (version, name.encode()))
