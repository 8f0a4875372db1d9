"""A live end against a raw peer: guesses, counting, lanes, windows, and the ends of connections."""

import pytest

from nacre.errors import DisconnectReason, LocalProtocolError
from nacre.protocol import limits
from nacre.protocol.auth.publickey import signed_data
from nacre.protocol.events import (
    AuthBegin,
    AuthNeeded,
    AuthPolicy,
    AuthSucceeded,
    Challenge,
    ChannelClosed,
    ChannelData,
    ChannelEOF,
    ChannelOpenQuestion,
    ChannelRequestQuestion,
    Disconnected,
    HostKeyQuestion,
    KbdintAttempt,
    KbdintChallenge,
    KbdintQuestion,
    KbdintResponses,
    KeysExchanged,
    Partial,
    PasswordQuestion,
    PublicKeyQuestion,
    Verdict,
)
from nacre.protocol.settings import Role, Settings
from nacre.wire.auth import KbdintData, PasswordData, UserauthRequest
from nacre.wire.connection import (
    ChannelClose,
    ChannelDataMessage,
    ChannelEof,
    ChannelExtendedData,
    ChannelOpen,
    ChannelRequest,
    ChannelWindowAdjust,
)
from nacre.wire.fields import encode_boolean, encode_string, encode_text
from nacre.wire.requests import EnvRequest, ExecRequest, PtyRequest
from nacre.wire.transport import Disconnect
from tests.pair.ends import HOST_KEY, LATER, PASSWORD, USER_KEY
from tests.pair.stage import Stage
from tests.security.expectations import Phase
from tests.support.cases import each_case

SERVER, CLIENT = Role.SERVER, Role.CLIENT


def reason(stage: Stage) -> int:
    """The code of the DISCONNECT that came, exactly one, last."""
    disconnects = [payload for payload in stage.seen if payload[0] == 1]
    assert len(disconnects) == 1
    assert stage.seen[-1] == disconnects[0]
    assert stage.end.connection.closed
    assert len(stage.end.of(Disconnected)) == 1
    assert stage.end.events[-1] is stage.end.of(Disconnected)[0]
    return Disconnect.decode(disconnects[0]).code


def request(method: str, data: bytes = b"", user: str = "alice", service: str = "ssh-connection") -> bytes:
    return UserauthRequest(user, service, method, data).encode()


def password(text: str, user: str = "alice") -> bytes:
    return request("password", PasswordData(change=False, password=text).encode(), user)


def numbers(payloads: list[bytes]) -> list[int]:
    return [payload[0] for payload in payloads]


# ---------------------------------------------------------------- key exchange


@pytest.mark.parametrize("role", Role)
def test_without_strict_key_exchange_and_extensions(role):
    stage = Stage(role, strict=False, ext_info=False).to(Phase.AUTHENTICATED)
    assert stage.end.of(AuthSucceeded)
    assert not stage.end.connection._handshake.strict
    assert 7 not in numbers(stage.seen)  # no EXT_INFO to a peer that did not ask for it
    stage.to(Phase.AUTHENTICATED)


def test_server_sig_algs_reach_the_client():
    stage = Stage(CLIENT).to(Phase.AFTER_FIRST_NEWKEYS)
    body = encode_text("server-sig-algs") + encode_string(b"ssh-ed25519,rsa-sha2-256")
    stage.send(b"\x07\0\0\0\1" + body)
    assert stage.end.connection.info.server_sig_algs == ("ssh-ed25519", "rsa-sha2-256")


@pytest.mark.parametrize("right", [True, False])
def test_a_guess_is_used_when_right_and_dropped_once_when_wrong(right):
    kex = ("curve25519-sha256",) if right else ("guessed@example.com", "curve25519-sha256")
    settings = Settings(host_keys=(HOST_KEY,), kex_algorithms=("curve25519-sha256",))
    stage = Stage(SERVER, settings=settings)
    stage.send(stage.raw.kexinit(follows=True, kex=kex))
    if not right:
        assert stage.send(b"\x1e" + encode_string(b"a guess for another method")) == []
    assert numbers(stage.send(stage.raw.method_init())) == [31, 21, 7]
    stage.raw.newkeys()
    stage.exchange()
    assert stage.end.of(KeysExchanged)
    assert not stage.end.connection.closed


