"""SSHFP records: what programs need of them, and `resolve_sshfp` by dnspython (`pip install 'nacre[dns]'`).

Owns: the question to the DNS, and whether its answer came safely. Must not know: keys, or what the answer is good
for.

That an answer was validated is said by a flag (AD) which anybody between us and the resolver could set. It counts,
as in glibc, where resolv.conf says `options trust-ad`, or where the resolver is on this machine.
"""

from __future__ import annotations

import importlib.util
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from nacre.host_fingerprints import SSHFPAnswer, SSHFPRecord, record_lines, sshfp_records

__all__ = [
    "SSHFPAnswer",
    "SSHFPRecord",
    "has_resolver",
    "record_lines",
    "resolve_sshfp",
    "sshfp_records",
]

_RESOLV_CONF: Final = Path("/etc/resolv.conf")
#: Seconds for the whole question, all resolvers and repetitions.
_LIFETIME: Final = 5.0
#: Bytes of a UDP answer that no network cuts in pieces (RFC 9715).
_PAYLOAD: Final = 1232


def has_resolver() -> bool:
    """Return whether dnspython is installed."""
    return importlib.util.find_spec("dns") is not None


async def resolve_sshfp(host: str, *, resolver: Any = None, trust_ad: bool | None = None) -> SSHFPAnswer:
    """Return the SSHFP records of a host.

    Args:
        host: its name; an address has none.
        resolver: a `dns.asyncresolver.Resolver` to use in place of the one that the system is configured with.
        trust_ad: whether the resolver, and the way to it, may say that an answer was validated with DNSSEC; None:
            as /etc/resolv.conf has it, or else if the resolver is on this machine.

    Raises:
        OSError: no answer came, or one that cannot be used.
        ImportError: dnspython is not installed.
    """
    import dns.asyncresolver
    import dns.exception
    import dns.flags
    import dns.name

    if _is_address(host):
        return SSHFPAnswer((), secure=False)
    try:
        asked: Any = dns.asyncresolver.Resolver() if resolver is None else resolver
        asked.use_edns(0, dns.flags.DO, _PAYLOAD)
        asked.flags = dns.flags.RD | dns.flags.AD
        answer = await asked.resolve(
            dns.name.from_text(host), "SSHFP", raise_on_no_answer=False, lifetime=_LIFETIME
        )
    except dns.resolver.NXDOMAIN:
        return SSHFPAnswer((), secure=False)
    except dns.exception.DNSException as error:
        raise OSError(f"the DNS did not answer for {host!r}: {error}") from None
    records = tuple(SSHFPRecord(one.algorithm, one.fp_type, one.fingerprint) for one in (answer.rrset or ()))
    trusted = _trusts(answer.nameserver) if trust_ad is None else trust_ad
    return SSHFPAnswer(records, secure=bool(answer.response.flags & dns.flags.AD) and trusted)


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _trusts(nameserver: Any) -> bool:
    """Return whether a resolver is believed when it says that it has validated an answer."""
    if isinstance(nameserver, str) and _is_address(nameserver) and ip_address(nameserver).is_loopback:
        return True
    try:
        lines = _RESOLV_CONF.read_text(errors="replace").splitlines()
    except OSError:
        return False
    options = [word for line in lines for word in line.split()[1:] if line.split()[:1] == ["options"]]
    return "trust-ad" in options
