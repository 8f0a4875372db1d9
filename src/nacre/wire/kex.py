"""Messages of the key exchange (RFC 4253 section 7, RFC 5656 section 4, RFC 8731).

Owns: KEXINIT, NEWKEYS and the messages 30-49 of each method, a scope each. Must not know: how the
shares are computed (`nacre.crypto.kex`).
"""

from __future__ import annotations

from typing import Final

from nacre.wire.fields import Boolean, Cookie, NameList, String, UInt32
from nacre.wire.message import Message, Sender, When, message

#: Methods of one share each way: curve25519, the NIST curves, the ML-KEM hybrids.
ECDH: Final = "kex-ecdh"


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
