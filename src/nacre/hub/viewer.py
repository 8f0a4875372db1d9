"""The bridge between a visit and a session: bytes both ways, until one of them ends.

Owns: `view`, and what is said and passed on of how it ended. Must not know: which session, or why.
Bytes are untouched; what one side does not take is not read from the other.
"""

from __future__ import annotations

import asyncio

from nacre.hub.attachment import Attachment, Ending, EndingKind
from nacre.hub.route import REFUSED
from nacre.hub.visit import Visit

__all__ = ["exit_as", "sentence", "view"]


async def view(visit: Visit, attachment: Attachment) -> Ending:
    """Be the viewer of a session until it ends, is taken over, or the client is gone."""
    visit.resized = attachment.resize
    visit.signalled = attachment.signal
    typing = asyncio.create_task(_type(visit, attachment))
    try:
        async for data in attachment:
            await visit.write(data)
    finally:
        visit.resized = visit.signalled = None
        typing.cancel()
        await asyncio.gather(typing, return_exceptions=True)
        attachment.close()
    return attachment.ending or Ending(EndingKind.LOST, text="the session ended unexpectedly")


async def _type(visit: Visit, attachment: Attachment) -> None:
    """Carry what the client types to the session; a client that is gone leaves it."""
    while data := await visit.read():
        await attachment.write(data)
    await visit.lost.wait()  # its standard input may have ended while it still reads
    attachment.close()


def exit_as(visit: Visit, ending: Ending) -> None:
    """Give the client the exit of the program that it was connected to."""
    match ending.kind:
        case EndingKind.EXIT:
            visit.exit(ending.status or 0)
        case EndingKind.SIGNAL:
            visit.exit_with_signal(ending.signal or "TERM")
        case EndingKind.DETACHED:
            visit.exit(0)
        case EndingKind.LOST:
            visit.exit(REFUSED)


def sentence(app: str, ending: Ending) -> str:
    """Return what is to be said of how an app was left; empty where that was in order."""
    match ending.kind:
        case EndingKind.EXIT if not ending.status:
            return ""
        case EndingKind.EXIT:
            return f"{app} ended with status {ending.status}"
        case EndingKind.SIGNAL:
            return f"{app} was ended by the signal {ending.signal}"
        case EndingKind.DETACHED | EndingKind.LOST:
            return f"{app}: {ending.text}"
