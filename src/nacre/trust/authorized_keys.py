"""authorized_keys: which keys may log a user in, and with what restrictions (sshd(8)).

Owns: the lines, and the verdict for one key or the authority of one certificate. Must not know: the syntax of
options (`nacre.trust.key_options`), connections, or how an option is enforced.

An option restricts what a key may do, so one that nobody enforces must not be passed over: the
first line that has the key, whose `from=` admits the client and whose `expiry-time=` has not come, decides;
when it has an option of sshd(8) that is not in `enforced`, the key is refused. A line with an option that sshd(8)
has not admits nobody, and the next one counts, as for sshd. Enforced here are `from`, `expiry-time`, and on the
line of an authority `principals`; on a line with X.509 `subject`. A caller that enforces more names it, in lower case.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Self

from nacre.keys import KEY_TYPES, SSHCertificate, SSHKey, SSHX509Certificate, X509Chain
from nacre.keys.armor import strict_base64
from nacre.keys.files import FilePath
from nacre.keys.validity import wall_clock
from nacre.keys.x509_subjects import X509_LINE, X509Subject, decode_x509_line
from nacre.trust.key_options import (
    OPTION_NAMES,
    Options,
    expiry_of,
    parse_key_options,
    shown_options,
    values_of,
)
from nacre.trust.lines import Problem, as_text, numbered_lines, once_for_each, read_texts, words
from nacre.trust.pattern import HostPatterns, parse_address
from nacre.wire.fields import encode_string
from nacre.wire.record import fresh, record

__all__ = [
    "ENFORCED_OPTIONS",
    "AuthorizedKeyVerdict",
    "SSHAuthorizedKeys",
    "import_authorized_keys",
    "read_authorized_keys",
    "remembered_authorized_keys",
]

#: The options that are enforced here.
ENFORCED_OPTIONS: Final = frozenset({"from", "expiry-time"})

_CERT_AUTHORITY: Final = "cert-authority"
_PRINCIPALS: Final = "principals"
_SUBJECT: Final = "subject"
#: What is enforced here on the line of an authority, besides.
_OF_AUTHORITIES: Final = frozenset((_CERT_AUTHORITY, _PRINCIPALS))


@record
class AuthorizedKeyVerdict:
    """What the file says of one key.

    Attributes:
        options: the options of the line that admits the key; None refuses it.
        line: the number of the line that decided, or 0.
        reason: why it is refused, for a log; "" when it is not.
    """

    options: Mapping[str, object] | None
    line: int = 0
    reason: str = ""


_NOT_THERE: Final = AuthorizedKeyVerdict(None, 0, "the key is not in authorized_keys")
_NO_AUTHORITY: Final = AuthorizedKeyVerdict(None, 0, "its authority is not trusted")
_OTHER_NAMES: Final = AuthorizedKeyVerdict(None, 0, "it is for other names than its authority's line")


@record
class _Entry:
    line: int
    key_blob: bytes
    origins: HostPatterns | None
    expires: float | None = None
    options: Options = fresh(default_factory=dict)
    x509: SSHX509Certificate | X509Subject | None = None


def _parse_line(number: int, line: str) -> _Entry | None:
    """Return the entry, None for a key type that nacre does not take; ValueError refuses the line."""
    options: Options = {}
    first = words(line, 2)[0]
    if first not in KEY_TYPES and not first.startswith(X509_LINE):
        options, line = parse_key_options(line)
    fields = words(line, 3)
    if fields and fields[0].startswith(X509_LINE):
        return _x509_entry(number, options, words(line, 2))
    if not fields or fields[0] not in KEY_TYPES:
        return None
    if len(fields) < 2:
        raise ValueError("no key follows the key type")
    try:
        key_blob = strict_base64(fields[1])
    except ValueError:
        raise ValueError("the key is not valid base64") from None
    # A key is what its blob says; a line that calls it something else is damaged.
    if not key_blob.startswith(encode_string(fields[0].encode("ascii"))):
        raise ValueError("the key is not of the type that the line names")
    return _entry(number, options, key_blob)


def _entry(
    number: int, options: Options, key_blob: bytes, x509: SSHX509Certificate | X509Subject | None = None
) -> _Entry:
    origins = options.get("from")
    patterns = HostPatterns(origins) if isinstance(origins, str) else None
    return _Entry(number, key_blob, patterns, expiry_of(options), options, x509)


def _x509_entry(number: int, options: Options, fields: list[str]) -> _Entry:
    """Return the entry of a line with an X.509 certificate or the subject of one; ValueError refuses it."""
    if len(fields) < 2:
        raise ValueError("no X.509 certificate and no subject follows the type")
    found = decode_x509_line(*fields)
    if _CERT_AUTHORITY in options and not (isinstance(found, SSHX509Certificate) and found.is_authority):
        raise ValueError("cert-authority is for the certificate of an authority")
    return _entry(number, options, b"", found)


class SSHAuthorizedKeys:
    """The lines of one authorized_keys file, or of several.

    Args:
        authorized_keys: the content of a file; None begins without lines.

    Attributes:
        problems: the lines that were refused.
    """

    def __init__(self, authorized_keys: str | bytes | None = None) -> None:
        self._entries: list[_Entry] = []
        #: The lines that were refused, with what they say.
        self._refused: list[tuple[Problem, str]] = []
        self.problems: list[Problem] = []
        if authorized_keys is not None:
            self.load(authorized_keys)

    def required(self) -> Self:
        """Return this, unless there are lines and none could be used: then ValueError says why of the first."""
        if self.problems and not self._entries:
            first = self.problems[0]
            raise ValueError(f"no line of authorized_keys can be used; line {first.line}: {first.reason}")
        return self

    def load(self, authorized_keys: str | bytes) -> None:
        """Add the lines of a file.

        A line that is not understood is refused, and noted in `problems`.

        Args:
            authorized_keys: the content of the file.

        Raises:
            ValueError: there is too much of it.
        """
        text = as_text(authorized_keys)
        problems: list[Problem] = []
        for number, line in numbered_lines(text, problems):
            try:
                entry = _parse_line(number, line)
            except ValueError as exc:
                problems.append(Problem(number, str(exc)))
                continue
            if entry is None:
                problems.append(Problem(number, "no key of a type that nacre takes"))
            else:
                self._entries.append(entry)
        if problems:
            lines = text.split("\n")
            self._refused += [(problem, lines[problem.line - 1]) for problem in problems]
            self.problems += problems

    def judge(
        self, key: SSHKey, client_host: str | None, client_addr: str | None, enforced: Iterable[str] = ()
    ) -> AuthorizedKeyVerdict:
        """Say whether a key may log in, by which line, or why not.

        Args:
            key: the key that the client showed.
            client_host: the client's name, if it is known.
            client_addr: the client's address.
            enforced: the options that the caller enforces when the key is admitted.
        """
        entries = self._entries_of(key, authority=False)
        known = ENFORCED_OPTIONS.union(enforced)
        return _decide(entries, client_host, client_addr, known) or self._not_there(key, _NOT_THERE)

    def judge_certificate(
        self,
        certificate: SSHCertificate,
        username: str,
        client_host: str | None,
        client_addr: str | None,
        enforced: Iterable[str] = (),
    ) -> AuthorizedKeyVerdict:
        """Say whether a line trusts the authority of a certificate to name this user.

        A line with `principals=` admits a certificate that has one of these names, whoever the user is;
        one without admits what has the user's own name. Names are compared as they are (row 49). What
        the certificate says besides is for the caller to check.

        Args:
            certificate: what the client showed.
            username: who is to be logged in.
            client_host: the client's name, if it is known.
            client_addr: the client's address.
            enforced: as for `judge`.
        """
        entries = []
        named = False
        for entry in self._entries_of(certificate.signing_key, authority=True):
            named = True
            names = _principals(entry) or (username,)
            if any(certificate.names(name) for name in names):
                entries.append(entry)
        known = ENFORCED_OPTIONS.union(enforced, _OF_AUTHORITIES)
        found = _decide(entries, client_host, client_addr, known)
        return found or (_OTHER_NAMES if named else self._not_there(certificate.signing_key, _NO_AUTHORITY))

    def _not_there(self, key: SSHKey, otherwise: AuthorizedKeyVerdict) -> AuthorizedKeyVerdict:
        """Return the verdict for a key of which no line is good: what is wrong with the one that has it, if any."""
        if self._refused:
            encoded = b64encode(key.public_data).decode("ascii")
            for problem, line in self._refused:
                if encoded in line:
                    return AuthorizedKeyVerdict(None, problem.line, problem.reason)
        return otherwise

    @property
    def has_x509(self) -> bool:
        """Whether there are lines with X.509 certificates, or subjects of these."""
        return any(entry.x509 is not None for entry in self._entries)

    def judge_chain(
        self,
        chain: X509Chain,
        username: str,
        client_host: str | None,
        client_addr: str | None,
        enforced: Iterable[str],
        why_not: Callable[[SSHX509Certificate | None], str],
    ) -> AuthorizedKeyVerdict:
        """Say whether a line admits a chain of X.509 certificates.

        A line with the certificate itself admits whoever has its key. That of an authority admits a
        certificate that names the user, or one of the `principals=`, or that has the `subject=` of the line.
        A line with a subject admits what has it, whoever the user is. Where a line has several of these, all
        must fit.

        Args:
            chain: what the client showed.
            username: who is to be logged in.
            client_host: the client's name, if it is known.
            client_addr: the client's address.
            enforced: as for `judge`.
            why_not: says why a certificate does not vouch for the chain, or without one the configured
                roots; "": it does.
        """
        entries = []
        refusal = _NOT_THERE
        for entry in self._entries:
            if entry.x509 is None or not _names_chain(entry, chain.certificate, username):
                continue
            why = why_not(entry.x509 if isinstance(entry.x509, SSHX509Certificate) else None)
            if not why:
                entries.append(entry)
            elif _CERT_AUTHORITY not in entry.options:
                # Others may vouch for it; but not where a line is about this very certificate.
                refusal = AuthorizedKeyVerdict(None, entry.line, why)
        known = ENFORCED_OPTIONS.union(enforced, _OF_AUTHORITIES, (_SUBJECT,))
        return _decide(entries, client_host, client_addr, known) or refusal

    def _entries_of(self, key: SSHKey, *, authority: bool) -> list[_Entry]:
        blob = key.public_data
        return [
            entry
            for entry in self._entries
            if entry.x509 is None
            and entry.key_blob == blob
            and (_CERT_AUTHORITY in entry.options) == authority
        ]

    def validate(
        self,
        key: SSHKey,
        client_host: str | None,
        client_addr: str | None,
        cert_principals: Sequence[str] | None = None,
        ca: bool = False,
        enforced: Iterable[str] = (),
    ) -> Mapping[str, object] | None:
        """Return the options of the line that admits a key, which may be none at all, or None.

        Args:
            key: the key that the client showed; with `ca` that of its certificate's authority.
            client_host: the client's name, if it is known.
            client_addr: the client's address.
            cert_principals: the names in a certificate: one must be among the `principals=` of the line,
                if it has any. Whether the user is among them is for the caller to check.
            ca: look for a certificate authority.
            enforced: as for `judge`.
        """
        if not ca:
            options = self.judge(key, client_host, client_addr, enforced).options
            return None if options is None else shown_options(options)
        entries = []
        for entry in self._entries_of(key, authority=True):
            names = _principals(entry)
            if names is None or not set(names).isdisjoint(cert_principals or ()):
                entries.append(entry)
        known = ENFORCED_OPTIONS.union(enforced, _OF_AUTHORITIES)
        found = _decide(entries, client_host, client_addr, known)
        return None if found is None or found.options is None else shown_options(found.options)


def _names_chain(entry: _Entry, leaf: SSHX509Certificate, username: str) -> bool:
    """Return whether a line is about a certificate, if what it trusts vouches for it."""
    subjects = [X509Subject(text) for text in values_of(entry.options, _SUBJECT)]
    if subjects and not any(subject.is_of(leaf) for subject in subjects):
        return False
    if isinstance(entry.x509, X509Subject):
        return entry.x509.is_of(leaf)
    if _CERT_AUTHORITY not in entry.options:
        return entry.x509 == leaf
    names = _principals(entry) or (() if subjects else (username,))
    return not names or any(name and name in leaf.user_principals for name in names)


def _principals(entry: _Entry) -> tuple[str, ...] | None:
    """Return the names that a line admits, or None for the user's own."""
    value = entry.options.get(_PRINCIPALS)
    return tuple(value.split(",")) if isinstance(value, str) else None


