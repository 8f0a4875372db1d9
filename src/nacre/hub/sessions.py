"""The hub's side of the sessions: starting holders, attaching to them, finding them again.

Owns: `SessionManager`, and the record and socket of each session in STATE/run. Must
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
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from nacre.hub import frames
from nacre.hub.attachment import Attachment
from nacre.hub.environment import child_environment, prepare_home
from nacre.hub.frames import Frame
from nacre.hub.homes import ensure_home
from nacre.hub.isolation import Isolation
from nacre.hub.paths import StatePaths, socket_address
from nacre.hub.problem import HubProblem, StateError, one_line, os_problem

__all__ = ["SessionInfo", "SessionManager", "StartError", "Terminal"]

_log: Final = logging.getLogger("nacre.hub")

_START_SECONDS: Final = 30.0
#: A holder needs a few seconds for HUP, TERM and KILL; one that takes longer is stuck.
_END_SECONDS: Final = 12.0
_ATTACH_SECONDS: Final = 10.0
_ANSWER: Final = 4096
#: The most of a holder's words in a line of the log.
_LONGEST_REASON: Final = 300
_NEW_FILE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_BOOT: Final = "import sys; sys.path.insert(0, sys.argv[1]); from nacre.hub.{} import main; main()"
#: Ending what a killed holder left takes milliseconds, or the machine is in trouble.
_SWEEP_SECONDS: Final = 30.0


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


class _Session:
    """What the hub knows of one holder."""

    def __init__(
        self, info: SessionInfo, uid: int | None, pidfd: int, process: subprocess.Popen[bytes] | None
    ) -> None:
        self.info = info
        self.uid = uid  # the user's own; None: the hub's
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
        owns_uid: tells whether a uid is a user's of this state and nobody else's, so that whatever runs
            under it may be killed. None is, unless somebody says so.
    """

    def __init__(
        self,
        paths: StatePaths,
        isolation: Isolation,
        *,
        python: str = sys.executable,
        detached: float = 3600.0,
        on_end: Callable[[SessionInfo], None] | None = None,
        owns_uid: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self._paths = paths
        self._isolation = isolation
        self._python = python
        self._detached = detached
        self._on_end = on_end
        self._owns_uid = owns_uid
        self._sessions: dict[str, _Session] = {}
        self._attachments: dict[Attachment, _Session] = {}
        #: For each uid: a session starts, or what a killed one left is swept; never both.
        self._turns: dict[int | None, asyncio.Lock] = {}
        self._sweeps: set[asyncio.Task[None]] = set()

    def _turn(self, uid: int | None) -> asyncio.Lock:
        return self._turns.setdefault(uid, asyncio.Lock()) if uid is not None else asyncio.Lock()

    def _boot(self, module: str) -> list[str]:
        """The start of a command line that runs a module of the hub with the standard library alone."""
        return [
            self._python,
            "-I",
            "-B",
            "-c",
            _BOOT.format(module),
            str(Path(__file__).resolve().parents[2]),
        ]

    def _socket(self, session_id: str) -> Path:
        return self._paths.run / f"{session_id}.sock"

    def _record(self, session_id: str) -> Path:
        return self._paths.run / f"{session_id}.json"

    def _failure(self, session_id: str) -> Path:
        """Where a holder writes why it failed: it may be another hub that reads it."""
        return self._paths.run / f"{session_id}.log"

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
        async with self._turn(credentials.uid):
            process = await self._start_holder(session_id, app, settings, credentials.uid)
            info = SessionInfo(session_id, user, app, time.time(), "detached", process.pid)
            self._write_record(info, credentials.uid)
            self._adopt(info, credentials.uid, process)
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
            failure = os.open(self._failure(session_id), _NEW_FILE, 0o600)
            try:
                process = self._spawn(listener, failure, settings, uid)
            finally:
                os.close(failure)
        except OSError as error:
            self._sweep(session_id)
            raise StartError(f"app {app}: no session could be started: {os_problem(error)}") from error
        finally:
            listener.close()
        answer = await self._answer(process)
        if not answer.startswith("ready "):
            process.kill()
            process.wait()
            self._sweep(session_id)
            if uid is not None:
                self._sweep_uid(uid, lambda: None)  # it may have come far enough to start something
            # Of a traceback the last line says what it is.
            last = answer.strip().rpartition("\n")[2]
            why = last.removeprefix("failed ").strip() or "its holder did not start"
            raise StartError(f"app {app}: {settings['argv'][0]} could not be started: {why}")
        return process

    def _spawn(
        self, listener: socket.socket, failure: int, settings: dict[str, Any], uid: int | None
    ) -> subprocess.Popen[bytes]:
        settings |= {"listener": listener.fileno(), "failure": failure, "uid": uid}
        # Nothing here may wait for the holder, since the whole hub would wait with it. The settings go
        # into a file in memory and not into a pipe that somebody has to read. And the holder takes its
        # user's uid on by itself: a child of ours that had it before its exec could be stopped by a
        # process of that user, and Popen waits for the exec.
        with os.fdopen(os.memfd_create("settings"), "wb+") as file:
            file.write(json.dumps(settings).encode())
            file.flush()
            file.seek(0)
            return subprocess.Popen(
                self._boot("holder"),
                stdin=file,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,  # never ours: that may be an administrator's terminal
                pass_fds=(listener.fileno(), failure),
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

    def _write_record(self, info: SessionInfo, uid: int | None) -> None:
        record = {
            "id": info.id,
            "user": info.user,
            "app": info.app,
            "uid": uid,
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

    def _adopt(self, info: SessionInfo, uid: int | None, process: subprocess.Popen[bytes] | None) -> None:
        session = _Session(info, uid, os.pidfd_open(info.pid), process)
        self._sessions[info.id] = session
        asyncio.get_running_loop().add_reader(session.pidfd, self._holder_gone, session)

    def _holder_gone(self, session: _Session) -> None:
        """A holder's process has ended: by itself as the last of its session, or killed."""
        asyncio.get_running_loop().remove_reader(session.pidfd)
        os.close(session.pidfd)
        session.pidfd = -1
        # Of a holder that another hub has started nobody can tell how it ended.
        status = session.process.wait() if session.process is not None else None
        self._tell_failure(session.info.id, status)
        if session.uid is None or status == 0:
            self._session_gone(session)
        else:
            self._sweep_uid(session.uid, partial(self._session_gone, session))

    def _tell_failure(self, session_id: str, status: int | None) -> None:
        words = _last_line(self._failure(session_id))
        if status or words:
            how = "failed" if status is None else f"ended with status {status}"
            _log.warning("session %s: its holder %s%s", session_id, how, f": {words}" if words else "")

    def _session_gone(self, session: _Session) -> None:
        self._sweep(session.info.id)
        self._sessions.pop(session.info.id, None)
        session.gone.set()
        if self._on_end is not None:
            self._on_end(session.info)

    # ------------------------------------------------------------ what a killed holder left

    def _sweep_uid(self, uid: int, then: Callable[[], None]) -> None:
        task = asyncio.create_task(self._end_leftovers(uid, then))
        self._sweeps.add(task)
        task.add_done_callback(self._sweeps.discard)

    async def _end_leftovers(self, uid: int, then: Callable[[], None]) -> None:
        """Kill what descends from a holder that is not there any more to do it."""
        try:
            if not self._owns_uid(uid):
                _log.error(
                    "uid %d: what its killed sessions left stays: the uid is not this hub's alone", uid
                )
                return
            async with self._turn(uid):
                holders = [
                    str(session.info.pid)
                    for session in self._sessions.values()
                    if session.uid == uid and session.pidfd >= 0
                ]
                sweeper = await asyncio.create_subprocess_exec(
                    *self._boot("leftovers"),
                    str(uid),
                    *holders,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    cwd="/",
                    env={"LANG": "C.UTF-8"},
                )
                try:
                    async with asyncio.timeout(_SWEEP_SECONDS):
                        said, _ = await sweeper.communicate()
                except TimeoutError:
                    sweeper.kill()
                    said, _ = await sweeper.communicate()
                    said += b" (timed out)"
                if sweeper.returncode or said.strip():
                    words = said.decode("utf-8", "replace").strip().rpartition("\n")[2]
                    _log.error("uid %d: not everything of its killed sessions could be ended: %s", uid, words)
        except OSError as error:
            _log.error("uid %d: what its killed sessions left could not be ended: %s", uid, os_problem(error))
        except StateError as problem:
            _log.error("uid %d: what its killed sessions left stays: %s", uid, problem)
        finally:
            then()

    def _sweep(self, session_id: str) -> None:
        for path in (self._socket(session_id), self._record(session_id), self._failure(session_id)):
            path.unlink(missing_ok=True)

    async def recover(self) -> None:
        """Find the sessions that outlived the last hub, and sweep what the dead ones left."""
        dead: set[int] = set()
        for path in sorted(self._paths.run.glob("*.json")):
            if path.stem in self._sessions:
                continue
            info, uid = _read_record(path)
            if info is not None:
                self._adopt(info, uid, None)
                continue
            if uid is not None and uid > 0:
                dead.add(uid)
            self._tell_failure(path.stem, None)
            self._sweep(path.stem)
        for uid in dead:
            self._sweep_uid(uid, lambda: None)
        for path in (
            path for suffix in ("sock", "new", "log") for path in self._paths.run.glob(f"*.{suffix}")
        ):
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
            if session.pidfd >= 0 and (user is None or info.user == user):  # else it is being swept
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
        """Let go of the holders, which live on; what is being swept is swept first."""
        if self._sweeps:
            await asyncio.wait(self._sweeps)
        for attachment in list(self._attachments):
            attachment.close()
        loop = asyncio.get_running_loop()
        for session in self._sessions.values():
            if session.pidfd >= 0:
                loop.remove_reader(session.pidfd)
                os.close(session.pidfd)
            if session.process is not None and session.process.returncode is None:
                session.process.returncode = 0  # it outlives us on purpose: Popen is not to warn
        self._sessions.clear()


def _last_line(path: Path) -> str:
    """Return the last line of a file that a holder may have written: of a traceback, what it is."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        end = os.fstat(descriptor).st_size
        said = os.pread(descriptor, _ANSWER, max(0, end - _ANSWER))
    finally:
        os.close(descriptor)
    return one_line(said.decode("utf-8", "replace").strip().rpartition("\n")[2])[:_LONGEST_REASON]


def _birth(pid: int) -> int | None:
    """When a process started, in clock ticks since boot: with the pid, its name for all time."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    return int(stat.rpartition(b")")[2].split()[19])


def _read_record(path: Path) -> tuple[SessionInfo | None, int | None]:
    """Read a session's record.

    Returns:
        The session, if its holder is still the process that it was, and the uid of its user's own.
    """
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
        uid = None if record["uid"] is None else int(record["uid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, None
    if info.id != path.stem or born is None or _birth(info.pid) != born:
        return None, uid
    return info, uid
