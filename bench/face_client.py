"""The client of nacre and of AsyncSSH: one program, the public names of both are the same.

Owns: the workloads as that client does them. Must not know: which of the two it is, and who serves.

    python -m bench.face_client SETTINGS.json
"""

from __future__ import annotations

import asyncio
import importlib
import json
import random
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from bench import measure
from bench.commands import ECHO, SINK, TRUE, WRITE, ZEROS, source
from bench.face_server import algorithms

#: Messages between two looks at whether the connection has gone on.
_BURST = 500


class Client:
    """The workloads. Each method returns its metrics."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.module = importlib.import_module(settings["client"])
        self.streams = settings["client_style"] == "streams"
        self._options = {
            "port": settings["port"],
            "username": settings["login"],
            "client_keys": [settings["user"]],
            "known_hosts": settings["known_hosts"],
            "agent_path": None,
            "config": [],
            **algorithms(settings),
        }

    def connect(self) -> Awaitable[Any]:
        """Log in."""
        connection: Awaitable[Any] = self.module.connect("127.0.0.1", **self._options)
        return connection

    def phase(self) -> measure.Phase:
        """Return what measures a phase here."""
        return measure.Phase(self.settings["server_pid"], forks=self.settings["forks"])

    # ------------------------------------------------------------ logins and sessions

    async def login(self) -> None:
        """Log in, run a command that does nothing, log out."""
        connection = await self.connect()
        done = await connection.run(TRUE)
        assert done.exit_status == 0
        connection.close()
        await connection.wait_closed()

    async def logins(self) -> dict[str, float]:
        """One after the other, then 16 at a time."""
        count, at_once = self.settings["count"], self.settings["count_at_once"]
        for _ in range(3):
            await self.login()
        times = []
        with self.phase() as phase:
            for _ in range(count):
                begin = time.perf_counter()
                await self.login()
                times.append(time.perf_counter() - begin)
        found = {"p50_ms": measure.percentile(times, 50) * 1e3, "p99_ms": measure.percentile(times, 99) * 1e3}
        found |= phase.costs("login", count, "ms")
        if at_once:
            with self.phase() as phase:
                await _in_parallel(16, at_once, self.login)
            found["at_once_per_s"] = at_once / phase.wall
            found |= phase.costs("at_once", at_once, "ms")
        return found

    async def sessions(self) -> dict[str, float]:
        """Commands on one connection, one after the other, then 32 in flight."""
        count, at_once = self.settings["count"], self.settings["count_at_once"]
        async with await self.connect() as connection:

            async def one() -> None:
                done = await connection.run(TRUE)
                assert done.exit_status == 0

            for _ in range(10):
                await one()
            with self.phase() as phase:
                for _ in range(count):
                    await one()
            found = {"per_s": count / phase.wall, **phase.costs("session", count, "us")}
            with self.phase() as phase:
                await _in_parallel(32, at_once, one)
            found["at_once_per_s"] = at_once / phase.wall
            return found | phase.costs("at_once", at_once, "us")

    # ------------------------------------------------------------ bulk

    async def bulk(self) -> dict[str, float]:
        """Down, then up, for about the seconds that were asked for.

        What a server that starts processes needs to begin is taken off, as it is of OpenSSH's client.
        """
        found: dict[str, float] = {}
        async with await self.connect() as connection:
            times = []
            for _ in range(5 if self.settings["forks"] else 0):
                begin = time.perf_counter()
                await connection.run(TRUE)
                times.append(time.perf_counter() - begin)
            beginning = measure.percentile(times, 50) if times else 0.0
            for name, transfer in (("down", self._down), ("up", self._up)):
                begin = time.perf_counter()
                await transfer(connection, self.settings["trial"])
                rate = self.settings["trial"] / max(time.perf_counter() - begin - beginning, 0.01)
                size = min(int(rate * self.settings["seconds"]), self.settings["size"]) // WRITE * WRITE
                with self.phase() as phase:
                    await transfer(connection, size)
                found |= bulk_metrics(name, size, phase, phase.wall - beginning)
        return found

    async def amount(self) -> dict[str, float]:
        """Down, then up, exactly the size that was asked for."""
        size = self.settings["size"]
        found: dict[str, float] = {}
        async with await self.connect() as connection:
            for name, transfer in (("down", self._down), ("up", self._up)):
                await transfer(connection, 16 * WRITE)
                with self.phase() as phase:
                    await transfer(connection, size)
                found |= bulk_metrics(name, size, phase, phase.wall)
        return found

    async def _down(self, connection: Any, size: int) -> None:
        command = source(self.settings["data"], size)
        got = 0
        if self.streams:
            process = await connection.create_process(command, encoding=None)
            with open("/dev/null", "wb", buffering=0) as sink:
                while data := await process.stdout.read(WRITE):
                    got += len(data)
                    sink.write(data)
            await process.wait()
        else:
            _, session = await connection.create_session(lambda: counter(self.module), command, encoding=None)
            got = await session.ended
        assert got == size, (got, size)

    async def _up(self, connection: Any, size: int) -> None:
        if self.streams:
            process = await connection.create_process(SINK, encoding=None)
            with open(self.settings["data"], "rb", buffering=0) as file:
                for _ in range(size // WRITE):
                    process.stdin.write(file.read(WRITE))
                    await process.stdin.drain()
            process.stdin.write_eof()
            await process.wait()
            assert process.exit_status == 0
            return
        chan, session = await connection.create_session(
            lambda: writer(self.module, ZEROS, size // WRITE), SINK, encoding=None
        )
        await session.ended
        assert chan.get_exit_status() == 0

    # ------------------------------------------------------------ small packets

    async def messages(self) -> dict[str, float]:
        """Messages of one byte, one way; the time ends when the server has counted the last one."""
        count = self.settings["count"]
        async with await self.connect() as connection:
            for number in (count // 10, count):
                with self.phase() as phase:
                    _, session = await connection.create_session(
                        lambda number=number: writer(self.module, b"x", number, _BURST), SINK, encoding=None
                    )
                    await session.ended
        return {"per_s": count / phase.wall, **phase.costs("message", count, "us")}

    async def echo(self) -> dict[str, float]:
        """Keys to a terminal, the next one when the last one has come back."""
        count = self.settings["count"]
        async with await self.connect() as connection:
            type_keys = self._type_to_stream if self.streams else self._type_to_callback
            return await type_keys(connection, count)

    async def _type_to_callback(self, connection: Any, count: int) -> dict[str, float]:
        chan, session = await connection.create_session(
            lambda: typist(self.module), ECHO, encoding=None, term_type="xterm", term_size=(80, 24)
        )
        await session.ready
        await session.type_keys(100)
        with self.phase() as phase:
            times = await session.type_keys(count)
        chan.close()
        return echo_metrics(times, phase)

    async def _type_to_stream(self, connection: Any, count: int) -> dict[str, float]:
        process = await connection.create_process(ECHO, encoding=None, term_type="xterm", term_size=(80, 24))
        assert await process.stdout.read(64) == b"R"
        write, read = process.stdin.write, process.stdout.read
        times = []
        for number in (100, count):
            times.clear()
            with self.phase() as phase:
                for _ in range(number):
                    begin = time.perf_counter()
                    write(b"x")
                    assert await read(64) == b"x"
                    times.append(time.perf_counter() - begin)
        process.close()
        return echo_metrics(times, phase)

    # ------------------------------------------------------------ many channels, many connections

    async def channels(self) -> dict[str, float]:
        """Keep many sessions on one connection, then type on each; speaks as `hold` does."""
        count = self.settings["count"]
        held: list[Any] = []
        async with await self.connect() as connection:

            async def one() -> None:
                _, session = await connection.create_session(
                    lambda: typist(self.module), ECHO, encoding=None, term_type="xterm", term_size=(80, 24)
                )
                await session.ready
                held.append(session)

            for _ in range(10):
                await one()
                chan = held.pop().chan
                chan.close()
                await chan.wait_closed()
            tell({"ready": True})
            await _a_line()
            with self.phase() as opening:
                await _in_parallel(32, count, one)
            tell({"held": len(held)})
            await _a_line()
            keys = max(10, 2000 // count)
            with self.phase() as typing:
                for session in held:
                    await session.type_keys(keys)
            return opening.costs("open", count, "us") | typing.costs("key", keys * count, "us")

    async def hold(self) -> dict[str, float]:
        """Keep many connections with a terminal each; says when it is ready, and when they are there.

        It waits for a line each time. Both ends have loaded what they need when it is ready.
        """
        count, rate = self.settings["count"], self.settings.get("rate", 0)
        held: list[Any] = []
        await self.login()
        tell({"ready": True})
        await _a_line()

        async def one() -> None:
            connection = await self.connect()
            _, session = await connection.create_session(
                lambda: typist(self.module), ECHO, encoding=None, term_type="xterm", term_size=(80, 24)
            )
            await session.ready
            held.append((connection, session))

        with self.phase() as phase:
            await _in_parallel(32, count, one)
        typing = [asyncio.create_task(_type_now_and_then(session, rate)) for _, session in held if rate]
        tell({"held": len(held)})
        await _a_line()
        for task in typing:
            task.cancel()
        alive = sum(not connection.is_closed() for connection, _ in held)
        found = {"per_s": count / phase.wall, "alive": float(alive), **phase.costs("login", count, "ms")}
        measure.answer(found)
        for connection, _ in held:
            connection.abort()
        return found


def bulk_metrics(name: str, size: int, phase: measure.Phase, seconds: float) -> dict[str, float]:
    """Return the rate, and the CPU of either side for each 32 KiB; `name` is "down" or "up"."""
    packets = size / measure.PACKET
    down = name == "down"
    sender, receiver = (phase.server, phase.client) if down else (phase.client, phase.server)
    return {
        f"{name}_MBps": size / measure.MB / seconds,
        f"{name}_MB": size / measure.MB,
        f"{name}_sender_us": sender / packets * 1e6,
        f"{name}_receiver_us": receiver / packets * 1e6,
        f"{name}_others": phase.others,
    }


def echo_metrics(times: list[float], phase: measure.Phase) -> dict[str, float]:
    """Return percentiles and the CPU for each key."""
    return {
        "p50_us": measure.percentile(times, 50) * 1e6,
        "p99_us": measure.percentile(times, 99) * 1e6,
        **phase.costs("key", len(times), "us"),
    }


async def _in_parallel(workers: int, count: int, one: Callable[[], Awaitable[None]]) -> None:
    numbers = iter(range(count))

    async def work() -> None:
        for _ in numbers:
            await one()

    await asyncio.gather(*[work() for _ in range(workers)])


async def _a_line() -> None:
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


async def _type_now_and_then(session: Any, rate: float) -> None:
    # By the clock, as the peers' figures were taken: who counts from when the last key came falls into step with all
    # others that were late in the same turn of the loop, for good, until most keys come in bunches.
    loop = asyncio.get_running_loop()
    due = loop.time() + random.random() / rate  # noqa: S311 - no secret: the keys must not come all at once
    while True:
        await asyncio.sleep(due - loop.time())
        session.chan.write(b"x")
        due += 1 / rate


# ------------------------------------------------------------ sessions


def _future() -> asyncio.Future[Any]:
    return asyncio.get_running_loop().create_future()


def counter(module: Any) -> Any:
    """Return a session that counts what comes and drops it; `ended` has the number."""

    class Counter(module.SSHClientSession):
        def __init__(self) -> None:
            self.ended = _future()
            self.got = 0

        def data_received(self, data: bytes, datatype: int | None) -> None:
            self.got += len(data)

        def connection_lost(self, exc: Exception | None) -> None:
            self.ended.set_result(self.got)

    return Counter()


def writer(module: Any, data: bytes, times: int, burst: int = 0) -> Any:
    """Return a session that writes `data` so many times; at most `burst` of them in one turn of the loop."""

    class Writer(module.SSHClientSession):
        def __init__(self) -> None:
            self.ended = _future()
            self.left = times
            self.paused = False

        def connection_made(self, chan: Any) -> None:
            self.chan = chan

        def session_started(self) -> None:
            self.pump()

        def pump(self) -> None:
            write, stop = self.chan.write, self.left - burst if burst else 0
            while self.left > max(stop, 0) and not self.paused:
                self.left -= 1
                write(data)
            if self.left and not self.paused:
                asyncio.get_running_loop().call_soon(self.pump)
            elif not self.left:
                self.left = -1
                self.chan.write_eof()

        def pause_writing(self) -> None:
            self.paused = True

        def resume_writing(self) -> None:
            self.paused = False
            if self.left > 0:
                self.pump()

        def connection_lost(self, exc: Exception | None) -> None:
            self.ended.set_result(None)

    return Writer()


def typist(module: Any) -> Any:
    """Return a session that types the next key when the last one comes back."""

    class Typist(module.SSHClientSession):
        def __init__(self) -> None:
            self.ready = _future()
            self.done: asyncio.Future[list[float]] | None = None

        def connection_made(self, chan: Any) -> None:
            self.chan = chan

        def data_received(self, data: bytes, datatype: int | None) -> None:
            if not self.ready.done():
                self.ready.set_result(None)
            elif self.done is not None and not self.done.done():
                now = time.perf_counter()
                self.times.append(now - self.begin)
                if len(self.times) == self.count:
                    self.done.set_result(self.times)
                else:
                    self.begin = now
                    self.chan.write(b"x")

        async def type_keys(self, count: int) -> list[float]:
            self.count = count
            self.times: list[float] = []
            self.done = _future()
            self.begin = time.perf_counter()
            self.chan.write(b"x")
            return await self.done

    return Typist()


def tell(what: dict[str, Any]) -> None:
    """Say something to the runner."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def main(settings: dict[str, Any]) -> None:
    """Do the workload of the settings."""
    client = Client(settings)
    found = await getattr(client, settings["workload"])()
    if settings["workload"] != "hold":
        measure.answer(found)


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(sys.argv[1]).read_text())))
