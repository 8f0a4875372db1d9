"""Loggers say who speaks."""

from __future__ import annotations

import logging

import pytest

import nacre
from nacre.aio.log import connection_logger
from tests.support.face import asynctest, connected, serving, two_sessions


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
