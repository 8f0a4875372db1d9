"""KnownHostsCommand of a client's configuration (ssh_config(5)): a program that prints lines of known_hosts.

Owns: its arguments, that it must have ended well, and how its lines go together with those of the files. Must not know:
how a program is bounded and ended (`nacre.aio.commands`), or what becomes of a key.

As ssh has it, the program runs as the user, with the user's environment, and whose it is is the user's affair.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any, Final, Self

from nacre.aio.commands import Command, CommandFailed, asked
from nacre.config_machine import is_plain, plain_names_only
from nacre.errors import ConfigParseError, HostKeyNotVerifiable
from nacre.host_trust import known_hosts_name
from nacre.keys import SSHCertificate, SSHKey
from nacre.trust.config_lines import Setting, whole_words
from nacre.trust.config_tokens import ALL, Tokens, substituted
from nacre.trust.known_hosts import FoundKeys, SSHKnownHosts
from nacre.trust.known_x509 import NO_X509, known_x509
from nacre.trust.lines import MAX_LINES, Problem, as_text
from nacre.wire.record import record

__all__ = ["COMMAND", "KnownHostsCommand", "Purpose", "with_lines"]

#: What stands for the program where messages name the file of a line.
COMMAND: Final = PurePath("KnownHostsCommand")

_LETTERS: Final = ALL + "fHIKt"
_DEFAULT_PORT: Final = 22
#: What stands for a key before there is one.
_NO_KEY: Final = "NONE"


class Purpose(Enum):
    """What a program is asked for; the token %I."""

    ORDER = "ORDER"
    HOSTNAME = "HOSTNAME"


@record
class KnownHostsCommand:
    """A program of the configuration.

    Attributes:
        setting: its line.
        words: the line in words, tokens and variables as they are written.
        tokens: those of the connection.
        environment: the variables that the words name.
        fingerprints: the hash of %f.
    """

    setting: Setting
    words: tuple[str, ...]
    tokens: Tokens
    environment: Mapping[str, str]
    fingerprints: str

    @classmethod
    def of(
        cls, setting: Setting, tokens: Tokens, environment: Mapping[str, str], fingerprints: str = "sha256"
    ) -> Self:
        """Return the program of a line.

        Raises:
            ConfigParseError: it has no absolute path, or a token or a name that may not stand there.
        """
        words = whole_words(setting)
        if not words or not os.path.isabs(words[0]):
            raise setting.error("an absolute path is expected, or none")
        found = cls(setting, words, tokens, environment, fingerprints)
        for word in words[1:]:
            plain_names_only(setting, word, tokens)
        found.argv(Purpose.ORDER, "", None)
        return found

    def argv(self, purpose: Purpose, host: str, shown: SSHKey | SSHCertificate | None) -> tuple[str, ...]:
        """Return the program and its arguments.

        Args:
            purpose: what it is asked for.
            host: the host as known_hosts writes it.
            shown: the key or certificate that the host has shown.
        """
        letters = {
            **self.tokens.by_letter,
            "I": purpose.value,
            "H": host,
            "f": _NO_KEY,
            "K": _NO_KEY,
            "t": _NO_KEY,
        }
        if shown is not None:
            key = shown.key if isinstance(shown, SSHCertificate) else shown
            blob = b64encode(shown.public_data).decode("ascii")
            letters |= {"f": key.get_fingerprint(self.fingerprints), "K": blob, "t": shown.algorithm}
        path, *arguments = self.words
        tokens = Tokens(letters)
        return (
            path,
            *(substituted(self.setting, word, _LETTERS, tokens, self.environment) for word in arguments),
        )

    async def for_order(self, host: str, port: int, alias: str | None) -> str:
        """Return what the program prints before the host has shown anything: the order of algorithms comes of it.

        Args:
            host: its name.
            port: its port.
            alias: the name that is looked up in place of it, on every port.

        Raises:
            HostKeyNotVerifiable: nothing that counts: nobody is connected to, as with ssh.
        """
        return await self._lines(Purpose.ORDER, alias or host, _DEFAULT_PORT if alias else port, None)

    async def for_host(self, host: str, port: int, shown: SSHKey | SSHCertificate) -> str:
        """Return what the program prints for a host that has shown a key.

        Args:
            host: its name, or the alias, or its address.
            port: its port; 22 with an alias.
            shown: the key or certificate.

        Raises:
            HostKeyNotVerifiable: nothing that counts: the connection ends, as with ssh.
        """
        return await self._lines(Purpose.HOSTNAME, host, port, shown)

    async def _lines(
        self, purpose: Purpose, host: str, port: int, shown: SSHKey | SSHCertificate | None
    ) -> str:
        try:
            if not host or not is_plain(host):
                raise self._command((self.words[0],)).failure(f"{host!r} is no name of a host")
            command = self._command(self.argv(purpose, known_hosts_name(host.lower(), port), shown))
            return await asked(lambda: command, _text)
        except (CommandFailed, ConfigParseError, ValueError, RuntimeError) as error:
            raise HostKeyNotVerifiable(f"{self.setting.where}: {error}") from None

    def _command(self, argv: tuple[str, ...]) -> Command:
        return Command(self.setting.keyword, argv)


def _text(output: bytes) -> str:
    text = as_text(output)
    if text.count("\n") > MAX_LINES:
        raise CommandFailed(f"KnownHostsCommand: it printed more than {MAX_LINES} lines")
    return text


def with_lines(found: FoundKeys, printed: str, host: str) -> tuple[FoundKeys, tuple[int, ...], list[Problem]]:
    """Return what files have for a host, and what a program has printed for it.

    As ssh has it, the lines of the program count for the host as it was looked for, with its port: they go before what
    files have for its name alone, or for its address. What either revokes is revoked.

    Args:
        found: what the files have.
        printed: lines of known_hosts.
        host: the host as known_hosts writes it.

    Returns:
        The keys, of which those of the program stand last; its lines with these; the lines that were refused.
    """
    lines = SSHKnownHosts(printed)
    more = lines.find(host)
    barred = {key.public_data for key in (*found.revoked, *more.revoked)}
    before = found.trusted if found.own or not more.trusted else ()
    kept = [index for index, key in enumerate(before) if key.public_data not in barred]
    added = [index for index, key in enumerate(more.trusted) if key.public_data not in barred]
    known, both = NO_X509, (found.x509, more.x509)
    if any(each is not NO_X509 for each in both):
        trusted: list[Any] = [entry for each in both for entry in (*each.certificates, *each.subjects)]
        revoked: list[Any] = [entry for each in both for entry in (*each.revoked, *each.revoked_subjects)]
        known = known_x509(trusted, revoked, barred)
    authorities = dict.fromkeys((*found.authorities, *more.authorities))
    together = FoundKeys(
        (*(before[index] for index in kept), *(more.trusted[index] for index in added)),
        tuple(found.places[index] for index in kept if index < len(found.places)),
        tuple(key for key in authorities if key.public_data not in barred),
        tuple(dict.fromkeys((*found.revoked, *more.revoked))),
        found.own or bool(more.trusted),
        known,
    )
    return together, tuple(more.places[index][1] for index in added), lines.problems
