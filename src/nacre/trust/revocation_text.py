"""Revocation lists as people write and read them (ssh-keygen(1) KEY REVOCATION LISTS).

Owns: the lines that say what a list is to revoke, and the lines that say what it does. Must not know: the binary
format, files, the clock.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Callable
from typing import Final

from nacre.errors import KeyImportError
from nacre.keys import SSHCertificate, SSHKey, decode_public_key, decode_shown_key
from nacre.keys.public import split_public_line
from nacre.trust.revocation import KeyRevocationList

__all__ = ["revoke_lines", "revoked_lines"]

_WORD: Final = re.compile(r"(serial|id|key|sha1|sha256|hash):[ \t]*", re.IGNORECASE)
_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20}")
#: The last that 64 bits have.
_LAST_SERIAL: Final = (1 << 64) - 1


class Authority:
    """Whose certificates are meant by lines that have only a number or a name.

    Args:
        key: the authority; None: whoever signed.
    """

    def __init__(self, key: SSHKey | None) -> None:
        self.key = key


def revoke_lines(revoked: KeyRevocationList, text: str, authority: Authority | None) -> None:
    """Add to a list what lines say.

    A line is a key or a certificate as in a .pub file, or one of `serial: 1-5`, `id: a name`, `hash: SHA256:…`, and
    `key: …`, `sha1: …` and `sha256: …` with a key.

    Args:
        revoked: the list.
        text: the lines; what follows a `#` is a comment.
        authority: for `serial:` and `id:`; None: there is none, and these are errors.

    Raises:
        ValueError: a line is not understood; nothing says what of the lines before it was added.
    """
    for number, line in enumerate(text.split("\n"), start=1):
        said = line.partition("#")[0].strip(" \t\r")
        if not said:
            continue
        try:
            _revoke(revoked, said, authority)
        except ValueError as exc:
            raise ValueError(f"line {number}: {exc}") from None


def _revoke(revoked: KeyRevocationList, said: str, authority: Authority | None) -> None:
    found = _WORD.match(said)
    if found is None:
        shown = _shown(said)
        if isinstance(shown, SSHCertificate):
            revoked.add_certificate(shown)
        else:
            revoked.add_key(shown)
        return
    value = said[found.end() :]
    match found[1].lower():
        case "serial":
            revoked.add_serials(_of(authority, "serial number"), *_serials(value))
        case "id":
            revoked.add_key_id(_of(authority, "key ID"), value)
        case "hash":
            revoked.add_fingerprint(_fingerprint(value))
        case "key":
            revoked.add_key(_key(value))
        case "sha1":
            revoked.add_key_hash(_key(value), "sha1")
        case _:
            revoked.add_key_hash(_key(value))


def _of(authority: Authority | None, what: str) -> SSHKey | None:
    if authority is None:
        raise ValueError(
            f"who revokes certificates by their {what} says whose, with the authority's key (-s)"
        )
    return authority.key


def _serials(text: str) -> tuple[int, int]:
    low, dash, high = text.partition("-")
    ends = [low.strip(" \t"), (high if dash else low).strip(" \t")]
    for end in ends:
        if _NUMBER.fullmatch(end) is None:
            raise ValueError(
                f"{end[:40]!r} is no serial number; there are 1 to 2^64 - 1, or two of them: 3-5"
            )
    # As strtoull takes it: 0x10 is 16; but 010 is 10, for nobody means 8.
    first, last = (int(end, 16 if end[:2].lower() == "0x" else 10) for end in ends)
    return first, last


def _fingerprint(text: str) -> bytes:
    name, _, encoded = text.partition(":")
    if name.upper() != "SHA256":
        raise ValueError(f"{text[:40]!r} is no fingerprint of the form SHA256:…")
    try:
        digest = b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != 32:
        raise ValueError(f"{text[:60]!r} is no fingerprint: SHA256: and 43 characters of base64")
    return digest


def _shown(text: str) -> SSHKey | SSHCertificate:
    try:
        return decode_shown_key(split_public_line(text.encode("utf-8", "surrogateescape"))[1])
    except KeyImportError as exc:
        raise ValueError(str(exc)) from None


def _key(text: str) -> SSHKey:
    shown = _shown(text)
    return shown.key if isinstance(shown, SSHCertificate) else shown


# ---------------------------------------------------------------- what it says


def revoked_lines(revoked: KeyRevocationList, when: Callable[[int], str]) -> list[str]:
    """Return what a list revokes, as `ssh-keygen -Q -l` prints it.

    Args:
        revoked: the list.
        when: makes a date of seconds since 1970-01-01 UTC.
    """
    contents = revoked.contents()
    lines = [f"# KRL version {revoked.version}", f"# Generated at {when(revoked.generated)}"]
    if revoked.comment:
        lines.append(f"# Comment: {revoked.comment}")
    lines.append("")
    for blob in sorted(contents.keys):
        key = decode_public_key(blob)
        lines.append(f"hash: {key.get_fingerprint()} # {key.algorithm}")
    lines += [f"hash: SHA256:{digest.hex()}" for digest in sorted(contents.sha256)]
    lines += [f"# hash SHA1:{digest.hex()}" for digest in sorted(contents.sha1)]
    for blob, runs, key_ids in contents.authorities:
        lines += ["", _title(blob)]
        lines += [f"serial: {low}" if low == high else f"serial: {low}-{high}" for low, high in runs]
        lines += [f"id: {key_id.decode('utf-8', 'replace')}" for key_id in sorted(key_ids)]
    return lines


def _title(blob: bytes) -> str:
    if not blob:
        return "# Wildcard CA"
    key = decode_public_key(blob)
    return f"# CA key {key.algorithm} {key.get_fingerprint()}"