def _decide(
    entries: Iterable[_Entry], client_host: str | None, client_addr: str | None, known: frozenset[str]
) -> AuthorizedKeyVerdict | None:
    """Return the verdict of the first line that the client's address and the time fit, or why none does."""
    address = parse_address(client_addr)
    if parse_address(client_host) not in (None, address):
        # A name server may call any client by the address of another.
        client_host = None
    named = (client_host or "", client_addr or "", "" if address is None else str(address))
    subjects = tuple(map(str.lower, filter(None, named)))
    refusal: AuthorizedKeyVerdict | None = None
    for entry in entries:
        origins = entry.origins
        if origins is not None and (
            origins.excludes(subjects, address) or not origins.includes(subjects, address)
        ):
            refusal = AuthorizedKeyVerdict(None, entry.line, "the key may not be used from this address")
            continue
        if entry.expires is not None and wall_clock() > entry.expires:
            refusal = AuthorizedKeyVerdict(None, entry.line, "the key has expired")
            continue
        missing = set(entry.options) - known
        unheard_of = missing - OPTION_NAMES
        if unheard_of:
            names = ", ".join(sorted(unheard_of))
            refusal = AuthorizedKeyVerdict(None, entry.line, f"sshd(8) has no option {names[:200]}")
            continue
        if missing:
            names = ", ".join(sorted(missing))
            return AuthorizedKeyVerdict(
                None, entry.line, f"the key has options that are not enforced yet: {names[:200]}"
            )
        return AuthorizedKeyVerdict(dict(entry.options), entry.line)
    return refusal


