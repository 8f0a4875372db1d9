"""Fingerprints of host keys in the DNS (RFC 4255, 6594, 7479): what they say of a key.

Owns: SSHFP records, and the verdict on a key. Must not know: how records are looked up; a function of the program
does, or dnspython (`nacre.sshfp`); what a verdict is good for.

Only SHA-256 counts: whoever can make two keys with one SHA-1 could have one of them signed. That an answer came
safely (DNSSEC) is for the resolver to say; without that, a fingerprint is a hint for a person.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterable
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from nacre.aio.log import logger, plain
from nacre.aio.tasks import settle
from nacre.config_alone import alone
from nacre.keys import SSHKey
from nacre.trust.policy import Wish
from nacre.wire.record import record

if TYPE_CHECKING:
    from nacre.options import SSHClientConnectionOptions

__all__ = [
    "DnsVerdict",
    "SSHFPAnswer",
    "SSHFPRecord",
    "SSHFPResolver",
    "ask_dns",
    "record_lines",
    "sshfp_records",
    "verdict_of",
]

_SHA1: Final = 1
_SHA256: Final = 2
#: Records of one host that are looked at: a host has three or four keys, each with two digests.
_MAX_RECORDS: Final = 64


class DnsVerdict(Enum):
    """What the DNS says of a key.

    NOT_ASKED: it was not asked.
    SILENT: it has no fingerprint for this kind of key, or could not be asked.
    DENIED: it has fingerprints, and this key has none of them.
    HINTED: it has the fingerprint of the key; nobody vouches for the answer, or that was not asked for.
    VOUCHED: it has the fingerprint of the key, the answer came safely, and `verify_host_key_dns` is "yes".
    """

    NOT_ASKED = "not asked"
    SILENT = "silent"
    DENIED = "denied"
    HINTED = "hinted"
    VOUCHED = "vouched"


@record
class SSHFPRecord:
    """One SSHFP record.

    Attributes:
        algorithm: 1 RSA, 2 DSA, 3 ECDSA, 4 Ed25519, 6 Ed448.
        digest_type: 1 SHA-1, 2 SHA-256.
        fingerprint: the digest of the public key blob.
    """

    algorithm: int
    digest_type: int
    fingerprint: bytes


@record
class SSHFPAnswer:
    """What a resolver returns.

    Attributes:
        records: of the host.
        secure: whether the answer was validated with DNSSEC by somebody who is trusted, over a way that is too.
    """

    records: tuple[SSHFPRecord, ...]
    secure: bool


#: A function of the host's name, plain or a coroutine function.
SSHFPResolver = Callable[[str], SSHFPAnswer | Awaitable[SSHFPAnswer]]


def _algorithm(key: SSHKey) -> int:
    """Return the number of a key's kind; 0: it has none."""
    name = key.get_algorithm()
    if name.startswith("ecdsa-sha2-"):
        return 3
    return {"ssh-rsa": 1, "ssh-ed25519": 4, "ssh-ed448": 6}.get(name, 0)


def sshfp_records(key: SSHKey) -> tuple[SSHFPRecord, ...]:
    """Return the records for a key: with SHA-1 and with SHA-256, as `ssh-keygen -r`.

    Raises:
        ValueError: there is no number for keys of this kind.
    """
    algorithm = _algorithm(key)
    if not algorithm:
        raise ValueError(f"there is no SSHFP record for {key.get_algorithm()}")
    blob = key.public_data
    sha1 = hashlib.sha1(blob, usedforsecurity=False).digest()
    return (
        SSHFPRecord(algorithm, _SHA1, sha1),
        SSHFPRecord(algorithm, _SHA256, hashlib.sha256(blob).digest()),
    )


def record_lines(host: str, key: SSHKey, generic: bool = False) -> list[str]:
    """Return the records for a host's key as a zone file has them, as `ssh-keygen -r` does.

    Args:
        host: its name in the DNS.
        key: one of its keys.
        generic: whether the type is written as a number, for DNS servers that do not know its name (RFC 3597).

    Raises:
        ValueError: there is no number for keys of this kind.
    """
    lines = []
    for one in sshfp_records(key):
        digest = one.fingerprint.hex()
        if generic:
            size = 2 + len(one.fingerprint)
            lines.append(f"{host} IN TYPE44 \\# {size} {one.algorithm:02x} {one.digest_type:02x} {digest}")
        else:
            lines.append(f"{host} IN SSHFP {one.algorithm} {one.digest_type} {digest}")
    return lines


def verdict_of(records: Iterable[SSHFPRecord], key: SSHKey) -> DnsVerdict:
    """Return what records say of a key: `SILENT`, `DENIED` or `HINTED`."""
    algorithm = _algorithm(key)
    digest = hashlib.sha256(key.public_data).digest()
    fitting = [
        one.fingerprint
        for one in records
        if algorithm and one.algorithm == algorithm and one.digest_type == _SHA256
    ]
    if not fitting:
        return DnsVerdict.SILENT
    found = any(hmac.compare_digest(fingerprint, digest) for fingerprint in fitting)
    return DnsVerdict.HINTED if found else DnsVerdict.DENIED


async def ask_dns(options: SSHClientConnectionOptions, host: str, key: SSHKey) -> DnsVerdict:
    """Return what the DNS says of a key, where the options want it to be asked."""
    wish: Wish = options.verify_host_key_dns
    if wish is Wish.NO or not host:
        return DnsVerdict.NOT_ASKED
    resolver: Any = options.sshfp_resolver
    if resolver is None:
        from nacre.sshfp import resolve_sshfp  # dnspython, which is optional

        resolver = resolve_sshfp
    try:
        answer = await settle(resolver(host))
        records = tuple(answer.records)[:_MAX_RECORDS]
        secure = answer.secure is True
    except (OSError, ValueError, TypeError, AttributeError, LookupError) as error:
        # No answer makes nothing trusted: known_hosts decides, as if nobody had asked.
        logger.warning("no SSHFP records of %s: %s", plain(host), plain(str(error)))
        return DnsVerdict.SILENT
    verdict = verdict_of(records, key)
    if verdict is DnsVerdict.DENIED:
        shown = f"{key.get_algorithm()} {key.get_fingerprint(alone(options).fingerprint_hash)}"
        logger.warning("the DNS has other fingerprints for %s than that of %s", plain(host), shown)
    if verdict is DnsVerdict.HINTED and secure and wish is Wish.YES:
        return DnsVerdict.VOUCHED
    return verdict
