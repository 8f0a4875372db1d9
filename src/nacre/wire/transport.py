"""Messages of the transport layer (RFC 4253, RFC 8308, OpenSSH PROTOCOL 1.6 "ping").

Owns: numbers 1-7, 192 and 193. Must not know: key exchange methods (`nacre.wire.kex`).
"""

from __future__ import annotations

from nacre.wire.fields import Boolean, Extensions, LenientText, Name, String, UInt32
from nacre.wire.message import Message, Sender, When, message


@message(1, when=When.ALWAYS)
class Disconnect(Message):
    """SSH_MSG_DISCONNECT (RFC 4253 section 11.1)."""

    code: UInt32
    description: LenientText
    lang: LenientText


@message(2, when=When.NOISE)
class Ignore(Message):
    """SSH_MSG_IGNORE (RFC 4253 section 11.2)."""

    data: String


@message(3, when=When.NOISE)
class Unimplemented(Message):
    """SSH_MSG_UNIMPLEMENTED (RFC 4253 section 11.4)."""

    sequence_number: UInt32


@message(4, when=When.NOISE)
class Debug(Message):
    """SSH_MSG_DEBUG (RFC 4253 section 11.3)."""

    always_display: Boolean
    message: LenientText
    lang: LenientText


@message(5, when=When.SERVICE_REQUEST, sender=Sender.CLIENT)
class ServiceRequest(Message):
    """SSH_MSG_SERVICE_REQUEST (RFC 4253 section 10)."""

    service: Name


@message(6, when=When.SERVICE_ACCEPT, sender=Sender.SERVER)
class ServiceAccept(Message):
    """SSH_MSG_SERVICE_ACCEPT (RFC 4253 section 10)."""

    service: Name


@message(7, when=When.EXTENSION)
class ExtInfo(Message):
    """SSH_MSG_EXT_INFO (RFC 8308 section 2.3)."""

    extensions: Extensions


@message(192, when=When.PING)
class Ping(Message):
    """SSH2_MSG_PING (OpenSSH PROTOCOL, ping@openssh.com)."""

    data: String


@message(193, when=When.PING)
class Pong(Message):
    """SSH2_MSG_PONG (OpenSSH PROTOCOL, ping@openssh.com)."""

    data: String
