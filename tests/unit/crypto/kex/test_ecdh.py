"""What the methods of one share each way have in common, on a curve of the test's own."""

from __future__ import annotations

import pytest

from nacre.crypto import Random
from nacre.crypto.kex.ecdh import EcdhExchange
from nacre.errors import LocalProtocolError


class Multiplication:
    """A curve that hides nothing: both ends agree on the product of their secrets, in four bytes."""

    def __init__(self, random: Random | None) -> None:
        assert random is not None
        self.public = random(4)

    def agree(self, peer_public: bytes) -> bytes:
        product = int.from_bytes(self.public, "big") * int.from_bytes(peer_public, "big")
        return (product % (1 << 32)).to_bytes(4, "big")


def exchange(number: int) -> EcdhExchange:
    return EcdhExchange(Multiplication, "sha256", lambda size: number.to_bytes(size, "big"))


@pytest.mark.parametrize(
    ("one", "other", "secret"),
    [
        # RFC 4251 section 5: an mpint has no leading zeros, and one where the top bit would be a sign.
        (0x10000, 0x00FF, "0000000400ff0000"),
        (0x10000, 0x7000, "0000000470000000"),
        (0x10000, 0x8000, "000000050080000000"),
        (3, 5, "000000010f"),
        (0x10000, 0x10000, "00000000"),
    ],
)
def test_the_secret_is_the_shared_number_as_an_mpint(one: int, other: int, secret: str) -> None:
    client, server = exchange(one), exchange(other)
    share, server_secret = server.server_respond(client.client_share())
    assert client.client_finish(share) == server_secret == bytes.fromhex(secret)


def test_a_run_is_made_once() -> None:
    client = exchange(2)
    with pytest.raises(LocalProtocolError):
        client.client_finish(bytes(4))
    client.client_share()
    with pytest.raises(LocalProtocolError):
        client.client_share()
    with pytest.raises(LocalProtocolError):
        client.server_respond(bytes(4))
