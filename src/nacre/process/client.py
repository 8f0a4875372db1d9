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
from nacre.process.redirect import DEVNULL, PIPE, STDOUT, check_plain, check_target
from nacre.process.result import BytesOrStr, ProcessError, SSHCompletedProcess, TimeoutError

#: Input is written in pieces of this size, each waiting for room.
_INPUT_PIECE = 256 * 1024


class SSHClientProcess(StreamCallbacks[AnyStr], SSHClientSession[AnyStr]):
    """A process on the server; made by `SSHClientConnection.create_process`."""

    _chan: SSHClientChannel[AnyStr]

    def __init__(self, stdin: Any = PIPE, stdout: Any = PIPE, stderr: Any = PIPE) -> None:
        self._targets = (stdin, stdout, stderr)
        self._stdin: SSHWriter[AnyStr] | None = None
        self._stdout: SSHReader[AnyStr] | None = None
        self._stderr: SSHReader[AnyStr] | None = None
        check_target("stdin", stdin, allowed=(PIPE, DEVNULL))
        check_target("stdout", stdout, allowed=(PIPE, DEVNULL))
        check_target("stderr", stderr, allowed=(PIPE, DEVNULL, STDOUT))

    def connection_made(self, chan: SSHClientChannel[AnyStr]) -> None:
        """Make the streams before data comes."""
        super().connection_made(chan)
        self._stdin = self._streams.writer()
        self._stdout = self._streams.reader()
        self._stderr = self._streams.reader(EXTENDED_DATA_STDERR)
        _, stdout, stderr = self._targets
        self._redirect_output(stdout, stderr)

    def session_started(self) -> None:
        """Say that there is no input, if so."""
        self._redirect_input(self._targets[0])

    def _redirect_input(self, stdin: int) -> None:
        if check_target("stdin", stdin, allowed=(PIPE, DEVNULL)) == DEVNULL:
            self._chan.write_eof()
            self._stdin = None

    def _redirect_output(self, stdout: int, stderr: int) -> None:
        output = check_target("stdout", stdout, allowed=(PIPE, DEVNULL))
        errors = check_target("stderr", stderr, allowed=(PIPE, DEVNULL, STDOUT))
        if errors == STDOUT and output == PIPE and self._stdout is not None:
            self._streams.send_to(EXTENDED_DATA_STDERR, self._stdout)
            self._stderr = None
        elif errors != PIPE:
            self._streams.drop(EXTENDED_DATA_STDERR)
            self._stderr = None
        if output == DEVNULL:
            self._streams.drop(None)
            self._stdout = None

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
        """Writes to standard input.

        Raises:
            RuntimeError: it was redirected.
        """
        if self._stdin is None:
            raise RuntimeError("stdin was redirected")
        return self._stdin

    @property
    def stdout(self) -> SSHReader[AnyStr]:
        """Reads standard output.

        Raises:
            RuntimeError: it was redirected.
        """
        if self._stdout is None:
            raise RuntimeError("stdout was redirected")
        return self._stdout

    @property
    def stderr(self) -> SSHReader[AnyStr]:
        """Reads standard error.

        Raises:
            RuntimeError: it was redirected.
        """
        if self._stderr is None:
            raise RuntimeError("stderr was redirected")
        return self._stderr

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
        """Send streams elsewhere; None leaves one as it is.

        Raises:
            NotSupportedYet: a file, socket or pipe.
        """
        check_plain(bufsize, send_eof, recv_eof)
        self._redirect_output(PIPE if stdout is None else stdout, PIPE if stderr is None else stderr)
        self._redirect_input(PIPE if stdin is None else stdin)

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
        return _collected(self._stdout), _collected(self._stderr)

    async def communicate(self, input: AnyStr | None = None) -> tuple[BytesOrStr, BytesOrStr]:  # noqa: A002 - the name that programs use
        """Write the input, if there is any, and return all output once the process has ended."""
        self._streams.collect()
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
        """
        self._streams.collect()
        try:
            async with asyncio.timeout(timeout):
                await self._chan.wait_closed()
        except builtins.TimeoutError:
            raise TimeoutError(
                **self._result(), reason=f"the process did not end within {timeout} s"
            ) from None
        result = self._result()
        if check and self.exit_status != 0:
            raise ProcessError(**result)
        return SSHCompletedProcess(**result)

    def _result(self) -> dict[str, Any]:
        stdout, stderr = self.collect_output()
        return {
            "env": self.env,
            "command": self.command,
            "subsystem": self.subsystem,
            "exit_status": self.exit_status,
            "exit_signal": self.exit_signal,
            "returncode": self.returncode,
            "stdout": None if self._stdout is None else stdout,
            "stderr": None if self._stderr is None else stderr,
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
        """Return whether the channel is closed or about to close."""
        return self._chan.is_closing()

    async def wait_closed(self) -> None:
        """Wait until the process has ended and its channel is closed."""
        await self._chan.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.close()
        await self._chan.wait_closed()


def _collected(reader: SSHReader[Any] | None) -> BytesOrStr:
    return "" if reader is None else reader.collected()
