"""The options of authorized_keys: nacre and sshd say the same of the same line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

import nacre
from nacre.login_restrictions import LoginRestrictions
from nacre.server_auth import ENFORCED
from nacre.trust.key_options import permits
from tests.interop.programs import connected
from tests.support.face import HOST, asynctest, user_key
from tests.support.openssh import OpenSSH, Sshd, find

pytestmark = pytest.mark.requires("sshd")

#: Whether sshd lets in whose line begins so. What nacre alone refuses is in `nacre.trust.key_options`.
CASES: Final = {
    "RESTRICT,Pty,restrict,no-user-rc,X11-forwarding": True,
    "touch-required,no-verify-required": True,
    "no-restrict": False,
    "unknown": False,
    'command="a",command="b"': False,
    'from="127.0.0.1/8"': False,
    'expiry-time="20200101",expiry-time="20990101"': False,
    'expiry-time="20990101120030Z"': True,
    'expiry-time="209901012460"': False,
    'permitopen="[::1]:80",permitopen="*:*",permitlisten="80",permitlisten="*"': True,
    'permitopen="h:0"': False,
    'permitopen="::1:80"': False,
    'permitopen="80"': False,
    'permitlisten="h:"': False,
    'tunnel="any",tunnel="2147483645"': True,
    'tunnel="2147483646"': False,
    'environment="A_1=",environment="A_1=b"': True,
    'environment="A-1=b"': False,
    'principals="a"': False,
}


def line(options: str, key: nacre.SSHKey | None = None) -> str:
    return f"{options} {(key or user_key()).export_public_key().decode().strip()}\n"


async def lets_in(sshd: Sshd, **options: Any) -> bool:
    try:
        async with connected(sshd, **{"client_keys": [user_key()], **options}):
            return True
    except nacre.PermissionDenied:
        return False


@asynctest
async def test_which_lines_admit(tmp_path: Path) -> None:
    with Sshd(find("10.0"), tmp_path) as sshd:
        for options, admits in CASES.items():
            sshd.authorized_keys.write_text(line(options))
            judged = nacre.SSHAuthorizedKeys(line(options)).judge(user_key(), None, HOST, ENFORCED)
            assert (judged.options is not None) is admits, (options, judged)
            assert await lets_in(sshd) is admits, options
        # A line that refuses leaves the next one alone, and so does one that is too long.
        for refusing in ("unknown", 'expiry-time="20200101"'):
            both = line(refusing) + line("no-pty")
            sshd.authorized_keys.write_text(both)
            judged = nacre.SSHAuthorizedKeys(both).judge(user_key(), None, HOST, ENFORCED)
            assert judged.options == {"no-pty": True}
            assert await lets_in(sshd)


@asynctest
async def test_which_of_two_options_counts(tmp_path: Path) -> None:
    with Sshd(find("10.0"), tmp_path) as sshd:
        for options in ("restrict,pty", "pty,restrict", "no-pty,pty", "pty,no-pty"):
            sshd.authorized_keys.write_text(line(options))
            judged = nacre.SSHAuthorizedKeys(line(options)).judge(user_key(), None, HOST, ENFORCED)
            assert judged.options is not None
            async with connected(sshd, client_keys=[user_key()]) as connection:
                try:
                    done = await connection.run("tty -s", term_type="xterm")
                    terminal = done.exit_status == 0
                except nacre.ChannelOpenError:
                    terminal = False
            assert permits(judged.options, "pty") is terminal, options


@asynctest
async def test_two_factors(openssh: OpenSSH, tmp_path: Path) -> None:
    second = nacre.generate_private_key("ssh-ed25519")
    with Sshd(openssh, tmp_path, options=["AuthenticationMethods publickey,publickey"]) as sshd:
        for one, two, together in (
            ('command="true"', 'command="true"', True),
            ('command="true"', 'command="false"', False),
            ('command="true"', "no-pty", True),
        ):
            lines = line(one) + line(two, second)
            sshd.authorized_keys.write_text(lines)
            authorized, login = nacre.SSHAuthorizedKeys(lines), LoginRestrictions()
            refusals = []
            for key in (user_key(), second):
                options = authorized.judge(key, None, HOST, ENFORCED).options
                refusals.append(login.refusal(options))
                login.add(options)
            assert (not any(refusals)) is together
            keys = [user_key(), second]
            if together:
                async with connected(sshd, client_keys=keys) as connection:
                    assert (await connection.run("exit 3")).exit_status == 0
                continue
            # sshd says that both were right, and then ends the connection.
            with pytest.raises((nacre.ChannelOpenError, nacre.DisconnectError)):
                async with connected(sshd, client_keys=keys) as connection:
                    await connection.run("exit 3")
