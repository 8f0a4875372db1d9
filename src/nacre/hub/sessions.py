"""The hub's side of the sessions: starting holders, attaching to them, finding them again.

Owns: `SessionManager`, `Attachment`, and the record and socket of each session in STATE/run. Must
not know: SSH, what an app is, who the users are. Linux.

A session is a holder process (`nacre.hub.holder`) that needs no hub. Its socket is made here and
inherited, so that a holder under a user's uid has no access to the state; beside it lies a record
from which the next hub finds a session that outlived this one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final, Self

from nacre.hub import frames
from nacre.hub.environment import child_environment, prepare_home
from nacre.hub.frames import Frame, FrameError, FrameReader
from nacre.hub.homes import ensure_home
from nacre.hub.isolation import Isolation
from nacre.hub.paths import StatePaths, socket_address
from nacre.hub.problem import HubProblem, os_problem

__all__ = ["Attachment", "Ending", "EndingKind", "SessionInfo", "SessionManager", "StartError", "Terminal"]

_log: Final = logging.getLogger("nacre.hub")

_READ: Final = 64 * 1024
_START_SECONDS: Final = 30.0
#: A holder needs a few seconds for HUP, TERM and KILL; one that takes longer is stuck.
_END_SECONDS: Final = 12.0
_ATTACH_SECONDS: Final = 10.0
_ANSWER: Final = 4096
#: The longest sentence, and the longest name of a signal, that a holder can have to say.
_SENTENCE: Final = 200
_SIGNAL_NAME: Final = 16
_BOOT: Final = "import sys; sys.path.insert(0, sys.argv[1]); from nacre.hub.holder import main; main()"


class StartError(HubProblem):
    """A session did not start."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """A client's terminal.

    Attributes:
        term: its type, as TERM.
        modes: terminal modes by opcode (RFC 4254 section 8).
    """

    term: str
    columns: int
    rows: int
    width_pixels: int = 0
    height_pixels: int = 0
    modes: Mapping[int, int] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int, int, int]:
        """Columns, rows, width and height in pixels, within what a PTY takes; 80x24 for none."""
        sizes = (self.columns or 80, self.rows or 24, self.width_pixels, self.height_pixels)
        columns, rows, width, height = (min(max(value, 0), 0xFFFF) for value in sizes)
        return columns, rows, width, height


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A running session.

    Attributes:
        started: seconds since the epoch.
        state: "attached" or "detached".
        pid: the holder's.
    """

    id: str
    user: str
    app: str
    started: float
    state: str
    pid: int


