"""A remote command in the shape of asyncio's subprocesses: a transport with pipes, and a protocol.

Owns: `SSHSubprocessTransport`, its pipes, and `SSHSubprocessProtocol`. Must not know: connections and
options; who opens the channel.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, AnyStr, Final, Generic

from nacre.aio.channel import EXTENDED_DATA_STDERR
from nacre.aio.client_channel import SSHClientChannel
from nacre.process.client import SSHClientProcess
from nacre.process.redirect import DEVNULL, PIPE, STDOUT, Plan

_FD: Final = {"stdout": 1, "stderr": 2}


class SSHSubprocessProtocol(Generic[AnyStr]):
    """What is told of a process, for `SSHClientConnection.create_subprocess`; to be subclassed."""

    def connection_made(self, transport: SSHSubprocessTransport[AnyStr]) -> None:
        """The channel is open; the command does not run yet."""

    def pipe_data_received(self, fd: int, data: AnyStr) -> None:
        """The process has written something.

        Args:
            fd: 1 for standard output, 2 for standard error.
            data: bytes, or str where the process has an encoding.
        """

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Nothing follows from one of the process's streams; called once for 1 and once for 2.

        Args:
            fd: 1 for standard output, 2 for standard error.
            exc: what ended the connection; None: the process closed its end.
        """

    def process_exited(self) -> None:
        """The process has ended; the transport's `get_returncode` says how."""

    def pause_writing(self) -> None:
        """More than the high-water mark waits for the process: stop writing to its input."""

    def resume_writing(self) -> None:
        """What waits has fallen to the low-water mark: go on writing."""


class SSHSubprocessReadPipe(Generic[AnyStr]):
    """Standard output or error of a process.

    Args:
        transport: of the process.
        fd: 1 or 2.
    """

    def __init__(self, transport: SSHSubprocessTransport[AnyStr], fd: int) -> None:
        self._transport: SSHSubprocessTransport[AnyStr] = transport
        self._fd = fd
        self._paused = False
        self._kept: deque[AnyStr] = deque()
        self._ended = False
        self._error: Exception | None = None
        self._told = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return a fact about the channel or its connection."""
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Have the protocol told of nothing more: the process stops once its window is used up."""
        self._paused = True

    def resume_reading(self) -> None:
        """Tell the protocol of what has come in the meantime, and of what comes."""
        self._paused = False
        while self._kept and not self._paused:
            data = self._kept.popleft()
            self._transport.taken(len(data))
            self._transport.get_protocol().pipe_data_received(self._fd, data)
        self._tell_end()

    def close(self) -> None:
        """Close the process's channel: it has no ends that can be closed one by one."""
        self._transport.close()

    def deliver(self, data: AnyStr) -> None:
        """Tell the protocol of data, or keep it."""
        if self._paused or self._kept:
            self._kept.append(data)
            self._transport.kept(len(data))
        else:
            self._transport.get_protocol().pipe_data_received(self._fd, data)
            self._transport.taken(0)

    def end(self, error: Exception | None) -> None:
        """Tell the protocol, after what was kept, that nothing follows."""
        if not self._ended:
            self._ended, self._error = True, error
            self._tell_end()

    def _tell_end(self) -> None:
        if self._ended and not self._told and not self._kept:
            self._told = True
            self._transport.get_protocol().pipe_connection_lost(self._fd, self._error)


class SSHSubprocessWritePipe(Generic[AnyStr]):
    """Standard input of a process.

    Args:
        channel: of the process.
    """

    def __init__(self, channel: SSHClientChannel[AnyStr]) -> None:
        self._chan: SSHClientChannel[AnyStr] = channel

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return a fact about the channel or its connection."""
        return self._chan.get_extra_info(name, default)

    def can_write_eof(self) -> bool:
        """Return True."""
        return self._chan.can_write_eof()

    def get_write_buffer_size(self) -> int:
        """Return the bytes that wait for the process."""
        return self._chan.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set where the protocol's `pause_writing` and `resume_writing` are called, in bytes."""
        self._chan.set_write_buffer_limits(high, low)

    def write(self, data: AnyStr) -> None:
        """Write to the process.

        Raises:
            BrokenPipeError: its input is closed.
        """
        self._chan.write(data)

    def writelines(self, list_of_data: Iterable[AnyStr]) -> None:
        """Write several pieces to the process."""
        self._chan.writelines(list_of_data)

    def write_eof(self) -> None:
        """Close the input of the process, after what was written."""
        self._chan.write_eof()

    def abort(self) -> None:
        """Close the process's channel now; what waits for the process is dropped."""
        self._chan.abort()

    def close(self) -> None:
        """Close the input of the process, after what was written."""
        self._chan.write_eof()


