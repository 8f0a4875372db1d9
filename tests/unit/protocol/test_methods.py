"""The messages of each key exchange method, one step at a time, without a handshake around them."""

from __future__ import annotations

import pytest

from nacre.crypto import make_exchange
from nacre.crypto.kex.dh import DhExchange
from nacre.crypto.kex.groups import modp
from nacre.errors import DisconnectError, KeyExchangeFailed, LocalProtocolError, WireError
from nacre.protocol.events import AuthSucceeded, Disconnected, PowersQuestion
from nacre.protocol.lane import Lane
from nacre.protocol.methods import make_method
from nacre.protocol.settings import Role, Settings
from nacre.wire.fields import encode_mpint, encode_string, encode_uint32
from nacre.wire.kex import (
    KexDhGexGroup,
    KexDhGexInit,
    KexDhGexReply,
    KexDhGexRequest,
    KexDhInit,
    KexDhReply,
    KexEcdhInit,
    KexEcdhReply,
)
from tests.pair.ends import LATER, Pair
from tests.support.cases import each_case
from tests.support.protocol import failure, make_core, sent, server_settings

GEX = "diffie-hellman-group-exchange-sha256"
GROUP14 = "diffie-hellman-group14-sha256"
GROUP = modp(2048)


class Run:
    """One method at one end, and what it tells its owner."""

    def __init__(self, role, name):
        self.core = make_core(role)
        self.lane = Lane(self.core, lambda item: None, 0)
        self.exchange = make_exchange(name)
        self.method = make_method(self.core, self.lane, self.exchange, self)
        self.agreed = None

    def serve(self, parts, secret, reply):
        self.agreed = (parts, secret)
        self.core.send(reply(b"key", b"signature"))

    def finish(self, parts, secret, host_key, signature):
        self.agreed = (parts, secret)
        assert (host_key, signature) == (b"key", b"signature")

    def powers(self):
        """Take the question that was asked."""
        [question] = self.core.events
        self.core.events.clear()
        assert isinstance(question, PowersQuestion)
        return question

    def compute(self):
        """Answer the question as it is meant."""
        question = self.powers()
        results = tuple(pow(one.base, one.exponent, one.modulus) for one in question.powers)
        self.lane.answered(question.token, results)
        return results

    def said(self):
        [payload] = sent(self.core)
        return payload


def both(name):
    return Run(Role.CLIENT, name), Run(Role.SERVER, name)


def test_one_share_each_way():
    client, server = both("curve25519-sha256")
    assert (client.method.expected, server.method.expected) == (31, 30)
    client.method.begin()
    init = client.said()
    server.method.received(init)
    reply = server.said()
    client.method.received(reply)
    assert client.agreed == server.agreed
    shares = (KexEcdhInit.decode(init).client_share, KexEcdhReply.decode(reply).server_share)
    assert client.agreed[0] == b"".join(encode_string(share) for share in shares)


def test_a_group_by_name():
    client, server = both(GROUP14)
    assert (client.method.expected, server.method.expected) == (31, 30)
    client.method.begin()
    assert client.lane.pending
    [e] = client.compute()
    init = client.said()
    assert init == KexDhInit(e).encode()
    server.method.received(init)
    f, secret = server.compute()
    reply = server.said()
    assert reply == KexDhReply(b"key", f, b"signature").encode()
    client.method.received(reply)
    assert client.compute() == (secret,)
    # RFC 4253 section 8: mpint e, mpint f, and then mpint K.
    assert client.agreed == server.agreed == (encode_mpint(e) + encode_mpint(f), encode_mpint(secret))


def test_a_group_that_the_server_chooses():
    client, server = both(GEX)
    client.method.begin()
    request = client.said()
    assert request == KexDhGexRequest(2048, 3072, 8192).encode()
    assert server.method.expected == 34
    server.method.received(request)
    group = server.said()
    assert group == KexDhGexGroup(modp(3072).prime, 2).encode()
    assert (client.method.expected, server.method.expected) == (31, 32)
    client.method.received(group)
    assert len(client.powers().powers) == 1  # a known group is not checked again
    client.method.received(group)
    [e] = client.compute()
    init = client.said()
    assert init == KexDhGexInit(e).encode()
    assert client.method.expected == 33
    server.method.received(init)
    f, _ = server.compute()
    reply = server.said()
    assert reply == KexDhGexReply(b"key", f, b"signature").encode()


def test_what_the_exchange_hash_of_a_group_exchange_has():
    server = Run(Role.SERVER, GEX)
    server.method.received(KexDhGexRequest(1024, 2048, 2048).encode())
    assert KexDhGexGroup.decode(server.said()) == KexDhGexGroup(GROUP.prime, 2)
    server.method.received(KexDhGexInit(1234567).encode())
    f, secret = server.compute()
    sizes = b"".join(encode_uint32(size) for size in (1024, 2048, 2048))
    numbers = b"".join(encode_mpint(number) for number in (GROUP.prime, 2, 1234567, f))
    assert server.agreed == (sizes + numbers, encode_mpint(secret))


