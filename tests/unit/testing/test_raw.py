"""The raw peer's own steps; tests/pair and tests/security use it against every rule."""

from __future__ import annotations

import pytest

import nacre
from nacre.keys import generate_private_key
from nacre.protocol.settings import Role
from nacre.testing.raw import RawPeer


def carry(client, server):
    server.feed(client.output())
    client.feed(server.output())


@pytest.mark.parametrize("strict", [True, False])
def test_two_raw_peers_exchange_keys_and_talk(strict):
    client = RawPeer(Role.CLIENT, strict=strict)
    server = RawPeer(Role.SERVER, strict=strict, host_key=generate_private_key("ssh-ed25519"))
    for peer in (client, server):
        peer.ident()
        peer.send(peer.kexinit())
    carry(client, server)
    client.send(client.method_init())
    carry(client, server)
    [_, init] = server.take()
    server.send(server.method_reply(init))
    server.newkeys()
    client.feed(server.output())
    client.newkeys()
    carry(client, server)
    client.send(b"\x02\0\0\0\0")
    carry(client, server)
    assert server.take() == [b"\x15", b"\x02\0\0\0\0"]
    assert client.session_id == server.session_id != b""


def test_what_it_cannot_do_is_said():
    with pytest.raises(nacre.NotSupportedYet, match="group14"):
        RawPeer(Role.CLIENT, kex="diffie-hellman-group14-sha256")
    server = RawPeer(Role.SERVER)
    with pytest.raises(nacre.LocalProtocolError, match="host key"):
        server.method_reply(b"")
