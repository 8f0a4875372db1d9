"""KnownHostsCommand: what is run when, how its lines count, and each reason for which nobody is believed.

tests/interop/test_known_hosts_command.py asks ssh the same.
"""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.aio import commands
from nacre.client_config import configured
from nacre.errors import ConfigParseError, HostKeyNotVerifiable
from nacre.host_commands import KnownHostsCommand, with_lines
from nacre.host_trust import HostTrust, KnownHostsFiles, Standing, known_hosts_command, look_up
from nacre.trust.known_hosts import SSHKnownHosts, hash_host_name
from tests.support.face import HOST, OpenServer, asynctest, host_key, serving

OTHER = nacre.generate_private_key("ssh-ed25519")


def line(key: nacre.SSHKey, host: str = "host", marker: str = "") -> str:
    return f"{marker}{host} {key.export_public_key().decode()}"


class Files:
    """A configuration whose program writes down how it was called, and prints a file."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log, self.out = folder, folder / "log", folder / "out"
        self.script = folder / "script"
        self.script.write_text(f'for a in "$@"; do echo "[$a]"; done >> {self.log}; cat {self.out}')
        self.out.write_text("")

    def options(self, arguments: str = "", *lines: str, **options: Any) -> nacre.SSHClientConnectionOptions:
        config = self.folder / "config"
        text = f"KnownHostsCommand /bin/sh {self.script} {arguments}"
        config.write_text("\n".join([text, f"UserKnownHostsFile {self.folder}/known", "User me", *lines]))
        given = {"host": "host", "port": 2222, "config": config, "client_keys": None, **options}
        return configured(nacre.SSHClientConnectionOptions(**given))

    def command(self, arguments: str = "", *lines: str, **options: Any) -> KnownHostsCommand:
        found = known_hosts_command(self.options(arguments, *lines, **options))
        assert found is not None
        return found

    def calls(self) -> list[str]:
        said = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return said


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@asynctest
async def test_the_words_and_the_tokens(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NACRE_X", "x y")
    command = files.command('%I %H %t %f %K "a b" ${NACRE_X} %h:%p:%r:%n:%k:%% # $HOME', host="Host")
    rest = ["[a b]", "[x y]", "[Host:2222:me:Host:Host:%]", "[#]", "[$HOME]"]
    key, certificate = host_key(), OTHER.generate_host_certificate(host_key(), "id", principals=["host"])
    await command.for_order("Host", 2222, None)
    assert files.calls() == ["[ORDER]", "[[host]:2222]", "[NONE]", "[NONE]", "[NONE]", *rest]
    for shown, name in ((key, "ssh-ed25519"), (certificate, "ssh-ed25519-cert-v01@openssh.com")):
        await command.for_host("Host", 2222, shown)
        blob = b64encode(shown.public_data).decode()
        print_ = key.get_fingerprint()
        assert files.calls() == [
            "[HOSTNAME]",
            "[[host]:2222]",
            f"[{name}]",
            f"[{print_}]",
            f"[{blob}]",
            *rest,
        ]
    # An alias has no port.
    await files.command("%H").for_order("x", 2222, "Other")
    await files.command("%H").for_order("x", 22, None)
    assert files.calls() == ["[other]", "[x]"]
    await files.command("%f", "FingerprintHash md5").for_host("x", 22, key)
    assert files.calls() == [f"[{key.get_fingerprint('md5')}]"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("relative %H", "an absolute path is expected"),
        ("~/program", "an absolute path is expected"),
        ("/x %T", "the token %T has no meaning"),
        ("/x ${NACRE_NOT_SET}", "the variable NACRE_NOT_SET is not set"),
        ("/x %h", "cannot stand there for %h"),
        ("/x 'y", "the quote ' is not closed"),
    ],
)
def test_an_error_names_the_line(files: Files, text: str, why: str) -> None:
    config = files.folder / "config"
    config.write_text(f"Host *\nKnownHostsCommand {text}")
    with pytest.raises(ConfigParseError, match="config line 2: KnownHostsCommand: ") as caught:
        configured(nacre.SSHClientConnectionOptions(host="$(x)", config=config))
    assert why in str(caught.value)


def test_none_is_no_program_and_what_the_program_says_goes_before(files: Files) -> None:
    config = files.folder / "config"
    config.write_text("KnownHostsCommand none")
    assert configured(nacre.SSHClientConnectionOptions(config=config)).known_hosts == ()
    assert known_hosts_command(files.options("", known_hosts=None)) is None
    assert known_hosts_command(files.options("", known_hosts=str(files.folder / "known"))) is None


@asynctest
async def test_everything_that_is_wrong_believes_nobody(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refusal(script: str, host: str = "host") -> str:
        files.script.write_text(script)
        with pytest.raises(HostKeyNotVerifiable) as caught:
            await files.command().for_host(host, 22, host_key())
        return caught.value.reason

    text = f"echo '{line(host_key()).strip()}'"
    assert "config line 1: KnownHostsCommand /bin/sh: it ended with status 3" in await refusal(
        f"{text}; exit 3"
    )
    assert "signal 9" in await refusal(f"{text}; kill -9 $$")
    assert "printed more than 1048576 bytes" in await refusal(f"{text}; yes")
    assert "more than 10000 lines" in await refusal(f"{text}; yes | head -n 10001")
    for host in ("$(x)", "a b", "-x", "a;b", "a\nb", ""):
        assert "is no name of a host" in await refusal(text, host)
    monkeypatch.setattr(commands, "PATIENCE", 0.0)
    assert "did not end within" in await refusal(f"{text}; sleep 1000")
    monkeypatch.undo()
    files.script.unlink()
    with pytest.raises(HostKeyNotVerifiable, match="ended with status"):
        await files.command().for_order("host", 22, None)
    config = files.folder / "config"
    config.write_text("KnownHostsCommand /no/program")
    found = known_hosts_command(configured(nacre.SSHClientConnectionOptions(host="host", config=config)))
    assert found is not None
    with pytest.raises(HostKeyNotVerifiable, match="does not start"):
        await found.for_order("host", 22, None)


def trust(files: Files, known: str, printed: str, port: int = 22) -> HostTrust:
    (files.folder / "known").write_text(known)
    return look_up(files.options().known_hosts, "host", HOST, port, None, printed=printed)


def test_how_the_lines_count(files: Files) -> None:
    key = host_key()
    for known, printed, standing in (
        ("", line(key), Standing.TRUSTED),
        ("", line(key, hash_host_name("host", b"x" * 20)), Standing.TRUSTED),
        ("", "", Standing.UNKNOWN),
        ("", f"nonsense\n{line(key)}", Standing.TRUSTED),
        ("", line(OTHER), Standing.CHANGED),
        ("", line(key, "elsewhere"), Standing.UNKNOWN),
        (line(key), "", Standing.TRUSTED),
        (line(OTHER), line(key), Standing.TRUSTED),
        (line(key), line(OTHER), Standing.TRUSTED),
        (line(key), line(key, "*", "@revoked "), Standing.REVOKED),
        (line(key, "*", "@revoked "), line(key), Standing.REVOKED),
        # What files have for the address goes behind what is printed for the name.
        (line(key, HOST), line(OTHER), Standing.CHANGED),
        (line(key, HOST), "", Standing.TRUSTED),
    ):
        assert trust(files, known, printed).standing(key) is standing, (known, printed)
    # With a port, the line has one, as ssh has it.
    assert trust(files, "", line(key), 2222).standing(key) is Standing.UNKNOWN
    assert trust(files, "", line(key, HOST), 2222).standing(key) is Standing.UNKNOWN
    assert trust(files, "", line(key, "[host]:2222"), 2222).standing(key) is Standing.TRUSTED
    assert trust(files, line(OTHER), line(key, "[host]:2222"), 2222).standing(OTHER) is Standing.CHANGED
    certified = trust(files, "", line(OTHER, "*", "@cert-authority "))
    assert [each.public_data for each in certified.authorities] == [OTHER.public_data]
    assert not trust(files, line(OTHER, "*", "@revoked "), line(OTHER, "*", "@cert-authority ")).authorities
    # The order of algorithms comes of them, and nothing is the user's own.
    assert trust(files, "", line(key)).algorithms(())[0] == "ssh-ed25519"
    assert not trust(files, "", line(key)).is_users(key)
    assert trust(files, line(key), line(OTHER)).is_users(key)


def test_what_is_said_of_a_key_that_has_changed(files: Files) -> None:
    stranger = nacre.generate_private_key("ssh-ed25519")
    text = trust(files, line(OTHER), f"\n{line(host_key())}").refusal(stranger).reason
    known = files.folder / "known"
    assert f"{known}:1 has ssh-ed25519 SHA256:" in text
    assert ", KnownHostsCommand:2 has ssh-ed25519 SHA256:" in text
    assert text.endswith(
        f"type: nacre keygen -R host -f {known} and see to it that KnownHostsCommand prints that"
    )
    text = trust(files, "", "").refusal(stranger).reason
    assert f"{known}, KnownHostsCommand has no key for it" in text


def test_x509_lines_go_together() -> None:
    root = nacre.generate_private_key("ecdsa-sha2-nistp256")
    certificate = root.generate_x509_ca_certificate(root, "CN=root").export_certificate("openssh").decode()
    found = SSHKnownHosts("").find("host")
    together, _, problems = with_lines(found, f"host {certificate}\n", "host")
    assert not problems
    assert len(together.x509.certificates) == 1
    both, _, _ = with_lines(together, f"@revoked host {certificate}\n", "host")
    assert not both.x509.certificates
    assert len(both.x509.revoked) == 1


@asynctest
async def test_connections(files: Files) -> None:
    async with serving(server_factory=OpenServer) as listener:
        port = listener.get_port()

        async def connects(*lines: str, **options: Any) -> str:
            given = {"host": HOST, "port": port, "username": "me", **options}
            try:
                async with await nacre.connect(options=files.options("%I %H", *lines, **given)):
                    return ""
            except HostKeyNotVerifiable as error:
                return error.reason

        where = f"[{HOST}]:{port}"
        files.out.write_text(line(host_key(), where))
        assert await connects() == ""
        assert files.calls() == ["[ORDER]", f"[{where}]", "[HOSTNAME]", f"[{where}]"]
        files.out.write_text("")
        assert "is not known" in await connects()
        assert await connects("StrictHostKeyChecking accept-new") == ""
        assert "KnownHostsCommand" not in (files.folder / "known").read_text()
        assert await connects() == ""  # by the file alone
        files.out.write_text(line(host_key(), "*", "@revoked "))
        assert "is revoked" in await connects()
        files.calls()
        # This machine is believed as it is: only the order is asked for, as with ssh.
        files.out.write_text("")
        (files.folder / "known").unlink()
        assert await connects("NoHostAuthenticationForLocalhost yes") == ""
        assert files.calls()[::2] == ["[ORDER]"]
        # One that fails when the key has come ends the connection, whatever the files say.
        (files.folder / "known").write_text(line(host_key(), where))
        files.script.write_text('test "$1" = ORDER')
        assert "ended with status 1" in await connects()
        files.script.write_text("exit 1")
        assert "ended with status 1" in await connects()


@asynctest
async def test_a_connection_that_is_given_up_leaves_no_program(files: Files) -> None:
    number = files.folder / "number"
    files.script.write_text(
        f'test "$1" = ORDER || {{ echo $$ > {number}.new; mv {number}.new {number}; exec sleep 1000; }}'
    )
    async with serving(server_factory=OpenServer) as listener:
        options = files.options("%I", host=HOST, port=listener.get_port(), username="me")
        login = asyncio.ensure_future(nacre.connect(options=options))
        while not number.exists():
            await asyncio.sleep(0.01)
        login.cancel()
        with pytest.raises(asyncio.CancelledError):
            await login
        while os.path.exists(f"/proc/{int(number.read_text())}"):
            await asyncio.sleep(0.01)


def test_what_names_no_program_has_none() -> None:
    assert known_hosts_command(nacre.SSHClientConnectionOptions(known_hosts=None)) is None
    assert KnownHostsFiles(()).command is None
