"""Exponentiations for Diffie-Hellman in finite fields: carried out in helper processes, on a budget.

Owns: the helpers of this process, which are started when they are first needed, and what each source
of connections may have them do. Must not know: key exchanges.

Python's `pow` keeps the interpreter to itself, for up to seconds with the largest numbers: a thread
would not help. A helper is a Python that reads numbers from its standard input and knows nothing
else; it ends when that input does, and so with this process, whatever happens to it.

A client makes a server compute for nothing (D(HE)at, CVE-2002-20001). So each source of connections
has a budget, in work and not in requests, and what is beyond it is refused. Within it, the helpers take
the sources in turn: who floods waits behind itself, and others wait for what is being computed.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from nacre.aio import limits
from nacre.aio.sources import parse_address, source_of
from nacre.crypto.kex.groups import Power
from nacre.errors import DisconnectError, DisconnectReason
from nacre.wire.record import fresh, record

#: At a lower priority than the process with the event loop, which has more urgent things to do.
_PROGRAM: Final = """
import os, sys
if hasattr(os, "nice"):
    os.nice(5)
for line in sys.stdin:
    base, exponent, modulus = (int(number, 16) for number in line.split())
    print(format(pow(base, exponent, modulus), "x"), flush=True)
"""
#: Work that takes about a second: an exponent of 512 bits modulo 4096 bits takes 50 ms.
_SECOND: Final = 20 * 512 * 4096**2


def work(powers: tuple[Power, ...]) -> float:
    """Return how much work it is, in seconds of a usual processor."""
    return sum(power.exponent.bit_length() * power.modulus.bit_length() ** 2 for power in powers) / _SECOND


@record
class Job:
    """What a key exchange waits for."""

    powers: tuple[Power, ...]
    done: Future[tuple[int, ...]] = fresh(default_factory=Future)


class Budget:
    """What each source may have computed.

    Args:
        clock: the monotonic time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        #: Work that a source has had done and not yet been forgiven, and when that was so.
        self._spent: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()  # of programs with more than one event loop

    def charge(self, source: str, seconds: float) -> None:
        """Charge a source.

        Args:
            source: an address of a client.
            seconds: of work.

        Raises:
            DisconnectError: its budget is used up.
        """
        with self._lock:
            allowed = self._charge(_customer(source), seconds)
        if not allowed:
            raise DisconnectError(
                DisconnectReason.TOO_MANY_CONNECTIONS,
                "too many Diffie-Hellman key exchanges from your address: try again later",
            )

    def _charge(self, source: str, seconds: float) -> bool:
        now = self._clock()
        spent, since = self._spent.pop(source, (0.0, now))
        spent = max(0.0, spent - (now - since) * limits.POWERS_REFILL)
        allowed = spent < limits.POWERS_BURST
        if allowed:
            spent += seconds
        self._spent[source] = (spent, now)
        if len(self._spent) > limits.POWERS_SOURCES:
            self._spent.pop(next(iter(self._spent)))  # who was heard of least recently
        return allowed


class Turns:
    """What waits for a helper: one of each source, in turn. Not for more than one thread at a time."""

    def __init__(self) -> None:
        self._of_source: dict[str, deque[Job]] = {}

    def put(self, source: str, job: Job) -> None:
        """Add a job behind those of its source."""
        self._of_source.setdefault(source, deque()).append(job)

    def take(self) -> Job:
        """Return the job whose turn it is; there must be one."""
        source = next(iter(self._of_source))
        jobs = self._of_source.pop(source)
        job = jobs.popleft()
        if jobs:
            self._of_source[source] = jobs  # behind all other sources
        return job


