"""The holder: a process of its own that owns one session's PTY and program, and outlives the hub.

Owns: the program's life from spawn to the last of its descendants, the PTY's bytes in both
directions, the viewer's socket, and how long a session may stay detached. Must not know: SSH,
users, the hub's state. Imports the standard library and its siblings `frames`, `pty` and `repaint`
alone, so that it is small and can be run by an interpreter without nacre's dependencies.

Started by `nacre.hub.sessions` with a JSON object on standard input; says one line on standard
output: "ready PID", or "failed …"; what fails later goes into a file for the hub. That file and the
listening socket are inherited, so that a holder with a user's uid needs no access to the hub's state.

The session ends when its program exits (not at EOF of the PTY, which background processes keep
open), when the viewer says END, or when it was detached for too long. Then everything that descends
from it goes: the holder is a child subreaper, so that nothing can leave it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import os
import selectors
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from typing import Any, Final

from nacre.hub import frames, pty
from nacre.hub.frames import Frame, FrameError, FrameReader
from nacre.hub.repaint import Screen

__all__ = ["Holder", "main"]

_READ: Final = 64 * 1024
#: What may wait for a viewer who does not read; then the PTY is not read either.
_OUTPUT_BOUND: Final = 256 * 1024
#: What may wait for a program that does not read; then the viewer is not read either.
_INPUT_BOUND: Final = 64 * 1024
#: A session whose first viewer does not come.
_FIRST_VIEWER: Final = 60.0
#: Connections of the hub at once: a viewer, one that takes over, and a few that come and go.
_VIEWERS: Final = 16
#: How long a size that is a row off stands at the most, so that the program sees a change; and how
#: long after the output that shows that it has seen it.
_JIGGLE: Final = 1.5
_JIGGLE_SEEN: Final = 0.03
#: How long the end of a session that nobody has seen yet is kept for its first viewer.
_LINGER: Final = 10.0
#: HUP, then TERM, then KILL.
_STEPS: Final = ((signal.SIGHUP, 1.0), (signal.SIGTERM, 2.0), (signal.SIGKILL, 5.0))
_PR_SET_CHILD_SUBREAPER: Final = 36
#: Signals that a viewer may send (RFC 4254 section 6.9), to the foreground process group.
_SIGNALS: Final = frozenset(
    ("ABRT", "ALRM", "FPE", "HUP", "ILL", "INT", "KILL", "PIPE", "QUIT", "SEGV", "TERM", "USR1", "USR2")
)


class Life(Enum):
    """How far a session has come."""

    RUNNING = "running"
    ENDING = "ending"  # the program is told to go
    REAPING = "reaping"  # the program is gone, its descendants are told to go
    OVER = "over"


class Viewer:
    """One connection of the hub."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.reader = FrameReader()
        self.output = bytearray()
        self.closing = False


