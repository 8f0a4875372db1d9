"""Being a session's viewer, against a holder that the test plays."""

import asyncio

import pytest

from nacre.hub import frames
from nacre.hub.attachment import Attachment, EndingKind, _ending
from nacre.hub.frames import Frame, FrameReader


async def playing(answer: bytes):
    """An attachment to a holder that says `answer` and goes; and what it was told meanwhile."""
    told, closed = [], []

    async def holder(reader, writer):
        writer.write(answer)
        writer.write_eof()
        frame_reader = FrameReader()
        while data := await reader.read(65536):
            told.extend(frame_reader.feed(data))
        writer.close()

    server = await asyncio.start_server(holder, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    return server, Attachment(reader, writer, closed.append), told, closed


def run(answer: bytes, act=None):
    async def whole():
        async with asyncio.timeout(120):
            server, attachment, told, closed = await playing(answer)
            async with server:
                if act is not None:
                    await act(attachment)
                seen = [data async for data in attachment]
                attachment.close()
                await attachment._writer.wait_closed()
            await server.wait_closed()
            assert closed == [attachment]  # told once
            return seen, attachment.ending, told

    return asyncio.run(whole())


def test_what_the_terminal_shows_and_how_it_ended():
    every = bytes(range(256))
    seen, ending, _ = run(
        frames.encode(Frame.OUTPUT, every)
        + frames.encode(Frame.OUTPUT, b"")
        + frames.encode_json(Frame.EXIT, {"status": 3})
    )
    assert seen == [every]
    assert (ending.kind, ending.status) == (EndingKind.EXIT, 3)


def test_what_is_typed_is_passed_on_and_what_makes_no_sense_is_not():
    async def act(attachment):
        await attachment.write(b"x" * 100_000)  # more than one frame holds
        attachment.resize(100, 30)
        attachment.resize(0, 30)
        attachment.signal("INT")
        attachment.signal("INT; reboot")
        attachment.detach()

    _, ending, told = run(frames.encode(Frame.DETACHED, b"taken over"), act)
    assert (ending.kind, ending.text) == (EndingKind.DETACHED, "taken over")
    assert b"".join(payload for kind, payload in told if kind is Frame.INPUT) == b"x" * 100_000
    assert [kind for kind, _ in told if kind is not Frame.INPUT] == [Frame.RESIZE, Frame.SIGNAL, Frame.DETACH]


@pytest.mark.parametrize("answer", [b"", b"\xff" * 64], ids=["nothing", "no frame"])
def test_a_holder_that_goes_without_a_word_is_lost(answer):
    seen, ending, _ = run(answer)
    assert seen == []
    assert ending.kind is EndingKind.LOST


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"{}",
        b'{"status": 1e999}',
        b'{"status": "x"}',
        b'{"signal": "\\u00e9\\u001b[2J"}',
        b"[" * 90_000,
    ],
)
def test_an_ending_that_a_holder_makes_up_is_no_exception(payload):
    assert _ending(Frame.EXIT, payload).kind is EndingKind.LOST
    assert _ending(Frame.OUTPUT, payload).kind is EndingKind.LOST
    assert len(_ending(Frame.DETACHED, b"x" * 100_000).text) <= 200
