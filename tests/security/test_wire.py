"""What happens to a connection whose bytes are altered or cut on the way: it ends, and nothing else.

Bits are flipped in the packet layer with every cipher and MAC, and on live ends for a part of them. A whole
session, recorded, is cut at every byte of each direction.
"""

from __future__ import annotations

import random
from functools import cache

import pytest

from nacre.crypto import make_exchange, make_opener, make_sealer
from nacre.crypto.registry import Family, lookup, names
from nacre.errors import MACError, ProtocolError
from nacre.protocol import limits
from nacre.protocol.events import (
    AuthSucceeded,
    ChannelClosed,
    ChannelData,
    ChannelOpened,
    ChannelOpenFailed,
    ChannelOpenQuestion,
    Disconnected,
    Event,
    Question,
)
from nacre.protocol.inbound import Inbound
from nacre.protocol.outbound import Outbound
from nacre.protocol.settings import Role, Settings, Sources
from nacre.wire.requests import ExecRequest, ExitStatus
from tests.pair.damage import string, uint32
from tests.pair.ends import HOST_KEY, End
from tests.pair.stage import Stage
from tests.pair.talk import data, opened
from tests.security.expectations import Phase
from tests.support.protocol import changed

SUITES = [
    (cipher, mac)
    for cipher in names(Family.CIPHER)
    for mac in ([""] if lookup(Family.CIPHER, cipher).authenticates else names(Family.MAC))
]
#: What comes first after NEWKEYS: EXT_INFO, SERVICE_REQUEST, USERAUTH_REQUEST; the bits of all count.
FIRST = (
    b"\x07" + uint32(1) + string(b"ping@openssh.com") + string(b"0"),
    b"\x05" + string(b"ssh-userauth"),
    b"\x32" + string(b"alice") + string(b"ssh-connection") + string(b"none"),
)


def _keys(suite: tuple[str, str]) -> tuple[bytes, bytes, bytes]:
    cipher, mac = suite
    algorithm = lookup(Family.CIPHER, cipher)
    mac_size = lookup(Family.MAC, mac).key_size if mac else 0
    chance = random.Random(1)
    return (
        chance.randbytes(algorithm.key_size),
        chance.randbytes(algorithm.iv_size),
        chance.randbytes(mac_size),
    )


class Wire:
    """One direction under one key, sealed once and opened as often as it takes."""

    def __init__(self, suite: tuple[str, str], payloads: tuple[bytes, ...]) -> None:
        self.payloads = payloads
        self._keyed = (*suite, *_keys(suite))
        outbound = Outbound(lambda size: b"\x5a" * size)
        outbound.activate(make_sealer(*self._keyed), reset_sequence=True)
        self.ends: list[int] = []
        sent = b""
        for payload in payloads:
            outbound.send_now(payload)
            sent += b"".join(bytes(segment) for segment in outbound.take())
            self.ends.append(len(sent))
        self.sent = sent

    def opened(self, received: bytes | bytearray) -> tuple[list[bytes], Exception | None]:
        """Return the payloads that come out, and what ended it; None: more is waited for."""
        inbound = Inbound()
        inbound.activate(make_opener(*self._keyed), reset_sequence=True)
        found: list[bytes] = []
        try:
            view = memoryview(received)
            while view:
                room = inbound.receive_buffer()
                size = min(len(room), len(view))
                room[:size] = view[:size]
                room.release()
                inbound.received(size)
                view = view[size:]
                while (size := inbound.next_payload()) >= 0:
                    found.append(bytes(inbound.scratch[1 : 1 + size]))
        except (MACError, ProtocolError) as error:
            return found, error
        return found, None


