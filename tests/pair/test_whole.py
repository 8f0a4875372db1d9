"""Two ends in memory: whole conversations, split everywhere, with every algorithm."""

import hashlib
import itertools

import pytest

from nacre.crypto.registry import Family, lookup, names
from nacre.keys import generate_private_key
from nacre.protocol.events import (
    AuthSucceeded,
    ChannelClosed,
    ChannelData,
    ChannelEOF,
    ChannelRequestQuestion,
    ChannelWritable,
    Disconnected,
    KeysExchanged,
    PowersQuestion,
)
from nacre.protocol.settings import Settings
from nacre.wire.requests import ExecRequest, ExitStatus
from tests.pair.ends import HOST_KEY, Pair
from tests.support.cases import each_case


def conversation(pair: Pair) -> tuple[list[str], list[str]]:
    """Log in, run a command, exchange data, end; returns the names of the events of both ends."""
    pair.start()
    client, server = pair.client, pair.server
    on_client, on_server = pair.open()
    client.connection.channel_request(on_client, "exec", ExecRequest(b"true").encode(), True)
    pair.run()
    client.connection.channel_write(on_client, b"to the server")
    client.connection.channel_eof(on_client)
    pair.run()
    server.connection.channel_write(on_server, b"to the client")
    server.connection.channel_write(on_server, b"an error", 1)
    server.connection.channel_request(on_server, "exit-status", ExitStatus(3).encode(), False)
    server.connection.channel_close(on_server)
    pair.run()
    client.connection.disconnect(11, "bye")
    pair.run()
    return shown(client.events), shown(server.events)


def shown(events):
    """Events by class, with the data of channels, whatever the pieces it came in."""
    result = []
    for event in events:
        if isinstance(event, ChannelData):
            result.append(f"ChannelData {event.channel} {event.datatype} {event.data!r}")
        elif not isinstance(
            event, PowersQuestion
        ):  # asked by some methods of key exchange, and not by others
            result.append(type(event).__name__)
    return result


WHOLE = conversation(Pair())


def test_the_conversation_is_what_it_should_be():
    client, server = WHOLE
    assert client == [
        "HostKeyQuestion",
        "KeysExchanged",
        "AuthNeeded",
        "AuthSucceeded",
        "ChannelOpened",
        "ChannelReply",
        "ChannelData 0 None b'to the client'",
        "ChannelData 0 1 b'an error'",
        "ChannelRequestQuestion",
        "ChannelClosed",
        "Disconnected",
    ]
    assert server == [
        "KeysExchanged",
        "AuthBegin",
        "PasswordQuestion",
        "AuthSucceeded",
        "ChannelOpenQuestion",
        "ChannelRequestQuestion",
        "ChannelData 0 None b'to the server'",
        "ChannelEOF",
        "ChannelClosed",
        "Disconnected",
    ]


def test_a_byte_at_a_time():
    pair = Pair()
    pair.split = lambda data: (data[i : i + 1] for i in range(len(data)))
    assert conversation(pair) == WHOLE


@pytest.mark.parametrize("step", [7, 61, 499])
def test_every_split_of_the_stream(step):
    """Each piece of output is cut once; the place moves on, so that all places are cut in some run."""
    for offset in range(step):
        pair = Pair()
        counter = itertools.count(offset)

        def split(data, counter=counter, offset=offset):
            place = (next(counter) * step + offset) % (len(data) + 1)
            return data[:place], data[place:]

        pair.split = split
        assert conversation(pair) == WHOLE
        if offset >= 40:
            break


def settings(**algorithms):
    return (
        Settings(username="alice", **algorithms),
        Settings(host_keys=(HOST_KEY,), **algorithms),
    )


@pytest.mark.parametrize("kex", names(Family.KEX))
def test_every_key_exchange(kex):
    client, server = settings(kex_algorithms=(kex,))
    assert conversation(Pair(client=client, server=server)) == WHOLE


@each_case(
    ("cipher", "mac"),
    [
        (cipher, mac)
        for cipher in names(Family.CIPHER)
        for mac in names(Family.MAC)
        if not lookup(Family.CIPHER, cipher).authenticates or mac == names(Family.MAC)[0]
    ],
)
def test_every_cipher_and_mac(cipher, mac):
    client, server = settings(ciphers=(cipher,), macs=(mac,))
    pair = Pair(client=client, server=server)
    assert conversation(pair) == WHOLE
    agreed = pair.client.connection.info.negotiated
    assert agreed.cipher_client_to_server == agreed.cipher_server_to_client == cipher
    expected_mac = "" if lookup(Family.CIPHER, cipher).authenticates else mac
    assert agreed.mac_client_to_server == expected_mac


@pytest.mark.parametrize(
    "algorithm",
    [
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "rsa-sha2-256",
        "rsa-sha2-512",
    ],
)
def test_every_host_key(algorithm):
    key = generate_private_key("ssh-rsa" if algorithm.startswith("rsa") else algorithm)
    pair = Pair(
        client=Settings(username="alice", host_key_algorithms=(algorithm,)), server=Settings(host_keys=(key,))
    ).start()
    assert pair.client.of(AuthSucceeded)
    assert pair.client.connection.info.negotiated.host_key == algorithm
    assert pair.client.connection.info.host_key_blob == key.public_data


