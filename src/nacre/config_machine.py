"""What a configuration asks of the machine: a program's verdict, the addresses of interfaces, names resolved.

Owns: these three, without a shell, and what stands in for them where nothing may wait. Must not know: lines.
"""

from __future__ import annotations

import re
import shlex
import socket
import struct
import subprocess
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from nacre.trust.config import Setting
from nacre.trust.config_tokens import ALL, Tokens, substituted
from nacre.trust.pattern import IPAddress

__all__ = ["Machine", "MustWait", "NoMachine", "argv", "interface_addresses", "is_plain", "plain_names_only"]

#: Seconds that a program of Match exec may take.
_PATIENCE: Final = 60.0
#: What only a shell would understand in a command, which is started without one.
_SHELL: Final = frozenset("|&;<>`$(){}*?")
#: A host's or user's name that a way to somewhere may be made of: neither an option nor another word or hop.
_PLAIN_NAME: Final = r"(?!-)[^\s,'\"\\|&;<>`$(){}*?\x00-\x1f\x7f]*"
_GET_INTERFACES: Final = 0x8912  # SIOCGIFCONF of Linux
_INTERFACE_SIZE: Final = 40


class MustWait(Exception):
    """What was asked for takes time, which nobody has here."""


def is_plain(name: str) -> bool:
    """Return whether a host's or user's name is no more than one, wherever it may end up."""
    return re.fullmatch(_PLAIN_NAME, name) is not None


def plain_names_only(setting: Setting, text: str, tokens: Tokens) -> None:
    """Refuse tokens whose names would be more than a name in a command or a hop."""
    for letter in "hnrkuj":
        # A percent sign that stands for itself begins no token.
        if f"%{letter}" in text.replace("%%", "") and not is_plain(tokens.by_letter[letter]):
            raise setting.error(f"{tokens.by_letter[letter]!r} cannot stand there for %{letter}")


def argv(setting: Setting, text: str, allowed: str, tokens: Tokens) -> list[str]:
    """Return a command as a program and its arguments.

    Raises:
        ConfigParseError: it needs a shell, or a name in it is none.
    """
    if _SHELL & set(text):
        raise setting.error("the command is started without a shell: write it without shell syntax")
    try:
        words = shlex.split(text.removeprefix("exec "))
    except ValueError as error:
        raise setting.error(str(error)) from None
    found = []
    # In words first: what a token stands for is never more than a part of one.
    for word in words:
        plain_names_only(setting, word, tokens)
        found.append(substituted(setting, word, allowed, tokens))
    if not found:
        raise setting.error("an empty command")
    return found


class Machine:
    """This machine.

    Args:
        runs: whether programs of Match exec may be run.
    """

    def __init__(self, runs: bool = False) -> None:
        self.runs = runs

    def run(self, setting: Setting, command: str, tokens: Tokens) -> bool:
        """Return whether a program ends with status 0; it is given nothing and its output goes nowhere."""
        if not self.runs:
            raise setting.error("exec runs a program: give config_exec=True if this file may have it run")
        words = argv(setting, command, ALL, tokens)
        try:
            done = subprocess.run(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                timeout=_PATIENCE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise setting.error(f"exec, which needs no shell here: {error}") from None
        return done.returncode == 0

    def addresses(self, setting: Setting) -> Sequence[IPAddress]:
        """Return the addresses of this machine's interfaces."""
        try:
            return [*_addresses_4(), *_addresses_6()]
        except (ImportError, OSError) as error:
            raise setting.error(f"localnetwork: this system does not tell its addresses: {error}") from None

    def resolve(self, name: str) -> tuple[bool, str]:
        """Return whether a name has an address, and the name that it is another one for, or ""."""
        try:
            found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
        except (OSError, UnicodeError):
            return False, ""
        return True, found[0][3].rstrip(".").lower() if found else ""


class NoMachine(Machine):
    """What stands in for the machine where nothing may wait."""

    def run(self, setting: Setting, command: str, tokens: Tokens) -> bool:
        """Raise MustWait, or that programs are not to be run."""
        if self.runs:
            raise MustWait
        return super().run(setting, command, tokens)

    def resolve(self, name: str) -> tuple[bool, str]:
        """Raise MustWait."""
        raise MustWait


def interface_addresses(name: str) -> list[IPAddress]:
    """Return the addresses of one interface that is up, best first: those that reach further than the machine or its link.

    Raises:
        OSError: this system does not tell them.
    """
    try:
        found = [*_named_6(), *_named_4()]
    except (ImportError, OSError) as error:
        raise OSError(f"BindInterface: this system does not tell its addresses: {error}") from None
    mine = [address for interface, address in found if interface == name]
    return sorted(
        mine, key=lambda address: address.is_loopback or (address.version == 6 and address.is_link_local)
    )


def _addresses_4() -> list[IPAddress]:
    return [address for _, address in _named_4()]


def _addresses_6() -> list[IPAddress]:
    return [address for _, address in _named_6()]


def _named_4() -> list[tuple[str, IPAddress]]:
    import array
    import fcntl  # absent on some systems, where localnetwork says so

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        buffer = array.array("B", bytes(256 * _INTERFACE_SIZE))
        asked = struct.pack("iL", len(buffer), buffer.buffer_info()[0])
        length = struct.unpack("iL", fcntl.ioctl(sock.fileno(), _GET_INTERFACES, asked))[0]
    data = buffer.tobytes()[:length]
    entries = [data[at : at + _INTERFACE_SIZE] for at in range(0, len(data), _INTERFACE_SIZE)]
    return [(_plain_name(entry[:16]), ip_address(entry[20:24])) for entry in entries]


def _plain_name(field: bytes) -> str:
    """Return the name of an interface; those of further addresses have a label behind a colon."""
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape").partition(":")[0]


def _named_6() -> list[tuple[str, IPAddress]]:
    path = Path("/proc/net/if_inet6")
    if not path.exists():
        return []
    entries = [line.split() for line in path.read_text().splitlines()]
    return [(entry[-1], ip_address(bytes.fromhex(entry[0]))) for entry in entries]