def flipped(sent: bytes, bit: int) -> bytearray:
    """The same bytes with one bit the other way."""
    altered = bytearray(sent)
    altered[bit // 8] ^= 1 << bit % 8
    return altered


def expect_refused(wire: Wire, bit: int) -> None:
    """Nothing comes out but what was there before the altered packet."""
    found, error = wire.opened(flipped(wire.sent, bit))
    whole = sum(end * 8 <= bit for end in wire.ends)
    assert found == list(wire.payloads[:whole]), f"bit {bit}: {found[whole:]}"
    start = wire.ends[whole - 1] if whole else 0
    # An altered length may stay within the bounds: then more is waited for, and what comes ends it.
    assert error is not None or bit // 8 - start < 4, f"bit {bit} is waited for"


@pytest.mark.parametrize("suite", SUITES, ids=" ".join)
def test_every_bit_of_the_first_three_packets(suite: tuple[str, str]) -> None:
    wire = Wire(suite, FIRST)
    assert wire.opened(wire.sent) == (list(FIRST), None)
    for bit in range(len(wire.sent) * 8):
        expect_refused(wire, bit)


@pytest.mark.parametrize("suite", SUITES, ids=" ".join)
def test_a_thousand_random_bits_later(suite: tuple[str, str]) -> None:
    chance = random.Random(" ".join(suite))
    wire = Wire(suite, tuple(data(0, chance.randbytes(chance.randrange(1, 400))) for _ in range(6)))
    for _ in range(1000):
        expect_refused(wire, chance.randrange(len(wire.sent) * 8))


@pytest.mark.parametrize("suite", SUITES, ids=" ".join)
def test_a_live_end_ends_and_delivers_nothing(suite: tuple[str, str]) -> None:
    cipher, mac = suite
    chance = random.Random(" ".join(suite))
    raw = {"cipher": cipher, **({"mac": mac} if mac else {})}
    for role in Role:
        settings = Settings(username="alice") if role is Role.CLIENT else Settings(host_keys=(HOST_KEY,))
        settings = changed(settings, ciphers=(cipher,), macs=(mac or "hmac-sha2-256",))
        for part in (0, 1, 2):  # length, content, tag
            stage = Stage(role, settings=settings, **raw).to(Phase.AUTHENTICATED)
            number = opened(stage)
            stage.raw.send(data(number, b"never to be seen" * 4))
            sent = stage.raw.output()
            start = (0, 4, len(sent) - 8)[part]
            stage.end.feed(flipped(sent, chance.randrange(8 * start, 8 * min(start + 8, len(sent)))))
            # If the length was altered, more is waited for: never more than one packet may have.
            filler = chance.randbytes(limits.READ)
            for _ in range(limits.PACKET // limits.READ + 2):
                stage.end.feed(filler)
            assert stage.end.connection.closed
            assert len(stage.end.of(Disconnected)) == 1
            assert not stage.end.of(ChannelData)


# ---------------------------------------------------------------- cut at every byte


#: Little to say, so that there are few bytes to cut at.
_SMALL = {
    "kex_algorithms": ("curve25519-sha256",),
    "ciphers": ("aes128-gcm@openssh.com",),
    "macs": ("hmac-sha2-256",),
    "signature_algorithms": ("ssh-ed25519",),
    "software_version": "x",
}
SETTINGS = {
    Role.CLIENT: Settings(username="alice", host_key_algorithms=("ssh-ed25519",), **_SMALL),
    Role.SERVER: Settings(host_keys=(HOST_KEY,), **_SMALL),
}
SAID = {Role.CLIENT: b"to the client", Role.SERVER: b"to the server"}


class Session(End):
    """An end of a session in which each does the same things at the same events, with the same numbers."""

    def __init__(self, role: Role) -> None:
        self.role = role
        shares = random.Random(f"shares of the {role.value}")
        sources = Sources(
            random=random.Random(role.value).randbytes,
            exchange=lambda name: make_exchange(name, shares.randbytes),
        )
        super().__init__(role, SETTINGS[role], sources, {})
        self.connection.start(0.0)

    def pump(self) -> None:
        """Pull every event, answer the questions, and do what an application does at what has happened."""
        while (event := self.connection.next_event()) is not None:
            self.events.append(event)
            if isinstance(event, Question):
                answer = self.answers[type(event)]
                self.connection.answer(event.token, answer(event) if callable(answer) else answer)
            self._act(event)

    def _act(self, event: Event) -> None:
        connection = self.connection
        match event:
            case AuthSucceeded() if self.role is Role.CLIENT:
                connection.open_channel("session", b"", 1 << 20, 1 << 15)
            case ChannelOpened():
                connection.channel_request(event.channel, "exec", ExecRequest(b"x").encode(), True)
                connection.channel_write(event.channel, SAID[Role.SERVER])
                connection.channel_eof(event.channel)
            case ChannelData() if self.role is Role.SERVER:
                connection.channel_write(event.channel, SAID[Role.CLIENT])
                connection.channel_request(event.channel, "exit-status", ExitStatus(0).encode(), False)
                connection.channel_close(event.channel)
            case ChannelClosed() if self.role is Role.CLIENT and not connection.closed:
                connection.disconnect(11, "bye")

    def end_of_input(self) -> None:
        """The transport ends."""
        self.connection.receive_eof(0.0)
        self.pump()


@cache
def recorded() -> dict[Role, bytes]:
    """What each end hears in a whole session."""
    ends = {role: Session(role) for role in Role}
    heard = dict.fromkeys(Role, b"")
    while True:
        said = {role: end.output() for role, end in ends.items()}
        if not any(said.values()):
            break
        for role, spoken in said.items():
            heard[role.peer] += spoken
            ends[role.peer].feed(spoken)
    for role, end in ends.items():
        assert end.connection.closed
        assert [event.data for event in end.of(ChannelData)] == [SAID[role]]
    return heard


@pytest.mark.parametrize("role", list(Role))
def test_a_recorded_session_can_be_heard_again(role: Role) -> None:
    end = Session(role)
    end.feed(recorded()[role])
    assert [event.data for event in end.of(ChannelData)] == [SAID[role]]
    assert end.connection.closed


@pytest.mark.parametrize("role", list(Role))
def test_a_session_that_is_cut_at_any_byte_ends_once(role: Role) -> None:
    heard = recorded()[role]
    assert len(heard) > 800
    for cut in range(len(heard)):
        end = Session(role)
        end.feed(heard[:cut])
        connection = end.connection
        was_closed = connection.closed
        end.end_of_input()
        assert connection.closed, cut
        assert [end.events[-1]] == end.of(Disconnected), cut
        assert was_closed or end.events[-1].error is not None, cut
        assert SAID[role].startswith(b"".join(event.data for event in end.of(ChannelData)))
        begun = len(end.of(AuthSucceeded if role is Role.CLIENT else ChannelOpenQuestion))
        assert len(end.of(ChannelClosed)) + len(end.of(ChannelOpenFailed)) == begun, cut
        assert connection.next_event() is None
        assert connection.next_deadline() is None