class EndingKind(Enum):
    """Why an attachment ended."""

    EXIT = "exit"
    SIGNAL = "signal"
    DETACHED = "detached"  # by us, or taken over by another login
    LOST = "lost"  # the holder went away without a word


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attachment ended.

    Attributes:
        status: the exit status, for EXIT.
        signal: the signal's name without SIG, for SIGNAL.
        text: a sentence for the user, for DETACHED and LOST.
    """

    kind: EndingKind
    status: int | None = None
    signal: str | None = None
    text: str = ""


class Attachment:
    """Being the viewer of a session. Iterate over it for the terminal's bytes, which end with those
    that restore the client's terminal; then `ending` says why. Close it when done.

    Args:
        closed: told once, when it is closed.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        closed: Callable[[Attachment], None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._closed: Callable[[Attachment], None] | None = closed
        self._frames = FrameReader()
        self._arrived: deque[tuple[Frame, bytes]] = deque()
        self.ending: Ending | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Return the next bytes of the terminal."""
        while self.ending is None:
            while self._arrived:
                kind, payload = self._arrived.popleft()
                if kind is not Frame.OUTPUT:
                    self.ending = _ending(kind, payload)
                    break
                if payload:
                    return payload
            else:
                await self._receive()
        self.close()
        raise StopAsyncIteration

    async def _receive(self) -> None:
        try:
            data = await self._reader.read(_READ)
            self._arrived.extend(self._frames.feed(data))
        except (OSError, FrameError):
            data = b""
        if not data:
            self.ending = Ending(EndingKind.LOST, text="the session ended unexpectedly")

    async def write(self, data: bytes) -> None:
        """Give bytes to the program; waits while it does not read."""
        for start in range(0, len(data), _READ):
            self._writer.write(frames.encode(Frame.INPUT, data[start : start + _READ]))
        with contextlib.suppress(OSError):  # the reader's side tells how it ended
            await self._writer.drain()

    def resize(self, columns: int, rows: int, width_pixels: int = 0, height_pixels: int = 0) -> None:
        """Change the terminal's size; 0 columns or rows are not passed on."""
        if columns and rows:
            self._writer.write(frames.encode_size(Frame.RESIZE, columns, rows, width_pixels, height_pixels))

    def signal(self, name: str) -> None:
        """Send a signal, named without SIG, to the foreground process group."""
        if name.isascii() and name.isalnum():
            self._writer.write(frames.encode(Frame.SIGNAL, name.encode()))

    def detach(self) -> None:
        """Stop being the viewer; the last output and the ending follow."""
        if not self._writer.is_closing():
            self._writer.write(frames.encode(Frame.DETACH))

    def close(self) -> None:
        """Go away at once, as when the client is gone: the session is detached."""
        self._writer.close()
        if self._closed is not None:
            closed, self._closed = self._closed, None
            closed(self)


def _ending(kind: Frame, payload: bytes) -> Ending:
    """Read the last frame. The holder runs as the user, so nothing of it is taken for granted."""
    if kind is Frame.DETACHED:
        return Ending(EndingKind.DETACHED, text=payload[:_SENTENCE].decode("utf-8", "replace"))
    if kind is Frame.EXIT:
        try:
            value = json.loads(payload)
        except (ValueError, RecursionError):
            value = None
        match value:
            case {"signal": str(name)} if name.isascii() and name.isalnum() and len(name) <= _SIGNAL_NAME:
                return Ending(EndingKind.SIGNAL, signal=name)
            case {"status": int(status)}:
                return Ending(EndingKind.EXIT, status=status & 0xFF)
    return Ending(EndingKind.LOST, text="the session's holder broke the rules")


class _Session:
    """What the hub knows of one holder."""

    def __init__(self, info: SessionInfo, pidfd: int, process: subprocess.Popen[bytes] | None) -> None:
        self.info = info
        self.pidfd = pidfd
        self.process = process
        self.viewers = 0
        self.gone = asyncio.Event()


class SessionManager:
    """All sessions of one hub.

    Args:
        paths: the state.
        isolation: how users are kept apart.
        python: the interpreter that runs holders.
        detached: seconds for which a session without a viewer goes on; 0: it ends at once.
        on_end: told of every session that is gone.
    """

    def __init__(
        self,
        paths: StatePaths,
        isolation: Isolation,
        *,
        python: str = sys.executable,
        detached: float = 3600.0,
        on_end: Callable[[SessionInfo], None] | None = None,
    ) -> None:
        self._paths = paths
        self._isolation = isolation
        self._python = python
        self._detached = detached
        self._on_end = on_end
        self._sessions: dict[str, _Session] = {}
        self._attachments: dict[Attachment, _Session] = {}

    def _socket(self, session_id: str) -> Path:
        return self._paths.run / f"{session_id}.sock"

    def _record(self, session_id: str) -> Path:
        return self._paths.run / f"{session_id}.json"

    # ------------------------------------------------------------ starting

    async def start(
        self,
        user: str,
        app: str,
        argv: Sequence[str],
        terminal: Terminal,
        environment: Mapping[str, str],
        *,
        uid: int = 0,
        more_names: Iterable[str] = (),
    ) -> SessionInfo:
        """Start a session; attach to it next.

        Args:
            user: whose.
            app: its app's name.
            argv: an absolute path and arguments.
            terminal: the client's.
            environment: what the client asked to set; an allow list decides.
            uid: the user's, for the isolation that needs it.
            more_names: further names or patterns that the client may set.

        Raises:
            StartError: it did not start; one line says why.
        """
        credentials = self._isolation.credentials(uid)
        home = ensure_home(self._paths, user, credentials.uid)
        prepare_home(home, credentials.uid)
        session_id = f"{user}-{secrets.token_hex(4)}"
        settings = {
            "argv": self._isolation.wrap(argv, self._paths, home),
            "environment": child_environment(user, home, terminal.term, environment, more_names),
            "home": str(home),
            "size": terminal.size,
            "modes": {str(opcode): value for opcode, value in terminal.modes.items()},
            "detached": self._detached,
            "owner": os.geteuid(),
        }
        process = await self._start_holder(session_id, app, settings, credentials.uid)
        info = SessionInfo(session_id, user, app, time.time(), "detached", process.pid)
        self._write_record(info)
        self._adopt(info, process)
        return info

    async def _start_holder(
        self, session_id: str, app: str, settings: dict[str, Any], uid: int | None
    ) -> subprocess.Popen[bytes]:
        path = self._socket(session_id)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with socket_address(path) as address:
                listener.bind(address)
            os.chmod(path, 0o600)
            listener.listen(8)
            process = self._spawn(listener, settings, uid)
        except OSError as error:
            path.unlink(missing_ok=True)
            raise StartError(f"app {app}: no session could be started: {os_problem(error)}") from error
        finally:
            listener.close()
        answer = await self._answer(process)
        if not answer.startswith("ready "):
            process.kill()
            process.wait()
            path.unlink(missing_ok=True)
            # Of a traceback the last line says what it is.
            last = answer.strip().rpartition("\n")[2]
            why = last.removeprefix("failed ").strip() or "its holder did not start"
            raise StartError(f"app {app}: {settings['argv'][0]} could not be started: {why}")
        return process

    def _spawn(
        self, listener: socket.socket, settings: dict[str, Any], uid: int | None
    ) -> subprocess.Popen[bytes]:
        settings |= {"listener": listener.fileno(), "uid": uid}
        # Nothing here may wait for the holder, since the whole hub would wait with it. The settings go
        # into a file in memory and not into a pipe that somebody has to read. And the holder takes its
        # user's uid on by itself: a child of ours that had it before its exec could be stopped by a
        # process of that user, and Popen waits for the exec.
        with os.fdopen(os.memfd_create("settings"), "wb+") as file:
            file.write(json.dumps(settings).encode())
            file.flush()
            file.seek(0)
            return subprocess.Popen(
                [self._python, "-I", "-B", "-c", _BOOT, str(Path(__file__).resolve().parents[2])],
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,  # never ours: that may be an administrator's terminal
                pass_fds=(listener.fileno(),),
                start_new_session=True,
                cwd="/",
                env={"LANG": "C.UTF-8"},
                umask=0o077,
            )

    async def _answer(self, process: subprocess.Popen[bytes]) -> str:
        """Read the holder's one line, or all that it says where it fails."""
        loop = asyncio.get_running_loop()
        if process.stdout is None:
            raise RuntimeError("Popen made no pipe")
        reader = asyncio.StreamReader(limit=_ANSWER)
        transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), process.stdout
        )
        answer = b""
        try:
            async with asyncio.timeout(_START_SECONDS):
                while not (answer.startswith(b"ready ") and b"\n" in answer) and len(answer) < _ANSWER:
                    data = await reader.read(_ANSWER)
                    if not data:
                        break
                    answer += data
        except TimeoutError:
            return ""
        finally:
            transport.close()
        return answer.decode("utf-8", "replace")

    def _write_record(self, info: SessionInfo) -> None:
        record = {
            "id": info.id,
            "user": info.user,
            "app": info.app,
            "started": info.started,
            "pid": info.pid,
            "born": _birth(info.pid),
        }
        path = self._record(info.id)
        temporary = path.with_suffix(".new")
        with open(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w"
        ) as file:
            json.dump(record, file)
        temporary.replace(path)

    def _adopt(self, info: SessionInfo, process: subprocess.Popen[bytes] | None) -> None:
        session = _Session(info, os.pidfd_open(info.pid), process)
        self._sessions[info.id] = session
        asyncio.get_running_loop().add_reader(session.pidfd, self._holder_gone, session)

    def _holder_gone(self, session: _Session) -> None:
        """A holder's process has ended, and with it everything of its session."""
        asyncio.get_running_loop().remove_reader(session.pidfd)
        os.close(session.pidfd)
        if session.process is not None and (status := session.process.wait()):
            _log.warning("session %s: its holder ended with status %d", session.info.id, status)
        self._sweep(session.info.id)
        self._sessions.pop(session.info.id, None)
        session.gone.set()
        if self._on_end is not None:
            self._on_end(session.info)

    def _sweep(self, session_id: str) -> None:
        for path in (self._socket(session_id), self._record(session_id)):
            path.unlink(missing_ok=True)

    async def recover(self) -> None:
        """Find the sessions that outlived the last hub, and sweep what the dead ones left."""
        for path in sorted(self._paths.run.glob("*.json")):
            info = _read_record(path)
            if info is None:
                self._sweep(path.stem)
            elif info.id not in self._sessions:
                self._adopt(info, None)
        for path in (*self._paths.run.glob("*.sock"), *self._paths.run.glob("*.new")):
            if path.stem not in self._sessions:
                path.unlink(missing_ok=True)

    # ------------------------------------------------------------ attaching

    async def attach(self, session_id: str, terminal: Terminal) -> Attachment:
        """Become the viewer of a session; whoever was it is told so and leaves.

        Raises:
            HubProblem: there is no such session any more.
        """
        session = self._sessions.get(session_id)
        if session is None:
            raise HubProblem(f"session {session_id} is not there any more")
        try:
            with socket_address(self._socket(session_id)) as address:
                async with asyncio.timeout(_ATTACH_SECONDS):
                    reader, writer = await asyncio.open_unix_connection(address)
        except (OSError, TimeoutError):
            raise HubProblem(f"session {session_id} has just ended") from None
        writer.write(frames.encode_size(Frame.ATTACH, *terminal.size))
        attachment = Attachment(reader, writer, self._viewer_left)
        self._attachments[attachment] = session
        session.viewers += 1
        return attachment

    def _viewer_left(self, attachment: Attachment) -> None:
        self._attachments.pop(attachment).viewers -= 1

    def sessions(self, user: str | None = None) -> list[SessionInfo]:
        """The running sessions, of one user or of all, oldest first."""
        found = []
        for session in self._sessions.values():
            info = session.info
            if user is None or info.user == user:
                state = "attached" if session.viewers else "detached"
                found.append(SessionInfo(info.id, info.user, info.app, info.started, state, info.pid))
        return sorted(found, key=lambda info: info.started)

    # ------------------------------------------------------------ ending

    async def end(self, session_id: str) -> bool:
        """End a session, and wait until nothing of it is left.

        Returns:
            Whether there was one.
        """
        session = self._sessions.get(session_id)
        if session is None:
            return False
        await self._tell_to_end(session)
        try:
            await asyncio.wait_for(session.gone.wait(), _END_SECONDS)
        except TimeoutError:
            # A stuck holder: without it, its descendants fall to the kernel's mercy, so they go first.
            self._kill_all(session)
            await session.gone.wait()
        return True

    async def _tell_to_end(self, session: _Session) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            with socket_address(self._socket(session.info.id)) as address:
                async with asyncio.timeout(_ATTACH_SECONDS):
                    _, writer = await asyncio.open_unix_connection(address)
            writer.write(frames.encode(Frame.END))
            await writer.drain()
            writer.close()

    def _kill_all(self, session: _Session) -> None:
        from nacre.hub.holder import descendants

        for pid in (*descendants(session.info.pid), session.info.pid):
            # What has become another's, as sudo does, takes no signal of ours.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    async def end_user(self, user: str) -> int:
        """End all sessions of a user; returns how many there were."""
        ids = [info.id for info in self.sessions(user)]
        return sum(await asyncio.gather(*(self.end(session_id) for session_id in ids)))

    async def close(self) -> None:
        """Let go of the holders, which live on."""
        for attachment in list(self._attachments):
            attachment.close()
        loop = asyncio.get_running_loop()
        for session in self._sessions.values():
            loop.remove_reader(session.pidfd)
            os.close(session.pidfd)
            if session.process is not None:
                session.process.returncode = 0  # it outlives us on purpose: Popen is not to warn
        self._sessions.clear()


def _birth(pid: int) -> int | None:
    """When a process started, in clock ticks since boot: with the pid, its name for all time."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    return int(stat.rpartition(b")")[2].split()[19])


def _read_record(path: Path) -> SessionInfo | None:
    """Read the record of a session whose holder is still the process that it was."""
    try:
        record = json.loads(path.read_bytes())
        info = SessionInfo(
            str(record["id"]),
            str(record["user"]),
            str(record["app"]),
            float(record["started"]),
            "detached",
            int(record["pid"]),
        )
        born = record["born"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if info.id != path.stem or born is None or _birth(info.pid) != born:
        return None
    return info
