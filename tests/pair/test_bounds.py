"""What a peer can make an end keep, answer or ask: every queue has its end (class C of the threat model)."""

from __future__ import annotations

import pytest

from nacre.errors import ConnectionLost, LocalProtocolError
from nacre.protocol import limits
from nacre.protocol.events import (
    AuthNeeded,
    AuthSucceeded,
    BannerReceived,
    ChannelClosed,
    ChannelData,
    ChannelEOF,
    ChannelOpenQuestion,
    ChannelRequestQuestion,
    DebugReceived,
    KbdintAttempt,
    KbdintChallenge,
    Partial,
    PublicKeyAttempt,
    PublicKeyQuestion,
    SignatureNeeded,
)
from nacre.protocol.settings import Role
from tests.pair.damage import ED25519, string, uint32, userauth
from tests.pair.ends import LATER
from tests.pair.stage import Stage
from tests.pair.talk import RAW_CHANNEL, data, end_of, extended, numbers, opened, reason, request
from tests.security.expectations import Phase
from tests.support.cases import each_case

ROLES = list(Role)


def flood(stage: Stage, payload: bytes, *, most: int) -> int:
    """Send a payload again and again to an end whose transport is full; returns what it keeps, in bytes."""
    stage.end.connection.hold_output(True)
    for count in range(most):
        stage.raw.send(payload)
        if count % 64 == 0:
            stage.end.feed(stage.raw.output())
            if stage.end.connection.closed:
                break
    outbound = stage.end.connection._core.outbound
    return outbound.queued + outbound._held_octets


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "payload",
    [
        b"\xc8",  # answered with UNIMPLEMENTED
        b"\xc0" + string(bytes(4000)),  # PING
        b"\x50" + string(b"keepalive@openssh.com") + b"\1",
        b"\x50" + string(b"x@example.com") + b"\1",
        b"\x5a" + string(b"session") + uint32(7, 1, 0),  # an open that is refused
    ],
    ids=["unknown", "ping", "keepalive", "global-request", "open"],
)
def test_a_peer_that_makes_us_answer_and_does_not_read_loses_the_connection(role, payload, monkeypatch):
    monkeypatch.setattr(limits, "OUTPUT_CEILING", 64 * 1024)  # the same, sooner
    stage = Stage(role).to(Phase.AUTHENTICATED)
    kept = flood(stage, payload, most=100_000)
    assert isinstance(end_of(stage).error, ConnectionLost)
    assert kept <= limits.OUTPUT_CEILING + 64 * 8192


@pytest.mark.parametrize("role", ROLES)
def test_pings_in_a_rekey_are_answered_afterwards_and_bounded(role):
    stage = Stage(role).to(Phase.REKEY_AFTER_PEER_KEXINIT)
    for _ in range(10):
        assert stage.send(b"\xc0" + string(b"x")) == []
    for _ in range(limits.HELD_MESSAGES + 1):
        stage.raw.send(b"\xc0" + string(b"x"))
    stage.exchange()
    assert end_of(stage).error is not None
    assert 193 not in numbers(stage.seen)


@pytest.mark.parametrize("role", ROLES)
def test_noise_makes_nothing_grow(role):
    stage = Stage(role).to(Phase.AUTHENTICATED)
    for payload in (b"\x02" + string(bytes(1000)), b"\x03\0\0\0\0", b"\xc1" + string(b"x")):
        for _ in range(2000):
            stage.raw.send(payload)
    assert stage.exchange() == []
    assert not stage.end.events[-1:] or not isinstance(stage.end.events[-1], DebugReceived)


# ---------------------------------------------------------------- replies nobody asked for


@each_case("role", ROLES)
@each_case("number", [81, 82, 99, 100])
def test_an_answer_to_nothing_is_a_fault_also_after_a_right_one(role, number):
    """Row 65."""
    stage = Stage(role).to(Phase.AUTHENTICATED)
    channel = opened(stage)
    ask = stage.end.connection
    if number < 90:
        ask.global_request("x@example.com", b"", True)
    else:
        ask.channel_request(channel, "x@example.com", b"", True)
    stage.exchange()
    reply = bytes([number]) + (b"" if number < 90 else uint32(channel))
    stage.send(reply)
    assert not ask.closed
    stage.send(reply)
    assert reason(stage) == 2


@pytest.mark.parametrize("role", ROLES)
def test_a_keepalive_goes_out_also_when_the_peer_owes_many_answers(role):
    stage = Stage(role).to(Phase.AUTHENTICATED)
    connection = stage.end.connection
    connection.set_keepalive(10, 2)
    for _ in range(limits.REPLIES_EXPECTED):
        connection.global_request("x@example.com", b"", True)
    with pytest.raises(LocalProtocolError):
        connection.global_request("x@example.com", b"", True)
    before = len(stage.exchange())
    connection.tick(10.0)
    assert numbers(stage.exchange()) == [80]
    assert before == limits.REPLIES_EXPECTED
    assert not connection.closed


