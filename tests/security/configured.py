"""Servers with a configuration of OpenSSH's form, without the connection around them.

Owns: what such a server must hold to whatever a client names or shows. Must not know: any row.
"""

from __future__ import annotations

import asyncio
import getpass
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.protocol import events
from nacre.server_config import ServerConfiguration, configuration_of, configured_server
from tests.security.certified import CA, KEY, OTHER

__all__ = [
    "asks_programs_without_a_shell",
    "bars_by_every_method",
    "leads_to_no_other_keys",
    "lets_no_key_set_the_environment",
    "names_no_authority",
    "one_key_is_one_factor",
]


def _read(config: Path, text: str) -> ServerConfiguration:
    config.write_text(text)
    known = configuration_of(configured_server(nacre.SSHServerConnectionOptions(config=config)))
    assert known is not None
    return known


def bars_by_every_method(config: Path) -> None:
    """Who may not come from an address comes by no method, whatever the program says of the credential."""
    known = _read(config, "AllowUsers user@192.0.2.0/24\n")
    token: Any = None
    questions = (
        events.PublicKeyQuestion(token, "user", "ssh-ed25519", KEY.public_data, KEY, True),
        events.HostbasedQuestion(token, "user", "ssh-ed25519", KEY.public_data, "host", "user"),
        events.PasswordQuestion(token, "user", "secret", None),
        events.KbdintResponses(token, "user", ()),
        events.GssPrincipalQuestion(token, "user", "gssapi-with-mic", token),
    )

    async def right() -> bool:
        return True

    for address, expected in (("192.0.2.1", True), ("192.0.3.1", False), ("", False)):
        login = known.login("user", ((address, 1), ("192.0.2.9", 22))).policy
        assert login.offered(events.AuthPolicy(required=False)).required is not expected
        for question in questions:
            assert login.judges(question)
            assert asyncio.run(login.judged(question, right(), lambda: None)) is expected, question
    empty = (events.PasswordQuestion(token, "user", "", None), events.KbdintResponses(token, "user", ("",)))
    login = _read(config, "PermitEmptyPasswords no\n").login("user", ("", "")).policy
    for question in empty:
        assert not asyncio.run(login.judged(question, right(), lambda: None, for_password=True)), question


def one_key_is_one_factor(config: Path) -> None:
    """Where two keys are asked for, a certificate of the first is not the second."""
    login = _read(config, "AuthenticationMethods publickey,publickey\n").login("user", ("", "")).policy
    token: Any = None

    async def right() -> bool:
        return True

    for shown, done in ((KEY, False), (CA.generate_user_certificate(KEY, "id"), False), (OTHER, True)):
        question = events.PublicKeyQuestion(token, "user", "ssh-ed25519", shown.public_data, shown, True)
        assert (asyncio.run(login.judged(question, right(), lambda: None)) is True) is done


def names_no_authority(folder: Path) -> None:
    """A user's own list of principals says whom certificates may be for, and no more."""
    (folder / "ca").write_bytes(CA.export_public_key())
    keyword, key = OTHER.export_public_key().decode().split()[:2]
    for before, admitted in (
        ("", True),
        ("no-pty ", True),
        ('command="a b",no-pty ', True),
        (f"no-pty {keyword} {key} ", False),
        (f"{keyword} {key} ", False),
        (f'command="x" {keyword} {key} # ', False),
        ("cert-authority ", False),
        ('principals="root" ', False),
        ("no-such-option ", False),
    ):
        (folder / "principals").write_text(f"{before}alice\n")
        known = _read(
            folder / "sshd_config",
            f"StrictModes no\nTrustedUserCAKeys {folder}/ca\nAuthorizedPrincipalsFile {folder}/principals\n"
            "AuthorizedKeysFile none\n",
        )
        keys = known.login("user", ("", "")).options.authorized_client_keys
        for authority, trusted in ((CA, True), (OTHER, False)):
            shown = authority.generate_user_certificate(KEY, "id", principals="alice")
            found = keys.judge_certificate(shown, "user", None, None, ("no-pty", "command")).options
            assert (found is not None) is (admitted and trusted), before


