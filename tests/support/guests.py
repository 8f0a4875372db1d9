"""Somebody at the hub without a network: a visit whose other side is a test.

Owns: `Guest` and the channel that stands in for the real one. Must not know: what is tested.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import nacre
from nacre.hub.visit import Visit


class Channel:
    """Stands in for an `SSHServerChannel`; writes down what it is told."""

    def __init__(self, command: str | None = None, subsystem: str | None = None) -> None:
        self.command = command
        self.subsystem = subsystem
        self.environment: dict[str, str] = {}
        self.output = bytearray()
        self.errors = bytearray()
        self.ending: int | str | None = None
        self.reading = True
        self.discards = False
        self.changed = asyncio.Event()

    def get_command(self) -> str | None:
        return self.command

    def get_subsystem(self) -> str | None:
        return self.subsystem

    def get_environment(self) -> dict[str, str]:
        return self.environment

    def write(self, data: bytes, datatype: int | None = None) -> None:
        assert self.ending is None, "written after its end"
        if self.discards:
            raise BrokenPipeError
        (self.errors if datatype == nacre.EXTENDED_DATA_STDERR else self.output).extend(data)
        self.changed.set()

    def is_closing(self) -> bool:
        return self.ending is not None

    def exit(self, status: int) -> None:
        self._end(status)

    def exit_with_signal(self, name: str) -> None:
        self._end(name)

    def _end(self, ending: int | str) -> None:
        if self.ending is not None:
            raise BrokenPipeError
        self.ending = ending
        self.changed.set()

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Guest:
    """Somebody with a visit.

    Attributes:
        begun: the visits that have said what they want.
        unbegun: those whose channel went before.
    """

    def __init__(
        self,
        *,
        command: str | None = None,
        subsystem: str | None = None,
        terminal: tuple[int, int] | None = (80, 24),
    ) -> None:
        self.channel = Channel(command, subsystem)
        self.begun: list[Visit] = []
        self.unbegun: list[Visit] = []
        self.visit = Visit(self.begun.append, self.unbegun.append)
        self.visit.connection_made(self.channel)  # type: ignore[arg-type] # it stands in for one
        if terminal is not None:
            self.visit.pty_requested("xterm", (*terminal, 0, 0), {})

    @property
    def said(self) -> str:
        """All that was said to it, on both streams."""
        return (self.channel.output + self.channel.errors).decode()

    def type(self, data: bytes) -> None:
        """Type something."""
        self.visit.data_received(data, None)

    def leave(self) -> None:
        """Be gone, as when the connection breaks."""
        self.visit.connection_lost(None)

    async def until(self, true: Callable[[], Any]) -> None:
        """Wait until something is true that comes with what is said to it."""
        while not true():
            self.channel.changed.clear()
            await self.channel.changed.wait()

    async def hears(self, text: str) -> None:
        """Wait until something was said since the last call that found it."""
        await self.until(lambda: text.encode() in self.channel.output + self.channel.errors)
