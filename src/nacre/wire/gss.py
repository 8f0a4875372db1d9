"""Messages of GSS-API: of the key exchange (RFC 4462 section 2, RFC 8732) and of the login (section 3).

Owns: the numbers 30-34 and 60-66 of these methods, a scope each, and what follows a method's name in a
SSH_MSG_USERAUTH_REQUEST. Must not know: what a token says.
"""

from __future__ import annotations

from typing import Final

from nacre.wire.fields import Boolean, LenientText, Rest, String, StringList, UInt32
from nacre.wire.message import Message, Sender, Structure, When, message, structure

#: The scope of the messages of every GSS-API key exchange.
KEX_GSS: Final = "kex-gss"
#: Login by a context of its own, bound to the session by a signature (RFC 4462 section 3).
WITH_MIC: Final = "gssapi-with-mic"
#: Login by the context of the key exchange (RFC 4462 section 4).
KEYEX: Final = "gssapi-keyex"


@message(30, when=When.KEX_METHOD, sender=Sender.CLIENT, scope=KEX_GSS)
class KexGssInit(Message):
    """SSH_MSG_KEXGSS_INIT (RFC 4462 section 2.1, RFC 8732 section 5.1).

    The share of Diffie-Hellman in a finite field is an mpint, which is a string to whoever only reads it.
    """

    token: String
    client_share: String


@message(31, when=When.KEX_METHOD, scope=KEX_GSS)
class KexGssContinue(Message):
    """SSH_MSG_KEXGSS_CONTINUE (RFC 4462 section 2.1)."""

    token: String


@message(32, when=When.KEX_METHOD, sender=Sender.SERVER, scope=KEX_GSS)
class KexGssComplete(Message):
    """SSH_MSG_KEXGSS_COMPLETE (RFC 4462 section 2.1).

    Attributes:
        has_token: whether `rest` is one more string, a token.
    """

    server_share: String
    mic: String
    has_token: Boolean
    rest: Rest


@message(33, when=When.KEX_METHOD, sender=Sender.SERVER, scope=KEX_GSS)
class KexGssHostKey(Message):
    """SSH_MSG_KEXGSS_HOSTKEY (RFC 4462 section 2.1)."""

    host_key: String


@message(34, when=When.KEX_METHOD, sender=Sender.SERVER, scope=KEX_GSS)
class KexGssError(Message):
    """SSH_MSG_KEXGSS_ERROR (RFC 4462 section 2.1)."""

    major_status: UInt32
    minor_status: UInt32
    text: LenientText
    lang: LenientText


@structure
class GssMechanisms(Structure):
    """What follows "gssapi-with-mic" (RFC 4462 section 3.2): OIDs in DER."""

    mechanisms: StringList


@structure
class GssKeyexData(Structure):
    """What follows "gssapi-keyex" (RFC 4462 section 4)."""

    mic: String


@message(60, when=When.AUTH_METHOD, sender=Sender.SERVER, scope=WITH_MIC)
class UserauthGssapiResponse(Message):
    """SSH_MSG_USERAUTH_GSSAPI_RESPONSE (RFC 4462 section 3.3)."""

    mechanism: String


@message(61, when=When.AUTH_METHOD, scope=WITH_MIC)
class UserauthGssapiToken(Message):
    """SSH_MSG_USERAUTH_GSSAPI_TOKEN (RFC 4462 section 3.4)."""

    token: String


@message(63, when=When.AUTH_METHOD, sender=Sender.CLIENT, scope=WITH_MIC)
class UserauthGssapiExchangeComplete(Message):
    """SSH_MSG_USERAUTH_GSSAPI_EXCHANGE_COMPLETE (RFC 4462 section 3.6): of a context that cannot sign."""


@message(64, when=When.AUTH_METHOD, sender=Sender.SERVER, scope=WITH_MIC)
class UserauthGssapiError(Message):
    """SSH_MSG_USERAUTH_GSSAPI_ERROR (RFC 4462 section 3.8)."""

    major_status: UInt32
    minor_status: UInt32
    text: LenientText
    lang: LenientText


@message(65, when=When.AUTH_METHOD, scope=WITH_MIC)
class UserauthGssapiErrtok(Message):
    """SSH_MSG_USERAUTH_GSSAPI_ERRTOK (RFC 4462 section 3.9)."""

    token: String


@message(66, when=When.AUTH_METHOD, sender=Sender.CLIENT, scope=WITH_MIC)
class UserauthGssapiMic(Message):
    """SSH_MSG_USERAUTH_GSSAPI_MIC (RFC 4462 section 3.5)."""

    mic: String
