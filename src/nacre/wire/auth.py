"""Messages of authentication (RFC 4252, RFC 4256).

Owns: numbers 50-53, 60-79 of each method, a scope each, and what follows the method's name in a
SSH_MSG_USERAUTH_REQUEST. Must not know: who is allowed in.
"""

from __future__ import annotations

from typing import Final

from nacre.wire.fields import (
    Boolean,
    LenientText,
    Name,
    NameList,
    Prompts,
    SecretRest,
    SecretText,
    SecretTextList,
    String,
    Text,
)
from nacre.wire.message import Message, Sender, Structure, When, message, structure

PUBLICKEY: Final = "publickey"
PASSWORD: Final = "password"  # noqa: S105 - the name of a method (RFC 4252 section 8)
KBDINT: Final = "keyboard-interactive"
#: "publickey" whose signature is over the server's host key too (OpenSSH PROTOCOL).
HOSTBOUND: Final = "publickey-hostbound-v00@openssh.com"
HOSTBASED: Final = "hostbased"


@message(50, when=When.AUTH, sender=Sender.CLIENT)
class UserauthRequest(Message):
    """SSH_MSG_USERAUTH_REQUEST (RFC 4252 section 5)."""

    username: Text
    service: Name
    method: Name
    data: SecretRest


@message(51, when=When.AUTH, sender=Sender.SERVER)
class UserauthFailure(Message):
    """SSH_MSG_USERAUTH_FAILURE (RFC 4252 section 5.1)."""

    methods: NameList
    partial_success: Boolean


@message(52, when=When.AUTH, sender=Sender.SERVER)
class UserauthSuccess(Message):
    """SSH_MSG_USERAUTH_SUCCESS (RFC 4252 section 5.1)."""


@message(53, when=When.AUTH, sender=Sender.SERVER)
class UserauthBanner(Message):
    """SSH_MSG_USERAUTH_BANNER (RFC 4252 section 5.4)."""

    message: LenientText
    lang: LenientText


@message(60, when=When.AUTH_METHOD, sender=Sender.SERVER, scope=PUBLICKEY)
class UserauthPkOk(Message):
    """SSH_MSG_USERAUTH_PK_OK (RFC 4252 section 7)."""

    algorithm: Name
    key_blob: String


@message(60, when=When.AUTH_METHOD, sender=Sender.SERVER, scope=PASSWORD)
class UserauthPasswdChangereq(Message):
    """SSH_MSG_USERAUTH_PASSWD_CHANGEREQ (RFC 4252 section 8)."""

    prompt: LenientText
    lang: LenientText


@message(60, when=When.AUTH_METHOD, sender=Sender.SERVER, scope=KBDINT)
class UserauthInfoRequest(Message):
    """SSH_MSG_USERAUTH_INFO_REQUEST (RFC 4256 section 3.2)."""

    name: Text
    instruction: Text
    lang: LenientText
    prompts: Prompts


@message(61, when=When.AUTH_METHOD, sender=Sender.CLIENT, scope=KBDINT)
class UserauthInfoResponse(Message):
    """SSH_MSG_USERAUTH_INFO_RESPONSE (RFC 4256 section 3.4)."""

    responses: SecretTextList


@structure
class PublicKeyQuery(Structure):
    """What follows "publickey" (RFC 4252 section 7), up to the signature."""

    signed: Boolean
    algorithm: Name
    key_blob: String


@structure
class PasswordData(Structure):
    """What follows "password" (RFC 4252 section 8), up to a new password."""

    change: Boolean
    password: SecretText


@structure
class KbdintData(Structure):
    """What follows "keyboard-interactive" (RFC 4256 section 3.1)."""

    lang: LenientText
    submethods: Text


@structure
class HostbasedData(Structure):
    """What follows "hostbased" (RFC 4252 section 9), up to the signature."""

    algorithm: Name
    key_blob: String
    client_host: Text
    client_username: Text
