"""Which signatures are taken: of users' keys, of authorities, and of hosts that vouch for users.

Owns: PubkeyAcceptedAlgorithms, CASignatureAlgorithms and HostbasedAcceptedAlgorithms (ssh_config(5), sshd_config(5)):
their lists, where options keep them, how the first goes together with the option `signature_algs`, and the refusal of a
certificate by its authority's signature. Must not know: lines of a configuration, messages, whom to trust.

A configuration alone says it: there are no options of these names. Nothing here reaches SHA-1, which is refused where a
certificate or a signature is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Final

from nacre.crypto.registry import choose
from nacre.keys import (
    SSHCertificate,
    certificate_algorithms,
    default_signature_algorithms,
    signature_algorithms,
)
from nacre.keys.algorithms import MADE_ELSEWHERE, signature_of

if TYPE_CHECKING:
    from nacre.options import SSHConnectionOptions

__all__ = [
    "ANNOUNCED",
    "AUTHORITIES",
    "HOSTS",
    "SELECT",
    "USERS",
    "announced_algorithms",
    "announced_by",
    "authority_algorithms",
    "default_accepted_algorithms",
    "default_authority_algorithms",
    "hostbased_algorithms",
    "publickey_algorithms",
    "require_authority_algorithm",
    "require_some",
    "signatures_of",
]

#: Where options keep the lists, and how their kinds are called: no names that an option may have.
AUTHORITIES: Final = "(authorities' signatures)"
HOSTS: Final = "(hosts' signatures)"
USERS: Final = "(users' signatures)"
#: Where a server's options keep what its users may sign with by any line, those of Match blocks among them.
ANNOUNCED: Final = "(announced signatures)"


@cache
def default_authority_algorithms() -> tuple[str, ...]:
    """Return what authorities may sign with where nothing is said, best first; a browser is none."""
    return tuple(name for name in signature_algorithms() if name not in MADE_ELSEWHERE)


@cache
def default_accepted_algorithms() -> tuple[str, ...]:
    """Return what `+`, `-` and `^` change of the lists for users and for hosts: with certificates first, as OpenSSH."""
    every = (*certificate_algorithms(), *signature_algorithms())
    return tuple(name for name in every if signature_of(name) not in MADE_ELSEWHERE)


def _authorities(spec: str | tuple[()]) -> tuple[str, ...]:
    return choose("signature algorithm", spec, default_authority_algorithms(), signature_algorithms())


def _accepted(spec: str | tuple[()]) -> tuple[str, ...]:
    known = (*certificate_algorithms(), *signature_algorithms())
    return choose("signature algorithm", spec, default_accepted_algorithms(), known)


#: Reads a list of each kind: a text with or without a sign, `()` for the default. ValueError: it is wrong.
SELECT: Final[Mapping[str, Callable[[str | tuple[()]], tuple[str, ...]]]] = {
    AUTHORITIES: _authorities,
    HOSTS: _accepted,
    USERS: _accepted,
}


def authority_algorithms(options: SSHConnectionOptions) -> tuple[str, ...]:
    """Return what authorities may sign with (CASignatureAlgorithms)."""
    found: tuple[str, ...] | None = options.__dict__.get(AUTHORITIES)
    return default_authority_algorithms() if found is None else found


def hostbased_algorithms(options: SSHConnectionOptions) -> tuple[str, ...] | None:
    """Return what hosts sign with that vouch for users, in order; None: nothing is said, `signature_algs` counts."""
    found: tuple[str, ...] | None = options.__dict__.get(HOSTS)
    return found


def publickey_algorithms(options: SSHConnectionOptions) -> tuple[str, ...] | None:
    """Return what users' keys and certificates are taken with, by whole names, in order (PubkeyAcceptedAlgorithms).

    Both hold: what `signature_algs` has not, which names signatures whether with a certificate or without, is not taken.

    Returns:
        None: nothing is said, and `signature_algs` counts alone.
    """
    said: tuple[str, ...] | None = options.__dict__.get(USERS)
    if said is None or not options.signature_algs:
        return said
    return tuple(name for name in said if signature_of(name) in options.signature_algs)


def require_some(options: SSHConnectionOptions, said: Iterable[str]) -> None:
    """Raise ValueError for a list of PubkeyAcceptedAlgorithms of which `signature_algs` leaves nothing."""
    given = options.signature_algs
    if given and not any(signature_of(name) in given for name in said):
        raise ValueError(f"the program gives signature_algs, which leaves none of them: {', '.join(given)}")


def signatures_of(names: Iterable[str]) -> tuple[str, ...]:
    """Return the signatures of algorithms that may be for certificates, as server-sig-algs has them."""
    return tuple(dict.fromkeys(map(signature_of, names)))


def announced_by(options: SSHConnectionOptions, lists: Iterable[tuple[str, ...]]) -> tuple[str, ...] | None:
    """Return what a server announces before anybody has a name: what it takes of one user or another.

    Args:
        options: of the server, with what holds for everybody.
        lists: every PubkeyAcceptedAlgorithms of its configuration, those of Match blocks among them.

    Returns:
        None: there are none, and `signature_algs` says it.
    """
    for_all, given = publickey_algorithms(options), options.signature_algs
    named = signatures_of(name for names in lists for name in names)
    if not named:
        return None
    if for_all is None:
        named = (*(given or default_signature_algorithms()), *named)
    return tuple(name for name in signature_algorithms() if name in named and (not given or name in given))


def announced_algorithms(options: SSHConnectionOptions) -> tuple[str, ...] | None:
    """Return what a server announces before anybody has a name; None: `signature_algs`."""
    found: tuple[str, ...] | None = options.__dict__.get(ANNOUNCED)
    return found


def require_authority_algorithm(certificate: SSHCertificate, options: SSHConnectionOptions) -> None:
    """Raise ValueError for a certificate that its authority has signed with what is not taken."""
    if certificate.signature_algorithm not in authority_algorithms(options):
        raise ValueError(
            f"its authority has signed with {certificate.signature_algorithm}, which CASignatureAlgorithms has not"
        )
