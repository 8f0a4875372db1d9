"""What tests say to an end under test again and again: an open session, a re-key, why it ended.

Owns: these helpers over `tests.pair.stage`. Must not know: what is tested.
"""

from __future__ import annotations

from nacre.protocol.events import ChannelOpened, ChannelOpenQuestion, Disconnected
from nacre.protocol.settings import Role
from tests.pair.damage import string, uint32
from tests.pair.stage import Stage

#: The raw peer's number for its first channel; unlike any number that the end under test gives out.
RAW_CHANNEL = 40


def opened(stage: Stage, *, window: int = 1 << 20, max_packet: int = 1 << 15, raw: int = RAW_CHANNEL) -> int:
    """Open a session from the client's side; returns the number on the end under test."""
    if stage.role is Role.SERVER:
        stage.send(b"\x5a" + string(b"session") + uint32(raw, window, max_packet))
        return stage.end.of(ChannelOpenQuestion)[-1].channel
    number = stage.end.connection.open_channel("session", b"", 1 << 21, 1 << 15)
    stage.exchange()
    stage.send(b"\x5b" + uint32(number, raw, window, max_packet))
    assert stage.end.of(ChannelOpened)[-1].channel == number
    return number


def lent(stage: Stage) -> int:
    """The window that the end under test gave to the raw peer for its latest channel."""
    message = stage.last(91 if stage.role is Role.SERVER else 90)
    at = 9 if stage.role is Role.SERVER else 1 + 4 + len(b"session") + 4
    return int.from_bytes(message[at : at + 4], "big")


def data(number: int, content: bytes) -> bytes:
    """CHANNEL_DATA."""
    return b"\x5e" + uint32(number) + string(content)


def extended(number: int, content: bytes, datatype: int = 1) -> bytes:
    """CHANNEL_EXTENDED_DATA."""
    return b"\x5f" + uint32(number, datatype) + string(content)


def request(number: int, name: bytes, content: bytes = b"", *, reply: bool = True) -> bytes:
    """CHANNEL_REQUEST."""
    return b"\x62" + uint32(number) + string(name) + (b"\1" if reply else b"\0") + content


def rekeyed(stage: Stage, **kexinit: object) -> list[bytes]:
    """Have the raw peer ask for new keys, and go through with it."""
    sent = stage.send(stage.raw.kexinit(**kexinit))
    return sent + finished(stage)


def finished(stage: Stage) -> list[bytes]:
    """Go through with a re-key of which both KEXINITs are out."""
    sent = stage.send(stage.next_method())
    stage.raw.newkeys()
    return sent + stage.exchange()


def end_of(stage: Stage) -> Disconnected:
    """The end of the connection, which must have come once and last."""
    found = stage.end.of(Disconnected)
    assert len(found) == 1, f"{len(found)} ends"
    assert stage.end.events[-1] is found[0]
    return found[0]


def reason(stage: Stage) -> int:
    """The code of the SSH_MSG_DISCONNECT that the end under test sent, as its last message."""
    end_of(stage)
    assert stage.seen[-1][0] == 1, f"message {stage.seen[-1][0]} came last"
    return int.from_bytes(stage.seen[-1][1:5], "big")


def numbers(sent: list[bytes]) -> list[int]:
    """The message numbers."""
    return [payload[0] for payload in sent]
