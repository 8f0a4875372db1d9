"""Transcripts: recorded, read, and made into messages again."""

from __future__ import annotations

import logging

import pytest

import nacre
from nacre.aio.log import debug_level
from nacre.testing import Line, Transcript, connected_pair, recording
from nacre.testing.transcript import KINDS, as_line, make_message
from nacre.wire.message import MESSAGES
from tests.support.cases import each_case
from tests.support.face import asynctest

TEXT = """
DEBUG:nacre:[conn=1] -> KEXINIT {"cookie": "<16 bytes>"}
DEBUG:nacre:[conn=2] <- KEXINIT {"cookie": "<16 bytes>"}
DEBUG:nacre:[conn=1] the connection has ended: closed
DEBUG:nacre:[conn=1] <- NEWKEYS {}
<- CHANNEL_EOF {"recipient_channel": 3}
-> IGNORE
"""


def test_a_log_is_read():
    transcript = Transcript.parse(TEXT)
    assert transcript.names() == ["KEXINIT", "KEXINIT", "NEWKEYS", "CHANNEL_EOF", "IGNORE"]
    assert transcript.names(sent=True) == ["KEXINIT", "IGNORE"]
    assert transcript.names(sent=False) == ["KEXINIT", "NEWKEYS", "CHANNEL_EOF"]
    assert Transcript.parse(TEXT, "conn=1").names() == ["KEXINIT", "NEWKEYS"]
    assert transcript.lines[3] == Line(False, "CHANNEL_EOF", {"recipient_channel": 3})
    assert Transcript.parse(str(transcript)) == transcript


def test_what_is_no_line_is_said():
    with pytest.raises(ValueError, match="line 2 of the transcript"):
        Transcript.parse("\n-> CHANNEL_EOF {broken")


def test_every_message_can_be_made_of_its_name():
    assert len(KINDS) == len(MESSAGES)
    for name, kind in KINDS.items():
        message = make_message(name, {})
        assert type(message) is kind
        assert kind.decode(message.encode()) == message
        line = as_line(message, sent=True)
        assert as_line(make_message(name, line.fields), sent=True) == line


@each_case(("name", "fields", "data"), [
        ("CHANNEL_DATA", {"recipient_channel": 1, "data": "<5 bytes>"}, "5e 00000001 00000005 0000000000"),
        ("CHANNEL_DATA", {"recipient_channel": 1, "data": b"hello"}, "5e 00000001 00000005 68656c6c6f"),
        ("USERAUTH_INFO_RESPONSE", {"responses": ["<secret>", "<secret>"]},
         "3d 00000002 00000008 7878787878787878 00000008 7878787878787878"),
        ("CHANNEL_REQUEST", {"name": "exit-status", "data": {"status": 3}},
         "62 00000000 0000000b 657869742d737461747573 00 00000003"),
        ("CHANNEL_REQUEST", {"name": "exec", "data": {"command": b"ls"}},
         "62 00000000 00000004 65786563 00 00000002 6c73"),
        ("CHANNEL_REQUEST", {"name": "env", "data": "<10 bytes>"},
         "62 00000000 00000003 656e76 00 00000002 7878 00000000"),
        ("EXT_INFO", {"extensions": [["a", "<1 bytes>"]]}, "07 00000001 00000001 61 00000001 00"),
        ("USERAUTH_REQUEST", {"method": "password", "data": {"change": False, "password": "<secret>"}},
         "32 00000000 00000000 00000008 70617373776f7264 00 00000008 7878787878787878"),
    ])  # fmt: skip
def test_messages_of_what_a_transcript_shows(name, fields, data):
    assert make_message(name, fields).encode() == bytes.fromhex(data)


def test_known_bytes_stand_for_their_size():
    message = make_message("USERAUTH_PK_OK", {"algorithm": "a", "key_blob": "<3 bytes>"}, {3: b"key"})
    assert message.encode()[-3:] == b"key"


@pytest.mark.parametrize(
    ("name", "fields", "words"),
    [
        ("NONE", {}, "no message 'NONE'"),
        ("PING", {"size": 1, "data": b""}, "PING has no field size"),
        ("PING", {"data": 7}, "7 are no bytes"),
        ("CHANNEL_REQUEST", {"name": "env", "data": {"name": "x"}}, "cannot be made of fields"),
    ],
)
def test_mistakes_are_said(name, fields, words):
    with pytest.raises(ValueError, match=words):
        make_message(name, fields)


@asynctest
async def test_connections_are_recorded_each_for_itself():
    level = nacre.logger.level
    with recording() as record:
        assert record.transcript.lines == ()
        async with connected_pair(), connected_pair():
            pass
    assert len(record.connections) == 4
    assert record.transcript == next(iter(record.connections.values()))
    for transcript in record.connections.values():
        assert transcript.names(sent=True)[0] == "KEXINIT"
        assert "USERAUTH_SUCCESS" in transcript.names()
    assert (nacre.logger.level, debug_level()) == (level, 1)
    assert not [handler for handler in nacre.logger.handlers if type(handler).__name__ == "_Recorder"]
    assert logging.getLogger("nacre") is nacre.logger
