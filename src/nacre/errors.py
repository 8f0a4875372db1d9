"""Every exception of nacre, each with the reason that goes on the wire.

Owns: the exception classes, the disconnect reason codes (RFC 4253 section 11.1) and the channel
open failure codes (RFC 4254 section 5.1). Must not know: anything else of nacre; every layer
imports this one.

Two families tell whose fault it was: a `DisconnectError` is the peer's fault or the connection's
end and carries the code sent in SSH_MSG_DISCONNECT; a `LocalProtocolError` or another
`RuntimeError` is a misuse by the program that calls nacre and never ends a connection by itself.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "BreakReceived",
    "ChannelListenError",
    "ChannelOpenError",
    "CompressionError",
    "ConfigParseError",
    "ConnectionLost",
    "DisconnectError",
    "DisconnectReason",
    "Error",
    "GssError",
    "HostKeyNotVerifiable",
    "IllegalUserName",
    "KeyEncryptionError",
    "KeyExchangeFailed",
    "KeyExportError",
    "KeyGenerationError",
    "KeyImportError",
    "LocalProtocolError",
    "MACError",
    "NotSupportedYet",
    "OpenFailureReason",
    "PasswordChangeRequired",
    "PermissionDenied",
    "ProtocolError",
    "ProtocolNotSupported",
    "ServiceNotAvailable",
    "SignalReceived",
    "TerminalSizeChanged",
    "WireError",
]


class DisconnectReason(IntEnum):
    """Reason codes of SSH_MSG_DISCONNECT (RFC 4253 section 11.1)."""

    HOST_NOT_ALLOWED_TO_CONNECT = 1
    PROTOCOL_ERROR = 2
    KEY_EXCHANGE_FAILED = 3
    RESERVED = 4
    MAC_ERROR = 5
    COMPRESSION_ERROR = 6
    SERVICE_NOT_AVAILABLE = 7
    PROTOCOL_VERSION_NOT_SUPPORTED = 8
    HOST_KEY_NOT_VERIFIABLE = 9
    CONNECTION_LOST = 10
    BY_APPLICATION = 11
    TOO_MANY_CONNECTIONS = 12
    AUTH_CANCELLED_BY_USER = 13
    NO_MORE_AUTH_METHODS_AVAILABLE = 14
    ILLEGAL_USER_NAME = 15


class OpenFailureReason(IntEnum):
    """Reason codes of SSH_MSG_CHANNEL_OPEN_FAILURE (RFC 4254 section 5.1)."""

    ADMINISTRATIVELY_PROHIBITED = 1
    CONNECT_FAILED = 2
    UNKNOWN_CHANNEL_TYPE = 3
    RESOURCE_SHORTAGE = 4


class Error(Exception):
    """Base of the errors that SSH itself can report.

    Args:
        code: the numeric reason, from RFC 4253 section 11.1 or RFC 4254 section 5.1.
        reason: a sentence for a person.
        lang: the language tag of `reason` (RFC 3066).
    """

    def __init__(self, code: int, reason: str, lang: str = "en-US") -> None:
        super().__init__(reason)
        self.code = int(code)
        self.reason = reason
        self.lang = lang


class DisconnectError(Error):
    """The connection ends, or ended, for this reason (RFC 4253 section 11.1)."""


class _FixedDisconnectError(DisconnectError):
    """A disconnect error whose class decides the code."""

    disconnect_reason = DisconnectReason.PROTOCOL_ERROR
    #: What is for the user here; the peer is not told.
    hint = ""

    def __init__(self, reason: str, lang: str = "en-US") -> None:
        super().__init__(self.disconnect_reason, reason, lang)

    def __str__(self) -> str:
        return f"{self.reason}. {self.hint}" if self.hint else self.reason


class CompressionError(_FixedDisconnectError):
    """Compressed data could not be decompressed."""

    disconnect_reason = DisconnectReason.COMPRESSION_ERROR


class ConnectionLost(_FixedDisconnectError):
    """The transport went away without an SSH_MSG_DISCONNECT."""

    disconnect_reason = DisconnectReason.CONNECTION_LOST


class HostKeyNotVerifiable(_FixedDisconnectError):
    """The key of the host is not trusted, or its signature is not right."""

    disconnect_reason = DisconnectReason.HOST_KEY_NOT_VERIFIABLE


class IllegalUserName(_FixedDisconnectError):
    """The user name cannot be used."""

    disconnect_reason = DisconnectReason.ILLEGAL_USER_NAME


class KeyExchangeFailed(_FixedDisconnectError):
    """The two ends share no algorithm, or the key exchange went wrong.

    Args:
        reason: a sentence for a person, which the peer is told as well.
        lang: the language tag of `reason`.
        hint: what this end could do about it; the peer is not told.
    """

    disconnect_reason = DisconnectReason.KEY_EXCHANGE_FAILED

    def __init__(self, reason: str, lang: str = "en-US", hint: str = "") -> None:
        super().__init__(reason, lang)
        self.hint = hint


class MACError(_FixedDisconnectError):
    """A packet was altered on its way, or the keys differ."""

    disconnect_reason = DisconnectReason.MAC_ERROR


class PermissionDenied(_FixedDisconnectError):
    """Authentication failed, and there is nothing more to try.

    Args:
        reason: a sentence for a person, which the peer is told as well.
        lang: the language tag of `reason`.
        hint: what became of each method; the peer is not told.
    """

    disconnect_reason = DisconnectReason.NO_MORE_AUTH_METHODS_AVAILABLE

    def __init__(self, reason: str, lang: str = "en-US", hint: str = "") -> None:
        super().__init__(reason, lang)
        self.hint = hint


class ProtocolError(_FixedDisconnectError):
    """The peer broke the rules of the protocol."""

    disconnect_reason = DisconnectReason.PROTOCOL_ERROR


class ProtocolNotSupported(_FixedDisconnectError):
    """The peer does not speak SSH 2.0."""

    disconnect_reason = DisconnectReason.PROTOCOL_VERSION_NOT_SUPPORTED


class ServiceNotAvailable(_FixedDisconnectError):
    """The service asked for does not exist here."""

    disconnect_reason = DisconnectReason.SERVICE_NOT_AVAILABLE


class WireError(ProtocolError):
    """Bytes that do not decode as what they should be. Raised by `nacre.wire`."""


def said_by_peer(error: DisconnectError) -> DisconnectError:
    """Return a peer's DISCONNECT as the class that its code stands for, so that programs catch it by that.

    A code without a class of its own leaves it as it is. That it was the peer who said so is not in the
    class: nothing that decides about trust looks at it.
    """
    for kind in _FixedDisconnectError.__subclasses__():
        if kind.disconnect_reason == error.code:
            return kind(error.reason, error.lang)
    return error


class ChannelOpenError(Error):
    """The peer refused to open a channel (RFC 4254 section 5.1)."""


class ChannelListenError(Exception):
    """The peer refused to listen on our behalf."""


class PasswordChangeRequired(Exception):
    """Raised by `validate_password` to ask for a new password (RFC 4252 section 8)."""

    def __init__(self, prompt: str, lang: str = "en-US") -> None:
        super().__init__(f"Password change required: {prompt}")
        self.prompt = prompt
        self.lang = lang


class BreakReceived(Exception):
    """The client sent a break, `msec` milliseconds long (RFC 4335)."""

    def __init__(self, msec: int) -> None:
        super().__init__(f"Break for {msec} msec")
        self.msec = msec


class SignalReceived(Exception):
    """The client sent a signal, named without SIG (RFC 4254 section 6.9)."""

    def __init__(self, signal: str) -> None:
        super().__init__(f"Signal {signal}")
        self.signal = signal


class TerminalSizeChanged(Exception):
    """The client's terminal changed size (RFC 4254 section 6.7)."""

    def __init__(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        super().__init__(f"Terminal size {width}x{height}")
        self.width = width
        self.height = height
        self.pixwidth = pixwidth
        self.pixheight = pixheight

    @property
    def term_size(self) -> tuple[int, int, int, int]:
        """The size as (columns, rows, pixel width, pixel height)."""
        return self.width, self.height, self.pixwidth, self.pixheight


class ConfigParseError(ValueError):
    """A configuration file cannot be read; the message names file, line and remedy."""


class GssError(ValueError):
    """A call of GSS-API failed (RFC 2743 section 1.2.1.1): no ticket, a wrong key, a clock that is off.

    Args:
        reason: one line for a person; it may name this host's configuration, and is not sent.
        token: what the peer should be sent about it, or b"".
    """

    def __init__(self, reason: str, token: bytes = b"") -> None:
        super().__init__(reason)
        self.token = token


class KeyImportError(ValueError):
    """Bytes or a file that do not hold the key they should."""


class KeyExportError(ValueError):
    """A key cannot be written in the form asked for."""


class KeyEncryptionError(ValueError):
    """An encrypted key cannot be opened, or written, with this passphrase."""


class KeyGenerationError(ValueError):
    """A key of this kind cannot be made."""


class LocalProtocolError(RuntimeError):
    """The program that calls nacre asked for what the protocol forbids at this point."""


class NotSupportedYet(NotImplementedError):
    """A name of the public surface whose feature is not built yet.

    Args:
        what: the option, argument or function, as the caller wrote it.
        hint: what to do in the meantime, if anything.
    """

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(
            f"{what} is not supported yet by this version of nacre" + (f": {hint}" if hint else "")
        )
        self.what = what