def test_a_wrong_guess_is_dropped_once_only():
    stage = Stage(SERVER)
    stage.send(stage.raw.kexinit(follows=True, kex=("guessed@example.com", "curve25519-sha256")))
    stage.send(b"\x1e" + encode_string(b"a guess"))
    stage.send(b"\x1e" + encode_string(b"and another"))
    assert reason(stage) == DisconnectReason.KEY_EXCHANGE_FAILED


def test_no_common_algorithm_names_both_lists():
    stage = Stage(SERVER, kex="curve25519-sha256")
    stage.send(stage.raw.kexinit(kex=("nobody@example.com",)))
    error = stage.end.of(Disconnected)[0].error
    assert "curve25519-sha256" in error.reason
    assert "nobody@example.com" in error.reason
    assert reason(stage) == DisconnectReason.KEY_EXCHANGE_FAILED


@pytest.mark.parametrize("where", ["signature", "key", "share"])
def test_a_reply_that_is_wrong_anywhere_never_gets_to_the_question(where):
    stage = Stage(CLIENT).to(Phase.INITIAL_AFTER_KEXINIT)
    reply = bytearray(stage.next_method())
    place = {"signature": len(reply) - 5, "key": 1 + 4 + 19 + 8, "share": 1 + 4 + 51 + 4 + 5}[where]
    reply[place] ^= 1
    stage.send(bytes(reply))
    assert not stage.end.of(HostKeyQuestion)
    assert reason(stage) in (DisconnectReason.HOST_KEY_NOT_VERIFIABLE, DisconnectReason.KEY_EXCHANGE_FAILED)
    assert not any(50 <= payload[0] < 80 for payload in stage.seen)


@each_case("answer", [Verdict.REFUSED, None, True, "trusted", 1, object()])
def test_only_the_positive_token_is_trust(answer):
    stage = Stage(CLIENT, answers={HostKeyQuestion: answer}).to(Phase.INITIAL_WAIT_NEWKEYS)
    assert reason(stage) == DisconnectReason.HOST_KEY_NOT_VERIFIABLE
    assert 21 not in numbers(stage.seen)


def test_nothing_of_authentication_leaves_before_the_host_is_trusted():
    stage = Stage(CLIENT, answers={HostKeyQuestion: LATER}).to(Phase.INITIAL_WAIT_NEWKEYS)
    question = stage.end.of(HostKeyQuestion)[0]
    stage.raw.send(b"\x15")  # the server goes on as if it were trusted
    stage.exchange()
    assert numbers(stage.seen) == [20, 30]
    with pytest.raises(LocalProtocolError):
        stage.end.connection._client.begin()
    stage.end.connection.answer(question.token, Verdict.TRUSTED)
    with pytest.raises(LocalProtocolError):
        stage.end.connection.answer(question.token, Verdict.TRUSTED)


def test_another_host_key_in_a_rekey_ends_the_connection():
    from nacre.keys import generate_private_key

    stage = Stage(CLIENT).to(Phase.REKEY_AFTER_PEER_KEXINIT)
    stage.raw.host_key = generate_private_key("ssh-ed25519")
    stage.send(stage.next_method())
    assert reason(stage) == DisconnectReason.HOST_KEY_NOT_VERIFIABLE


