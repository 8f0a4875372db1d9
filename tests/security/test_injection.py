"""Cryptography that raises or lies: whatever it is, nothing counts as verified.

One end of a session is the victim. Every call that it makes from the files of cryptography, keys and key
exchange is found by a first run, and raises in one of the next; `MemoryError` as well, which nothing foresees.
"""

from __future__ import annotations

import gc
import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any
from unittest import mock

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag

import nacre
from nacre.crypto.ciphers import ctr
from nacre.crypto.kex.gss import with_mechanism
from nacre.errors import MACError
from nacre.keys.ed25519 import Ed25519Key
from nacre.protocol.events import (
    AuthBegin,
    AuthNeeded,
    AuthPolicy,
    AuthSucceeded,
    ChannelData,
    ChannelOpened,
    Disconnected,
    GssAttempt,
    HostbasedAttempt,
    HostbasedQuestion,
    PublicKeyAttempt,
    SignatureNeeded,
)
from nacre.protocol.settings import Role, Settings
from tests.pair.ends import HOST_KEY, USER_KEY, End
from tests.support.gss import ANSWERS as GSS_ANSWERS
from tests.support.gss import MECHANISM, client_gss, server_gss

ROLES = list(Role)
SOURCES = Path(nacre.__file__).parent
#: Where calls of cryptography are made from.
PLACES = ("crypto", "keys", "protocol/handshake.py", "protocol/auth/publickey.py")
#: The same of what few sessions use; of a session that does, these alone.
RARE = ("crypto/kex/gss.py", "protocol/gss_kex.py", "protocol/auth/gssapi.py", "protocol/auth/hostbased.py")
FROM = tuple(str(SOURCES / place) for place in (*PLACES, *RARE))
#: What a client tries, by the method.
ATTEMPTS = {
    "publickey": PublicKeyAttempt("ssh-ed25519", USER_KEY.public_data),
    "hostbased": HostbasedAttempt("ssh-ed25519", USER_KEY.public_data, "h.", "root"),
}
SMALL: dict[str, Any] = {"kex_algorithms": ("curve25519-sha256",)}
SUITES = (
    ("aes128-gcm@openssh.com", "hmac-sha2-256"),
    ("chacha20-poly1305@openssh.com", "hmac-sha2-256"),
    ("aes128-ctr", "hmac-sha2-256-etm@openssh.com"),
    ("aes128-ctr", "hmac-sha2-256"),
)

#: A place that calls: the code, its line, and what is called.
Site = tuple[CodeType, int, str]


class Injected(Exception):
    """So that nothing else can be taken for it."""


def _start(end: End) -> None:
    end.connection.start(0.0)


class Victim:
    """A client or a server in a session with another end that is sound.

    Args:
        role: of the victim.
        suite: cipher and MAC.
        login: the method; those of GSS-API come with a key exchange of it.
    """

    def __init__(self, role: Role, suite: tuple[str, str], login: str = "publickey") -> None:
        cipher, mac = suite
        settings = {"ciphers": (cipher,), "macs": (mac,), **SMALL}
        of_gss = login.startswith("gssapi")
        if of_gss:
            settings["kex_algorithms"] = (with_mechanism("gss-curve25519-sha256", MECHANISM),)
        attempts = iter([ATTEMPTS.get(login, GssAttempt(login))])
        client = {
            **GSS_ANSWERS,
            AuthNeeded: lambda event: next(attempts, None),
            SignatureNeeded: lambda event: USER_KEY.sign(event.data, "ssh-ed25519"),
        }
        server = {
            **GSS_ANSWERS,
            AuthBegin: AuthPolicy(required=True, methods=(login,)),
            HostbasedQuestion: True,
        }
        ours, theirs = (client_gss(), server_gss()) if of_gss else (None, None)
        self.ends = {
            Role.CLIENT: End(Role.CLIENT, Settings(username="alice", gss=ours, **settings), None, client),
            Role.SERVER: End(
                Role.SERVER, Settings(host_keys=(HOST_KEY,), gss=theirs, **settings), None, server
            ),
        }
        self.role = role
        self.end, self.other = self.ends[role], self.ends[role.peer]
        self.error: BaseException | None = None
        self._opened = self._said = False

    def run(self, around: Callable[[], AbstractContextManager[Any]]) -> None:
        """Run the session; `around` makes what encloses whatever the victim does."""
        for end in self.ends.values():
            self._act(around, end, _start)
        while True:
            said = {role: self._act(around, end, self._speak) for role, end in self.ends.items()}
            if not any(said.values()):
                return
            for role, heard in said.items():
                self._act(around, self.ends[role.peer], End.feed, heard or b"")

    def _act(
        self,
        around: Callable[[], AbstractContextManager[Any]],
        end: End,
        act: Callable[..., Any],
        *given: bytes,
    ) -> Any:
        if end is not self.end:
            return act(end, *given)
        try:
            with around():
                return act(end, *given)
        except Exception as error:  # of the victim's own: its driver would give up
            self.error = error

    def _speak(self, end: End) -> bytes:
        """Open a channel once logged in, say something on it, and take what is to be sent."""
        end.pump()
        connection = end.connection
        if end is self.ends[Role.CLIENT] and connection.authenticated:
            if not self._opened:
                self._opened = True
                connection.open_channel("session", b"", 1 << 20, 1 << 15)
            elif not self._said and (channels := end.of(ChannelOpened)):
                self._said = True
                connection.channel_write(channels[0].channel, b"something")
        return end.output()


