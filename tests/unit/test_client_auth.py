"""Which credential a client tries next, and the algorithm that it signs with."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre.client_auth import ClientAuthenticator
from nacre.protocol import events
from nacre.protocol.settings import Info
from nacre.signature_lists import USERS
from tests.support.face import (
    HOST,
    OpenServer,
    PasswordServer,
    asynctest,
    client_options,
    connect,
    connected,
    serving,
    user_key,
)

RSA = nacre.generate_private_key("ssh-rsa", key_size=2048)
METHODS = ("publickey", "keyboard-interactive", "password")


failures: list[tuple[type[BaseException], str]] = []


def make(
    client: nacre.SSHClient | None = None, keys: Any = (), info: Info | None = None, **options: Any
) -> Any:
    return ClientAuthenticator(
        nacre.SSHClientConnectionOptions(**options),
        client or nacre.SSHClient(),
        list(keys),
        info or Info(),
        lambda error, where: failures.append((type(error), where)),
    )


def needed(*methods: str, changed: bool | None = None, partial: bool = False) -> events.AuthNeeded:
    return events.AuthNeeded(events.Token(None), methods or METHODS, partial, changed)


async def drain(authenticator: Any, *methods: str) -> list[Any]:
    attempts = []
    while (attempt := await authenticator.next_attempt(needed(*methods))) is not None:
        attempts.append(attempt)
        assert len(attempts) < 20
    return attempts


@asynctest
async def test_the_order_of_methods() -> None:
    keys = nacre.load_keypairs([user_key()])
    attempts = await drain(make(keys=keys, password="x"))
    assert [type(attempt) for attempt in attempts] == [
        events.PublicKeyAttempt,
        events.KbdintAttempt,
        events.PasswordAttempt,
    ]
    attempts = await drain(make(keys=keys, password="x", preferred_auth="password,publickey"))
    assert [type(attempt) for attempt in attempts] == [events.PasswordAttempt, events.PublicKeyAttempt]
    assert await drain(make(keys=keys, password="x"), "hostbased") == []
    for switch, left in (("public_key_auth", 2), ("kbdint_auth", 2), ("password_auth", 2)):
        assert len(await drain(make(keys=keys, password="x", **{switch: False}))) == left
    assert await drain(make()) == []


CERTIFIED = (user_key(), RSA.generate_user_certificate(user_key(), "id", principals=["user"]))


@pytest.mark.parametrize(
    ("said", "theirs", "shown"),
    [
        (("rsa-sha2-256", "rsa-sha2-512"), None, ["rsa-sha2-256"]),
        (("rsa-sha2-256", "rsa-sha2-512"), ("ssh-ed25519", "rsa-sha2-512"), ["rsa-sha2-512"]),
        (("rsa-sha2-256",), ("ssh-ed25519", "rsa-sha2-512"), []),
        (("ssh-ed25519", "rsa-sha2-512"), None, ["ssh-ed25519", "rsa-sha2-512"]),
        (("ssh-ed25519-cert-v01@openssh.com",), (), ["ssh-ed25519-cert-v01@openssh.com"]),
        (("rsa-sha2-512-cert-v01@openssh.com",), None, []),
    ],
)
@asynctest
async def test_what_a_configuration_takes_is_shown_and_nothing_else(
    said: tuple[str, ...], theirs: tuple[str, ...] | None, shown: list[str]
) -> None:
    authenticator = make(keys=nacre.load_keypairs([CERTIFIED, RSA]), info=Info())
    authenticator._info.server_sig_algs = theirs
    authenticator.restrict(nacre.SSHClientConnectionOptions().completed({USERS: said}))
    assert [attempt.algorithm for attempt in await drain(authenticator, "publickey")] == shown
    if not shown:
        why = await authenticator.next_or_why(needed("publickey"))
        assert "PubkeyAcceptedAlgorithms has nothing for ssh-ed25519-cert-v01@openssh.com" in str(why)


@asynctest
async def test_what_is_not_taken_is_not_shown_unasked_either() -> None:
    for said, tried in ((("ssh-ed25519",), 1), (("ssh-ed25519-cert-v01@openssh.com",), 0)):
        keys = nacre.load_keypairs([user_key()])
        authenticator = make(keys=keys, client_keys=[user_key()], info=Info())
        authenticator.restrict(authenticator._options.completed({USERS: said}))
        assert bool(authenticator.first_attempt()) is bool(tried)
        assert authenticator._tried["publickey"] == tried


@asynctest
async def test_a_key_that_signs_quickly_is_not_asked_about_first() -> None:
    local = nacre.load_keypairs([user_key(), RSA])
    far = nacre.SSHKeyPair("ssh-ed25519", b"far", ("ssh-ed25519",), lambda data, name: b"", key_type="agent")
    attempts = await drain(make(keys=[*local, far]), "publickey")
    assert [attempt.query for attempt in attempts] == [False, True, True]


def test_a_key_that_was_named_is_tried_before_anything_is_asked() -> None:
    named = {"keys": nacre.load_keypairs([user_key(), RSA]), "client_keys": [user_key()]}
    attempt = make(**named).first_attempt()
    assert attempt == events.PublicKeyAttempt("ssh-ed25519", user_key().public_data, query=False)
    far = nacre.SSHKeyPair("ssh-ed25519", b"far", ("ssh-ed25519",), lambda data, name: b"", key_type="agent")
    for change in (
        {"client_keys": ()},  # they just lay there
        {"keys": nacre.load_keypairs([RSA])},
        {"keys": [far]},
        {"keys": []},
        {"public_key_auth": False},
        {"preferred_auth": "password,publickey"},
        {"signature_algs": ["rsa-sha2-256"]},
    ):
        assert make(**named | change).first_attempt() is None


@asynctest
async def test_no_key_signs_unasked_after_the_first_one() -> None:
    keys = [nacre.generate_private_key("ssh-ed25519") for _ in range(3)]
    authenticator = make(keys=nacre.load_keypairs(keys), client_keys=keys)
    assert authenticator.first_attempt().key_blob == keys[0].public_data
    attempts = await drain(authenticator, "publickey")
    assert [attempt.key_blob for attempt in attempts] == [key.public_data for key in keys[1:]]
    assert [attempt.query for attempt in attempts] == [True, True]


@asynctest
async def test_of_many_keys_that_sign_quickly_one_does_so_unasked() -> None:
    """Each would be a failure to the server, which takes six; questions it takes more of."""
    keys = [nacre.generate_private_key("ssh-ed25519") for _ in range(9)]
    attempts = await drain(make(keys=nacre.load_keypairs(keys)), "publickey")
    assert [attempt.query for attempt in attempts] == [False, *[True] * 8]
    allowed = nacre.import_authorized_keys(keys[-1].export_public_key().decode())
    async with (
        serving(server_factory=nacre.SSHServer, authorized_client_keys=allowed) as listener,
        connected(listener, client_keys=keys) as connection,
    ):
        assert not connection.is_closed()


@pytest.mark.parametrize(
    ("announced", "ours", "chosen"),
    [
        (None, (), "rsa-sha2-512"),
        (("rsa-sha2-256",), (), "rsa-sha2-256"),
        (("ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"), (), "rsa-sha2-512"),
        (None, ["rsa-sha2-256"], "rsa-sha2-256"),
        (("ssh-rsa",), (), None),
        (("ssh-ed25519",), (), None),
    ],
)
@asynctest
async def test_the_algorithm_of_an_rsa_signature(announced: Any, ours: Any, chosen: str | None) -> None:
    info = Info(server_sig_algs=announced)
    authenticator = make(keys=nacre.load_keypairs([RSA]), info=info, signature_algs=ours)
    attempts = await drain(authenticator, "publickey")
    assert [attempt.algorithm for attempt in attempts] == ([] if chosen is None else [chosen])


@pytest.mark.parametrize("ours", [(), ["rsa-sha2-256"]])
@asynctest
async def test_a_key_of_one_algorithm_is_tried_though_it_is_not_announced(ours: Any) -> None:
    # What npm's ssh2 1.17 announces: a comma is missing.
    info = Info(server_sig_algs=("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521rsa-sha2-512", "rsa-sha2-256"))
    keys = nacre.load_keypairs([nacre.generate_private_key("ecdsa-sha2-nistp521")])
    attempts = await drain(make(keys=keys, info=info, signature_algs=ours), "publickey")
    assert [attempt.algorithm for attempt in attempts] == ([] if ours else ["ecdsa-sha2-nistp521"])


@asynctest
async def test_signatures_are_made_by_the_key_under_way_alone() -> None:
    authenticator = make(keys=nacre.load_keypairs([user_key()]))
    question = events.SignatureNeeded(events.Token(None), "ssh-ed25519", user_key().public_data, b"data")
    assert await authenticator.sign(question) is None
    await authenticator.next_attempt(needed())
    signature = await authenticator.sign(question)
    assert user_key().verify(b"data", signature, "ssh-ed25519")
    other = events.SignatureNeeded(events.Token(None), "ssh-ed25519", b"other", b"data")
    assert await authenticator.sign(other) is None


@asynctest
async def test_more_keys_from_the_program() -> None:
    class Client(nacre.SSHClient):
        def __init__(self) -> None:
            self.keys = [user_key(), RSA, None]

        async def public_key_auth_requested(self) -> Any:
            return self.keys.pop(0)

    attempts = await drain(make(Client()), "publickey")
    assert [attempt.key_blob for attempt in attempts] == [user_key().public_data, RSA.public_data]


@pytest.mark.parametrize("form", ["text", "function", "coroutine"])
@asynctest
async def test_the_forms_of_a_password(form: str) -> None:
    async def coroutine() -> str:
        await asyncio.sleep(0)
        return "secret"

    forms: dict[str, Any] = {"text": "secret", "function": lambda: "secret", "coroutine": coroutine}
    async with serving(server_factory=PasswordServer) as listener, connected(listener, password=forms[form]):
        pass
    for none in (None, lambda: None):
        async with serving(server_factory=PasswordServer) as listener:
            with pytest.raises(nacre.PermissionDenied):
                await connect(listener, password=none)


@asynctest
async def test_passwords_are_asked_for_until_there_are_no_more() -> None:
    class Client(nacre.SSHClient):
        left = ["a", "b", None]

        def kbdint_auth_requested(self) -> Any:
            return None

        def password_auth_requested(self) -> Any:
            return self.left.pop(0)

    assert await drain(make(Client())) == [events.PasswordAttempt("a"), events.PasswordAttempt("b")]


@asynctest
async def test_only_a_prompt_for_a_password_gets_the_password() -> None:
    def challenge(*prompts: tuple[str, bool]) -> events.KbdintChallenge:
        return events.KbdintChallenge(events.Token(None), "", "", "", prompts)

    for prompts, answer in (
        ([("Password: ", False)], ("secret",)),
        ([("user's password", False)], ("secret",)),
        ([("Enter PASSCODE:", False)], ("secret",)),
        ([], ()),
        ([("One-time code: ", False)], None),
        ([("Password: ", False), ("Code: ", False)], None),
    ):
        authenticator = make(password="secret")
        assert isinstance(
            await authenticator.next_attempt(needed("keyboard-interactive")), events.KbdintAttempt
        )
        assert await authenticator.answer_challenge(challenge(*prompts)) == answer
    authenticator = make(password="secret")
    await authenticator.next_attempt(needed("keyboard-interactive"))
    assert await authenticator.answer_challenge(challenge(("Password: ", False))) == ("secret",)
    assert await authenticator.answer_challenge(challenge(("Password: ", False))) is None  # not twice


@asynctest
async def test_a_callback_s_password_is_for_the_method_that_can_change_it() -> None:
    """It is asked for a dialogue only where the server takes no password otherwise."""

    class Client(nacre.SSHClient):
        def __init__(self) -> None:
            self.left = ["old"]

        def password_auth_requested(self) -> Any:
            return self.left.pop() if self.left else None

        def password_change_requested(self, prompt: str, lang: str) -> Any:
            return "old", "new"

    class Server(PasswordServer):
        def validate_password(self, username: str, password: str) -> bool:
            raise nacre.PasswordChangeRequired("it has expired")

        def change_password(self, username: str, old_password: str, new_password: str) -> bool:
            return (old_password, new_password) == ("old", "new")

    async with serving(server_factory=Server) as listener:
        connection = await connect(listener, client_factory=Client)
        connection.abort()
    attempt = await make(Client()).next_attempt(needed("keyboard-interactive"))
    assert isinstance(attempt, events.KbdintAttempt)
    attempt = await make(Client(), password_auth=False).next_attempt(
        needed("keyboard-interactive", "password")
    )
    assert isinstance(attempt, events.KbdintAttempt)


@asynctest
async def test_a_password_that_was_refused_in_a_dialogue_is_not_tried_again() -> None:
    """A server would count the same mistake twice."""
    tried: list[str] = []

    class Server(PasswordServer):
        def validate_password(self, username: str, password: str) -> bool:
            tried.append(password)
            return False

    async with serving(server_factory=Server) as listener:
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, password="wrong")
    assert tried == ["wrong"]
    # As the next factor it is another question.
    authenticator = make(password="secret")
    challenge = events.KbdintChallenge(events.Token(None), "", "", "", (("Password: ", False),))
    await authenticator.next_attempt(needed("keyboard-interactive"))
    assert await authenticator.answer_challenge(challenge) == ("secret",)
    assert await authenticator.next_attempt(needed("password")) is None
    partly = events.AuthNeeded(events.Token(None), ("password",), True, None)
    assert await authenticator.next_attempt(partly) == events.PasswordAttempt("secret")


@asynctest
async def test_a_key_that_came_too_early_is_shown_again() -> None:
    """AuthenticationMethods password,publickey: nobody knows before the first key is refused."""

    class Server(nacre.SSHServer):
        knows = False

        def password_auth_supported(self) -> bool:
            return True

        def public_key_auth_supported(self) -> bool:
            return True

        def validate_password(self, username: str, password: str) -> Any:
            self.knows = True
            return nacre.PartialSuccess(["publickey"])

        def validate_public_key(self, username: str, key: nacre.SSHKey) -> bool:
            return self.knows

    async with (
        serving(server_factory=Server) as listener,
        connected(listener, password="x", client_keys=[user_key()]) as connection,
    ):
        assert not connection.is_closed()
    first, second = (nacre.generate_private_key("ssh-ed25519") for _ in range(2))
    authenticator = make(keys=nacre.load_keypairs([first, second]))
    for partial, shown in ((False, first), (False, second), (True, first), (True, None), (True, None)):
        attempt = await authenticator.next_attempt(needed("publickey", partial=partial))
        assert getattr(attempt, "key_blob", None) == (shown and shown.public_data)
    # A server says of nothing at all that it is a part.
    assert await make().next_attempt(needed("publickey", partial=True)) is None


@asynctest
async def test_dialogues_of_the_program() -> None:
    class Client(nacre.SSHClient):
        answer: Any = ["a"]

        def kbdint_auth_requested(self) -> Any:
            return "pam"

        def kbdint_challenge_received(self, name: str, instructions: str, lang: str, prompts: Any) -> Any:
            return self.answer

    client = Client()
    authenticator = make(client)
    assert await authenticator.next_attempt(needed("keyboard-interactive")) == events.KbdintAttempt("pam")
    challenge = events.KbdintChallenge(events.Token(None), "n", "i", "l", (("p", True),))
    assert await authenticator.answer_challenge(challenge) == ("a",)
    for none in (None, NotImplemented):
        client.answer = none
        assert await authenticator.answer_challenge(challenge) is None
    for wrong in ("a", [1], 5, [], ["a", "b"]):
        client.answer = wrong
        with pytest.raises((TypeError, ValueError), match="kbdint_challenge_received"):
            await authenticator.answer_challenge(challenge)


@asynctest
async def test_a_dialogue_without_an_answer_is_not_begun_again() -> None:
    class Client(nacre.SSHClient):
        def kbdint_auth_requested(self) -> Any:
            return ""

        def kbdint_challenge_received(self, name: str, instructions: str, lang: str, prompts: Any) -> Any:
            return None

    authenticator = make(Client())
    methods = ("keyboard-interactive",)
    assert await authenticator.next_attempt(needed(*methods)) == events.KbdintAttempt("")
    challenge = events.KbdintChallenge(events.Token(None), "n", "i", "l", (("p", True),))
    assert await authenticator.answer_challenge(challenge) is None
    assert await authenticator.next_attempt(needed(*methods)) is None
    # A next factor is something else, though the method has the same name.
    assert await authenticator.next_attempt(needed(*methods, partial=True)) is not None


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("wrong", [b"bytes", 5, ZeroDivisionError, SystemExit, asyncio.CancelledError])
@asynctest
async def test_a_callback_that_fails_gives_up_its_method_alone(wrong: Any, asynchronous: bool) -> None:
    def give() -> Any:
        if isinstance(wrong, type):
            raise wrong
        return wrong

    async def give_later() -> Any:
        await asyncio.sleep(0)
        return give()

    class Client(nacre.SSHClient):
        def public_key_auth_requested(self) -> Any:
            return give_later() if asynchronous else give()

        kbdint_auth_requested = public_key_auth_requested

        def password_auth_requested(self) -> Any:
            return "secret"

    failures.clear()
    authenticator = make(Client())
    for _ in range(2):
        assert await authenticator.next_attempt(needed()) == events.PasswordAttempt("secret")
    assert len(failures) == (0 if wrong is asyncio.CancelledError else 2)


@asynctest
async def test_password_changes_are_told() -> None:
    calls: list[str] = []

    class Client(nacre.SSHClient):
        def password_changed(self) -> None:
            calls.append("changed")

        def password_change_failed(self) -> None:
            calls.append("failed")

        def password_change_requested(self, prompt: str, lang: str) -> Any:
            return ("old", "new")

    authenticator = make(Client())
    await authenticator.next_attempt(needed(changed=True))
    await authenticator.next_attempt(needed(changed=False))
    assert calls == ["changed", "failed"]
    await authenticator.succeeded()  # by no change
    question = events.PasswordChangeQuestion(events.Token(None), "p", "l")
    assert await authenticator.change_password(question) == ("old", "new")
    calls.clear()
    assert await authenticator.change_password(question) == ("old", "new")
    assert calls == ["failed"]  # for it was asked again
    await authenticator.succeeded()
    assert calls == ["failed", "changed"]


@pytest.mark.parametrize("answer", [None, NotImplemented, "new", ("old",), (b"old", "new"), 5])
@asynctest
async def test_without_a_new_password_the_method_is_given_up(answer: Any) -> None:
    class Client(nacre.SSHClient):
        def password_change_requested(self, prompt: str, lang: str) -> Any:
            return answer

        def kbdint_auth_requested(self) -> Any:
            return None

        def password_auth_requested(self) -> Any:
            return "old"

    authenticator = make(Client())
    assert await authenticator.next_attempt(needed()) == events.PasswordAttempt("old")
    question = events.PasswordChangeQuestion(events.Token(None), "p", "l")
    if answer is None or answer is NotImplemented:
        assert await authenticator.change_password(question) is None
    else:
        with pytest.raises(TypeError, match="password_change_requested"):
            await authenticator.change_password(question)
    assert await authenticator.next_attempt(needed()) is None


@asynctest
async def test_what_fails_while_a_change_is_told_is_reported() -> None:
    class Client(nacre.SSHClient):
        async def password_changed(self) -> None:  # type: ignore[override]  # it may be a coroutine
            raise ZeroDivisionError

        def password_change_failed(self) -> None:
            raise ZeroDivisionError

    failures.clear()
    authenticator = make(Client(), password="x")
    assert await authenticator.next_attempt(needed(changed=False)) is not None
    assert await authenticator.next_attempt(needed(changed=True)) is not None
    assert failures == [
        (ZeroDivisionError, "password_change_failed"),
        (ZeroDivisionError, "password_changed"),
    ]


@asynctest
async def test_a_key_that_does_not_sign_is_one_less_to_try(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(data: bytes, algorithm: str) -> bytes:
        raise ValueError("its owner said no")

    refusing = nacre.SSHKeyPair("ssh-ed25519", RSA.public_data, ("ssh-ed25519",), refuse, None, "agent")
    authenticator = make(keys=[refusing])
    (attempt,) = await drain(authenticator, "publickey")
    question = events.SignatureNeeded(events.Token(None), attempt.algorithm, attempt.key_blob, b"data")
    assert await authenticator.sign(question) is None
    assert "its owner said no" in caplog.text


@pytest.mark.parametrize("word", ["open", "wrong"])
@asynctest
async def test_a_passphrase_is_asked_for_a_key_that_the_server_takes(word: str, tmp_path: Path) -> None:
    """Nobody is asked for a key that is of no use, and a wrong answer leaves the next key to be tried."""
    keys = {"stranger": nacre.generate_private_key("ssh-ed25519"), "mine": user_key()}
    for name, key in keys.items():
        key.write_private_key(tmp_path / name, passphrase="open", rounds=1, ignore_few_rounds=True)
    asked: list[str] = []

    def passphrase(filename: str) -> str:
        asked.append(Path(filename).name)
        return word

    authorized = nacre.import_authorized_keys(user_key().export_public_key().decode())
    options: Any = {"client_keys": [tmp_path / name for name in keys], "passphrase": passphrase}
    async with serving(server_factory=nacre.SSHServer, authorized_client_keys=authorized) as listener:
        if word == "open":
            async with connected(listener, **options):
                pass
        else:
            with pytest.raises(nacre.PermissionDenied):
                await connect(listener, **options)
    assert asked == ["mine"]
    async with serving(server_factory=OpenServer) as listener, connected(listener, **options):
        pass
    with pytest.raises(OSError):
        await nacre.connect(HOST, 1, **client_options(**options))
    assert asked == ["mine"]