class Holder:
    """One session.

    Args:
        settings: "argv", "environment", "size", "modes", "detached" (seconds; 0: end at once),
            "owner" (the uid that may connect).
        listener: where viewers connect.
    """

    def __init__(self, settings: dict[str, Any], listener: socket.socket) -> None:
        self._settings = settings
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._screen = Screen()
        self._size: tuple[int, int, int, int] = tuple(settings["size"])
        self._fresh = True  # nobody has seen it yet
        self._viewer: Viewer | None = None
        self._viewers: set[Viewer] = set()
        self._input = bytearray()
        self._life = Life.RUNNING
        self._ending: dict[str, Any] | None = None
        self._timers: dict[str, tuple[float, Callable[[], None]]] = {}
        self._step = 0
        modes = {int(opcode): value for opcode, value in settings.get("modes", {}).items()}
        self._terminal = pty.open_terminal(modes, self._size)
        try:
            self._child = pty.spawn(self._terminal, settings["argv"], settings["environment"])
        except BaseException:
            self._terminal.close()
            raise
        self._pidfd = os.pidfd_open(self._child)

    @property
    def pid(self) -> int:
        """The program's pid."""
        return self._child

    # ------------------------------------------------------------ the loop

    def run(self) -> None:
        """Serve until the session is over."""
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_read, False)
        os.set_blocking(wake_write, False)
        signal.signal(signal.SIGCHLD, _ignore)
        signal.set_wakeup_fd(wake_write)
        self._listener.setblocking(False)
        select = self._selector
        select.register(wake_read, selectors.EVENT_READ, lambda _: self._woken(wake_read))
        select.register(self._listener, selectors.EVENT_READ, lambda _: self._accept())
        select.register(self._pidfd, selectors.EVENT_READ, lambda _: self._reap())
        self._set_timer("detached", max(_FIRST_VIEWER, self._settings["detached"]), self._end)
        self._reap()
        while self._life is not Life.OVER:
            self._watch()
            for key, events in select.select(self._next_timeout()):
                key.data(events)
            self._fire_timers()
        self._flush_last()

    def _woken(self, descriptor: int) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(descriptor, 4096)
        self._reap()

    def _set_timer(self, name: str, seconds: float, action: Callable[[], None]) -> None:
        self._timers[name] = (time.monotonic() + seconds, action)

    def _next_timeout(self) -> float | None:
        if not self._timers:
            return None
        return max(0.0, min(when for when, _ in self._timers.values()) - time.monotonic())

    def _fire_timers(self) -> None:
        now = time.monotonic()
        for name, (when, action) in list(self._timers.items()):
            if when <= now:
                del self._timers[name]
                action()

    def _watch(self) -> None:
        """Ask the selector for what there is room or need for: this is the back-pressure."""
        if self._terminal.master >= 0:
            events = selectors.EVENT_WRITE if self._input else 0
            # Before its first viewer comes, a program's output waits in the PTY, to reach it untouched.
            if not self._fresh and (self._viewer is None or len(self._viewer.output) < _OUTPUT_BOUND):
                events |= selectors.EVENT_READ
            self._ask(self._terminal.master, events, self._terminal_ready)
        for viewer in list(self._viewers):
            events = selectors.EVENT_WRITE if viewer.output else 0
            if len(self._input) < _INPUT_BOUND and not viewer.closing:
                events |= selectors.EVENT_READ
            self._ask(viewer.socket, events, partial(self._viewer_ready, viewer))

    def _ask(self, descriptor: Any, events: int, action: Callable[[int], None]) -> None:
        try:
            key = self._selector.get_key(descriptor)
        except KeyError:
            if events:
                self._selector.register(descriptor, events, action)
            return
        if not events:
            self._selector.unregister(descriptor)
        elif key.events != events:
            self._selector.modify(descriptor, events, key.data)

    def _forget(self, descriptor: Any) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(descriptor)

    # ------------------------------------------------------------ the terminal

    def _terminal_ready(self, events: int) -> None:
        # An event of the same turn may have closed it: the program's exit drains it first.
        if events & selectors.EVENT_READ and self._terminal.master >= 0:
            self._read_terminal()
        if events & selectors.EVENT_WRITE and self._terminal.master >= 0:
            self._write_terminal()

    def _read_terminal(self) -> bool:
        """Read once; False when there is nothing more to read now."""
        try:
            data = os.read(self._terminal.master, _READ)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.EIO:  # EIO: nobody has the other side any more
                raise
            data = b""
        if not data:
            self._forget(self._terminal.master)
            self._terminal.close()
            return False
        self._screen.feed(data)
        if "jiggle" in self._timers:
            when, restore = self._timers["jiggle"]
            self._timers["jiggle"] = (min(when, time.monotonic() + _JIGGLE_SEEN), restore)
        if self._viewer is not None:
            self._viewer.output += frames.encode(Frame.OUTPUT, data)
        return True

    def _write_terminal(self) -> None:
        if not self._input:
            return
        try:
            written = os.write(self._terminal.master, self._input)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            written = len(self._input)
        del self._input[:written]

    def _resize(self, size: tuple[int, int, int, int]) -> None:
        self._size = size
        if self._terminal.master >= 0:
            pty.resize(self._terminal.master, size)

    def _repaint(self) -> None:
        """Make the program paint its screen again: a real change of the size, and back."""
        columns, rows, width, height = self._size
        if self._terminal.master >= 0:
            pty.resize(self._terminal.master, (columns, rows - 1 if rows > 1 else rows + 1, width, height))
            self._set_timer("jiggle", _JIGGLE, lambda: self._resize(self._size))

    # ------------------------------------------------------------ viewers

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:  # gone again, or no descriptor left: the next one may succeed
            return
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _, uid, _ = struct.unpack("3i", credentials)
        if uid not in (0, self._settings["owner"]) or len(self._viewers) >= _VIEWERS:
            connection.close()
            return
        connection.setblocking(False)
        self._viewers.add(Viewer(connection))

    def _viewer_ready(self, viewer: Viewer, events: int) -> None:
        if events & selectors.EVENT_WRITE and viewer in self._viewers:
            self._write_viewer(viewer)
        if events & selectors.EVENT_READ and viewer in self._viewers:
            self._read_viewer(viewer)

    def _write_viewer(self, viewer: Viewer) -> None:
        try:
            sent = viewer.socket.send(viewer.output)
        except BlockingIOError:
            return
        except OSError:
            self._drop(viewer)
            return
        del viewer.output[:sent]
        if viewer.closing and not viewer.output:
            self._drop(viewer)

    def _read_viewer(self, viewer: Viewer) -> None:
        try:
            data = viewer.socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(viewer)
            return
        try:
            for kind, payload in viewer.reader.feed(data):
                self._take(viewer, kind, payload)
        except (FrameError, UnicodeDecodeError):
            self._drop(viewer)

    def _drop(self, viewer: Viewer) -> None:
        self._forget(viewer.socket)
        viewer.socket.close()
        self._viewers.discard(viewer)
        if viewer is self._viewer:
            self._viewer = None
            self._detached()

    def _detached(self) -> None:
        if self._life is not Life.RUNNING:
            return
        seconds = self._settings["detached"]
        if seconds:
            self._set_timer("detached", seconds, self._end)
        else:
            self._end()

    def _take(self, viewer: Viewer, kind: Frame, payload: bytes) -> None:
        if kind is Frame.ATTACH:
            self._attach(viewer, frames.size_of(payload))
        elif kind is Frame.END:
            self._end()
        elif viewer is not self._viewer:
            raise FrameError("not the viewer")
        elif kind is Frame.INPUT:
            self._input += payload
            if self._terminal.master >= 0:
                self._write_terminal()
            else:
                self._input.clear()
        elif kind is Frame.RESIZE:
            self._timers.pop("jiggle", None)
            self._resize(frames.size_of(payload))
        elif kind is Frame.SIGNAL:
            self._signal(payload.decode("ascii"))
        elif kind is Frame.DETACH:
            self._say_goodbye(viewer, "detached")
            self._viewer = None
            self._detached()
        else:
            raise FrameError(f"{kind!r} is not for a holder")

    def _attach(self, viewer: Viewer, size: tuple[int, int, int, int]) -> None:
        if self._ending is not None:
            self._say_ending(viewer, self._ending)
            return
        first, self._fresh = self._fresh, False
        if self._viewer is not None and self._viewer is not viewer:
            self._say_goodbye(self._viewer, "taken over by another login")
        self._timers.pop("detached", None)
        self._viewer = viewer
        self._size = size
        if first:
            self._resize(size)
            return
        seen = self._screen.enter()
        for start in range(0, len(seen), _READ):
            viewer.output += frames.encode(Frame.OUTPUT, seen[start : start + _READ])
        self._repaint()

    def _say_goodbye(self, viewer: Viewer, why: str) -> None:
        """Restore that viewer's terminal, say why, and close."""
        viewer.output += frames.encode(Frame.OUTPUT, self._screen.leave())
        viewer.output += frames.encode(Frame.DETACHED, why.encode())
        viewer.closing = True

    def _signal(self, name: str) -> None:
        if name not in _SIGNALS or self._terminal.master < 0:
            return
        with contextlib.suppress(OSError):
            group = os.tcgetpgrp(self._terminal.master)
            if group > 0:
                os.killpg(group, signal.Signals[f"SIG{name}"])

    # ------------------------------------------------------------ the end

    def _end(self) -> None:
        if self._life is Life.RUNNING:
            self._life = Life.ENDING
            self._step = 0
            self._kill_step()

    def _kill_step(self) -> None:
        """Tell every descendant to go, each time more firmly."""
        number, wait = _STEPS[min(self._step, len(_STEPS) - 1)]
        for pid in descendants(os.getpid()):
            _kill(pid, number)
            if number is not signal.SIGKILL:
                _kill(pid, signal.SIGCONT)  # a stopped process takes no signal but these two
        self._step += 1
        self._set_timer("kill", wait, self._kill_step)

    def _reap(self) -> None:
        """Take every exit there is; the program's own decides the session's end."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self._all_gone()
                return
            if pid == 0:
                break
            if pid == self._child:
                self._child_exited(status)
        if self._life is Life.REAPING and not any(descendants(os.getpid())):
            self._all_gone()

    def _child_exited(self, status: int) -> None:
        self._forget(self._pidfd)
        os.close(self._pidfd)
        if os.WIFSIGNALED(status):
            self._ending = {"signal": signal.Signals(os.WTERMSIG(status)).name.removeprefix("SIG")}
        else:
            self._ending = {"status": os.waitstatus_to_exitcode(status)}
        self._drain()
        self._timers.clear()
        if self._viewer is not None:
            viewer, self._viewer = self._viewer, None
            viewer.output += frames.encode(Frame.OUTPUT, self._screen.leave())
            viewer.output += frames.encode_json(Frame.EXIT, self._ending)
            viewer.closing = True
        elif self._fresh and self._life is Life.RUNNING:  # told to end: nobody is to hear of it
            # It was over before its first viewer came, who is on the way and is to hear of it.
            self._set_timer("linger", _LINGER, self._reap)
        self._life = Life.REAPING
        self._step = 0
        self._kill_step()

    def _drain(self) -> None:
        """What the program wrote before it exited comes before its exit."""
        bound = time.monotonic() + 1.0  # a background process may go on writing for ever
        while self._terminal.master >= 0 and time.monotonic() < bound:
            if self._viewer is not None and len(self._viewer.output) >= 4 * _OUTPUT_BOUND:
                return
            if not self._read_terminal():
                return

    def _say_ending(self, viewer: Viewer, ending: dict[str, Any]) -> None:
        """Tell a viewer who came too late what there was, and how it ended."""
        seen = (self._screen.tail() if self._fresh else self._screen.enter()) + self._screen.leave()
        for start in range(0, len(seen), _READ):
            viewer.output += frames.encode(Frame.OUTPUT, seen[start : start + _READ])
        viewer.output += frames.encode_json(Frame.EXIT, ending)
        viewer.closing = True
        self._fresh = False
        self._timers.pop("linger", None)
        self._reap()

    def _all_gone(self) -> None:
        if self._life is Life.REAPING and "linger" not in self._timers:
            self._life = Life.OVER

    def _flush_last(self) -> None:
        """Give the last viewer its last bytes, for a bounded time."""
        for viewer in list(self._viewers):
            if viewer.closing and viewer.output:
                with contextlib.suppress(OSError):
                    viewer.socket.settimeout(10.0)
                    viewer.socket.sendall(viewer.output)
            viewer.socket.close()
        self._terminal.close()
        self._listener.close()


def descendants(root: int) -> Iterator[int]:
    """Every process below `root`, parents first. A kernel in a session of its own is among them."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError), open(f"/proc/{name}/stat", "rb") as stat:
                # "pid (comm) state ppid …"; comm may hold anything, also parentheses.
                fields = stat.read().rpartition(b")")[2].split()
                if fields[0] != b"Z":
                    children.setdefault(int(fields[1]), []).append(int(name))
    waiting = list(children.get(root, ()))
    while waiting:
        pid = waiting.pop(0)
        yield pid
        waiting += children.get(pid, ())