def import_authorized_keys(data: str | bytes) -> SSHAuthorizedKeys:
    """Return the authorized keys in the content of a file.

    Raises:
        ValueError: there is too much of it, or there are lines and none of them can be used.
    """
    return SSHAuthorizedKeys(data).required()


def read_authorized_keys(filelist: FilePath | Sequence[FilePath]) -> SSHAuthorizedKeys:
    """Return the authorized keys in one file or in several.

    Raises:
        OSError: a file cannot be read.
        ValueError: one is no regular file, larger than 1 MiB, or has more than 10,000 lines; or there are
            lines and none of them can be used.
    """
    authorized_keys = SSHAuthorizedKeys()
    for text in read_texts(filelist):
        authorized_keys.load(text)
    return authorized_keys.required()


def remembered_authorized_keys(filelist: FilePath | Sequence[FilePath]) -> SSHAuthorizedKeys:
    """Return the lines of files as they are now, perhaps for others too, whatever is wrong with some of them.

    Nobody may load more into it.

    Raises:
        OSError, ValueError: as for `read_authorized_keys`, but for what is wrong with the lines.
    """
    return _remembered(tuple(read_texts(filelist)))


@once_for_each
def _remembered(texts: tuple[str, ...]) -> SSHAuthorizedKeys:
    authorized_keys = SSHAuthorizedKeys()
    for text in texts:
        authorized_keys.load(text)
    return authorized_keys
