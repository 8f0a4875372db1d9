"""Programs that a server's configuration has asked for keys and for names in certificates, one login at a time.

Owns: AuthorizedKeysCommand and AuthorizedPrincipalsCommand with their users (sshd_config(5)): which program, whom it runs
as, its arguments, and what becomes of its lines. Must not know: how a program is bounded and ended
(`nacre.aio.commands`), or how a line is judged.

Everything that is wrong is a no, and one line in the log: `LoginCommands` returns no keys then. A program is asked for
each key that is shown, when a query comes and when a signature does, as by sshd; and for a user whom this machine
does not have as well, so that nobody can tell by the time it takes who is there.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Hashable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from nacre import config_accounts as accounts
from nacre.aio.commands import Command, CommandFailed, asked
from nacre.aio.log import logger, plain
from nacre.aio.tasks import settle
from nacre.config_principals import authorities, principals
from nacre.errors import ConfigParseError
from nacre.keys import SSHCertificate, SSHKey
from nacre.trust import SSHAuthorizedKeys
from nacre.trust.config import Found
from nacre.trust.config_lines import Setting, whole_words
from nacre.trust.config_server import ServerFiles
from nacre.trust.config_tokens import Tokens, is_plain_user, substituted
from nacre.trust.lines import MAX_LINES
from nacre.wire.record import record

__all__ = ["LoginCommands", "command_problems", "login_commands"]

#: The tokens of each command; those of certificates stand for nothing elsewhere.
_TOKENS: Final[Mapping[str, str]] = {
    "authorizedkeyscommand": "%CDfhktUu",
    "authorizedprincipalscommand": "%CDfhktUuFiKsT",
}
_USERS: Final = frozenset(f"{keyword}user" for keyword in _TOKENS)
#: What a program finds: sshd's own default, in which nobody but root can write.
_PATH: Final = "/usr/bin:/bin:/usr/sbin:/sbin"
#: What stands for the home and the number of a user who has neither; what is printed for such a one is void.
_NOWHERE: Final[Mapping[str, str]] = {"h": "/nonexistent", "U": "65534"}


@record
class _Said:
    """A command of the configuration.

    Attributes:
        setting: its line.
        user: whom it runs as, as `AuthorizedKeysCommandUser` says; None: nobody is named.
    """

    setting: Setting
    user: Setting | None

    @property
    def letters(self) -> str:
        """The tokens that may stand in it."""
        return _TOKENS[self.setting.name]


def _said(found: Found, keyword: str) -> _Said | None:
    """Return a command that lines say, if they say one."""
    settings, users = found.get(keyword), found.get(f"{keyword}user")
    if not settings or _is_none(settings[0]):
        return None
    return _Said(settings[0], users[0] if users else None)


def _is_none(setting: Setting) -> bool:
    return setting.text.strip().lower() == "none"


# ------------------------------------------------------------ when the server starts


def command_problems(files: ServerFiles) -> Iterator[ConfigParseError]:
    """Return what is wrong with commands that could not be run at a login: nobody is to find that out there."""
    named = {name for name, _, _ in files.anywhere()}
    for keyword in _TOKENS:
        for_all = _said(files.everywhere(), keyword)
        if for_all is not None and for_all.user is None:
            yield _nobody(for_all.setting)
    for name, setting, in_match in files.anywhere():
        try:
            if name in _TOKENS and not _is_none(setting):
                _check_program(setting)
                if in_match and f"{name}user" not in named:
                    yield _nobody(setting)
            elif name in _USERS:
                _check_user(setting)
        except ConfigParseError as error:
            yield error


def _nobody(setting: Setting) -> ConfigParseError:
    return setting.error(f"{setting.keyword}User must say in another line whom it runs as")


def _check_program(setting: Setting) -> None:
    words = whole_words(setting)
    for word in words[1:]:
        substituted(setting, word, _TOKENS[setting.name], Tokens(dict.fromkeys(_TOKENS[setting.name], "")))
    try:
        why = accounts.unsafe_program(words[0]) or (
            "" if os.access(words[0], os.X_OK) else "it cannot be run"
        )
    except OSError as error:
        why = str(error)
    if why:
        raise setting.error(f"the program {words[0]} cannot be used: {why}")


def _check_user(setting: Setting) -> None:
    name = setting.arguments[0]
    substituted(setting, name, "%u", Tokens({"%": "%", "u": ""}))
    if "%" not in name:
        why = _unfit(name)
        if why:
            raise setting.error(why)


def _unfit(name: str) -> str:
    """Return why no program can run as a user; "": it can."""
    who = accounts.identity(name)
    if who is None:
        return f"this machine has no user {plain(name)}"
    if os.geteuid() not in (0, who[0].uid):
        return f"to run a program as {plain(name)} this server must run as root, or as {plain(name)}"
    return ""


# ------------------------------------------------------------ at a login


class LoginCommands:
    """The programs that are asked about one who logs in.

    Args:
        found: what the configuration says of the login.
        user: who logs in.
        ends: the client's address and port, then ours.
        trusted: the keys of `TrustedUserCAKeys`, a line each.
        about: whom programs are counted for: of those for any one of these, a few run at the same time.
    """

    def __init__(
        self,
        found: Found,
        user: str,
        ends: tuple[tuple[str, int], tuple[str, int]],
        trusted: str,
        about: tuple[Hashable, ...] = (),
    ) -> None:
        self._keys = _said(found, "authorizedkeyscommand")
        self._principals = _said(found, "authorizedprincipalscommand")
        hashes = found.get("fingerprinthash")
        self._hash = hashes[0].arguments[0].lower() if hashes else "sha256"
        self._user = user
        self._owner = accounts.account(user)
        (peer, peer_port), (own, own_port) = ends
        # As sshd 10.0 has it, our end first; its manual says the client's.
        self._ends = f"{own} {own_port} {peer} {peer_port}"
        self._trusted = SSHAuthorizedKeys("".join(authorities(trusted, None)))
        self._about = about

    async def keys(self, shown: SSHKey | SSHCertificate, limit: float | None = None) -> SSHAuthorizedKeys:
        """Return the lines of authorized_keys that AuthorizedKeysCommand prints for a key or certificate.

        Args:
            shown: what the client has shown.
            limit: seconds that are waited for it, and for others before it; None: as long as a program may take.
        """
        return await self._ask(self._keys, shown, lambda text: text, limit)

    async def principals(self, shown: SSHCertificate, limit: float | None = None) -> SSHAuthorizedKeys:
        """Return lines that trust the authority of a certificate for the names that AuthorizedPrincipalsCommand prints.

        It is asked where TrustedUserCAKeys has that authority, and no file has let the certificate in. The arguments
        are those of `keys`.
        """
        if self._trusted.validate(shown.signing_key, None, None, ca=True) is None:
            return SSHAuthorizedKeys()
        key = shown.signing_key.convert_to_public().export_public_key().decode("ascii")

        def lines(text: str) -> str:
            names = principals(text, "AuthorizedPrincipalsCommand")
            options = [option for name, option in names if shown.names(name)]
            return "".join(authorities(key, options))

        return await self._ask(self._principals, shown, lines, limit)

    async def _ask(
        self,
        said: _Said | None,
        shown: SSHKey | SSHCertificate,
        lines: Callable[[str], str],
        limit: float | None,
    ) -> SSHAuthorizedKeys:
        """Return what a program prints for a key, as lines of authorized_keys; none if anything is wrong."""
        if said is None:
            return SSHAuthorizedKeys()
        # What is printed about a home or a number that nobody has is void.
        used = any(f"%{letter}" in said.setting.text.replace("%%", "") for letter in _NOWHERE)
        is_void = used and self._owner is None

        def take(output: bytes) -> SSHAuthorizedKeys:
            if output.count(b"\n") > MAX_LINES:
                raise CommandFailed(f"{said.setting.keyword}: it printed more than {MAX_LINES} lines")
            return SSHAuthorizedKeys("" if is_void else lines(output.decode("utf-8", "surrogateescape")))

        try:
            asking: Any = asked(partial(self._command, said, shown), take, self._about)
            keys: SSHAuthorizedKeys = await settle(asking, limit)
        except (CommandFailed, ConfigParseError, ValueError, RuntimeError, TimeoutError) as error:
            logger.warning("no program lets %s in: %s", plain(self._user), plain(error))
            return SSHAuthorizedKeys()
        for problem in keys.problems:
            logger.info("%s: line %d: %s", said.setting.keyword, problem.line, plain(problem.reason))
        return keys

    def _command(self, said: _Said, shown: SSHKey | SSHCertificate) -> Command:
        """Return the program for a key, and whom it runs as; this may block."""
        keyword = said.setting.keyword
        if not accounts.is_plain_name(self._user):
            raise CommandFailed(f"{keyword} is not asked: that is no name of a user")
        owner = self._owner
        if owner is None and not is_plain_user(self._user):
            raise CommandFailed(f"{keyword} is not asked: that is no name of a user")
        if said.user is None:
            raise CommandFailed(f"{keyword} is not asked: no {keyword}User says whom it runs as")
        name = substituted(said.user, said.user.arguments[0], "%u", Tokens({"%": "%", "u": self._user}))
        who, unfit = accounts.identity(name), _unfit(name)
        if unfit or who is None:
            raise CommandFailed(f"{keyword} is not asked: {unfit}")
        home = _NOWHERE if owner is None else {"h": str(owner.home), "U": str(owner.uid)}
        tokens = Tokens(
            {"%": "%", "u": self._user, "C": self._ends, "D": "", **home, **self._letters_of(shown)}
        )
        path, *arguments = whole_words(said.setting)
        argv = [substituted(said.setting, word, said.letters, tokens) for word in arguments]
        if not argv and said is self._keys:
            argv = [self._user]  # sshd has that for keys alone, whatever its manual says of principals
        try:
            why = accounts.unsafe_program(path)
        except OSError as error:
            why = str(error)
        if why:
            raise CommandFailed(f"{keyword}: {path} cannot be used: {why}")
        identity, written, folder = who
        environment = {"PATH": _PATH, "USER": written, "LOGNAME": written, "HOME": str(folder)}
        if "LANG" in os.environ:
            environment["LANG"] = os.environ["LANG"]
        # Only root can become somebody; anybody else is that user already.
        switched = identity if os.geteuid() == 0 else None
        return Command(keyword, (path, *argv), environment, switched, "/")

    def _letters_of(self, shown: SSHKey | SSHCertificate) -> dict[str, str]:
        """Return what the tokens that are about a key or certificate stand for."""
        letters = self._letters("ftk", shown)
        if isinstance(shown, SSHCertificate):
            letters |= {"i": shown.key_id, "s": str(shown.serial), **self._letters("FTK", shown.signing_key)}
        return letters

    def _letters(self, letters: str, shown: SSHKey | SSHCertificate) -> dict[str, str]:
        """Return fingerprint, type and Base64 under these letters; the fingerprint of a certificate is its key's."""
        key = shown.key if isinstance(shown, SSHCertificate) else shown
        blob = b64encode(shown.public_data).decode("ascii")
        return dict(zip(letters, (key.get_fingerprint(self._hash), shown.algorithm, blob), strict=True))


def login_commands(
    found: Found,
    user: str,
    addresses: tuple[Any, Any],
    authorities: Callable[[], str],
    about: tuple[Hashable, ...],
) -> LoginCommands | None:
    """Return the programs that are asked about a login; None: there are none.

    Args:
        found: what the configuration says of the login.
        user: who logs in.
        addresses: the client's address and ours, as sockets have them.
        authorities: returns the keys of the authorities that certify users.
        about: whom programs are counted for.
    """
    if not any(_said(found, keyword) for keyword in _TOKENS):
        return None
    peer, own = (end[:2] if isinstance(end, tuple) else ("UNKNOWN", 65535) for end in addresses)
    text = authorities() if _said(found, "authorizedprincipalscommand") else ""
    return LoginCommands(found, user, (peer, own), text, about)
