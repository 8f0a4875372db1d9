"""OpenSSH's ssh, both versions, against nacre: every way to log in, and to be refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import nacre
from tests.interop.programs import Askpass, peer
from tests.support.face import asynctest
from tests.support.openssh import OpenSSH, Ssh

pytestmark = pytest.mark.requires("ssh")

SECRET = "correct horse"  # a test's


def by(method: str) -> tuple[str, ...]:
    """Return lines for an ssh that tries one method alone and asks its user."""
    return (*Askpass.lines, f"PreferredAuthentications {method}")


class Passwords(nacre.SSHServer):
    """Takes one password."""

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("user", SECRET)


@pytest.mark.parametrize("method", ["password", "keyboard-interactive"])
@asynctest
async def test_a_password(openssh: OpenSSH, tmp_path: Path, method: str) -> None:
    """Where only passwords are supported, a dialogue asks for one too."""
    options = {"server_factory": Passwords, "authorized_client_keys": None}
    async with peer(openssh, tmp_path, *by(method), **options) as ssh:
        person = Askpass(tmp_path, SECRET)
        done = await ssh.communicate("exit 5", environment=person.environment)
        assert (done.returncode, len(person.asked)) == (5, 1), done.stderr
        person = Askpass(tmp_path, "wrong")
        done = await ssh.communicate("exit 5", environment=person.environment)
        assert (done.returncode, b"Permission denied" in done.stderr) == (255, True)


@asynctest
async def test_the_second_try_counts(openssh: OpenSSH, tmp_path: Path) -> None:
    options = {"server_factory": Passwords, "authorized_client_keys": None}
    lines = ("NumberOfPasswordPrompts 3", *by("password"))
    async with peer(openssh, tmp_path, *lines, **options) as ssh:
        person = Askpass(tmp_path, "wrong", SECRET)
        done = await ssh.communicate("exit 5", environment=person.environment)
        assert (done.returncode, len(person.asked)) == (5, 2), done.stderr


@asynctest
async def test_too_many_tries_end_the_connection(openssh: OpenSSH, tmp_path: Path) -> None:
    options = {"server_factory": Passwords, "authorized_client_keys": None}
    lines = ("NumberOfPasswordPrompts 50", *by("password"))
    async with peer(openssh, tmp_path, *lines, **options) as ssh:
        person = Askpass(tmp_path, "wrong")
        done = await ssh.communicate("exit 5", environment=person.environment)
        assert done.returncode == 255
        assert b"too many authentication failures" in done.stderr, done.stderr
        assert len(person.asked) == 6


@asynctest
async def test_a_password_that_has_expired(openssh: OpenSSH, tmp_path: Path) -> None:
    changes: list[tuple[str, str]] = []

    class Expired(Passwords):
        def validate_password(self, username: str, password: str) -> bool:
            raise nacre.PasswordChangeRequired("choose a new one")

        def change_password(self, username: str, old_password: str, new_password: str) -> bool:
            changes.append((old_password, new_password))
            return old_password == SECRET

    options = {"server_factory": Expired, "authorized_client_keys": None}
    async with peer(openssh, tmp_path, *by("password"), **options) as ssh:
        person = Askpass(tmp_path, SECRET, SECRET, "a new one", "a new one")
        done = await ssh.communicate("exit 5", environment=person.environment)
        assert (done.returncode, changes) == (5, [(SECRET, "a new one")]), (done.stderr, person.asked)
        assert b"choose a new one" in done.stderr
        assert [("old" in prompt, "new" in prompt) for prompt in person.asked[1:]] == [
            (True, False),
            (False, True),
            (False, True),
        ]


class Dialogue(nacre.SSHServer):
    """Asks two things, then one more, then shows a text without a question."""

    rounds = 0

    def kbdint_auth_supported(self) -> bool:
        return True

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return "a name", "some instructions", "", [("colour? ", True), ("number? ", False)]

    def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> Any:
        self.rounds += 1
        match self.rounds, list(responses):
            case 1, ["blue", "7"]:
                return "", "", "", [("once more? ", False)]
            case 2, ["grün"]:
                return "", "that was all", "", []
            case 3, []:
                return True
        return False


@asynctest
async def test_a_dialogue(openssh: OpenSSH, tmp_path: Path) -> None:
    options = {"server_factory": Dialogue, "authorized_client_keys": None}
    async with peer(openssh, tmp_path, *by("keyboard-interactive"), **options) as ssh:
        person = Askpass(tmp_path, "blue", "7", "grün")
        done = await ssh.communicate("exit 5", environment=person.environment)
        assert done.returncode == 5, done.stderr
        assert b"some instructions" in done.stderr
        assert b"that was all" in done.stderr
        asked = ["colour? ", "number? ", "once more? "]
        assert [prompt.endswith(each) for prompt, each in zip(person.asked, asked, strict=True)] == [True] * 3
        person = Askpass(tmp_path, "blue", "8")
        done = await ssh.communicate("exit 5", environment=person.environment)
        assert (done.returncode, len(person.asked)) == (255, 2)


@asynctest
async def test_none(openssh: OpenSSH, tmp_path: Path) -> None:
    class Anybody(nacre.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return False

    options = {"server_factory": Anybody, "authorized_client_keys": None}
    async with peer(openssh, tmp_path, "PreferredAuthentications none", **options) as ssh:
        assert (await ssh.communicate("exit 5")).returncode == 5


@asynctest
async def test_a_key_and_then_a_password(openssh: OpenSSH, tmp_path: Path) -> None:
    class Both(Passwords):
        def validate_public_key(self, username: str, key: nacre.SSHKey) -> Any:
            return nacre.PartialSuccess(["password"])

        def public_key_auth_supported(self) -> bool:
            return True

    options = {"server_factory": Both, "authorized_client_keys": None}
    async with peer(openssh, tmp_path, *by("publickey,password"), "LogLevel VERBOSE", **options) as ssh:
        person = Askpass(tmp_path, SECRET)
        done = await ssh.communicate("exit 5", environment=person.environment)
        assert (done.returncode, len(person.asked)) == (5, 1), done.stderr
        assert b'Authenticated using "publickey" with partial success' in done.stderr
        person = Askpass(tmp_path, "wrong")
        done = await ssh.communicate("exit 5", environment=person.environment)
        assert done.returncode == 255
        alone = Ssh(openssh, ssh.port, "user", ssh.key, ssh.known_hosts)
        assert (await alone.communicate("exit 5")).returncode == 255


@asynctest
async def test_two_keys(openssh: OpenSSH, tmp_path: Path) -> None:
    first, second = openssh.make_key(tmp_path / "first"), openssh.make_key(tmp_path / "second")
    of = {nacre.read_public_key(str(key.with_suffix(".pub"))).public_data: key for key in (first, second)}

    class Two(nacre.SSHServer):
        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, key: nacre.SSHKey) -> Any:
            """The first one is half of it, the second one the rest."""
            which = of.get(key.public_data)
            return nacre.PartialSuccess(["publickey"]) if which == first else which == second

    options = {"server_factory": Two, "authorized_client_keys": None}
    async with peer(openssh, tmp_path, f"IdentityFile {first}", f"IdentityFile {second}", **options) as ssh:
        done = await ssh.communicate("exit 5")
        assert done.returncode == 5, done.stderr
    async with peer(openssh, tmp_path, f"IdentityFile {first}", **options) as ssh:
        stranger = Ssh(openssh, ssh.port, "user", first, ssh.known_hosts)
        assert (await stranger.communicate("exit 5")).returncode == 255


@asynctest
async def test_keys_that_may_not_enter(openssh: OpenSSH, tmp_path: Path) -> None:
    keys = [openssh.make_key(tmp_path / f"key{number}") for number in range(20)]
    lines = [f"IdentityFile {key}" for key in keys]
    async with peer(openssh, tmp_path, *lines[:3]) as ssh:  # and then the one that may
        assert (await ssh.communicate("exit 5")).returncode == 5
    async with peer(openssh, tmp_path, *lines) as ssh:
        done = await ssh.communicate("exit 5")
        assert done.returncode == 255
        assert b"too many keys were tried" in done.stderr


@asynctest
async def test_what_the_key_permits(openssh: OpenSSH, tmp_path: Path) -> None:
    """Options of authorized_keys hold for a real client: a forced command, no terminal."""
    key = openssh.make_key(tmp_path / "user_key")
    public = key.with_suffix(".pub").read_text()
    restricted = tmp_path / "authorized"
    restricted.write_text(f'restrict,command="exit 9",environment="NACRE=1" {public}')
    async with peer(openssh, tmp_path, authorized_client_keys=str(restricted)) as ssh:
        assert (await ssh.communicate("exit 5")).returncode == 9
        done = await ssh.communicate("-tt", "--", "exit 5")
        assert b"PTY allocation request failed" in done.stderr
    restricted.write_text(f'from="10.0.0.0/8" {public}')
    async with peer(openssh, tmp_path, authorized_client_keys=str(restricted)) as ssh:
        assert (await ssh.communicate("exit 5")).returncode == 255
    restricted.write_text(f'from="127.0.0.1" {public}')
    async with peer(openssh, tmp_path, authorized_client_keys=str(restricted)) as ssh:
        assert (await ssh.communicate("exit 5")).returncode == 5
