"""Copying: between text and bytes, stopping, and what a failure does."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from typing import Any

import pytest

from nacre.errors import BreakReceived, SignalReceived, TerminalSizeChanged
from nacre.process.pumps import Converter, Pumps, tell_process
from nacre.process.sinks import MemorySink
from nacre.process.sources import MemorySource, StreamSource
from tests.support.face import asynctest


def test_characters_are_not_cut() -> None:
    converter = Converter(True, "utf-8", "strict")
    assert "".join(str(converter.convert(bytes([byte]))) for byte in "aé€".encode()) == "aé€"
    assert converter.finish() == ""
    converter.convert(b"\xe2\x82")
    with pytest.raises(UnicodeDecodeError):
        converter.finish()
    converter = Converter(False, None, "strict")
    assert (converter.convert("é"), converter.convert(b"\xff"), converter.finish()) == (
        "é".encode(),
        b"\xff",
        b"",
    )


def pumps(told: list[Any]) -> Pumps:
    return Pumps(
        lambda: (None, "strict"),
        told.append,
        lambda name: told.append(f"broken {name}"),
        lambda name, error: told.append((name, error)),
    )


@asynctest
async def test_stopping_leaves_the_rest_where_it_is() -> None:
    told: list[Any] = []
    one = pumps(told)
    reader, file = asyncio.StreamReader(), io.BytesIO()
    reader.feed_data(b"first")
    one.start("stdin", StreamSource(reader), MemorySink(file), 100, True)
    while not file.getvalue():
        await asyncio.sleep(0)
    assert one.active("stdin")
    await one.stop("stdin")
    assert not one.active("stdin")
    reader.feed_data(b"second")
    assert await reader.read(10) == b"second"
    assert (file.getvalue(), told) == (b"first", [])


@asynctest
async def test_failures_are_told() -> None:
    class Fails(MemorySink):
        def __init__(self, error: Exception) -> None:
            super().__init__(io.BytesIO())
            self.error = error

        async def write(self, data: Any) -> None:
            raise self.error

    told: list[Any] = []
    one = pumps(told)
    full = OSError(28, "full")
    one.start("stdout", MemorySource(io.BytesIO(b"x")), Fails(full), 100, True)
    one.start("stderr", MemorySource(io.BytesIO(b"x")), Fails(BrokenPipeError()), 100, True)
    await one.wait("stdout", "stderr", "stdin")
    assert told == [("stdout", full), "broken stderr"]


def test_signals_of_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    for notice in (
        SignalReceived("INT"),
        SignalReceived("_INT"),
        BreakReceived(1),
        TerminalSizeChanged(1, 2, 3, 4),
    ):
        tell_process(None, 77, notice)
        tell_process(None, None, notice)
    assert sent == [(77, signal.SIGINT), (77, signal.SIGINT), (77, signal.SIGWINCH)]
