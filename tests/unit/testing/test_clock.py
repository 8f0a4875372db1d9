"""Time that passes when a test says so."""

from __future__ import annotations

import asyncio

import pytest

import nacre
from nacre.testing import Clock, connected_pair
from tests.support.face import PasswordServer


def test_timers_fire_at_their_times_and_in_order():
    clock = Clock()
    fired = []

    async def main():
        loop = asyncio.get_running_loop()
        begin = loop.time()
        for delay in (30, 10, 20):
            loop.call_later(delay, lambda delay=delay: fired.append((delay, loop.time() - begin)))
        loop.call_later(5, lambda: loop.call_later(7, lambda: fired.append((12, loop.time() - begin))))
        await clock.advance(0)
        assert fired == []
        await clock.advance(25)
        assert fired == [(10, 10), (12, 12), (20, 20)]
        await clock.advance(5)
        assert fired[3:] == [(30, 30)]
        assert loop.time() == begin + 30
        return "done"

    assert clock.run(main()) == "done"


def test_nothing_passes_by_itself():
    clock = Clock()

    async def main():
        task = asyncio.ensure_future(asyncio.sleep(3600))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not task.done()
        await clock.advance(3600)
        assert task.done()

    clock.run(main())
    assert clock.now == 1000 + 3600


def test_time_does_not_run_backwards():
    clock = Clock()
    with pytest.raises(ValueError, match="backwards"):
        clock.run(clock.advance(-1))


class Hesitant(nacre.SSHClient):
    """Never finds its password."""

    async def password_auth_requested(self):
        await asyncio.get_running_loop().create_future()


def test_a_time_limit_of_nacre():
    clock = Clock()
    server = {"server_factory": PasswordServer, "login_timeout": 60}

    async def log_in():
        async with connected_pair(server=server, client={"client_factory": Hesitant}):
            raise AssertionError("nobody logs in")

    async def main():
        task = asyncio.ensure_future(log_in())
        await clock.advance(59)
        assert not task.done()
        await clock.advance(2)
        with pytest.raises(nacre.DisconnectError, match="login took too long"):
            await task

    clock.run(main())


def test_a_keepalive_that_nobody_answers():
    clock = Clock()

    async def main():
        async with connected_pair(client={"keepalive_interval": 30, "keepalive_count_max": 2}) as pair:
            await clock.advance(300)  # the server answers
            assert not pair.client.is_closed()
            pair.server._link.driver.transport.pause_reading()
            await clock.advance(89)
            assert not pair.client.is_closed()
            await clock.advance(31)
            assert pair.client.is_closed()

    clock.run(main())
