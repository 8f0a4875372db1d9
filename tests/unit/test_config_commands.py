"""AuthorizedKeysCommand and AuthorizedPrincipalsCommand: what is run for whom, and each reason for which nothing is.

tests/interop/test_server_commands.py asks sshd the same.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pwd
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre import config_accounts as accounts
from nacre.aio import commands as aio_commands
from nacre.config_commands import LoginCommands
from nacre.errors import ConfigParseError
from nacre.server_config import ServerConfiguration, configuration_of, configured_server
from tests.support.face import HOST, asynctest, connected, reported, serving, user_key

ME = pwd.getpwuid(os.geteuid())
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can have a program run as somebody else")
CA = nacre.generate_private_key("ssh-ed25519")
ENDS = (("192.0.2.1", 50000), ("192.0.2.9", 22))
#: Prints what it was given, and what was asked of it; root owns the shell, and nobody need own a script.
TELL = 'for a in "$@"; do echo "[$a]"; done >> {log}; {{ env | sort; id -un; pwd; }} >> {log}.env; cat {out}'


class Files:
    """A server's configuration whose program writes down how it was called, and prints a file."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log, self.out = folder, folder / "log", folder / "out"
        self.script = folder / "script"
        self.script.write_text(TELL.format(log=self.log, out=self.out))
        self.out.write_bytes(user_key().export_public_key())
        (folder / "ca").write_bytes(CA.export_public_key())

    def read(self, *lines: str, **options: Any) -> ServerConfiguration:
        config = self.folder / "sshd_config"
        config.write_text("".join(f"{line}\n" for line in ("AuthorizedKeysFile none", *lines)))
        options = {"config": config, **options}
        found = configuration_of(configured_server(nacre.SSHServerConnectionOptions(**options)))
        assert found is not None
        return found

    def commands(self, *lines: str, user: str = ME.pw_name) -> LoginCommands:
        found = self.read(*lines).login(user, ENDS).commands
        assert found is not None
        return found

    def keys(self, arguments: str = "", who: str = ME.pw_name) -> tuple[str, str]:
        return f"AuthorizedKeysCommand /bin/sh {self.script} {arguments}", f"AuthorizedKeysCommandUser {who}"

    def principals(self, arguments: str = "") -> tuple[str, ...]:
        return (
            f"TrustedUserCAKeys {self.folder}/ca",
            f"AuthorizedPrincipalsCommand /bin/sh {self.script} {arguments}",
            f"AuthorizedPrincipalsCommandUser {ME.pw_name}",
        )

    def calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def admits(keys: nacre.SSHAuthorizedKeys) -> bool:
    return keys.judge(user_key(), None, None).options is not None


@asynctest
async def test_the_words_and_the_tokens_of_a_command(files: Files) -> None:
    arguments = r""""a b" 'c "d"' e\ f \x  %u:%h:%U:%t:%f:%k:%C:%D:%% $HOME;id # it"""
    keys = await files.commands(*files.keys(arguments)).keys(user_key())
    assert admits(keys)
    shown = user_key()
    blob = b64encode(shown.public_data).decode()
    told = f"{ME.pw_name}:{ME.pw_dir}:{ME.pw_uid}:ssh-ed25519:{shown.get_fingerprint()}:{blob}"
    assert files.calls() == [
        "[a b]", '[c "d"]', "[e f]", r"[\x]",
        f"[{told}:192.0.2.9 22 192.0.2.1 50000::%]", "[$HOME;id]", "[#]", "[it]",
    ]  # fmt: skip
    environment = dict(line.partition("=")[::2] for line in Path(f"{files.log}.env").read_text().splitlines())
    assert environment.pop("PATH") == "/usr/bin:/bin:/usr/sbin:/sbin"
    for name in ("USER", "LOGNAME", ME.pw_name):  # the last is what id prints
        assert environment.pop(name) in (ME.pw_name, "")
    assert environment.pop("HOME") == ME.pw_dir
    assert environment.keys() - {"LANG", "PWD", "OLDPWD", "SHLVL", "_"} == {"/"}  # where it runs


@asynctest
async def test_fingerprints_are_by_the_hash_of_the_configuration(files: Files) -> None:
    assert admits(await files.commands(*files.keys("%f"), "FingerprintHash md5").keys(user_key()))
    assert files.calls() == [f"[{user_key().get_fingerprint('md5')}]"]


