"""Messages of the key exchange (RFC 4253 sections 7 and 8, RFC 4419, RFC 5656 section 4, RFC 8731).

Owns: KEXINIT, NEWKEYS and the messages 30-49 of each method, a scope each. Must not know: how the
shares are computed (`nacre.crypto.kex`).
"""

from __future__ import annotations

from typing import Final

from nacre.wire.fields import Boolean, Cookie, MPInt, NameList, String, UInt32
from nacre.wire.message import Message, Sender, When, message

#: Methods of one share each way: curve25519, the NIST curves, the ML-KEM hybrids.
ECDH: Final = "kex-ecdh"
#: Diffie-Hellman in a group that the name of the method gives.
DH: Final = "kex-dh"
#: Diffie-Hellman in a group that the server chooses.
DH_GEX: Final = "kex-dh-gex"


@message(20, when=When.KEX_INIT)
class KexInit(Message):
    """SSH_MSG_KEXINIT (RFC 4253 section 7.1)."""

    cookie: Cookie
    kex_algorithms: NameList
    server_host_key_algorithms: NameList
    encryption_client_to_server: NameList
    encryption_server_to_client: NameList
    mac_client_to_server: NameList
    mac_server_to_client: NameList
    compression_client_to_server: NameList
    compression_server_to_client: NameList
    languages_client_to_server: NameList
    languages_server_to_client: NameList
    first_kex_packet_follows: Boolean
    reserved: UInt32


@message(21, when=When.KEX_END)
class NewKeys(Message):
    """SSH_MSG_NEWKEYS (RFC 4253 section 7.3)."""


@message(30, when=When.KEX_METHOD, sender=Sender.CLIENT, scope=ECDH)
class KexEcdhInit(Message):
    """SSH_MSG_KEX_ECDH_INIT (RFC 5656 section 4), also SSH_MSG_KEX_HYBRID_INIT."""

    client_share: String


@message(31, when=When.KEX_METHOD, sender=Sender.SERVER, scope=ECDH)
class KexEcdhReply(Message):
    """SSH_MSG_KEX_ECDH_REPLY (RFC 5656 section 4), also SSH_MSG_KEX_HYBRID_REPLY."""

    host_key: String
    server_share: String
    signature: String


@message(30, when=When.KEX_METHOD, sender=Sender.CLIENT, scope=DH)
class KexDhInit(Message):
    """SSH_MSG_KEXDH_INIT (RFC 4253 section 8)."""

    client_share: MPInt


@message(31, when=When.KEX_METHOD, sender=Sender.SERVER, scope=DH)
class KexDhReply(Message):
    """SSH_MSG_KEXDH_REPLY (RFC 4253 section 8)."""

    host_key: String
    server_share: MPInt
    signature: String


@message(34, when=When.KEX_METHOD, sender=Sender.CLIENT, scope=DH_GEX)
class KexDhGexRequest(Message):
    """SSH_MSG_KEX_DH_GEX_REQUEST (RFC 4419 section 3): sizes of the prime in bits."""

    least: UInt32
    wanted: UInt32
    most: UInt32


@message(31, when=When.KEX_METHOD, sender=Sender.SERVER, scope=DH_GEX)
class KexDhGexGroup(Message):
    """SSH_MSG_KEX_DH_GEX_GROUP (RFC 4419 section 3)."""

    prime: MPInt
    generator: MPInt


@message(32, when=When.KEX_METHOD, sender=Sender.CLIENT, scope=DH_GEX)
class KexDhGexInit(Message):
    """SSH_MSG_KEX_DH_GEX_INIT (RFC 4419 section 3)."""

    client_share: MPInt


@message(33, when=When.KEX_METHOD, sender=Sender.SERVER, scope=DH_GEX)
class KexDhGexReply(Message):
    """SSH_MSG_KEX_DH_GEX_REPLY (RFC 4419 section 3)."""

    host_key: String
    server_share: MPInt
    signature: String
