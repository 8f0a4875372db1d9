"""Hostile conversations: damaged messages of every number in every phase, with commands and answers between.

Whatever comes, `next_event` and `tick` raise nothing, the accounts of windows and channels stay right, and
the connection ends once, with an event. All randomness is seeded: a failure names the seed that shows it.
"""

from __future__ import annotations

import random

import pytest

from nacre.errors import LocalProtocolError, MACError
from nacre.protocol.channel import ChannelState
from nacre.protocol.connection import Connection
from nacre.protocol.events import (
    AuthBegin,
    AuthNeeded,
    AuthPolicy,
    AuthSucceeded,
    Challenge,
    ChannelClosed,
    ChannelData,
    ChannelOpened,
    ChannelOpenQuestion,
    ChannelRequestQuestion,
    GlobalRequestQuestion,
    HostKeyQuestion,
    KbdintAttempt,
    KbdintChallenge,
    KbdintQuestion,
    KbdintResponses,
    OpenAccept,
    OpenRefuse,
    Partial,
    PasswordAttempt,
    PasswordChangeQuestion,
    PasswordExpired,
    PasswordQuestion,
    PublicKeyAttempt,
    PublicKeyQuestion,
    Question,
    SignatureNeeded,
    Verdict,
)
from nacre.protocol.settings import Role
from nacre.protocol.state import KexStep
from nacre.wire.kex import KexInit
from tests.pair.damage import ED25519, damage, shapes, uint32
from tests.pair.ends import LATER, Answers
from tests.pair.stage import Stage
from tests.pair.talk import RAW_CHANNEL, end_of
from tests.security import expectations
from tests.security.expectations import NAMES, Phase

ROLES = {Role.CLIENT: expectations.Role.CLIENT, Role.SERVER: expectations.Role.SERVER}
ASK = Challenge(prompts=(("?", False),))

#: For each role and phase; a hundred times as many found nothing more.
SEEDS = 25

#: What an application may say. Each question also stays open now and then.
VERDICTS: dict[type[Question], tuple[object, ...]] = {
    HostKeyQuestion: (Verdict.TRUSTED,) * 4 + (Verdict.REFUSED, None),
    AuthBegin: (AuthPolicy(True, ("publickey", "password", "keyboard-interactive")),) * 4
    + (AuthPolicy(False), AuthPolicy(True), None),
    PublicKeyQuestion: (True, False, Partial(("password",)), None),
    PasswordQuestion: (True, False, Partial(("publickey",)), PasswordExpired("new?"), None),
    KbdintQuestion: (True, False, Partial(("password",)), ASK, Challenge()),
    KbdintResponses: (True, False, Challenge(), ASK, None),
    AuthNeeded: (
        PasswordAttempt("x"),
        KbdintAttempt(),
        PublicKeyAttempt("ssh-ed25519", ED25519),
        PublicKeyAttempt("ssh-ed25519", ED25519, query=False),
    ),
    SignatureNeeded: (bytes(83), None),
    PasswordChangeQuestion: (("old", "new"), None),
    KbdintChallenge: (None,),
    ChannelOpenQuestion: (OpenAccept(1 << 16, 1 << 15),) * 3 + (OpenRefuse(1, "no"), None),
    ChannelRequestQuestion: (True, False, None),
    GlobalRequestQuestion: (True, False, b"data", None),
}

#: The numbers that lead somewhere, by phase; every other number comes now and then.
USEFUL = {
    (Role.SERVER, Phase.WAIT_AUTH): (50, 50, 50, 61, 61, 2),
    (Role.CLIENT, Phase.WAIT_AUTH): (51, 51, 53, 60, 60, 60, 52, 7),
    (Role.SERVER, Phase.AUTHENTICATED): (98, 98, 98, 94, 94, 95, 93, 96, 97, 90, 80, 91, 192, 99, 50),
    (Role.CLIENT, Phase.AUTHENTICATED): (98, 98, 94, 94, 95, 93, 96, 97, 90, 80, 91, 192, 99),
}


