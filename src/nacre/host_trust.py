"""Whether the key that a host shows is its own: the client's verdict, in words for a person.

Owns: the lookup in known_hosts, the order of host key algorithms that comes of it, and the messages.
Must not know: the connection, how a key is verified, or what becomes of one that is not known
(`nacre.host_policy`).
"""

from __future__ import annotations

import functools
import os
import shlex
import stat
from collections.abc import Callable, Iterable
from enum import Enum
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from nacre.aio.log import logger, plain
from nacre.aio.tasks import settle
from nacre.config_alone import alone
from nacre.errors import HostKeyNotVerifiable
from nacre.keys import SSHCertificate, SSHKey, certificate_algorithms, default_host_key_algorithms
from nacre.keys.files import expand
from nacre.trust import Problem, SSHKnownHosts, known_hosts_line, match_known_hosts
from nacre.trust.known_hosts import FoundKeys, match_in_files
from nacre.trust.known_x509 import NO_X509, KnownX509
from nacre.trust.lines import MAX_LINES, read_texts
from nacre.trust.pattern import parse_address
from nacre.trust.policy import HostKeyChecking
from nacre.wire.record import record

if TYPE_CHECKING:
    from nacre.host_commands import KnownHostsCommand
    from nacre.keys.shown import Shown
    from nacre.options import SSHClientConnectionOptions
    from nacre.trust.revocation import KeyRevocationList, RevokedArgument

_DEFAULT_PORT = 22
_COMMAND = "KnownHostsCommand"


def default_known_hosts() -> Path:
    """Return the file that is looked into when the program names none."""
    return Path("~/.ssh/known_hosts").expanduser()


@record
class KnownHostsFiles:
    """The files that a configuration names. One that is not there says nothing.

    Attributes:
        user: the user's own; the first is where keys are kept.
        system: those of the machine, which are never written.
        command: the program that prints lines besides; None: there is none.
    """

    user: tuple[Path, ...]
    system: tuple[Path, ...] = ()
    command: KnownHostsCommand | None = None


@record
class Place:
    """A line of a file, or of a program (`nacre.host_commands.COMMAND`)."""

    path: PurePath
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class Standing(Enum):
    """What is known of a key for a host."""

    TRUSTED = "trusted"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    REVOKED = "revoked"


