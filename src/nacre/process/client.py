"""A remote command as a process object, on the client's side.

Owns: `SSHClientProcess`. Must not know: connections and options; who opens the channel.
"""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Mapping
from typing import Any, AnyStr, Self

from nacre.aio.channel import EXTENDED_DATA_STDERR
from nacre.aio.client_channel import ExitSignal, SSHClientChannel
from nacre.aio.session import SSHClientSession
from nacre.aio.stream import SSHReader, SSHWriter
from nacre.aio.stream_session import StreamCallbacks
from nacre.process.pumps import Pumps, tell_channel
from nacre.process.redirect import DEVNULL, STDOUT, Plan
from nacre.process.result import BytesOrStr, ProcessError, SSHCompletedProcess, TimeoutError
from nacre.process.sinks import ChannelSink
from nacre.process.sources import ChannelSource

#: Input is written in pieces of this size, each waiting for room.
_INPUT_PIECE = 256 * 1024


class SSHClientProcess(StreamCallbacks[AnyStr], SSHClientSession[AnyStr]):
    """A process on the server; made by `SSHClientConnection.create_process`.

    Args:
        plan: what its streams are going to be connected with: output may come before they are.
    """

    _chan: SSHClientChannel[AnyStr]
    _expected = (None, EXTENDED_DATA_STDERR)

    def __init__(self, plan: Plan | None = None) -> None:
        self._plan = plan
        self._stdin: SSHWriter[AnyStr] | None = None
        #: What copies; None: no stream was ever redirected.
        self._pumps: Pumps | None = None
        self._failure: Exception | None = None

    def connection_made(self, chan: SSHClientChannel[AnyStr]) -> None:
        """Make the streams before data comes."""
        super().connection_made(chan)
        if self._plan is not None:
            self._point_outputs(self._plan)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the streams; there is nobody to take input any more."""
        super().connection_lost(exc)
        if self._pumps is not None:
            self._pumps.cancel("stdin")

    def _codec(self) -> tuple[str | None, str]:
        return self._chan.get_encoding()

    def _notice(self, notice: Exception) -> None:
        tell_channel(self._chan, notice)

    def _output_broken(self, name: str) -> None:
        """Nobody takes the output any more: as at the end of a pipe, that ends the process."""
        if name != "stdin":
            self._chan.close()

    def _pump_failed(self, name: str, error: Exception) -> None:
        error.add_note(f"while {name} of a process was redirected")
        self._failure = self._failure or error
        self._chan.close()

    # ------------------------------------------------------------ facts

    @property
    def channel(self) -> SSHClientChannel[AnyStr]:
        """The channel of the process."""
        return self._chan

    @property
    def logger(self) -> Any:
        """The logger of the channel."""
        return self._chan.logger

    @property
    def env(self) -> Mapping[str, str]:
        """The environment variables that were asked for."""
        return self._chan.get_environment()

    @property
    def command(self) -> str | None:
        """The command, or None for a shell or subsystem."""
        return self._chan.get_command()

    @property
    def subsystem(self) -> str | None:
        """The subsystem, if any."""
        return self._chan.get_subsystem()

    @property
    def stdin(self) -> SSHWriter[AnyStr]:
        """Writes to standard input."""
        if self._stdin is None:
            self._stdin = self._streams.writer()
        return self._stdin

    @property
    def stdout(self) -> SSHReader[AnyStr]:
        """Reads standard output."""
        return self._streams.reader()

    @property
    def stderr(self) -> SSHReader[AnyStr]:
        """Reads standard error."""
        return self._streams.reader(EXTENDED_DATA_STDERR)

    @property
    def exit_status(self) -> int | None:
        """The exit status; -1 after a signal, None while there is none."""
        return self._chan.get_exit_status()

    @property
    def exit_signal(self) -> ExitSignal | None:
        """The signal that ended the process: name, core dumped, message, language."""
        return self._chan.get_exit_signal()

    @property
    def returncode(self) -> int | None:
        """The exit status, or minus the number of the signal."""
        return self._chan.get_returncode()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return a fact about the channel or its connection."""
        return self._chan.get_extra_info(name, default)

    # ------------------------------------------------------------ running

    async def redirect(
        self,
        stdin: Any = None,
        stdout: Any = None,
        stderr: Any = None,
        bufsize: int = 8192,
        send_eof: bool = True,
        recv_eof: bool = True,
    ) -> None:
        """Connect streams with something else; None leaves one as it is.

        Args:
            stdin: where the input comes from: a path, a file, an asynchronous file as of `aiofiles`, a
                descriptor, a socket, an asyncio `StreamReader`, an `SSHReader`, or DEVNULL; PIPE: it is
                written by the program.
            stdout: where the output goes: the same kinds, with `StreamWriter` and `SSHWriter`; PIPE: it is
                read by the program.
            stderr: as `stdout`, or STDOUT: what stdout is.
            bufsize: bytes of one read.
            send_eof: whether the end of `stdin` ends the input of the process.
            recv_eof: whether the end of the output closes the files and descriptors it goes to, and is
                told to the others. Paths are closed anyway; sockets and asyncio streams stay the caller's.

        Raises:
            OSError: something cannot be opened.
            TypeError, ValueError: something cannot be a source or target.
        """
        plan = Plan(bufsize, send_eof, recv_eof)
        await plan.open({"stdin": stdin}, {"stdout": stdout, "stderr": stderr})
        await self.connect_streams(plan)

    async def redirect_stdin(self, source: Any, bufsize: int = 8192, send_eof: bool = True) -> None:
        """Feed the input from something; see `redirect`."""
        await self.redirect(stdin=source, bufsize=bufsize, send_eof=send_eof)

    async def redirect_stdout(self, target: Any, bufsize: int = 8192, recv_eof: bool = True) -> None:
        """Have the output go to something; see `redirect`."""
        await self.redirect(stdout=target, bufsize=bufsize, recv_eof=recv_eof)

    async def redirect_stderr(self, target: Any, bufsize: int = 8192, recv_eof: bool = True) -> None:
        """Have standard error go to something; see `redirect`."""
        await self.redirect(stderr=target, bufsize=bufsize, recv_eof=recv_eof)

    async def connect_streams(self, plan: Plan) -> None:
        """Carry out a plan that is open."""
        pumps = self._pumps
        if pumps is None:
            pumps = self._pumps = Pumps(self._codec, self._notice, self._output_broken, self._pump_failed)
        for name in plan.names():
            await pumps.stop(name)
        self._point_outputs(plan)
        readers = {"stdout": self.stdout, "stderr": self.stderr}
        for name, sink in plan.sinks.items():
            pumps.start(name, ChannelSource(readers[name]), sink, plan.bufsize, plan.recv_eof)
        for name, source in plan.sources.items():
            pumps.start(name, source, ChannelSink(self.stdin), plan.bufsize, plan.send_eof)
        if plan.special.get("stdin") == DEVNULL and plan.send_eof:
            self._chan.write_eof()

    def _point_outputs(self, plan: Plan) -> None:
        self._point(None, self.stdout, "stdout", plan)
        self._point(EXTENDED_DATA_STDERR, self.stderr, "stderr", plan)

    def _point(self, datatype: int | None, reader: SSHReader[AnyStr], name: str, plan: Plan) -> None:
        """Have data of a type come to its reader, to that of standard output, or to nobody."""
        kind = plan.special.get(name)
        if kind == DEVNULL:
            self._streams.drop(datatype)
        elif kind == STDOUT:
            self._streams.send_to(datatype, self.stdout)
        elif name in plan.names():
            self._streams.send_to(datatype, reader)

    async def feed(self, data: AnyStr) -> None:
        """Write all of the input, as fast as it is taken, then say that no more follows."""
        writer = self.stdin
        try:
            for start in range(0, len(data), _INPUT_PIECE):
                writer.write(data[start : start + _INPUT_PIECE])
                await writer.drain()
            writer.write_eof()
        except BrokenPipeError:
            pass  # The process did not want all of it; how it ended says the rest.

    def collect_output(self) -> tuple[BytesOrStr, BytesOrStr]:
        """Return what has come on standard output and standard error, and was not read yet."""
        pumps = self._pumps
        if pumps is None:
            stdout, stderr = self._streams.collected(None, EXTENDED_DATA_STDERR)
            return stdout, stderr
        # What a redirection has not come to yet is not ours to take.
        nothing = self._streams.nothing
        return (
            nothing if pumps.active("stdout") else self.stdout.collected(),
            nothing if pumps.active("stderr") else self.stderr.collected(),
        )

    def _collect(self) -> None:
        """Let all output come that the program is to have as a whole."""
        if self._pumps is None:
            self._streams.collect_all()
            return
        active = self._pumps.active
        readers = (("stdout", self.stdout), ("stderr", self.stderr))
        self._streams.collect(*[reader for name, reader in readers if not active(name)])

    async def communicate(self, input: AnyStr | None = None) -> tuple[BytesOrStr, BytesOrStr]:  # noqa: A002 - the name that programs use
        """Write the input, if there is any, and return all output once the process has ended."""
        self._collect()
        if input is not None:
            await self.feed(input)
        await self.wait_closed()
        return self.collect_output()

    async def wait(self, check: bool = False, timeout: float | None = None) -> SSHCompletedProcess:
        """Wait for the end of the process, collecting its output.

        Args:
            check: raise `ProcessError` unless the status is 0.
            timeout: seconds; None: as long as it takes.

        Raises:
            TimeoutError: it did not end in time; the process is still there.
            ProcessError: with `check`.
            OSError, UnicodeError: a stream was redirected, and what it was redirected to failed.
        """
        deadline = None if timeout is None else self._chan.get_loop().time() + timeout
        return await self.wait_until(deadline, check, timeout)

    async def wait_until(
        self, deadline: float | None, check: bool, timeout: float | None
    ) -> SSHCompletedProcess:
        """Wait as `wait` does, until a time of the loop's clock; `timeout` is what the error tells."""
        self._collect()
        if deadline is None:
            await self.wait_closed()
        else:
            limit = asyncio.timeout_at(deadline)
            try:
                async with limit:
                    await self.wait_closed()
            except builtins.TimeoutError:
                if not limit.expired():
                    raise  # of what a stream was redirected to
                raise TimeoutError(
                    **self._result(), reason=f"the process did not end within {timeout} s"
                ) from None
        result = self._result()
        if check and self.exit_status != 0:
            raise ProcessError(**result)
        return SSHCompletedProcess(**result)

    def _result(self) -> dict[str, Any]:
        stdout, stderr = self.collect_output()
        chan = self._chan
        return {
            "env": chan.get_environment(),
            "command": chan.get_command(),
            "subsystem": chan.get_subsystem(),
            "exit_status": chan.get_exit_status(),
            "exit_signal": chan.get_exit_signal(),
            "returncode": chan.get_returncode(),
            "stdout": stdout,
            "stderr": stderr,
        }

    # ------------------------------------------------------------ signals and the end

    def change_terminal_size(self, width: int, height: int, pixwidth: int = 0, pixheight: int = 0) -> None:
        """Tell the server the terminal's new size."""
        self._chan.change_terminal_size(width, height, pixwidth, pixheight)

    def send_break(self, msec: int) -> None:
        """Send a break, `msec` milliseconds long."""
        self._chan.send_break(msec)

    def send_signal(self, signal: str | int) -> None:
        """Send a signal, by its name without SIG or by its number."""
        self._chan.send_signal(signal)

    def terminate(self) -> None:
        """Send the signal TERM."""
        self._chan.terminate()

    def kill(self) -> None:
        """Send the signal KILL."""
        self._chan.kill()

    def close(self) -> None:
        """Close the channel once what was written has been sent."""
        self._chan.close()

    def is_closing(self) -> bool:
        """Return whether no more can be written: the channel is closed or about to close, or `write_eof`
        was called.
        """
        return self._chan.is_closing()

    async def wait_closed(self) -> None:
        """Wait until the process has ended, its channel is closed, and redirected output was written.

        Raises:
            OSError, UnicodeError: what a stream was redirected to has failed.
        """
        await self._chan.wait_closed()
        if self._pumps is not None:
            await self._pumps.wait("stdin", "stdout", "stderr")
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.close()
        await self.wait_closed()