@cache
def _is_ours(filename: str) -> bool:
    return filename.startswith(FROM)


class Calls:
    """A profiler that sees every call from `FROM`, and can raise at one of them."""

    def __init__(
        self, raise_at: tuple[Site, int] | None = None, error: type[BaseException] = Injected
    ) -> None:
        self.seen: dict[Site, int] = {}
        self._raise_at = raise_at
        self._error = error
        self.raised = False

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call":
            caller = frame
        elif event == "call" and frame.f_back is not None:
            caller = frame.f_back
        else:
            return
        if not _is_ours(
            caller.f_code.co_filename
        ):  # as nearly all: what is called is asked of the others alone
            return
        called = (
            getattr(argument, "__qualname__", str(argument)) if caller is frame else frame.f_code.co_qualname
        )
        site = (caller.f_code, caller.f_lineno, called)
        self.seen[site] = self.seen.get(site, 0) + 1
        if self._raise_at == (site, self.seen[site]) and not self.raised:
            self.raised = True
            raise self._error

    @contextmanager
    def watching(self) -> Iterator[None]:
        if self.raised:  # there is nothing more to see
            yield
            return
        # A collection of garbage calls whoever asked to be told of it, in the midst of anything.
        gc.disable()
        sys.setprofile(self)
        try:
            yield
        finally:
            sys.setprofile(None)
            gc.enable()


@cache
def sites(role: Role, suite: tuple[str, str], login: str = "publickey") -> dict[Site, int]:
    """Every place that calls in a whole session, and how often."""
    Victim(role, suite, login).run(nullcontext)  # what is done once in a process is done here
    calls = Calls()
    victim = Victim(role, suite, login)
    victim.run(calls.watching)
    assert victim.error is None
    assert victim.ends[Role.CLIENT].of(AuthSucceeded)
    assert victim.ends[Role.SERVER].of(ChannelData)
    return calls.seen


ERRORS = (MemoryError, ValueError, InvalidSignature, InvalidTag, AttributeError)


@pytest.mark.parametrize("suite", SUITES, ids=" ".join)
@pytest.mark.parametrize("role", ROLES)
def test_every_call_that_raises(role: Role, suite: tuple[str, str]) -> None:
    found = sites(role, suite)
    assert len(found) > 40
    for number, (site, times) in enumerate(found.items()):
        if suite != SUITES[0] and "ciphers" not in site[0].co_filename and "mac" not in site[0].co_filename:
            continue  # the same for every cipher
        for occurrence in {1, times}:
            for error in (MemoryError, ERRORS[1 + number % 4]):
                calls = Calls((site, occurrence), error)
                victim = Victim(role, suite)
                victim.run(calls.watching)
                where = f"{site[0].co_qualname}:{site[1]} calls {site[2]}, {error.__name__} at {occurrence}"
                assert calls.raised, where
                judge(victim, where)


@pytest.mark.parametrize("login", ["hostbased", "gssapi-keyex", "gssapi-with-mic"])
@pytest.mark.parametrize("role", ROLES)
def test_every_call_of_the_rarer_logins_that_raises(role: Role, login: str) -> None:
    rare = tuple(str(SOURCES / place) for place in RARE)
    found = {
        site: times
        for site, times in sites(role, SUITES[0], login).items()
        if site[0].co_filename.startswith(rare)
    }
    assert len(found) > 5
    for number, (site, times) in enumerate(found.items()):
        for occurrence in {1, times}:
            error = (MemoryError, *ERRORS)[number % 6]
            calls = Calls((site, occurrence), error)
            victim = Victim(role, SUITES[0], login)
            victim.run(calls.watching)
            where = f"{site[0].co_qualname}:{site[1]} calls {site[2]}, {error.__name__} at {occurrence}"
            assert calls.raised, where
            judge(victim, where)


