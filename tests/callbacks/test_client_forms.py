"""Every callback of a client: its default, each form of its answer, plain and as a coroutine, when it is asked."""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nacre
from tests.support.face import (
    HOST,
    OpenServer,
    PasswordServer,
    asynctest,
    connect,
    connected,
    host_key,
    reported,
    serving,
    user_key,
)


async def later(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


#: A plain answer, and the same from a coroutine.
WAYS: tuple[Callable[[Any], Any], ...] = (lambda value: value, later)


def answering(**answers: Any) -> type[nacre.SSHClient]:
    """Return a class whose callbacks are these functions."""

    def method(answer: Any) -> Any:
        return lambda self, *args: answer(*args)

    return type("Client", (nacre.SSHClient,), {name: method(answer) for name, answer in answers.items()})


class Everything(nacre.SSHServer):
    """Takes one key, one password, and one dialogue."""

    def public_key_auth_supported(self) -> bool:
        return True

    password_auth_supported = kbdint_auth_supported = public_key_auth_supported

    def validate_public_key(self, username: str, key: nacre.SSHKey) -> bool:
        return key.public_data == user_key().public_data

    def validate_password(self, username: str, password: str) -> bool:
        return password == "secret"

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return ("", submethods, "", [("one: ", True), ("two: ", False)])

    def validate_kbdint_response(self, username: str, responses: Any) -> bool:
        return list(responses) == ["1", "2"]


@asynctest
async def test_a_host_that_is_not_known_is_asked_about() -> None:
    asked: list[Any] = []
    async with serving() as listener:
        port = listener.get_port()
        other = nacre.import_known_hosts(
            f"[{HOST}]:{port} {nacre.generate_private_key('ssh-ed25519').export_public_key().decode()}"
        )
        for known, answer, way in itertools.product((b"", other), (True, 1, False, None, 0), WAYS):

            def validate(*args: Any, answer: Any = answer, way: Any = way) -> Any:
                asked.append(args)
                return way(answer)

            connecting = connect(
                listener, known_hosts=known, client_factory=answering(validate_host_public_key=validate)
            )
            if answer:
                async with await connecting as connection:
                    key = connection.get_server_host_key()
                    assert key is not None
                    assert key.public_data == host_key().public_data
            else:
                with pytest.raises(nacre.HostKeyNotVerifiable):
                    await connecting
            host, addr, asked_port, key = asked.pop()
            assert (host, addr, asked_port, key.public_data) == (HOST, HOST, port, host_key().public_data)
            assert not asked


@asynctest
async def test_a_host_that_is_known_is_not_asked_about_and_a_revoked_one_not_either() -> None:
    def never(*args: Any) -> bool:
        raise AssertionError("not asked")

    factory = answering(validate_host_public_key=never)
    public = host_key().export_public_key().decode()
    async with serving() as listener:
        where = f"[{HOST}]:{listener.get_port()}"
        for trusted in (None, f"{where} {public}".encode()):
            async with connected(listener, known_hosts=trusted, client_factory=factory):
                pass
        revoked = f"@revoked {where} {public}".encode()
        with pytest.raises(nacre.HostKeyNotVerifiable):
            await connect(listener, known_hosts=revoked, client_factory=factory)


@pytest.mark.parametrize("asynchronous", [False, True])
@asynctest
async def test_a_host_is_not_trusted_by_a_callback_that_fails(asynchronous: bool) -> None:
    async def fail_later(*args: Any) -> bool:
        raise ZeroDivisionError

    def fail(*args: Any) -> bool:
        raise ZeroDivisionError

    factory = answering(validate_host_public_key=fail_later if asynchronous else fail)
    async with serving() as listener:
        with pytest.raises(nacre.HostKeyNotVerifiable, match="to judge it failed with ZeroDivisionError"):
            await connect(listener, known_hosts=b"", client_factory=factory)
    assert [type(report["exception"]) for report in reported()] == [ZeroDivisionError]


@asynctest
async def test_the_forms_of_a_key(tmp_path: Path) -> None:
    path = tmp_path / "id"
    user_key().write_private_key(path)
    other = nacre.generate_private_key("ssh-ed25519")
    forms = [
        user_key(),
        str(path),
        path,
        [other, user_key()],
        path.read_bytes(),
        nacre.load_keypairs([user_key()])[0],
        nacre.load_keypairs([other, user_key()]),
    ]
    async with serving(server_factory=Everything) as listener:
        for form, way in itertools.product(forms, WAYS):
            answers = [form, other, None]
            factory = answering(public_key_auth_requested=lambda w=way, a=answers: w(a.pop(0)))
            async with connected(listener, client_factory=factory):
                assert len(answers) == 2
        for none, way in itertools.product((None, []), WAYS):
            factory = answering(public_key_auth_requested=lambda w=way, n=none: w(n))
            with pytest.raises(nacre.PermissionDenied):
                await connect(listener, client_factory=factory)
        # One after the other, until there are no more.
        answers = [other, other, user_key()]
        async with connected(
            listener, client_factory=answering(public_key_auth_requested=lambda: answers.pop(0))
        ):
            assert not answers


@asynctest
async def test_passwords_until_there_are_no_more() -> None:
    async with serving(server_factory=Everything) as listener:
        for way in WAYS:
            answers = ["wrong", "wronger", "secret"]
            factory = answering(password_auth_requested=lambda w=way, a=answers: w(a.pop(0)))
            async with connected(listener, client_factory=factory, preferred_auth="password"):
                assert not answers
            factory = answering(password_auth_requested=lambda w=way: w(None))
            with pytest.raises(nacre.PermissionDenied):
                await connect(listener, client_factory=factory)


@asynctest
async def test_a_password_of_the_options_comes_before_the_callback() -> None:
    def never() -> str:
        raise AssertionError("not asked")

    factory = answering(password_auth_requested=never)
    async with serving(server_factory=PasswordServer) as listener:
        async with connected(listener, client_factory=factory, password="secret"):
            pass
        with pytest.raises(nacre.PermissionDenied):
            await connect(listener, client_factory=factory, password="wrong")


@asynctest
async def test_dialogues() -> None:
    async with serving(server_factory=Everything) as listener:
        for submethods, way, sequence in itertools.product(("", "pam,skey"), WAYS, (list, tuple)):
            seen: list[Any] = []

            def answer(*args: Any, seen: list[Any] = seen, way: Any = way, sequence: Any = sequence) -> Any:
                seen.append(args)
                return way(sequence(["1", "2"]))

            factory = answering(
                kbdint_auth_requested=lambda w=way, s=submethods: w(s), kbdint_challenge_received=answer
            )
            async with connected(listener, client_factory=factory):
                pass
            ((name, instructions, lang, prompts),) = seen
            assert (name, instructions, lang) == ("", submethods, "")
            assert list(prompts) == [("one: ", True), ("two: ", False)]
        for way, none in itertools.product(WAYS, (None, NotImplemented)):
            for callbacks in (
                {"kbdint_auth_requested": lambda w=way, n=none: w(n)},
                {
                    "kbdint_auth_requested": lambda: "",
                    "kbdint_challenge_received": lambda *args, w=way, n=none: w(n),
                },
            ):
                with pytest.raises(nacre.PermissionDenied, match="nothing left to try"):
                    await connect(listener, client_factory=answering(**callbacks))
        # Without an answer here, the next method is tried.
        silent = answering(kbdint_auth_requested=lambda: "", kbdint_challenge_received=lambda *args: None)
        async with connected(listener, client_factory=silent, password="secret"):
            pass


@asynctest
async def test_banners_and_the_end_of_the_login() -> None:
    class Server(PasswordServer):
        def begin_auth(self, username: str) -> bool:
            for text in ("one\n", "zwei\n"):
                self.conn.send_auth_banner(text, "de")
            return True

    for way in WAYS:
        calls: list[Any] = []

        def note(*args: Any, calls: list[Any] = calls, way: Any = way) -> Any:
            calls.append(args)
            return way(None)

        factory = answering(auth_banner_received=note, auth_completed=functools.partial(note, "completed"))
        async with (
            serving(server_factory=Server) as listener,
            connected(listener, client_factory=factory, password="secret"),
        ):
            assert calls == [("one\n", "de"), ("zwei\n", "de"), ("completed",)]


@asynctest
async def test_auth_completed_comes_before_connect_returns_and_is_waited_for() -> None:
    steps: list[str] = []

    async def completed() -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        steps.append("completed")

    async with (
        serving(server_factory=OpenServer) as listener,
        connected(listener, client_factory=answering(auth_completed=completed)),
    ):
        steps.append("connected")
    assert steps == ["completed", "connected"]
