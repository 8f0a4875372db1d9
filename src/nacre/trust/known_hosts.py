"""known_hosts: which keys a host may show (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).

Owns: the file format, and the lookup that turns a host, its address and its port into trusted and
revoked keys. Must not know: connections; the caller compares the keys; how files are changed
(`nacre.trust.known_hosts_changes`).

The order of a lookup: lines for the host name with its port, the host name alone, the address with
its port, the address alone; the first of these that has a key decides. So a line for an address
never adds a key to a host that has a line of its own under its name; an authority for the name alone
is one on every port. Revoked keys are collected from all of them, and whatever is revoked is taken out
of what is trusted.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import PurePath
from typing import Any, Final, Self

from nacre.errors import NotSupportedYet
from nacre.keys import SSHCertificate, SSHKey, SSHX509Certificate, decode_shown_key, load_public_keys
from nacre.keys.armor import strict_base64
from nacre.keys.files import FilePath
from nacre.keys.x509 import load_der
from nacre.keys.x509_subjects import SUBJECT, X509_LINE, X509Subject, decode_x509_line, subject_of
from nacre.trust.known_x509 import NO_X509, KnownX509, known_x509, x509_certificates, x509_subjects
from nacre.trust.lines import Problem, as_text, numbered_lines, once_for_each, read_texts, words
from nacre.trust.pattern import HostPatterns, IPAddress, parse_address
from nacre.wire.record import record

__all__ = [
    "FoundKeys",
    "KnownHostsArgument",
    "KnownHostsLine",
    "KnownHostsResult",
    "Marker",
    "SSHKnownHosts",
    "hash_host_name",
    "host_name",
    "import_known_hosts",
    "known_hosts_line",
    "match_in_files",
    "match_known_hosts",
    "parse_line",
    "read_known_hosts",
]

#: Host keys, CA keys, revoked keys, X.509 certificates, revoked ones, subjects, revoked ones.
KnownHostsResult = tuple[
    list[SSHKey],
    list[SSHKey],
    list[SSHKey],
    list[SSHX509Certificate],
    list[SSHX509Certificate],
    list[X509Subject],
    list[X509Subject],
]

_DEFAULT_PORT: Final = 22
_HASH_MAGIC: Final = "|1|"
_HASH_SIZE: Final = 20


class Marker(Enum):
    """What a line says of its key."""

    TRUSTED = ""
    AUTHORITY = "@cert-authority"
    REVOKED = "@revoked"


_MARKERS: Final = {marker.value: marker for marker in (Marker.AUTHORITY, Marker.REVOKED)}


def hash_host_name(name: str, salt: bytes) -> str:
    """Return what stands in a file for a host whose name is not to be read there.

    Args:
        name: in lower case, with its port where known_hosts has it.
        salt: 20 bytes that nobody could foresee.
    """
    digest = hmac.digest(salt, name.encode("utf-8", "surrogatepass"), "sha1")
    return f"{_HASH_MAGIC}{b64encode(salt).decode('ascii')}|{b64encode(digest).decode('ascii')}"


class HashedHost:
    """A host name of which the file has only the HMAC-SHA1 (`ssh-keygen -H`)."""

    __slots__ = ("_digest", "_salt")

    def __init__(self, text: str) -> None:
        if not text.startswith(_HASH_MAGIC):
            raise ValueError(f"names are hashed with {_HASH_MAGIC} in front, not {text[:3]!r}")
        try:
            salt, digest = (strict_base64(part) for part in text[len(_HASH_MAGIC) :].split("|"))
        except ValueError:
            raise ValueError("the hashed host name is not valid") from None
        if len(salt) != _HASH_SIZE or len(digest) != _HASH_SIZE:
            raise ValueError("the hashed host name is not valid")
        self._salt = salt
        self._digest = digest

    def includes(self, subjects: tuple[str, ...], address: IPAddress | None) -> bool:
        return any(
            hmac.compare_digest(
                hmac.digest(self._salt, subject.encode("utf-8", "surrogatepass"), "sha1"), self._digest
            )
            for subject in subjects
        )

    def excludes(self, subjects: tuple[str, ...], address: IPAddress | None) -> bool:
        return False


@record
class KnownHostsLine:
    """One line; its key is decoded when the host matches, since most lines never do.

    Attributes:
        marker: what the line says of its key.
        names: the hosts, as they are written.
        hosts: the same, to be matched.
        key_type: the name of the algorithm.
        encoded_key: the key in base64, or the subject of X.509 certificates.
    """

    marker: Marker
    names: str
    hosts: HashedHost | HostPatterns
    key_type: str
    encoded_key: str

    def is_for(self, name: str) -> bool:
        """Return whether the line is for this very name, in lower case, with its port where it has one."""
        return self.hosts.includes((name,), None) and not self.hosts.excludes((name,), None)

    @property
    def is_x509(self) -> bool:
        """Whether the line has an X.509 certificate, or the name of one (PKIX-SSH), rather than a key."""
        return self.key_type.startswith(X509_LINE)

    def x509(self) -> SSHX509Certificate | X509Subject | None:
        """Return the X.509 certificate or the subject of some; None: the line has none, or is damaged."""
        if not self.is_x509:
            return None
        try:
            subject = subject_of(self.encoded_key)
            # What a certificate is called revokes no less.
            return subject or SSHX509Certificate(load_der(strict_base64(self.encoded_key)))
        except ValueError:
            return None

    def key(self) -> SSHKey | None:
        """Return the key, or None for one that nacre does not take and so will never be shown."""
        if self.is_x509:
            # As below: who revokes a certificate means its key.
            found = self.x509() if self.marker is Marker.REVOKED else None
            return found.key if isinstance(found, SSHX509Certificate) else None
        try:
            data = strict_base64(self.encoded_key)
            shown = decode_shown_key(data)
        except ValueError:
            return None
        if shown.algorithm != self.key_type:
            return None
        if isinstance(shown, SSHCertificate):
            # Nobody is trusted by a certificate that stands here; who revokes one means its key.
            return shown.key if self.marker is Marker.REVOKED else None
        return shown


def parse_line(line: str) -> KnownHostsLine:
    """Return the line taken apart; ValueError says why it is refused."""
    marker = Marker.TRUSTED
    if line.startswith("@"):
        word, *rest = words(line, 2)
        if word not in _MARKERS:
            raise ValueError(f"unknown marker {word[:40]!r}")
        marker = _MARKERS[word]
        line = rest[0] if rest else ""
        if line.startswith("@"):
            raise ValueError("more than one marker")
    fields = words(line, 4)
    if len(fields) < 3:
        raise ValueError("a line has a host, a key type and a key")
    hosts, key_type, encoded_key = fields[:3]
    if key_type.startswith(X509_LINE):
        encoded_key = _x509_text(marker, key_type, words(line, 3)[2])
    patterns = HashedHost(hosts) if hosts.startswith("|") else HostPatterns(hosts)
    return KnownHostsLine(marker, hosts, patterns, key_type, encoded_key)


def _x509_text(marker: Marker, key_type: str, rest: str) -> str:
    """Return what a line has behind a type of X.509: a certificate in base64, or a subject with its blanks."""
    certificate = words(rest, 2)[0]
    if marker is Marker.REVOKED:
        # Refused, a line that is damaged would revoke nothing: who asks for its host is told.
        return rest if re.match(SUBJECT, rest) else certificate
    found = decode_x509_line(key_type, rest)
    if marker is Marker.AUTHORITY and not (isinstance(found, SSHX509Certificate) and found.is_authority):
        raise ValueError("@cert-authority is for the certificate of an authority")
    return rest if isinstance(found, X509Subject) else certificate


@record
class _Place:
    """Where a line stands: the number of the text, from 0, and that of the line in it, from 1."""

    text: int
    line: int


#: A key, and where it stands.
_Hit = tuple[SSHKey, _Place]


@record
class _Found:
    """The keys of the lines that matched in one step of the lookup."""

    trusted: list[_Hit]
    authorities: list[SSHKey]
    revoked: list[SSHKey]
    x509: list[SSHX509Certificate | X509Subject]
    revoked_x509: list[SSHX509Certificate | X509Subject]


@record
class FoundKeys:
    """What a lookup finds.

    Attributes:
        trusted: the keys that the host may show.
        places: for each of them the text that it stands in, from 0, and the line, from 1.
        authorities: the keys that may certify those of the host.
        revoked: the keys that nobody may show.
        own: whether the trusted keys are those of the host's own name with its port, rather than of its name
            alone or its address.
        x509: the X.509 certificates and subjects.
    """

    trusted: tuple[SSHKey, ...]
    places: tuple[tuple[int, int], ...]
    authorities: tuple[SSHKey, ...]
    revoked: tuple[SSHKey, ...]
    own: bool
    x509: KnownX509 = NO_X509

    def lists(self) -> KnownHostsResult:
        """Return the keys as `match_known_hosts` does, in lists of the caller's own."""
        return list(self.trusted), list(self.authorities), list(self.revoked), *self.x509.lists()


