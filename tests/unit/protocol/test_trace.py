"""A trace has every message in both directions, and nothing that must not be shown."""

from __future__ import annotations

import json

import pytest

from nacre.crypto import Family, names
from nacre.crypto.kex.gss import with_mechanism
from nacre.protocol.events import (
    AuthBegin,
    AuthNeeded,
    AuthPolicy,
    Challenge,
    GssAttempt,
    KbdintAttempt,
    KbdintChallenge,
    KbdintQuestion,
    KbdintResponses,
)
from nacre.protocol.settings import Role, Settings
from nacre.protocol.trace import Tracer, title
from nacre.wire.connection import ChannelDataMessage
from nacre.wire.message import MESSAGES
from nacre.wire.requests import ExecRequest
from tests.pair.ends import PASSWORD, Pair
from tests.support.gss import ANSWERS as GSS_ANSWERS
from tests.support.gss import MECHANISM, client_gss, server_gss
from tests.support.protocol import inject, server_settings


def traced(pair, **options):
    """Have both ends write a trace."""
    lines = [], []
    pair.client.connection.trace(lines[0].append, **options)
    pair.server.connection.trace(lines[1].append, **options)
    return lines


def fields(line):
    return json.loads(line.split(" ", 2)[2])


def the(lines, start):
    [line] = [line for line in lines if line.startswith(start)]
    return line


def test_every_message_has_a_name_of_its_own():
    titles = [title(kind) for kind in MESSAGES.values()]
    assert len(set(titles)) == len(titles)
    assert {"KEXINIT", "NEWKEYS", "CHANNEL_DATA", "USERAUTH_PK_OK", "PING", "KEX_DH_GEX_GROUP"} <= set(titles)
    assert all(one == one.upper() and " " not in one for one in titles)


def test_a_whole_conversation():
    pair = Pair()
    client, server = traced(pair)
    pair.start()
    number, on_server = pair.open()
    pair.client.connection.channel_request(number, "exec", ExecRequest(b"cat /secret/file").encode(), True)
    pair.client.connection.channel_write(number, b"the data")
    pair.server.connection.channel_write(on_server, b"an error", 1)
    pair.run()
    pair.client.connection.disconnect(11, "bye")
    pair.run()
    # What one sends the other receives, in each direction in its order.
    for arrow, other in (("->", "<-"), ("<-", "->")):
        said = [line[3:] for line in client if line.startswith(arrow)]
        assert said == [line[3:] for line in server if line.startswith(other)]
    names_of = [line.split()[1] for line in client if line.startswith("->")]
    assert names_of == [
        "KEXINIT", "KEX_ECDH_INIT", "NEWKEYS", "EXT_INFO", "SERVICE_REQUEST", "USERAUTH_REQUEST", "USERAUTH_REQUEST",
        "CHANNEL_OPEN", "CHANNEL_REQUEST", "CHANNEL_DATA", "DISCONNECT",
    ]  # fmt: skip
    whole = "\n".join((*client, *server))
    for hidden in (PASSWORD, "/secret", "the data", "an error"):
        assert hidden not in whole
    assert fields(the(client, "-> CHANNEL_DATA")) == {"recipient_channel": on_server, "data": "<8 bytes>"}
    assert fields(the(client, "-> CHANNEL_OPEN "))["kind"] == "session"
    request = fields(the(client, "-> CHANNEL_REQUEST"))
    assert (request["name"], request["want_reply"]) == ("exec", True)
    password = [fields(line) for line in client if line.startswith("-> USERAUTH_REQUEST")][-1]
    assert password == {
        "username": "alice",
        "service": "ssh-connection",
        "method": "password",
        "data": {"change": False, "password": "<secret>"},
    }
    assert fields(the(client, "-> DISCONNECT"))["description"] == "bye"
    assert fields(the(client, "-> KEXINIT"))["cookie"] == "<16 bytes>"


def test_names_alone():
    pair = Pair()
    client, _ = traced(pair, fields=False)
    pair.start()
    assert client[0] == "-> KEXINIT"
    assert {line.count(" ") for line in client} == {1}


@pytest.mark.parametrize(
    ("kex", "expected"),
    [
        ("curve25519-sha256", ["KEX_ECDH_INIT", "KEX_ECDH_REPLY"]),
        ("diffie-hellman-group14-sha256", ["KEXDH_INIT", "KEXDH_REPLY"]),
        (
            "diffie-hellman-group-exchange-sha256",
            ["KEX_DH_GEX_REQUEST", "KEX_DH_GEX_GROUP", "KEX_DH_GEX_INIT", "KEX_DH_GEX_REPLY"],
        ),
    ],
)
def test_the_numbers_of_a_method_have_their_meaning(kex, expected):
    pair = Pair(
        client=Settings(username="alice", kex_algorithms=(kex,)),
        server=server_settings(kex_algorithms=names(Family.KEX)),
    )
    for lines in traced(pair):
        if not lines:
            pair.start()
        assert [line.split()[1] for line in lines if "KEX_" in line or "KEXDH" in line] == expected
        assert max(map(len, lines)) < 2500  # the numbers of finite fields are not written out