def test_rekeys_with_nothing_between_them_are_a_flood():
    stage = Stage(SERVER).to(Phase.AUTHENTICATED)
    rounds = 0
    while not stage.end.connection.closed:
        rounds += 1
        assert rounds < 20
        stage.send(stage.raw.kexinit())
        if stage.end.connection.closed:
            break
        stage.send(stage.raw.method_init())
        stage.raw.newkeys()
        stage.exchange()
    assert rounds == limits.REKEY_FLOOD + 1
    assert reason(stage) == DisconnectReason.PROTOCOL_ERROR


def test_a_rekey_that_is_never_answered_ends_the_connection():
    stage = Stage(SERVER).to(Phase.REKEY_OUR_KEXINIT_SENT)
    connection = stage.end.connection
    assert connection.next_deadline() == limits.REKEY_TIMEOUT
    connection.tick(limits.REKEY_TIMEOUT - 0.1)
    assert not connection.closed
    connection.tick(limits.REKEY_TIMEOUT)
    stage.end.pump()
    assert connection.closed


# ---------------------------------------------------------------- authentication, server


def test_the_first_none_is_free_and_six_failures_are_the_end():
    stage = Stage(SERVER).to(Phase.WAIT_AUTH)
    assert numbers(stage.send(request("none"))) == [51]
    for _ in range(limits.AUTH_FAILURES - 1):
        assert numbers(stage.send(password("wrong"))) == [51]
    stage.send(password(PASSWORD + "!"))
    assert reason(stage) == DisconnectReason.NO_MORE_AUTH_METHODS_AVAILABLE
    assert not stage.end.of(AuthSucceeded)


def test_unknown_methods_and_the_second_none_count():
    stage = Stage(SERVER).to(Phase.WAIT_AUTH)
    stage.send(request("none"))
    for method in ("none", "gssapi-with-mic", "hostbased", "x@example.com", "none"):
        assert numbers(stage.send(request(method))) == [51]
    stage.send(request("nobody"))
    assert reason(stage) == DisconnectReason.NO_MORE_AUTH_METHODS_AVAILABLE


def query(key, user="alice", algorithm="ssh-ed25519"):
    data = encode_boolean(False) + encode_text(algorithm) + encode_string(key.public_data)
    return request("publickey", data, user)


def signed(stage, key, signer=None, user="alice", algorithm="ssh-ed25519"):
    to_sign = signed_data(stage.raw.session_id, user, algorithm, key.public_data)
    signature = (signer or key).sign(to_sign, "ssh-ed25519")
    data = encode_boolean(True) + encode_text(algorithm) + encode_string(key.public_data)
    return request("publickey", data + encode_string(signature), user)


def test_queries_have_a_bound_of_their_own():
    stage = Stage(SERVER, answers={PublicKeyQuestion: False}).to(Phase.WAIT_AUTH)
    for _ in range(limits.AUTH_QUERIES):
        assert numbers(stage.send(query(USER_KEY))) == [51]
    stage.send(query(USER_KEY))
    assert reason(stage) == DisconnectReason.NO_MORE_AUTH_METHODS_AVAILABLE


def test_a_key_that_was_only_asked_about_counts_for_nothing():
    from nacre.keys import generate_private_key

    other = generate_private_key("ssh-ed25519")
    stage = Stage(SERVER).to(Phase.WAIT_AUTH)
    assert numbers(stage.send(query(USER_KEY))) == [60]
    assert numbers(stage.send(query(other))) == [60]
    assert numbers(stage.send(signed(stage, USER_KEY, signer=other))) == [51]  # signed by another
    assert [event.verified for event in stage.end.of(PublicKeyQuestion)] == [False, False]
    assert numbers(stage.send(signed(stage, USER_KEY))) == [52]
    assert stage.end.of(AuthSucceeded)[0].key_blob == USER_KEY.public_data


