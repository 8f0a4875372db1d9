"""Messages of the connection protocol (RFC 4254).

Owns: numbers 80-100. Must not know: what opens and requests carry (`nacre.wire.requests`), windows.
"""

from __future__ import annotations

from nacre.wire.fields import Boolean, LenientText, Name, Rest, String, UInt32
from nacre.wire.message import Message, When, message


@message(80, when=When.CONNECTION)
class GlobalRequest(Message):
    """SSH_MSG_GLOBAL_REQUEST (RFC 4254 section 4)."""

    name: Name
    want_reply: Boolean
    data: Rest


@message(81, when=When.CONNECTION)
class RequestSuccess(Message):
    """SSH_MSG_REQUEST_SUCCESS (RFC 4254 section 4)."""

    data: Rest


@message(82, when=When.CONNECTION)
class RequestFailure(Message):
    """SSH_MSG_REQUEST_FAILURE (RFC 4254 section 4)."""


@message(90, when=When.CONNECTION)
class ChannelOpen(Message):
    """SSH_MSG_CHANNEL_OPEN (RFC 4254 section 5.1)."""

    kind: Name
    sender_channel: UInt32
    initial_window_size: UInt32
    maximum_packet_size: UInt32
    data: Rest


@message(91, when=When.CONNECTION)
class ChannelOpenConfirmation(Message):
    """SSH_MSG_CHANNEL_OPEN_CONFIRMATION (RFC 4254 section 5.1)."""

    recipient_channel: UInt32
    sender_channel: UInt32
    initial_window_size: UInt32
    maximum_packet_size: UInt32
    data: Rest


@message(92, when=When.CONNECTION)
class ChannelOpenFailure(Message):
    """SSH_MSG_CHANNEL_OPEN_FAILURE (RFC 4254 section 5.1)."""

    recipient_channel: UInt32
    code: UInt32
    description: LenientText
    lang: LenientText


@message(93, when=When.CONNECTION)
class ChannelWindowAdjust(Message):
    """SSH_MSG_CHANNEL_WINDOW_ADJUST (RFC 4254 section 5.2)."""

    recipient_channel: UInt32
    bytes_to_add: UInt32


@message(94, when=When.CONNECTION)
class ChannelDataMessage(Message):
    """SSH_MSG_CHANNEL_DATA (RFC 4254 section 5.2). The hot path does without this class."""

    recipient_channel: UInt32
    data: String


@message(95, when=When.CONNECTION)
class ChannelExtendedData(Message):
    """SSH_MSG_CHANNEL_EXTENDED_DATA (RFC 4254 section 5.2)."""

    recipient_channel: UInt32
    datatype: UInt32
    data: String


@message(96, when=When.CONNECTION)
class ChannelEof(Message):
    """SSH_MSG_CHANNEL_EOF (RFC 4254 section 5.3)."""

    recipient_channel: UInt32


@message(97, when=When.CONNECTION)
class ChannelClose(Message):
    """SSH_MSG_CHANNEL_CLOSE (RFC 4254 section 5.3)."""

    recipient_channel: UInt32


@message(98, when=When.CONNECTION)
class ChannelRequest(Message):
    """SSH_MSG_CHANNEL_REQUEST (RFC 4254 section 5.4)."""

    recipient_channel: UInt32
    name: Name
    want_reply: Boolean
    data: Rest


@message(99, when=When.CONNECTION)
class ChannelSuccess(Message):
    """SSH_MSG_CHANNEL_SUCCESS (RFC 4254 section 5.4)."""

    recipient_channel: UInt32


@message(100, when=When.CONNECTION)
class ChannelFailure(Message):
    """SSH_MSG_CHANNEL_FAILURE (RFC 4254 section 5.4)."""

    recipient_channel: UInt32