def test_the_messages_of_gss_are_shown_by_name_and_size():
    kex = (with_mechanism("gss-curve25519-sha256", MECHANISM),)
    pair = Pair(
        client=Settings(username="alice", kex_algorithms=kex, gss=client_gss()),
        server=server_settings(kex_algorithms=kex, gss=server_gss()),
        client_answers={**GSS_ANSWERS, AuthNeeded: GssAttempt("gssapi-with-mic")},
        server_answers={**GSS_ANSWERS, AuthBegin: AuthPolicy(required=True, methods=("gssapi-with-mic",))},
    )
    client, server = traced(pair)
    pair.start()
    for lines in (client, server):
        found = [line.split()[1] for line in lines if "GSS" in line]
        assert found == [
            *("KEXGSS_INIT", "KEXGSS_HOSTKEY", "KEXGSS_COMPLETE"),
            *(
                "USERAUTH_GSSAPI_RESPONSE",
                "USERAUTH_GSSAPI_TOKEN",
                "USERAUTH_GSSAPI_TOKEN",
                "USERAUTH_GSSAPI_MIC",
            ),
        ]
    assert fields(the(client, "-> KEXGSS_INIT")) == {"token": "<5 bytes>", "client_share": "<32 bytes>"}


def test_answers_to_prompts_are_not_shown():
    pair = Pair(
        server_answers={
            AuthBegin: AuthPolicy(required=True, methods=("keyboard-interactive",)),
            KbdintQuestion: Challenge("name", "instruction", "", (("PIN: ", False), ("Token: ", True))),
            KbdintResponses: lambda event: event.responses == ("1234", "567890"),
        },
        client_answers={
            AuthNeeded: KbdintAttempt(),
            KbdintChallenge: ("1234", "567890"),
        },
    )
    client, server = traced(pair)
    pair.start()
    assert fields(the(client, "<- USERAUTH_INFO_REQUEST"))["prompts"] == [["PIN: ", False], ["Token: ", True]]
    assert fields(the(server, "<- USERAUTH_INFO_RESPONSE")) == {"responses": ["<secret>", "<secret>"]}
    assert the(client, "<- USERAUTH_SUCCESS") == "<- USERAUTH_SUCCESS {}"


def test_what_is_no_message_is_shown_by_its_size():
    pair = Pair()
    _, server = traced(pair)
    pair.start()
    for payload in (
        b"\x5e\0\0",
        bytes((201,)) + b"\x1b[2J",
        b"\x3d123",
        b"\x32" + b"\0\0\0\1a" * 3 + b"secret",
    ):
        Tracer(Role.SERVER, server.append).received(payload)
    assert server[-4:] == [
        "<- CHANNEL_DATA malformed <3 bytes>",
        "<- MESSAGE_201 <5 bytes>",
        "<- MESSAGE_61 <4 bytes>",
        '<- USERAUTH_REQUEST {"username": "a", "service": "a", "method": "a", "data": "<secret>"}',
    ]


def test_a_line_is_a_line_whatever_the_peer_says():
    lines = []
    tracer = Tracer(Role.CLIENT, lines.append)
    evil = "\x1b]0;owned\x07\r\n" + "x" * 100_000
    tracer.received(b"\x35" + len(evil).to_bytes(4, "big") + evil.encode() + bytes(4))
    assert lines[0].isprintable()
    assert len(lines[0]) < 1200
    tracer.received(b"\x14" + bytes(16) + (20_000 - 1).to_bytes(4, "big") + b"a," * 9_999 + b"a" + bytes(41))
    assert len(lines[1]) < 2000


def test_a_trace_costs_nothing_where_nobody_wants_it():
    pair = Pair().start()
    core = pair.client.connection._core
    assert core.inbound.trace is None
    assert core.outbound.trace is None


def test_compressed_messages_are_shown_as_they_were():
    both = {"compressions": ("zlib@openssh.com",)}
    pair = Pair(client=Settings(username="alice", **both), server=server_settings(**both))
    client, server = traced(pair)
    pair.start()
    number, on_server = pair.open()
    inject(pair.client, ChannelDataMessage(on_server, b"hello " * 100).encode())
    pair.run()
    assert client[-1] == "-> " + server[-1][3:]
    assert fields(server[-1]) == {"recipient_channel": on_server, "data": "<600 bytes>"}
    assert number == 0
