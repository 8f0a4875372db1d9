"""What a server's configuration asks of a login besides options: who may come, by which methods, and what runs then.

Owns: AllowUsers and its siblings, PermitRootLogin, AuthenticationMethods, ForceCommand, the environment, and the files of
a user's keys. Must not know: lines and Match, sockets, or how a credential is checked.

Who may not come is asked for everything that others are asked for, with the same work, and refused at the end.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from nacre import config_accounts as accounts
from nacre.aio.log import logger, plain
from nacre.config_principals import authorities, principals
from nacre.keys import SSHKey
from nacre.keys.files import expand, read_file
from nacre.protocol import events
from nacre.trust import SSHAuthorizedKeys
from nacre.trust.config import Found
from nacre.trust.config_lines import Setting, matches_one
from nacre.trust.config_server import Arrival
from nacre.trust.config_tokens import Tokens, substituted
from nacre.trust.pattern import HostPatterns, parse_address

__all__ = ["LoginPolicy", "login_policy"]

_ROOT: Final = "root"
_DEFAULT_FILES: Final = (".ssh/authorized_keys", ".ssh/authorized_keys2")
#: Questions that are about no credential; whatever else is asked is one, that of a method which is new here too.
_NO_CREDENTIALS: Final = (events.AuthBegin, events.PowersQuestion, events.GssStepNeeded)
#: The method that each question is about.
_METHODS: Final[Mapping[type, str]] = {
    events.PublicKeyQuestion: "publickey",
    events.HostbasedQuestion: "hostbased",
    events.PasswordQuestion: "password",
    events.KbdintQuestion: "keyboard-interactive",
    events.KbdintResponses: "keyboard-interactive",
}


class LoginPolicy:
    """What is asked of one login.

    Args:
        found: what the configuration says of it.
        arrival: who logs in.
    """

    def __init__(self, found: Found, arrival: Arrival) -> None:
        self._found = found
        self._user = arrival.user
        self.barred = _is_barred(found, arrival)
        self._root = self._word("permitrootlogin") if arrival.user == _ROOT else ""
        self.refuses = self._word("refuseconnection") == "yes"
        self._lists = [
            tuple(word.split(",")) for word in self._words("authenticationmethods") if word != "any"
        ]
        self._used: set[bytes] = set()

    def _words(self, name: str) -> tuple[str, ...]:
        """Return every word of a keyword, of all lines that count."""
        return tuple(word for setting in self._found.get(name, ()) for word in setting.arguments)

    def _word(self, name: str) -> str:
        found = self._found.get(name)
        return found[0].arguments[0] if found else ""

    # ------------------------------------------------------------ the verdict

    def offered(self, policy: events.AuthPolicy) -> events.AuthPolicy:
        """Return what is asked of the user, where the program asks for `policy`.

        Who is let in without any credential by the program is not by a configuration that asks for some.
        """
        methods = policy.methods
        if self._lists:
            first = {methods[0].partition(":")[0] for methods in self._lists}
            methods = tuple(method for method in methods if method in first)
        elif not (self.barred or self._root in ("no", "without-password", "forced-commands-only")):
            return policy
        return events.AuthPolicy(True, methods, policy.publickey_algorithms, policy.hostbased_algorithms)

    @staticmethod
    def judges(event: Any) -> bool:
        """Return whether a question is about a credential."""
        return not isinstance(event, _NO_CREDENTIALS)

    async def judged(
        self, event: Any, answer: Coroutine[Any, Any, Any], forced: Any, *, for_password: bool = False
    ) -> Any:
        """Return the verdict on a credential, where the program's is `answer`.

        Args:
            event: the question.
            answer: the program's verdict, still to be waited for.
            forced: returns the command of the key or certificate that has signed, or None.
            for_password: whether a dialogue is one that asks for the password.
        """
        value = await answer
        method = _METHODS.get(type(event)) or str(getattr(event, "method", ""))
        if isinstance(value, events.Challenge):
            return value
        if value is None or value is False:
            return value
        if (
            self.barred
            or self._is_empty(event, for_password)
            or not self._lets_root_in(method, event, forced)
        ):
            logger.info("%s is refused by the configuration, by %s", plain(self._user), method)
            return False
        return self._advanced(method, event, value)

    def _is_empty(self, event: Any, for_password: bool) -> bool:
        """Return whether a password is empty where that is not permitted, by either method that asks for one."""
        if self._word("permitemptypasswords") != "no":
            return False
        if isinstance(event, events.KbdintResponses):
            return for_password and not any(event.responses)
        return isinstance(event, events.PasswordQuestion) and not event.password

    def _lets_root_in(self, method: str, event: Any, forced: Any) -> bool:
        if self._root == "without-password":
            return method not in ("password", "keyboard-interactive")
        if self._root == "forced-commands-only":
            return method == "publickey" and (not event.verified or forced() is not None)
        return True

    def _advanced(self, method: str, event: Any, value: Any) -> Any:
        """Return the verdict after a method of AuthenticationMethods: the rest of its lists are next."""
        if not self._lists or isinstance(value, events.PasswordExpired):
            return value
        ahead = [methods for methods in self._lists if methods[0].partition(":")[0] == method]
        if not ahead:
            return False
        if method == "publickey":
            # The same key once more proves nothing new, whatever certificates there are of it.
            shown = event.shown
            key = shown if isinstance(shown, SSHKey) else shown.key
            if key.public_data in self._used:
                return False
            if not event.verified:
                return value
            self._used.add(key.public_data)
        self._lists = [methods[1:] or ("",) for methods in ahead]
        if any(methods == ("",) for methods in self._lists):
            self._lists = []
            return value
        following = tuple(dict.fromkeys(methods[0].partition(":")[0] for methods in self._lists))
        if isinstance(value, events.Partial):
            following = tuple(name for name in following if name in value.methods)
        return events.Partial(following)

    # ------------------------------------------------------------ what the session is given

    @property
    def forced_command(self) -> str | None:
        """The command that runs whatever the client, or its key, asks for."""
        text = self._word("forcecommand")
        return text if text and text.lower() != "none" else None

    def environment(self) -> dict[str, str]:
        """Return the variables that every session has."""
        pairs = (word.partition("=") for word in self._words("setenv"))
        return {name: value for name, _, value in pairs}

    def takes_variable_of_key(self, name: str) -> bool:
        """Return whether a line of authorized_keys may set a variable.

        Where PermitUserEnvironment says nothing: none may of a file that the configuration names, which is the
        user's own to write (LD_PRELOAD escapes a forced command); any of what the program gives.
        """
        settings = self._found.get("permituserenvironment")
        if not settings:
            return not self.names_keys
        text = settings[0].arguments[0]
        if text in ("yes", "no"):
            return text == "yes"
        return matches_one(settings[0], text.split(","), name)

    def takes_variable(self, name: str) -> bool:
        """Return whether a client may set a variable: any, where AcceptEnv says nothing."""
        settings = self._found.get("acceptenv")
        return not settings or any(matches_one(setting, setting.arguments, name) for setting in settings)

    def banner(self) -> str:
        """Return the text that is shown before the login, or "". OSError, ValueError: its file cannot be read."""
        name = self._word("banner")
        return "" if not name or name.lower() == "none" else read_file(name).decode("utf-8", "replace")

    # ------------------------------------------------------------ keys

    @property
    def names_keys(self) -> bool:
        """Whether the configuration says where keys are."""
        named = bool(self._found.keys() & {"authorizedkeysfile", "trustedusercakeys"})
        return named or self._names("authorizedkeyscommand")

    def authorized_keys(self, user: str) -> SSHAuthorizedKeys:
        """Return the keys that may log a user in: of the files that there are, and of the authorities.

        A name that would lead elsewhere has none, nor has a file that others can change.
        """
        keys = SSHAuthorizedKeys()
        if not accounts.is_plain_name(user):
            logger.info("no keys are looked up for %s: that is no name of a file", plain(user))
            return keys
        settings = self._found.get("authorizedkeysfile")
        words = settings[0].arguments if settings else _DEFAULT_FILES
        for path in self._files(settings, words, user):
            _load(keys, self._read(path, user), path)
        text = self.authorities()
        if text:
            _load(keys, "".join(authorities(text, self._principals(user))), "TrustedUserCAKeys")
        return keys

    def authorities(self) -> str:
        """Return the keys of the authorities that certify users, a line each. OSError, ValueError."""
        name = self._word("trustedusercakeys")
        return read_file(name).decode("utf-8", "replace") if name and name.lower() != "none" else ""

    def _names(self, keyword: str) -> bool:
        """Return whether a keyword names something, rather than none."""
        return self._word(keyword).lower() not in ("", "none")

    def _read(self, path: Path, user: str) -> bytes:
        """Return the content of a user's file; nothing of one that is not there, or that others can change."""
        try:
            if self._word("strictmodes") != "no" and not accounts.is_private_to(path, accounts.account(user)):
                logger.warning("%s is not used: others can write to it, or to a folder above", path)
                return b""
            return read_file(path)
        except FileNotFoundError:
            return b""
        except (OSError, ValueError) as error:
            logger.warning("%s is not used: %s", path, plain(error))
            return b""

    def _principals(self, user: str) -> list[str] | None:
        """Return options of authorized_keys that name whom certificates may be for; None: the user's own name."""
        settings = self._found.get("authorizedprincipalsfile")
        if not settings or settings[0].arguments[0].lower() == "none":
            # Where a program names them, the user's own name is none of them by itself.
            return [] if self._names("authorizedprincipalscommand") else None
        found: list[str] = []
        for path in self._files(settings, settings[0].arguments, user):
            text = self._read(path, user).decode("utf-8", "replace")
            found += [option for _, option in principals(text, path)]
        return found

    @staticmethod
    def _files(settings: Sequence[Setting] | None, words: Sequence[str], user: str) -> list[Path]:
        """Return the files of a user that words name, with their tokens resolved."""
        setting = settings[0] if settings else Setting("AuthorizedKeysFile", "", (), "the default")
        owner = accounts.account(user)
        letters = {"%": "%", "u": user}
        if owner is not None:
            letters |= {"h": str(owner.home), "U": str(owner.uid)}
        found = []
        for word in words:
            if word.lower() == "none":
                continue
            if owner is None and any(f"%{letter}" in word.replace("%%", "") for letter in "hU"):
                continue  # nobody of that name has a home here
            # ~ is the home of whom this process belongs to, as for sshd; no name of a user begins with it.
            path = expand(substituted(setting, word, "%hUu", Tokens(letters)))
            if path.is_absolute():
                found.append(path)
            elif owner is not None:
                found.append(owner.home / path)
        return found