class SSHSubprocessTransport(SSHClientProcess[AnyStr]):
    """A process that tells a protocol; made by `SSHClientConnection.create_subprocess`.

    Args:
        protocol: what is told.
        plan: what its streams are going to be connected with.
    """

    def __init__(self, protocol: SSHSubprocessProtocol[AnyStr], plan: Plan) -> None:
        super().__init__(plan)
        self._protocol: SSHSubprocessProtocol[AnyStr] = protocol
        self._opening = plan
        self._special: dict[str, int] = {}
        self._pipes: dict[int, SSHSubprocessReadPipe[AnyStr]] = {
            fd: SSHSubprocessReadPipe(self, fd) for fd in _FD.values()
        }
        self._input: SSHSubprocessWritePipe[AnyStr]

    # ------------------------------------------------------------ the session's callbacks

    def connection_made(self, chan: SSHClientChannel[AnyStr]) -> None:
        """Tell the protocol before data comes."""
        SSHClientProcess.connection_made(self, chan)
        self._input = SSHSubprocessWritePipe(chan)
        self._special = dict(self._opening.special)  # the plan is open by now
        self._protocol.connection_made(self)

    def data_received(self, data: AnyStr, datatype: int | None) -> None:
        """Tell the protocol, unless the stream goes somewhere else."""
        name = "stderr" if datatype == EXTENDED_DATA_STDERR else "stdout"
        if self._special.get(name) == STDOUT:
            name = "stdout"
        if self._special.get(name) == PIPE:
            self._pipes[_FD[name]].deliver(data)
        else:
            self._streams.data_received(data, datatype)

    def eof_received(self) -> bool:
        """Tell the protocol, for both streams."""
        stays_open = super().eof_received()
        for pipe in self._pipes.values():
            pipe.end(None)
        return stays_open

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the protocol of the streams that have not ended before."""
        super().connection_lost(exc)
        for pipe in self._pipes.values():
            pipe.end(exc)

    def exit_status_received(self, status: int) -> None:
        """Tell the protocol."""
        self._protocol.process_exited()

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        """Tell the protocol."""
        self._protocol.process_exited()

    def pause_writing(self) -> None:
        """Tell the protocol."""
        super().pause_writing()
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Tell the protocol."""
        super().resume_writing()
        self._protocol.resume_writing()

    async def connect_streams(self, plan: Plan) -> None:
        """Carry out a plan that is open."""
        for name in plan.names():
            self._special[name] = plan.special.get(name, DEVNULL)
        await super().connect_streams(plan)

    # ------------------------------------------------------------ told by the pipes

    def kept(self, size: int) -> None:
        """A pipe keeps data: the server gets no credit for it."""
        self._streams.waiting += size

    def taken(self, size: int) -> None:
        """The protocol is given what a pipe had kept, and what has just come."""
        self._streams.waiting -= size
        self._streams.was_read()

    # ------------------------------------------------------------ as asyncio's transports

    def get_pid(self) -> None:
        """Return None: the protocol has no word for it."""
        return

    def get_pipe_transport(self, fd: int) -> Any:
        """Return the pipe of standard input (0), output (1) or error (2); None for anything else."""
        return self._input if fd == 0 else self._pipes.get(fd)

    def get_protocol(self) -> SSHSubprocessProtocol[AnyStr]:
        """Return what is told."""
        return self._protocol

    def get_returncode(self) -> int | None:
        """Return the exit status, minus the number of a signal, or None while the process runs."""
        return self.returncode
