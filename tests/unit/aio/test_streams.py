"""The half of a session that feeds its readers: readers that are made when they are needed."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from nacre.aio.streams import Streams
from nacre.errors import ConnectionLost
from tests.support.face import asynctest
from tests.unit.aio.test_stream import Channel


def expecting(channel: Channel | None = None) -> Streams[Any]:
    return Streams(channel or Channel(), None, (None, 1))


@asynctest
async def test_a_reader_that_is_expected_is_made_when_data_comes_or_somebody_asks() -> None:
    streams = expecting()
    streams.data_received("out", None)
    streams.data_received("dropped", 7)
    assert await streams.reader().read(9) == "out"
    assert streams.reader() is streams.reader()
    streams.data_received("err", 1)
    streams.eof_received()
    assert await streams.reader(1).read() == "err"


@asynctest
async def test_a_reader_that_is_made_late_has_heard_what_was_said_before() -> None:
    for tell in (Streams.eof_received, lambda streams: streams.connection_lost(None)):
        streams = expecting()
        tell(streams)
        assert streams.reader().at_eof()
        assert await streams.reader().read() == ""
    streams = expecting()
    streams.connection_lost(ConnectionLost("cut"))
    with pytest.raises(ConnectionLost):
        await streams.reader(1).read()


def test_output_is_collected_by_readers_that_are_made_later_too() -> None:
    channel = Channel()
    streams = expecting(channel)
    streams.collect_all()
    streams.data_received("x" * 100, None)
    assert streams.waiting == 0
    assert channel.waiting[-1] == 0, "the peer may send as much again"
    assert streams.collected(None, 1) == ("x" * 100, "")
    assert expecting(Channel(encoding=None)).collected(None, 1) == (b"", b"")


def test_streams_of_a_session_that_is_over_do_not_hold_it() -> None:
    class Session:
        """Holds its streams."""

        streams: Any

    session = Session()
    session.streams = streams = Streams(Channel(), session)
    assert streams.session is session
    streams.connection_lost(None)
    assert streams.session is session
    known = weakref.ref(session)
    gc.disable()
    try:
        del session
        assert known() is None
        assert streams.session is None
    finally:
        gc.enable()


@asynctest
async def test_a_reader_goes_on_when_the_channel_is_gone_without_holding_up_the_streams() -> None:
    channel = Channel()
    streams = expecting(channel)
    reader = streams.reader()
    streams.data_received("one\ntwo\nthree", None)
    streams.connection_lost(None)
    known = weakref.ref(streams)
    gc.disable()
    try:
        del streams
        assert known() is None
    finally:
        gc.enable()
    credited = len(channel.waiting)
    assert await reader.readline() == "one\n"
    assert await reader.readexactly(2) == "tw"
    assert await reader.read() == "o\nthree"
    assert reader.at_eof()
    assert len(channel.waiting) == credited, "no credit is due any more"
    assert reader.get_redirect_info() == (None, None)
    reader.feed_eof()