@asynctest
async def test_the_tokens_of_a_certificate(files: Files) -> None:
    shown = CA.generate_user_certificate(user_key(), "an id; $(x)", serial=7, principals=["someone"])
    files.out.write_text("no-pty someone\nother\n")
    commands = files.commands(*files.principals("%i %s %T %F %K %t %f %k %u"))
    keys = await commands.principals(shown)
    verdict = keys.judge_certificate(shown, "root", None, None, ("no-pty",))
    assert verdict.options is not None
    assert "no-pty" in verdict.options
    blobs = [b64encode(each.public_data).decode() for each in (CA, shown)]
    words = [
        "an id; $(x)", "7", "ssh-ed25519", CA.get_fingerprint(), blobs[0],
        "ssh-ed25519-cert-v01@openssh.com", user_key().get_fingerprint(), blobs[1], ME.pw_name,
    ]  # fmt: skip
    assert files.calls() == [f"[{word}]" for word in words]
    # Nobody is asked about an authority that is not trusted, nor is another one let in.
    other = nacre.generate_private_key("ssh-ed25519").generate_user_certificate(
        user_key(), "x", principals=["someone"]
    )
    keys = await commands.principals(other)
    assert keys.judge_certificate(other, "root", None, None).options is None
    assert len(files.calls()) == len(words)
    empty = CA.generate_user_certificate(user_key(), "", principals=["someone"])
    await commands.principals(empty)
    assert files.calls()[len(words)] == "[]"


