"""Every callback of a server: its default, each form of its answer, plain and as a coroutine, what the client sees."""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import Callable
from typing import Any

import pytest

import nacre
from tests.support.face import (
    HOST,
    OpenServer,
    Recorder,
    asynctest,
    connect,
    connected,
    reported,
    serving,
    user_key,
)

PARTIAL = nacre.PartialSuccess(("password",))
CHALLENGE = ("Title", "Do this", "en", [("code: ", True), ("secret: ", False)])


async def later(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


#: A plain answer, and the same from a coroutine.
WAYS: tuple[Callable[[Any], Any], ...] = (lambda value: value, later)


def answering(base: type, **answers: Any) -> type:
    """Return a class whose callbacks give these answers; one that is a function is called with the arguments."""

    def method(answer: Any) -> Any:
        return lambda self, *args: answer(*args) if callable(answer) else answer

    return type("Server", (base,), {name: method(answer) for name, answer in answers.items()})


async def methods_of(server: type) -> list[str]:
    async with serving(server_factory=server) as listener:
        return list(
            await nacre.get_server_auth_methods(HOST, listener.get_port(), username="user", config=None)
        )


SUPPORTED = {
    "public_key_auth_supported": ["publickey"],
    "password_auth_supported": ["keyboard-interactive", "password"],
    "kbdint_auth_supported": ["keyboard-interactive"],
}


@pytest.mark.parametrize("callback", SUPPORTED)
@asynctest
async def test_what_is_supported_is_offered(callback: str) -> None:
    for answer, way in itertools.product((True, 1, "yes"), WAYS):
        server = answering(nacre.SSHServer, **{callback: lambda a=answer, w=way: w(a)})
        assert await methods_of(server) == SUPPORTED[callback]
    for answer, way in itertools.product((False, None, 0), WAYS):
        server = answering(nacre.SSHServer, **{callback: lambda a=answer, w=way: w(a)})
        assert await methods_of(server) == []


@asynctest
async def test_a_dialogue_is_tied_to_passwords_by_not_implemented() -> None:
    for way in WAYS:
        tied = {"kbdint_auth_supported": lambda w=way: w(NotImplemented)}
        assert await methods_of(answering(nacre.SSHServer, **tied)) == []
        tied["password_auth_supported"] = lambda: True
        assert await methods_of(answering(nacre.SSHServer, **tied)) == ["keyboard-interactive", "password"]
    alone = {"kbdint_auth_supported": False, "password_auth_supported": True}
    assert await methods_of(answering(nacre.SSHServer, **alone)) == ["password"]


@asynctest
async def test_only_false_from_begin_auth_lets_in() -> None:
    for way in WAYS:
        asked: list[str] = []

        def begin_auth(username: str, way: Any = way, asked: list[str] = asked) -> Any:
            asked.append(username)
            return way(False)

        async with (
            serving(server_factory=answering(nacre.SSHServer, begin_auth=begin_auth)) as listener,
            connected(listener),
        ):
            assert asked == ["user"]
    for answer, way in itertools.product((True, None, 0, "", []), WAYS):
        server = answering(nacre.SSHServer, begin_auth=lambda username, a=answer, w=way: w(a))
        assert await methods_of(server) == []
        async with serving(server_factory=server) as listener:
            with pytest.raises(nacre.PermissionDenied):
                await connect(listener)


class Person(nacre.SSHClient):
    """Answers what it is asked, once by each method."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self._submethods: list[str | None] = ["", None]

    def kbdint_auth_requested(self) -> str | None:
        return self._submethods.pop(0) if self._submethods else None

    def kbdint_challenge_received(self, name: str, instructions: str, lang: str, prompts: Any) -> Any:
        self.seen.append((name, instructions, lang, list(prompts)))
        return [text.strip(": ") for text, _ in prompts]


#: For each callback that gives a verdict: its method, and what else its server needs.
VERDICTS: dict[str, tuple[str, dict[str, Any]]] = {
    "validate_public_key": ("publickey", {"public_key_auth_supported": True}),
    "validate_password": ("password", {"password_auth_supported": True, "kbdint_auth_supported": False}),
    "get_kbdint_challenge": ("keyboard-interactive", {"kbdint_auth_supported": True}),
    "validate_kbdint_response": (
        "keyboard-interactive",
        {"kbdint_auth_supported": True, "get_kbdint_challenge": lambda *args: CHALLENGE},
    ),
}


@pytest.mark.parametrize("callback", VERDICTS)
@asynctest
async def test_a_verdict(callback: str) -> None:
    method, needs = VERDICTS[callback]
    options = {
        "password": "x",
        "client_keys": [user_key()],
        "preferred_auth": method,
        "client_factory": Person,
    }
    for answer, way in itertools.product((True, 1), WAYS):
        needs = {**needs, callback: lambda *args, a=answer, w=way: w(a)}
        async with (
            serving(server_factory=answering(nacre.SSHServer, **needs)) as listener,
            connected(listener, **options),
        ):
            pass
    for answer, way in itertools.product((False, None, 0, NotImplemented, PARTIAL), WAYS):
        needs = {**needs, callback: lambda *args, a=answer, w=way: w(a)}
        async with serving(server_factory=answering(nacre.SSHServer, **needs)) as listener:
            with pytest.raises(nacre.PermissionDenied):
                await connect(listener, **options)


@pytest.mark.parametrize("callback", [name for name in VERDICTS if name != "validate_password"])
@asynctest
async def test_right_and_not_enough(callback: str) -> None:
    method, needs = VERDICTS[callback]
    options = {"client_keys": [user_key()], "preferred_auth": [method, "password"], "client_factory": Person}
    for way in WAYS:
        server = answering(
            nacre.SSHServer,
            **needs,
            **{callback: lambda *args, w=way: w(PARTIAL)} if callback not in needs else {},
            password_auth_supported=True,
            validate_password=lambda username, password: password == "second",
        )
        async with serving(server_factory=server) as listener:
            async with connected(listener, password="second", **options):
                pass
            with pytest.raises(nacre.PermissionDenied):
                await connect(listener, password="wrong", **options)


@asynctest
async def test_what_a_credential_is_validated_with() -> None:
    seen: list[Any] = []

    def note(*args: Any) -> bool:
        seen.append(args)
        return False

    server = answering(
        nacre.SSHServer,
        public_key_auth_supported=True,
        password_auth_supported=True,
        kbdint_auth_supported=True,
        validate_public_key=note,
        validate_password=note,
        get_kbdint_challenge=lambda *args: note(*args) or CHALLENGE,
        validate_kbdint_response=note,
    )
    async with serving(server_factory=server) as listener:
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, password="pä ss", client_keys=[user_key()], client_factory=Person)
    (_, key), challenge, (_, responses), password = seen
    assert isinstance(key, nacre.SSHKey)
    assert key.public_data == user_key().public_data
    assert challenge == ("user", "", "")
    assert list(responses) == ["code", "secret"]
    assert password == ("user", "pä ss")


@asynctest
async def test_a_dialogue_of_several_challenges() -> None:
    for way, sequence in itertools.product(WAYS, (tuple, list)):
        person = Person()
        answers = iter((sequence(("", "", "", [("once more: ", False)])), ("", "a page", "", []), True))
        server = answering(
            nacre.SSHServer,
            kbdint_auth_supported=True,
            get_kbdint_challenge=lambda *args, w=way, s=sequence: w(s(CHALLENGE)),
            validate_kbdint_response=lambda *args, w=way, a=answers: w(next(a)),
        )
        async with (
            serving(server_factory=server) as listener,
            connected(listener, client_factory=lambda person=person: person),
        ):
            pass
        assert person.seen == [CHALLENGE, ("", "", "", [("once more: ", False)]), ("", "a page", "", [])]


@pytest.mark.parametrize(
    "wrong", ["text", ("name", "instructions", "lang"), ("", "", "", ["prompt"]), ("", "", "", 5)]
)
@asynctest
async def test_a_challenge_of_the_wrong_form_is_a_refusal_and_named(wrong: Any) -> None:
    server = answering(nacre.SSHServer, kbdint_auth_supported=True, get_kbdint_challenge=lambda *args: wrong)
    async with serving(server_factory=server) as listener:
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, client_factory=Person)
    (report,) = reported()
    assert isinstance(report["exception"], (TypeError, ValueError))


class Expired(nacre.SSHServer):
    """Wants "new" in place of "old"; how its callbacks answer is what a test sets."""

    way = staticmethod(WAYS[0])
    final: Any = True

    def password_auth_supported(self) -> bool:
        return True

    def kbdint_auth_supported(self) -> bool:
        return False

    def validate_password(self, username: str, password: str) -> Any:
        return self._expired("choose") if password == "old" else False

    def change_password(self, username: str, old_password: str, new_password: str) -> Any:
        assert (username, old_password) == ("user", "old")
        if new_password == "short":
            return self._expired("longer")
        return self.way(self.final if new_password == "new" else False)

    def _expired(self, prompt: str) -> Any:
        async def coroutine() -> bool:
            raise nacre.PasswordChangeRequired(prompt, "en")

        if self.way is later:
            return coroutine()
        raise nacre.PasswordChangeRequired(prompt, "en")


class Changer(nacre.SSHClient):
    """Changes its password as it is asked to."""

    def __init__(self, calls: list[Any], *passwords: str) -> None:
        self._calls = calls
        self._left = list(passwords)

    def password_change_requested(self, prompt: str, lang: str) -> Any:
        self._calls.append((prompt, lang))
        return ("old", self._left.pop(0)) if self._left else NotImplemented

    def password_changed(self) -> None:
        self._calls.append("changed")

    def password_change_failed(self) -> None:
        self._calls.append("failed")

    def auth_completed(self) -> None:
        self._calls.append("completed")


@pytest.mark.parametrize(
    ("final", "passwords", "told"),
    [
        (True, ["new"], [("choose", "en"), "changed", "completed"]),
        (True, ["short", "new"], [("choose", "en"), "failed", ("longer", "en"), "changed", "completed"]),
        (True, ["other"], [("choose", "en"), "failed"]),
        (True, ["short"], [("choose", "en"), "failed", ("longer", "en")]),
        (True, [], [("choose", "en")]),
        (False, ["new"], [("choose", "en"), "failed"]),
        (None, ["new"], [("choose", "en"), "failed"]),
        (nacre.PartialSuccess(("publickey",)), ["new"], [("choose", "en"), "changed"]),
    ],
)
@asynctest
async def test_a_password_that_has_expired(final: Any, passwords: list[str], told: list[Any]) -> None:
    for way in WAYS:
        calls: list[Any] = []
        server = type("Server", (Expired,), {"way": staticmethod(way), "final": final})
        async with serving(server_factory=server) as listener:
            connecting = connect(
                listener, password="old", client_factory=functools.partial(Changer, calls, *passwords)
            )
            if "completed" in told:
                async with await connecting:
                    pass
            else:
                with pytest.raises(nacre.PermissionDenied):
                    await connecting
        assert calls == told


async def stream_handler(stdin: Any, stdout: Any, stderr: Any) -> None:
    stdout.write("out")
    stderr.write("err")
    stdout.channel.exit(7)


def plain_handler(stdin: Any, stdout: Any, stderr: Any) -> None:
    stdout.write("out")
    stderr.write("err")
    stdout.channel.exit(7)


def process_handler(process: Any) -> None:
    process.stdout.write("out")
    process.stderr.write("err")
    process.exit(7)


class Session(nacre.SSHServerSession[str]):
    """Says and does what the handlers do."""

    def connection_made(self, chan: Any) -> None:
        self._chan = chan

    def exec_requested(self, command: str) -> bool:
        return True

    def session_started(self) -> None:
        self._chan.write("out")
        self._chan.write_stderr("err")
        self._chan.exit(7)


SESSIONS: dict[str, Callable[[nacre.SSHServerConnection], Any]] = {
    "a session": lambda conn: Session(),
    "a class of sessions": lambda conn: Session,
    "a coroutine handler": lambda conn: stream_handler,
    "a plain handler": lambda conn: plain_handler,
    "a bound method": lambda conn: Handlers().handle,
    "a process": lambda conn: nacre.SSHServerProcess(process_handler),
    "a channel and a session": lambda conn: (conn.create_server_channel(), Session()),
    "a channel and a handler": lambda conn: (conn.create_server_channel(errors="replace"), stream_handler),
}


class Handlers:
    """Has a handler for a method."""

    async def handle(self, stdin: Any, stdout: Any, stderr: Any) -> None:
        plain_handler(stdin, stdout, stderr)


class Giving(OpenServer):
    """Gives what a test has put into `form`, in a way."""

    form: Callable[[nacre.SSHServerConnection], Any]
    way = staticmethod(WAYS[0])

    def connection_made(self, conn: nacre.SSHServerConnection) -> None:
        self._conn = conn

    def session_requested(self) -> Any:
        return self.way(type(self).form(self._conn))


@pytest.mark.parametrize("form", SESSIONS)
@asynctest
async def test_the_forms_of_a_session(form: str) -> None:
    for way in WAYS:
        server = type("Server", (Giving,), {"form": staticmethod(SESSIONS[form]), "way": staticmethod(way)})
        async with serving(server_factory=server) as listener, connected(listener) as connection:
            done = await connection.run("x")
            assert (done.stdout, done.stderr, done.exit_status) == ("out", "err", 7)


@asynctest
async def test_no_session_and_why() -> None:
    def busy() -> Any:
        raise nacre.ChannelOpenError(nacre.OPEN_RESOURCE_SHORTAGE, "no room", "en")

    async def busy_later() -> Any:
        busy()

    for answer in (False, None, 0):
        for way in WAYS:
            server = answering(OpenServer, session_requested=lambda a=answer, w=way: w(a))
            async with serving(server_factory=server) as listener, connected(listener) as connection:
                with pytest.raises(nacre.ChannelOpenError, match="sessions are not offered") as refused:
                    await connection.run("x")
                assert refused.value.code == nacre.OPEN_ADMINISTRATIVELY_PROHIBITED
    for refuse in (busy, busy_later):
        server = answering(OpenServer, session_requested=refuse)
        async with serving(server_factory=server) as listener, connected(listener) as connection:
            with pytest.raises(nacre.ChannelOpenError, match="no room") as refused:
                await connection.run("x")
            assert refused.value.code == nacre.OPEN_RESOURCE_SHORTAGE
            assert not connection.is_closed()


@asynctest
async def test_messages_for_debugging_both_ways() -> None:
    heard: list[Any] = []
    conns: list[nacre.SSHServerConnection] = []
    turn = asyncio.Event()

    async def note_later(msg: str, lang: str, always_display: bool) -> None:
        heard.append((msg, lang, always_display))
        turn.set()

    def note(msg: str, lang: str, always_display: bool) -> None:
        heard.append((msg, lang, always_display))
        turn.set()

    for hear in (note, note_later):
        server = answering(OpenServer, debug_msg_received=hear, connection_made=conns.append)
        client = answering(nacre.SSHClient, debug_msg_received=hear)
        async with (
            serving(server_factory=server) as listener,
            connected(listener, client_factory=client) as connection,
        ):
            connection.send_debug("to the server", "de", True)
            await turn.wait()
            turn.clear()
            conns[-1].send_debug("to the client")
            await turn.wait()
            turn.clear()
    assert heard == [("to the server", "de", True), ("to the client", "en-US", False)] * 2


@asynctest
async def test_forwarding_is_refused_whatever_its_callbacks_say(caplog: pytest.LogCaptureFixture) -> None:
    from nacre.aio.channel import SSHChannel

    everything = dict.fromkeys(
        (
            "connection_requested",
            "unix_connection_requested",
            "server_requested",
            "unix_server_requested",
            "tun_requested",
            "tap_requested",
        ),
        True,
    )
    async with (
        serving(server_factory=answering(OpenServer, **everything)) as listener,
        connected(listener) as connection,
    ):
        for kind in ("direct-tcpip", "direct-streamlocal@openssh.com", "tun@openssh.com"):
            with pytest.raises(nacre.ChannelOpenError, match="is not in this version") as refused:
                await SSHChannel[bytes](connection._link).open(kind, b"", Recorder)
            assert refused.value.code == nacre.OPEN_ADMINISTRATIVELY_PROHIBITED
        for name in ("tcpip-forward", "streamlocal-forward@openssh.com"):
            assert await connection._link.global_request(name, b"") == (False, b"")
    assert all(name in caplog.text for name in everything)


@asynctest
async def test_methods_that_are_not_in_this_version_are_never_offered() -> None:
    everything = {
        "validate_gss_principal": True,
        "validate_ca_key": True,
    }
    assert await methods_of(answering(nacre.SSHServer, **everything)) == []
