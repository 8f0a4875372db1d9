"""An end under test and a raw peer, brought to a phase by an honest conversation.

Owns: `Stage` and the way to each phase of `tests.security.expectations`. Must not know: what is
tested there.
"""

from __future__ import annotations

from nacre.protocol.settings import Role, Settings
from nacre.wire.auth import PasswordData, UserauthRequest
from tests.pair.ends import HOST_KEY, PASSWORD, Answers, End
from tests.pair.raw import RawPeer
from tests.security.expectations import Phase
from tests.support.protocol import changed

#: The order in which the phases are reached; two of a re-key branch off at the end.
_WAY = (
    Phase.INITIAL_BEFORE_KEXINIT,
    Phase.INITIAL_AFTER_KEXINIT,
    Phase.INITIAL_WAIT_NEWKEYS,
    Phase.AFTER_FIRST_NEWKEYS,
    Phase.WAIT_AUTH,
    Phase.AUTHENTICATED,
    Phase.REKEY_AFTER_PEER_KEXINIT,
    Phase.REKEY_WAIT_NEWKEYS,
)


class Stage:
    """One conversation.

    Args:
        role: of the end under test.
        settings: of the end under test, or None for plain ones.
    """

    def __init__(
        self,
        role: Role,
        *,
        strict: bool = True,
        settings: Settings | None = None,
        answers: Answers | None = None,
        **raw: object,
    ) -> None:
        plain = Settings(username="alice") if role is Role.CLIENT else Settings(host_keys=(HOST_KEY,))
        settings = settings or plain
        # Nothing but what the test does may start a key exchange or end the connection.
        settings = changed(settings, rekey_seconds=0)
        self.role = role
        self.end = End(role, settings, None, answers or {})
        self.raw = RawPeer(role.peer, host_key=HOST_KEY, strict=strict, **raw)
        self.seen: list[bytes] = []
        self.end.connection.start(0.0)
        self.raw.ident()
        self.exchange()

    def exchange(self) -> list[bytes]:
        """Carry bytes both ways until both are silent; returns what the end under test sent."""
        before = len(self.seen)
        while True:
            to_end, to_raw = self.raw.output(), self.end.output()
            if not to_end and not to_raw:
                return self.seen[before:]
            self.end.feed(to_end)
            self.raw.feed(to_raw)
            self.seen += self.raw.take()

    def send(self, payload: bytes) -> list[bytes]:
        """Send a payload; returns what the end under test sent since."""
        self.raw.send(payload)
        return self.exchange()

    def last(self, number: int) -> bytes:
        """The latest message of that number from the end under test."""
        return next(payload for payload in reversed(self.seen) if payload[0] == number)

    # ------------------------------------------------------------ to a phase

    def to(self, phase: Phase) -> Stage:
        """Go to a phase by an honest conversation."""
        if phase is Phase.REKEY_OUR_KEXINIT_SENT:
            self.to(Phase.AUTHENTICATED)
            self.end.connection.rekey()
            self.exchange()
            return self
        for step in _WAY[1 : _WAY.index(phase) + 1]:
            getattr(self, f"_{step.name.lower()}")()
        return self

    def _initial_after_kexinit(self) -> None:
        self.send(self.raw.kexinit())

    def _initial_wait_newkeys(self) -> None:
        self.send(self.next_method())

    def next_method(self) -> bytes:
        """The message of the method that the end under test waits for."""
        return self.raw.method_init() if self.role is Role.SERVER else self.raw.method_reply(self.last(30))

    def _after_first_newkeys(self) -> None:
        self.raw.newkeys()
        self.exchange()

    def _wait_auth(self) -> None:
        self.send(
            b"\x05\0\0\0\x0cssh-userauth" if self.role is Role.SERVER else b"\x06\0\0\0\x0cssh-userauth"
        )

    def _authenticated(self) -> None:
        if self.role is Role.CLIENT:
            self.send(b"\x34")
        else:
            data = PasswordData(change=False, password=PASSWORD).encode()
            self.send(UserauthRequest("alice", "ssh-connection", "password", data).encode())

    def _rekey_after_peer_kexinit(self) -> None:
        self.send(self.raw.kexinit())

    def _rekey_wait_newkeys(self) -> None:
        self.send(self.next_method())
