"""The signature algorithms that nacre knows, their order and who may use them unasked.

Owns: the registry of signature algorithm names (RFC 4253 section 6.6, RFC 5656, RFC 8332,
RFC 8709) with rank and status, and the names that each has with a certificate (OpenSSH's
PROTOCOL.certkeys). Must not know: how a signature is made; that is in the module of each key type.

There is one entry for each name that may stand in a signature blob. `ssh-rsa` (RSA with SHA-1) is
not among them and never will be: it can be neither offered nor accepted. With a certificate the
algorithm has another name in SSH_MSG_KEXINIT and in a login, and its own in the signature blob.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

from nacre.crypto.registry import Status, choose
from nacre.wire.record import record

__all__ = [
    "CERTIFICATE_SUFFIX",
    "MADE_ELSEWHERE",
    "SIGNATURE_ALGORITHMS",
    "SignatureAlgorithm",
    "certificate_algorithms",
    "default_host_key_algorithms",
    "default_signature_algorithms",
    "register_signature_algorithm",
    "select_host_key_algorithms",
    "select_signature_algorithms",
    "signature_algorithms",
    "signature_of",
    "with_certificate",
]

#: What the name of a key type or an algorithm is continued by where a certificate is meant.
CERTIFICATE_SUFFIX: Final = "-cert-v01@openssh.com"

#: Algorithms that neither nacre nor an agent signs with: only a browser does.
MADE_ELSEWHERE: Final = frozenset(("webauthn-sk-ecdsa-sha2-nistp256@openssh.com",))

#: Names that are OpenSSH's own have its domain at the end, which they lose to that of the certificate.
_DOMAIN: Final = "@openssh.com"
_OF_OPENSSH: Final = ("sk-", "webauthn-sk-")


@record
class SignatureAlgorithm:
    """One signature algorithm.

    Attributes:
        name: the name in SSH_MSG_KEXINIT, in `server-sig-algs` and in the signature blob.
        key_type: the name of the public key format that it signs with.
        rank: the order of preference, lower first.
        host: whether it is offered for host keys when the program does not say.
        user: whether it is offered for user keys when the program does not say.
    """

    name: str
    key_type: str
    rank: int
    host: Status
    user: Status


#: Every signature algorithm that is built, by name.
SIGNATURE_ALGORITHMS: dict[str, SignatureAlgorithm] = {}


def register_signature_algorithm(algorithm: SignatureAlgorithm) -> None:
    """Add `algorithm` to the registry; a name can be registered once."""
    if algorithm.name in SIGNATURE_ALGORITHMS:
        raise ValueError(f"signature algorithm {algorithm.name} is registered twice")
    SIGNATURE_ALGORITHMS[algorithm.name] = algorithm
    for ordered in (
        signature_algorithms,
        certificate_algorithms,
        default_signature_algorithms,
        default_host_key_algorithms,
    ):
        ordered.cache_clear()


def _ordered() -> list[SignatureAlgorithm]:
    return sorted(SIGNATURE_ALGORITHMS.values(), key=lambda algorithm: algorithm.rank)


@cache
def signature_algorithms() -> tuple[str, ...]:
    """Return every signature algorithm that is built, best first."""
    return tuple(algorithm.name for algorithm in _ordered())


def with_certificate(name: str) -> str:
    """Return the name of a key type or signature algorithm where a certificate goes with it."""
    return name.removesuffix(_DOMAIN) + CERTIFICATE_SUFFIX


def signature_of(name: str) -> str:
    """Return the name in the signature blob of an algorithm, which may be one for certificates.

    Of a type of certificate it is the type of the key.
    """
    if not name.endswith(CERTIFICATE_SUFFIX):
        return name
    plain = name.removesuffix(CERTIFICATE_SUFFIX)
    return plain + _DOMAIN if plain.startswith(_OF_OPENSSH) else plain


@cache
def certificate_algorithms() -> tuple[str, ...]:
    """Return every algorithm for certificates, best first (PROTOCOL.certkeys)."""
    return tuple(with_certificate(name) for name in signature_algorithms())


@cache
def default_signature_algorithms() -> tuple[str, ...]:
    """Return the algorithms for user keys (`server-sig-algs`, RFC 8308 section 3.1), best first."""
    return tuple(algorithm.name for algorithm in _ordered() if algorithm.user is Status.DEFAULT)


@cache
def default_host_key_algorithms() -> tuple[str, ...]:
    """Return the algorithms for host keys (RFC 4253 section 7.1), best first.

    ECDSA is not among them: a program that wants it names it. Nor are those for certificates, which
    are offered where an authority is trusted for the host.
    """
    return tuple(algorithm.name for algorithm in _ordered() if algorithm.host is Status.DEFAULT)


def select_signature_algorithms(spec: str | Sequence[str]) -> tuple[str, ...]:
    """Return the algorithms for user keys that an option asks for (`signature_algs`).

    Args:
        spec: the option in any of the forms of `nacre.crypto.registry.select`; `()` is the default.

    Raises:
        ValueError: an unknown name, or nothing left.
    """
    return choose("signature algorithm", spec, default_signature_algorithms(), signature_algorithms())


def select_host_key_algorithms(spec: str | Sequence[str]) -> tuple[str, ...]:
    """Return the algorithms for host keys that an option asks for (`server_host_key_algs`).

    Args:
        spec: the option in any of the forms of `nacre.crypto.registry.select`; `()` is the default.

    Raises:
        ValueError: an unknown name, or nothing left.
    """
    known = (*certificate_algorithms(), *signature_algorithms())
    return choose("host key algorithm", spec, default_host_key_algorithms(), known)
