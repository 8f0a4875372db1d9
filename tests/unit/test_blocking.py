"""The blocking client: calls, streams, threads, the end of things, and forks."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import nacre
from nacre import blocking
from tests.support.face import HOST, PASSWORD, PasswordServer, client_options, host_key

SOURCE = Path(__file__).resolve().parents[2] / "src"


async def handler(process: nacre.SSHServerProcess[Any]) -> None:
    """Do as the command says."""
    command, _, argument = (process.command or "").partition(" ")
    match command:
        case "exit":
            process.exit(int(argument))
        case "echo":
            async for line in process.stdin:
                process.stdout.write(line)
            process.stderr.write("the end\n")
            process.exit(0)
        case "typed":
            while text := await process.stdin.read(1):
                process.stdout.write(text)
            process.exit(0)
        case "signal":
            try:
                await process.stdin.read()
            except nacre.SignalReceived as error:
                process.exit_with_signal(error.signal)
        case "silent":
            await process.stdin.read()
            process.exit(0)
        case "size":
            try:
                await process.stdin.read()
            except nacre.TerminalSizeChanged as error:
                process.stdout.write(str(error.term_size))
                process.exit(0)
        case _:
            process.stdout.write(f"{command}\n")
            process.exit(0)


@contextmanager
def serving(**options: Any) -> Iterator[int]:
    """A server in a thread of its own; gives its port."""
    started: threading.Event = threading.Event()
    found: list[Any] = []

    async def main() -> None:
        done = asyncio.Event()
        listener = await nacre.listen(
            HOST,
            0,
            server_host_keys=[host_key()],
            server_factory=PasswordServer,
            process_factory=handler,
            errors="surrogateescape",
            acceptor=connections.append,
            **options,
        )
        async with listener:
            found.extend((listener.get_port(), asyncio.get_running_loop(), done))
            started.set()
            await done.wait()
        for connection in connections:
            connection.close()
            await connection.wait_closed()

    connections: list[nacre.SSHServerConnection] = []
    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    try:
        assert started.wait(30)
        port, loop, done = found
        yield port
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(30)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving() as port:
        yield port


@pytest.fixture
def connection(port: int) -> Iterator[blocking.Connection]:
    with blocking.connect(HOST, port, **client_options(password=PASSWORD)) as connection:
        yield connection
    assert connection.is_closed()


@pytest.fixture(autouse=True, scope="module")
def _no_thread_is_left() -> Iterator[None]:
    yield
    blocking._stop()
    assert "nacre.blocking" not in {thread.name for thread in threading.enumerate()}


def test_running(connection: blocking.Connection) -> None:
    assert connection.run("hello").stdout == "hello\n"
    assert connection.run("echo", input="a\nb\n").stdout == "a\nb\n"
    with pytest.raises(nacre.ProcessError):
        connection.run("exit 3", check=True)
    with pytest.raises(nacre.TimeoutError):
        connection.run("silent", timeout=0.05)
    assert connection.get_extra_info("username") == "user"
    key = connection.get_server_host_key()
    assert key is not None
    assert key.public_data == host_key().public_data


def test_a_process_with_streams(connection: blocking.Connection) -> None:
    with connection.create_process("echo") as process:
        process.stdin.write("one\n")
        assert process.stdout.readline() == "one\n"
        with pytest.raises(TimeoutError):
            process.stdout.readline(timeout=0.05)
        process.stdin.writelines(["two\n", "three\nfour;"])
        assert process.stdout.readuntil("thr") == "two\nthr"
        assert process.stdout.readexactly(3) == "ee\n"
        assert process.exit_status is None
        process.stdin.write_eof()
        assert list(process.stdout) == ["four;"]
        assert process.stdout.at_eof()
        assert process.stderr.read() == "the end\n"
        done = process.wait()
        assert (done.exit_status, process.exit_status, process.returncode) == (0, 0, 0)
    with connection.create_process("echo", encoding=None) as process:
        assert process.communicate(b"\xff\n") == (b"\xff\n", b"the end\n")


def test_a_time_limit_loses_nothing(connection: blocking.Connection) -> None:
    calls: list[Callable[[blocking.Reader, float | None], str]] = [
        lambda reader, limit: reader.readline(timeout=limit),
        lambda reader, limit: reader.readexactly(8, timeout=limit),
        lambda reader, limit: reader.readuntil(re.compile("l.", re.DOTALL), timeout=limit),
    ]
    for call in calls:
        with connection.create_process("typed") as process:
            process.stdin.write("par\xe4")
            assert process.stdout.readexactly(1) == "p"  # the rest is there, or on its way
            with pytest.raises(TimeoutError):
                call(process.stdout, 0.05)
            process.stdin.write("tial\n")
            assert call(process.stdout, None) == "ar\xe4tial\n"
            process.stdin.write("more")
            with pytest.raises(TimeoutError):
                process.stdout.read(timeout=0.05)
            process.stdin.write_eof()
            assert process.stdout.read() == "more"


def test_signals_and_sizes(connection: blocking.Connection) -> None:
    for send, name in (
        (blocking.Process.terminate, "TERM"),
        (blocking.Process.kill, "KILL"),
        (lambda process: process.send_signal("INT"), "INT"),
    ):
        with connection.create_process("signal") as process:
            send(process)
            process.wait()
            assert process.exit_signal[0] == name
    with connection.create_process("size", term_type="xterm", term_size=(80, 24)) as process:
        process.change_terminal_size(100, 30)
        assert process.stdout.read() == "(100, 30, 0, 0)"


def test_several_threads_on_one_connection(connection: blocking.Connection) -> None:
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda number: connection.run(f"exit {number}").exit_status, range(24)))
    assert results == list(range(24))


def test_large_data_with_back_pressure(connection: blocking.Connection) -> None:
    data = bytes(range(256)) * 4096
    with connection.create_process("echo", encoding=None) as process:

        def send() -> None:
            for start in range(0, len(data), 50_000):
                process.stdin.write(data[start : start + 50_000])
            process.stdin.write_eof()

        sender = threading.Thread(target=send)
        sender.start()
        assert process.stdout.read() == data
        sender.join()


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="this system has no signals for a thread")
def test_an_interrupt_ends_the_call_and_nothing_else(connection: blocking.Connection) -> None:
    main = threading.get_ident()

    def interrupt() -> None:
        connection.run("hello")
        signal.pthread_kill(main, signal.SIGINT)

    with connection.create_process("echo") as process:
        thread = threading.Thread(target=interrupt)

        def wait() -> None:
            thread.start()
            process.stdout.readline()

        with pytest.raises(KeyboardInterrupt):
            wait()
        thread.join()
        process.stdin.write("after it\n")
        assert process.stdout.readline() == "after it\n"


def test_an_interrupt_before_the_wait_leaves_nothing_behind(
    connection: blocking.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was handed to the loop, by a call that an interrupt ended there and then, must not take the next line."""
    loop = connection._thread._loop
    hand = loop.call_soon_threadsafe

    def interrupted(*args: Any, **keywords: Any) -> Any:
        monkeypatch.undo()
        hand(*args, **keywords)
        raise KeyboardInterrupt

    with connection.create_process("echo") as process:
        monkeypatch.setattr(loop, "call_soon_threadsafe", interrupted)
        with pytest.raises(KeyboardInterrupt):
            process.stdout.readline()
        process.stdin.write("after it\n")
        assert process.stdout.readline(timeout=60) == "after it\n"