def asks_programs_without_a_shell(folder: Path) -> None:
    """What a client names reaches a program as one argument or not at all; whose the program is matters, and how it ends."""
    made, log, script = folder / "made", folder / "log", folder / "script"
    script.write_text(
        f'for a in "$@"; do echo "[$a]" >> {log}; done; cat {folder}/keys; exit $(cat {folder}/status)\n'
    )
    (folder / "status").write_text("0")
    (folder / "keys").write_bytes(b'cert-authority,principals="alice" ' + CA.export_public_key())
    me = getpass.getuser()
    lines = f"AuthorizedKeysFile none\nAuthorizedKeysCommandUser {me}\nAuthorizedPrincipalsCommandUser {me}\n"
    programs = (
        f"AuthorizedKeysCommand /bin/sh {script} %u\nAuthorizedPrincipalsCommand /bin/sh {script} %i %u\n"
    )
    (folder / "ca").write_bytes(CA.export_public_key())
    known = _read(folder / "sshd_config", f"{lines}{programs}TrustedUserCAKeys {folder}/ca\n")
    told = f"$(touch {made}); `touch {made}`"
    shown = CA.generate_user_certificate(KEY, told, principals="alice")

    def asked(user: str) -> bool:
        commands = known.login(user, (("192.0.2.1", 1), ("192.0.2.9", 22))).commands
        assert commands is not None
        keys = asyncio.run(commands.keys(shown))
        asyncio.run(commands.principals(shown))
        return keys.judge_certificate(shown, user, None, None).options is not None

    assert asked("someone")
    assert log.read_text().splitlines() == ["[someone]", f"[{told}]", "[someone]"]
    log.unlink()
    for name in (
        f"$(touch {made})",
        f";touch {made}",
        "a;b",
        "a`b",
        "-x",
        "a -x",
        "a|b",
        "a\nb",
        "a\0b",
        "../x",
    ):
        assert not asked(name), name
        assert not log.exists(), name
    (folder / "status").write_text("1")
    assert not asked("someone")
    assert not made.exists()
    script.chmod(0o777)
    with pytest.raises(nacre.ConfigParseError, match="others than root can change"):
        _read(folder / "sshd_config", f"{lines}AuthorizedKeysCommand {script}\n")


def lets_no_key_set_the_environment(config: Path) -> None:
    """Files that are the user's own to write set no variables that the configuration does not name."""
    for said, taken in (
        ("", False),
        ("PermitUserEnvironment LANG\n", False),
        ("PermitUserEnvironment yes\n", True),
    ):
        login = (
            _read(config, f"{said}AuthorizedKeysFile .ssh/authorized_keys\n").login("user", ("", "")).policy
        )
        assert login.takes_variable_of_key("LD_PRELOAD") is taken, said


def leads_to_no_other_keys(folder: Path) -> None:
    """AuthorizedKeysFile keys/%u: a name leads to no file but its own."""
    (folder / "keys" / "a").mkdir(parents=True)
    for place in ("outside", "keys/alice", "keys/a/b", "keys/ａｄｍｉｎ", "keys/$HOME"):
        KEY.write_public_key(folder / place)
    known = _read(folder / "sshd_config", f"StrictModes no\nAuthorizedKeysFile {folder}/keys/%u\n")

    def admits(name: str) -> bool:
        keys = known.login(name, ("", "")).options.authorized_client_keys
        return keys.judge(KEY, None, None).options is not None

    assert admits("alice")
    elsewhere = (
        "../outside",
        "../keys/alice",
        "a/b",
        f"{folder}/outside",
        "ａｄｍｉｎ",
        "$HOME",
        "a\0b",
        "",
        "..",
        "a" * 300,
    )
    assert not [name for name in elsewhere if admits(name)]
