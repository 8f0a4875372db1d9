"""zlib@openssh.com: what it gives back, where its data ends, and bombs (security history row 27)."""

from __future__ import annotations

import os
import zlib

import pytest

from nacre.crypto import (
    Compressor,
    Decompressor,
    Family,
    Status,
    default_names,
    lookup,
    make_compressor,
    make_decompressor,
    names,
    select,
)
from nacre.errors import CompressionError, DisconnectReason

LIMIT = 256 * 1024
TEXT = os.urandom(1000)
PAYLOADS = (b"\x5e", TEXT, os.urandom(5000), bytes(9000), TEXT, bytes(LIMIT), os.urandom(LIMIT))


def test_what_there_is() -> None:
    assert default_names(Family.COMPRESSION) == ("none",)
    assert names(Family.COMPRESSION) == ("none", "zlib@openssh.com")
    assert lookup(Family.COMPRESSION, "zlib@openssh.com").status is Status.OPTIONAL
    assert select(Family.COMPRESSION, "*") == ("none",)
    with pytest.raises(
        ValueError, match="unknown compression method"
    ):  # it would begin before authentication
        select(Family.COMPRESSION, ["zlib"])


def test_none_compresses_nothing() -> None:
    assert make_compressor("none") is None
    assert make_decompressor("none", LIMIT) is None


def test_each_payload_can_be_read_at_once() -> None:
    out, back = make_compressor("zlib@openssh.com"), make_decompressor("zlib@openssh.com", LIMIT)
    assert out is not None
    assert back is not None
    sizes = []
    for payload in PAYLOADS:
        data = out.compress(memoryview(payload))
        sizes.append(len(data))
        assert back.decompress(memoryview(data)) == payload
    assert (
        sizes[4] < 30 < 1000 < sizes[1]
    )  # what was seen before costs next to nothing: one stream, not one each


def test_what_cannot_be_compressed_grows_by_less_than_is_reckoned_with() -> None:
    out = Compressor()
    for size in (1, 1000, 32 * 1024 + 13):
        for _ in range(4):
            assert len(out.compress(os.urandom(size))) <= size + 32


@pytest.mark.parametrize("size", [LIMIT + 1, LIMIT * 16])
def test_a_bomb_ends_with_an_error_and_little_memory(size: int) -> None:
    bomb = Compressor().compress(bytes(size))
    assert len(bomb) < size // 500
    with pytest.raises(CompressionError, match="more than 262144 bytes") as failed:
        Decompressor(LIMIT).decompress(bomb)
    assert failed.value.code == DisconnectReason.COMPRESSION_ERROR


def test_the_limit_itself_may_be() -> None:
    assert len(Decompressor(LIMIT).decompress(Compressor().compress(bytes(LIMIT)))) == LIMIT


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"no zlib at all",
        zlib.compress(b"a stream that ends"),
        Compressor().compress(b""),
        Compressor().compress(b"hello hello hello")[:2],
    ],
)
def test_what_is_no_payload_is_refused(data: bytes) -> None:
    with pytest.raises(CompressionError):
        Decompressor(LIMIT).decompress(data)


def test_a_stream_that_has_ended_stays_refused() -> None:
    back = Decompressor(LIMIT)
    for _ in range(2):
        with pytest.raises(CompressionError):
            back.decompress(zlib.compress(b"hello"))


def test_altered_data_is_refused_or_other_data() -> None:
    data = Compressor().compress(b"hello " * 20)
    for position in range(len(data)):
        altered = bytearray(data)
        altered[position] ^= 0x10
        try:
            assert len(Decompressor(1000).decompress(bytes(altered))) <= 1000
        except CompressionError:
            continue