def _kill(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _ignore(_number: int, _frame: object) -> None:
    """SIGCHLD only has to wake the selector."""


def _become(uid: int | None) -> None:
    """Take on the user's uid and the gid of the same number, for good; None: keep the hub's own.

    The kernel lets no process of that user trace one that came to the uid this way.
    """
    if uid is None:
        return
    if uid <= 0:
        raise ValueError("no session ever runs as root")
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def main() -> None:
    """Run one session: settings on standard input, one line of answer on standard output."""
    settings = json.loads(sys.stdin.buffer.read())
    _become(settings["uid"])
    listener = socket.socket(fileno=settings["listener"])
    listener.set_inheritable(False)
    os.set_inheritable(settings["failure"], False)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # What ends the hub is not to end its sessions.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.chdir(settings["home"])
        holder = Holder(settings, listener)
    except OSError as error:
        print(f"failed {error.strerror or error}", flush=True)
        return
    print(f"ready {holder.pid}", flush=True)
    # From here on nobody listens any more: a traceback goes into the file.
    for source, descriptor in ((nowhere, 0), (nowhere, 1), (settings["failure"], 2)):
        os.dup2(source, descriptor, inheritable=False)
    for descriptor in (nowhere, settings["failure"]):
        os.close(descriptor)
    holder.run()


if __name__ == "__main__":
    main()