class SSHKnownHosts:
    """The lines of one known_hosts file, or of several.

    Args:
        known_hosts: the content of a file; None begins without lines.

    Attributes:
        problems: the lines that were refused.
    """

    def __init__(self, known_hosts: str | bytes | None = None) -> None:
        self._lines: list[tuple[KnownHostsLine, _Place]] = []
        self._texts = 0
        self.problems: list[Problem] = []
        if known_hosts is not None:
            self.load(known_hosts)

    def required(self) -> Self:
        """Return this, unless a line was refused: then ValueError says which, and why."""
        _require_none(self.problems)
        return self

    def load(self, known_hosts: str | bytes) -> None:
        """Add the lines of a file.

        A line that is not understood is refused, and noted in `problems`; one with a key of a type
        that nacre does not take is left alone.

        Args:
            known_hosts: the content of the file.

        Raises:
            ValueError: there is too much of it.
        """
        for number, line in numbered_lines(as_text(known_hosts), self.problems):
            try:
                self._lines.append((parse_line(line), _Place(self._texts, number)))
            except ValueError as exc:
                self.problems.append(Problem(number, str(exc)))
        self._texts += 1

    def match(self, host: str, addr: str | None = None, port: int | None = None) -> KnownHostsResult:
        """Return the keys for a host.

        Args:
            host: the name that the user gave.
            addr: the address that is connected to, or None or "".
            port: the port that is connected to; None and 0 are 22.

        Returns:
            Host keys, CA keys, revoked keys (those of revoked certificates too), X.509 certificates that are
            trusted, revoked ones, subjects of X.509 certificates, revoked ones.

        Raises:
            NotSupportedYet: a line for the host revokes X.509 certificates, and does not say which.
        """
        return self.find(host, addr, port).lists()

    def find(self, host: str, addr: str | None = None, port: int | None = None) -> FoundKeys:
        """Return the keys for a host, and where they stand; the arguments are those of `match`."""
        host = (host or "").lower()
        address = parse_address(addr) or parse_address(host)
        addr_text = str(address) if address else (addr or "").lower()
        steps: list[tuple[str, IPAddress | None]] = []
        for subject, subject_address in ((host, None), (addr_text, address)):
            if subject:
                if port not in (None, 0, _DEFAULT_PORT):
                    steps.append((f"[{subject}]:{port}", None))
                steps.append((subject, subject_address))
        subjects = tuple(dict.fromkeys(subject for subject, _ in steps))
        open_lines = [entry for entry in self._lines if not entry[0].hosts.excludes(subjects, address)]

        trusted: list[_Hit] = []
        authorities: list[SSHKey] = []
        revoked: list[SSHKey] = []
        x509: list[SSHX509Certificate | X509Subject] = []
        revoked_x509: list[SSHX509Certificate | X509Subject] = []
        own = False
        for number, (subject, subject_address) in enumerate(steps):
            found = _find(open_lines, subject, subject_address)
            revoked += found.revoked
            revoked_x509 += found.revoked_x509
            if not trusted and not authorities and not x509:
                trusted, authorities, x509 = found.trusted, found.authorities, found.x509
                own = bool(trusted) and number == 0
            elif not authorities and subject == host:
                # An authority for the host is one on every port, whatever key this port has.
                authorities = found.authorities
        barred = {key.public_data for key in revoked}
        trusted = [hit for hit in trusted if hit[0].public_data not in barred]
        return FoundKeys(
            tuple(key for key, _ in trusted),
            tuple((place.text, place.line) for _, place in trusted),
            tuple(key for key in authorities if key.public_data not in barred),
            tuple(dict.fromkeys(revoked)),
            own,
            known_x509(x509, revoked_x509, barred) if x509 or revoked_x509 else NO_X509,
        )


