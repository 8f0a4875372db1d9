"""What a server's OpenSSH configuration alone says: there are no options of these names.

Owns: the values (sshd_config(5)), where options keep them, and the refusal of an RSA key by its length. Must not know:
lines of a configuration, or how any other of it is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from nacre.aio.log import logger
from nacre.keys import Proof, SSHCertificate, SSHKey, SSHKeyPair
from nacre.profiles import rsa_bits
from nacre.trust.pattern import Glob
from nacre.wire.record import record

if TYPE_CHECKING:
    from nacre.options import SSHConnectionOptions, SSHServerConnectionOptions

__all__ = [
    "SERVER_ALONE",
    "ServerAlone",
    "channel_limits",
    "is_too_short",
    "server_alone",
    "usable_host_keys",
]

#: Where options keep them: no name that an option may have.
_OF_ALL: Final = "global"
SERVER_ALONE: Final = "(of the server's configuration alone)"


@record
class ServerAlone:
    """What a configuration says beside options.

    Attributes:
        host_key_algorithms: what host keys sign with; (): what each of them can (HostKeyAlgorithms).
        addendum: what stands behind the version (VersionAddendum).
        rsa_bits: the least length of RSA keys: of users, of hosts that vouch, of this host (RequiredRSASize).
        key_proof: what the signature of every security key must show (PubkeyAuthOptions).
        net_blocks: how many bits of an IPv4 and of an IPv6 address are a source (PerSourceNetBlockSize).
        channel_timeouts: patterns of kinds of channels, and for how many seconds nothing may move on them; 0: for
            ever (ChannelTimeout).
        unused_timeout: for how many seconds a connection may have no channel; 0: for ever (UnusedConnectionTimeout).
        exposes_auth: whether sessions are told how their user has logged in (ExposeAuthInfo).
        listeners: the hosts and ports to listen on; (): those of the options (ListenAddress, Port).
        any_acceptor: whether GSS-API answers by any name that there is a key for (GSSAPIStrictAcceptorCheck).
        fingerprint_hash: by which the log shows keys (FingerprintHash).
        traffic: the octets of the class of traffic, where somebody types and elsewhere; None: the system's default (IPQoS).
    """

    host_key_algorithms: tuple[str, ...] = ()
    addendum: str = ""
    rsa_bits: int = 0
    key_proof: Proof = Proof.NOTHING
    net_blocks: tuple[int, int] = (32, 64)
    channel_timeouts: tuple[tuple[str, float], ...] = ()
    unused_timeout: float = 0.0
    exposes_auth: bool = False
    listeners: tuple[tuple[str, int], ...] = ()
    any_acceptor: bool = False
    fingerprint_hash: str = "sha256"
    traffic: tuple[int | None, int | None] | None = None


_NOTHING: Final = ServerAlone()


def server_alone(options: SSHConnectionOptions) -> ServerAlone:
    """Return what was said; for a client nothing is."""
    found: ServerAlone | None = options.__dict__.get(SERVER_ALONE)
    return _NOTHING if found is None else found


def channel_limits(timeouts: Iterable[tuple[str, float]], kind: str) -> tuple[float, float]:
    """Return how many seconds nothing may move on a kind of channel, by the first pattern that fits, and on all.

    No pattern stands for those of all: they are called "global" themselves.
    """
    of_all = next((seconds for pattern, seconds in timeouts if pattern == _OF_ALL), 0.0)
    fitting = (seconds for pattern, seconds in timeouts if pattern != _OF_ALL and Glob(pattern).matches(kind))
    return next(fitting, 0.0), of_all


def usable_host_keys(options: SSHServerConnectionOptions, keys: Sequence[SSHKeyPair]) -> Sequence[SSHKeyPair]:
    """Return the keys of this host that may be used: RSA ones that are too short are left out, as by sshd.

    Raises:
        ValueError: none of them is left, or none signs with what is named.
    """
    said = server_alone(options)
    found = [key for key in keys if not 0 < rsa_bits(key.key_data) < said.rsa_bits]
    if len(found) < len(keys):
        logger.warning("%d host keys are not used: shorter than RequiredRSASize", len(keys) - len(found))
    if keys and not found:
        raise ValueError(f"no host key is left: RequiredRSASize asks for {said.rsa_bits} bits")
    names = {name for key in found for name in key.host_key_algorithms}
    if found and said.host_key_algorithms and names.isdisjoint(said.host_key_algorithms):
        raise ValueError(
            f"HostKeyAlgorithms has nothing of what the host keys sign with: {', '.join(sorted(names))}"
        )
    return found


def is_too_short(shown: SSHKey | SSHCertificate, options: SSHServerConnectionOptions) -> bool:
    """Return whether a key, or that of a certificate, is one of RSA with fewer bits than are asked for.

    The key of a certificate's authority may be shorter, as for sshd.
    """
    least = server_alone(options).rsa_bits
    key = shown.key if isinstance(shown, SSHCertificate) else shown
    return bool(least) and 0 < rsa_bits(key.public_data) < least
