"""`nacre keygen -t ed25519-sk`, `-t ecdsa-sk`, `-O` and `-K`, with an authenticator in software."""

from __future__ import annotations

import getpass
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

import nacre
from nacre.cli import security_key
from nacre.keys import Proof
from tests.support.authenticator import SoftwareAuthenticator, any_key, plugged_in

_FLAGS = {"touch": 1, "verify": 4, "resident": 32}


@pytest.fixture(autouse=True)
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(getpass, "getpass", lambda question: "1234")
    return tmp_path


def flags(key: Any) -> int:
    public = key.encode_ssh_public()
    return int(key.encode_ssh_private().removeprefix(public)[0])


@pytest.mark.requires("ssh-keygen")
@pytest.mark.parametrize(
    ("kind", "name"), [("ed25519-sk", "ED25519-SK"), ("ecdsa-sk", "ECDSA-SK")], ids=["ed25519", "ecdsa"]
)
def test_a_key_that_ssh_keygen_reads(run: Any, there: Path, kind: str, name: str) -> None:
    with SoftwareAuthenticator(pin="1234").plugged_in():
        done = run("keygen", "-t", kind, "-N", "", "-C", "me@here")
        assert (done.status, done.err) == (0, "")
        path = there / f".ssh/id_{kind.replace('-', '_')}"
        key = nacre.read_private_key(path)
        assert flags(key) == _FLAGS["touch"]
        assert key.verify(b"data", key.sign(b"data", key.get_algorithm()))
    said = subprocess.run(
        ["ssh-keygen", "-l", "-f", f"{path}.pub"], capture_output=True, text=True, timeout=120, check=True
    ).stdout
    assert said.endswith(f" me@here ({name})\n")
    assert said in done.out
    assert run("keygen", "-l", "-f", f"{path}.pub").out == said


def test_what_it_is_asked_for(run: Any, there: Path) -> None:
    with SoftwareAuthenticator(pin="1234").plugged_in():
        asked = ("application=ssh:work", "user=bob", "resident", "No-Touch-Required", "verify-required")
        given = [word for option in asked for word in ("-O", option)]
        assert run("keygen", "-t", "ed25519-sk", *given, "-f", "key", "-N", "").status == 0
        key: Any = nacre.read_private_key(there / "key")
        assert flags(key) == _FLAGS["resident"] | _FLAGS["verify"]
        assert key.application == "ssh:work"
        [found] = nacre.load_resident_keys(
            "1234", application="ssh:work", verify_required=True, touch_required=False
        )
        assert (found, found.get_comment()) == (key, "bob")
        proof = found.proof(b"data", found.sign(b"data", found.get_algorithm()))
        assert proof == Proof.KEY | Proof.VERIFICATION
        # Whatever its file says: without its PIN it signs nothing.
        [unasked] = nacre.load_resident_keys("1234", application="ssh:work")
        with pytest.raises(ValueError, match="no security key that is plugged in has this key"):
            unasked.sign(b"data", unasked.get_algorithm())


def test_resident_keys_become_files(run: Any, there: Path) -> None:
    with SoftwareAuthenticator(pin="1234").plugged_in():
        made = [
            nacre.generate_private_key(f"sk-{name}@openssh.com", pin="1234", resident=True, **how)
            for name, how in (
                ("ssh-ed25519", {}),
                ("ecdsa-sha2-nistp256", {"user": "../../bob\n"}),
                ("ssh-ed25519", {"application": "ssh:work", "user": "bob"}),
            )
        ]
        done = run("keygen", "-K", "-N", "")
        assert (done.status, done.err) == (0, "")
        names = ("id_ed25519_sk_rk", "id_ecdsa_sk_rk_.._.._bob_", "id_ed25519_sk_rk_work_bob")
        assert [nacre.read_private_key(there / name) for name in names[:2]] == made[:2]
        assert sorted(path.name for path in there.glob("id*")) == sorted(
            f"{name}{suffix}" for name in names[:2] for suffix in ("", ".pub")
        )
        assert run("keygen", "-q", "-K", "-O", "application=ssh:work", "-N", "").out == ""
        key: Any = nacre.read_private_key(there / names[2])
        assert (key, key.get_comment(), flags(key)) == (made[2], "ssh:work", 33)
        assert "is there already" in run("keygen", "-K", "-N", "").err
        assert "no resident keys for ssh:none" in run("keygen", "-K", "-O", "application=ssh:none").err


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("-O", "resident"), "-O is for keys in a FIDO security key"),
        (("-l", "-t", "ed25519-sk", "-O", "resident"), "-O is for keys in a FIDO security key"),
        (("-t", "ed25519-sk", "-O", "challenge=/x"), "-O challenge=/x is not known"),
        (("-t", "ed25519-sk", "-O", "resident=yes"), "-O resident=yes is not known"),
        (("-t", "ed25519-sk", "-O", "application=web"), "begins with"),
        (("-t", "ed25519-sk", "-O", f"user={'x' * 33}"), "at most 32 bytes"),
        (("-t", "ecdsa-sk", "-b", "384"), "has 256 bits, not 384"),
        (("-t", "ecdsa-sk", "-m", "PKCS8"), "-m OPENSSH is the one format"),
        (("-K", "-f", "x"), "leave out -f"),
        (("-K", "-O", "resident"), "leave out -O resident"),
    ],
)  # fmt: skip
def test_what_is_refused(run: Any, arguments: tuple[str, ...], why: str) -> None:
    with plugged_in():
        done = run("keygen", *(() if "-K" in arguments else ("-f", "key")), *arguments, "-N", "")
    assert done.status == 1
    assert why in done.err


def test_without_an_authenticator_or_the_package(run: Any) -> None:
    commands = (("-t", "ed25519-sk", "-f", "key"), ("-K",))
    for command in commands:
        with plugged_in():
            assert "no security key is plugged in" in run("keygen", *command, "-N", "").err
        with mock.patch.dict(sys.modules, {"fido2.hid": None}):
            assert "pip install 'nacre[fido2]'" in run("keygen", *command, "-N", "").err


def test_the_name_of_a_file_is_no_more_than_that() -> None:
    key = any_key("sk-ssh-ed25519@openssh.com")
    for user in ("openssh", "nacre", ""):
        key.set_comment(user)
        assert security_key.file_of(key, "ssh:") == "id_ed25519_sk_rk"
    key.set_comment("/" * 500)
    assert security_key.file_of(key, "ssh://a/b") == f"id_ed25519_sk_rk_a_b_{'_' * 200}"[:128]