def judge(victim: Victim, where: str) -> None:
    """The victim has ended, or has refused the other: it never went on as if nothing had been."""
    end = victim.end
    end.pump()
    if end.connection.closed:
        assert len(end.of(Disconnected)) == 1, where
        assert end.events[-1] is end.of(Disconnected)[0], where
        assert victim.error is None or end.events[-1].error is not None, where
    else:
        assert not end.of(AuthSucceeded), where
    assert not victim.ends[Role.SERVER].of(ChannelData), where


# ---------------------------------------------------------------- lies


#: What stands for "verified" in nobody's eyes but those of a careless `if`.
TRUTHY = (1, "yes", b"\1", [0], object(), NotImplemented, b"", None, 0)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "value", TRUTHY, ids=[f"{at}-{type(value).__name__}" for at, value in enumerate(TRUTHY)]
)
def test_a_verification_that_returns_anything_but_true(role: Role, value: object) -> None:
    names = (
        # what each of them asks
        "nacre.keys.ed25519.Ed25519Key.proof" if role is Role.SERVER else "nacre.keys.base.SSHKey.verify",
        "nacre.keys.ed25519.Ed25519Key._verify",
    )
    for name in names:
        if name.endswith("_verify") and value is not None:
            continue  # whose result `proof` makes a bool of: what it takes for true is true
        victim = Victim(role, SUITES[0])
        victim.run(lambda name=name: mock.patch(name, mock.Mock(return_value=value)))
        judge(victim, name)
        assert not victim.end.of(AuthSucceeded)


#: What lies, and what it says: at one end, so that the other can notice.
LIES: dict[str, Callable[..., object]] = {
    "nacre.protocol.handshake.derive_all": lambda *rest: [bytes(size) for _, size in rest[3]],
    "nacre.crypto.kex.curve25519.X25519Share.agree": lambda *rest: bytes(range(32)),
    "nacre.crypto.kex.ecdh._encode": lambda *rest: b"\0\0\0\1\1",
    "nacre.keys.ed25519.Ed25519Key._sign": lambda *rest: bytes(64),
    "nacre.keys.ed25519.Ed25519Key.sign": lambda *rest: b"",
    "nacre.crypto.ciphers.gcm.GcmSealer.seal": lambda sealer, scratch, size, room, *rest: size + 16,
    "nacre.protocol.handshake.new_hash": lambda *rest: hashlib.sha256(b"a hash that takes what it is given"),
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", LIES)
def test_a_lie_of_one_end_gets_nobody_in(role: Role, name: str) -> None:
    victim = Victim(role, SUITES[0])
    victim.run(lambda: mock.patch(name, LIES[name]))
    called_for_nothing = role is Role.CLIENT and name.startswith(
        "nacre.keys"
    )  # its key signs: the server says no
    assert not victim.ends[Role.SERVER].of(AuthSucceeded), name
    assert not victim.ends[Role.CLIENT].of(AuthSucceeded), name
    assert not victim.ends[Role.SERVER].of(ChannelData), name
    if not called_for_nothing:
        assert victim.end.connection.closed or victim.other.connection.closed, name


@pytest.mark.parametrize("suite", SUITES[2:], ids=" ".join)
@pytest.mark.parametrize("value", [None, 0, b"", False], ids=repr)
def test_a_comparison_of_macs_that_returns_what_is_no_yes(suite: tuple[str, str], value: object) -> None:
    for role in ROLES:
        victim = Victim(role, suite)
        victim.run(lambda: mock.patch.object(ctr, "equal", mock.Mock(return_value=value)))
        assert isinstance(victim.end.of(Disconnected)[0].error, MACError)
        judge(victim, repr(value))


@pytest.mark.parametrize("role", ROLES)
def test_a_signature_of_the_host_is_looked_at_before_it_is_sent(role: Role) -> None:
    """With RSA, a faulty one gives the key away: row 24. With all, the other end has the last word."""
    victim = Victim(role, SUITES[0])
    real = Ed25519Key._sign
    victim.run(
        lambda: mock.patch.object(Ed25519Key, "_sign", lambda *rest: bytes(a ^ 1 for a in real(*rest)))
    )
    assert not victim.other.of(AuthSucceeded)
    assert not victim.end.of(AuthSucceeded)
