"""Each way to log in, against both versions of OpenSSH, in both roles."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

import nacre
from tests.interop.test_openssh_client import peer
from tests.interop.test_openssh_server import connected
from tests.support.face import asynctest
from tests.support.openssh import OpenSSH, Sshd

pytestmark = pytest.mark.requires("sshd")

SECRET = "correct horse"  # a test's


def asking(directory: Path, answers: str) -> dict[str, str]:
    """The environment that lets ssh ask a program of ours instead of a person."""
    script = directory / "askpass"
    script.write_text(f'#!/bin/sh\ncase "$1" in\n{answers}\nesac\n')
    script.chmod(0o700)
    return {"SSH_ASKPASS": str(script), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}


INTERACTIVE = ("BatchMode no", "NumberOfPasswordPrompts 1", "PubkeyAuthentication no")


class Passwords(nacre.SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("user", SECRET)


class Dialogue(nacre.SSHServer):
    def kbdint_auth_supported(self) -> bool:
        return True

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return "a name", "some instructions", "", [("colour? ", True), ("number? ", False)]

    def validate_kbdint_response(self, username: str, responses: Any) -> Any:
        return list(responses) == ["blue", "7"]


class Two(Passwords):
    """A key, and then a password."""

    def validate_public_key(self, username: str, key: nacre.SSHKey) -> Any:
        return nacre.PartialSuccess(["password"])


class Anybody(nacre.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False


@pytest.mark.parametrize("answer", [SECRET, "wrong"])
@asynctest
async def test_ssh_by_password(openssh: OpenSSH, tmp_path: Path, answer: str) -> None:
    environment = asking(tmp_path, f"*password*) echo '{answer}';;")
    options = {"server_factory": Passwords, "authorized_client_keys": None}
    async with peer(openssh, tmp_path, *INTERACTIVE, **options) as ssh:
        done = await ssh.communicate("exit", "5", environment=environment)
        assert done.returncode == (5 if answer == SECRET else 255), done.stderr


@pytest.mark.parametrize("answer", ["7", "8"])
@asynctest
async def test_ssh_by_keyboard_interactive(openssh: OpenSSH, tmp_path: Path, answer: str) -> None:
    environment = asking(tmp_path, f"*colour*) echo blue;; *number*) echo {answer};;")
    options = {"server_factory": Dialogue, "authorized_client_keys": None}
    lines = (*INTERACTIVE, "PreferredAuthentications keyboard-interactive")
    async with peer(openssh, tmp_path, *lines, **options) as ssh:
        done = await ssh.communicate("exit", "5", environment=environment)
        assert done.returncode == (5 if answer == "7" else 255), done.stderr


@asynctest
async def test_ssh_by_a_key_and_then_a_password(openssh: OpenSSH, tmp_path: Path) -> None:
    environment = asking(tmp_path, f"*password*) echo '{SECRET}';;")
    options = {"server_factory": Two, "authorized_client_keys": None}
    async with peer(openssh, tmp_path, "BatchMode no", "NumberOfPasswordPrompts 1", **options) as ssh:
        done = await ssh.communicate("exit", "5", environment=environment)
        assert done.returncode == 5, done.stderr
    async with peer(openssh, tmp_path, **options) as ssh:  # the key alone is not enough
        assert (await ssh.communicate("exit", "5")).returncode == 255


@asynctest
async def test_ssh_by_nothing(openssh: OpenSSH, tmp_path: Path) -> None:
    options = {"server_factory": Anybody, "authorized_client_keys": None}
    async with peer(openssh, tmp_path, "PubkeyAuthentication no", **options) as ssh:
        assert (await ssh.communicate("exit", "5")).returncode == 5


@asynctest
async def test_ssh_with_a_key_that_may_not_enter(openssh: OpenSSH, tmp_path: Path) -> None:
    other = openssh.make_key(tmp_path / "other")
    async with peer(openssh, tmp_path, f"IdentityFile {other}", authorized_client_keys=None) as ssh:
        done = await ssh.communicate("exit", "5")
        assert done.returncode == 255
        assert b"Permission denied" in done.stderr


@asynctest
async def test_ssh_keepalive_and_ping(openssh: OpenSSH, tmp_path: Path) -> None:
    """ssh asks for signs of life, and 10.0 sends PINGs to hide keystrokes in a terminal."""
    async with peer(openssh, tmp_path, "ServerAliveInterval 1") as ssh:
        done = await ssh.communicate("-tt", "--", "shell", data=b"typed\n" * 20)
        assert b"typed" in done.stdout
        assert done.returncode == 0, done.stderr


@asynctest
async def test_nacre_is_refused_by_sshd(openssh: OpenSSH, tmp_path: Path) -> None:
    with Sshd(openssh, tmp_path) as sshd:
        other = openssh.make_key(tmp_path / "other")
        with pytest.raises(nacre.PermissionDenied):
            async with connected(sshd, client_keys=str(other)):
                pass


@asynctest
async def test_nacre_with_an_encrypted_key(openssh: OpenSSH, tmp_path: Path) -> None:
    with Sshd(openssh, tmp_path) as sshd:
        plain = nacre.read_private_key(str(sshd.user_key))
        encrypted = tmp_path / "encrypted"
        plain.write_private_key(str(encrypted), passphrase=SECRET, rounds=64)
        async with connected(sshd, client_keys=str(encrypted), passphrase=SECRET) as connection:
            assert (await connection.run("exit 3")).exit_status == 3
        with pytest.raises((nacre.KeyEncryptionError, nacre.KeyImportError, nacre.PermissionDenied)):
            async with connected(sshd, client_keys=str(encrypted), passphrase="wrong"):
                pass


@pytest.mark.requires("root")
@asynctest
async def test_nacre_by_password(openssh: OpenSSH, tmp_path: Path) -> None:
    """sshd without PAM asks /etc/shadow, of which it gets one of its own."""
    crypted = "$6$nacretest$" + _sha512_crypt(SECRET)
    shadow = "\n".join(
        f"root:{crypted}:19000:0:99999:7:::" if line.startswith("root:") else line
        for line in Path("/etc/shadow").read_text().splitlines()
    )
    options = ("PasswordAuthentication yes", "AuthenticationMethods password")
    with Sshd(openssh, tmp_path, options=options, private_etc={"shadow": shadow + "\n"}) as sshd:
        async with connected(sshd, client_keys=None, password=SECRET) as connection:
            assert (await connection.run("exit 3")).exit_status == 3
        with pytest.raises(nacre.PermissionDenied):
            async with connected(sshd, client_keys=None, password="wrong"):
                pass


@pytest.mark.requires("root")
@asynctest
async def test_nacre_by_a_key_and_then_a_password(openssh: OpenSSH, tmp_path: Path) -> None:
    crypted = "$6$nacretest$" + _sha512_crypt(SECRET)
    shadow = "\n".join(
        f"root:{crypted}:19000:0:99999:7:::" if line.startswith("root:") else line
        for line in Path("/etc/shadow").read_text().splitlines()
    )
    options = ("PasswordAuthentication yes", "AuthenticationMethods publickey,password")
    with Sshd(openssh, tmp_path, options=options, private_etc={"shadow": shadow + "\n"}) as sshd:
        async with connected(sshd, password=SECRET) as connection:
            assert (await connection.run("exit 3")).exit_status == 3
        with pytest.raises(nacre.PermissionDenied):
            async with connected(sshd):
                pass


def _sha512_crypt(secret: str) -> str:
    """What crypt(3) makes of a password with the salt above, by the system's own program."""
    done = subprocess.run(
        ["openssl", "passwd", "-6", "-salt", "nacretest", secret], capture_output=True, text=True, check=True
    )
    return done.stdout.strip().rpartition("$")[2]