@each_case("user", ["alice", "nobody"])
@each_case(
    "data",
    [
        encode_boolean(False) + encode_text("ssh-ed25519") + encode_string(b"not a key"),
        encode_boolean(False) + encode_text("ssh-dss") + encode_string(USER_KEY.public_data),
        encode_boolean(False) + encode_text("rsa-sha2-512") + encode_string(USER_KEY.public_data),
        encode_boolean(True)
        + encode_text("ssh-ed25519")
        + encode_string(USER_KEY.public_data)
        + encode_string(b""),
    ],
)
def test_odd_keys_are_answered_alike_for_everybody(user, data):
    answers = {PublicKeyQuestion: lambda event: event.username == "alice"}
    stage = Stage(SERVER, answers=answers).to(Phase.WAIT_AUTH)
    assert numbers(stage.send(request("publickey", data, user))) == [51]
    assert not stage.end.of(PublicKeyQuestion)


def test_partial_success_does_not_count_and_narrows_what_may_follow():
    answers = {PasswordQuestion: Partial(("publickey",))}
    stage = Stage(SERVER, answers=answers).to(Phase.WAIT_AUTH)
    sent = stage.send(password("right"))
    assert sent == [b"\x33" + encode_string(b"publickey") + b"\x01"]
    assert numbers(stage.send(password("right"))) == [51]  # password is no method any more
    assert len(stage.end.of(PasswordQuestion)) == 1
    assert numbers(stage.send(signed(stage, USER_KEY))) == [52]


def test_another_user_starts_everything_over():
    answers = {PasswordQuestion: Partial(("publickey",))}
    stage = Stage(SERVER, answers=answers).to(Phase.WAIT_AUTH)
    stage.send(password("right"))
    sent = stage.send(password("right", user="bob"))
    assert [event.username for event in stage.end.of(AuthBegin)] == ["alice", "bob"]
    assert sent[0][0] == 51
    stage.send(password("right"))
    assert [event.username for event in stage.end.of(AuthBegin)] == ["alice", "bob", "alice"]


@each_case("answer", [None, 1, "yes", object(), LocalProtocolError("x"), b"\1"])
def test_what_is_not_true_is_a_no(answer):
    stage = Stage(SERVER, answers={PasswordQuestion: answer}).to(Phase.WAIT_AUTH)
    assert numbers(stage.send(password(PASSWORD))) == [51]


def test_a_user_who_needs_nothing_only_by_the_application_s_word():
    stage = Stage(SERVER, answers={AuthBegin: AuthPolicy(required=False)}).to(Phase.WAIT_AUTH)
    assert numbers(stage.send(request("none"))) == [52]
    stage = Stage(SERVER, answers={AuthBegin: None}).to(Phase.WAIT_AUTH)
    assert numbers(stage.send(request("none"))) == [51]
    assert numbers(stage.send(password(PASSWORD))) == [51]


def info_response(*texts: str) -> bytes:
    return b"\x3d" + len(texts).to_bytes(4, "big") + b"".join(encode_text(text) for text in texts)


def test_keyboard_interactive_dialogue():
    answers = {
        KbdintQuestion: Challenge("name", "instructions", "", (("one? ", True), ("two? ", False))),
        KbdintResponses: lambda event: (
            Challenge() if event.responses == ("1", "2") else event.responses == ()
        ),
    }
    stage = Stage(SERVER, answers=answers).to(Phase.WAIT_AUTH)
    data = KbdintData(lang="", submethods="").encode()
    assert numbers(stage.send(request("keyboard-interactive", data))) == [60]
    assert numbers(stage.send(info_response("1", "2"))) == [60]  # no prompts, and still to be answered
    assert numbers(stage.send(info_response())) == [52]


@pytest.mark.parametrize("texts", [(), ("1",), ("1", "2", "3")])
def test_the_number_of_answers_must_be_that_of_the_prompts(texts):
    answers = {KbdintQuestion: Challenge(prompts=(("a", True), ("b", True)))}
    stage = Stage(SERVER, answers=answers).to(Phase.WAIT_AUTH)
    stage.send(request("keyboard-interactive", KbdintData(lang="", submethods="").encode()))
    # RFC 4256 section 3.4: "the server MUST send a failure message"; and the dialogue is over.
    assert numbers(stage.send(info_response(*texts))) == [51]
    assert not stage.end.of(KbdintResponses)
    stage.send(info_response("1", "2"))
    assert reason(stage) == DisconnectReason.PROTOCOL_ERROR


