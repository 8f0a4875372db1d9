"""Questions in order: what is pipelined behind an undecided one waits, bounded, and nothing is lost.

Rules of order "1e": a pending decision of the application; RFC 4254 sections 5.3, 5.4 and 6.
"""

from __future__ import annotations

import pytest

from nacre.errors import LocalProtocolError
from nacre.protocol import limits
from nacre.protocol.events import (
    ChannelClosed,
    ChannelData,
    ChannelEOF,
    ChannelOpenQuestion,
    ChannelRequestQuestion,
    GlobalRequestQuestion,
    OpenAccept,
    PasswordQuestion,
)
from nacre.protocol.settings import Role
from tests.pair.damage import string, uint32, userauth
from tests.pair.ends import LATER, Pair
from tests.pair.stage import Stage
from tests.pair.talk import RAW_CHANNEL, data, end_of, extended, numbers, opened, request
from tests.security.expectations import Phase
from tests.support.cases import each_case

EXEC = string(b"cat")
ADDRESSED = uint32(RAW_CHANNEL)


def undecided(question: type = ChannelRequestQuestion) -> tuple[Stage, int]:
    """A server with a session on which an exec waits for its answer."""
    stage = Stage(Role.SERVER, answers={question: LATER}).to(Phase.AUTHENTICATED)
    number = opened(stage)
    stage.send(request(number, b"exec", EXEC))
    return stage, number


def asked(stage: Stage) -> list[ChannelRequestQuestion]:
    return stage.end.of(ChannelRequestQuestion)


def answer(stage: Stage, value: object, question: type = ChannelRequestQuestion) -> list[bytes]:
    stage.end.connection.answer(stage.end.of(question)[-1].token, value)
    stage.end.pump()
    return stage.exchange()


def test_a_client_pipelines_everything_without_waiting():
    stage = Stage(Role.SERVER, answers={ChannelRequestQuestion: LATER}).to(Phase.AUTHENTICATED)
    number = opened(stage)
    for payload in (
        request(number, b"pty-req", string(b"xterm") + uint32(80, 24, 0, 0) + string(b"\0")),
        request(number, b"env", string(b"LANG") + string(b"C"), reply=False),
        request(number, b"exec", EXEC),
        data(number, b"in"),
        extended(number, b"put"),
        b"\x60" + uint32(number),
    ):
        stage.send(payload)
    assert [question.name for question in asked(stage)] == ["pty-req"]
    assert answer(stage, True) == [b"\x63" + ADDRESSED]
    assert asked(stage)[-1].name == "env"
    assert answer(stage, True) == []  # no reply was wanted
    assert asked(stage)[-1].name == "exec"
    assert stage.end.of(ChannelData) == []
    assert answer(stage, False) == [b"\x64" + ADDRESSED]
    assert stage.end.events[-3:] == [
        ChannelData(number, b"in", None),
        ChannelData(number, b"put", 1),
        ChannelEOF(number),
    ]


def test_data_behind_a_question_is_bounded_by_the_window_alone():
    stage, number = undecided()
    pieces = 4 * limits.LANE_MESSAGES
    for piece in range(pieces):
        stage.send(data(number, bytes([piece % 256])))
    assert not stage.end.connection.closed
    answer(stage, True)
    got = b"".join(event.data for event in stage.end.of(ChannelData))
    assert got == bytes(piece % 256 for piece in range(pieces))


def test_data_of_both_kinds_keeps_its_order_behind_a_question():
    stage, number = undecided()
    for piece in range(20):
        stage.send(data(number, b"%d," % piece) if piece % 4 else extended(number, b"%d," % piece))
    answer(stage, True)
    kinds = [(event.data, event.datatype) for event in stage.end.of(ChannelData)]
    assert b"".join(content for content, _ in kinds) == b"".join(b"%d," % piece for piece in range(20))
    assert all((int(content.split(b",")[0]) % 4 == 0) == (datatype == 1) for content, datatype in kinds)


