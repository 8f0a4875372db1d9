"""Parts of a protocol end on their own, for tests of each part.

Owns: a `Core` without a connection, what it has sent, and two ends between which anything can be
slipped in, encrypted. Must not know: asyncio.
"""

from __future__ import annotations

from typing import Any

from nacre.protocol import limits
from nacre.protocol.core import Core
from nacre.protocol.inbound import Inbound
from nacre.protocol.settings import Role, Settings, Sources
from tests.pair.ends import HOST_KEY, End, Pair


def make_core(role: Role = Role.SERVER, **settings: Any) -> Core:
    """Return the shared state of an end that has no keys yet."""
    return Core(role, Settings(**settings), Sources(random=bytes))


def changed(value: Any, **changes: Any) -> Any:
    """Return a message or event like `value` but for these fields."""
    fields = {name: getattr(value, name) for name in value.__match_args__}
    return type(value)(**fields | changes)


def payloads(data: bytes) -> list[bytes]:
    """Return the payloads of packets in the clear."""
    inbound = Inbound()
    inbound.limit = limits.PACKET
    found = []
    while data:
        room = inbound.receive_buffer()
        size = min(len(room), len(data))
        room[:size] = data[:size]
        inbound.received(size)
        data = data[size:]
        while (length := inbound.next_payload()) >= 0:
            found.append(bytes(inbound.scratch[1 : 1 + length]))
    return found


def sent(core: Core) -> list[bytes]:
    """Take what a core without keys has queued."""
    return payloads(b"".join(bytes(segment) for segment in core.outbound.take()))


def server_settings(**settings: Any) -> Settings:
    """Return the settings of a server with the host key of the tests."""
    return Settings(host_keys=(HOST_KEY,), **settings)


def inject(end: End, payload: bytes) -> None:
    """Have an end send a payload that it would never send."""
    end.connection._core.outbound.send_now(payload)


def talk(pair: Pair, end: End, *payload: bytes) -> Pair:
    """Have an end send these payloads, and let both talk."""
    for one in payload:
        inject(end, one)
    return pair.run()


def failure(end: End) -> Any:
    """Return why an end's connection has ended."""
    assert end.connection.closed
    return end.connection.failure
