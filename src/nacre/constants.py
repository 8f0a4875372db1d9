"""Numbers of the standards, by the names that programs use.

Owns: `DISC_…`, `OPEN_…`, `PTY_…` and `EXTENDED_DATA_STDERR`. Must not know: anything else.
"""

from __future__ import annotations

from typing import Final

from nacre.errors import DisconnectReason, OpenFailureReason

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

#: Opcodes of terminal modes (RFC 4254 section 8, RFC 8160 for IUTF8), by their mnemonics.
_TERMINAL_MODES: Final = {
    **dict(
        zip(
            (
                "VINTR VQUIT VERASE VKILL VEOF VEOL VEOL2 VSTART VSTOP VSUSP VDSUSP VREPRINT VWERASE "
                "VLNEXT VFLUSH VSWTCH VSTATUS VDISCARD"
            ).split(),
            range(1, 19),
            strict=True,
        )
    ),
    **dict(
        zip(
            ("IGNPAR PARMRK INPCK ISTRIP INLCR IGNCR ICRNL IUCLC IXON IXANY IXOFF IMAXBEL IUTF8").split(),
            range(30, 43),
            strict=True,
        )
    ),
    **dict(
        zip(
            ("ISIG ICANON XCASE ECHO ECHOE ECHOK ECHONL NOFLSH TOSTOP IEXTEN ECHOCTL ECHOKE PENDIN").split(),
            range(50, 63),
            strict=True,
        )
    ),
    **dict(zip("OPOST OLCUC ONLCR OCRNL ONOCR ONLRET".split(), range(70, 76), strict=True)),
    **dict(zip("CS7 CS8 PARENB PARODD".split(), range(90, 94), strict=True)),
    "OP_ISPEED": 128,
    "OP_OSPEED": 129,
    "OP_END": 0,
}
globals().update({f"PTY_{name}": opcode for name, opcode in _TERMINAL_MODES.items()})
