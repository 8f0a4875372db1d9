"""Loggers say who speaks."""

from __future__ import annotations

import asyncio
import logging

import pytest

import nacre
from nacre.aio.log import connection_logger, plain
from tests.support.face import HOST, asynctest, connected, serving, two_sessions


def test_every_connection_has_its_name(caplog: pytest.LogCaptureFixture) -> None:
    (first, logger), (second, _) = connection_logger(), connection_logger()
    assert first != second
    with caplog.at_level(logging.INFO, "nacre"):
        logger.info("hello %s", "you")
    assert caplog.messages == [f"[{first}] hello you"]


def test_the_level_can_be_set() -> None:
    before = nacre.logger.level
    try:
        nacre.set_log_level("ERROR")
        assert nacre.logger.level == logging.ERROR
    finally:
        nacre.set_log_level(before)


@asynctest
async def test_channels_name_themselves(caplog: pytest.LogCaptureFixture) -> None:
    async with two_sessions() as (client, _, connection):
        with caplog.at_level(logging.INFO, "nacre"):
            client.chan.logger.info("x")
            connection.logger.info("y")
        assert caplog.messages[0] == f"[{connection._link.name}, chan=0] x"
        assert caplog.messages[1] == f"[{connection._link.name}] y"


@asynctest
async def test_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with serving() as listener, connected(listener, password="hunter2") as connection:
            assert "hunter2" not in repr(connection._options)
    assert "hunter2" not in caplog.text


def test_a_text_of_the_peer_moves_no_cursor_and_fills_no_log() -> None:
    evil = "a\x1b]52;c;ZXZpbA==\x07\r\nb\u202e\x9b"
    assert plain(evil) == "a\\x1b]52;c;ZXZpbA==\\x07\\r\\nb\\u202e\\x9b"
    assert len(plain("x" * 100_000)) < 300


@asynctest
async def test_the_last_words_of_a_stranger_are_one_plain_line(caplog: pytest.LogCaptureFixture) -> None:
    words = b"\x1b[2J\r\nlogin root from 192.0.2.1" + b"x" * 10_000
    payload = b"\1" + (2).to_bytes(4, "big") + len(words).to_bytes(4, "big") + words + bytes(4)
    padding = 8 - (len(payload) + 5) % 8 + 8
    packet = (1 + len(payload) + padding).to_bytes(4, "big") + bytes((padding,)) + payload + bytes(padding)
    with caplog.at_level(logging.INFO):
        async with serving() as listener:
            reader, writer = await asyncio.open_connection(HOST, listener.get_port())
            writer.write(b"SSH-2.0-x\r\n" + packet)
            await reader.read()
            writer.close()
            await writer.wait_closed()
    message = next(message for message in caplog.messages if "ended before the login" in message)
    assert message.isprintable()
    assert len(message) < 400
