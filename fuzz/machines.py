"""The state machines: one live protocol end, before and after authentication, both roles.

The bytes of the fuzzer are a play: messages, damaged or not, raw bytes, the time, the application's commands
and answers, each piece read in short reads. Cryptography is replaced by dummies, so that what the fuzzer
writes is what the end reads: packets stay in the clear, every signature that does not begin with "bad" is
right, shares and randomness are constant.

Whatever is played, nothing is raised, nothing is delivered before authentication, the end ends once, and
what it holds is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import nacre
from fuzz.feed import Feed
from nacre.crypto.kex import gss
from nacre.crypto.packet_cipher import NullOpener, NullSealer
from nacre.errors import LocalProtocolError
from nacre.keys import Proof
from nacre.protocol import events, handshake, limits
from nacre.protocol.auth import publickey
from nacre.protocol.connection import Connection
from nacre.protocol.settings import Role, Settings, Sources
from nacre.wire.auth import HostbasedData, PasswordData, UserauthRequest
from nacre.wire.connection import ChannelOpen, ChannelOpenConfirmation
from nacre.wire.fields import encode_string
from nacre.wire.gss import (
    GssMechanisms,
    KexGssComplete,
    KexGssContinue,
    KexGssHostKey,
    KexGssInit,
    UserauthGssapiMic,
    UserauthGssapiResponse,
    UserauthGssapiToken,
)
from nacre.wire.kex import KexEcdhInit, KexEcdhReply, KexInit

HOST_KEY: Final = nacre.generate_private_key("ssh-ed25519")
BLOB: Final = HOST_KEY.public_data
MECHANISM: Final = b"\x06\x03\x2a\x03\x04"
METHODS: Final = ("curve25519-sha256", gss.with_mechanism("gss-curve25519-sha256", MECHANISM))
#: More steps than this are no play but a flood, and those have tests of their own.
STEPS: Final = 200


class DummyExchange:
    """A key exchange without a secret."""

    hash_name = "sha256"

    def client_share(self) -> bytes:
        """Return a share."""
        return b"client"

    def server_respond(self, client_share: bytes) -> tuple[bytes, bytes]:
        """Return a share and the encoded secret."""
        return b"server", encode_string(b"secret")

    def client_finish(self, server_share: bytes) -> bytes:
        """Return the encoded secret."""
        return encode_string(b"secret")


class DummyContext:
    """A context of GSS-API that is complete with the first token that does not begin with "more"."""

    mutual = integrity = True

    def __init__(self) -> None:
        self.complete = False

    def step(self, token: bytes) -> bytes:
        """Take the peer's token."""
        self.complete = not token.startswith(b"more")
        return b"token"

    def sign(self, data: bytes) -> bytes:
        """Return what stands for a signature."""
        return b"mic"

    def verify(self, data: bytes, mic: bytes) -> bool:
        """Return whether a signature is right."""
        return not mic.startswith(b"bad")


class DummyGss:
    """Makes such contexts."""

    mechanism = MECHANISM

    def context(self) -> DummyContext:
        """Return a new one."""
        return DummyContext()


class DummyHostKey:
    """Signs nothing."""

    public_data = BLOB
    sig_algorithms = ("ssh-ed25519",)
    host_key_algorithms = ("ssh-ed25519",)

    def sign(self, data: bytes, sig_algorithm: str) -> bytes:
        """Return what stands for a signature."""
        return b"signature"


class DummyKey:
    """Verifies what does not begin with "bad"."""

    public_data = BLOB
    host_key_algorithms = ("ssh-ed25519",)

    def proof(self, data: bytes, signature: bytes, algorithm: str) -> Proof:
        """Return what the signature proves."""
        return Proof.KEY if self.verify(data, signature, algorithm) else Proof.NOTHING

    def verify(self, data: bytes, signature: bytes, algorithm: str) -> bool:
        """Return whether the signature is right."""
        return not signature.startswith(b"bad")


#: What is replaced, and by what.
DUMMIES: Final[tuple[tuple[Any, str, Any], ...]] = (
    (handshake, "make_opener", lambda *key: NullOpener()),
    (handshake, "make_sealer", lambda *key: NullSealer()),
    (handshake, "derive_all", lambda *parts: [b"key"] * 3),
    (handshake, "decode_shown", lambda algorithm, blob: DummyKey()),
    (publickey, "decode_shown", lambda algorithm, blob: DummyKey()),
    (gss, "make_gss_exchange", lambda name: DummyExchange()),
)


