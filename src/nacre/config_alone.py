"""What the user's OpenSSH configuration alone says of a connection: there are no options of these names.

Owns: the values (ssh_config(5)), where options keep them, and which RSA keys are too short. Must not know: lines of a
configuration, or how any other of it is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nacre.profiles import rsa_bits
from nacre.wire.record import record

if TYPE_CHECKING:
    from nacre.options import SSHConnectionOptions

__all__ = ["ALONE", "AgentKeys", "Alone", "alone", "is_too_short"]

#: Where options keep them: no name that an option may have.
ALONE: Final = "(of the configuration alone)"


@record
class AgentKeys:
    """How keys that were read from the user's files are handed to an agent.

    Attributes:
        lifetime: seconds after which the agent drops them; None: it keeps them.
        confirm: whether it asks its user before each use.
    """

    lifetime: int | None = None
    confirm: bool = False


@record
class Alone:
    """What a configuration says beside options.

    Attributes:
        agent_keys: whether keys are handed to the agent, and how; None: they are not (AddKeysToAgent).
        attempts: how often a server is called, a second apart (ConnectionAttempts).
        fingerprint_hash: by which the keys of hosts are shown to people, and by nothing else (FingerprintHash).
        gss_identity: the principal to log in as; "": that of the tickets (GSSAPIClientIdentity).
        gss_trusts_dns: whether a server is named to GSS-API as its address is, rather than as the user has it (GSSAPITrustDns).
        interface: whose address is called from, unless one is named; "": any (BindInterface).
        kbdint_devices: what the server is to ask with, names with commas between; "": its choice (KbdInteractiveDevices).
        passes_socket: whether a proxy command hands over a connected socket, and ends (ProxyUseFdpass).
        rsa_bits: the least length of RSA keys, of users and of hosts (RequiredRSASize).
        traffic: the octets of the class of traffic, where somebody types and elsewhere; None: the system's default (IPQoS).
        trusts_loopback: whether any host is believed that is this machine (NoHostAuthenticationForLocalhost).
    """

    agent_keys: AgentKeys | None = None
    attempts: int = 1
    fingerprint_hash: str = "sha256"
    gss_identity: str = ""
    gss_trusts_dns: bool = False
    interface: str = ""
    kbdint_devices: str = ""
    passes_socket: bool = False
    rsa_bits: int = 0
    traffic: tuple[int | None, int | None] | None = None
    trusts_loopback: bool = False


_NOTHING: Final = Alone()


def alone(options: SSHConnectionOptions) -> Alone:
    """Return what was said."""
    found: Alone | None = options.__dict__.get(ALONE)
    return _NOTHING if found is None else found


def is_too_short(blob: bytes, options: SSHConnectionOptions) -> bool:
    """Return whether a public key is one of RSA with fewer bits than the configuration requires.

    As by ssh, that is about the key itself, with a certificate or without, and not about who has certified it.
    """
    least = alone(options).rsa_bits
    return bool(least) and 0 < rsa_bits(blob) < least
