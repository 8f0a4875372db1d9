"""Every step of the key exchange methods whose messages are more than two, or mean something else.

Owns: the way to each step, and what may come there. Written from RFC 4253 section 8, RFC 4419 section 3 and
RFC 4462 section 2.1. Must not know: how a number is judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from nacre.crypto.kex.groups import modp
from nacre.crypto.kex.gss import with_mechanism
from nacre.protocol.events import KeysExchanged
from nacre.protocol.settings import Role, Settings
from nacre.protocol.state import Action, judge
from nacre.wire.gss import KexGssContinue, KexGssHostKey, KexGssInit
from nacre.wire.kex import KexDhGexGroup, KexDhGexInit, KexDhGexRequest, KexDhInit, KexInit
from tests.pair.ends import HOST_KEY
from tests.pair.stage import Stage
from tests.security import expectations
from tests.support.gss import ANSWERS, MECHANISM, client_gss, server_gss
from tests.support.protocol import changed

__all__ = ["begun", "only_the_next_message_passes", "say"]

_GROUP14: Final = "diffie-hellman-group14-sha256"
_GROUP_EXCHANGE: Final = "diffie-hellman-group-exchange-sha256"
_GSS: Final = with_mechanism("gss-curve25519-sha256", MECHANISM)
_DISCONNECT, _NEWKEYS = 1, 21
#: Those that have made a difference somewhere: sent to a live end, each to a new one.
_TRIED: Final = (2, 4, 7, 20, 21, 30, 31, 32, 33, 34, 35, 50, 52, 80, 192)


@dataclass(frozen=True)
class _Step:
    """A place in a key exchange.

    Attributes:
        role: of the end under test.
        method: the key exchange.
        said: what the peer has said in it, after KEXINIT.
        next: the numbers that may come now.
        steps: how many the context of the end under test takes.
    """

    role: Role
    method: str
    said: tuple[bytes, ...]
    next: tuple[int, ...]
    steps: int = 3

    def reach(self) -> Stage:
        """Bring a new end there."""
        stage = begun(self.role, self.method, steps=self.steps)
        say(stage, *self.said)
        assert not stage.end.connection.closed, (self, stage.end.events[-1])
        return stage


def begun(role: Role, method: str, *, host_key: str = "ssh-ed25519", steps: int = 3) -> Stage:
    """Bring a new end to where both KEXINITs are out."""
    settings: dict[str, Any] = {"kex_algorithms": (method,)}
    if role is Role.CLIENT:
        settings |= {"username": "alice", "gss": client_gss(steps=steps), "host_key_algorithms": (host_key,)}
    else:
        settings |= {"host_keys": (HOST_KEY,), "gss": server_gss(steps=steps)}
    stage = Stage(role, settings=Settings(**settings), answers=ANSWERS)
    kexinit = KexInit.decode(stage.raw.kexinit(kex=(method,)))
    say(stage, changed(kexinit, server_host_key_algorithms=(host_key,)).encode())
    return stage


def say(stage: Stage, *payloads: bytes) -> bytes:
    """Send, and do not read what comes, which is returned: the raw peer does not know these methods."""
    for payload in payloads:
        stage.raw.send(payload)
    stage.end.feed(stage.raw.output())
    return stage.end.output()


def _steps() -> Iterator[_Step]:
    group = modp(2048)
    share = KexDhInit(1 << 1000).encode()
    sizes, init = KexDhGexRequest(2048, 2048, 8192).encode(), KexDhGexInit(1 << 1000).encode()
    token, shown = KexGssContinue(b"token").encode(), KexGssHostKey(HOST_KEY.public_data).encode()
    begun = KexGssInit(b"token", bytes(range(32))).encode()
    server, client = Role.SERVER, Role.CLIENT
    yield _Step(server, _GROUP14, (), (30,))
    yield _Step(server, _GROUP14, (share,), (_NEWKEYS,))
    yield _Step(client, _GROUP14, (), (31,))
    yield _Step(server, _GROUP_EXCHANGE, (), (34,))
    yield _Step(server, _GROUP_EXCHANGE, (sizes,), (32,))
    yield _Step(server, _GROUP_EXCHANGE, (sizes, init), (_NEWKEYS,))
    yield _Step(client, _GROUP_EXCHANGE, (), (31,))
    yield _Step(client, _GROUP_EXCHANGE, (KexDhGexGroup(group.prime, group.generator).encode(),), (33,))
    yield _Step(server, _GSS, (), (30,))
    yield _Step(server, _GSS, (begun,), (31,))
    yield _Step(server, _GSS, (begun, token, token), (_NEWKEYS,))
    yield _Step(client, _GSS, (), (31, 32, 33, 34))
    yield _Step(client, _GSS, (shown,), (31, 32, 34))
    yield _Step(client, _GSS, (token,), (31, 32, 34))
    yield _Step(client, _GSS, (shown, token), (31, 32, 34))


def only_the_next_message_passes() -> None:
    """At each step, of 256 numbers none passes but DISCONNECT and those that come next."""
    for step in _steps():
        handshake = step.reach().end.connection._handshake
        for number in range(256):
            if number not in (_DISCONNECT, *step.next) and not _told_apart_later(step, number):
                action = judge(
                    number, step.role, handshake._core.phase, handshake.step, strict=True,
                    expected=handshake.expected, ext_info=handshake.ext_info,
                )  # fmt: skip
                assert action is Action.DISCONNECT, (step, number)
        costly = step.method != _GSS and len(step.said) > 0
        for number in _TRIED[4:10] if costly else _TRIED:
            if number not in step.next:
                _refused(step, number)


def _told_apart_later(step: _Step, number: int) -> bool:
    """Whether it is the order within a method that forbids a number, which its own messages have."""
    return step.method == _GSS and step.role is Role.CLIENT and number == 33


def _refused(step: _Step, number: int) -> None:
    stage = step.reach()
    role, phase = expectations.Role(step.role.value), expectations.Phase.INITIAL_AFTER_KEXINIT
    payload = expectations.minimal_payload(role, phase, number, supplied=bytes([number]) + bytes(36))
    say(stage, KexGssHostKey(HOST_KEY.public_data).encode() if number == 33 else payload)
    assert stage.end.connection.closed, (step, number)
    assert not stage.end.of(KeysExchanged), (step, number)
