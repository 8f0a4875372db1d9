"""More parsers: revocation lists, detached signatures with who may make them, and what an agent is asked.

Each may raise what its documentation says, nothing else; what can be written again is read again as the same.
"""

from __future__ import annotations

import contextlib
import functools
from datetime import UTC, datetime
from typing import Any, Final

import nacre
from fuzz.feed import Feed
from nacre.agent.bindings import BindingRefused, Bindings
from nacre.agent.constraints import ConstraintRefused, decode_constraints, encode_constraints
from nacre.agent.requests import algorithm_of, decode_added, decode_smartcard
from nacre.errors import KeyImportError, WireError
from nacre.keys.keypair import SSHKeyPair
from nacre.keys.sshsig import SSHSignature
from nacre.trust.allowed_signers import import_allowed_signers
from nacre.trust.revocation import import_krl
from nacre.wire.fields import Reader

#: A time that is none of any input's.
NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)


@functools.cache
def _key() -> Any:
    return nacre.generate_private_key("ssh-ed25519")


def revocation_list(data: bytes) -> None:
    """OpenSSH's revocation lists (PROTOCOL.krl), and plain ones."""
    try:
        found = import_krl(data)
    except KeyImportError:
        return
    revoked = found.revokes(_key())
    assert revoked in (True, False)
    again = import_krl(found.encode())
    assert again.encode() == found.encode()
    assert again.revokes(_key()) is revoked


def detached_signature(data: bytes) -> None:
    """SSHSIG (OpenSSH PROTOCOL.sshsig), and allowed_signers."""
    feed = Feed(data)
    if feed.byte() & 1:
        with contextlib.suppress(ValueError):
            signers = import_allowed_signers(feed.rest())
            assert signers.validate(_key(), "alice@example.org", "file", now=NOW) in (True, False)
        return
    with contextlib.suppress(KeyImportError):
        found = SSHSignature.decode(feed.rest())
        assert found.verify(bytes(64)) is False  # nobody has signed that


def _added(reader: Reader) -> None:
    added = decode_added(reader)
    assert added.pair.public_data
    repr(added)
    for flags in (0, 2, 4, 1 << 31):
        with contextlib.suppress(WireError):
            algorithm_of(added.pair, flags)


def _constraints(reader: Reader) -> None:
    found = decode_constraints(reader)
    if found.lifetime == 0:
        return  # it goes at once, and nobody asks for that
    assert decode_constraints(Reader(encode_constraints(found))) == found


def _binding(reader: Reader) -> None:
    bindings = Bindings()
    bindings.bind(reader)  # in vain: it is signed
    raise AssertionError("a session was bound that nobody has signed")


def _login(reader: Reader) -> None:
    pair = SSHKeyPair.from_key(_key())
    Bindings().require_permitted(pair, (), reader.rest(), 0.0)


REQUESTS: Final = (_added, _constraints, _binding, _login, decode_smartcard)


def agent_requests(data: bytes) -> None:
    """What an agent is asked (RFC 9987, OpenSSH PROTOCOL.agent)."""
    feed = Feed(data)
    request = feed.pick(REQUESTS)
    with contextlib.suppress(KeyImportError, ConstraintRefused, BindingRefused, WireError):
        request(Reader(feed.rest()))
