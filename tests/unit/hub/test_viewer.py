"""The bridge between a visit and a session."""

from __future__ import annotations

import asyncio
from typing import Self

import pytest

from nacre.hub.attachment import Ending, EndingKind
from nacre.hub.viewer import exit_as, sentence, view
from tests.support.face import asynctest
from tests.support.guests import Guest


class Attachment:
    """Stands in for a session's: yields what it is given, then ends."""

    def __init__(self, ending: Ending | None = None) -> None:
        self.output: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.typed = bytearray()
        self.told: list[object] = []
        self.room = asyncio.Event()
        self.room.set()
        self.ending = ending

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        data = await self.output.get()
        if data is None:
            raise StopAsyncIteration
        return data

    async def write(self, data: bytes) -> None:
        self.typed += data
        await self.room.wait()

    def resize(self, *size: int) -> None:
        self.told.append(size)

    def signal(self, name: str) -> None:
        self.told.append(name)

    def close(self) -> None:
        self.told.append("close")
        self.output.put_nowait(None)


EXITED = Ending(EndingKind.EXIT, status=4)


@asynctest
async def test_bytes_go_both_ways_until_the_session_ends() -> None:
    guest, attachment = Guest(), Attachment(EXITED)
    viewing = asyncio.create_task(view(guest.visit, attachment))  # type: ignore[arg-type] # a stand-in
    guest.type(b"\xfftyped")
    attachment.output.put_nowait(b"\x80shown")
    await guest.until(lambda: guest.channel.output)
    assert bytes(guest.channel.output) == b"\x80shown"
    while attachment.typed != b"\xfftyped":
        await asyncio.sleep(0)
    guest.visit.terminal_size_changed(90, 20, 1, 2)
    guest.visit.signal_received("INT")
    attachment.output.put_nowait(None)
    assert await viewing == EXITED
    assert attachment.told == [(90, 20, 1, 2), "INT", "close"]
    assert guest.visit.resized is None
    assert guest.visit.signalled is None


@asynctest
async def test_a_client_that_goes_leaves_the_session() -> None:
    guest, attachment = Guest(), Attachment()
    viewing = asyncio.create_task(view(guest.visit, attachment))  # type: ignore[arg-type] # a stand-in
    await asyncio.sleep(0)
    guest.leave()
    assert (await viewing).kind is EndingKind.LOST
    assert attachment.told[0] == "close"


@asynctest
async def test_the_end_of_standard_input_leaves_nothing() -> None:
    guest, attachment = Guest(), Attachment(EXITED)
    viewing = asyncio.create_task(view(guest.visit, attachment))  # type: ignore[arg-type] # a stand-in
    guest.visit.eof_received()
    attachment.output.put_nowait(b"still")
    await guest.until(lambda: guest.channel.output)
    assert attachment.told == []
    attachment.output.put_nowait(None)
    assert await viewing == EXITED


@asynctest
async def test_a_program_that_does_not_read_stops_the_client() -> None:
    guest, attachment = Guest(), Attachment(EXITED)
    attachment.room.clear()
    viewing = asyncio.create_task(view(guest.visit, attachment))  # type: ignore[arg-type] # a stand-in
    guest.type(b"first")
    while not attachment.typed:
        await asyncio.sleep(0)
    guest.type(b"x" * 100_000)
    await asyncio.sleep(0)
    assert not guest.channel.reading
    assert attachment.typed == b"first"
    attachment.output.put_nowait(None)
    await viewing


@pytest.mark.parametrize(
    ("ending", "passed", "words"),
    [
        (Ending(EndingKind.EXIT, status=0), 0, ""),
        (Ending(EndingKind.EXIT, status=255), 255, "notebook ended with status 255"),
        (Ending(EndingKind.SIGNAL, signal="SEGV"), "SEGV", "notebook was ended by the signal SEGV"),
        (Ending(EndingKind.DETACHED, text="taken over"), 0, "notebook: taken over"),
        (Ending(EndingKind.LOST, text="gone"), 1, "notebook: gone"),
    ],
)
@asynctest
async def test_how_an_ending_is_passed_on(ending: Ending, passed: int | str, words: str) -> None:
    guest = Guest()
    exit_as(guest.visit, ending)
    assert guest.channel.ending == passed
    assert sentence("notebook", ending) == words