class Helpers:
    """Helper processes.

    Args:
        count: how many work at once, at most.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._threads: ThreadPoolExecutor | None = None
        self._mine = threading.local()
        self._processes: list[subprocess.Popen[str]] = []
        self._lock = threading.Lock()
        self._turns = Turns()
        self._waiting = 0

    @property
    def processes(self) -> int:
        """How many have been started."""
        return len(self._processes)

    async def compute(self, powers: tuple[Power, ...], source: str = "") -> tuple[int, ...]:
        """Return the results.

        Args:
            powers: what to compute.
            source: on whose behalf; the sources have their turn.

        Raises:
            DisconnectError: too many wait already.
            OSError: no helper can be started, or two have died over it.
        """
        job = Job(powers)
        threads = self._enter(source, job)
        try:
            threads.submit(self._work)
            return await asyncio.wrap_future(job.done)
        finally:
            with self._lock:
                self._waiting -= 1

    def _enter(self, source: str, job: Job) -> ThreadPoolExecutor:
        """Count one more that waits, and return the threads, which wait for the helpers' pipes."""
        with self._lock:
            if self._waiting >= limits.POWERS_WAITING:
                raise DisconnectError(
                    DisconnectReason.TOO_MANY_CONNECTIONS, "too many Diffie-Hellman key exchanges at once"
                )
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self._count, thread_name_prefix="nacre-powers")
                atexit.register(self.close)
            self._waiting += 1
            self._turns.put(source, job)
            return self._threads

    def _work(self) -> None:
        """Do what comes next, in a thread: as often as something was put there."""
        with self._lock:
            job = self._turns.take()
        if not job.done.set_running_or_notify_cancel():
            return  # whoever wanted it is gone
        try:
            job.done.set_result(self._compute(job.powers))
        except BaseException as error:  # noqa: BLE001 - it is raised where the job came from
            job.done.set_exception(error)

    def _compute(self, powers: tuple[Power, ...]) -> tuple[int, ...]:
        """Have the helper of this thread work; a new one where it has died."""
        try:
            return self._ask(powers)
        except BrokenPipeError:
            helper, self._mine.helper = self._mine.helper, None
            with self._lock:
                self._processes.remove(helper)
            _end(helper)
            return self._ask(powers)

    def _ask(self, powers: tuple[Power, ...]) -> tuple[int, ...]:
        helper: subprocess.Popen[str] | None = getattr(self._mine, "helper", None)
        if helper is None:
            helper = self._mine.helper = self._start()
        assert helper.stdin is not None
        assert helper.stdout is not None
        results = []
        for power in powers:
            helper.stdin.write(f"{power.base:x} {power.exponent:x} {power.modulus:x}\n")
            helper.stdin.flush()
            line = helper.stdout.readline()
            if not line:
                raise BrokenPipeError("a helper process for key exchanges has died")
            results.append(int(line, 16))
        return tuple(results)

    def _start(self) -> subprocess.Popen[str]:
        if not sys.executable or getattr(sys, "frozen", False):
            raise OSError("Diffie-Hellman needs a Python interpreter to run as a helper, and there is none")
        helper = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="ascii",
        )
        with self._lock:
            self._processes.append(helper)
        return helper

    def close(self) -> None:
        """End the helpers, after what they are at."""
        if self._threads is not None:
            self._threads.shutdown()
            self._threads = None
            atexit.unregister(self.close)
        processes, self._processes = self._processes, []
        self._mine = threading.local()
        for helper in processes:
            _end(helper)


_helpers = Helpers(min(limits.POWERS_HELPERS, os.cpu_count() or 1))
_budget = Budget()


def _end(helper: subprocess.Popen[str]) -> None:
    """Let a helper end, and wait for it."""
    with contextlib.suppress(BrokenPipeError), helper:  # closes the pipes and waits
        pass


async def compute(powers: tuple[Power, ...], source: str | None = None) -> tuple[int, ...] | DisconnectError:
    """Carry out what a key exchange asks for.

    Args:
        powers: what to compute.
        source: the address of the client on whose behalf a server does; None: no budget.

    Returns:
        The results, or why they are refused.
    """
    try:
        if source is None:
            return await _helpers.compute(powers)
        _budget.charge(source, work(powers))
        return await _helpers.compute(powers, _customer(source))
    except DisconnectError as error:
        return error


def _customer(address: str) -> str:
    """Return who an address belongs to; a UNIX socket has none, and is one of its own."""
    try:
        return source_of(parse_address(address))
    except ValueError:
        return address


def _forget_after_fork() -> None:
    """The helpers are the parent's: a child process has its own."""
    global _helpers  # noqa: PLW0603 - what belongs to a process is kept for the process
    _helpers = Helpers(_helpers._count)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
