"""What a key of an agent may be used for, and how that is written (RFC 9987 section 5.2.7, PROTOCOL.agent 2).

Owns: lifetime, confirmation, and the destinations of `ssh-add -h`: their encoding, their bounds, and whether a
way from host to host is one of them. Must not know: which way a connection to the agent has come.

A constraint that is not known refuses the key: what was meant to restrict it must not be dropped.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from nacre.keys import CertificateType, SSHCertificate, SSHKey
from nacre.keys.name_pattern import matches_name
from nacre.wire.fields import (
    UINT32_MAX,
    Reader,
    encode_boolean,
    encode_byte,
    encode_string,
    encode_text,
    encode_uint32,
)
from nacre.wire.record import record

#: The name of the constraint of `ssh-add -h`.
RESTRICT_DESTINATION: Final = "restrict-destination-v00@openssh.com"
#: The name of what is no constraint, and sent as one: how a security key is reached (PROTOCOL.u2f).
SK_PROVIDER: Final = "sk-provider@openssh.com"
#: What an agent reaches security keys by when it is given no library.
OWN_PROVIDER: Final = "internal"
#: Destinations of one key; OpenSSH's own bound.
MAX_DESTINATIONS: Final = 1024
#: Host keys of one hop: a host has three or four, and known_hosts may name several hosts alike.
MAX_HOP_KEYS: Final = 1024


class _Kind(IntEnum):
    """What follows in a request to add a key."""

    LIFETIME = 1
    CONFIRM = 2
    EXTENSION = 255


@record
class HopKey:
    """A key by which a host is known.

    Attributes:
        public_data: its blob; it may be of a type that is not known here, and then no host shows it.
        is_authority: it is that of an authority, whose certificates hosts show.
    """

    public_data: bytes
    is_authority: bool = False


@record
class Hop:
    """One end of a permitted step.

    Attributes:
        host: what the host is called; "" for the machine that the agent runs on.
        keys: the host's keys.
        user: a pattern of the users to log in as; "": any.
    """

    host: str = ""
    keys: tuple[HopKey, ...] = ()
    user: str = ""


#: Where every way begins.
ORIGIN: Final = Hop()


@record
class Destination:
    """A step from one host to another for which a key may be used.

    Attributes:
        to: the host to log in to; it has a name and keys.
        origin: where the login comes from; it has no user.
    """

    to: Hop
    origin: Hop = ORIGIN


@record
class Constraints:
    """What a key may be used for.

    Attributes:
        lifetime: seconds after which the agent drops it; None: it keeps it.
        confirm: whether its user is asked before each use.
        destinations: the steps that it may be used for; none: any.
        sk_provider: of a security key, the library by which the agent reaches it; `OWN_PROVIDER`: its own.
    """

    lifetime: int | None = None
    confirm: bool = False
    destinations: tuple[Destination, ...] = ()
    sk_provider: str | None = None


UNCONSTRAINED: Final = Constraints()


class ConstraintRefused(ValueError):
    """A constraint that cannot be kept: the key that it is for is not taken."""


# ---------------------------------------------------------------- encoding


def encode_constraints(constraints: Constraints) -> bytes:
    """Return what follows a key in a request to add it; nothing where it is not constrained.

    Raises:
        ValueError: a lifetime is none, or a destination is not complete.
    """
    encoded = b""
    if constraints.lifetime is not None:
        if not 0 < constraints.lifetime <= UINT32_MAX:
            raise ValueError(
                f"a lifetime of {constraints.lifetime} seconds; 1 to {UINT32_MAX} can be asked for"
            )
        encoded += encode_byte(_Kind.LIFETIME) + encode_uint32(constraints.lifetime)
    if constraints.confirm:
        encoded += encode_byte(_Kind.CONFIRM)
    if constraints.destinations:
        steps = b"".join(encode_string(_encode_step(step)) for step in constraints.destinations)
        encoded += encode_byte(_Kind.EXTENSION) + encode_text(RESTRICT_DESTINATION) + encode_string(steps)
    if constraints.sk_provider is not None:
        encoded += (
            encode_byte(_Kind.EXTENSION) + encode_text(SK_PROVIDER) + encode_text(constraints.sk_provider)
        )
    return encoded


def _encode_step(step: Destination) -> bytes:
    _require_consistent(step)
    return encode_string(_encode_hop(step.origin)) + encode_string(_encode_hop(step.to)) + encode_string(b"")


def _encode_hop(hop: Hop) -> bytes:
    keys = (encode_string(key.public_data) + encode_boolean(key.is_authority) for key in hop.keys)
    return encode_text(hop.user) + encode_text(hop.host) + encode_string(b"") + b"".join(keys)


# ---------------------------------------------------------------- decoding


def decode_constraints(reader: Reader) -> Constraints:
    """Return the constraints at the end of a request to add a key.

    Raises:
        ConstraintRefused: one is not known, given twice, or not consistent.
        WireError: they are damaged.
    """
    lifetime: int | None = None
    confirm = False
    destinations: tuple[Destination, ...] = ()
    provider: str | None = None
    while reader.remaining:
        match reader.byte():
            case _Kind.LIFETIME if lifetime is None:
                lifetime = reader.uint32()
            case _Kind.CONFIRM if not confirm:
                confirm = True
            case _Kind.EXTENSION:
                name = reader.ascii()
                if name == SK_PROVIDER and provider is None:
                    provider = reader.text()
                    continue
                if name != RESTRICT_DESTINATION or destinations:
                    raise ConstraintRefused(f"the constraint {name!r} is not known, or given twice")
                destinations = _decode_steps(reader.string())
            case kind:
                raise ConstraintRefused(f"constraint {kind} is not known, or given twice")
    if provider not in (None, OWN_PROVIDER):  # a library that whoever asks has named is not loaded
        raise ConstraintRefused("a security key that a library is to be loaded for")
    return Constraints(lifetime, confirm, destinations, provider)


def _decode_steps(data: bytes) -> tuple[Destination, ...]:
    reader = Reader(data)
    steps: list[Destination] = []
    while reader.remaining:
        if len(steps) >= MAX_DESTINATIONS:
            raise ConstraintRefused(f"more than {MAX_DESTINATIONS} destinations of one key")
        steps.append(_decode_step(reader.string()))
    if not steps:  # a key that may be used nowhere was not meant, and none means anywhere
        raise ConstraintRefused("destinations, and none among them")
    return tuple(steps)


def _decode_step(data: bytes) -> Destination:
    reader = Reader(data)
    origin, to = _decode_hop(reader.string()), _decode_hop(reader.string())
    _refuse_more(reader)
    reader.end()
    step = Destination(to, origin)
    _require_consistent(step)
    return step


def _decode_hop(data: bytes) -> Hop:
    reader = Reader(data)
    user, host = reader.text(), reader.text()
    _refuse_more(reader)
    keys: list[HopKey] = []
    while reader.remaining:
        if len(keys) >= MAX_HOP_KEYS:
            raise ConstraintRefused(f"more than {MAX_HOP_KEYS} keys of one host")
        keys.append(HopKey(reader.string(), reader.boolean()))
    return Hop(host, tuple(keys), user)


def _refuse_more(reader: Reader) -> None:
    """What versions to come put here restricts further."""
    if reader.string():
        raise ConstraintRefused("a destination with something in it that is not known")


def _require_consistent(step: Destination) -> None:
    if bool(step.origin.host) != bool(step.origin.keys) or step.origin.user:
        raise ConstraintRefused(
            "a destination comes from a host with a name and keys, without a user; or from none"
        )
    if not step.to.host or not step.to.keys:
        raise ConstraintRefused("a destination needs the name of a host, and its keys")


# ---------------------------------------------------------------- the verdict


def permitted(
    destinations: Sequence[Destination],
    origin: SSHKey | SSHCertificate | None,
    to: SSHKey | SSHCertificate | None,
    user: str | None,
    now: float,
) -> bool:
    """Return whether a step is one of the destinations.

    Args:
        destinations: of the key.
        origin: what the host has shown from which the login comes; None: from where the agent is.
        to: what the host has shown that is logged in to; None: any host would do.
        user: as whom; None: not known, or it does not matter yet.
        now: seconds since 1970-01-01 UTC, for certificates.
    """
    return any(
        (not step.origin.host if origin is None else _is_host(step.origin, origin, now))
        and (to is None or _is_host(step.to, to, now))
        and (not step.to.user or user is None or matches_name(step.to.user, user))
        for step in destinations
    )


def permitted_way(
    destinations: Sequence[Destination],
    way: Sequence[SSHKey | SSHCertificate],
    user: str | None,
    now: float,
) -> bool:
    """Return whether each step of a way is one of the destinations; the user is that of the last."""
    steps = itertools.pairwise((None, *way))
    last = len(way) - 1
    return all(
        permitted(destinations, origin, to, user if number == last else None, now)
        for number, (origin, to) in enumerate(steps)
    )


def _is_host(hop: Hop, shown: SSHKey | SSHCertificate, now: float) -> bool:
    """Return whether what a host has shown makes it this hop."""
    if not isinstance(shown, SSHCertificate):
        return any(not key.is_authority and key.public_data == shown.public_data for key in hop.keys)
    signer = shown.signing_key.public_data
    if not any(key.is_authority and key.public_data == signer for key in hop.keys):
        return False
    try:
        shown.validate(CertificateType.HOST, hop.host, now)
    except ValueError:
        return False
    return True
