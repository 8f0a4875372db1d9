"""`nacre keygen`, judged by ssh-keygen: the same options, the same files."""

from __future__ import annotations

import getpass
import io
import subprocess
import sys
from pathlib import Path

import pytest

import nacre
from nacre.cli import main

pytestmark = pytest.mark.requires("ssh-keygen")


@pytest.fixture(autouse=True)
def there(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def judge(*arguments: str, data: bytes = b"") -> bytes:
    done = subprocess.run(
        ["ssh-keygen", *arguments], input=data, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ((), "256 ED25519"),
        (("-t", "ecdsa"), "256 ECDSA"),
        (("-t", "ecdsa", "-b", "521"), "521 ECDSA"),
        (("-t", "rsa"), "3072 RSA"),
        (("-t", "rsa", "-b", "2048", "-m", "PKCS8"), "2048 RSA"),
    ],
    ids=["default", "ecdsa", "ecdsa-521", "rsa", "rsa-2048-pkcs8"],
)
def test_new_keys(run, there, arguments, kind):
    done = run("keygen", *arguments, "-f", "key", "-N", "correct horse", "-a", "4", "-C", "me@here")
    assert (done.status, done.err) == (0, "")
    bits, name = kind.split()
    (theirs,) = judge("-l", "-f", "key.pub").decode().splitlines()
    assert theirs.startswith(f"{bits} SHA256:")
    assert theirs.endswith(f" me@here ({name})")
    assert theirs in done.out
    assert run("keygen", "-l", "-f", "key.pub").out == f"{theirs}\n"
    public = (there / "key.pub").read_text()
    assert judge("-y", "-P", "correct horse", "-f", "key").decode().split()[:2] == public.split()[:2]
    assert (there / "key").stat().st_mode & 0o777 == 0o600


def test_nothing_is_overwritten(run, there):
    (there / "key.pub").write_text("somebody's")
    done = run("keygen", "-f", "key", "-N", "")
    assert done.status == 1
    assert "key.pub is there already" in done.err
    assert (there / "key.pub").read_text() == "somebody's"
    assert not (there / "key").exists()


def test_the_usual_place_and_quiet(run, there):
    done = run("keygen", "-q", "-N", "")
    assert (done.status, done.out, done.err) == (0, "", "")
    assert nacre.read_private_key(there / ".ssh/id_ed25519")
    assert (there / ".ssh").stat().st_mode & 0o777 == 0o700


def test_the_passphrase_is_asked_for_until_it_is_the_same_twice(there, monkeypatch, capsys):
    answers = iter(["one", "two", "three", "three"])
    monkeypatch.setattr(getpass, "getpass", lambda question: next(answers))
    assert main(["keygen", "-f", "key", "-a", "1"]) == 0
    assert capsys.readouterr().err == "They differ; try again.\n"
    assert nacre.read_private_key(there / "key", "three")


def test_changing_the_passphrase_and_the_comment(run, there):
    judge("-q", "-t", "ed25519", "-f", "key", "-N", "one", "-a", "2", "-C", "old")
    assert run("keygen", "-p", "-f", "key", "-P", "wrong", "-N", "two").status == 1
    assert run("keygen", "-p", "-f", "key", "-P", "one", "-N", "two", "-a", "4").status == 0
    assert run("keygen", "-c", "-f", "key", "-P", "two", "-C", "new", "-a", "4").status == 0
    assert (there / "key.pub").read_text().endswith(" new\n")
    assert judge("-y", "-P", "two", "-f", "key").decode().endswith(" new\n")
    assert run("keygen", "-y", "-f", "key", "-P", "two").out.encode() == judge("-y", "-P", "two", "-f", "key")
    assert run("keygen", "-p", "-f", "key", "-P", "two", "-N", "").status == 0
    assert nacre.read_private_key(there / "key")
    assert run("keygen", "-c", "-f", "key").status == 1