@record
class HostTrust:
    """What is believed of one host.

    Attributes:
        host: its name, as the user gave it or as `host_key_alias` says.
        port: the port.
        where: what was looked into, for messages.
        anything: the check was turned off by `known_hosts=None`.
        trusted: the keys that it may show.
        revoked: the keys that nobody may show, and that may not certify any.
        authorities: the keys that may certify those of this host.
        revocations: what `revoked_host_keys` names.
        files: the user's own, of which the first is where keys are kept; (): there is none.
        places: where each of the trusted keys stands, if they come from files.
        own: whether the trusted keys are those of the host's own name with its port: another key is then a
            changed one. Those of its name alone, or of its address, are trusted, and say nothing about others.
        x509: the X.509 certificates and subjects.
        ranks: the algorithms in whose order the trusted keys are asked for, wherever their lines stand, as with ssh; (): a
            program gave the keys, in its own order.
        fingerprints: the hash by which keys are shown.
    """

    host: str
    port: int
    where: str
    anything: bool = False
    trusted: tuple[SSHKey, ...] = ()
    revoked: tuple[SSHKey, ...] = ()
    authorities: tuple[SSHKey, ...] = ()
    revocations: KeyRevocationList | None = None
    files: tuple[Path, ...] = ()
    places: tuple[Place, ...] = ()
    own: bool = True
    x509: KnownX509 = NO_X509
    ranks: tuple[str, ...] = ()
    fingerprints: str = "sha256"

    def algorithms(self, chosen: tuple[str, ...], asks_about_authorities: bool = False) -> tuple[str, ...]:
        """Return the host key algorithms to offer, in order.

        Args:
            chosen: what the program chose; else those for certificates come first where an authority is
                known, then those of the keys that are known, so that a server with several keys shows one
                of them.
            asks_about_authorities: whether the program decides about authorities that are not known.
        """
        if chosen:
            return chosen
        known = [name for key in self.trusted for name in key.sig_algorithms]
        known = [*(name for name in self.ranks if name in known), *known]
        certified: tuple[str, ...] = ()
        if self.authorities or (asks_about_authorities and not self.anything):
            certified = certificate_algorithms()
        first = certified if self.authorities or not known else ()
        return tuple(dict.fromkeys((*first, *known, *certified, *default_host_key_algorithms())))

    def shows(self, key: SSHKey) -> str:
        """Return a key as people compare it: its type and its fingerprint."""
        return f"{key.get_algorithm()} {key.get_fingerprint(self.fingerprints)}"

    def name(self) -> str:
        """Return the host as known_hosts writes it."""
        return (self.host or "the peer") if self.port == _DEFAULT_PORT else f"[{self.host}]:{self.port}"

    def is_revoked(self, shown: SSHKey | SSHCertificate) -> bool:
        """Return whether a key is revoked, or a certificate, its key or its authority."""
        if self.revocations is not None and self.revocations.revokes(shown):
            return True
        keys = (shown.key, shown.signing_key) if isinstance(shown, SSHCertificate) else (shown,)
        if not self.revoked:
            return False
        barred = {key.public_data for key in self.revoked}
        return any(key.public_data in barred for key in keys)

    def revoked_by(self, shown: SSHKey | SSHCertificate) -> str:
        """Return the words for who revokes it."""
        if self.revocations is not None and self.revocations.revokes(shown):
            return "which revoked_host_keys revokes"
        return f"which {self.where} marks with @revoked"

    def standing(self, key: SSHKey) -> Standing:
        """Return what is known of a key."""
        blob = key.public_data
        if self.is_revoked(key):
            return Standing.REVOKED
        if self.anything:
            return Standing.TRUSTED
        for trusted in self.trusted:
            if trusted.public_data == blob:
                return Standing.TRUSTED
        return Standing.CHANGED if self.trusted and self.own else Standing.UNKNOWN

    def is_users(self, key: SSHKey) -> bool:
        """Return whether a key stands in a file of the user under the host's own name."""
        if not self.own:
            return False
        blob = key.public_data
        for known, place in zip(self.trusted, self.places, strict=False):
            if place.path in self.files and known.public_data == blob:
                return True
        return False

    def refusal(self, key: SSHKey, why: str = "") -> HostKeyNotVerifiable:
        """Return the error for a key that is not trusted: what came, and what to do about it.

        Args:
            key: the key.
            why: what is in the way of a key that is not known, if it is not that alone.
        """
        shown = self.shows(key)
        name = self.name()
        match self.standing(key):
            case Standing.REVOKED:
                text = f"the host key of {name} is revoked: it shows {shown}, {self.revoked_by(key)}"
            case Standing.CHANGED:
                text = f"the host key of {name} has CHANGED: it shows {shown}, and {self._known()}"
            case _:
                text = f"the host key of {name} is not known: it shows {shown}, and {self.where} has no key for it"
                if why:
                    return HostKeyNotVerifiable(f"{text}; {why}")
                try:
                    line = known_hosts_line(self.host, self.port, key)
                except ValueError:
                    pass
                else:
                    text += f". If that is its fingerprint, trust it with this line:\n{line}"
        return HostKeyNotVerifiable(text)

    def _known(self) -> str:
        """Return the words for what is known in place of a changed key, and for what to do."""
        keys = [self.shows(key) for key in self.trusted]
        danger = "Somebody may be listening in. If the host did get a new key"
        if not self.places:
            return f"{self.where} has {', '.join(keys)}. {danger}, replace its lines there"
        lines = ", ".join(f"{place} has {key}" for place, key in zip(self.places, keys, strict=True))
        paths = dict.fromkeys(str(place.path) for place in self.places)
        commands = [
            f"type: nacre keygen -R {shlex.quote(self.name())} -f {shlex.quote(path)}"
            if path != _COMMAND
            else f"see to it that {path} prints that"
            for path in paths
        ]
        return f"{lines}. {danger}, {' and '.join(commands).replace(' and type: ', ' and ')}"