def test_data_behind_a_question_still_ends_at_the_window():
    stage, number = undecided()
    size = stage.end.connection._mux.channels[number].receive.left
    stage.send(data(number, bytes(32768)))
    for _ in range(size // 32768):
        stage.send(data(number, bytes(32768)))
    assert end_of(stage).error is not None
    assert stage.end.of(ChannelData) == []


def test_requests_behind_a_question_are_bounded():
    stage, number = undecided()
    for _ in range(limits.LANE_MESSAGES):
        stage.send(request(number, b"env", string(b"A") + string(b"b")))
    assert not stage.end.connection.closed
    stage.send(request(number, b"env", string(b"A") + string(b"b")))
    assert "undecided" in str(end_of(stage).error)


def test_bytes_of_requests_behind_a_question_are_bounded():
    stage, number = undecided()
    for _ in range(3):
        stage.send(request(number, b"x@example.com", bytes(30_000)))
    assert end_of(stage).error is not None
    assert len(asked(stage)) == 1


def test_the_bytes_of_requests_that_were_taken_count_no_more():
    stage = Stage(Role.SERVER).to(Phase.AUTHENTICATED)
    number = opened(stage)
    for _ in range(5):
        assert stage.send(request(number, b"x@example.com", bytes(30_000))) == [b"\x63" + ADDRESSED]


def test_close_voids_the_question_and_what_waits_behind_it():
    stage, number = undecided()
    question = asked(stage)[-1]
    stage.send(data(number, b"never read"))
    assert stage.send(b"\x61" + uint32(number)) == [b"\x61" + ADDRESSED]
    assert stage.end.events[-1] == ChannelClosed(number)
    stage.end.connection.answer(question.token, True)  # late: dropped
    assert stage.exchange() == []
    assert stage.end.of(ChannelData) == []


def test_a_late_answer_does_not_reach_a_new_channel_of_the_same_number():
    stage, number = undecided()
    question = asked(stage)[-1]
    stage.send(b"\x61" + uint32(number))
    stage.end.connection._mux._next_number = number  # as after 2^32 channels
    assert opened(stage, raw=RAW_CHANNEL + 1) == number
    stage.send(request(number, b"exec", EXEC))
    stage.end.connection.answer(question.token, True)
    assert stage.exchange() == []
    assert answer(stage, True) == [b"\x63" + uint32(RAW_CHANNEL + 1)]


def test_a_second_answer_is_a_misuse():
    stage, _ = undecided()
    token = asked(stage)[-1].token
    stage.end.connection.answer(token, True)
    with pytest.raises(LocalProtocolError):
        stage.end.connection.answer(token, True)
    assert not stage.end.connection.closed


def test_an_answer_after_the_end_is_dropped_and_a_second_one_is_a_misuse_even_so():
    stage, _ = undecided()
    token = asked(stage)[-1].token
    stage.end.connection.disconnect(11, "enough")
    stage.end.connection.answer(token, True)
    with pytest.raises(LocalProtocolError):
        stage.end.connection.answer(token, True)


@each_case("value", [None, 1, "yes", b"", [], object(), ValueError("x"), False])
def test_what_is_no_true_is_a_no(value):
    stage, _ = undecided()
    assert answer(stage, value) == [b"\x64" + ADDRESSED]


def test_channels_do_not_wait_for_each_other():
    stage, first = undecided()
    second = opened(stage, raw=RAW_CHANNEL + 1)
    stage.send(data(second, b"x"))
    assert stage.end.of(ChannelData) == [ChannelData(second, b"x", None)]
    stage.send(request(second, b"exec", EXEC))
    tokens = {question.channel: question.token for question in asked(stage)}
    stage.end.connection.answer(tokens[second], True)
    assert stage.exchange() == [b"\x63" + uint32(RAW_CHANNEL + 1)]
    stage.end.connection.answer(tokens[first], True)
    assert stage.exchange() == [b"\x63" + ADDRESSED]


def test_a_peer_cannot_use_a_channel_that_is_undecided():
    stage = Stage(Role.SERVER, answers={ChannelOpenQuestion: LATER}).to(Phase.AUTHENTICATED)
    number = opened(stage)
    stage.send(data(number, b"x"))
    assert end_of(stage).error is not None


def test_opens_are_answered_in_any_order():
    stage = Stage(Role.SERVER, answers={ChannelOpenQuestion: LATER}).to(Phase.AUTHENTICATED)
    first, second = opened(stage, raw=50), opened(stage, raw=51)
    questions = {question.channel: question.token for question in stage.end.of(ChannelOpenQuestion)}
    stage.end.connection.answer(questions[second], OpenAccept(1000, 100))
    assert stage.exchange() == [b"\x5b" + uint32(51, second, 1000, 100)]
    stage.end.connection.answer(questions[first], None)
    (refusal,) = stage.exchange()
    assert refusal[:9] == b"\x5c" + uint32(50, 1)


def global_request(name: bytes, *, reply: bool = True) -> bytes:
    return b"\x50" + string(name) + (b"\1" if reply else b"\0")


def test_global_replies_keep_their_order():
    """RFC 4254 section 4: replies carry no number, so a keepalive waits behind an undecided request."""
    stage = Stage(Role.SERVER, answers={GlobalRequestQuestion: LATER}).to(Phase.AUTHENTICATED)
    for name in (b"a@example.com", b"keepalive@openssh.com", b"b@example.com"):
        assert stage.send(global_request(name)) == []
    assert [question.name for question in stage.end.of(GlobalRequestQuestion)] == ["a@example.com"]
    assert answer(stage, b"\0\0\0\x2a", GlobalRequestQuestion) == [b"\x51\0\0\0\x2a", b"\x52"]
    assert answer(stage, True, GlobalRequestQuestion) == [b"\x51"]


def test_global_requests_behind_a_question_are_bounded():
    stage = Stage(Role.SERVER, answers={GlobalRequestQuestion: LATER}).to(Phase.AUTHENTICATED)
    for _ in range(limits.LANE_MESSAGES + 1):
        stage.send(global_request(b"x@example.com"))
    assert not stage.end.connection.closed
    stage.send(global_request(b"x@example.com"))
    assert end_of(stage).error is not None


def test_a_global_request_without_reply_gets_none():
    stage = Stage(Role.SERVER).to(Phase.AUTHENTICATED)
    assert stage.send(global_request(b"x@example.com", reply=False)) == []
    assert stage.send(global_request(b"x@example.com")) == [b"\x52"]


def test_authentication_waits_behind_an_undecided_password():
    stage = Stage(Role.SERVER, answers={PasswordQuestion: LATER}).to(Phase.WAIT_AUTH)
    stage.send(userauth(b"password", b"\0" + string(b"a")))
    stage.send(userauth(b"password", b"\0" + string(b"b")))
    assert [question.password for question in stage.end.of(PasswordQuestion)] == ["a"]
    assert numbers(answer(stage, False, PasswordQuestion)) == [51]
    assert [question.password for question in stage.end.of(PasswordQuestion)] == ["a", "b"]
    assert numbers(answer(stage, True, PasswordQuestion)) == [52]


def test_requests_behind_the_one_that_succeeds_are_ignored():
    """RFC 4252 section 5.1."""
    stage = Stage(Role.SERVER, answers={PasswordQuestion: LATER}).to(Phase.WAIT_AUTH)
    for password in (b"a", b"b", b"c"):
        stage.send(userauth(b"password", b"\0" + string(password)))
    assert numbers(answer(stage, True, PasswordQuestion)) == [52]
    assert len(stage.end.of(PasswordQuestion)) == 1
    assert not stage.end.connection.closed


def test_an_answer_of_a_dialogue_behind_the_success_is_a_fault():
    """1e: after authentication 60-79 = disconnect; judged when it is taken from its lane."""
    stage = Stage(Role.SERVER, answers={PasswordQuestion: LATER}).to(Phase.WAIT_AUTH)
    stage.send(userauth(b"password", b"\0" + string(b"a")))
    stage.send(b"\x3d" + uint32(0))
    assert numbers(answer(stage, True, PasswordQuestion))[:1] == [52]
    assert end_of(stage).error is not None


def test_requests_behind_an_undecided_login_are_bounded():
    stage = Stage(Role.SERVER, answers={PasswordQuestion: LATER}).to(Phase.WAIT_AUTH)
    for _ in range(limits.AUTH_PENDING + 1):
        stage.send(userauth(b"none"))
        stage.send(userauth(b"password", b"\0" + string(b"a")))
        if stage.end.connection.closed:
            break
    assert end_of(stage).error is not None
    assert len(stage.end.of(PasswordQuestion)) == 1


def test_a_command_from_within_an_event_does_not_reenter():
    """An answer given while events wait is applied at once, and its effects come after them."""
    pair = Pair().start()
    client, server = pair.open()
    pair.client.connection.channel_request(client, "exec", EXEC, True)
    pair.client.connection.channel_write(client, b"data")
    pair.client.connection.channel_eof(client)
    pair.server.answers[ChannelRequestQuestion] = LATER
    pair.run()
    question = pair.server.of(ChannelRequestQuestion)[-1]
    pair.server.connection.answer(question.token, True)
    pair.server.connection.channel_write(server, b"first")
    pair.server.connection.channel_close(server)
    pair.run()
    assert pair.client.of(ChannelData)[-1].data == b"first"
    assert pair.client.events[-1] == ChannelClosed(client)
    assert pair.server.events[-1] == ChannelClosed(server)
