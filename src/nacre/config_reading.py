"""What the user's OpenSSH configuration says of a host, keyword by keyword, as `ssh -G` shows it.

Owns: the name of the host, who logs in, tokens, and the second reading. Must not know: which option a keyword
stands for, or whether nacre does it (`nacre.client_config`).
"""

from __future__ import annotations

import os
import re
import socket
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from nacre._version import __version__
from nacre.canonical_host import CanonicalRules, canonical_name
from nacre.config_begin import local_user
from nacre.config_machine import Machine
from nacre.errors import ConfigParseError
from nacre.keys.files import expand
from nacre.options import SSHClientConnectionOptions
from nacre.trust.config import Setting, Subject, Surroundings, applying
from nacre.trust.config_keywords import CLIENT
from nacre.trust.config_lines import matches_one
from nacre.trust.config_tokens import ALL, Tokens, is_plain_user, substituted

__all__ = ["CANONICAL", "YES", "Reading"]

#: Options of the program that say how a name is made canonical, by keyword.
CANONICAL: Final = {
    "canonicalizehostname": "canonicalize_hostname",
    "canonicaldomains": "canonical_domains",
    "canonicalizefallbacklocal": "canonicalize_fallback_local",
    "canonicalizemaxdots": "canonicalize_max_dots",
    "canonicalizepermittedcnames": "canonicalize_permitted_cnames",
}
#: What may be an address: digits, hexadecimal ones too, and what stands between them.
_NUMBERS: Final = r"[0-9a-fx.:]+"
#: What the words for yes and no mean.
YES: Final = {"yes": True, "true": True, "no": False, "false": False}