def test_what_fails_comes_out(port: int) -> None:
    with pytest.raises(nacre.PermissionDenied):
        blocking.connect(HOST, port, **client_options(password="wrong"))
    with pytest.raises(nacre.HostKeyNotVerifiable):
        blocking.connect(HOST, port, **client_options(known_hosts=b""))
    with pytest.raises(OSError):
        blocking.connect(HOST, 1, **client_options())
    connection = blocking.connect(HOST, port, **client_options(password=PASSWORD))
    connection.abort()
    with pytest.raises(nacre.ChannelOpenError):
        connection.run("hello")
    connection.close()
    connection.close()
    with pytest.raises(nacre.ChannelOpenError):
        connection.create_process("hello")


def test_a_callback_must_not_wait_here(port: int) -> None:
    def password() -> str:
        with pytest.raises(RuntimeError, match="a callback runs in the loop's thread"):
            blocking.connect(HOST, port)
        return PASSWORD

    with blocking.connect(HOST, port, **client_options(password=password)) as connection:
        assert connection.run("exit 0").exit_status == 0


def test_through_another(connection: blocking.Connection) -> None:
    with pytest.raises(nacre.ChannelOpenError):
        connection.connect_ssh("far", **client_options())


def test_after_the_loop_was_stopped_the_next_connection_has_another(port: int) -> None:
    connection = blocking.connect(HOST, port, **client_options(password=PASSWORD))
    blocking._stop()
    assert connection.is_closed()
    with blocking.connect(HOST, port, **client_options(password=PASSWORD)) as another:
        assert another.run("hello").stdout == "hello\n"


PROGRAM = """
import os, sys
from nacre import blocking

options = {"config": None, "known_hosts": None, "username": "user", "client_keys": None, "password": sys.argv[2]}
connection = blocking.connect("127.0.0.1", int(sys.argv[1]), **options)
process = connection.create_process("echo")
child = os.fork()
if not child:
    try:
        for call in (lambda: connection.run("hello"), process.stdout.readline, connection.close):
            try:
                call()
            except RuntimeError as error:
                assert "forked" in str(error)
            else:
                raise AssertionError("not refused")
        with blocking.connect("127.0.0.1", int(sys.argv[1]), **options) as own:
            assert own.run("hello").stdout == "hello\\n"
    except BaseException as error:
        print(repr(error), flush=True)
        os._exit(1)
    sys.exit(0)  # with everything that happens at the end of a program
assert os.waitpid(child, 0)[1] == 0
process.stdin.write("still here\\n")
print(process.stdout.readline(), end="")
# Neither the process nor the connection is closed: the end of the program does it.
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_and_an_end_without_closing(port: int) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-W",
            "ignore::DeprecationWarning",
            "-c",
            PROGRAM,
            str(port),
            PASSWORD,
        ],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "still here\n", "")
