"""The control socket: who may speak, how much, and what comes back. Real sockets throughout."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nacre.hub import control
from nacre.hub.control import ControlServer, HubNotRunning, call
from nacre.hub.paths import StatePaths, prepare
from nacre.hub.problem import HubProblem, StateError


@pytest.fixture
def paths(tmp_path: Path) -> StatePaths:
    return prepare(tmp_path / "state")


async def echo(arguments: Mapping[str, object]) -> object:
    return {"got": dict(arguments)}


async def refuse(arguments: Mapping[str, object]) -> object:
    raise HubProblem("no such thing\n", "ask for another")


async def crash(arguments: Mapping[str, object]) -> object:
    raise ZeroDivisionError("secret detail")


async def unspeakable(arguments: Mapping[str, object]) -> object:
    return object()


HANDLERS = {"echo": echo, "refuse": refuse, "crash": crash, "unspeakable": unspeakable}


def served(paths: StatePaths, work: Any, handlers: Mapping[str, control.Handler] = HANDLERS) -> Any:
    """Run `work`, a blocking function, against a server; return what it returns and what was reported."""
    reports: list[Mapping[str, Any]] = []

    async def main() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reports.append(context))
        server = ControlServer(paths, handlers)
        await server.start()
        try:
            return await asyncio.to_thread(work)
        finally:
            await server.close()
            assert asyncio.all_tasks() == {asyncio.current_task()}

    return asyncio.run(main()), reports


def raw(paths: StatePaths, data: bytes, *, half_close: bool = True) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(120)
        with control.socket_address(paths.control) as address:
            connection.connect(address)
        try:
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, OSError):
            pass
        reply = b""
        try:
            while part := connection.recv(65536):
                reply += part
        except ConnectionResetError:
            # So the kernel says that the request was not even read.
            pass
        return reply


def test_a_request_is_answered(paths: StatePaths) -> None:
    arguments = {"name": "Grüße\n", "n": 1, "none": None, "list": [1, "x"]}
    answer, reports = served(paths, lambda: call(paths, "echo", arguments))
    assert answer == {"got": arguments}
    assert reports == []


def test_only_the_owner_can_open_the_socket_and_it_goes_with_the_hub(paths: StatePaths) -> None:
    umask = os.umask(0)
    try:
        mode, _ = served(paths, lambda: stat.S_IMODE(paths.control.stat().st_mode))
    finally:
        os.umask(umask)
    assert mode == 0o600
    assert not os.path.lexists(paths.control)


def test_a_socket_that_a_killed_hub_left_is_replaced(paths: StatePaths) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(paths.control))
    with pytest.raises(HubNotRunning, match=r"no hub runs on .*; start one: nacre hub"):
        call(paths, "echo", {})
    assert served(paths, lambda: call(paths, "echo", {}))[0] == {"got": {}}


def test_no_hub(paths: StatePaths, tmp_path: Path) -> None:
    for where in (paths, StatePaths(tmp_path / "none", as_root=False)):
        with pytest.raises(HubNotRunning):
            call(where, "echo", {})


def test_a_long_path(tmp_path: Path) -> None:
    paths = prepare(tmp_path.joinpath(*["a-long-name"] * 12))
    assert served(paths, lambda: call(paths, "echo", {}))[0] == {"got": {}}


def test_a_refusal_is_the_commands_refusal(paths: StatePaths) -> None:
    def work() -> None:
        with pytest.raises(HubProblem, match=r"^no such thing\\n; ask for another$"):
            call(paths, "refuse", {})

    assert served(paths, work)[1] == []


@pytest.mark.parametrize("operation", ["crash", "unspeakable"])
def test_a_fault_is_reported_and_the_hub_lives(paths: StatePaths, operation: str) -> None:
    def work() -> object:
        with pytest.raises(HubProblem, match="the hub failed at this command; its log says why"):
            call(paths, operation, {})
        return call(paths, "echo", {})

    answer, reports = served(paths, work)
    assert answer == {"got": {}}
    assert len(reports) == 1
    assert isinstance(reports[0]["exception"], ZeroDivisionError | TypeError)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[]\n",
        b"null\n",
        b'"x"\n',
        b"\xff\xfe\n",
        b'{"operation": "echo"}\n',
        b'{"operation": ["echo"], "arguments": {}}\n',
        b'{"operation": "echo", "arguments": []}\n',
        b'{"operation": "none", "arguments": {}}\n',
        b"[" * 100_000 + b"\n",
        b'{"operation": "echo", "arguments": {}}',
        b"x" * (control.MAX_REQUEST + 10) + b"\n",
    ],
    ids=range(14),
)
def test_any_request_gets_a_refusal(paths: StatePaths, line: bytes) -> None:
    def work() -> bytes:
        reply = raw(paths, line)
        assert call(paths, "echo", {}) == {"got": {}}
        return reply

    reply, reports = served(paths, work)
    assert set(json.loads(reply)) == {"error"}
    assert reports == []


def test_a_silent_client_is_let_go(paths: StatePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "REQUEST_TIMEOUT", 0.05)
    reply, reports = served(paths, lambda: raw(paths, b'{"operation"', half_close=False))
    assert b"is not one line" in reply
    assert reports == []


def test_another_account_is_not_heard(paths: StatePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[object] = []

    async def hear(arguments: Mapping[str, object]) -> object:
        heard.append(arguments)
        return None

    def work() -> bytes:
        line = b'{"operation": "hear", "arguments": {}}\n'
        monkeypatch.setattr(control, "_peer_uid", lambda connection: os.geteuid() + 1)
        refused = raw(paths, line)
        monkeypatch.setattr(control, "_peer_uid", lambda connection: 0)
        assert raw(paths, line) == b'{"ok": null}\n'
        return refused

    assert served(paths, work, {"hear": hear})[0] == b""
    assert heard == [{}]


def test_the_kernel_says_who_speaks() -> None:
    one, two = socket.socketpair(socket.AF_UNIX)
    with one, two:
        assert control._peer_uid(one) == os.geteuid()


def test_closing_ends_what_still_runs(paths: StatePaths) -> None:
    async def main() -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def forever(arguments: Mapping[str, object]) -> object:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return None

        server = ControlServer(paths, {"forever": forever})
        await server.start()
        asking = asyncio.create_task(asyncio.to_thread(_ask_in_vain, paths))
        await begun.wait()
        await server.close()
        assert ended.is_set()
        await asking
        await server.close()

    asyncio.run(asyncio.wait_for(main(), 120))


def _ask_in_vain(paths: StatePaths) -> None:
    with pytest.raises(HubProblem, match="gave no answer; look at its log"):
        call(paths, "forever", {})


@pytest.mark.parametrize(
    "reply", [b"", b"\n", b"nonsense\n", b"[]\n", b"7\n", b'{"error": 1}\n', b'{"error": {}}\n', b"{}\n"]
)
def test_a_bad_answer_is_no_traceback(paths: StatePaths, reply: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(paths.control))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(HubProblem, match="gave no answer"):
            call(paths, "echo", {})
        thread.join()


def test_a_hub_that_hangs(paths: StatePaths) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(paths.control))
        listener.listen()
        with pytest.raises(HubProblem, match="does not answer; look at its log"):
            call(paths, "echo", {}, timeout=0.05)


def test_a_directory_in_the_sockets_place(paths: StatePaths) -> None:
    paths.control.mkdir()

    async def main() -> None:
        with pytest.raises(StateError, match=r"the control socket .* cannot be made: "):
            await ControlServer(paths, {}).start()

    asyncio.run(main())
    with pytest.raises(HubProblem):
        call(paths, "echo", {})