# ---------------------------------------------------------------- re-keying


def transfer(pair: Pair, size: int) -> None:
    """Send `size` bytes each way at once, and compare what arrives."""
    on_client, on_server = pair.open()
    ends = ((pair.client, on_client), (pair.server, on_server))
    data = hashlib.shake_128(b"nacre").digest(size)
    sent = [0, 0]
    seen = [0, 0]
    digests = [hashlib.sha256(), hashlib.sha256()]
    at = [len(pair.client.events), len(pair.server.events)]
    while min(seen) < size:
        for side, (end, channel) in enumerate(ends):
            if sent[side] < size:
                sent[side] += end.connection.channel_write(channel, data[sent[side] : sent[side] + 65536])
        pair.run()
        for side, (end, channel) in enumerate(ends):
            for event in end.events[at[side] :]:
                assert not isinstance(event, Disconnected), event
                if isinstance(event, ChannelData):
                    digests[side].update(event.data)
                    seen[side] += len(event.data)
                    end.connection.consumed(channel, len(event.data))
            at[side] = len(end.events)
    assert digests[0].digest() == digests[1].digest() == hashlib.sha256(data).digest()


@pytest.mark.parametrize("side", ["client", "server", "both"])
def test_rekeying_under_load(side):
    limit = 128 * 1024
    client = Settings(username="alice", rekey_bytes=limit if side != "server" else 1 << 30)
    server = Settings(host_keys=(HOST_KEY,), rekey_bytes=limit if side != "client" else 1 << 30)
    pair = Pair(client=client, server=server).start()
    transfer(pair, 2 * 1024 * 1024)
    exchanges = pair.client.of(KeysExchanged)
    assert len(exchanges) >= 2 * 1024 * 1024 // limit // 2
    assert len(pair.server.of(KeysExchanged)) == len(exchanges)
    assert [event.first for event in exchanges] == [True] + [False] * (len(exchanges) - 1)


def test_rekey_bytes_is_honoured_exactly():
    limit = 100_000
    pair = Pair(client=Settings(username="alice", rekey_bytes=limit)).start()
    connection = pair.client.connection
    on_client, on_server = pair.open()
    worst = taken = 0
    for _ in range(100):
        connection.channel_write(on_client, bytes(9000))
        if not connection._core.outbound.in_exchange:  # our KEXINIT itself goes out beyond the limit
            worst = max(worst, connection._core.outbound.octets)
        pair.run()
        arrived = sum(len(event.data) for event in pair.server.of(ChannelData))
        pair.server.connection.consumed(on_server, arrived - taken)
        taken = arrived
    assert limit - 9200 < worst <= limit
    assert len(pair.client.of(KeysExchanged)) > 5


def test_a_tiny_limit_still_lets_a_packet_through():
    pair = Pair(client=Settings(username="alice", rekey_bytes=1)).start()
    transfer(pair, 100_000)


def test_rekeying_through_all_methods_keeps_the_session_id():
    pair = Pair().start()
    session_id = pair.client.connection.info.session_id
    assert len(session_id) == 32
    for _ in range(3):
        pair.client.connection.rekey()
        pair.server.connection.rekey()  # both at once
        pair.run()
    assert pair.client.connection.info.session_id == pair.server.connection.info.session_id == session_id
    assert len(pair.client.of(KeysExchanged)) == 4


def test_data_crosses_a_key_exchange_that_the_peer_has_not_heard_of():
    pair = Pair().start()
    on_client, on_server = pair.open()
    pair.client.connection.rekey()
    pair.server.connection.channel_write(on_server, b"crossing")
    pair.run()
    assert [event.data for event in pair.client.of(ChannelData)] == [b"crossing"]
    assert not pair.client.of(Disconnected)
    # What we write meanwhile waits with its channel, and goes on afterwards.
    pair.client.connection.rekey()
    assert pair.client.connection.channel_write(on_client, b"later") == 0
    pair.run()
    assert [event.channel for event in pair.client.of(ChannelWritable)] == [on_client]


def test_eof_and_close_each_once():
    pair = Pair().start()
    on_client, on_server = pair.open()
    for _ in range(2):
        pair.client.connection.channel_eof(on_client)
        pair.run()
    pair.client.connection.channel_close(on_client)
    pair.client.connection.channel_close(on_client)
    pair.run()
    assert [event.channel for event in pair.server.of(ChannelEOF)] == [on_server]
    assert [event.channel for event in pair.client.of(ChannelClosed)] == [on_client]
    assert [event.channel for event in pair.server.of(ChannelClosed)] == [on_server]
    assert pair.client.connection._mux.channels == pair.server.connection._mux.channels == {}
    assert not pair.server.of(ChannelRequestQuestion)