def test_a_new_request_abandons_the_challenge():
    answers = {KbdintQuestion: Challenge(prompts=(("a", True),))}
    stage = Stage(SERVER, answers=answers).to(Phase.WAIT_AUTH)
    stage.send(request("keyboard-interactive", KbdintData(lang="", submethods="").encode()))
    assert numbers(stage.send(password("wrong"))) == [51]
    stage.send(info_response("late"))
    assert reason(stage) == DisconnectReason.PROTOCOL_ERROR


def test_requests_behind_an_undecided_one_wait_and_are_bounded():
    stage = Stage(SERVER, answers={PasswordQuestion: LATER}).to(Phase.WAIT_AUTH)
    stage.send(password("one"))
    assert stage.send(password("two")) == []
    assert [event.password for event in stage.end.of(PasswordQuestion)] == ["one"]
    first = stage.end.of(PasswordQuestion)[0]
    stage.end.connection.answer(first.token, False)
    stage.end.pump()
    stage.exchange()
    assert [event.password for event in stage.end.of(PasswordQuestion)] == ["one", "two"]
    for _ in range(limits.AUTH_PENDING + 1):
        stage.send(password("more"))
    assert reason(stage) == DisconnectReason.PROTOCOL_ERROR


def test_a_channel_open_behind_an_undecided_login_is_fatal_on_arrival():
    stage = Stage(SERVER, answers={PasswordQuestion: LATER}).to(Phase.WAIT_AUTH)
    stage.send(password("one"))
    stage.send(ChannelOpen("session", 0, 1000, 1000, b"").encode())
    assert reason(stage) == DisconnectReason.PROTOCOL_ERROR
    question = stage.end.of(PasswordQuestion)[0]
    stage.end.connection.answer(question.token, True)  # late: dropped
    assert not stage.end.of(AuthSucceeded)


# ---------------------------------------------------------------- authentication, client


def test_a_trivial_success_can_be_refused():
    settings = Settings(username="alice", disable_trivial_auth=True)
    stage = Stage(CLIENT, settings=settings).to(Phase.WAIT_AUTH)
    stage.send(b"\x34")
    assert reason(stage) == DisconnectReason.NO_MORE_AUTH_METHODS_AVAILABLE
    assert not stage.end.of(AuthSucceeded)


def test_a_dialogue_without_prompts_is_answered_and_proves_nothing():
    settings = Settings(username="alice", disable_trivial_auth=True)
    answers = {AuthNeeded: KbdintAttempt(), KbdintChallenge: ()}
    stage = Stage(CLIENT, settings=settings, answers=answers).to(Phase.WAIT_AUTH)
    stage.send(b"\x33" + encode_string(b"keyboard-interactive") + b"\0")
    assert stage.send(b"\x3c" + encode_string(b"") * 3 + b"\0\0\0\0") == [b"\x3d\0\0\0\0"]
    stage.send(b"\x34")
    assert stage.end.connection.closed


def test_a_server_that_asks_for_ever_is_left():
    answers = {AuthNeeded: KbdintAttempt(), KbdintChallenge: ("x",)}
    stage = Stage(CLIENT, answers=answers).to(Phase.WAIT_AUTH)
    stage.send(b"\x33" + encode_string(b"keyboard-interactive") + b"\0")
    challenge = b"\x3c" + encode_string(b"") * 3 + b"\0\0\0\1" + encode_string(b"? ") + b"\0"
    for _ in range(limits.AUTH_REQUESTS + 2):
        if stage.end.connection.closed:
            break
        stage.send(challenge)
    assert stage.end.connection.closed


