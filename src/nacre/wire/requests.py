"""What channel opens, channel requests and global requests carry, a class each.

Owns: the payload classes of RFC 4254 sections 6 and 7, RFC 4335 and OpenSSH's PROTOCOL, and the
tables from a name to its class. Must not know: who answers them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nacre.errors import WireError
from nacre.wire.compiled import KNOWN_NAMES
from nacre.wire.fields import (
    Boolean,
    LenientText,
    Name,
    RawText,
    Reader,
    String,
    Strings,
    UInt32,
    encode_uint32,
)
from nacre.wire.message import Structure, structure


@structure
class SessionOpen(Structure):
    """Of a "session" channel (RFC 4254 section 6.1)."""


@structure
class PtyRequest(Structure):
    """Of "pty-req" (RFC 4254 section 6.2). `modes` is encoded: see `decode_terminal_modes`."""

    term_type: RawText
    columns: UInt32
    rows: UInt32
    width_pixels: UInt32
    height_pixels: UInt32
    modes: String


@structure
class EnvRequest(Structure):
    """Of "env" (RFC 4254 section 6.4)."""

    name: RawText
    value: RawText


@structure
class ShellRequest(Structure):
    """Of "shell" (RFC 4254 section 6.5)."""


@structure
class ExecRequest(Structure):
    """Of "exec" (RFC 4254 section 6.5)."""

    command: String


@structure
class SubsystemRequest(Structure):
    """Of "subsystem" (RFC 4254 section 6.5)."""

    name: RawText


@structure
class WindowChange(Structure):
    """Of "window-change" (RFC 4254 section 6.7)."""

    columns: UInt32
    rows: UInt32
    width_pixels: UInt32
    height_pixels: UInt32


@structure
class XonXoff(Structure):
    """Of "xon-xoff" (RFC 4254 section 6.8)."""

    client_can_do: Boolean


@structure
class SignalRequest(Structure):
    """Of "signal" (RFC 4254 section 6.9): the name without SIG."""

    name: Name


@structure
class ExitStatus(Structure):
    """Of "exit-status" (RFC 4254 section 6.10)."""

    status: UInt32


@structure
class ExitSignal(Structure):
    """Of "exit-signal" (RFC 4254 section 6.10)."""

    signal: Name
    core_dumped: Boolean
    message: LenientText
    lang: LenientText


@structure
class BreakRequest(Structure):
    """Of "break" (RFC 4335 section 3)."""

    milliseconds: UInt32


@structure
class AgentRequest(Structure):
    """Of "auth-agent-req@openssh.com" (RFC 9987 section 8)."""


@structure
class EndOfWrite(Structure):
    """Of "eow@openssh.com" (OpenSSH PROTOCOL 2.1)."""


@structure
class Keepalive(Structure):
    """Of "keepalive@openssh.com"; whatever it carries is not read."""


@structure
class NoMoreSessions(Structure):
    """Of "no-more-sessions@openssh.com" (OpenSSH PROTOCOL 2.2)."""


@structure
class HostKeys(Structure):
    """Of "hostkeys-00@openssh.com" and "hostkeys-prove-00@openssh.com" (OpenSSH PROTOCOL 2.5): public keys."""

    keys: Strings


@structure
class HostKeyProofs(Structure):
    """The data of the reply to the latter: a signature for each key, in the same order."""

    signatures: Strings


@structure
class HostKeyProof(Structure):
    """What is signed there."""

    request: Name
    session_id: String
    key: String


#: Kinds of channels whose open payload is decoded; others are handed over as bytes.
CHANNEL_OPENS: Final[Mapping[str, type[Structure]]] = {"session": SessionOpen}

#: Channel requests whose payload is decoded.
CHANNEL_REQUESTS: Final[Mapping[str, type[Structure]]] = {
    "pty-req": PtyRequest,
    "env": EnvRequest,
    "shell": ShellRequest,
    "exec": ExecRequest,
    "subsystem": SubsystemRequest,
    "window-change": WindowChange,
    "xon-xoff": XonXoff,
    "signal": SignalRequest,
    "exit-status": ExitStatus,
    "exit-signal": ExitSignal,
    "break": BreakRequest,
    "auth-agent-req@openssh.com": AgentRequest,
    "eow@openssh.com": EndOfWrite,
}

#: Global requests whose payload is decoded.
GLOBAL_REQUESTS: Final[Mapping[str, type[Structure]]] = {
    "no-more-sessions@openssh.com": NoMoreSessions,
    "hostkeys-00@openssh.com": HostKeys,
    "hostkeys-prove-00@openssh.com": HostKeys,
}

KNOWN_NAMES.update(
    (name.encode("ascii"), name)
    for names in (CHANNEL_OPENS, CHANNEL_REQUESTS, GLOBAL_REQUESTS)
    for name in names
)

_TTY_OP_END: Final = 0
#: Opcodes from here on have arguments that nobody defined (RFC 4254 section 8).
_TTY_OP_UNDEFINED: Final = 160


def decode_terminal_modes(data: bytes) -> dict[int, int]:
    """Decode terminal modes into opcode → value (RFC 4254 section 8).

    Raises:
        WireError: an argument is cut short.
    """
    modes: dict[int, int] = {}
    reader = Reader(data)
    while reader.remaining:
        opcode = reader.byte()
        if opcode == _TTY_OP_END or opcode >= _TTY_OP_UNDEFINED:
            break
        if reader.remaining < 4:
            raise WireError("a terminal mode without its value")
        modes[opcode] = reader.uint32()
    return modes


def encode_terminal_modes(modes: Mapping[int, int]) -> bytes:
    """Encode opcode → value as terminal modes (RFC 4254 section 8).

    Raises:
        ValueError: an opcode is not 1 to 159, or a value no uint32.
    """
    parts = []
    for opcode, value in modes.items():
        if not _TTY_OP_END < opcode < _TTY_OP_UNDEFINED:
            raise ValueError(f"{opcode} is not the opcode of a terminal mode")
        parts.append(bytes((opcode,)) + encode_uint32(value))
    return b"".join(parts) + bytes((_TTY_OP_END,))
