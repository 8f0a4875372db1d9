"""`nacre keygen` with known_hosts files, judged by ssh-keygen: the same lines, the same words."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import nacre

pytestmark = pytest.mark.requires("ssh-keygen")

ED25519, ECDSA = (nacre.generate_private_key(name) for name in ("ssh-ed25519", "ecdsa-sha2-nistp256"))


def line(names: str, key: nacre.SSHKey, mark: str = "") -> str:
    return f"{mark}{names} {key.export_public_key().decode().strip()}\n"


@pytest.fixture(autouse=True)
def there(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    Path("known").write_text(
        f"# mine\n{line('one', ED25519)}{line('one,two', ECDSA)}{line('*.example', ED25519)}"
        f"{line('one', ED25519, '@cert-authority ')}{line('one', ECDSA, '@revoked ')}{line('[one]:2222', ED25519)}"
    )
    return tmp_path


def judge(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        ["ssh-keygen", *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("name", ["one", "two", "a.example", "[one]:2222", "nobody"])
def test_find(run, name):
    done = run("keygen", "-F", name, "-f", "known")
    assert (done.status, done.out) == judge("-F", name, "-f", "known")
    done = run("keygen", "-l", "-F", name, "-f", "known")
    assert (done.status, done.out) == judge("-F", name, "-l", "-f", "known")


@pytest.mark.parametrize("name", ["one", "[one]:2222", "nobody"])
def test_forget(run, name, there):
    shutil.copy("known", "theirs")
    done = run("keygen", "-R", name, "-f", "known")
    status, out = judge("-R", name, "-f", "theirs")
    assert done.status == status == 0
    if name != "nobody":  # which ssh-keygen tells on the other stream
        assert done.out.replace(str(there) + "/", "") == out.replace("theirs", "known")
    assert Path("known").read_text() == Path("theirs").read_text()
    assert Path("known.old").exists() == Path("theirs.old").exists()


def test_hash(run):
    done = run("keygen", "-H", "-f", "known")
    assert done.status == 0
    assert "known:4: a pattern cannot be hashed" in done.out
    assert "delete it" in done.out
    for name in ("one", "two", "[one]:2222"):
        status, out = judge("-F", name, "-f", "known")
        assert (status, out.count("|1|")) == (0, 2 if name == "one" else 1)
    assert run("keygen", "-H", "-f", "known").out.count("\n") == 1


def test_records(run):
    for key in (ED25519, ECDSA):
        key.write_public_key("key.pub")
        for flags in ((), ("-g",)):
            done = run("keygen", "-r", "host.example", *flags, "-f", "key.pub")
            assert (done.status, done.out) == judge("-r", "host.example", *flags, "-f", "key.pub")


def test_the_default_file_and_mistakes(run, there):
    done = run("keygen", "-F", "one")
    assert done.status == 1
    assert "No such file" in done.err
    (there / ".ssh").mkdir()
    shutil.copy("known", there / ".ssh" / "known_hosts")
    assert run("keygen", "-F", "one").status == 0
    assert "do not go together" in run("keygen", "-F", "one", "-R", "one").err
    with Path("known").open("a") as file:
        file.write("garbage\n")
    done = run("keygen", "-R", "one", "-f", "known")
    assert done.status == 1
    assert "line 8 of known_hosts" in done.err
