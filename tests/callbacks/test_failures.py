"""What happens when a callback fails, row by row of the table in docs/design.md, in every kind of loop.

Row 1: authentication: a refusal, and the connection lives. Row 2: `connection_made`: no connection. Row 3: a
session's callback or handler: its channel ends with a failing status, the others live. Row 4:
`connection_lost`: reported. All of it reaches the loop's exception handler; a cancellation does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable
from typing import Any

import pytest

import nacre
from tests.support.face import (
    OpenServer,
    Recorder,
    SessionServer,
    asynctest,
    connect,
    connected,
    reported,
    serving,
    user_key,
)


def types_reported() -> list[type[BaseException]]:
    """Return the types; that of a SystemExit also where it was wrapped, so that it leaves the loop alone."""
    errors = (report["exception"] for report in reported())
    return [type(error.__cause__ or error) for error in errors]


async def forever() -> Any:
    await asyncio.Event().wait()


async def later(fail: Callable[[], Any]) -> Any:
    await asyncio.sleep(0)
    return fail()


def raises(error: type[BaseException] = ZeroDivisionError) -> Any:
    raise error


def failing_method(fail: Callable[[], Any]) -> Callable[..., Any]:
    return lambda self, *args: fail()


#: How a callback fails, and what is reported.
FAILURES: dict[str, tuple[Callable[[], Any], list[type[BaseException]]]] = {
    "raises": (raises, [ZeroDivisionError]),
    "raises later": (lambda: later(raises), [ZeroDivisionError]),
    "exits": (lambda: raises(SystemExit), [SystemExit]),
    "exits later": (lambda: later(lambda: raises(SystemExit)), [SystemExit]),
    "returns None": (lambda: None, []),
    "returns None later": (lambda: later(lambda: None), []),
    "is cancelled": (lambda: raises(asyncio.CancelledError), []),
    "is cancelled later": (lambda: later(lambda: raises(asyncio.CancelledError)), []),
    "takes too long": (forever, [TimeoutError]),
}


class Failing(nacre.SSHServer):
    """One of its callbacks fails in one way; "secret" is the password."""

    def __init__(self, callback: str, how: str, made: list[Any]) -> None:
        self._callback = callback
        self._fail = FAILURES[how][0]
        made.append(self)

    def _at(self, callback: str, otherwise: Any = False) -> Any:
        return self._fail() if callback == self._callback else otherwise

    def connection_made(self, conn: nacre.SSHServerConnection) -> None:
        self._conn = conn

    def begin_auth(self, username: str) -> bool:
        if self._fail is forever:  # the others have all the time that they need
            self._conn._auth()._limit = 0.01
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def kbdint_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: nacre.SSHKey) -> Any:
        return self._at("validate_public_key")

    def validate_password(self, username: str, password: str) -> Any:
        if password == "old":
            raise nacre.PasswordChangeRequired("choose another")
        return True if password == "secret" else self._at("validate_password")

    def change_password(self, username: str, old_password: str, new_password: str) -> Any:
        return self._at("change_password")

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return self._at("get_kbdint_challenge", ("", "", "", [("code:", True)]))

    def validate_kbdint_response(self, username: str, responses: Any) -> Any:
        return self._at("validate_kbdint_response")


class Persistent(nacre.SSHClient):
    """Tries everything once, and the right password last."""

    def __init__(self, *passwords: str) -> None:
        self._passwords = [*passwords, "secret"]
        self._submethods: list[str | None] = ["", None]

    def kbdint_auth_requested(self) -> Any:
        return self._submethods.pop(0) if self._submethods else None

    def kbdint_challenge_received(self, name: str, instructions: str, lang: str, prompts: Any) -> Any:
        return ["1234"] * len(prompts)

    def password_auth_requested(self) -> Any:
        return self._passwords.pop(0) if self._passwords else None

    def password_change_requested(self, prompt: str, lang: str) -> Any:
        return "old", "new"


@pytest.mark.parametrize(
    "callback",
    [
        "validate_public_key",
        "validate_password",
        "change_password",
        "get_kbdint_challenge",
        "validate_kbdint_response",
    ],
)
@asynctest
async def test_row_1_a_refusal_and_the_connection_lives(callback: str, loop_kind: str) -> None:
    passwords = {"validate_password": ["wrong"], "change_password": ["old"]}.get(callback, [])
    for how, (_, reports) in FAILURES.items():
        made: list[Any] = []
        async with (
            serving(server_factory=functools.partial(Failing, callback, how, made)) as listener,
            connected(
                listener, client_factory=lambda: Persistent(*passwords), client_keys=[user_key()]
            ) as connection,
        ):
            assert connection.get_extra_info("username") == "user"
            assert len(made) == 1
        assert types_reported() == reports, how


@pytest.mark.parametrize(
    "callback",
    ["begin_auth", "public_key_auth_supported", "password_auth_supported", "kbdint_auth_supported"],
)
@asynctest
async def test_row_1_where_it_is_not_known_what_is_asked_nobody_comes_in(callback: str) -> None:
    for how in ("raises", "raises later", "is cancelled", "is cancelled later"):
        fail, reports = FAILURES[how]
        server = type("Server", (Failing,), {callback: failing_method(fail)})
        async with serving(server_factory=functools.partial(server, "", how, [])) as listener:
            with pytest.raises(nacre.PermissionDenied, match="the server takes no method"):
                await connect(listener, password="secret")
        assert types_reported() == reports, how


@pytest.mark.parametrize(
    "callback",
    [
        "public_key_auth_requested",
        "kbdint_auth_requested",
        "kbdint_challenge_received",
        "password_change_requested",
    ],
)
@asynctest
async def test_row_1_a_client_gives_that_method_up_and_tries_the_next(callback: str, loop_kind: str) -> None:
    changing = callback == "password_change_requested"
    methods = ["publickey", "keyboard-interactive", "password"]
    if changing:
        methods = ["password", "keyboard-interactive"]

    class Server(Failing):
        def validate_kbdint_response(self, username: str, responses: Any) -> Any:
            return changing

    passwords = ["old"] if changing else []
    for how, (fail, reports) in FAILURES.items():
        if how == "takes too long":  # nothing limits how long a person thinks, but the login_timeout
            continue
        client = type("Client", (Persistent,), {callback: failing_method(fail)})
        async with (
            serving(server_factory=lambda: Server("", "raises", [])) as listener,
            connected(listener, client_factory=functools.partial(client, *passwords), preferred_auth=methods),
        ):
            pass
        assert types_reported() == reports, how


@pytest.mark.parametrize("where", ["factory", "connection_made", "connection_made as a coroutine"])
@asynctest
async def test_row_2_no_connection_and_connect_raises_it(where: str, loop_kind: str) -> None:
    lost: list[Any] = []

    class Client(nacre.SSHClient):
        def connection_made(self, conn: Any) -> Any:
            if where == "connection_made":
                raise ZeroDivisionError
            return later(lambda: None) if where.endswith("coroutine") else None

        def connection_lost(self, exc: Exception | None) -> None:
            lost.append(type(exc))

    factory = raises if where == "factory" else Client
    error = TypeError if where.endswith("coroutine") else ZeroDivisionError
    async with serving() as listener:
        with pytest.raises(error):
            await connect(listener, client_factory=factory)
        assert lost == ([] if where == "factory" else [error])
        assert types_reported() == [error]
        async with connected(listener):
            pass


@pytest.mark.parametrize("where", ["factory", "connection_made", "connection_made as a coroutine"])
@asynctest
async def test_row_2_on_a_server_too_which_goes_on(where: str, loop_kind: str) -> None:
    lost: list[Any] = []

    class Server(OpenServer):
        def connection_made(self, conn: Any) -> Any:
            if where == "connection_made":
                raise ZeroDivisionError
            return later(lambda: None) if where.endswith("coroutine") else None

        def connection_lost(self, exc: Exception | None) -> None:
            lost.append(type(exc))

    factories = [raises if where == "factory" else Server, OpenServer]
    error = TypeError if where.endswith("coroutine") else ZeroDivisionError
    async with serving(server_factory=lambda: factories.pop(0)()) as listener:
        with pytest.raises((nacre.ConnectionLost, ConnectionResetError)):
            await connect(listener)
        assert types_reported() == [error]
        async with connected(listener):
            pass
    assert lost == ([] if where == "factory" else [error])


SESSION_CALLBACKS = [
    "connection_made",
    "pty_requested",
    "exec_requested",
    "session_started",
    "data_received",
    "signal_received",
    "terminal_size_changed",
    "break_received",
    "eof_received",
]


@pytest.mark.parametrize("callback", SESSION_CALLBACKS)
@asynctest
async def test_row_3_a_session_callback_ends_its_channel_alone(callback: str, loop_kind: str) -> None:
    made: list[Any] = []

    def make() -> Recorder:
        session = Recorder()
        if len(made) == 1:  # the second one
            setattr(session, callback, lambda *args: raises())
        return session

    async with (
        serving(server_factory=lambda: SessionServer(make, made)) as listener,
        connected(listener) as connection,
    ):
        sibling = Recorder()
        chan, _ = await connection.create_session(lambda: sibling, "x")
        failing = Recorder()
        try:
            other, _ = await connection.create_session(lambda: failing, "x", term_type="vt100")
        except nacre.ChannelOpenError:
            assert callback in ("connection_made", "pty_requested", "exec_requested")
        else:
            with contextlib.suppress(BrokenPipeError):  # where the channel is closed already
                other.write("data")
                other.send_signal("TERM")
                other.change_terminal_size(1, 2)
                other.send_break(3)
                other.write_eof()
            await failing.closed.wait()
            assert other.get_exit_status() == 1
        assert types_reported() == [ZeroDivisionError]
        chan.write("still here")
        await made[0].until(lambda: made[0].text == "still here")
        assert not connection.is_closed()


@pytest.mark.parametrize("kind", ["process", "streams"])
@asynctest
async def test_row_3_a_handler_ends_its_channel_alone(kind: str, loop_kind: str) -> None:
    def fail(how: str) -> Any:
        return FAILURES[how][0]()

    def process(process: Any) -> Any:
        return process.exit(7) if process.command == "x" else fail(process.command)

    def streams(stdin: Any, stdout: Any, stderr: Any) -> Any:
        chan = stdin.channel
        return chan.exit(7) if chan.get_command() == "x" else fail(chan.get_command())

    options: dict[str, Any] = (
        {"process_factory": process} if kind == "process" else {"session_factory": streams}
    )
    async with serving(**options) as listener, connected(listener) as connection:
        for how in ("raises", "raises later", "exits", "exits later", "is cancelled", "is cancelled later"):
            assert (await connection.run(how)).exit_status == 1, how
            assert types_reported() == FAILURES[how][1], how
        assert (await connection.run("x")).exit_status == 7


@pytest.mark.parametrize("how", ["raises", "exits"])
@asynctest
async def test_row_4_the_last_callback_is_reported_and_stops_nothing(how: str, loop_kind: str) -> None:
    fail, errors = FAILURES[how]
    lost = {"connection_lost": lambda self, exc: fail()}
    made: list[Any] = []

    class Server(SessionServer):
        def __init__(self) -> None:
            super().__init__(type("Session", (Recorder,), lost), made)

        def connection_lost(self, exc: Exception | None) -> None:
            fail()

    client = type("Client", (nacre.SSHClient,), lost)
    session = type("Session", (Recorder,), lost)
    async with serving(server_factory=Server) as listener:
        connection = await connect(listener, client_factory=client)
        await connection.create_session(session, "x")
        connection.close()
        await connection.wait_closed()
    assert types_reported() == errors * 4


@asynctest
async def test_row_4_as_a_coroutine_it_is_named() -> None:
    class Client(nacre.SSHClient):
        async def connection_lost(self, exc: Exception | None) -> None:  # type: ignore[override]  # the mistake
            raise AssertionError("never run")

    async with serving() as listener, connected(listener, client_factory=Client):
        pass
    (report,) = reported()
    assert "connection_lost must be a plain function" in str(report["exception"])


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("callback", ["auth_banner_received", "auth_completed", "debug_msg_received"])
@asynctest
async def test_what_only_tells_is_reported_and_the_connection_lives(
    callback: str, asynchronous: bool, loop_kind: str
) -> None:
    fail = FAILURES["raises later" if asynchronous else "raises"][0]
    failing = {callback: lambda self, *args: fail()}

    class Server(OpenServer):
        def connection_made(self, conn: nacre.SSHServerConnection) -> None:
            conn.send_auth_banner("welcome")
            self.conn = conn

        def auth_completed(self) -> None:
            self.conn.send_debug("hello")

    for server, client, times in (
        (Server, type("Client", (nacre.SSHClient,), failing), 1),
        (type("Other", (OpenServer,), failing), nacre.SSHClient, callback != "auth_banner_received"),
    ):
        async with (
            serving(server_factory=server) as listener,
            connected(listener, client_factory=client) as connection,
        ):
            connection.send_debug("good day")
            await connection._link.global_request("turn", b"")
            await connection._link.global_request("turn", b"")
            assert not connection.is_closed()
        assert types_reported() == [ZeroDivisionError] * times