# ---------------------------------------------------------------- after our own close


@each_case("role", ROLES)
@each_case(
    "payload",
    [
        data(0, b"x"),
        extended(0, b"x"),
        b"\x60" + uint32(0),
        request(0, b"x@example.com"),
        b"\x5d" + uint32(0, 1),
    ],
)
def test_what_is_in_flight_when_we_close_is_dropped(role, payload):
    """RFC 4254 section 5.3: the peer has not seen our CLOSE."""
    stage = Stage(role).to(Phase.AUTHENTICATED)
    channel = opened(stage)
    stage.end.connection.channel_close(channel)
    stage.exchange()
    before = len(stage.end.events)
    assert stage.send(payload[:1] + uint32(channel) + payload[5:]) == []
    assert stage.end.events[before:] == []
    assert stage.send(b"\x61" + uint32(channel)) == []
    assert stage.end.events[-1] == ChannelClosed(channel)


def test_many_bytes_of_requests_in_flight_when_we_close_are_no_fault():
    stage = Stage(Role.SERVER).to(Phase.AUTHENTICATED)
    channel = opened(stage)
    stage.end.connection.channel_close(channel)
    for _ in range(10):
        stage.send(request(channel, b"x@example.com", bytes(30_000)))
    assert not stage.end.connection.closed


def test_what_waited_behind_a_question_is_dropped_when_we_close():
    stage = Stage(Role.SERVER, answers={ChannelRequestQuestion: LATER}).to(Phase.AUTHENTICATED)
    channel = opened(stage)
    stage.send(request(channel, b"exec", string(b"cat")))
    stage.send(data(channel, b"x"))
    stage.send(b"\x60" + uint32(channel))
    stage.send(request(channel, b"env", string(b"A") + string(b"b")))
    token = stage.end.of(ChannelRequestQuestion)[-1].token
    stage.end.connection.channel_close(channel)
    assert numbers(stage.exchange()) == [97]
    stage.end.connection.answer(token, True)
    assert stage.exchange() == []
    assert not stage.end.of(ChannelData)
    assert not stage.end.of(ChannelEOF)
    assert len(stage.end.of(ChannelRequestQuestion)) == 1
    stage.send(b"\x61" + uint32(channel))
    assert stage.end.events[-1] == ChannelClosed(channel)


@each_case("role", ROLES)
@each_case("number", [93, 94, 95, 96, 97, 98, 99, 100])
def test_a_channel_that_is_closed_on_both_sides_is_unknown(role, number):
    stage = Stage(role).to(Phase.AUTHENTICATED)
    channel = opened(stage)
    assert stage.send(b"\x61" + uint32(channel)) == [b"\x61" + uint32(RAW_CHANNEL)]
    bodies = {93: uint32(1), 94: string(b"x"), 95: uint32(1) + string(b"x"), 98: string(b"x") + b"\0"}
    stage.send(bytes([number]) + uint32(channel) + bodies.get(number, b""))
    assert reason(stage) == 2


@each_case("role", ROLES)
@each_case("number", [93, 94, 95, 96, 97, 98, 99, 100])
def test_a_channel_that_is_not_confirmed_is_unknown(role, number):
    """Row 70."""
    stage = Stage(role).to(Phase.AUTHENTICATED)
    channel = stage.end.connection.open_channel("session", b"", 1 << 16, 1 << 15)
    stage.exchange()
    before = len(stage.end.events)
    bodies = {93: uint32(1), 94: string(b"x"), 95: uint32(1) + string(b"x"), 98: string(b"x") + b"\0"}
    stage.send(bytes([number]) + uint32(channel) + bodies.get(number, b""))
    assert reason(stage) == 2
    assert [type(event).__name__ for event in stage.end.events[before:]] == [
        "ChannelOpenFailed",
        "Disconnected",
    ]


# ---------------------------------------------------------------- who is asked


def test_a_client_rejects_sessions_by_itself():
    """RFC 4254 section 6.1: "Client implementations SHOULD reject any session channel open requests"."""
    stage = Stage(Role.CLIENT).to(Phase.AUTHENTICATED)
    (refusal,) = stage.send(b"\x5a" + string(b"session") + uint32(RAW_CHANNEL, 1 << 16, 1 << 15))
    assert refusal[:9] == b"\x5c" + uint32(RAW_CHANNEL, 1)
    assert not stage.end.of(ChannelOpenQuestion)
    stage.send(b"\x5a" + string(b"forwarded-tcpip") + uint32(RAW_CHANNEL, 1 << 16, 1 << 15) + b"x")
    assert stage.end.of(ChannelOpenQuestion)[-1].payload == b"x"


