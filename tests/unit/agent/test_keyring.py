"""The keys of an agent, and what locks it."""

from __future__ import annotations

import asyncio
import functools

import pytest

import nacre
from nacre.agent import keyring
from nacre.agent.constraints import Constraints
from nacre.agent.keyring import Keyring, KeyringFull, Lock
from tests.support.face import asynctest


@functools.cache
def pair(number: int) -> nacre.SSHKeyPair:
    return nacre.load_keypairs([nacre.generate_private_key("ssh-ed25519")])[0]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_in_the_order_in_which_they_came() -> None:
    keys = Keyring()
    for number in (2, 1, 3):
        keys.add(pair(number), b"%d" % number)
    assert [entry.comment for entry in keys] == [b"2", b"1", b"3"]
    keys.add(pair(1), b"on other terms", Constraints(confirm=True))
    assert [entry.comment for entry in keys] == [b"2", b"on other terms", b"3"]
    found = keys.find(pair(1).public_data)
    assert found is not None
    assert found.constraints.confirm
    keys.remove(pair(2).public_data)
    assert len(keys) == 2
    with pytest.raises(KeyError):
        keys.remove(pair(2).public_data)
    keys.clear()
    assert not list(keys)


def test_lifetimes() -> None:
    clock = Clock()
    keys = Keyring(clock, lifetime=100)
    keys.add(pair(1))
    keys.add(pair(2), constraints=Constraints(lifetime=10))
    assert keys.next_end() == 10
    clock.now += 10
    assert keys.find(pair(2).public_data) is None
    assert keys.find(pair(1).public_data) is not None
    clock.now += 90
    assert len(keys) == 0
    assert keys.next_end() is None
    # Added anew, a key has the new terms.
    keys.add(pair(1), constraints=Constraints(lifetime=1))
    keys.add(pair(1), constraints=Constraints(lifetime=50))
    clock.now += 49
    assert len(keys) == 1


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "MAX_KEYS", 2)
    keys = Keyring()
    for number in (1, 2, 2):
        keys.add(pair(number), b"x" * 5000)
    with pytest.raises(KeyringFull):
        keys.add(pair(3))
    monkeypatch.setattr(keyring, "MAX_KEYS", 9)
    monkeypatch.setattr(keyring, "MAX_LISTED", sum(len(entry.listed) for entry in keys) + 40)
    assert {len(entry.comment) for entry in keys} == {keyring.MAX_COMMENT}
    with pytest.raises(KeyringFull):
        keys.add(pair(3))


@pytest.fixture
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work for each try is not what is tried here."""
    monkeypatch.setattr(keyring, "_ROUNDS", 2)


@pytest.mark.usefixtures("_cheap")
@asynctest
async def test_a_wrong_passphrase_costs_time() -> None:
    waited: list[float] = []

    async def pause(seconds: float) -> None:
        waited.append(round(seconds, 3))

    lock = Lock(pause)
    assert not await lock.unlock(b"x")
    assert not await lock.lock(b"")
    assert await lock.lock(b"secret")
    assert lock.is_locked
    assert not await lock.lock(b"another")
    assert not await lock.unlock(b"")
    assert waited == []
    assert not any(await asyncio.gather(*(lock.unlock(b"wrong") for _ in range(3))))
    assert waited == [0.1, 0.2, 0.3]
    lock._failures = 500
    assert not await lock.unlock(b"wrong")
    assert waited[-1] == 10
    assert await lock.unlock(b"secret")
    assert not lock.is_locked
    assert await lock.lock(b"other")
    assert not await lock.unlock(b"wrong")
    assert waited[-1] == 0.1
    assert "other" not in repr(lock) + repr(lock._locked)


@pytest.mark.usefixtures("_cheap")
@asynctest
async def test_one_try_at_a_time() -> None:
    gate, entered = asyncio.Event(), 0

    async def pause(seconds: float) -> None:
        nonlocal entered
        entered += 1
        await gate.wait()

    lock = Lock(pause)
    await lock.lock(b"secret")
    first = asyncio.create_task(lock.unlock(b"wrong"))
    while not entered:
        await asyncio.sleep(0)
    second = asyncio.create_task(lock.unlock(b"secret"))
    await asyncio.sleep(0)
    assert not second.done()
    assert lock.is_locked
    gate.set()
    assert (await first, await second) == (False, True)