def known_hosts_command(options: SSHClientConnectionOptions) -> KnownHostsCommand | None:
    """Return the program that prints lines of known_hosts; None: there is none."""
    files = options.known_hosts
    return files.command if isinstance(files, KnownHostsFiles) else None


def is_this_machine(options: SSHClientConnectionOptions, addr: str) -> bool:
    """Return whether the configuration has hosts at this address believed, whatever their key."""
    if not alone(options).trusts_loopback or options.host_key_alias:
        return False
    address = parse_address(addr)
    return address is not None and address.is_loopback


async def asked_about(
    options: SSHClientConnectionOptions, trust: HostTrust, shown: Shown, again: Callable[[str], HostTrust]
) -> HostTrust:
    """Return what is believed of a host that has shown a key, where a program is asked about it.

    Args:
        options: of the connection.
        trust: what is believed without that; where the check is off nobody is asked.
        shown: what the host has shown.
        again: looks up what is believed with the lines that the program prints.

    Raises:
        HostKeyNotVerifiable: the program has not ended well, so that nobody knows.
    """
    command = known_hosts_command(options)
    if command is None or trust.anything:
        return trust
    key = shown if isinstance(shown, (SSHKey, SSHCertificate)) else shown.key
    return again(await settle(command.for_host(trust.host, trust.port, key)))


def known_hosts_name(host: str, port: int) -> str:
    """Return a host as known_hosts writes it, whatever is in its name."""
    return host if port == _DEFAULT_PORT else f"[{host}]:{port}"


def revocations_of(revoked: RevokedArgument | None) -> KeyRevocationList | None:
    """Return the list that `revoked_host_keys` names. OSError, KeyImportError."""
    if revoked is None:
        return None
    from nacre.trust.revocation import revocation_list  # few programs have one

    return revocation_list(revoked)


def require_files(
    known_hosts: Any,
    revoked: RevokedArgument | None,
    checking: HostKeyChecking = HostKeyChecking.YES,
) -> None:
    """Raise what is wrong with a file now, such as that it is not there: nobody is to be called in vain."""
    revocations_of(revoked)
    files = _files(known_hosts)
    for path in _to_read(known_hosts, files, checking) if files is not None else ():
        found = os.stat(path)
        usable = stat.S_ISREG(found.st_mode) and os.access(path, os.R_OK)
        if not usable or found.st_size > MAX_LINES:  # it cannot be read, or may have too many lines
            read_texts(path)


def _to_read(known_hosts: Any, files: KnownHostsFiles, checking: HostKeyChecking) -> list[Path]:
    """Return the files that are to be read. OSError: nobody knows whether one is there.

    Of those that nobody named, and of the first if it is made for the first key that is kept, only what is there.
    """
    every = (*files.user, *files.system)
    if os.devnull in map(str, every):
        every = tuple(path for path in every if str(path) != os.devnull)
    if known_hosts == () or isinstance(known_hosts, KnownHostsFiles):
        return [path for path in every if path.exists()]
    return (
        [path for path in every if path != files.user[0] or path.exists()] if checking.keeps else list(every)
    )


def _files(known_hosts: Any) -> KnownHostsFiles | None:
    """Return the files that the option stands for; None: it stands for something else."""
    if isinstance(known_hosts, KnownHostsFiles):
        return known_hosts
    if type(known_hosts) is str and known_hosts and not known_hosts.startswith("~"):
        return _one_file(known_hosts)
    if isinstance(known_hosts, tuple) and not known_hosts:
        return KnownHostsFiles((default_known_hosts(),))
    if known_hosts == "":  # no file: what programs have whose setting is not set
        return KnownHostsFiles(())
    entries = [known_hosts] if isinstance(known_hosts, (str, PurePath)) else known_hosts
    if isinstance(entries, (list, tuple)) and all(isinstance(entry, (str, PurePath)) for entry in entries):
        return KnownHostsFiles(tuple(expand(entry) for entry in entries))
    return None