# ---------------------------------------------------------------- channels


def opened(stage: Stage, window: int = 1 << 20, max_packet: int = 1 << 15) -> Stage:
    stage.to(Phase.AUTHENTICATED)
    stage.send(ChannelOpen("session", 7, window, max_packet, b"").encode())
    return stage


def ask(name: str, payload: bytes, want_reply: bool = True) -> bytes:
    return ChannelRequest(0, name, want_reply, payload).encode()


def test_everything_behind_an_undecided_request_waits_in_order():
    stage = opened(Stage(SERVER, answers={ChannelRequestQuestion: LATER}))
    stage.raw.send(ask("pty-req", PtyRequest("xterm", 80, 24, 0, 0, b"").encode()))
    stage.raw.send(ask("env", EnvRequest("LANG", "C").encode(), False))
    stage.raw.send(ask("exec", ExecRequest(b"cat").encode()))
    stage.raw.send(ChannelDataMessage(0, b"early").encode())
    stage.raw.send(ChannelEof(0).encode())
    stage.exchange()
    assert [event.name for event in stage.end.of(ChannelRequestQuestion)] == ["pty-req"]
    assert not stage.end.of(ChannelData)
    for name, answer in (("pty-req", True), ("env", False), ("exec", True)):
        question = stage.end.of(ChannelRequestQuestion)[-1]
        assert question.name == name
        stage.end.connection.answer(question.token, answer)
        stage.end.pump()
    sent = stage.exchange()
    assert numbers(sent) == [99, 99]  # env wanted no reply
    assert [type(event) for event in stage.end.events[-2:]] == [ChannelData, ChannelEOF]


def test_close_voids_the_question_and_what_waits_behind_it():
    stage = opened(Stage(SERVER, answers={ChannelRequestQuestion: LATER}))
    stage.raw.send(ask("exec", ExecRequest(b"cat").encode()))
    stage.raw.send(ChannelDataMessage(0, b"early").encode())
    stage.raw.send(ChannelClose(0).encode())
    sent = stage.exchange()
    assert numbers(sent) == [97]
    assert len(stage.end.of(ChannelClosed)) == 1
    assert not stage.end.of(ChannelData)
    question = stage.end.of(ChannelRequestQuestion)[0]
    stage.end.connection.answer(question.token, True)
    assert stage.exchange() == []
    assert stage.end.connection._mux.channels == {}


def test_requests_behind_an_undecided_one_are_bounded():
    stage = opened(Stage(SERVER, answers={ChannelRequestQuestion: LATER}))
    for _ in range(limits.LANE_MESSAGES + 2):
        stage.send(ask("env", EnvRequest("A", "B").encode(), False))
    assert reason(stage) == DisconnectReason.PROTOCOL_ERROR


def test_data_beyond_the_window_ends_the_connection():
    stage = opened(Stage(SERVER))
    window = stage.end.connection._mux.channels[0].receive.left
    for start in range(0, window, 32768):
        stage.send(ChannelDataMessage(0, bytes(min(32768, window - start))).encode())
    assert not stage.end.connection.closed
    stage.send(ChannelDataMessage(0, b"x").encode())
    assert reason(stage) == DisconnectReason.PROTOCOL_ERROR


def test_extended_data_of_an_unknown_type_is_dropped_with_its_credit_returned():
    stage = opened(Stage(SERVER))
    for datatype in (0, 2, 0xFFFFFFFF):
        for _ in range(20):
            stage.send(ChannelExtendedData(0, datatype, bytes(30000)).encode())
    assert not stage.end.connection.closed
    assert not stage.end.of(ChannelData)
    assert 93 in numbers(stage.seen)


@pytest.mark.parametrize("adjust", [0xFFFFFFFF])
def test_a_window_past_its_ceiling_ends_the_connection(adjust):
    stage = opened(Stage(SERVER))
    stage.send(ChannelWindowAdjust(0, adjust).encode())
    assert reason(stage) == DisconnectReason.PROTOCOL_ERROR


