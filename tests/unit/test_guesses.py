"""What is remembered of servers for the guess of the next key exchange."""

from __future__ import annotations

from typing import Any

import pytest

import nacre
from nacre import guesses
from tests.support.face import HOST, asynctest, connect, connected, serving, user_key

PREFERS = ("curve25519-sha256", "ssh-ed25519")


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guesses, "_known", {})


def test_the_latest_servers_are_remembered() -> None:
    for port in range(300):
        guesses.remember("a", port, PREFERS)
    assert len(guesses._known) == 256
    assert guesses.recall("a", 299) == PREFERS
    assert guesses.recall("a", 0) is None
    guesses.remember("a", 299, ("x", "y"))
    assert guesses.recall("a", 299) == ("x", "y")
    guesses.forget("a", 299)
    guesses.forget("a", 299)
    assert guesses.recall("a", 299) is None
    assert len(guesses._known) == 255


@asynctest
async def test_a_client_guesses_what_a_server_preferred_the_last_time() -> None:
    async with serving(server_factory=_Open) as listener:
        where = (HOST, listener.get_port())
        async with connected(listener) as connection:
            assert guesses.recall(*where) == connection._link.protocol.info.peer_prefers
        async with connected(listener):
            pass
        # Another server may be there by now.
        guesses.remember(*where, ("curve25519-sha256", "ssh-ed25519"))
        async with connected(listener, kex_algs=["curve25519-sha256", "mlkem768x25519-sha256"]) as connection:
            assert connection._link.protocol.info.negotiated.kex == "curve25519-sha256"
        assert guesses.recall(*where) == ("mlkem768x25519-sha256", "ssh-ed25519")


@asynctest
async def test_a_guess_is_forgotten_where_no_keys_come_of_it() -> None:
    async with serving(server_factory=_Open) as listener:
        where = (HOST, listener.get_port())
        guesses.remember(*where, PREFERS)
        with pytest.raises(nacre.HostKeyNotVerifiable):
            await connect(listener, known_hosts=b"", client_keys=[user_key()])
        assert guesses.recall(*where) is None


class _Open(nacre.SSHServer):
    def begin_auth(self, username: str) -> Any:
        return False
