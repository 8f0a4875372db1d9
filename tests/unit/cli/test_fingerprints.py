"""`nacre keygen -l`, judged by ssh-keygen: the same fingerprints of the same files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import nacre

pytestmark = pytest.mark.requires("ssh-keygen")
KEYS = [nacre.generate_private_key(name, comment="me") for name in ("ssh-ed25519", "ecdsa-sha2-nistp384")]


@pytest.fixture(autouse=True)
def there(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def judge(*arguments: str) -> str:
    done = subprocess.run(["ssh-keygen", *arguments], capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def test_of_every_kind_of_file(run, there):
    one, two = (key.export_public_key().decode().rstrip() for key in KEYS)
    certificate = (
        KEYS[0].generate_user_certificate(KEYS[1], "i", principals="me").export_certificate().decode()
    )
    KEYS[0].write_private_key("key")
    KEYS[0].write_public_key("key.pub")
    files = {
        "authorized_keys": f'# who\nno-pty,command="echo a b" {one}\n{two}\n',
        "known_hosts": f"# hosts\nhost,other {one}\n[host]:2222 {two.rsplit(' ', 1)[0]}\n",
        "key-cert.pub": certificate,
        "all.pub": f"{one}\n{two}\n",
    }
    for name, content in files.items():
        (there / name).write_text(content)
    for name in (*files, "key", "key.pub"):
        assert run("keygen", "-l", "-f", name).out == judge("-l", "-f", name)
    assert run("keygen", "-l", "-E", "sha512", "-f", "key").out == judge("-l", "-E", "sha512", "-f", "key")
    # In a file that is a private key alone, nobody has written who it is for ssh-keygen.
    (there / "key.pub").unlink()
    assert KEYS[0].get_fingerprint() in run("keygen", "-l", "-f", "key").out


def test_what_has_no_key(run, there):
    (there / "empty").write_text("# nothing\nhost ssh-ed25519 AAAA\n")
    assert run("keygen", "-l", "-f", "empty").status == 1
    assert "No such file" in run("keygen", "-l", "-f", "absent").err