@contextmanager
def _dummies() -> Iterator[None]:
    real = [getattr(module, name) for module, name, _ in DUMMIES]
    for module, name, dummy in DUMMIES:
        setattr(module, name, dummy)
    try:
        yield
    finally:
        for (module, name, _), function in zip(DUMMIES, real, strict=True):
            setattr(module, name, function)


NAMES: Final = {
    "server_host_key_algorithms": ("ssh-ed25519",),
    "encryption_client_to_server": ("aes128-gcm@openssh.com",),
    "encryption_server_to_client": ("aes128-gcm@openssh.com",),
    "mac_client_to_server": (),
    "mac_server_to_client": (),
    "compression_client_to_server": ("none",),
    "compression_server_to_client": ("none",),
    "languages_client_to_server": (),
    "languages_server_to_client": (),
}


def kexinit(*, strict: bool, by_gss: bool = False) -> bytes:
    """Return the peer's KEXINIT."""
    markers = ("ext-info-c", "ext-info-s") + (
        ("kex-strict-c-v00@openssh.com", "kex-strict-s-v00@openssh.com") if strict else ()
    )
    names = {**NAMES, "kex_algorithms": (METHODS[by_gss], *markers)}
    return KexInit(cookie=bytes(16), first_kex_packet_follows=False, reserved=0, **names).encode()  # type: ignore[arg-type]  # the names are all there


def frame(payload: bytes) -> bytes:
    """Return a packet in the clear."""
    padding = 8 - (len(payload) + 5) % 8
    padding += 8 if padding < 4 else 0
    length = 1 + len(payload) + padding
    return length.to_bytes(4, "big") + bytes((padding,)) + payload + bytes(padding)


def _request(method: str, data: bytes) -> bytes:
    return UserauthRequest("alice", "ssh-connection", method, data).encode()


#: What a play may say without having to find it out, by role of the end that hears it.
LINES: Final[dict[Role, tuple[bytes, ...]]] = {
    Role.SERVER: (
        b"",
        KexEcdhInit(b"client").encode(),
        b"\x15",
        b"\x05" + encode_string(b"ssh-userauth"),
        _request("password", PasswordData(change=False, password="x").encode()),
        _request("none", b""),
        ChannelOpen("session", 0, 1 << 20, 1 << 15, b"").encode(),
        KexGssInit(b"token", b"client").encode(),
        KexGssInit(b"more", b"client").encode(),
        KexGssContinue(b"token").encode(),
        _request(
            "hostbased", HostbasedData("ssh-ed25519", BLOB, "h.", "u").encode() + encode_string(b"signature")
        ),
        _request("gssapi-keyex", encode_string(b"mic")),
        _request("gssapi-with-mic", GssMechanisms((MECHANISM,)).encode()),
        UserauthGssapiToken(b"token").encode(),
        UserauthGssapiMic(b"mic").encode(),
    ),
    Role.CLIENT: (
        b"",
        KexEcdhReply(BLOB, b"server", b"signature").encode(),
        b"\x15",
        b"\x06" + encode_string(b"ssh-userauth"),
        b"\x34",
        b"\x33" + encode_string(b"password,publickey,keyboard-interactive") + b"\0",
        ChannelOpenConfirmation(0, 0, 1 << 20, 1 << 15, b"").encode(),
        KexGssHostKey(BLOB).encode(),
        KexGssContinue(b"token").encode(),
        KexGssComplete(b"server", b"mic", False, b"").encode(),
        b"\x33" + encode_string(b"hostbased,gssapi-keyex,gssapi-with-mic") + b"\0",
        UserauthGssapiResponse(MECHANISM).encode(),
        UserauthGssapiToken(b"more").encode(),
    ),
}