@pytest.fixture(scope="module")
def rsa_key(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("rsa") / "key"
    judge("-q", "-t", "rsa", "-b", "2048", "-f", str(path), "-N", "", "-C", "me")
    return path


@pytest.mark.parametrize("form", ["RFC4716", "PKCS8", "PEM"])
def test_other_formats(run, there, rsa_key, form):
    (there / "key.pub").write_bytes(rsa_key.with_suffix(".pub").read_bytes())
    ours = run("keygen", "-e", "-m", form, "-f", "key.pub").out
    theirs = judge("-e", "-m", form, "-f", "key.pub").decode()
    (there / "theirs").write_text(theirs)
    (there / "ours").write_text(ours)
    blob = (there / "key.pub").read_text().split()[:2]
    assert run("keygen", "-i", "-f", "theirs").out.split()[:2] == blob
    assert judge("-i", "-m", form, "-f", "ours").decode().split()[:2] == blob


def test_formats_that_hold_no_such_key(run, there):
    assert run("keygen", "-m", "RFC4716", "-f", "key", "-N", "").status == 1
    assert run("keygen", "-q", "-m", "PPK", "-f", "key", "-N", "").status == 0
    assert (there / "key").read_bytes().startswith(b"PuTTY")
    assert "PPK" in run("keygen", "-e", "-m", "PPK", "-f", "key.pub").err


def stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_signatures(run, there, monkeypatch):
    run("keygen", "-q", "-f", "key", "-N", "", "-C", "me")
    (there / "signers").write_text("me " + (there / "key.pub").read_text())
    (there / "data").write_bytes(b"data")
    assert run("keygen", "-Y", "sign", "-n", "file", "-f", "key", "data").status == 0
    arguments = ("-Y", "verify", "-f", "signers", "-I", "me", "-s", "data.sig", "-n")
    assert b"Good" in judge(*arguments, "file", data=b"data")
    for data, namespace, status in ((b"data", "file", 0), (b"data", "git", 1), (b"dat", "file", 1)):
        stdin(monkeypatch, data)
        done = run("keygen", *arguments, namespace)
        assert done.status == status
        assert ("Good" in done.out) is (status == 0)
    stdin(monkeypatch, b"piped")
    (there / "piped.sig").write_text(run("keygen", "-Y", "sign", "-n", "git", "-f", "key").out)
    arguments = ("-Y", "verify", "-f", "signers", "-I", "me", "-s", "piped.sig", "-n", "git")
    assert b"Good" in judge(*arguments, data=b"piped")


def test_revocation_lists(run, there):
    for name in ("one", "two", "three", "ca"):
        run("keygen", "-q", "-f", name, "-N", "", "-C", name)
    for serial in ("5", "6"):
        judge("-q", "-s", "ca", "-I", "id", "-z", serial, "-n", "me", "three.pub")
        (there / "three-cert.pub").rename(there / f"{serial}-cert.pub")
    assert run("keygen", "-k", "-f", "krl", "-z", "3", "one.pub", "5-cert.pub").status == 0
    assert run("keygen", "-k", "-u", "-f", "krl", "two.pub").status == 0
    assert nacre.read_krl(there / "krl").version == 3
    names = ["one.pub", "two.pub", "three.pub", "5-cert.pub", "6-cert.pub"]
    verdicts = [True, True, False, True, False]
    done = run("keygen", "-Q", "-f", "krl", *names)
    assert done.status == 1
    assert [line.endswith(": REVOKED") for line in done.out.splitlines()] == verdicts
    theirs = subprocess.run(
        ["ssh-keygen", "-Q", "-f", "krl", *names], capture_output=True, timeout=120, check=False
    )
    assert [line.endswith(b": REVOKED") for line in theirs.stdout.splitlines()] == verdicts
    assert run("keygen", "-Q", "-f", "krl", "three.pub").status == 0
    assert run("keygen", "-Q", "-f", "one", "three.pub").status == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-t", "ecdsa", "-b", "512", "-f", "key", "-N", ""), "256 or 384 or 521"),
        (("-t", "rsa", "-b", "1024", "-f", "key", "-N", ""), "2048"),
        (("-f", "key", "more"), "-f"),
        (("-l", "-f", "nothing"), "No such file"),
        (("-Y", "sign", "-f", "key", "data"), "-n"),
        (("-Y", "verify", "-f", "key"), "-I"),
    ],
)
def test_a_mistake_is_one_line(run, there, arguments, words):
    done = run("keygen", *arguments)
    assert done.status == 1
    assert words in done.err
    assert not (there / "key").exists()


def test_values_may_begin_with_a_dash(run, there):
    assert run("keygen", "-q", "-f", "ca", "-N", "-x", "-C", "-me-", "-a", "1").status == 0
    assert run("keygen", "-y", "-f", "ca", "-P", "-x").out.endswith(" -me-\n")
    done = run("keygen", "-s", "ca", "-P", "-x", "-I", "i", "-n", "a", "-V", "-1w:+1w", "ca.pub")
    assert (done.status, done.err) == (0, "")


def test_who_cannot_be_asked_for_a_passphrase_is_told_how_to_give_it(run, there, monkeypatch):
    def nobody(question: str) -> str:
        raise EOFError

    monkeypatch.setattr(getpass, "getpass", nobody)
    done = run("keygen", "-f", "key")
    assert done.status == 1
    assert "-P" in done.err
