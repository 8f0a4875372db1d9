"""nacre against OpenSSH's sshd, both versions: every way to log in, and to be refused.

Passwords need a /etc/shadow and dialogues a PAM configuration of sshd's own: as root, it gets them in mounts
that nobody else sees. Not to be had from sshd: SSH_MSG_USERAUTH_PASSWD_CHANGEREQ, which it never sends.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

import nacre
from tests.interop.programs import connected
from tests.support.face import asynctest
from tests.support.openssh import OpenSSH, Sshd

pytestmark = pytest.mark.requires("sshd")

SECRET: Final = "correct horse"  # a test's
#: SECRET as crypt(3) keeps it (SHA-512, salt "nacretest").
_CRYPTED: Final = (
    "$6$nacretest$NGhLFwaJlUVyMWGvW1krmz6IIJS0kQgA8/EF9ZRK4GTEXB.UhwhMnKHMleOHpJtS.I1PZqMuEztnieEnOx3hu0"
)
_PAM: Final = """\
auth optional pam_echo.so a line from PAM
auth required pam_unix.so nodelay
account required pam_permit.so
session required pam_permit.so
"""


def private_etc(password: str = _CRYPTED) -> dict[str, str]:
    """Return a /etc where root has a password, and where PAM asks for it."""
    return {"shadow": f"root:{password}:19000:0:99999:7:::\nsshd:!:19000::::::\n", "pam.d/sshd": _PAM}


async def logs_in(sshd: Sshd, **options: Any) -> None:
    async with connected(sshd, **options) as connection:
        assert (await connection.run("exit 3")).exit_status == 3


async def is_refused(sshd: Sshd, **options: Any) -> None:
    with pytest.raises(nacre.PermissionDenied):
        async with connected(sshd, **options):
            pass


@asynctest
async def test_keys(openssh: OpenSSH, tmp_path: Path) -> None:
    with Sshd(openssh, tmp_path) as sshd:
        other = openssh.make_key(tmp_path / "other")
        await logs_in(sshd, client_keys=[str(other), str(sshd.user_key)])
        await is_refused(sshd, client_keys=str(other))
        await is_refused(sshd, client_keys=None)
        key = nacre.read_private_key(str(sshd.user_key))
        encrypted = tmp_path / "encrypted"
        key.write_private_key(str(encrypted), passphrase=SECRET, rounds=2, ignore_few_rounds=True)
        await logs_in(sshd, client_keys=str(encrypted), passphrase=SECRET)
        with pytest.raises((nacre.KeyEncryptionError, nacre.KeyImportError)):
            await logs_in(sshd, client_keys=str(encrypted), passphrase="wrong")


@asynctest
async def test_keys_that_a_client_is_asked_for(openssh: OpenSSH, tmp_path: Path) -> None:
    with Sshd(openssh, tmp_path) as sshd:

        class Client(nacre.SSHClient):
            keys = [str(openssh.make_key(tmp_path / "other")), str(sshd.user_key)]

            def public_key_auth_requested(self) -> Any:
                return self.keys.pop(0) if self.keys else None

        await logs_in(sshd, client_keys=None, client_factory=Client)
        await is_refused(sshd, client_keys=None, client_factory=Client)


@asynctest
async def test_two_keys(openssh: OpenSSH, tmp_path: Path) -> None:
    with Sshd(openssh, tmp_path, options=["AuthenticationMethods publickey,publickey"]) as sshd:
        second = openssh.make_key(tmp_path / "second")
        with sshd.authorized_keys.open("ab") as authorized:
            authorized.write(second.with_suffix(".pub").read_bytes())
        await logs_in(sshd, client_keys=[str(sshd.user_key), str(second)])
        await is_refused(sshd, client_keys=[str(sshd.user_key)])


@pytest.mark.requires("root")
@asynctest
async def test_a_password(openssh: OpenSSH, tmp_path: Path) -> None:
    options = ["PasswordAuthentication yes", "AuthenticationMethods password"]
    with Sshd(openssh, tmp_path, options=options, private_etc=private_etc()) as sshd:
        await logs_in(sshd, password=SECRET)
        await logs_in(sshd, password=lambda: SECRET)
        await is_refused(sshd, password="wrong")
        await is_refused(sshd)

        class Client(nacre.SSHClient):
            passwords = ["wrong", "wrong again", SECRET]

            async def password_auth_requested(self) -> str | None:
                return self.passwords.pop(0)

        await logs_in(sshd, client_factory=Client)


class Dialogue(nacre.SSHClient):
    """Answers what PAM asks."""

    answers: Sequence[str] = ()

    def __init__(self) -> None:
        self.left = list(self.answers)
        self.shown: list[str] = []

    def kbdint_auth_requested(self) -> str | None:
        return "" if self.left else None

    def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> Any:
        self.shown += [instructions, *(text for text, echo in prompts if not echo)]
        return [self.left.pop(0) for _ in prompts] if len(prompts) <= len(self.left) else None


def answering(*answers: str) -> type[Dialogue]:
    return type("Client", (Dialogue,), {"answers": answers})


@pytest.mark.requires("root")
@asynctest
async def test_a_dialogue(openssh: OpenSSH, tmp_path: Path) -> None:
    options = ["UsePAM yes", "KbdInteractiveAuthentication yes", "AuthenticationMethods keyboard-interactive"]
    with Sshd(openssh, tmp_path, options=options, private_etc=private_etc()) as sshd:
        async with connected(sshd, client_factory=answering(SECRET)) as connection:
            owner = connection.get_owner()
            assert isinstance(owner, Dialogue)
            shown = "".join(owner.shown)
            assert "a line from PAM" in shown
            assert "Password: " in shown
        await logs_in(sshd, client_factory=answering("wrong", SECRET))  # a second dialogue
        await is_refused(sshd, client_factory=answering("wrong", "wrong"))
        # Without callbacks, a prompt for a password is answered with the password.
        await logs_in(sshd, password=SECRET)
        await is_refused(sshd, password="wrong")


@pytest.mark.requires("root")
@asynctest
async def test_a_key_and_then_something_else(openssh: OpenSSH, tmp_path: Path) -> None:
    options = [
        "PasswordAuthentication yes",
        "KbdInteractiveAuthentication yes",
        "UsePAM yes",
        "AuthenticationMethods publickey,password publickey,keyboard-interactive",
    ]
    with Sshd(openssh, tmp_path, options=options, private_etc=private_etc()) as sshd:
        await logs_in(sshd, password=SECRET, kbdint_auth=False)
        await logs_in(sshd, client_factory=answering(SECRET))
        await is_refused(sshd)
        await is_refused(sshd, client_keys=None, password=SECRET)


@pytest.mark.requires("root")
@asynctest
async def test_a_password_and_then_a_key(openssh: OpenSSH, tmp_path: Path) -> None:
    """A client that shows its key first, to save a round trip, shows it again when its turn has come."""
    options = ["PasswordAuthentication yes", "UsePAM yes", "AuthenticationMethods password,publickey"]
    with Sshd(openssh, tmp_path, options=options, private_etc=private_etc()) as sshd:
        await logs_in(sshd, password=SECRET)
        await is_refused(sshd)


@pytest.mark.requires("root")
@asynctest
async def test_none(openssh: OpenSSH, tmp_path: Path) -> None:
    """sshd lets a user without a password in who asks for nothing; a client may refuse such a success."""
    options = ["PasswordAuthentication yes", "PermitEmptyPasswords yes"]
    with Sshd(openssh, tmp_path, options=options, private_etc=private_etc("")) as sshd:
        await logs_in(sshd, client_keys=None)
        with pytest.raises(nacre.PermissionDenied):
            await logs_in(sshd, client_keys=None, disable_trivial_auth=True)


@asynctest
async def test_a_banner(openssh: OpenSSH, tmp_path: Path) -> None:
    text = "be welcome\nand be good: \N{LATIN SMALL LETTER U WITH DIAERESIS}\n"
    (tmp_path / "banner").write_text(text)
    banners: list[str] = []

    class Client(nacre.SSHClient):
        def auth_banner_received(self, msg: str, lang: str) -> None:
            banners.append(msg)

    with Sshd(openssh, tmp_path, options=[f"Banner {tmp_path / 'banner'}"]) as sshd:
        await logs_in(sshd, client_factory=Client)
    assert [banner.replace("\r\n", "\n") for banner in banners] == [text]