@functools.lru_cache(64)
def _one_file(name: str) -> KnownHostsFiles:
    return KnownHostsFiles((expand(name),))


def look_up(
    known_hosts: Any,
    host: str,
    addr: str,
    port: int,
    alias: str | None,
    revoked: RevokedArgument | None = None,
    checking: HostKeyChecking = HostKeyChecking.YES,
    fingerprints: str = "sha256",
    printed: str = "",
) -> HostTrust:
    """Return what is believed of a host.

    Args:
        known_hosts: the option: None turns the check off, `()` stands for the user's own file.
        host: the name that was connected to.
        addr: the address that it has.
        port: the port.
        alias: the name to look up in place of the host's, on every port.
        revoked: the option `revoked_host_keys`, which holds also where the check is turned off.
        checking: whether the first file may be missing, since keys will be kept there.
        fingerprints: the hash by which keys are shown.
        printed: what `KnownHostsCommand` has printed.

    Raises:
        OSError, ValueError, TypeError: as `match_known_hosts` and `read_krl`.
    """
    name = alias or host or addr
    revocations = revocations_of(revoked)
    # As ssh has it, an alias is written without a port.
    written_port = _DEFAULT_PORT if alias else port
    if known_hosts is None:
        return HostTrust(
            name, written_port, "nothing", anything=True, revocations=revocations, fingerprints=fingerprints
        )
    files = _files(known_hosts)
    places: tuple[Place, ...] = ()
    where = "known_hosts"
    if files is None:
        found = _elsewhere(known_hosts, name, "" if alias else addr, port)
    else:
        found, where, places = _in_files(known_hosts, files, name, "" if alias else addr, port, checking)
        if files.command is not None:
            from nacre.host_commands import COMMAND, with_lines  # few clients ask one

            where = f"{where}, {COMMAND}"
            written = known_hosts_name(name, written_port)
            kept = dict(zip(found.places, places, strict=True))
            found, lines, problems = with_lines(found, printed, written)
            places = (*(kept[place] for place in found.places), *(Place(COMMAND, line) for line in lines))
            _tell(problems, str(COMMAND))
    return HostTrust(
        name,
        written_port,
        where,
        trusted=found.trusted,
        revoked=found.revoked,
        authorities=found.authorities,
        revocations=revocations,
        files=files.user if files is not None else (),
        places=places,
        own=found.own or alias is not None,
        x509=found.x509,
        ranks=()
        if known_hosts and (isinstance(known_hosts, tuple) or callable(known_hosts))
        else default_host_key_algorithms(),
        fingerprints=fingerprints,
    )


def _elsewhere(known_hosts: Any, name: str, addr: str, port: int) -> FoundKeys:
    """Return the keys from what is no file; a line that is not understood leaves the others alone."""
    if isinstance(known_hosts, bytes):
        lines = SSHKnownHosts(known_hosts)
        _tell(lines.problems, "known_hosts")
        return lines.find(name, addr, port)
    if isinstance(known_hosts, SSHKnownHosts):
        return known_hosts.find(name, addr, port)
    trusted, authorities, revoked, *_ = found = match_known_hosts(known_hosts, name, addr, port)
    known = KnownX509(tuple(found[3]), tuple(found[4]), tuple(found[5]), tuple(found[6]))
    return FoundKeys(tuple(trusted), (), tuple(authorities), tuple(revoked), own=True, x509=known)


def _in_files(
    known_hosts: Any, files: KnownHostsFiles, name: str, addr: str, port: int, checking: HostKeyChecking
) -> tuple[FoundKeys, str, tuple[Place, ...]]:
    """Return the keys from files, the words for these, and the places of the keys that are trusted."""
    where = ", ".join(map(str, (*files.user, *files.system))) or "known_hosts"
    there = _to_read(known_hosts, files, checking)
    found, problems = match_in_files(there, name, addr, port)
    if problems:
        _tell(problems, where)
    return found, where, tuple([Place(there[text], line) for text, line in found.places])


def _tell(problems: Iterable[Problem], where: str) -> None:
    for problem in problems:
        logger.info("%s line %d is passed over: %s", where, problem.line, plain(problem.reason))