def _find(lines: list[tuple[KnownHostsLine, _Place]], subject: str, address: IPAddress | None) -> _Found:
    found = _Found([], [], [], [], [])
    for line, place in lines:
        if not line.hosts.includes((subject,), address):
            continue
        if line.is_x509:
            _take_x509(found, line)
        key = line.key()
        if key is None:
            continue
        match line.marker:
            case Marker.TRUSTED:
                found.trusted.append((key, place))
            case Marker.AUTHORITY:
                found.authorities.append(key)
            case Marker.REVOKED:
                found.revoked.append(key)
    return found


def _take_x509(found: _Found, line: KnownHostsLine) -> None:
    entry = line.x509()
    if line.marker is not Marker.REVOKED:
        if entry is not None:
            found.x509.append(entry)
    elif entry is None:
        # Passed over, it would revoke nothing.
        raise NotSupportedYet(
            "@revoked in known_hosts with what is no X.509 certificate or the subject of one",
            "revoke the certificate or its key",
        )
    else:
        found.revoked_x509.append(entry)


def _result(
    trusted: list[SSHKey], authorities: list[SSHKey], revoked: list[SSHKey], x509: Sequence[Any]
) -> KnownHostsResult:
    certificates, revoked_certificates, subjects, revoked_subjects = (*x509, (), (), (), ())[:4]
    barred = {key.public_data for key in revoked}
    known = known_x509(
        (*x509_certificates(certificates), *x509_subjects(subjects)),
        (*x509_certificates(revoked_certificates), *x509_subjects(revoked_subjects)),
        barred,
    )
    # Who revokes a certificate means its key.
    revoked = [*revoked, *(each.key for each in known.revoked)]
    barred |= {key.public_data for key in revoked}
    return (
        [key for key in trusted if key.public_data not in barred],
        [key for key in authorities if key.public_data not in barred],
        list(dict.fromkeys(revoked)),
        *known.lists(),
    )