LOGINS: Final = (
    "publickey",
    "password",
    "keyboard-interactive",
    "hostbased",
    "gssapi-keyex",
    "gssapi-with-mic",
)
#: What may be answered; what can be called is given the question.
ANSWERS: Final[dict[type[events.Event], tuple[Any, ...]]] = {
    events.HostKeyQuestion: (events.Verdict.TRUSTED, events.Verdict.REFUSED, None),
    events.GssStepNeeded: (
        lambda event: event.context.step(event.received),
        events.GssFailure("no", b"why"),
        None,
    ),
    events.GssPrincipalQuestion: (False, True, events.Partial(("hostbased",))),
    events.HostbasedQuestion: (False, True, events.Partial(("gssapi-keyex",))),
    events.AuthBegin: (
        events.AuthPolicy(True, LOGINS),
        events.AuthPolicy(True),
        events.AuthPolicy(False),
        None,
    ),
    events.PublicKeyQuestion: (False, True, events.Partial(("password",))),
    events.PasswordQuestion: (False, True, events.Partial(("publickey",)), events.PasswordExpired("new?")),
    events.KbdintQuestion: (events.Challenge(prompts=(("?", False),)), False, True, events.Challenge()),
    events.KbdintResponses: (False, True, events.Challenge()),
    events.AuthNeeded: (
        events.PasswordAttempt("x"),
        events.KbdintAttempt(),
        events.PublicKeyAttempt("ssh-ed25519", BLOB),
        events.PublicKeyAttempt("ssh-ed25519", BLOB, query=False),
        None,
        events.HostbasedAttempt("ssh-ed25519", BLOB, "h.", "u"),
        events.GssAttempt("gssapi-keyex"),
        events.GssAttempt("gssapi-with-mic"),
    ),
    events.SignatureNeeded: (b"signature", None),
    events.PasswordChangeQuestion: (("old", "new"), None),
    events.KbdintChallenge: (("a",), (), None),
    events.ChannelOpenQuestion: (events.OpenAccept(1 << 16, 1 << 15), events.OpenRefuse(1, "no")),
    events.ChannelRequestQuestion: (True, False),
    events.GlobalRequestQuestion: (False, True, b"data"),
}
#: What may only happen once somebody is logged in.
AFTER_LOGIN: Final = (
    events.ChannelData,
    events.ChannelOpenQuestion,
    events.ChannelRequestQuestion,
    events.GlobalRequestQuestion,
    events.ChannelOpened,
)


