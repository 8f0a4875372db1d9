"""Waiting for keys."""

from __future__ import annotations

import asyncio

from nacre.hub.keyboard import Keyboard
from tests.support.face import asynctest
from tests.support.guests import Guest


@asynctest
async def test_keys_come_decoded() -> None:
    guest = Guest()
    keyboard = Keyboard(guest.visit)
    guest.type(b"a\x1b[A\r")
    assert await keyboard.keys() == ["a", "up", "enter"]


@asynctest
async def test_an_escape_alone_is_the_key_after_a_moment_and_a_split_sequence_is_one() -> None:
    guest = Guest()
    keyboard = Keyboard(guest.visit)
    guest.type(b"\x1b")
    assert await keyboard.keys() == []
    assert await keyboard.keys() == ["escape"]
    guest.type(b"\x1b")
    assert await keyboard.keys() == []
    guest.type(b"[B")
    assert await keyboard.keys() == ["down"]


@asynctest
async def test_waking_and_closing() -> None:
    guest = Guest()
    keyboard = Keyboard(guest.visit)
    waiting = asyncio.create_task(keyboard.keys())
    await asyncio.sleep(0)
    keyboard.wake()
    assert await waiting == []
    assert not keyboard.over
    keyboard.close()
    assert await keyboard.keys() == []
    assert keyboard.over


@asynctest
async def test_nothing_more_is_typed() -> None:
    guest = Guest()
    keyboard = Keyboard(guest.visit)
    guest.type(b"x")
    guest.leave()
    assert await keyboard.keys() == ["x"]
    assert await keyboard.keys() == []
