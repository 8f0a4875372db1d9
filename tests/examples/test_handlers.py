"""The examples of handlers run, as programs of their own, with nacre's client and OpenSSH's."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import nacre
from tests.interop.programs import Askpass
from tests.support.examples import run, run_here, running
from tests.support.face import HOST, asynctest, client_options, user_key
from tests.support.openssh import OpenSSH, Ssh


@asynccontextmanager
async def into(port: int, **options: Any) -> AsyncIterator[nacre.SSHClientConnection]:
    async with await nacre.connect(HOST, port, **client_options(**options)) as connection:
        yield connection


class Person(nacre.SSHClient):
    """Answers questions in order."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def kbdint_auth_requested(self) -> str | None:
        return "" if self._answers else None

    def kbdint_challenge_received(self, name: str, instructions: str, lang: str, prompts: Any) -> Any:
        self.asked += [instructions, *(text for text, _ in prompts)]
        return [self._answers.pop(0) for _ in prompts] if self._answers else None


@asynctest
async def test_passwords() -> None:
    async with running("serve_passwords.py") as port:
        async with into(port, username="guest", password="pearl") as connection:
            assert (await connection.run()).stdout == "welcome, guest\n"
        for wrong in ({"username": "guest", "password": "x"}, {"username": "nobody", "password": "pearl"}):
            with pytest.raises(nacre.PermissionDenied):
                async with into(port, **wrong):
                    pass


@asynctest
async def test_keys(tmp_path: Path) -> None:
    public = user_key().export_public_key().decode()
    (tmp_path / "alice").write_text(public)
    (tmp_path / "bob").write_text(f"no-pty {public}")
    async with running("serve_keys.py", str(tmp_path)) as port:
        for user, terminal in (("alice", "yes"), ("bob", "no")):
            async with into(port, username=user, client_keys=[user_key()]) as connection:
                done = await connection.run()
                assert done.stdout == f"welcome, {user}\na terminal: {terminal}\n"
        other = nacre.generate_private_key("ssh-ed25519")
        for user, key in (
            ("alice", other),
            ("carol", user_key()),
            ("../" + tmp_path.name + "/alice", user_key()),
        ):
            with pytest.raises(nacre.PermissionDenied):
                async with into(port, username=user, client_keys=[key]):
                    pass


@asynctest
async def test_the_menu() -> None:
    async with running("serve_menu.py") as port:
        person = Person("mellon", "attic", "cellar")
        async with into(port, client_factory=lambda: person) as connection:
            assert (await connection.run()).stdout == "you are in the cellar\n"
        assert person.asked == [
            "Speak, friend, and enter.",
            "word: ",
            "There are: library, kitchen, cellar.",
            "room: ",
            "There is no such room. There are: library, kitchen, cellar.",
            "room: ",
        ]
        with pytest.raises(nacre.PermissionDenied):
            async with into(port, client_factory=lambda: Person("friend")):
                pass


@asynctest
async def test_a_password_that_has_expired(tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    async with running("serve_expired_passwords.py") as port:
        where = f"guest@{HOST}:{port}"
        home = {"HOME": str(tmp_path), "SSH_PASSWORD": "pearl"}
        status, _, errors = await run("change_password.py", where, **home)
        assert status == 255
        (tmp_path / ".ssh" / "known_hosts").write_text(errors.splitlines()[-1] + "\n")
        status, output, errors = await run_here("change_password.py", where, SSH_NEW_PASSWORD="short", **home)
        assert status == 255
        question = "Choose a password of 8 characters or more.\n"
        assert output.startswith(
            f"{question}the password is not changed\nNot that one: 8 characters or more.\n"
        )
        assert "permission denied" in errors
        status, output, errors = await run_here(
            "change_password.py", where, SSH_NEW_PASSWORD="a longer one", **home
        )
        assert (status, output, errors) == (0, f"{question}the password is changed\nwelcome\n", "")
        status, output, errors = await run_here(
            "change_password.py", where, HOME=str(tmp_path), SSH_PASSWORD="a longer one"
        )
        assert (status, output, errors) == (0, "welcome\n", "")
        status, _, errors = await run_here(
            "change_password.py", where, SSH_NEW_PASSWORD="a longer one", **home
        )
        assert (status, "permission denied" in errors) == (255, True)


@pytest.mark.requires("ssh", "ssh-keygen")
@asynctest
async def test_an_authority_says_who_comes_in(openssh: OpenSSH, tmp_path: Path) -> None:
    authority = openssh.make_key(tmp_path / "authority")
    key = openssh.make_key(tmp_path / "key")
    log = tmp_path / "log"
    async with running("serve_certificates.py", f"{authority}.pub", log=log) as port:
        lines = (f"CertificateFile {key}-cert.pub", "StrictHostKeyChecking no")
        for options, status, output in (
            (("-n", "guest"), 0, b"welcome guest, to x\n"),
            (("-n", "guest", "-O", "force-command=tea"), 0, b"welcome guest, to tea\n"),
            (("-n", "other"), 255, b""),
            (("-n", "guest", "-V", "-2d:-1d"), 255, b""),
        ):
            sign = [openssh.ssh_keygen, "-q", "-s", authority, "-I", "id", *options, key.with_suffix(".pub")]
            subprocess.run(sign, check=True, timeout=120)
            ssh = Ssh(openssh, port, "guest", key, tmp_path / "known_hosts", lines)
            done = await ssh.communicate("x")
            assert (done.returncode, done.stdout) == (status, output), (options, done.stderr)
        assert "for guest was refused: the certificate has expired" in log.read_text()


@pytest.mark.requires("ssh")
@asynctest
async def test_openssh_enters_where_it_is_asked_questions(openssh: OpenSSH, tmp_path: Path) -> None:
    for program, answers, welcome in (
        ("serve_passwords.py", ["pearl"], b"welcome, guest\n"),
        ("serve_menu.py", ["mellon", "kitchen"], b"you are in the kitchen\n"),
        ("serve_expired_passwords.py", ["pearl", "pearl", *["pearl before"] * 2], b"welcome\n"),
    ):
        person = Askpass(tmp_path, *answers)
        async with running(program) as port:
            lines = (*Askpass.lines, "StrictHostKeyChecking no")
            ssh = Ssh(openssh, port, "guest", None, tmp_path / f"hosts_{program}", lines)
            done = await ssh.communicate("x", environment=person.environment)
            assert (done.returncode, done.stdout) == (0, welcome), (program, done.stderr, person.asked)


@asynctest
async def test_hosts_vouch_for_their_users(tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    public = user_key().export_public_key().decode()
    known.write_text(f"localhost,{HOST} {public}")
    async with running("serve_hosts.py", str(known)) as port:
        for user, there, key, welcome in (
            ("carol", "carol", user_key(), True),
            ("carol", "dave", user_key(), False),
            ("root", "root", user_key(), False),
            ("carol", "carol", nacre.generate_private_key("ssh-ed25519"), False),
        ):
            options = {"username": user, "client_username": there, "client_host_keys": [key]}
            try:
                async with into(port, **options) as connection:
                    assert (await connection.run()).stdout == f"welcome, {user}\n"
            except nacre.PermissionDenied:
                assert not welcome
            else:
                assert welcome


@asynctest
async def test_help() -> None:
    for name in ("serve_keys.py", "serve_hosts.py", "serve_certificates.py", "change_password.py"):
        status, _, errors = await run_here(name)
        assert (status, "python" in errors) == (1, True)
