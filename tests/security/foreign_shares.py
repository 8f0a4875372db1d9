"""Shares, groups and host keys that no honest peer sends, and what live ends of both roles make of them.

Owns: the messages around them. Must not know: which shares are wrong, or why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from nacre.crypto.kex.groups import Group
from nacre.errors import DisconnectReason
from nacre.keys import SSHKey
from nacre.protocol.events import AuthSucceeded, HostKeyQuestion, KeysExchanged
from nacre.protocol.settings import Role, Settings
from nacre.wire.kex import (
    KexDhGexGroup,
    KexDhGexRequest,
    KexDhInit,
    KexDhReply,
    KexEcdhInit,
    KexEcdhReply,
)
from tests.pair.ends import HOST_KEY, Pair
from tests.pair.stage import Stage
from tests.pair.talk import end_of
from tests.security.exchange_steps import begun, say

__all__ = [
    "group_given",
    "host_signs_as_agreed",
    "refuse_group",
    "refuse_host_keys",
    "refuse_shares",
    "refuse_sizes",
]

_GROUP_EXCHANGE = "diffie-hellman-group-exchange-sha256"
_HOST = HOST_KEY.public_data


def _refused(stage: Stage, payload: bytes, reason: DisconnectReason) -> None:
    sent = say(stage, payload)
    assert end_of(stage).error.code == reason, payload
    assert sent[5:10] == b"\1" + int(reason).to_bytes(4, "big"), "the last thing said is why"
    assert not stage.end.of(KeysExchanged)
    assert not stage.end.of(HostKeyQuestion)


def refuse_shares(method: str, shares: Iterable[bytes | int], roles: Iterable[Role] = tuple(Role)) -> None:
    """Both ends refuse each share as that of the other end, with the right reason."""
    for share in shares:
        whole = isinstance(share, int)
        init, reply = (KexDhInit, KexDhReply) if whole else (KexEcdhInit, KexEcdhReply)
        for role in roles:
            message = init(share) if role is Role.SERVER else reply(_HOST, share, b"signature")
            _refused(begun(role, method), message.encode(), DisconnectReason.KEY_EXCHANGE_FAILED)


def refuse_host_keys(algorithm: str, blobs: Iterable[bytes]) -> None:
    """A client refuses each of these as the key of its host, without a question to its program."""
    for blob in blobs:
        stage = begun(Role.CLIENT, "curve25519-sha256", host_key=algorithm)
        reply = KexEcdhReply(blob, b"\x09" + bytes(31), b"signature").encode()
        _refused(stage, reply, DisconnectReason.HOST_KEY_NOT_VERIFIABLE)


def group_given(least: int, wanted: int, most: int) -> int:
    """Return how many bits the prime has that a server gives for these wishes."""
    stage = begun(Role.SERVER, _GROUP_EXCHANGE)
    sent = say(stage, KexDhGexRequest(least, wanted, most).encode())
    return KexDhGexGroup.decode(sent[5 : 4 + int.from_bytes(sent[:4], "big") - sent[4]]).prime.bit_length()


def refuse_sizes(least: int, wanted: int, most: int) -> None:
    """A server refuses these wishes."""
    request = KexDhGexRequest(least, wanted, most).encode()
    _refused(begun(Role.SERVER, _GROUP_EXCHANGE), request, DisconnectReason.KEY_EXCHANGE_FAILED)


def refuse_group(group: Group) -> None:
    """A client refuses this group."""
    offered = KexDhGexGroup(group.prime, group.generator).encode()
    _refused(begun(Role.CLIENT, _GROUP_EXCHANGE), offered, DisconnectReason.KEY_EXCHANGE_FAILED)


class _Host:
    """A host's key that signs with an algorithm of its own choice."""

    def __init__(self, key: SSHKey, sign: Callable[[bytes], bytes]) -> None:
        self.public_data = key.public_data
        self.host_key_algorithms = self.sig_algorithms = key.sig_algorithms
        self._sign = sign

    def sign(self, data: bytes, sig_algorithm: str) -> bytes:
        return self._sign(data)


def host_signs_as_agreed(key: SSHKey, ways: Mapping[str, Callable[[bytes], bytes]]) -> None:
    """A client takes a host's signature by the algorithm that was agreed on, and by no other.

    Args:
        key: the host's.
        ways: how it may sign, by the algorithm.
    """
    for allowed in key.sig_algorithms:
        client = Settings(username="alice", host_key_algorithms=(allowed,))
        for name, sign in ways.items():
            pair = Pair(client=client, server=Settings(host_keys=(_Host(key, sign),))).start()
            for event in (HostKeyQuestion, AuthSucceeded):
                assert bool(pair.client.of(event)) == (name == allowed), (allowed, name)
