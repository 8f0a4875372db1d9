"""`nacre keygen -s` and `-L`, judged by ssh-keygen: the same options, the same certificates, the same words."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.cli import certificates
from nacre.keys import SSHX509Certificate

pytestmark = pytest.mark.requires("ssh-keygen")

AUTHORITY = nacre.generate_private_key("ssh-ed25519")
USER = nacre.generate_private_key("ecdsa-sha2-nistp256")


@pytest.fixture(autouse=True)
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    AUTHORITY.write_private_key("ca")
    USER.write_public_key("user.pub")
    return tmp_path


def judge(*arguments: str) -> str:
    return subprocess.run(
        ["ssh-keygen", *arguments], capture_output=True, text=True, timeout=120, check=True
    ).stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("-n", "alice"),
        ("-n", "alice,bob", "-z", "7", "-V", "20260101120000:20270101", "-O", "no-pty"),
        ("-n", "alice", "-V", "always:forever", "-O", "clear", "-O", "permit-pty", "-O", "No-X11-Forwarding"),
        ("-n", "alice", "-O", "force-command=a b", "-O", "source-address=10.0.0.0/8,::1/128"),
        ("-n", "alice", "-V", "20200101:forever", "-O", "no-touch-required"),
        ("-n", "alice", "-O", "verify-required", "-O", "permit-user-rc"),
        ("-h", "-n", "host.example", "-V", "always:20300101"),
    ],
    ids=["plain", "times", "cleared", "critical", "no-end", "verified", "host"],
)
def test_what_is_made_is_what_ssh_keygen_makes(run: Any, there: Path, arguments: tuple[str, ...]) -> None:
    done = run("keygen", "-s", "ca", "-I", "the id", *arguments, "user.pub")
    assert (done.status, done.err) == (0, "")
    assert "certificate 'the id'" in done.out
    ours = judge("-L", "-f", "user-cert.pub")
    assert run("keygen", "-L", "-f", "user-cert.pub").out == ours
    judge("-q", "-s", "ca", "-I", "the id", *arguments, "user.pub")
    assert judge("-L", "-f", "user-cert.pub") == ours
    assert run("keygen", "-L", "-f", "user-cert.pub").out == ours


def test_several_keys_and_a_time_from_now_on(run: Any, there: Path) -> None:
    AUTHORITY.write_public_key("other.pub")
    done = run(
        "keygen", "-q", "-s", "ca", "-I", "id", "-n", "a", "-z", "+7", "-V", "+1w", "user.pub", "other.pub"
    )
    assert (done.status, done.out, done.err) == (0, "", "")
    first, second = (nacre.read_certificate(f"{name}-cert.pub") for name in ("user", "other"))
    assert (first.serial, second.serial) == (7, 8)
    assert first.valid_before - first.valid_after == 7 * 86400 + 60
    first.validate(1, "a")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-s", "ca", "-n", "a", "user.pub"), "-s takes from -I"),
        (("-s", "ca", "-I", "id", "user.pub"), "without names it is for nobody"),
        (("-s", "ca", "-I", "id", "-n", "a"), "and the public keys"),
        (("-s", "none", "-I", "id", "-n", "a", "user.pub"), "none: No such file"),
        (("-s", "user.pub", "-I", "id", "-n", "a", "user.pub"), "user.pub: this is a public key"),
        (
            ("-s", "ca", "-I", "id", "-n", "a", "-O", "pty", "user.pub"),
            "-O pty is not known for certificates",
        ),
        (
            ("-s", "ca", "-I", "id", "-n", "a", "-O", "critical:x", "user.pub"),
            "is not known for certificates",
        ),
        (
            ("-s", "ca", "-I", "id", "-n", "a", "-h", "-O", "clear", "user.pub"),
            "-O is for certificates of users",
        ),
        (("-s", "ca", "-I", "id", "-n", "a", "-V", "soon", "user.pub"), "'soon' is no time"),
        (("-s", "ca", "-I", "id", "-n", "a", "-z", "x", "user.pub"), "-z x is no number"),
        (("-L", "-f", "user.pub"), "user.pub: 'ecdsa-sha2-nistp256' is no type of certificate"),
        (("-L", "-f", "empty"), "there is no certificate in it"),
    ],
    ids=lambda value: value.split()[0] if isinstance(value, str) else None,
)
def test_mistakes_cost_one_line(run: Any, there: Path, arguments: tuple[str, ...], said: str) -> None:
    (there / "empty").write_text("# nothing\n")
    done = run("keygen", *arguments)
    assert (done.status, done.out) == (1, "")
    assert said in done.err
    assert done.err.count("\n") == 1
    assert not (there / "user-cert.pub").exists()


def test_what_strangers_wrote_is_made_harmless(run: Any, there: Path) -> None:
    made = AUTHORITY.generate_user_certificate(USER, "a\x1b[2J\nb", principals=["x\ry"])
    made.write_certificate("user-cert.pub")
    shown = run("keygen", "-L", "-f", "user-cert.pub").out
    assert "\x1b" not in shown
    assert "\r" not in shown
    assert all(line.startswith(("user-cert.pub:", "        ")) for line in shown.splitlines())


def test_x_509_is_not_shown(there: Path) -> None:
    made = USER.generate_x509_ca_certificate(USER, "CN=root")
    assert isinstance(made, SSHX509Certificate)
    made.write_certificate("x509.pem", "pem")
    with pytest.raises(ValueError, match=r"not of X\.509"):
        certificates.show(nacre, there / "x509.pem")


def test_h_alone_is_help(run: Any) -> None:
    done = run("keygen", "-h")
    assert done.status == 0
    assert "usage: nacre keygen" in done.out
