"""Which signatures are taken beside those of users' keys: of authorities, and of hosts that vouch for users.

Owns: CASignatureAlgorithms and HostbasedAcceptedAlgorithms (ssh_config(5), sshd_config(5)): their lists, where options
keep them, and the refusal of a certificate. Must not know: lines of a configuration, messages, whom to trust.

A configuration alone says it: there are no options of these names. Nothing here reaches SHA-1, which is refused where a
certificate is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Final

from nacre.crypto.registry import choose
from nacre.keys import SSHCertificate, certificate_algorithms, signature_algorithms
from nacre.keys.algorithms import MADE_ELSEWHERE, signature_of

if TYPE_CHECKING:
    from nacre.options import SSHConnectionOptions

__all__ = [
    "AUTHORITIES",
    "HOSTS",
    "SELECT",
    "authority_algorithms",
    "default_authority_algorithms",
    "default_hostbased_algorithms",
    "hostbased_algorithms",
    "require_authority_algorithm",
]

#: Where options keep the lists, and how their kinds are called: no names that an option may have.
AUTHORITIES: Final = "(authorities' signatures)"
HOSTS: Final = "(hosts' signatures)"


@cache
def default_authority_algorithms() -> tuple[str, ...]:
    """Return what authorities may sign with where nothing is said, best first; a browser is none."""
    return tuple(name for name in signature_algorithms() if name not in MADE_ELSEWHERE)


@cache
def default_hostbased_algorithms() -> tuple[str, ...]:
    """Return what `+`, `-` and `^` change of HostbasedAcceptedAlgorithms: with certificates first, as OpenSSH."""
    every = (*certificate_algorithms(), *signature_algorithms())
    return tuple(name for name in every if signature_of(name) not in MADE_ELSEWHERE)


def _authorities(spec: str | tuple[()]) -> tuple[str, ...]:
    return choose("signature algorithm", spec, default_authority_algorithms(), signature_algorithms())


def _hosts(spec: str | tuple[()]) -> tuple[str, ...]:
    known = (*certificate_algorithms(), *signature_algorithms())
    return choose("signature algorithm", spec, default_hostbased_algorithms(), known)


#: Reads a list of each kind: a text with or without a sign, `()` for the default. ValueError: it is wrong.
SELECT: Final[Mapping[str, Callable[[str | tuple[()]], tuple[str, ...]]]] = {
    AUTHORITIES: _authorities,
    HOSTS: _hosts,
}


def authority_algorithms(options: SSHConnectionOptions) -> tuple[str, ...]:
    """Return what authorities may sign with (CASignatureAlgorithms)."""
    found: tuple[str, ...] | None = options.__dict__.get(AUTHORITIES)
    return default_authority_algorithms() if found is None else found


def hostbased_algorithms(options: SSHConnectionOptions) -> tuple[str, ...] | None:
    """Return what hosts sign with that vouch for users, in order; None: nothing is said, `signature_algs` counts."""
    found: tuple[str, ...] | None = options.__dict__.get(HOSTS)
    return found


def require_authority_algorithm(certificate: SSHCertificate, options: SSHConnectionOptions) -> None:
    """Raise ValueError for a certificate that its authority has signed with what is not taken."""
    if certificate.signature_algorithm not in authority_algorithms(options):
        raise ValueError(
            f"its authority has signed with {certificate.signature_algorithm}, which CASignatureAlgorithms has not"
        )
