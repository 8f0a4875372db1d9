"""`nacre keygen -Y`, judged by ssh-keygen: the same signatures, the same words, which git and others read."""

from __future__ import annotations

import io
import subprocess
import sys
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


DATA = b"data"
AUTHORITY, ALICE, OTHER = (
    nacre.generate_private_key("ssh-ed25519", comment=name) for name in ("ca", "alice", "other")
)


@pytest.fixture(autouse=True)
def files(there) -> None:
    for key in (AUTHORITY, ALICE, OTHER):
        name = str(key.get_comment())
        key.write_private_key(name)
        key.write_public_key(f"{name}.pub")
    AUTHORITY.generate_user_certificate(ALICE, "i", principals=["alice", "root"]).write_certificate(
        "alice-cert.pub"
    )
    Path("data").write_bytes(DATA)


def signers(*lines: str) -> None:
    keys = {"ALICE": ALICE, "CA": AUTHORITY, "OTHER": OTHER}
    text = "".join(f"{line}\n" for line in lines)
    for name, key in keys.items():
        text = text.replace(name, key.export_public_key().decode().strip())
    Path("signers").write_text(text)


@pytest.fixture
def both(run, monkeypatch):
    """Run the same with ssh-keygen and here; return what both say, which is the same."""

    def run_both(*arguments: str) -> tuple[bool, str]:
        theirs = judge("-Y", *arguments, data=DATA)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(DATA)))
        ours = run("keygen", "-Y", *arguments)
        assert (ours.status == 0) is (theirs.returncode == 0), (ours, theirs)
        if ours.status == 0:
            assert ours.out == theirs.stdout.decode()
        return ours.status == 0, ours.out

    return run_both


VERIFY = ("verify", "-f", "signers", "-I", "alice", "-n", "file", "-s", "data.sig")
FIND = ("find-principals", "-f", "signers", "-s", "data.sig")
CHECK = ("check-novalidate", "-n", "file", "-s", "data.sig")
MATCH = ("match-principals", "-f", "signers", "-I", "alice")


def test_by_a_key_whose_public_part_is_named(run, both):
    assert (
        run("keygen", "-Y", "sign", "-f", "alice.pub", "-n", "file", "-O", "hashalg=sha256", "data").status
        == 0
    )
    signers("# who", "bob bogus ALICE", "al*,carol ALICE")
    assert both(*VERIFY) == (
        True,
        f'Good "file" signature for alice with ED25519 key {ALICE.get_fingerprint()}\n',
    )
    assert both(*FIND) == (True, "al*\ncarol\n")
    assert both(*CHECK) == (True, f'Good "file" signature with ED25519 key {ALICE.get_fingerprint()}\n')
    assert both("check-novalidate", "-n", "git", "-s", "data.sig")[0] is False
    signers("bob OTHER")
    assert [both(*command)[0] for command in (VERIFY, FIND, MATCH)] == [False, False, False]
    signers("alice OTHER", "a*,bob OTHER", "carol ALICE")
    assert both(*MATCH) == (True, "alice\na*,bob\n")


def test_by_a_certificate(run, both):
    assert run("keygen", "-Y", "sign", "-f", "alice-cert.pub", "-n", "file", "data").status == 0
    signers("alice ALICE")
    assert both(*VERIFY)[0] is False
    signers("bob cert-authority OTHER", "ro*,al* cert-authority CA")
    assert both(*VERIFY)[0] is True
    assert both(*FIND) == (True, "root\nalice\n")


@pytest.mark.parametrize("moment", ["20200601", "20310101000000Z"])
def test_at_another_time(run, both, moment):
    run("keygen", "-Y", "sign", "-f", "alice", "-n", "file", "data")
    for option, year in (
        ('valid-after="20200101",valid-before="20210101"', "2020"),
        ('valid-after="20300101"', "2031"),
    ):
        signers(f"alice {option} ALICE")
        good = [both(*command, "-O", f"verify-time={moment}")[0] for command in (VERIFY, FIND)]
        assert good == [moment.startswith(year)] * 2
        assert both(*VERIFY)[0] is False


def test_revoked_keys_sign_nothing(run, both):
    run("keygen", "-Y", "sign", "-f", "alice", "-n", "file", "data")
    signers("alice ALICE")
    for name, good in (("alice.pub", False), ("other.pub", True)):
        assert run("keygen", "-k", "-f", "krl", name).status == 0
        assert both(*VERIFY, "-r", "krl")[0] is good


@pytest.mark.parametrize(
    "arguments",
    [
        ("sign", "-f", "alice"),
        ("sign", "-f", "alice", "-n", "file", "-O", "hashalg=md5", "data"),
        ("verify", "-f", "signers", "-n", "file", "-s", "data.sig"),
        ("find-principals", "-f", "signers"),
        ("match-principals", "-f", "signers"),
        ("check-novalidate", "-n", "file"),
        ("match-principals", "-f", "signers", "-I", "alice", "-O", "x"),
    ],
    ids=" ".join,
)
def test_mistakes_cost_one_line(run, arguments):
    signers("alice ALICE")
    assert run("keygen", "-Y", *arguments).status == 1
