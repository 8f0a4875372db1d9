"""Whether the key that a host shows is its own: the client's verdict, in words for a person.

Owns: the lookup in known_hosts, the order of host key algorithms that comes of it, and the messages.
Must not know: the connection, or how a key is verified.
"""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from nacre.aio.log import logger, plain
from nacre.errors import HostKeyNotVerifiable
from nacre.keys import SSHCertificate, SSHKey, certificate_algorithms, default_host_key_algorithms
from nacre.keys.files import name_of
from nacre.trust import SSHKnownHosts, known_hosts_line, match_known_hosts
from nacre.trust.known_hosts import KnownHostsResult, match_in_files
from nacre.wire.record import record

if TYPE_CHECKING:
    from nacre.trust.revocation import KeyRevocationList, RevokedArgument

_DEFAULT_PORT = 22


def default_known_hosts() -> Path:
    """Return the file that is looked into when the program names none."""
    return Path("~/.ssh/known_hosts").expanduser()


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
    """

    host: str
    port: int
    where: str
    anything: bool = False
    trusted: tuple[SSHKey, ...] = ()
    revoked: tuple[SSHKey, ...] = ()
    authorities: tuple[SSHKey, ...] = ()
    revocations: KeyRevocationList | None = None

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
        certified: tuple[str, ...] = ()
        if self.authorities or (asks_about_authorities and not self.anything):
            certified = certificate_algorithms()
        first = certified if self.authorities or not known else ()
        return tuple(dict.fromkeys((*first, *known, *certified, *default_host_key_algorithms())))

    def name(self) -> str:
        """Return the host as known_hosts writes it."""
        return (self.host or "the peer") if self.port == _DEFAULT_PORT else f"[{self.host}]:{self.port}"

    def is_revoked(self, shown: SSHKey | SSHCertificate) -> bool:
        """Return whether a key is revoked, or a certificate, its key or its authority."""
        if self.revocations is not None and self.revocations.revokes(shown):
            return True
        keys = (shown.key, shown.signing_key) if isinstance(shown, SSHCertificate) else (shown,)
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
        if self.anything or any(trusted.public_data == blob for trusted in self.trusted):
            return Standing.TRUSTED
        return Standing.CHANGED if self.trusted else Standing.UNKNOWN

    def refusal(self, key: SSHKey) -> HostKeyNotVerifiable:
        """Return the error for a key that is not trusted: what came, and what to do about it."""
        shown = f"{key.get_algorithm()} {key.get_fingerprint()}"
        name = self.name()
        match self.standing(key):
            case Standing.REVOKED:
                text = f"the host key of {name} is revoked: it shows {shown}, {self.revoked_by(key)}"
            case Standing.CHANGED:
                known = ", ".join(f"{old.get_algorithm()} {old.get_fingerprint()}" for old in self.trusted)
                text = (
                    f"the host key of {name} has CHANGED: it shows {shown}, and {self.where} has {known}. "
                    f"Somebody may be listening in. If the host did get a new key, replace its lines there"
                )
            case _:
                text = f"the host key of {name} is not known: it shows {shown}, and {self.where} has no key for it"
                try:
                    line = known_hosts_line(self.host, self.port, key)
                except ValueError:
                    pass
                else:
                    text += f". If that is its fingerprint, trust it with this line:\n{line}"
        return HostKeyNotVerifiable(text)


def revocations_of(revoked: RevokedArgument | None) -> KeyRevocationList | None:
    """Return the list that `revoked_host_keys` names. OSError, KeyImportError."""
    if revoked is None:
        return None
    from nacre.trust.revocation import revocation_list  # few programs have one

    return revocation_list(revoked)


def require_files(known_hosts: Any, revoked: RevokedArgument | None) -> None:
    """Raise what is wrong with a file now, such as that it is not there: nobody is to be called in vain."""
    revocations_of(revoked)
    entries = [known_hosts] if isinstance(known_hosts, (str, PurePath)) else known_hosts
    if isinstance(entries, (list, tuple)) and all(isinstance(entry, (str, PurePath)) for entry in entries):
        for entry in entries:
            os.stat(name_of(entry))


def _matched(known_hosts: Any, name: str, addr: str, port: int, where: str) -> KnownHostsResult:
    """Return the keys; as for ssh, a line of a file that is not understood leaves the others alone."""
    if isinstance(known_hosts, bytes):
        lines = SSHKnownHosts(known_hosts)
        found, problems = lines.match(name, addr, port), tuple(lines.problems)
    elif isinstance(known_hosts, list) and all(isinstance(entry, (str, PurePath)) for entry in known_hosts):
        found, problems = match_in_files(known_hosts, name, addr, port)
    else:
        return match_known_hosts(known_hosts, name, addr, port)
    for problem in problems:
        logger.info("%s line %d is passed over: %s", where, problem.line, plain(problem.reason))
    return found


def look_up(
    known_hosts: Any,
    host: str,
    addr: str,
    port: int,
    alias: str | None,
    revoked: RevokedArgument | None = None,
) -> HostTrust:
    """Return what is believed of a host.

    Args:
        known_hosts: the option: None turns the check off, `()` stands for the user's own file.
        host: the name that was connected to.
        addr: the address that it has.
        port: the port.
        alias: the name to look up in place of the host's.
        revoked: the option `revoked_host_keys`, which holds also where the check is turned off.

    Raises:
        OSError, ValueError, TypeError: as `match_known_hosts` and `read_krl`.
    """
    name = alias or host or addr
    revocations = revocations_of(revoked)
    if known_hosts is None:
        return HostTrust(name, port, "nothing", anything=True, revocations=revocations)
    where = "known_hosts"
    if isinstance(known_hosts, tuple) and not known_hosts:
        path = default_known_hosts()
        where = str(path)
        if not path.exists():
            return HostTrust(name, port, where, revocations=revocations)
        known_hosts = [path]
    elif isinstance(known_hosts, (str, PurePath)):
        where = str(known_hosts)
        known_hosts = [known_hosts]
    elif isinstance(known_hosts, (list, tuple)) and all(
        isinstance(entry, (str, PurePath)) for entry in known_hosts
    ):
        where = ", ".join(map(str, known_hosts))
        known_hosts = list(known_hosts)
    trusted, authorities, barred, *_ = _matched(known_hosts, name, "" if alias else addr, port, where)
    return HostTrust(
        name,
        port,
        where,
        trusted=tuple(trusted),
        revoked=tuple(barred),
        authorities=tuple(authorities),
        revocations=revocations,
    )
