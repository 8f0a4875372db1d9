"""What a protocol end is told at its start: role, algorithms, times, keys and sources.

Owns: `Role`, `Settings`, `Sources` and `Info`. Must not know: the options of the public face,
from which `nacre.options` makes a `Settings`; asyncio; any clock.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Protocol

from nacre.crypto import make_exchange
from nacre.crypto.kex.base import AnyExchange
from nacre.crypto.registry import Family, default_names
from nacre.keys import default_signature_algorithms
from nacre.protocol import limits
from nacre.protocol.gss import GssApi, GssContext
from nacre.wire.record import changing, fresh, hidden, record


class Role(Enum):
    """Which end this is."""

    CLIENT = "client"
    SERVER = "server"

    __hash__ = object.__hash__  # the members are what they are: tables by role are asked at each login

    @property
    def peer(self) -> Role:
        """The other end's role."""
        return Role.SERVER if self is Role.CLIENT else Role.CLIENT


class HostKey(Protocol):
    """A private host key, or anything that signs like one."""

    @property
    def public_data(self) -> bytes:
        """The encoded public key, or the certificate that is in its place."""

    @property
    def sig_algorithms(self) -> Sequence[str]:
        """The names of the signature algorithms that it can be used with, best first."""

    @property
    def host_key_algorithms(self) -> Sequence[str]:
        """Their names in SSH_MSG_KEXINIT: others for a certificate (PROTOCOL.certkeys)."""

    def sign(self, data: bytes, sig_algorithm: str) -> bytes:
        """Return the whole signature blob; a name of `host_key_algorithms` is understood too."""


@record
class Sources:
    """Where a protocol end takes what is not deterministic, so that a test can replay it.

    Attributes:
        random: returns that many random bytes; also used for padding.
        exchange: makes one run of a key exchange by name.
    """

    random: Callable[[int], bytes] = os.urandom
    exchange: Callable[[str], AnyExchange] = make_exchange


@record
class Settings:
    """Everything that a protocol end is told. Times are in seconds; 0 means no limit.

    Attributes:
        software_version: what follows "SSH-2.0-" in the identification string (RFC 4253 4.2).
        username: client: the user to log in as.
        host_keys: server: its private keys, in order of preference.
        host_key_algorithms: client: accepted algorithms in order; server: limits what
            `host_keys` offer.
        signature_algorithms: what is accepted in signatures of users, and of hosts that vouch for them, where an
            `AuthPolicy` says nothing else; an algorithm counts with a certificate, too.
        announced_algorithms: server: server-sig-algs (RFC 8308 section 3.1); None: `signature_algorithms`.
        ident_timeout: until the peer's identification line is complete.
        login_timeout: until authentication is complete.
        rekey_bytes: re-key after this many bytes in one direction; also bounded by the cipher.
        keepalive_interval: silence after which keepalive@openssh.com is sent.
        keepalive_count_max: unanswered ones after which the connection is lost.
        receive_budget: bytes that the windows of all channels together may hold.
        max_channels: channels that the peer may have open at once.
        max_sessions: of these, of kind "session".
        max_auth_tries: server: failures of all methods after which the connection ends.
        unused_timeout: time without a channel after which the connection ends.
        disable_trivial_auth: client: refuse a success that took no credential.
        gss: makes the contexts of GSS-API; None: there are none, and none of its methods.
    """

    software_version: str = "nacre"
    username: str = ""
    kex_algorithms: tuple[str, ...] = fresh(default_factory=lambda: default_names(Family.KEX))
    ciphers: tuple[str, ...] = fresh(default_factory=lambda: default_names(Family.CIPHER))
    macs: tuple[str, ...] = fresh(default_factory=lambda: default_names(Family.MAC))
    compressions: tuple[str, ...] = ("none",)
    host_keys: tuple[HostKey, ...] = ()
    host_key_algorithms: tuple[str, ...] = ()
    signature_algorithms: tuple[str, ...] = fresh(default_factory=default_signature_algorithms)
    announced_algorithms: tuple[str, ...] | None = None
    ident_timeout: float = limits.IDENT_TIMEOUT
    login_timeout: float = limits.LOGIN_TIMEOUT
    rekey_bytes: int = limits.REKEY_BYTES
    rekey_seconds: float = limits.REKEY_SECONDS
    keepalive_interval: float = 0
    keepalive_count_max: int = 3
    receive_budget: int = limits.RECEIVE_BUDGET
    max_channels: int = limits.MAX_CHANNELS
    max_sessions: int = limits.MAX_SESSIONS
    max_auth_tries: int = limits.AUTH_FAILURES
    unused_timeout: float = 0
    disable_trivial_auth: bool = False
    gss: GssApi | None = None


@record
class Negotiated:
    """The algorithms of the latest key exchange (RFC 4253 section 7.1)."""

    kex: str
    host_key: str
    cipher_client_to_server: str
    cipher_server_to_client: str
    mac_client_to_server: str
    mac_server_to_client: str
    compression_client_to_server: str
    compression_server_to_client: str
    strict: bool


@changing
class Info:
    """What is known of a connection; read-only for everybody but the protocol.

    Attributes:
        own_version, peer_version: the identification strings, without CR LF.
        host_key_blob: the server's public host key, once its signature was verified.
        server_sig_algs: what the peer's EXT_INFO announced (RFC 8308 section 3.1), or None.
        updates_sig_algs: server: whether the peer announced that it takes another server-sig-algs while it logs in.
        hostbound: whether the peer announced that it takes keys bound to its host key (OpenSSH PROTOCOL).
        username: the user of the latest authentication request.
        host_key_signature: client: the server's signature of the session id, which proves to others that it was there.
        session_id: the first exchange hash; b"" before it is there.
        peer_prefers: client: the first key exchange method and the first host key algorithm of the peer's first KEXINIT.
        refused: server: credentials and queries of the peer that were refused.
        gss: the context of the first key exchange, if GSS-API authenticated it.
    """

    own_version: str = ""
    peer_version: str = ""
    username: str = ""
    session_id: bytes = hidden(default=b"")
    host_key_blob: bytes = b""
    host_key_signature: bytes = hidden(default=b"")
    negotiated: Negotiated | None = None
    server_sig_algs: tuple[str, ...] | None = None
    updates_sig_algs: bool = False
    hostbound: bool = False
    peer_prefers: tuple[str, str] = ("", "")
    refused: int = 0
    gss: GssContext | None = hidden(default=None)
