"""Programs that are asked for lines: keys of a user, names in certificates, keys of hosts.

Owns: how one is started, bounded and ended. Must not know: who asks, what the lines say, or whether the program may
be trusted.

No shell is started. What a program prints counts when it has ended with status 0, in time, and within the bounds;
anything else is a failure, and so a no. Whatever is left of it then, and whenever nobody waits for it any more, is
killed: its process group, which is one of its own.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, TypeVar

from nacre.aio.log import logger, plain
from nacre.aio.waiting import Waiters
from nacre.keys.files import MAX_FILE
from nacre.wire.record import record

__all__ = ["PATIENCE", "Command", "CommandFailed", "Identity", "asked"]

T = TypeVar("T")

#: Seconds that a program may take.
PATIENCE: Final = 30.0
#: Programs that run at the same time, for whomever.
_AT_ONCE: Final = 8
#: What of its stderr gets into the log, in bytes.
_COMPLAINTS: Final = 4096
#: Seconds between looks at what makes no event: that a program has ended, or that nobody waits for it.
_SOON, _LATER = 0.005, 0.5
#: Seconds until a program that was killed is given up: it is not ours to kill.
_GRACE: Final = 5.0
_PIECE: Final = 65536


class CommandFailed(Exception):
    """A program has printed nothing that counts; the message says why, in one line."""


@record
class Identity:
    """Whom a program runs as.

    Attributes:
        uid: the user's number.
        gid: that of the first group.
        groups: those of all groups, the first among them.
    """

    uid: int
    gid: int
    groups: tuple[int, ...]


@record
class Command:
    """A program and how it is started.

    Attributes:
        keyword: what it is called in messages.
        argv: its path, which is absolute, and its arguments.
        environment: its variables; None: those of this process.
        identity: whom it runs as; None: whom this process runs as.
        folder: where it is started; None: where this process is.
    """

    keyword: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] | None = None
    identity: Identity | None = None
    folder: str | None = None

    def failure(self, why: str) -> CommandFailed:
        """Return the error that says why there is no output."""
        return CommandFailed(f"{self.keyword} {plain(self.argv[0])}: {plain(why)}")


@lru_cache(1)
def _threads(process: int) -> Waiters:
    """Return the threads of a process; one that is forked off has none of them."""
    return Waiters("nacre-command", _AT_ONCE)


async def asked(
    make: Callable[[], Command], take: Callable[[bytes], T], about: tuple[Hashable, ...] = ()
) -> T:
    """Return what is made of what a program prints; other tasks run meanwhile. Who stops waiting ends the program.

    Args:
        make: returns the program; it may block, and raise CommandFailed.
        take: makes something of the output; it may take its time, and raise CommandFailed.
        about: whom it is run for: of those for any one of these, a few run at the same time.

    Raises:
        CommandFailed: it does not start, does not end with status 0 or in time, or prints too much.
        RuntimeError: the system has no thread left.
    """
    run = _Run(make)
    try:
        return await _threads(os.getpid()).call(lambda: take(run()), about)
    finally:
        run.stop()


class _Run:
    """One run of a program, in a thread."""

    def __init__(self, make: Callable[[], Command]) -> None:
        self._make = make
        self._stopped = False
        #: What is neither reaped nor given up. Its number, and its group's, stay its own until it is reaped.
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._output: list[bytes] = []
        self._complaints = b""

    def stop(self) -> None:
        """Have the program end now, if it runs; or never begin."""
        with self._lock:
            self._stopped = True
            self._kill()

    def __call__(self) -> bytes:
        """Return the output."""
        began = time.monotonic()
        self._command = self._make()
        process = self._start()
        try:
            with self._lock:
                self._process = process
            for stream in (process.stdout, process.stderr):
                assert stream is not None
                os.set_blocking(stream.fileno(), False)
            status = self._listen(process, began)
        finally:
            self._end()
            assert process.stdout is not None
            assert process.stderr is not None
            self._tell(_read(process.stderr.fileno()) or b"")
            process.stdout.close()
            process.stderr.close()
        if status is None:
            # The same as for a program that fails: with SIGCHLD ignored nobody is told how it has ended.
            raise self._command.failure("nobody knows how it has ended: is SIGCHLD ignored?")
        if status:
            how = f"status {status}" if status > 0 else f"signal {-status}"
            raise self._command.failure(f"it ended with {how}")
        return b"".join(self._output)

    def _start(self) -> subprocess.Popen[bytes]:
        command, who = self._command, self._command.identity
        if self._stopped:
            raise command.failure("nobody waits for it any more")
        if not hasattr(os, "killpg"):  # nor can pipes be waited for there
            raise command.failure("this system has no groups of processes, by which it could be ended")
        switched: dict[str, Any] = {}
        if who is not None:
            switched = {"user": who.uid, "group": who.gid, "extra_groups": who.groups}
        try:
            return subprocess.Popen(
                command.argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=command.folder,
                env=command.environment,
                start_new_session=True,
                **switched,
            )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise command.failure(f"it does not start: {error}") from None

    def _listen(self, process: subprocess.Popen[bytes], began: float) -> int | None:
        """Return the status when the output and the program have ended; None: it cannot be known."""
        command, length, pause = self._command, 0, _SOON
        with selectors.DefaultSelector() as selector:
            for stream in (process.stdout, process.stderr):
                assert stream is not None
                selector.register(stream, selectors.EVENT_READ)
            while True:
                ended = process.stdout not in selector.get_map()
                if ended and self._is_over():
                    return process.returncode if process.returncode != _UNKNOWN else None
                if self._stopped:
                    raise command.failure("nobody waits for it any more")
                left = began + PATIENCE - time.monotonic()
                if left <= 0:
                    raise command.failure(f"it did not end within {PATIENCE:g} seconds")
                ready = selector.select(min(left, pause if ended else _LATER))
                pause = min(2 * pause, _LATER) if ended else _SOON
                for key, _ in ready:
                    is_output = key.fileobj is process.stdout
                    piece = _read(key.fd)
                    if piece == b"":
                        selector.unregister(key.fileobj)
                    elif piece and is_output:
                        length += len(piece)
                        if length > MAX_FILE:
                            raise command.failure(f"it printed more than {MAX_FILE} bytes")
                        self._output.append(piece)
                    elif piece:
                        self._complaints += piece[: _COMPLAINTS - len(self._complaints)]

    def _is_over(self) -> bool:
        """Return whether the program has ended, and kill what it has left behind in its group."""
        with self._lock:
            return self._reap()

    def _reap(self) -> bool:
        """Return whether the program has ended; the lock is held."""
        process = self._process
        if process is None:
            return True
        try:
            if _PEEKS and not _has_ended(process.pid):
                return False
            # A group keeps its number for as long as anybody is in it, and then as long as the first is not reaped.
            if _PEEKS:
                self._kill()
            number, status = os.waitpid(process.pid, os.WNOHANG)
        except ChildProcessError:  # Popen would take this for status 0
            process.returncode = _UNKNOWN
        else:
            if not number:
                return False
            process.returncode = os.waitstatus_to_exitcode(status)
            if not _PEEKS:
                self._kill()
        self._process = None
        return True

    def _kill(self) -> None:
        """Kill the program and its group, if it runs or is not reaped; the lock is held."""
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError, ChildProcessError):
                if _PEEKS:
                    _has_ended(self._process.pid)  # somebody else has reaped it: the number may be another's
                os.killpg(self._process.pid, signal.SIGKILL)

    def _end(self) -> None:
        """Kill and reap what is still there."""
        deadline = time.monotonic() + _GRACE
        while True:
            with self._lock:
                self._kill()
                if self._reap():
                    return
            if time.monotonic() > deadline:
                break
            time.sleep(_SOON)
        logger.warning("%s %s cannot be ended", self._command.keyword, plain(self._command.argv[0]))

    def _tell(self, rest: bytes) -> None:
        """Write what it has complained of into the log."""
        text = (self._complaints + rest)[:_COMPLAINTS]
        for line in text.decode("utf-8", "replace").splitlines():
            if line.strip():
                logger.warning("%s %s: %s", self._command.keyword, plain(self._command.argv[0]), plain(line))


#: Whether this system tells that a process has ended without forgetting it; macOS does with Python 3.13.
_PEEKS: Final = hasattr(os, "waitid")


def _has_ended(number: int) -> bool:
    """Return whether a process of ours has ended, which keeps its number. ChildProcessError: it is none of ours."""
    return os.waitid(os.P_PID, number, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


#: The status of what somebody else has reaped: no program ends with it.
_UNKNOWN: Final = 256


def _read(descriptor: int) -> bytes | None:
    """Return what there is to read: b"" at the end, None for nothing yet."""
    try:
        return os.read(descriptor, _PIECE)
    except BlockingIOError:
        return None