def test_a_maximum_packet_size_of_0_is_refused_1_works_and_a_huge_one_is_clamped():
    stage = Stage(SERVER).to(Phase.AUTHENTICATED)
    assert numbers(stage.send(ChannelOpen("session", 7, 100, 0, b"").encode())) == [92]
    stage.send(ChannelOpen("session", 7, 100, 1, b"").encode())
    assert stage.end.connection.channel_write(0, b"abc") == 3
    assert stage.exchange() == [ChannelDataMessage(7, bytes((c,))).encode() for c in b"abc"]
    stage.send(ChannelOpen("session", 8, 1 << 20, 0xFFFFFFFF, b"").encode())
    stage.end.connection.channel_write(1, bytes(100_000))
    assert max(len(payload) for payload in stage.exchange()) == 9 + limits.MAX_PACKET


def test_a_writer_stops_at_the_window_and_goes_on_with_credit():
    stage = opened(Stage(SERVER), window=10)
    assert stage.end.connection.channel_write(0, b"0123456789abc") == 10
    assert stage.end.connection.channel_write(0, b"abc") == 0
    stage.exchange()
    sent = stage.send(ChannelWindowAdjust(0, 2).encode())
    assert sent == []
    assert type(stage.end.events[-1]).__name__ == "ChannelWritable"
    assert stage.end.connection.channel_write(0, b"abc") == 2


def test_windows_are_lent_from_one_budget():
    stage = Stage(SERVER).to(Phase.AUTHENTICATED)
    for number in range(64):
        stage.send(ChannelOpen("session", number, 1000, 1000, b"").encode())
    windows = [channel.receive.left for channel in stage.end.connection._mux.channels.values()]
    assert len(windows) == 64
    assert sum(windows) <= limits.RECEIVE_BUDGET
    assert min(windows) >= limits.WINDOW_MINIMUM


def test_channels_and_sessions_are_bounded_and_refused_ones_leave_nothing():
    settings = Settings(host_keys=(HOST_KEY,), max_channels=3, max_sessions=2)
    stage = Stage(SERVER, settings=settings).to(Phase.AUTHENTICATED)
    for number in range(200):
        stage.send(ChannelOpen("session", number, 1000, 1000, b"").encode())
    assert numbers(stage.seen).count(91) == 2
    assert numbers(stage.seen).count(92) == 198
    assert len(stage.end.connection._mux.channels) == 2
    assert len(stage.end.of(ChannelOpenQuestion)) == 2


def test_no_more_sessions():
    stage = opened(Stage(SERVER))
    stage.send(b"\x50" + encode_text("no-more-sessions@openssh.com") + b"\0")
    assert numbers(stage.send(ChannelOpen("session", 9, 1000, 1000, b"").encode())) == [92]


def test_keepalives_are_answered_without_the_application():
    stage = opened(Stage(SERVER))
    events = len(stage.end.events)
    assert stage.send(b"\x50" + encode_text("keepalive@openssh.com") + b"\1") == [b"\x52"]
    assert numbers(stage.send(ask("keepalive@openssh.com", b""))) == [100]
    assert len(stage.end.events) == events


def test_our_keepalives_find_a_silent_peer():
    settings = Settings(host_keys=(HOST_KEY,), keepalive_interval=10, keepalive_count_max=3)
    stage = Stage(SERVER, settings=settings).to(Phase.AUTHENTICATED)
    connection = stage.end.connection
    for count in range(1, 4):
        assert connection.next_deadline() == 10.0 * count
        connection.tick(10.0 * count)
        stage.raw.feed(stage.end.output())  # heard, and not answered
        assert numbers(stage.raw.take()) == [80]
    connection.tick(40.0)
    stage.end.pump()
    assert connection.closed
    assert "keepalive" in stage.end.of(Disconnected)[0].error.reason