def import_known_hosts(data: str | bytes) -> SSHKnownHosts:
    """Return the known hosts in the content of a file.

    Raises:
        ValueError: there is too much of it, or a line is not understood.
    """
    return SSHKnownHosts(data).required()


def read_known_hosts(filelist: FilePath | Sequence[FilePath]) -> SSHKnownHosts:
    """Return the known hosts in one file or in several.

    Raises:
        OSError: a file cannot be read.
        ValueError: one is no regular file, larger than 1 MiB, or has more than 10,000 lines; or a line is
            not understood.
    """
    known_hosts = SSHKnownHosts()
    for text in read_texts(filelist):
        known_hosts.load(text)
    return known_hosts.required()


def _require_none(problems: Sequence[Problem]) -> None:
    for problem in problems:
        raise ValueError(f"line {problem.line} of known_hosts: {problem.reason}")


def match_in_files(
    filelist: FilePath | Sequence[FilePath], host: str, addr: str, port: int | None
) -> tuple[FoundKeys, tuple[Problem, ...]]:
    """Return the keys for a host in files as they are now, and the lines that were refused.

    Raises:
        OSError, ValueError: as `read_known_hosts`, but for what is wrong with the lines.
    """
    return _match(tuple(read_texts(filelist)), host, addr, port)


