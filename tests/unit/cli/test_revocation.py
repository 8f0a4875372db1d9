"""`nacre keygen -k` and `-Q`, judged by ssh-keygen: the same lines, the same lists, the same words."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import nacre

pytestmark = pytest.mark.requires("ssh-keygen")


@pytest.fixture(autouse=True)
def there(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def key(name: str, algorithm: str = "ssh-ed25519") -> nacre.SSHKey:
    made = nacre.generate_private_key(algorithm, comment=name)
    made.write_private_key(name)
    made.write_public_key(f"{name}.pub")
    return made


def judge(*arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["ssh-keygen", *arguments], input=data, capture_output=True, timeout=120, check=False
    )


def test_the_same_lines_revoke_the_same(run, there):
    keys = [key(f"key{number}") for number in range(6)]
    authority, other = key("authority"), key("other")
    for number, one in enumerate(keys):
        signer = authority if number else other
        made = signer.generate_user_certificate(one, f"id {number}", serial=number, principals="me")
        made.write_certificate(f"key{number}-cert.pub")
    lines = [
        "# what is gone",
        "serial: 4-6",
        "SERIAL:0x10 # sixteen",
        "serial: 7",
        "id: id 3",
        f"key: {keys[0].export_public_key().decode()}",
        f"sha1: {keys[1].export_public_key().decode()}",
        f"hash: {keys[2].get_fingerprint()}",
        keys[5].export_public_key().decode(),
    ]
    (there / "lines").write_text("\n".join(lines))
    for make, name in ((judge, "theirs"), (lambda *words: run("keygen", *words), "ours")):
        make("-k", "-q", "-f", name, "-s", "authority.pub", "-z", "9", "lines")
    shown = ["key{0}.pub", "key{0}-cert.pub"]
    files = [name.format(number) for number in range(6) for name in shown]
    said = set()
    for name in ("theirs", "ours"):
        done = run("keygen", "-Q", "-f", name, *files)
        assert done.status == 1
        assert done.out == judge("-Q", "-f", name, *files).stdout.decode()
        said.add(done.out)
        listed = run("keygen", "-Q", "-l", "-f", name).out
        assert listed == judge("-Q", "-l", "-f", name).stdout.decode()
        said.add("\n".join(line for line in listed.splitlines() if "Generated" not in line))
    assert len(said) == 2  # what is revoked, and the list
    # Without an authority a number is nobody's, and with none it is everybody's.
    (there / "number").write_text("serial: 1\n")
    assert "number: line 1:" in run("keygen", "-k", "-f", "list", "number").err
    assert not (there / "list").exists()
    assert run("keygen", "-k", "-f", "list", "-s", "none", "number").status == 0
    assert judge("-Q", "-f", "list", "key1-cert.pub").returncode == 1