@asynctest
async def test_without_arguments_the_user_is_one_for_keys_alone(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As sshd does it: its manual says so of principals too.
    seen: list[tuple[str, ...]] = []
    start = subprocess.Popen

    def popen(argv: Any, **options: Any) -> Any:
        seen.append(argv)
        return start(argv, **options)

    monkeypatch.setattr(subprocess, "Popen", popen)
    bare = (f"AuthorizedKeysCommand /bin/true\nAuthorizedKeysCommandUser {ME.pw_name}",)
    commands = files.commands(*bare, *files.principals()[::2], "AuthorizedPrincipalsCommand /bin/true")
    shown = CA.generate_user_certificate(user_key(), "id", principals=["x"])
    await commands.keys(user_key())
    await commands.principals(shown)
    assert seen == [("/bin/true", ME.pw_name), ("/bin/true",)]


@asynctest
async def test_a_user_whom_the_machine_has_not_costs_the_same(files: Files) -> None:
    """The same program runs as often, and what it prints about a home that is none is void."""
    for arguments, counts in (("%u", True), ("%u %h", False), ("%u %U", False), ("%u %%h", True)):
        for user in (ME.pw_name, "nobody-has-this-name"):
            files.log.unlink(missing_ok=True)
            keys = await files.commands(*files.keys(arguments), user=user).keys(user_key())
            assert files.calls()[0] == f"[{user}]"
            assert admits(keys) is (counts or user == ME.pw_name)
    for user in ("a;b", "a b -x", "-x", "../x", "$(id)", "a\nb", "", "a`b"):
        files.log.unlink(missing_ok=True)
        assert not admits(await files.commands(*files.keys("%u"), user=user).keys(user_key()))
        assert not files.calls(), user


@asynctest
async def test_everything_that_is_wrong_is_a_no(
    files: Files, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = user_key().export_public_key().decode()

    async def refused(text: str, *lines: str) -> str:
        files.script.write_text(text)
        caplog.clear()
        with caplog.at_level(logging.INFO, "nacre"):
            keys = await files.commands(*(lines or files.keys())).keys(user_key())
        assert not admits(keys)
        return "\n".join(record.getMessage() for record in caplog.records)

    line = f"echo '{key.strip()}'"
    assert "no program lets" in await refused(f"{line}; exit 1")
    assert "status 1" in caplog.text
    assert "signal 15" in await refused(f"{line}; kill $$")
    assert "printed more than" in await refused(f"{line}; yes")
    assert "more than 10000 lines" in await refused(f"{line}; yes | head -n 10001")
    assert "line 1: the line is longer" in await refused(f"printf '%016384d ' 1; {line}")
    assert await refused(line.replace("ssh-ed25519", "# ssh-ed25519")) == ""
    assert await refused(f"exec >&-; {line} 2> /dev/null; exit 0") == ""
    assert "from this address" in (
        (await files.commands(*files.keys()).keys(user_key())).judge(user_key(), None, "192.0.2.3").reason
        if not await refused(f"echo 'from=\"192.0.2.1\" {key.strip()}'")
        else ""
    )
    monkeypatch.setattr(aio_commands, "PATIENCE", 0.0)
    assert "did not end within" in await refused(f"{line}; sleep 1000")
    monkeypatch.undo()
    files.script.write_text("sleep 1000")
    with caplog.at_level(logging.INFO, "nacre"):
        assert not admits(await files.commands(*files.keys()).keys(user_key(), 0.01))
    assert "there was no answer within 0.01 s" in caplog.text
    # What has changed since the server was started.
    monkeypatch.setattr(
        accounts, "unsafe_program", lambda path: "others can change it" if path != "x" else ""
    )
    files_read = "nacre.config_commands._check_program"
    monkeypatch.setattr(files_read, lambda setting: None)
    assert "others can change it" in await refused(line)
    monkeypatch.undo()
    monkeypatch.setattr(accounts, "identity", lambda name: None)
    monkeypatch.setattr("nacre.config_commands._check_user", lambda setting: None)
    assert "this machine has no user" in await refused(line)
    monkeypatch.undo()
    # Match says a command for whom nobody says whom it runs as.
    nobody = ("Match user x", files.keys()[1], f"Match user {ME.pw_name}", files.keys()[0])
    assert "no AuthorizedKeysCommandUser says" in await refused(line, *nobody)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("AuthorizedKeysCommand /bin/sh", "line 2: AuthorizedKeysCommand: AuthorizedKeysCommandUser must say in another line"),
        ("AuthorizedPrincipalsCommand /bin/sh", "AuthorizedPrincipalsCommand: AuthorizedPrincipalsCommandUser must say"),
        ("Match user x\nAuthorizedKeysCommand /bin/sh", "AuthorizedKeysCommand: AuthorizedKeysCommandUser must say"),
        ("Match user x\nAuthorizedKeysCommandUser {me}\nMatch all\nAuthorizedKeysCommand /bin/sh", "AuthorizedKeysCommandUser must say"),
        ("AuthorizedKeysCommandUser no-such-user", "this machine has no user no-such-user"),
        ("AuthorizedKeysCommandUser %h", "the token %h has no meaning"),
        ("AuthorizedKeysCommand relative", "an absolute path is expected"),
        ("{user}\nAuthorizedKeysCommand /bin/sh 'x", "the quote ' is not closed"),
        ("{user}\nAuthorizedKeysCommand /bin/sh %i", "the token %i has no meaning"),
        ("{user}\nAuthorizedKeysCommand /bin/sh %", "the token % has no meaning"),
        ("{user}\nAuthorizedKeysCommand /bin/no-such-program", "cannot be used: [Errno 2]"),
        ("{user}\nAuthorizedKeysCommand /bin", "cannot be used: it is no regular file"),
        ("{user}\nAuthorizedKeysCommand /etc/passwd", "cannot be used: it cannot be run"),
        ("{user}\nAuthorizedKeysCommand {folder}/script", "others than root can change"),
        ("Match user x\n{user}\nAuthorizedKeysCommand {folder}/script", "others than root can change"),
    ],
)  # fmt: skip
def test_an_administrator_is_told_when_the_server_starts(files: Files, line: str, why: str) -> None:
    files.script.chmod(0o777)
    text = line.format(me=ME.pw_name, user=f"AuthorizedKeysCommandUser {ME.pw_name}", folder=files.folder)
    with pytest.raises(ConfigParseError) as caught:
        files.read(text)
    assert why in str(caught.value)
    assert "sshd_config line " in str(caught.value)


