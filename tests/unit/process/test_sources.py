"""Sources: what each gives, and its end."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

from nacre.process import sources
from nacre.process.redirect import open_source
from tests.support.face import asynctest


@asynctest
async def test_files(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("é" * 100_000)
    for mode, expected in (("r", "é" * 65536), ("rb", ("é" * 32768).encode())):
        with open(tmp_path / "x", mode) as file:
            source = await open_source("stdin", file, close=True)
            assert isinstance(source, sources.FileSource)
            assert await source.read(10) == expected
            await source.read(1_000_000)
            assert not await source.read(10)
            await source.close()
            assert file.closed
    source = await open_source("stdin", io.StringIO("abc"), close=True)
    assert [await source.read(2), await source.read(2), await source.read(2)] == ["ab", "c", ""]
    await source.close()


@asynctest
async def test_asyncio_streams() -> None:
    reader = asyncio.StreamReader()
    source = await open_source("stdin", reader, close=True)
    reader.feed_data(b"x" * 100)
    assert await source.read(1) == b"x" * 100
    reader.feed_eof()
    assert await source.read(1) == b""
    await source.close()
