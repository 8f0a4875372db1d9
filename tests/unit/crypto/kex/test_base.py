"""What holds for every key exchange method."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from nacre.crypto import Family, KeyExchange, Random, lookup, make_exchange, names
from nacre.errors import DisconnectReason, KeyExchangeFailed, LocalProtocolError

HASHES = {
    "mlkem768x25519-sha256": "sha256",
    "curve25519-sha256": "sha256",
    "curve25519-sha256@libssh.org": "sha256",
    "mlkem768nistp256-sha256": "sha256",
    "mlkem1024nistp384-sha384": "sha384",
    "ecdh-sha2-nistp256": "sha256",
    "ecdh-sha2-nistp384": "sha384",
    "ecdh-sha2-nistp521": "sha512",
}
METHODS = tuple(HASHES)


def counting(seed: str) -> Random:
    """Return a source of random-looking bytes that is the same in each run."""
    state = iter(range(1 << 30))
    return lambda size: hashlib.shake_256(f"{seed} {next(state)}".encode()).digest(size)


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_the_methods_are_all_here() -> None:
    # Those in finite fields are no such exchanges: test_dh.py.
    assert tuple(name for name in names(Family.KEX) if not name.startswith("diffie-hellman")) == METHODS


def test_both_sides_arrive_at_the_same_secret(method: str) -> None:
    secrets = set()
    for _ in range(5):
        client, server = make_exchange(method), make_exchange(method)
        share, secret = server.server_respond(client.client_share())
        assert client.client_finish(share) == secret
        secrets.add(secret)
        assert client.hash_name == server.hash_name == lookup(Family.KEX, method).hash_name == HASHES[method]
    assert len(secrets) == 5


def test_a_client_share_can_be_replayed(method: str) -> None:
    shares = {make_exchange(method, counting("one")).client_share() for _ in range(3)}
    assert len(shares) == 1
    assert make_exchange(method, counting("two")).client_share() not in shares


def test_a_recorded_exchange_can_be_replayed_by_the_client(method: str) -> None:
    client = make_exchange(method, counting("client"))
    share, secret = make_exchange(method).server_respond(client.client_share())
    again = make_exchange(method, counting("client"))
    again.client_share()
    assert again.client_finish(share) == secret


@pytest.mark.parametrize("change", ["empty", "short", "one less", "without the first", "one more", "long"])
def test_shares_of_any_other_length_are_refused(method: str, change: str) -> None:
    def changed(share: bytes) -> bytes:
        return {
            "empty": b"",
            "short": share[:31],
            "one less": share[:-1],
            "without the first": share[1:],
            "one more": share + b"\0",
            "long": share * 100,
        }[change]

    client, server = make_exchange(method), make_exchange(method)
    share = client.client_share()
    with pytest.raises(KeyExchangeFailed) as caught:
        server.server_respond(changed(share))
    assert caught.value.code == DisconnectReason.KEY_EXCHANGE_FAILED
    reply, _ = make_exchange(method).server_respond(share)
    with pytest.raises(KeyExchangeFailed):
        client.client_finish(changed(reply))


def test_a_run_is_made_once_and_in_order(method: str) -> None:
    def server_after(first: Callable[[KeyExchange], object], then: Callable[[KeyExchange], object]) -> None:
        exchange = make_exchange(method)
        first(exchange)
        with pytest.raises(LocalProtocolError):
            then(exchange)

    share = make_exchange(method).client_share()
    reply, _ = make_exchange(method).server_respond(share)
    server_after(lambda e: None, lambda e: e.client_finish(reply))
    server_after(lambda e: e.client_share(), lambda e: e.client_share())
    server_after(lambda e: e.client_share(), lambda e: e.server_respond(share))
    server_after(lambda e: e.server_respond(share), lambda e: e.server_respond(share))
    server_after(lambda e: e.server_respond(share), lambda e: e.client_finish(reply))

    exchange = make_exchange(method)
    exchange.client_share()
    exchange.client_finish(reply)
    with pytest.raises(LocalProtocolError):
        exchange.client_finish(reply)


def test_a_refused_share_ends_the_run(method: str) -> None:
    # The private key is gone: a peer cannot try again against the same one.
    client = make_exchange(method)
    reply, _ = make_exchange(method).server_respond(client.client_share())
    with pytest.raises(KeyExchangeFailed):
        client.client_finish(reply[:-1])
    with pytest.raises(LocalProtocolError):
        client.client_finish(reply)


def test_an_altered_share_gives_another_secret_or_an_error(method: str) -> None:
    client_share = make_exchange(method, counting("client")).client_share()
    server_share, secret = make_exchange(method).server_respond(client_share)
    for position in range(0, len(server_share), 61):
        altered = bytearray(server_share)
        altered[position] ^= 1
        client = make_exchange(method, counting("client"))
        client.client_share()
        try:
            assert client.client_finish(bytes(altered)) != secret
        except KeyExchangeFailed:
            assert "nistp" in method  # no point of the curve any more


def test_an_unknown_method_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        make_exchange("diffie-hellman-group1-sha1")