def test_who_is_not_root_runs_programs_as_itself_alone(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(ConfigParseError, match="this server must run as root, or as "):
        files.read(*files.keys())


@AS_ROOT
@asynctest
async def test_it_runs_as_whom_the_configuration_says(open_tmp_path: Path) -> None:
    files = Files(open_tmp_path)
    files.folder.chmod(0o777)
    for who in ("nobody", "%u"):
        files.script.write_text(f"id -u > {files.log}; id -G >> {files.log}; cat {files.out}")
        assert admits(await files.commands(*files.keys("%u", who), user="nobody").keys(user_key()))
        assert files.calls() == ["65534", "65534"]
        files.log.unlink()
    # Nobody to run as: whom the machine has not.
    assert not admits(await files.commands(*files.keys("%u", "%u"), user="who").keys(user_key()))


def test_what_the_program_says_goes_before(files: Files) -> None:
    assert (
        files.read(*files.keys(), authorized_client_keys=nacre.SSHAuthorizedKeys()).login("x", ENDS).commands
        is None
    )
    assert files.read("AuthorizedKeysCommand none").login("x", ENDS).commands is None
    login = files.read("Match user y", *files.keys()).login("x", ENDS)
    assert login.commands is None


class Server(nacre.SSHServer):
    own: nacre.SSHAuthorizedKeys | None = None

    def connection_made(self, conn: nacre.SSHServerConnection) -> None:
        self.conn = conn

    def begin_auth(self, username: str) -> bool:
        if self.own is not None:
            self.conn.set_authorized_keys(self.own)
        return True


async def logs_in(config: Path, server: type[Server] = Server, **options: Any) -> bool:
    async with serving(config=config, server_factory=server) as listener:
        try:
            async with connected(
                listener, **{"username": ME.pw_name, "client_keys": [user_key()], **options}
            ):
                return True
        except nacre.PermissionDenied:
            return False


@asynctest
async def test_logins(files: Files) -> None:
    """A whole login: the file first, then the program, for a query and for a signature as with sshd."""
    files.read(*files.keys("%u"))
    config = files.folder / "sshd_config"
    assert await logs_in(config)
    assert files.calls() == [f"[{ME.pw_name}]"] * len(files.calls())
    assert len(files.calls()) in (1, 2)
    stranger = nacre.generate_private_key("ssh-ed25519")
    assert not await logs_in(config, client_keys=[stranger])
    asked = len(files.calls())
    # Who is in a file is not asked about.
    (files.folder / "keys").write_bytes(user_key().export_public_key())
    text = config.read_text().replace(
        "AuthorizedKeysFile none", f"StrictModes no\nAuthorizedKeysFile {files.folder}/keys"
    )
    config.write_text(text)
    assert await logs_in(config)
    assert len(files.calls()) == asked
    # Keys that the program gives at the login are all that count.
    config.write_text(text.replace("/keys\n", "/none\n"))
    assert await logs_in(config)
    assert len(files.calls()) > asked
    assert not await logs_in(config, type("Own", (Server,), {"own": nacre.SSHAuthorizedKeys()}))
    reported()


@asynctest
async def test_logins_by_certificate(files: Files) -> None:
    certificate = CA.generate_user_certificate(user_key(), "id", principals=["team"])
    for lines, printed, expected in (
        (files.principals(), "team", True),
        (files.principals(), "other", False),
        (files.principals(), "", False),
        # The user's own name is no principal by itself where a program names them.
        ((files.principals()[0],), "", False),
        (files.keys(), f'cert-authority,principals="team" {CA.export_public_key().decode()}', True),
        (files.keys(), f"cert-authority {CA.export_public_key().decode()}", False),
    ):
        files.out.write_text(f"{printed}\n")
        files.read(*lines)
        keys = [(user_key(), certificate)]
        assert await logs_in(files.folder / "sshd_config", client_keys=keys) is expected, (lines, printed)
    own = CA.generate_user_certificate(user_key(), "id", principals=[ME.pw_name])
    for lines, expected in ((files.principals(), False), (files.principals()[:1], True)):
        files.out.write_text("team\n")
        files.read(*lines)
        assert await logs_in(files.folder / "sshd_config", client_keys=[(user_key(), own)]) is expected


@asynctest
async def test_a_login_that_ends_meanwhile_leaves_no_program(files: Files) -> None:
    number = files.folder / "number"
    files.script.write_text(f"echo $$ > {number}.new; mv {number}.new {number}; exec sleep 1000")
    files.read(*files.keys())
    async with serving(config=files.folder / "sshd_config", server_factory=Server) as listener:
        options = nacre.SSHClientConnectionOptions(
            config=None, known_hosts=None, username=ME.pw_name, client_keys=[user_key()]
        )
        login = asyncio.ensure_future(nacre.connect(HOST, listener.get_port(), options=options))
        while not number.exists():
            await asyncio.sleep(0.01)
        login.cancel()
        with pytest.raises(asyncio.CancelledError):
            await login
        while Path(f"/proc/{int(number.read_text())}").exists():
            await asyncio.sleep(0.01)