def _load(keys: SSHAuthorizedKeys, text: str | bytes, where: object) -> None:
    """Take lines, or none of a text that is none or has too many: it is a user's own, who may have a password."""
    try:
        keys.load(text)
    except ValueError as error:
        logger.warning("%s is not used: %s", where, plain(error))


def login_policy(found: Found, arrival: Arrival) -> LoginPolicy:
    """Return what is asked of a login."""
    return LoginPolicy(found, arrival)


def _is_barred(found: Found, arrival: Arrival) -> bool:
    """Return whether a user may not come at all: DenyUsers, AllowUsers, DenyGroups and AllowGroups, in this order."""

    def users(name: str) -> bool:
        return any(
            _is_user(setting, word, arrival) for setting in found.get(name, ()) for word in setting.arguments
        )

    def in_groups(name: str) -> bool:
        return any(
            matches_one(setting, [word], group)
            for setting in found.get(name, ())
            for word in setting.arguments
            for group in arrival.groups(arrival.user)
        )

    root = found.get("permitrootlogin")
    if arrival.user == _ROOT and root and root[0].arguments[0] == "no":
        return True
    if users("denyusers") or ("allowusers" in found and not users("allowusers")):
        return True
    return in_groups("denygroups") or ("allowgroups" in found and not in_groups("allowgroups"))


def _is_user(setting: Setting, pattern: str, arrival: Arrival) -> bool:
    """Return whether a pattern `user` or `user@host` is of who logs in."""
    user, at, host = pattern.rpartition("@")
    if not at:
        return matches_one(setting, [pattern], arrival.user)
    if not matches_one(setting, [user], arrival.user):
        return False
    try:
        patterns = HostPatterns(host)
    except ValueError as error:
        raise setting.error(str(error)) from None
    subjects = tuple(name.lower() for name in (arrival.host, arrival.address) if name)
    address = parse_address(arrival.address)
    return patterns.includes(subjects, address) and not patterns.excludes(subjects, address)
