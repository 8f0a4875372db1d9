"""What a certificate restricts and permits: its critical options and its extensions (PROTOCOL.certkeys).

Owns: the two lists, the meaning of the options that nacre knows, and which critical ones it does not.
Must not know: the certificate around them, or how an option is enforced.

A critical option that is not known, or cannot be honoured, refuses the certificate; an extension that
is not known is passed over. One name cannot move from one list to the other: `force-command` among the
extensions restricts nothing, and is not shown as if it did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from nacre.errors import KeyImportError, WireError
from nacre.wire.fields import Reader, encode_string, encode_text
from nacre.wire.record import record

__all__ = ["EXTENSIONS", "IPNetwork", "Restrictions", "decode_options", "encode_options", "restrictions"]

IPNetwork = IPv4Network | IPv6Network
#: Name and value of each option, in the order of the certificate.
Options = tuple[tuple[str, bytes], ...]

#: More options than there are extensions in the world.
MAX_OPTIONS: Final = 128
MAX_NETWORKS: Final = 1024

FORCE_COMMAND: Final = "force-command"
SOURCE_ADDRESS: Final = "source-address"
VERIFY_REQUIRED: Final = "verify-required"
NO_TOUCH_REQUIRED: Final = "no-touch-required"
_CRITICAL: Final = frozenset((FORCE_COMMAND, SOURCE_ADDRESS, VERIFY_REQUIRED))

#: The extensions that nacre knows, by their names in lower case.
EXTENSIONS: Final = {
    name.lower(): name
    for name in (
        NO_TOUCH_REQUIRED,
        "permit-X11-forwarding",
        "permit-agent-forwarding",
        "permit-port-forwarding",
        "permit-pty",
        "permit-user-rc",
    )
}


@record
class Restrictions:
    """What the options say.

    Attributes:
        force_command: the command that runs whatever is asked for, or None.
        sources: the value of source-address, whose networks are taken apart when they are asked for; None: any.
        verify_required: a signature must show that its user was verified.
        unknown: the critical options that are not known; one is enough to refuse.
        extensions: the extensions, with their values.
    """

    force_command: str | None
    sources: bytes | None
    verify_required: bool
    unknown: tuple[str, ...]
    extensions: Mapping[str, bytes]

    @property
    def source_address(self) -> tuple[IPNetwork, ...] | None:
        """The networks that the login may come from, or None for any. KeyImportError: the list is wrong.

        A thousand of them take 15 ms: nobody spends those for an authority that is not trusted.
        """
        return None if self.sources is None else _networks(self.sources)

    def permits(self, permission: str) -> bool:
        """Tell whether something is permitted, as "pty" or "X11-forwarding"."""
        name = f"permit-{permission}"
        return EXTENSIONS.get(name.lower(), name) in self.extensions

    def as_options(self) -> dict[str, object]:
        """Return the options by name: True for one without a value."""
        found: dict[str, object] = {}
        if self.force_command is not None:
            found[FORCE_COMMAND] = self.force_command
        if self.source_address is not None:
            found[SOURCE_ADDRESS] = list(self.source_address)
        if self.verify_required:
            found[VERIFY_REQUIRED] = True
        found.update(
            {name: value or True for name, value in self.extensions.items() if name not in _CRITICAL}
        )
        return found


def decode_options(data: bytes) -> Options:
    """Return a list of options.

    Their order is not looked at: they ought to be sorted, and certificates are about whose are not.

    Raises:
        WireError: it is damaged, too long, or has a name twice.
    """
    reader = Reader(data)
    found: dict[str, bytes] = {}
    while reader.remaining:
        name = reader.ascii()
        if not name or name in found:
            raise WireError(f"option {name!r} of a certificate has no name, or stands there twice")
        if len(found) >= MAX_OPTIONS:
            raise WireError(f"a certificate with more than {MAX_OPTIONS} options")
        found[name] = reader.string()
    return tuple(found.items())


def encode_options(options: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a list of options in the order of their names."""
    return b"".join(encode_text(name) + encode_string(value) for name, value in sorted(options))


def _only_string(value: bytes) -> bytes:
    reader = Reader(value)
    inner = reader.string()
    reader.end()
    return inner


def _bounded(value: bytes) -> bytes:
    """Return a list of networks that is not too long."""
    listed = _only_string(value)
    if listed.count(b",") >= MAX_NETWORKS:
        raise WireError(f"source-address has more than {MAX_NETWORKS} networks")
    return listed


@lru_cache(16)
def _networks(listed: bytes) -> tuple[IPNetwork, ...]:
    try:
        return tuple(ip_network(entry.decode("ascii")) for entry in listed.split(b","))
    except ValueError:  # an empty list too: it would admit nobody, or anybody, as one reads it
        raise KeyImportError(
            "source-address of the certificate is not a list of addresses and networks"
        ) from None


def restrictions(critical: Options, extensions: Options) -> Restrictions:
    """Return what the options of a certificate say.

    Raises:
        WireError: the value of one that is known is not as it must be; of a list of networks that is seen later.
    """
    options = dict(critical)
    known = {EXTENSIONS[name] for name in EXTENSIONS}
    for name, value in (*critical, *extensions):
        if value and (name == VERIFY_REQUIRED or name in known):
            raise WireError(f"option {name!r} of a certificate has a value, and takes none")
    command = options.get(FORCE_COMMAND)
    sources = options.get(SOURCE_ADDRESS)
    return Restrictions(
        force_command=None if command is None else _only_string(command).decode("utf-8", "surrogateescape"),
        sources=None if sources is None else _bounded(sources),
        verify_required=VERIFY_REQUIRED in options,
        unknown=tuple(name for name in options if name not in _CRITICAL),
        extensions=dict(extensions),
    )


def user_options(
    force_command: str | None,
    source_address: str | Sequence[str] | None,
    permissions: Mapping[str, bool],
    verify_required: bool = False,
) -> tuple[Options, Options]:
    """Return the critical options and the extensions of a certificate that is to be made.

    Args:
        force_command: the command that is to run whatever is asked for.
        source_address: addresses and networks, one `str` with commas between them or several.
        permissions: whether each extension is to be there.
        verify_required: whether a security key must have verified its user.

    Raises:
        ValueError: an address or network is not valid, or there are none.
    """
    critical = []
    if force_command is not None:
        if not isinstance(force_command, str):
            raise TypeError(f"force_command is a str, not {type(force_command).__name__}")
        command = force_command.encode("utf-8", "surrogateescape")
        critical.append((FORCE_COMMAND, encode_string(command)))
    if source_address is not None:
        entries = source_address.split(",") if isinstance(source_address, str) else source_address
        networks = [str(ip_network(entry.strip())) for entry in entries]
        if not networks:
            raise ValueError("source_address without an address; leave it out to allow any")
        critical.append((SOURCE_ADDRESS, encode_text(",".join(networks))))
    if verify_required:
        critical.append((VERIFY_REQUIRED, b""))
    return tuple(critical), tuple((name, b"") for name, wanted in permissions.items() if wanted)