def test_an_unknown_group_is_checked_with_the_share():
    composite = GROUP.prime + 4 * 3 * 5
    client = Run(Role.CLIENT, GEX)
    client.method.begin()
    client.said()
    client.method.received(KexDhGexGroup(composite, 2).encode())
    question = client.powers()
    assert len(question.powers) == 4
    with pytest.raises(KeyExchangeFailed, match="no safe prime"):
        client.lane.answered(question.token, (5, 1, 1, 3))
    assert sent(client.core) == []


@pytest.mark.parametrize(
    "group",
    [
        KexDhGexGroup(modp(2048).prime >> 1, 2),
        KexDhGexGroup((1 << 8192) + 3, 2),
        KexDhGexGroup(GROUP.prime, 1),
    ],
)
def test_a_group_out_of_bounds_is_refused_before_anything_is_computed(group):
    client = Run(Role.CLIENT, GEX)
    client.method.begin()
    with pytest.raises(KeyExchangeFailed):
        client.method.received(group.encode())
    assert not client.core.events


@pytest.mark.parametrize("share", [0, 1, GROUP.prime - 1, GROUP.prime, 1 << 4000])
def test_shares_out_of_range_cost_nothing(share):
    client, server = both(GROUP14)
    with pytest.raises(KeyExchangeFailed):
        server.method.received(KexDhInit(share).encode())
    with pytest.raises(KeyExchangeFailed):
        client.method.received(KexDhReply(b"key", share, b"signature").encode())
    assert not server.core.events
    assert not client.core.events


def test_negative_shares_and_long_ones_are_no_numbers():
    server = Run(Role.SERVER, GROUP14)
    for payload in ("1e 00000001 ff", "1e 00000002 0001", "1e 00000000 00"):
        with pytest.raises((WireError, KeyExchangeFailed)):
            server.method.received(bytes.fromhex(payload))


@each_case("answer", [False, None, (), (5,), (5, 6, 7), ("5", "6"), [5, 6], (True, None)])
def test_answers_that_are_none_end_the_exchange(answer):
    server = Run(Role.SERVER, GROUP14)
    server.method.received(KexDhInit(5).encode())
    with pytest.raises(KeyExchangeFailed, match="could not be computed"):
        server.lane.answered(server.powers().token, answer)
    assert server.agreed is None


def test_a_refusal_is_told_with_its_reason():
    server = Run(Role.SERVER, GROUP14)
    server.method.received(KexDhInit(5).encode())
    with pytest.raises(DisconnectError, match="too many"):
        server.lane.answered(server.powers().token, DisconnectError(12, "too many"))


def test_a_method_takes_no_message_that_it_does_not_know():
    server = Run(Role.SERVER, GEX)
    server.method.expected = 99
    with pytest.raises(LocalProtocolError):
        server.method.received(b"\x63")


def test_the_private_exponent_is_in_no_repr():
    server = Run(Role.SERVER, GROUP14)
    assert isinstance(server.exchange, DhExchange)
    server.method.received(KexDhInit(5).encode())
    question = server.powers()
    assert str(server.exchange.share_power().exponent) not in repr(question)


def test_two_ends_wait_for_what_is_computed():
    answers = {PowersQuestion: LATER}
    client = Settings(username="alice", kex_algorithms=(GROUP14,))
    pair = Pair(
        client=client, server=server_settings(kex_algorithms=(GROUP14,)), server_answers=answers
    ).start()
    [question] = pair.server.of(PowersQuestion)
    # What comes meanwhile waits; the end of the transport is noticed all the same.
    assert not pair.client.of(AuthSucceeded)
    results = tuple(pow(one.base, one.exponent, one.modulus) for one in question.powers)
    pair.server.connection.answer(question.token, results)
    pair.run()
    assert pair.client.of(AuthSucceeded)
    pair.client.connection.rekey()
    pair.run()
    [_, again] = pair.server.of(PowersQuestion)
    pair.server.connection.receive_eof(pair.now)
    pair.server.pump()
    assert pair.server.of(Disconnected)
    pair.server.connection.answer(again.token, False)  # too late: dropped


def test_an_exchange_that_nobody_computes_ends_in_time():
    client = Settings(username="alice", kex_algorithms=(GROUP14,))
    server = server_settings(kex_algorithms=(GROUP14,), login_timeout=60)
    pair = Pair(client=client, server=server, server_answers={PowersQuestion: LATER}).start()
    pair.server.connection.tick(60.0)
    assert "too long" in str(failure(pair.server))