_OPEN = (Phase.AUTHENTICATED, Phase.REKEY_OUR_KEXINIT_SENT)


def answers(rng: random.Random) -> Answers:
    """Answers at random."""

    def one(event: Question) -> object:
        if rng.random() < 0.1:
            return LATER
        if isinstance(event, KbdintChallenge) and rng.random() < 0.8:
            return ["x"] * len(event.prompts)
        return rng.choice(VERDICTS[type(event)])

    return dict.fromkeys(VERDICTS, one)


def payload(stage: Stage, phase: Phase, rng: random.Random) -> bytes:
    early = phase not in (*_OPEN, Phase.WAIT_AUTH)
    useful = (
        tuple(NAMES)
        if early
        else USEFUL[stage.role, Phase.WAIT_AUTH if phase is Phase.WAIT_AUTH else _OPEN[0]]
    )
    number = rng.choice(useful) if rng.random() < 0.85 else rng.randrange(256)
    good = rng.choice(shapes(ROLES[stage.role], phase, number))
    return good if rng.random() < 0.7 else damage(good, rng)


def command(connection: Connection, stage: Stage, rng: random.Random) -> None:
    """One thing that an application or a driver does."""
    channels = [number for number, channel in connection._mux.channels.items()] or [0]
    number = rng.choice(channels)
    doings = (
        connection.rekey,
        lambda: connection.open_channel("session", b"", 1 << 16, 1 << 15),
        lambda: connection.global_request("x@example.com", b"", True),
        lambda: connection.channel_write(number, bytes(rng.randrange(100_000)), rng.choice((None, 1))),
        lambda: connection.channel_request(number, "x@example.com", b"", True),
        lambda: connection.channel_eof(number),
        lambda: connection.channel_close(number),
        lambda: connection.consumed(number, rng.randrange(9)),
        lambda: connection.tick(rng.random() * 100),
        lambda: connection.hold_output(rng.random() < 0.5),
        lambda: connection.send_debug("x"),
        lambda: answer_an_open_one(connection, stage, rng),
    )
    try:
        rng.choice(doings)()
    except LocalProtocolError:
        return  # out of place: what the caller deserves, and no harm done


def answer_an_open_one(connection: Connection, stage: Stage, rng: random.Random) -> None:
    """Answer a question that was left open, late or not."""
    waiting = [
        event for event in stage.end.events if isinstance(event, Question) and not event.token.answered
    ]
    if waiting:
        connection.answer(waiting[-1].token, rng.choice(VERDICTS[type(waiting[-1])]))


def go_on_with_keys(stage: Stage, connection: Connection) -> None:
    """Take part in a key exchange that is under way."""
    if connection._handshake.step is KexStep.AWAIT_KEXINIT:
        stage.send(stage.raw.kexinit())
    if connection._handshake.step is KexStep.AWAIT_METHOD and not connection.closed:
        if stage.role is Role.CLIENT and not any(payload[0] == 30 for payload in stage.seen):
            return
        stage.send(stage.next_method())
    if connection._handshake.step is KexStep.AWAIT_NEWKEYS and not connection.closed:
        stage.raw.newkeys()
        stage.exchange()


def check_accounts(connection: Connection) -> None:
    """Windows are never negative nor lost, and the counts are those of the table."""
    if connection.closed:
        assert not connection._mux.channels
        return
    mux = connection._mux
    lent = 0
    for channel in mux.channels.values():
        assert 0 <= channel.send_left < 2**32
        if channel.receive is not None:
            window = channel.receive
            assert 0 <= window.left <= window.size
            assert window.left + window._unread + window._consumed == window.size
            lent += window.size
        assert channel.lane_octets >= 0
    assert mux._budget.left + lent == connection._core.settings.receive_budget
    assert mux._of_peer == sum(channel.by_peer for channel in mux.channels.values())
    assert mux._sessions == sum(
        channel.by_peer and channel.kind == "session" for channel in mux.channels.values()
    )
    assert mux._deciding == sum(channel.state is ChannelState.DECIDING for channel in mux.channels.values())
    assert set(mux.flowing) <= set(mux.channels)
    assert mux.writing.blocked.keys() <= mux.channels.keys()


