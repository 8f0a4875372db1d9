"""Numbers of the standards, by the names that programs use.

Owns: `DISC_…`, `OPEN_…`, `PTY_…` and `EXTENDED_DATA_STDERR`. Must not know: anything else.
"""

from __future__ import annotations

from typing import Final

from nacre.aio import channel, client_channel
from nacre.errors import DisconnectReason, OpenFailureReason

#: The type of extended data for standard error (RFC 4254 section 5.2).
EXTENDED_DATA_STDERR: Final = channel.EXTENDED_DATA_STDERR

# Disconnect reasons (RFC 4253 section 11.1).
DISC_HOST_NOT_ALLOWED_TO_CONNECT: Final = int(DisconnectReason.HOST_NOT_ALLOWED_TO_CONNECT)
DISC_PROTOCOL_ERROR: Final = int(DisconnectReason.PROTOCOL_ERROR)
DISC_KEY_EXCHANGE_FAILED: Final = int(DisconnectReason.KEY_EXCHANGE_FAILED)
DISC_RESERVED: Final = int(DisconnectReason.RESERVED)
DISC_MAC_ERROR: Final = int(DisconnectReason.MAC_ERROR)
DISC_COMPRESSION_ERROR: Final = int(DisconnectReason.COMPRESSION_ERROR)
DISC_SERVICE_NOT_AVAILABLE: Final = int(DisconnectReason.SERVICE_NOT_AVAILABLE)
DISC_PROTOCOL_VERSION_NOT_SUPPORTED: Final = int(DisconnectReason.PROTOCOL_VERSION_NOT_SUPPORTED)
DISC_HOST_KEY_NOT_VERIFIABLE: Final = int(DisconnectReason.HOST_KEY_NOT_VERIFIABLE)
DISC_HOST_KEY_NOT_VERIFYABLE: Final = DISC_HOST_KEY_NOT_VERIFIABLE  # as AsyncSSH spells it
DISC_CONNECTION_LOST: Final = int(DisconnectReason.CONNECTION_LOST)
DISC_BY_APPLICATION: Final = int(DisconnectReason.BY_APPLICATION)
DISC_TOO_MANY_CONNECTIONS: Final = int(DisconnectReason.TOO_MANY_CONNECTIONS)
DISC_AUTH_CANCELLED_BY_USER: Final = int(DisconnectReason.AUTH_CANCELLED_BY_USER)
DISC_NO_MORE_AUTH_METHODS_AVAILABLE: Final = int(DisconnectReason.NO_MORE_AUTH_METHODS_AVAILABLE)
DISC_ILLEGAL_USER_NAME: Final = int(DisconnectReason.ILLEGAL_USER_NAME)

# Channel open failures (RFC 4254 section 5.1).
OPEN_ADMINISTRATIVELY_PROHIBITED: Final = int(OpenFailureReason.ADMINISTRATIVELY_PROHIBITED)
OPEN_CONNECT_FAILED: Final = int(OpenFailureReason.CONNECT_FAILED)
OPEN_UNKNOWN_CHANNEL_TYPE: Final = int(OpenFailureReason.UNKNOWN_CHANNEL_TYPE)
OPEN_RESOURCE_SHORTAGE: Final = int(OpenFailureReason.RESOURCE_SHORTAGE)

# What fails once a channel is open; no peer sends these.
OPEN_REQUEST_X11_FAILED: Final = client_channel.OPEN_REQUEST_X11_FAILED
OPEN_REQUEST_X11_FORWARDING_FAILED: Final = OPEN_REQUEST_X11_FAILED  # as AsyncSSH spells it
OPEN_REQUEST_PTY_FAILED: Final = client_channel.OPEN_REQUEST_PTY_FAILED
OPEN_REQUEST_SESSION_FAILED: Final = client_channel.OPEN_REQUEST_SESSION_FAILED

# Opcodes of terminal modes, by their mnemonics (RFC 4254 section 8, RFC 8160).
PTY_OP_END: Final = 0
PTY_VINTR: Final = 1
PTY_VQUIT: Final = 2
PTY_VERASE: Final = 3
PTY_VKILL: Final = 4
PTY_VEOF: Final = 5
PTY_VEOL: Final = 6
PTY_VEOL2: Final = 7
PTY_VSTART: Final = 8
PTY_VSTOP: Final = 9
PTY_VSUSP: Final = 10
PTY_VDSUSP: Final = 11
PTY_VREPRINT: Final = 12
PTY_VWERASE: Final = 13
PTY_WERASE: Final = PTY_VWERASE  # as AsyncSSH spells it
PTY_VLNEXT: Final = 14
PTY_VFLUSH: Final = 15
PTY_VSWTCH: Final = 16
PTY_VSTATUS: Final = 17
PTY_VDISCARD: Final = 18
PTY_IGNPAR: Final = 30
PTY_PARMRK: Final = 31
PTY_INPCK: Final = 32
PTY_ISTRIP: Final = 33
PTY_INLCR: Final = 34
PTY_IGNCR: Final = 35
PTY_ICRNL: Final = 36
PTY_IUCLC: Final = 37
PTY_IXON: Final = 38
PTY_IXANY: Final = 39
PTY_IXOFF: Final = 40
PTY_IMAXBEL: Final = 41
PTY_IUTF8: Final = 42
PTY_ISIG: Final = 50
PTY_ICANON: Final = 51
PTY_XCASE: Final = 52
PTY_ECHO: Final = 53
PTY_ECHOE: Final = 54
PTY_ECHOK: Final = 55
PTY_ECHONL: Final = 56
PTY_NOFLSH: Final = 57
PTY_TOSTOP: Final = 58
PTY_IEXTEN: Final = 59
PTY_ECHOCTL: Final = 60
PTY_ECHOKE: Final = 61
PTY_PENDIN: Final = 62
PTY_OPOST: Final = 70
PTY_OLCUC: Final = 71
PTY_ONLCR: Final = 72
PTY_OCRNL: Final = 73
PTY_ONOCR: Final = 74
PTY_ONLRET: Final = 75
PTY_CS7: Final = 90
PTY_CS8: Final = 91
PTY_PARENB: Final = 92
PTY_PARODD: Final = 93
PTY_OP_ISPEED: Final = 128
PTY_OP_OSPEED: Final = 129
PTY_OP_RESERVED: Final = 160  # where the opcodes begin that have no arguments