def _check_owner(path: Path) -> None:
    """Refuse a default file that somebody else can write to, as OpenSSH does."""
    status = path.stat()
    own = not hasattr(os, "getuid") or status.st_uid in (0, os.getuid())
    if not own or (hasattr(os, "getuid") and status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
        raise ConfigParseError(f"{path}: others can write to it; type: chmod go-w {path}")


class Reading:
    """What the files say of one host.

    Args:
        options: what the program says.
        files: the files.
        machine: what resolves names and runs programs.
    """

    def __init__(
        self, options: SSHClientConnectionOptions, files: Iterable[str | Path], machine: Machine
    ) -> None:
        self._given = options
        self.user = ""
        try:
            self._local_user = local_user()
        except ValueError:
            self._local_user = ""
        self._environment: Mapping[str, str] = os.environ
        surroundings = Surroundings(machine.run, machine.addresses)
        files = tuple(files)
        self._subject = subject = self._about()
        # What is read unasked must be nobody else's, nor may what it includes be.
        check = _check_owner if options.config == () else None
        self.seen, again = applying(files, subject, surroundings, check=check)
        self.host = self._hostname()
        if self._chosen_rules().wanted or self._chosen_rules().cnames:
            again = again or bool(self._chosen_rules().wanted)
            try:
                self.host = canonical_name(self.host, self._chosen_rules(), machine.resolve)
            except OSError as error:
                raise OSError(f"CanonicalizeHostname: {error}") from None
        if again:
            self.seen, _ = applying(files, subject, surroundings, (self.host, self.seen), check)
        self.tokens = self._final_tokens()

    def _about(self) -> Subject:
        given = self._given
        command, subsystem = given.command, given.subsystem
        session = "subsystem" if subsystem else "exec" if command else "shell"
        return Subject(
            host=given.host,
            user=given.username,
            local_user=self._local_user,
            folder=expand("~/.ssh"),
            port=given.port if given.is_given("port") else 0,
            tag=given.config_tag,
            command=subsystem or (command or b"").decode("utf-8", "surrogateescape"),
            session=session,
            version=f"nacre_{__version__}",
            local_host=socket.gethostname(),
            uid=str(os.getuid()) if hasattr(os, "getuid") else "",
            home=str(expand("~")),
            environment=self._environment,
        )

    def _hostname(self) -> str:
        """Return the name to connect to, as HostName has it."""
        found = self.seen.get("hostname")
        if not found:
            return self._subject.host
        alone = Tokens({"%": "%", "h": self._subject.host})
        return _whole_address(substituted(found[0], found[0].arguments[0], "%h", alone).lower())

    def _chosen_rules(self) -> CanonicalRules:
        """Return how names are made canonical: as the program says, and else the files."""
        said = {
            option: self.seen[name][0].arguments
            for name, option in CANONICAL.items()
            if name in self.seen and not self._given.is_given(option)
        }

        def word(option: str) -> Any:
            return said[option][0] if option in said else getattr(self._given, option)

        wanted, fallback = word("canonicalize_hostname"), word("canonicalize_fallback_local")
        cnames = said.get("canonicalize_permitted_cnames")
        through = ("proxycommand", "proxyjump")
        given_way = self._given.tunnel or self._given.proxy_command
        first = next((s for name, found in self.seen.items() if name in through for s in found), None)
        return CanonicalRules(
            wanted=YES.get(wanted, wanted),
            domains=tuple(
                name
                for name in said.get("canonical_domains", self._given.canonical_domains)
                if name != "none"
            ),
            fallback_local=YES.get(fallback, fallback),
            max_dots=int(word("canonicalize_max_dots")),
            cnames=self._given.canonicalize_permitted_cnames if cnames is None else _cname_pairs(cnames),
            direct=not given_way and (first is None or first.text.strip().lower() == "none"),
        )

    def _final_tokens(self) -> Tokens:
        user = self._given.username
        port = str(self._given.port) if self._given.is_given("port") else self.text("port") or "22"

        def tokens(name: str) -> Tokens:
            return Tokens.of(self._subject, self.host, name, port, self.text)

        if not user and "user" in self.seen:
            setting = self.seen["user"][0]
            # It is not yet known whom %r and %C are about.
            allowed = ALL.replace("r", "").replace("C", "")
            user = substituted(setting, setting.arguments[0], allowed, tokens(""), self._environment)
            if not is_plain_user(user):
                raise setting.error(
                    f"{user!r} is no name of a user: it has what a shell or an option would be"
                )
            self.user = user
        return tokens(user or self._local_user)

    def text(self, name: str) -> str:
        """Return the first word of a keyword, or ""."""
        found = self.seen.get(name)
        return found[0].arguments[0] if found else ""

    def shown(self) -> dict[str, list[str]]:
        """Return what `ssh -G` shows of it."""
        found = {
            keyword.name.lower(): [
                line
                for setting in self.seen[keyword.name.lower()]
                for line in self.lines(keyword.name, setting)
            ]
            for keyword in CLIENT
            if keyword.name.lower() in self.seen
        }
        found["sendenv"] = list(self.sent_names())
        found["hostname"] = [self.host]
        found["user"] = [self.tokens.by_letter["r"]]
        found["port"] = [self.tokens.by_letter["p"]]
        return {name: lines for name, lines in found.items() if lines}

    def lines(self, name: str, setting: Setting) -> list[str]:
        """Return how `ssh -G` shows a line."""
        words = list(setting.arguments)
        match name.lower():
            case "controlpath" | "identityagent" | "revokedhostkeys" | "userknownhostsfile":
                words = [
                    word if word.startswith("$") and word[1:2] != "{" else self.path(setting, word)
                    for word in words
                ]
            case "remotecommand":
                words = [substituted(setting, words[0], ALL, self.tokens)]
            case "setenv":
                return [substituted(setting, word, ALL, self.tokens, self._environment) for word in words]
            case "hostkeyalias":
                words = [words[0].lower()]
            case "rekeylimit":
                words = [*words, "0"][:2]
            case "forwardagent":
                if words[0] not in YES and (not words[0].startswith("$") or words[0][1:2] == "{"):
                    words = [self.path(setting, words[0])]
            case "proxyjump":
                words = [
                    ",".join(hop.removeprefix("ssh://").rstrip("/") for hop in self.jump(setting).split(","))
                ]
        return [" ".join(words)]

    def path(self, setting: Setting, text: str) -> str:
        """Return a path with ~, tokens and variables resolved."""
        if text.startswith("~") and not expand(text).is_absolute():
            raise setting.error(
                f"there is no user {text[1:].partition('/')[0]!r} here, whose home that would be"
            )
        return substituted(setting, str(expand(text)), ALL, self.tokens, self._environment)

    def sent_names(self) -> tuple[str, ...]:
        """Return the names of variables that SendEnv leaves."""
        names: list[str] = []
        for setting in self.seen.get("sendenv", ()):
            for word in setting.arguments:
                if word.startswith("-"):
                    names = [name for name in names if not matches_one(setting, [word[1:]], name)]
                else:
                    names.append(word)
        return tuple(names)

    @staticmethod
    def jump(setting: Setting) -> str:
        """Return the hops that ProxyJump names."""
        return setting.arguments[0]


def _whole_address(host: str) -> str:
    """Return an address in full, be it one in a short form (`127.1`), as ssh looks it up; a name as it is."""
    if not re.fullmatch(_NUMBERS, host):
        return host
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return host
    return str(found[0][4][0])


def _cname_pairs(words: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the pairs of pattern lists that CanonicalizePermittedCNAMEs names."""
    pairs = (word.partition(":") for word in words if word.lower() != "none")
    return tuple((source, target) for source, _, target in pairs)