@each_case("value", [1, "yes", b"", [], object(), ValueError("no"), None, False])
def test_a_key_is_fine_by_true_or_partial_alone(value):
    stage = Stage(Role.SERVER, answers={PublicKeyQuestion: LATER}).to(Phase.WAIT_AUTH)
    query = userauth(b"publickey", b"\0" + string(b"ssh-ed25519") + string(ED25519))
    for answer, wanted in ((value, 51), (True, 60), (Partial(("password",)), 60)):
        stage.send(query)
        stage.end.connection.answer(stage.end.of(PublicKeyQuestion)[-1].token, answer)
        assert numbers(stage.exchange()) == [wanted]


@pytest.mark.parametrize(
    "payload", [b"\x35" + string(b"late") + string(b""), b"\x33" + string(b"") + b"\0", b"\x34"]
)
def test_what_waited_behind_a_success_is_judged_when_it_is_taken(payload):
    """1e: legality is judged when a message is taken from its lane; after authentication 51-53 = disconnect."""
    answers = {AuthNeeded: KbdintAttempt(), KbdintChallenge: LATER}
    stage = Stage(Role.CLIENT, answers=answers).to(Phase.WAIT_AUTH)
    stage.send(b"\x33" + string(b"keyboard-interactive") + b"\0")
    stage.send(b"\x3c" + string(b"") * 3 + uint32(1) + string(b"?") + b"\0")
    stage.send(b"\x34")
    stage.send(payload)
    stage.end.connection.answer(stage.end.of(KbdintChallenge)[-1].token, ["x"])
    stage.end.pump()
    stage.exchange()
    assert stage.end.of(AuthSucceeded)
    assert not stage.end.of(BannerReceived)
    assert reason(stage) == 2


# ---------------------------------------------------------------- misuse that must not wedge


def test_an_answer_of_no_use_leaves_the_question_open():
    answers = {AuthNeeded: KbdintAttempt(), KbdintChallenge: LATER}
    stage = Stage(Role.CLIENT, answers=answers).to(Phase.WAIT_AUTH)
    stage.send(b"\x33" + string(b"keyboard-interactive") + b"\0")
    stage.send(b"\x3c" + string(b"") * 3 + uint32(1) + string(b"?") + b"\0")
    token = stage.end.of(KbdintChallenge)[-1].token
    for value in (["one", "too many"], "x", [1], object()):
        with pytest.raises(LocalProtocolError):
            stage.end.connection.answer(token, value)
    assert not stage.end.connection.closed
    stage.end.connection.answer(token, ["x"])
    assert stage.exchange() == [b"\x3d" + uint32(1) + string(b"x")]


def test_a_signature_that_is_none_leaves_the_question_open():
    answers = {AuthNeeded: PublicKeyAttempt("ssh-ed25519", ED25519, query=False), SignatureNeeded: LATER}
    stage = Stage(Role.CLIENT, answers=answers).to(Phase.WAIT_AUTH)
    stage.send(b"\x33" + string(b"publickey") + b"\0")
    token = stage.end.of(SignatureNeeded)[-1].token
    with pytest.raises(LocalProtocolError):
        stage.end.connection.answer(token, "signature")
    stage.end.connection.answer(token, b"signature")
    assert numbers(stage.exchange()) == [50]


@pytest.mark.parametrize("role", ROLES)
def test_debug_messages_have_their_time(role):
    """A strict first key exchange has no place for them, and nothing follows DISCONNECT."""
    stage = Stage(role)
    for phase in (Phase.INITIAL_BEFORE_KEXINIT, Phase.INITIAL_AFTER_KEXINIT):
        with pytest.raises(LocalProtocolError):
            Stage(role).to(phase).end.connection.send_debug("too early")
    stage.to(Phase.AUTHENTICATED).end.connection.send_debug("now", always_display=True)
    assert stage.exchange() == [b"\x04\1" + string(b"now") + string(b"en-US")]
    stage.end.connection.disconnect(11, "enough")
    stage.exchange()
    with pytest.raises(LocalProtocolError):
        stage.end.connection.send_debug("too late")
    assert stage.exchange() == []


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("size", [limits.MAX_PACKET, limits.PACKET - 100])
def test_a_request_of_any_size_that_a_packet_has_room_for(role, size):
    stage = Stage(role).to(Phase.AUTHENTICATED)
    stage.send(b"\x50" + string(b"x@example.com") + b"\1" + bytes(size))
    if size > limits.LANE_REQUEST_BYTES:
        assert reason(stage) == 2
    else:
        assert stage.seen[-1] == b"\x52"
