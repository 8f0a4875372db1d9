"""Whether a user exists cannot be seen: the same calls are made, and the same bytes are sent.

Every call of a function of nacre or of a library below it is written down while a request is answered, for a
user who exists and for one who does not, with the sizes of what it is given; not a clock, which tells of the
machine. The samples against the clock are a benchmark.
"""

from __future__ import annotations

import asyncio
import getpass
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.errors import GssError
from nacre.hub.invites import INVITE_PREFIX
from nacre.hub.login import LoginBook
from nacre.hub.paths import prepare
from nacre.hub.state import State
from nacre.keys.sk import SK_ECDSA, SK_ED25519
from nacre.server_config import configuration_of, configured_server
from nacre.wire.gss import KEYEX, WITH_MIC
from tests.pair.ends import HOST_KEY
from tests.security import hostile
from tests.security.equal import (
    CA,
    EVERYBODY,
    NOBODY,
    OTHER_CA,
    OTHER_ROOT,
    OTHERS_KEYS,
    SECRET,
    SECURITY_KEYS,
    USER,
    Program,
    Request,
    Talking,
    browser,
    by_ticket,
    certificate,
    chain,
    changed,
    dialogue,
    key,
    other,
    password,
    saying,
    security_key,
    seen,
    vouched,
)
from tests.support.visits import FakeConnection

answered = saying("wrong")


def of_strangers(name: str) -> tuple[Request, ...]:
    """What can be tried with security keys: somebody else's, and a wrong signature for one of alice's."""
    stranger, alice = security_key(name, OTHERS_KEYS[name]), security_key(name, SECURITY_KEYS[name])
    untouched = security_key(name, OTHERS_KEYS[name], flags=0)
    return (
        stranger.asked(), stranger.proved(), stranger.proved(to=HOST_KEY), untouched.proved(),
        alice.proved(wrongly=True), alice.proved(wrongly=True, to=HOST_KEY),
    )  # fmt: skip


STRANGER = key("B")
BROWSER, BROWSER_OF_ALICE = browser(OTHERS_KEYS[SK_ECDSA]), browser(SECURITY_KEYS[SK_ECDSA])
CERTIFICATES = {
    "of a stranger": certificate(*EVERYBODY, authority=OTHER_CA),
    "for others": certificate("david"),
}
CHAINS = {"of a stranger": chain(*EVERYBODY, authority=OTHER_ROOT), "for others": chain("david")}

REQUESTS = {
    "none": (other(b"none"),),
    "unknown method": (other(b"none"), other(b"x@example.com")),
    "wrong password": (password("wrong"),),
    "wrong passwords": (password("wrong"),) * 6,
    "long password": (password("x" * 2000),),
    "wrong password to change": (changed("wrong"), changed("wrong")),
    "query": (STRANGER.asked(), key("refused").asked()),
    "signed": (STRANGER.proved(),),
    "signed wrongly": (STRANGER.proved(wrongly=True), key("A").proved(wrongly=True)),
    "signed and bound": (
        STRANGER.proved(to=HOST_KEY), STRANGER.proved(wrongly=True, to=HOST_KEY), STRANGER.proved(to=CA),
    ),
    **{name: of_strangers(name) for name in (SK_ED25519, SK_ECDSA)},
    "browser": (BROWSER.asked(), BROWSER.proved(), BROWSER_OF_ALICE.proved(wrongly=True)),
    **{f"certificate {name}": (shown.asked(), shown.proved()) for name, shown in CERTIFICATES.items()},
    "certificate signed wrongly": (certificate(*EVERYBODY).proved(wrongly=True),),
    **{f"X.509 {name}": (shown.asked(), shown.proved()) for name, shown in CHAINS.items()},
    "X.509 signed wrongly": (chain(*EVERYBODY).proved(wrongly=True),),
    "host": (vouched("A", "mallory"), vouched("B", "root")),
    "host signed wrongly": (vouched("A", "root", wrongly=True), vouched("B", "root", wrongly=True)),
    "host certificate": (vouched("B", "mallory", authority=CA), vouched("B", "root", authority=OTHER_CA)),
    "dialogue": (dialogue, answered),
    "all": (
        other(b"none"), STRANGER.asked(), STRANGER.proved(), password("wrong"), dialogue, answered,
    ),
}  # fmt: skip


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


TICKETS: dict[str, tuple[str, dict[str, Any]]] = {
    "of somebody else, with a mic": (WITH_MIC, {}),
    "of somebody else, of the key exchange": (KEYEX, {}),
    "signed wrongly, with a mic": (WITH_MIC, {"wrongly": True}),
    "signed wrongly, of the key exchange": (KEYEX, {"wrongly": True}),
    "that fails": (WITH_MIC, {"fails": GssError("why", b"error")}),
}


