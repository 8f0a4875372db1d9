"""Whether a user exists cannot be seen: the same calls are made, and the same bytes are sent.

Every call of a function of nacre or of a library below it is written down while a request is answered, for a
user who exists and for one who does not; not a clock, which tells of the machine. The samples against the
clock are a benchmark.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import nacre
from nacre import gss
from nacre.hub.invites import INVITE_PREFIX
from nacre.hub.login import LoginBook
from nacre.hub.paths import prepare
from nacre.hub.state import State
from nacre.options import SSHServerConnectionOptions
from nacre.protocol import events
from nacre.protocol.settings import Role
from nacre.server_auth import ServerAuthenticator
from nacre.wire.auth import HOSTBOUND
from tests.pair.damage import string, uint32, userauth
from tests.pair.ends import HOST_KEY
from tests.pair.stage import Stage
from tests.security import hostile
from tests.security.expectations import Phase
from tests.security.restricted import now
from tests.support.visits import FakeConnection

SOURCES = str(Path(nacre.__file__).parent)
USER, NOBODY = "alice", "bobby"  # of one length, which may show
EVERYBODY = (USER, NOBODY, "carol", "root1")
SECRET = "correct horse"
CA, OTHER_CA = (nacre.generate_private_key("ssh-ed25519") for _ in range(2))
LOGGER = logging.LoggerAdapter(logging.getLogger("nacre.test"), {})


class Program(nacre.SSHServer):
    """Knows one user, whose password and key it compares for everybody."""

    def password_auth_supported(self) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def change_password(self, username: str, old_password: str, new_password: str) -> bool:
        return (username == USER) & (old_password == SECRET)

    def validate_password(self, username: str, password: str) -> bool:
        return (username == USER) & (password == SECRET)

    def validate_public_key(self, username: str, key: nacre.SSHKey) -> bool:
        return (username == USER) & (key.public_data == hostile.KEYS["A"].public_data)

    def host_based_auth_supported(self) -> bool:
        return True

    def validate_host_public_key(self, client_host: str, addr: str, port: int, key: nacre.SSHKey) -> bool:
        return key.public_data == hostile.KEYS["A"].public_data

    def validate_host_ca_key(self, client_host: str, addr: str, port: int, key: nacre.SSHKey) -> bool:
        return key.public_data == CA.public_data

    def validate_host_based_user(self, username: str, client_host: str, client_username: str) -> bool:
        return (username == USER) & (client_username == "root")

    def validate_ca_key(self, username: str, key: nacre.SSHKey) -> bool:
        return (username == USER) & (key.public_data == CA.public_data)


class Talking(Program):
    """Asks for the password in words of its own, in two rounds for everybody."""

    def kbdint_auth_supported(self) -> bool:
        return True

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return "", "", "", [("Who?", True)]

    def validate_kbdint_response(self, username: str, responses: Any) -> Any:
        if responses == ["go on"]:
            return "", "", "", [("Password?", False)]
        return (username == USER) & (responses == [SECRET])


@contextmanager
def calls(into: list[str]) -> Iterator[None]:
    """Write down every function that is called from nacre's files."""

    def watch(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(SOURCES):
            into.append(frame.f_code.co_qualname)
        elif event == "c_call" and frame.f_code.co_filename.startswith(SOURCES):
            into.append(getattr(argument, "__qualname__", repr(argument)))

    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(None)


def answers(server: nacre.SSHServer) -> dict[type[events.Event], Any]:
    """The answers of nacre's authenticator for a program."""
    options = SSHServerConnectionOptions(trust_client_host=True)  # no resolver is asked
    authenticator = ServerAuthenticator(options, server, "203.0.113.9", LOGGER)

    def of(ask: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda event: now(ask(event))

    return {
        events.AuthBegin: of(authenticator.begin),
        events.PublicKeyQuestion: of(authenticator.public_key),
        events.HostbasedQuestion: of(authenticator.host_based),
        events.PasswordQuestion: of(authenticator.password),
        events.KbdintQuestion: of(authenticator.begin_dialogue),
        events.KbdintResponses: of(authenticator.answer_dialogue),
    }


def seen(server: nacre.SSHServer, user: str, *requests: Callable[[Stage, str], bytes]) -> tuple[Any, ...]:
    """What can be seen of the answers to some requests of one connection, and what was done for them."""
    stage = Stage(Role.SERVER, answers=answers(server)).to(Phase.WAIT_AUTH)
    done: list[str] = []
    sent = []
    for request in requests:
        payload = request(stage, user)
        stage.raw.send(payload)
        heard = stage.raw.output()
        with calls(done):
            stage.end.feed(heard)
            said = stage.end.output()
        stage.raw.feed(said)
        sent += [len(said), *stage.raw.take()]
    return sent, done, stage.end.connection.closed


def password(text: str) -> Callable[[Stage, str], bytes]:
    return lambda stage, user: userauth(b"password", b"\0" + string(text.encode()), user.encode())


def changed(old: str) -> Callable[[Stage, str], bytes]:
    data = b"\1" + string(old.encode()) + string(b"newer")
    return lambda stage, user: userauth(b"password", data, user.encode())


def query(key: str) -> Callable[[Stage, str], bytes]:
    data = b"\0" + string(b"ssh-ed25519") + string(hostile.KEYS[key].public_data)
    return lambda stage, user: userauth(b"publickey", data, user.encode())


def signed(key: str, *, wrongly: bool = False) -> Callable[[Stage, str], bytes]:
    def request(stage: Stage, user: str) -> bytes:
        made = hostile.payload(
            Role.SERVER, Phase.WAIT_AUTH, "PUBLICKEY_SIGNED", {"key": key, "user": user},
            session_id=stage.raw.session_id,
        )  # fmt: skip
        return made[:-1] + bytes([made[-1] ^ 1]) if wrongly else made

    return request


def bound(key: str, *, to: nacre.SSHKey = HOST_KEY, wrongly: bool = False) -> Callable[[Stage, str], bytes]:
    """A login by a key whose signature is bound to a host key."""
    shown = hostile.KEYS[key]
    data = b"\1" + string(b"ssh-ed25519") + string(shown.public_data) + string(to.public_data)

    def request(stage: Stage, user: str) -> bytes:
        body = userauth(HOSTBOUND.encode(), data, user.encode())
        return body + string(signature_of(shown, stage, body, wrongly=wrongly))

    return request


def signature_of(key: nacre.SSHKey, stage: Stage, body: bytes, *, wrongly: bool) -> bytes:
    made = key.sign(string(stage.raw.session_id) + body, "ssh-ed25519")
    return made[:-1] + bytes([made[-1] ^ 1]) if wrongly else made


def certified(
    *names: str, authority: nacre.SSHKey = CA, wrongly: bool = False
) -> Callable[[Stage, str], bytes]:
    """A login with a certificate of key A for these names."""
    key = hostile.KEYS["A"]
    shown = authority.generate_user_certificate(key, "id", principals=names)
    data = b"\1" + string(shown.algorithm.encode()) + string(shown.public_data)

    def request(stage: Stage, user: str) -> bytes:
        body = userauth(b"publickey", data, user.encode())
        return body + string(signature_of(key, stage, body, wrongly=wrongly))

    return request


def vouched(
    key: str, client_user: str, *, authority: nacre.SSHKey | None = None, wrongly: bool = False
) -> Callable[[Stage, str], bytes]:
    """A login by a host with this key, or with a certificate for it, whose user has this name."""
    host = hostile.KEYS[key]
    shown = authority.generate_host_certificate(host, "id", principals=["h"]) if authority else host
    data = string(shown.algorithm.encode()) + string(shown.public_data)
    data += string(b"h.") + string(client_user.encode())

    def request(stage: Stage, user: str) -> bytes:
        body = userauth(b"hostbased", data, user.encode())
        return body + string(signature_of(host, stage, body, wrongly=wrongly))

    return request


def dialogue(stage: Stage, user: str) -> bytes:
    return userauth(b"keyboard-interactive", string(b"") * 2, user.encode())


def saying(text: str) -> Callable[[Stage, str], bytes]:
    return lambda stage, user: b"\x3d" + uint32(1) + string(text.encode())


answered = saying("wrong")


def other(method: bytes) -> Callable[[Stage, str], bytes]:
    return lambda stage, user: userauth(method, b"", user.encode())


REQUESTS = {
    "none": (other(b"none"),),
    "unknown method": (other(b"none"), other(b"x@example.com")),
    "wrong password": (password("wrong"),),
    "wrong passwords": (password("wrong"),) * 6,
    "long password": (password("x" * 2000),),
    "wrong password to change": (changed("wrong"), changed("wrong")),
    "query": (query("B"), query("refused")),
    "signed": (signed("B"),),
    "signed wrongly": (signed("B", wrongly=True), signed("A", wrongly=True)),
    "signed and bound": (bound("B"), bound("B", wrongly=True), bound("B", to=CA)),
    "certificate of a stranger": (certified(*EVERYBODY, authority=OTHER_CA),),
    "certificate for others": (certified("david"),),
    "certificate signed wrongly": (certified(*EVERYBODY, wrongly=True),),
    "host": (vouched("A", "mallory"), vouched("B", "root")),
    "host signed wrongly": (vouched("A", "root", wrongly=True), vouched("B", "root", wrongly=True)),
    "host certificate": (vouched("B", "mallory", authority=CA), vouched("B", "root", authority=OTHER_CA)),
    "dialogue": (dialogue, answered),
    "all": (other(b"none"), query("B"), signed("B"), password("wrong"), dialogue, answered),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_an_unknown_user_and_a_wrong_secret_cost_the_same(name: str) -> None:
    seen(Program(), USER, *REQUESTS[name])  # what is done once in a process is done here
    known, unknown = (seen(Program(), user, *REQUESTS[name]) for user in (USER, NOBODY))
    assert known[0] == unknown[0]
    assert known[1] == unknown[1]
    assert known[2] == unknown[2]
    assert len(known[1]) > 20


def test_a_dialogue_of_the_program_costs_the_same() -> None:
    requests = (dialogue, saying("go on"), answered, dialogue, answered)
    seen(Talking(), USER, *requests)
    known, unknown = (seen(Talking(), user, *requests) for user in (USER, NOBODY))
    assert known == unknown
    right = (dialogue, saying("go on"), saying(SECRET))
    assert seen(Talking(), USER, *right)[0] != seen(Talking(), NOBODY, *right)[0]


class Ticket(gss.Context):
    """Stands for a principal that is proved, and is neither user."""

    initiator = "carol@EXAMPLE.ORG"
    acceptor = "host/h@EXAMPLE.ORG"


@pytest.mark.parametrize("method", ["gssapi-with-mic", "gssapi-keyex"])
def test_a_ticket_of_somebody_else_costs_the_same(method: str) -> None:
    def judged(user: str) -> tuple[list[str], Any]:
        authenticator = ServerAuthenticator(SSHServerConnectionOptions(), Program(), "203.0.113.9", LOGGER)
        done: list[str] = []
        asked = events.GssPrincipalQuestion(events.Token(None), user, method, Ticket(lambda: None))
        with calls(done):
            verdict = now(authenticator.principal(asked))
        return done, verdict

    judged(USER)
    assert judged(USER) == judged(NOBODY)
    assert judged("carol")[1] is True


def test_the_right_secret_is_seen_by_all_of_it() -> None:
    """So that the test above is not passed by what always answers alike."""
    right = (
        password(SECRET), changed(SECRET), signed("A"), query("A"), bound("A"), certified(*EVERYBODY),
        vouched("A", "root"), vouched("B", "root", authority=CA),
    )  # fmt: skip
    for request in right:
        assert seen(Program(), USER, request)[0] != seen(Program(), NOBODY, request)[0]


# ---------------------------------------------------------------- the hub


@contextmanager
def hub() -> Iterator[Callable[[], nacre.SSHServer]]:
    """What makes the callbacks of the connections of a hub with alice, who has key A, and carol, who is gone."""
    with (
        tempfile.TemporaryDirectory() as folder,
        State.open(prepare(Path(folder) / "state"), (70000, 70099)) as state,
    ):
        state.add_user(USER, keys=[(hostile.KEYS["A"].public_data, "")])
        state.add_user("carol", keys=[(hostile.KEYS["restricted"].public_data, "")])
        state.remove_user("carol")
        book = LoginBook(state, lambda server, visit: None)

        def made() -> nacre.SSHServer:
            server = book.server()
            server.connection_made(FakeConnection())  # type: ignore[arg-type]  # it keeps what is done with it
            return server

        yield made


@pytest.mark.parametrize("name", REQUESTS)
def test_the_hub_tells_nobody_who_its_users_are(name: str) -> None:
    with hub() as made:
        seen(made(), USER, *REQUESTS[name])
        known = seen(made(), USER, *REQUESTS[name])
        for user in EVERYBODY[1:]:
            assert seen(made(), user, *REQUESTS[name]) == known, user


def test_the_hub_does_the_same_work_for_a_key_of_somebody_else() -> None:
    """A key that opens for alice opens for nobody else, and does not tell that alice has it."""
    with hub() as made:
        seen(made(), NOBODY, query("A"))
        sent, done, closed = seen(made(), "carol", query("A"))
        assert seen(made(), NOBODY, query("A")) == (sent, done, closed)
        assert sent == seen(made(), NOBODY, query("B"))[0]


def test_every_invite_is_let_through_to_the_dialogue() -> None:
    with hub() as made:
        seen(made(), INVITE_PREFIX + "xxxx", query("B"))
        known = seen(made(), INVITE_PREFIX + "xxxx", query("B"))
        assert seen(made(), INVITE_PREFIX + "yyyy", query("B")) == known