class Play:
    """One end, and what is played to it.

    Args:
        role: of the end.
        feed: the choices.
    """

    def __init__(self, role: Role, feed: Feed) -> None:
        settings = Settings(
            username="alice" if role is Role.CLIENT else "",
            host_keys=(DummyHostKey(),),
            kex_algorithms=METHODS,
            gss=DummyGss(),
        )
        self.role = role
        self.feed = feed
        self.end = Connection(role, settings, Sources(random=bytes, exchange=lambda name: DummyExchange()))
        self.now = 0.0
        self.step = 1 << 16
        self.open: list[Any] = []
        self.honest = True
        self.logged_in = False
        self.ended = 0
        self.channels: list[int] = []
        self.end.start(0.0)

    # ------------------------------------------------------------ the way in

    def to(self, depth: int, *, strict: bool) -> None:
        """Bring the end to a phase by an honest conversation."""
        lines = LINES[self.role]
        way = [b"SSH-2.0-peer\r\n", frame(kexinit(strict=strict)), *(frame(line) for line in lines[1:5])]
        for piece in way[:depth]:
            self.hear(piece)
        if depth > len(way):
            assert self.end.authenticated
            if self.role is Role.CLIENT:
                self.channels.append(self.end.open_channel("session", b"", 1 << 20, 1 << 15))
            self.hear(frame(lines[6]))
        self.honest = False

    def hear(self, data: bytes) -> None:
        """Have the end receive bytes, in short reads."""
        view = memoryview(data)
        while view and self.end.wants_input:
            room = self.end.receive_buffer()
            size = min(len(room), len(view), self.step)
            room[:size] = view[:size]
            room.release()
            self.end.received(size, self.now)
            view = view[size:]
            self.pull()

    def pull(self) -> None:
        """Take every event."""
        while (event := self.end.next_event()) is not None:
            if isinstance(event, events.AuthSucceeded):
                self.logged_in = True
            elif isinstance(event, events.Disconnected):
                self.ended += 1
            assert self.logged_in or not isinstance(event, AFTER_LOGIN)
            if isinstance(event, events.Question):
                if self.honest:
                    wanted = ANSWERS[type(event)]
                    self.end.answer(event.token, wanted[type(event) is events.PasswordQuestion])
                else:
                    self.open.append(event)
            if isinstance(event, events.ChannelOpenQuestion):
                self.channels.append(event.channel)

    # ------------------------------------------------------------ what is played

    def play(self) -> None:
        """Play all that the feed has."""
        self.step = 1 + (self.feed.byte() or 1 << 16)
        steps = 0
        while self.feed and steps < STEPS:
            steps += 1
            DOINGS[self.feed.byte() % len(DOINGS)](self)
            self.pull()
            assert self.end.info is not None
        self.end.receive_eof(self.now)
        self.pull()
        self.end.data_to_send()
        self.pull()
        if self.end.wants_input and not self.open:
            raise AssertionError("the end of the transport did not end the connection")
        assert self.ended == int(self.end.closed)

    def message(self) -> None:
        """Any message."""
        self.hear(frame(self.feed.block()))

    def line(self) -> None:
        """A message that may fit."""
        lines = LINES[self.role]
        chosen = self.feed.pick(lines)
        how = 0 if chosen else self.feed.byte()
        self.hear(frame(chosen or kexinit(strict=bool(how & 1), by_gss=bool(how & 2))))

    def raw(self) -> None:
        """Any bytes."""
        self.hear(self.feed.block())

    def answer(self) -> None:
        """Answer a question that is open, the first or another one."""
        if self.open:
            event = self.open.pop(self.feed.byte() % len(self.open))
            value = self.feed.pick(ANSWERS[type(event)])
            self.end.answer(event.token, value(event) if callable(value) else value)

    def time(self) -> None:
        """Let time pass."""
        self.now += self.feed.byte()
        self.end.tick(self.now)

    def write(self) -> None:
        """Take what is to be sent; it is bounded."""
        taken = sum(len(segment) for segment in self.end.data_to_send())
        assert taken <= limits.OUTPUT_CEILING + limits.HELD_BYTES + limits.PACKET

    def hold(self) -> None:
        """The transport is full, or has room."""
        self.end.hold_output(bool(self.feed.byte() & 1))

    def command(self) -> None:
        """The application does something, which may be a misuse."""
        channel = self.feed.pick(self.channels) if self.channels else self.feed.byte()
        commands: tuple[Callable[[], object], ...] = (
            lambda: self.end.channel_write(channel, self.feed.take(self.feed.byte())),
            lambda: self.end.channel_eof(channel),
            lambda: self.end.channel_close(channel),
            lambda: self.end.consumed(channel, self.feed.byte()),
            lambda: self.end.channel_request(channel, "exit-status", bytes(4), bool(self.feed.byte() & 1)),
            lambda: self.end.global_request("keepalive@openssh.com", b"", True),
            lambda: self.channels.append(self.end.open_channel("session", b"", 1 << 16, 1 << 15)),
            self.end.rekey,
            lambda: self.end.send_debug("debug"),
            lambda: self.end.disconnect(self.feed.byte(), "over"),
            lambda: self.end.channel_write(channel, bytes(100_000)),
        )
        try:
            self.feed.pick(commands)()
        except LocalProtocolError:
            pass


DOINGS: Final = (
    Play.message,
    Play.line,
    Play.message,
    Play.answer,
    Play.raw,
    Play.answer,
    Play.time,
    Play.write,
    Play.hold,
    Play.command,
    Play.line,
    Play.command,
)


def _run(role: Role, data: bytes, depths: range) -> None:
    with _dummies():
        feed = Feed(data)
        play = Play(role, feed)
        how = feed.byte()
        play.to(feed.pick(depths), strict=bool(how & 1))
        play.play()


def server_before(data: bytes) -> None:
    """The server, before authentication."""
    _run(Role.SERVER, data, range(6))


def client_before(data: bytes) -> None:
    """The client, before authentication."""
    _run(Role.CLIENT, data, range(6))


def server_after(data: bytes) -> None:
    """The server, after authentication."""
    _run(Role.SERVER, data, range(6, 8))


def client_after(data: bytes) -> None:
    """The client, after authentication."""
    _run(Role.CLIENT, data, range(6, 8))
