"""Loggers say who speaks."""

from __future__ import annotations

import asyncio
import logging

import pytest

import nacre
from nacre.aio.log import connection_name, make_logger, plain
from tests.support.face import HOST, asynctest, connected, serving, two_sessions


def test_every_connection_has_its_name(caplog: pytest.LogCaptureFixture) -> None:
    first, second = connection_name(), connection_name()
    logger = make_logger(first)
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


def test_the_level_of_sftp_is_one_of_its_own() -> None:
    logger = logging.getLogger("nacre.sftp")
    try:
        nacre.set_sftp_log_level(logging.ERROR)
        assert logger.level == logging.ERROR != nacre.logger.level
    finally:
        logger.setLevel(logging.NOTSET)


class Doorman(nacre.SSHServer):
    """Lets in who knows the word."""

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return password == "hunter2"


def say(process: nacre.SSHServerProcess[str]) -> None:
    process.stdout.write("a-word-of-the-data")
    process.exit(0)


@pytest.mark.parametrize(
    ("level", "has", "has_not"),
    [
        (1, ("alice is logged in by password", "the connection has ended"), ("USERAUTH",)),
        (2, ("-> USERAUTH_REQUEST", "<- CHANNEL_DATA", "alice is logged in by password"), ("{",)),
        (3, ('-> USERAUTH_REQUEST {"username": "alice"', '"password": "<secret>"', '"data": "<'), ()),
    ],
)
@asynctest
async def test_debug_levels(
    caplog: pytest.LogCaptureFixture, level: int, has: tuple[str, ...], has_not: tuple[str, ...]
) -> None:
    nacre.set_debug_level(level)
    try:
        with caplog.at_level(logging.DEBUG, "nacre"):
            options = {"server_factory": Doorman, "process_factory": say}
            async with (
                serving(**options) as listener,
                connected(
                    listener, username="alice", password="hunter2", preferred_auth="password"
                ) as connection,
            ):
                assert (await connection.run("")).stdout == "a-word-of-the-data"
    finally:
        nacre.set_debug_level(1)
    for text in has:
        assert text in caplog.text
    for text in (*has_not, "hunter2", "a-word-of-the-data"):
        assert text not in caplog.text


def test_there_are_three_debug_levels() -> None:
    for level in (0, 4, -1):
        with pytest.raises(ValueError, match="1, 2 or 3"):
            nacre.set_debug_level(level)


@asynctest
async def test_without_the_level_of_the_logger_nothing_is_traced(caplog: pytest.LogCaptureFixture) -> None:
    nacre.set_debug_level(3)
    try:
        with caplog.at_level(logging.INFO, "nacre"):
            async with serving() as listener, connected(listener, password="hunter2") as connection:
                protocol = connection._link.protocol
                assert protocol._core.outbound.trace is None
    finally:
        nacre.set_debug_level(1)
    assert "USERAUTH" not in caplog.text