@pytest.mark.parametrize("name", TICKETS)
def test_a_ticket_that_lets_nobody_in_costs_the_same(name: str) -> None:
    method, how = TICKETS[name]
    by_ticket(USER, method, **how)
    known = by_ticket(USER, method, **how)
    assert known == by_ticket(NOBODY, method, **how)
    assert not known[2]


@pytest.mark.parametrize("method", [WITH_MIC, KEYEX])
def test_the_right_ticket_is_seen_by_all_of_it(method: str) -> None:
    right = by_ticket("carol", method)
    assert right != by_ticket(USER, method)
    assert right[2]
    assert not by_ticket("carol", method, wrongly=True)[2]


def test_the_right_secret_is_seen_by_all_of_it() -> None:
    """So that the test above is not passed by what always answers alike."""
    right = (
        password(SECRET), changed(SECRET), key("A").proved(), key("A").asked(), key("A").proved(to=HOST_KEY),
        *(security_key(name, inner).proved() for name, inner in SECURITY_KEYS.items()),
        BROWSER_OF_ALICE.proved(), certificate(*EVERYBODY).proved(), chain(USER).proved(), chain(USER).asked(),
        vouched("A", "root"), vouched("B", "root", authority=CA),
    )  # fmt: skip
    for request in right:
        assert seen(Program(), USER, request)[0] != seen(Program(), NOBODY, request)[0]


# ---------------------------------------------------------------- the hub


Made = Callable[[], nacre.SSHServer]


@pytest.fixture(scope="module")
def state() -> Iterator[State]:
    """The state of a hub with alice, who has key A, and carol, who is gone."""
    with (
        tempfile.TemporaryDirectory() as folder,
        State.open(prepare(Path(folder) / "state"), (70000, 70099)) as opened,
    ):
        opened.add_user(USER, keys=[(hostile.KEYS["A"].public_data, "")])
        opened.add_user("carol", keys=[(hostile.KEYS["restricted"].public_data, "")])
        opened.remove_user("carol")
        yield opened


@pytest.fixture
def made(state: State) -> Made:
    """What makes the callbacks of the connections of that hub."""
    book = LoginBook(state, lambda server, visit: None)

    def make() -> nacre.SSHServer:
        server = book.server()
        server.connection_made(FakeConnection())  # type: ignore[arg-type]  # it keeps what is done with it
        return server

    return make


@pytest.mark.parametrize("name", REQUESTS)
def test_the_hub_tells_nobody_who_its_users_are(made: Made, name: str) -> None:
    seen(made(), USER, *REQUESTS[name])
    known = seen(made(), USER, *REQUESTS[name])
    for user in EVERYBODY[1:]:
        assert seen(made(), user, *REQUESTS[name]) == known, user


def test_the_hub_does_the_same_work_for_a_key_of_somebody_else(made: Made) -> None:
    """A key that opens for alice opens for nobody else, and does not tell that alice has it."""
    seen(made(), NOBODY, key("A").asked())
    sent, done, closed = seen(made(), "carol", key("A").asked())
    assert seen(made(), NOBODY, key("A").asked()) == (sent, done, closed)
    assert sent == seen(made(), NOBODY, key("B").asked())[0]


def test_every_invite_is_let_through_to_the_dialogue(made: Made) -> None:
    seen(made(), INVITE_PREFIX + "xxxx", key("B").asked())
    known = seen(made(), INVITE_PREFIX + "xxxx", key("B").asked())
    assert seen(made(), INVITE_PREFIX + "yyyy", key("B").asked()) == known


def test_a_program_is_asked_about_everybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AuthorizedKeysCommand runs as often for who is no user of this machine, and is given as many words."""
    me = getpass.getuser()
    nobody = "x" * len(me)
    config, started, start = tmp_path / "sshd_config", [], subprocess.Popen

    def popen(argv: Any, **options: Any) -> Any:
        started.append([len(argv), argv[1], *sorted(options), options["env"]])
        return start(argv, **options)

    config.write_text(
        f"AuthorizedKeysFile none\nAuthorizedKeysCommand /bin/true %u %h %U %k\nAuthorizedKeysCommandUser {me}\n"
    )
    known = configuration_of(configured_server(nacre.SSHServerConnectionOptions(config=config)))
    assert known is not None
    monkeypatch.setattr(subprocess, "Popen", popen)
    for user in (me, nobody):
        commands = known.login(user, ("", "")).commands
        assert commands is not None
        for shown in (CA, OTHER_CA, CA):
            asyncio.run(commands.keys(shown))
    assert [words[1] for words in started] == [me] * 3 + [nobody] * 3
    assert [words[2:] for words in started[:3]] == [words[2:] for words in started[3:]]
    assert {words[0] for words in started} == {5}
