"""Two protocol ends in memory, and everything a test wants to do with them. No sockets, no clock.

Owns: `Pair`, and the default answers of a well-meaning application. Must not know: asyncio.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from nacre.keys import SSHKey, generate_private_key
from nacre.protocol.connection import Connection
from nacre.protocol.events import (
    AuthBegin,
    AuthNeeded,
    AuthPolicy,
    ChannelOpenQuestion,
    ChannelRequestQuestion,
    Event,
    GlobalRequestQuestion,
    HostKeyQuestion,
    KbdintQuestion,
    KbdintResponses,
    OpenAccept,
    PasswordAttempt,
    PasswordQuestion,
    PowersQuestion,
    PublicKeyQuestion,
    Question,
    Verdict,
)
from nacre.protocol.settings import Role, Settings, Sources

HOST_KEY: SSHKey = generate_private_key("ssh-ed25519")
USER_KEY: SSHKey = generate_private_key("ssh-ed25519")

#: Answers by event class; a callable gets the event.
Answers = dict[type[Event], Any]

PASSWORD = "correct horse"

DEFAULT_ANSWERS: Answers = {
    HostKeyQuestion: Verdict.TRUSTED,
    PowersQuestion: lambda event: tuple(pow(one.base, one.exponent, one.modulus) for one in event.powers),
    AuthBegin: AuthPolicy(required=True, methods=("publickey", "password", "keyboard-interactive")),
    PublicKeyQuestion: True,
    PasswordQuestion: lambda event: event.password == PASSWORD,
    KbdintQuestion: False,
    KbdintResponses: False,
    AuthNeeded: PasswordAttempt(PASSWORD),
    ChannelOpenQuestion: OpenAccept(window=1 << 21, max_packet=1 << 15),
    ChannelRequestQuestion: True,
    GlobalRequestQuestion: False,
}


class End:
    """One protocol end with its events and answers."""

    def __init__(self, role: Role, settings: Settings, sources: Sources | None, answers: Answers) -> None:
        self.connection = Connection(role, settings, sources)
        self.events: list[Event] = []
        self.answers = {**DEFAULT_ANSWERS, **answers}

    def feed(self, data: bytes | memoryview, now: float = 0.0) -> None:
        """Receive `data`, in as many pieces as the buffer lends room for, and act on it."""
        view = memoryview(data)
        while view and self.connection.wants_input:
            room = self.connection.receive_buffer()
            size = min(len(room), len(view))
            room[:size] = view[:size]
            room.release()
            self.connection.received(size, now)
            view = view[size:]
            self.pump()

    def pump(self) -> None:
        """Pull every event, and answer the questions."""
        while (event := self.connection.next_event()) is not None:
            self.events.append(event)
            if isinstance(event, Question):
                answer = self.answers.get(type(event), LATER)
                if callable(answer):
                    answer = answer(event)
                if answer is not LATER:
                    self.connection.answer(event.token, answer)

    def output(self) -> bytes:
        """Take what is to be sent."""
        taken = b"".join(bytes(segment) for segment in self.connection.data_to_send())
        self.pump()
        return taken

    def of(self, kind: type[Event]) -> list[Any]:
        """The events of one class so far."""
        return [event for event in self.events if isinstance(event, kind)]


#: An answer that leaves the question open, for the test to answer.
LATER = object()


class Pair:
    """A client and a server that hear each other."""

    def __init__(
        self,
        *,
        client: Settings | None = None,
        server: Settings | None = None,
        client_answers: Answers | None = None,
        server_answers: Answers | None = None,
    ) -> None:
        client = client or Settings(username="alice")
        server = server or Settings(host_keys=(HOST_KEY,))
        self.client = End(Role.CLIENT, client, None, client_answers or {})
        self.server = End(Role.SERVER, server, None, server_answers or {})
        self.now = 0.0
        self.split: Callable[[bytes], Iterable[bytes]] = lambda data: (data,)

    def start(self) -> Pair:
        """Start both ends and let them talk until nobody has anything to say."""
        self.client.connection.start(self.now)
        self.server.connection.start(self.now)
        return self.run()

    def run(self) -> Pair:
        """Carry bytes both ways until nobody has anything to say."""
        self.client.pump()
        self.server.pump()
        while True:
            up, down = self.client.output(), self.server.output()
            if not up and not down:
                return self
            for piece in self.split(up):
                self.server.feed(piece, self.now)
            for piece in self.split(down):
                self.client.feed(piece, self.now)

    def open(self, kind: str = "session") -> tuple[int, int]:
        """Open a channel; returns its number on the client and on the server."""
        number = self.client.connection.open_channel(kind, b"", 1 << 21, 1 << 15)
        self.run()
        return number, self.server.of(ChannelOpenQuestion)[-1].channel