@once_for_each
def _match(
    texts: tuple[str, ...], host: str, addr: str, port: int | None
) -> tuple[FoundKeys, tuple[Problem, ...]]:
    known_hosts = SSHKnownHosts()
    for text in texts:
        known_hosts.load(text)
    return known_hosts.find(host, addr, port), tuple(known_hosts.problems)


def _of_files(
    filelist: FilePath | Sequence[FilePath], host: str, addr: str, port: int | None
) -> KnownHostsResult:
    found, problems = match_in_files(filelist, host, addr, port)
    _require_none(problems)
    return found.lists()


#: A function as `match`; what it returns may be three, five or seven lists of key arguments.
KnownHostsFunction = Callable[[str, str, int | None], Sequence[object]]
KnownHostsArgument = FilePath | bytes | SSHKnownHosts | KnownHostsFunction | Sequence[object]


def match_known_hosts(
    known_hosts: KnownHostsArgument, host: str, addr: str = "", port: int | None = None
) -> KnownHostsResult:
    """Return the keys for a host, from whatever a program may pass as `known_hosts`.

    Args:
        known_hosts: a file name or a sequence of them, the bytes of a file, an `SSHKnownHosts`,
            three (or five, or seven) lists of keys, or a function of host, address and port that
            returns such lists.
        host: the name that the user gave.
        addr: the address that is connected to, or "".
        port: the port that is connected to.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file or a key is not valid.
        TypeError: `known_hosts` is none of these. None, which turns the check off, is for the
            caller: there is nothing to look up.
        NotSupportedYet: a line for the host revokes X.509 certificates, and does not say which.
    """
    if isinstance(known_hosts, (str, PurePath)):
        return _of_files(known_hosts or (), host, addr, port)
    if isinstance(known_hosts, bytes):
        return import_known_hosts(known_hosts).match(host, addr, port)
    if isinstance(known_hosts, SSHKnownHosts):
        return known_hosts.match(host, addr, port)
    if callable(known_hosts):
        known_hosts = known_hosts(host, addr, port)
    if not isinstance(known_hosts, Sequence):
        raise TypeError(f"known_hosts cannot be a {type(known_hosts).__name__}")
    filenames = [entry for entry in known_hosts if isinstance(entry, (str, PurePath))]
    if len(filenames) == len(known_hosts):
        return _of_files(filenames, host, addr, port)
    if len(known_hosts) not in (3, 5, 7):
        raise ValueError(f"known_hosts has {len(known_hosts)} lists; 3, 5 or 7 are expected")
    lists: list[Any] = list(known_hosts[:3])
    trusted, authorities, revoked = (load_public_keys(keys) for keys in lists)
    return _result(trusted, authorities, revoked, known_hosts[3:])


def host_name(host: str, port: int | None) -> str:
    """Return a host as known_hosts writes it: `name`, or `[name]:port`.

    Args:
        host: the name or address that the user gave.
        port: the port; None, 0 and 22 are not written.

    Raises:
        ValueError: the host has characters that mean something else in known_hosts.
    """
    name = host.lower()
    if not name or any(character in " ,|@#!*?[]" or not character.isprintable() for character in name):
        raise ValueError(f"{host!r} cannot stand in known_hosts")
    return name if port in (None, 0, _DEFAULT_PORT) else f"[{name}]:{port}"


def known_hosts_line(host: str, port: int | None, key: SSHKey, salt: bytes | None = None) -> str:
    """Return the line, without its end, that would trust a key for a host.

    Args:
        host: the name or address that the user gave.
        port: the port; None, 0 and 22 are not written.
        key: the host's key.
        salt: 20 bytes, for a line that has the host's name as a hash.

    Raises:
        ValueError: the host has characters that mean something else in known_hosts.
    """
    name = host_name(host, port)
    if salt is not None:
        name = hash_host_name(name, salt)
    elif "/" in name:  # a network, which the key would then be trusted for
        raise ValueError(f"{host!r} cannot stand in known_hosts")
    line = key.convert_to_public()
    line.set_comment(None)
    return f"{name} {line.export_public_key().decode('ascii').rstrip()}"
