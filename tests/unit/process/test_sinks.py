"""Sinks: what each takes, and what it does at its end."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from nacre.process import sinks
from nacre.process.redirect import open_sink
from tests.support.face import asynctest


def test_text_or_bytes(tmp_path: Path) -> None:
    with open(tmp_path / "x", "w+b") as raw, open(tmp_path / "x") as text:
        assert [sinks.is_text(one) for one in (raw, text, io.StringIO(), io.BytesIO())] == [
            False,
            True,
            True,
            False,
        ]


class Slow(io.RawIOBase):
    """A raw file that takes two bytes at once."""

    def __init__(self) -> None:
        self.got = b""

    def write(self, data: Any) -> int:
        self.got += bytes(data[:2])
        return min(len(data), 2)


@asynctest
async def test_a_raw_file_gets_all_of_it() -> None:
    file = Slow()
    sink = sinks.FileSink(file, close=False)
    await sink.write(b"12345")
    assert file.got == b"12345"
    await sink.close(end=True)
    assert not file.closed


@asynctest
async def test_a_file_is_closed_if_that_was_agreed(tmp_path: Path) -> None:
    for close in (True, False):
        with open(tmp_path / "x", "wb") as file:
            sink = await open_sink("stdout", file, close=close)
            assert isinstance(sink, sinks.FileSink)
            await sink.write(b"seen at once")
            assert (tmp_path / "x").read_bytes() == b"seen at once"
            await sink.close(end=False)
            assert file.closed is close
    descriptor = os.open(tmp_path / "x", os.O_WRONLY)
    sink = await open_sink("stdout", descriptor, close=False)
    await sink.close(end=True)
    os.close(descriptor)
    memory = io.StringIO()
    sink = await open_sink("stdout", memory, close=True)
    await sink.write("x")
    await sink.close(end=True)
    assert memory.getvalue() == "x"
