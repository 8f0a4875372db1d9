"""allowed_signers: who may sign data, with which key, for what (ssh-keygen(1) ALLOWED SIGNERS).

Owns: the file format with its options, and `validate_sshsig`. Must not know: connections, or how a
signature is made.

A line that is not understood, or has an option that is not known, admits nobody: an option restricts,
and to pass over one would widen what the line says.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Final

from nacre.errors import KeyImportError
from nacre.keys import CertificateType, SSHCertificate, SSHKey, decode_public_key
from nacre.keys.armor import strict_base64
from nacre.keys.files import FilePath, read_file
from nacre.keys.sshsig import MAX_SSHSIG, SSHSignature, hash_data
from nacre.keys.timestamp import parse_timestamp
from nacre.trust.key_options import parse_options
from nacre.trust.lines import Problem, as_text, numbered_lines, read_texts, words
from nacre.trust.pattern import Glob, PatternList
from nacre.wire.record import record

__all__ = ["SSHAllowedSigners", "import_allowed_signers", "read_allowed_signers", "validate_sshsig"]

_CERT_AUTHORITY: Final = "cert-authority"
_WITH_VALUE: Final = frozenset({"namespaces", "valid-after", "valid-before"})
_KNOWN: Final = _WITH_VALUE | {_CERT_AUTHORITY}


@record
class _Entry:
    text: str
    principals: PatternList
    key: SSHKey
    is_authority: bool
    namespaces: PatternList | None
    valid_after: datetime | None
    valid_before: datetime | None

    def admits(self, principal: str, namespace: str, now: datetime) -> bool:
        return (
            self.principals.matches(principal)
            and (self.namespaces is None or self.namespaces.matches(namespace))
            and self.counts_at(now)
        )

    def counts_at(self, now: datetime) -> bool:
        return (self.valid_after is None or self.valid_after <= now) and (
            self.valid_before is None or now <= self.valid_before
        )


def _principals(line: str) -> tuple[str, str]:
    """Return the patterns at the front of a line, which may be quoted, and the rest of it."""
    if line.startswith('"'):
        text, quote, rest = line[1:].partition('"')
        if not quote:
            raise ValueError("the quotes of the principals are not closed")
    else:
        fields = words(line, 2)
        text, rest = fields[0], fields[1] if len(fields) > 1 else ""
    return text, rest.lstrip(" \t")


def _key(text: str) -> SSHKey | None:
    """Return the key that `text` begins with, or None when no word of a key type stands there."""
    fields = words(text, 3)
    if len(fields) < 2 or not fields[1].startswith("AAAA"):
        return None
    try:
        blob = strict_base64(fields[1])
    except ValueError:
        raise ValueError("the key is not valid base64") from None
    try:
        key = decode_public_key(blob)
    except KeyImportError as exc:
        raise ValueError(str(exc)) from None
    if key.algorithm != fields[0]:
        raise ValueError("the key is not of the type that the line names")
    return key


def _parse_line(line: str) -> _Entry:
    """Return the entry; ValueError refuses the line."""
    text, rest = _principals(line)
    principals = PatternList(text)
    options: dict[str, object] = {}
    key = _key(rest)
    if key is None:
        options, rest = parse_options(rest, with_value=_WITH_VALUE, repeatable=frozenset())
        unknown = sorted(set(options) - _KNOWN)
        if unknown:
            raise ValueError(f"option {unknown[0][:40]!r} is not known")
        key = _key(rest)
    if key is None:
        raise ValueError("no key follows the principals")
    values = {name: value for name, value in options.items() if isinstance(value, str)}
    after, before = (
        parse_timestamp(values[name]) if name in values else None for name in ("valid-after", "valid-before")
    )
    if after is not None and before is not None and before <= after:
        raise ValueError("valid-before is not after valid-after")
    namespaces = PatternList(values["namespaces"]) if "namespaces" in values else None
    return _Entry(text, principals, key, _CERT_AUTHORITY in options, namespaces, after, before)


class SSHAllowedSigners:
    """The lines of one allowed_signers file, or of several.

    Args:
        allowed_signers: the content of a file; None begins without lines.

    Attributes:
        problems: the lines that were refused, and so admit nobody.

    Raises:
        ValueError: no line of the content can be used, or there is too much of it.
    """

    def __init__(self, allowed_signers: str | bytes | None = None) -> None:
        self._entries: list[_Entry] = []
        self.problems: list[Problem] = []
        if allowed_signers is not None:
            self.load(allowed_signers)

    def load(self, allowed_signers: str | bytes) -> None:
        """Add the lines of a file.

        A line that is not understood is refused, and noted in `problems`.

        Raises:
            ValueError: no line can be used, or there is too much.
        """
        before = len(self._entries)
        for number, line in numbered_lines(as_text(allowed_signers), self.problems):
            try:
                self._entries.append(_parse_line(line))
            except ValueError as exc:
                self.problems.append(Problem(number, str(exc)))
        if len(self._entries) == before:
            reason = f": line {self.problems[-1].line}: {self.problems[-1].reason}" if self.problems else ""
            raise ValueError(f"no line of allowed_signers can be used{reason}")

    def validate(
        self, key: SSHKey, principal: str, namespace: str, ca: bool = False, now: datetime | None = None
    ) -> bool:
        """Tell whether a line lets `principal` sign with `key` for `namespace`.

        Args:
            key: the key that signed, or the authority that certified it.
            principal: who is said to have signed, such as "alice@example.com".
            namespace: of the signature.
            ca: look at the lines of authorities alone; else they count for nothing.
            now: the time that counts, with its zone; None is the present.
        """
        blob = key.public_data
        moment = datetime.now(UTC) if now is None else now
        return any(
            entry.key.public_data == blob
            and entry.is_authority == ca
            and entry.admits(principal, namespace, moment)
            for entry in self._entries
        )

    def find_principals(self, signature: SSHSignature, now: datetime | None = None) -> list[str]:
        """Return who may have made a signature, as `ssh-keygen -Y find-principals` does.

        It is not checked, and may be for anything: that is for `validate_sshsig`, with one of these.

        Args:
            signature: what was signed with.
            now: the time that counts, with its zone; None is the present.

        Returns:
            The patterns of the first line with the key; for a certificate those of its names that the first line of
            its authority admits. None at all: nobody.
        """
        moment = datetime.now(UTC) if now is None else now
        certificate = signature.certificate
        for entry in self._entries:
            if not entry.counts_at(moment):
                continue
            if certificate is None:
                if not entry.is_authority and entry.key.public_data == signature.key.public_data:
                    return entry.text.split(",")
            elif entry.is_authority and entry.key.public_data == certificate.signing_key.public_data:
                admitted = [name for name in certificate.principals if entry.principals.matches(name)]
                # As ssh-keygen has them: in the order of the patterns.
                globs = [Glob(pattern) for pattern in entry.text.split(",")]
                names = list(dict.fromkeys(name for glob in globs for name in admitted if glob.matches(name)))
                if names and _is_valid(certificate, None, moment):
                    return names
        return []

    def match_principals(self, principal: str) -> list[str]:
        """Return the patterns of each line that is about a signer, as they are written."""
        return [entry.text for entry in self._entries if entry.principals.matches(principal)]


def import_allowed_signers(data: str | bytes) -> SSHAllowedSigners:
    """Return the signers in the content of a file. ValueError when no line can be used, or too many."""
    return SSHAllowedSigners(data)


def read_allowed_signers(filelist: FilePath | Sequence[FilePath]) -> SSHAllowedSigners:
    """Return the signers in one file or in several.

    Raises:
        OSError: a file cannot be read.
        ValueError: one has no line that can be used, is no regular file, or is too large.
    """
    allowed_signers = SSHAllowedSigners()
    for text in read_texts(filelist):
        allowed_signers.load(text)
    return allowed_signers


def validate_sshsig(
    data: bytes | FilePath,
    sig: bytes | FilePath,
    principal: str,
    allowed_signers: bytes | FilePath | Sequence[FilePath] | SSHAllowedSigners,
    *,
    is_hashed: bool = False,
    namespace: str | None = None,
    verify_time: datetime | None = None,
) -> bool:
    """Tell whether a signature of data or of a file is good, and made by who may (PROTOCOL.sshsig).

    Args:
        data: the bytes, or the name of a file, which is read in pieces.
        sig: the signature, armoured or raw, or the name of its file.
        principal: who is said to have signed; a line of `allowed_signers` must name them.
        allowed_signers: the content as bytes, one or more names of files, or what
            `import_allowed_signers` returned.
        is_hashed: `data` is the digest, of the hash that the signature names.
        namespace: what the signature must be for, as `ssh-keygen -Y verify -n`; None takes any that
            the line of the signer admits. Programs should name theirs.
        verify_time: when lines and certificates must be valid, with its zone; None is the present.

    A signature that names a certificate needs a `cert-authority` line for its authority; the certificate must
    be a user's, valid now, and have `principal` among its own.

    Returns:
        True only for a signature that was checked and is right; False for one that is damaged, of
        another namespace, or by somebody else.

    Raises:
        OSError: a file cannot be read.
        ValueError: `allowed_signers` has no line that can be used; a digest has not its size.
    """
    if isinstance(sig, (str, PurePath)):
        sig = read_file(sig, MAX_SSHSIG)
    try:
        signature = SSHSignature.decode(sig)
    except KeyImportError:
        return False
    if isinstance(allowed_signers, bytes):
        allowed_signers = import_allowed_signers(allowed_signers)
    elif not isinstance(allowed_signers, SSHAllowedSigners):
        allowed_signers = read_allowed_signers(allowed_signers)
    if namespace not in (None, signature.namespace):
        return False
    if not signature.verify(hash_data(data, signature.hash_name, is_hashed)):
        return False
    moment = datetime.now(UTC) if verify_time is None else verify_time
    certificate = signature.certificate
    if certificate is None:
        return allowed_signers.validate(signature.key, principal, signature.namespace, now=moment)
    # An authority may say, and says at that time, that the key of the certificate is this signer's.
    return _is_valid(certificate, principal, moment) and allowed_signers.validate(
        certificate.signing_key, principal, signature.namespace, ca=True, now=moment
    )


def _is_valid(certificate: SSHCertificate, principal: str | None, moment: datetime) -> bool:
    try:
        certificate.validate(CertificateType.USER, principal, moment.timestamp())
    except ValueError:
        return False
    return True