def feed(stage: Stage, data: bytes, rng: random.Random) -> None:
    """Feed, whole or in pieces."""
    while data:
        size = len(data) if rng.random() < 0.5 else rng.randrange(1, 60)
        stage.end.feed(data[:size])
        data = data[size:]


class Conversation:
    """One hostile conversation."""

    def __init__(self, role: Role, phase: Phase, rng: random.Random) -> None:
        self.rng = rng
        self.phase = phase
        self.stage = Stage(role, strict=rng.random() < 0.5)
        self.connection = self.stage.end.connection
        self.deaf = False
        if phase in _OPEN:
            self.stage.to(Phase.AUTHENTICATED)
            self.open()
        if phase is Phase.REKEY_OUR_KEXINIT_SENT:
            self.connection.rekey()
            self.stage.exchange()
        elif phase is not Phase.AUTHENTICATED:
            self.stage.to(phase)
        self.stage.end.answers.update(answers(rng))

    def open(self) -> None:
        """Have a channel open, number 0, as the shapes of the messages suppose."""
        if self.stage.role is Role.SERVER:
            self.stage.end.answers[ChannelOpenQuestion] = OpenAccept(1 << 16, 1 << 15)
            self.stage.send(b"\x5a\0\0\0\x07session" + uint32(RAW_CHANNEL, 1 << 16, 1 << 15))
        else:
            number = self.connection.open_channel("session", b"", 1 << 16, 1 << 15)
            self.stage.exchange()
            self.stage.send(b"\x5b" + uint32(number, RAW_CHANNEL, 1 << 16, 1 << 15))

    def run(self) -> None:
        rng, stage, connection = self.rng, self.stage, self.connection
        for _ in range(rng.choice((1, 3, 12, 40))):
            if connection.closed:
                break
            message = payload(stage, self.phase, rng)
            stage.raw.send(message)
            feed(stage, stage.raw.output(), rng)
            self.listen()
            if message[0] == KexInit.number:
                self.deaf = True  # the raw peer does not know what it said, and cannot make keys
            if connection.authenticated and rng.random() < 0.4:
                command(connection, stage, rng)
                stage.end.pump()
                self.listen()
                if not self.deaf and rng.random() < 0.5:
                    connection.hold_output(False)
                    self.listen()
                    go_on_with_keys(stage, connection)
            check_accounts(connection)
        connection.receive_eof(1.0)
        stage.end.pump()

    def listen(self) -> None:
        """Let the raw peer hear what was said, while it can."""
        if self.deaf:
            self.stage.end.output()
            return
        try:
            self.stage.exchange()
        except (MACError, AssertionError):
            self.deaf = True


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("role", Role)
def test_hostile_conversations(role, phase):
    for seed in range(SEEDS):
        where = f"seed {seed}"
        conversation = Conversation(role, phase, random.Random(f"{role} {phase} {seed}"))
        authenticated = bool(conversation.stage.end.of(AuthSucceeded))
        try:
            conversation.run()
        except Exception as exc:
            raise AssertionError(where) from exc
        end_of(conversation.stage)
        check_accounts(conversation.connection)
        check_events(conversation, authenticated)


def check_events(conversation: Conversation, authenticated: bool) -> None:
    """What the application was told makes sense."""
    events = conversation.stage.end.events
    alive: set[int] = set()
    for event in events:
        match event:
            case AuthSucceeded():
                authenticated = True
            case ChannelOpenQuestion():
                assert authenticated
            case ChannelOpened():
                assert event.channel not in alive
                alive.add(event.channel)
            case ChannelData():
                assert event.data
            case ChannelClosed():
                alive.discard(event.channel)
    assert not alive, "a channel that was opened was never closed"
    assert len(conversation.stage.end.of(AuthSucceeded)) <= 1
