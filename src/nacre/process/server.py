"""A session as a process object, on the server's side.

Owns: `SSHServerProcess`, which runs a process factory. Must not know: connections and options.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, AnyStr

from nacre.aio.client_channel import SSHClientChannel
from nacre.aio.server_channel import SSHServerChannel
from nacre.aio.session import TermSize
from nacre.aio.stream import SSHWriter
from nacre.aio.stream_session import ServerStreams
from nacre.process.pumps import Pumps, tell_channel, tell_process
from nacre.process.redirect import DEVNULL, Plan
from nacre.process.sinks import ChannelSink
from nacre.process.sources import ChannelSource

#: Called with each process; may be a coroutine function.
SSHServerProcessFactory = Callable[["SSHServerProcess[Any]"], Awaitable[None] | None]


class SSHServerProcess(ServerStreams[AnyStr]):
    """A session for which a program plays the process; handed to `process_factory`.

    Args:
        factory: called when the client has asked for a shell, a command or a subsystem.
    """

    _chan: SSHServerChannel[AnyStr]

    def __init__(self, factory: SSHServerProcessFactory) -> None:
        self._factory = factory
        #: What copies; None: no stream was ever redirected.
        self._pumps: Pumps | None = None
        self._target: Any = None
        self._redirect_pid: int | None = None

    # ------------------------------------------------------------ the session's callbacks

    def shell_requested(self) -> bool:
        """Grant a shell."""
        return True

    def exec_requested(self, command: str) -> bool:
        """Grant a command."""
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        """Grant a subsystem, but for SFTP, which `sftp_factory` serves."""
        return subsystem != "sftp"

    def session_started(self) -> None:
        """Run the factory."""
        super().session_started()
        self.run(self._factory, self)

    # ------------------------------------------------------------ facts

    @property
    def channel(self) -> SSHServerChannel[AnyStr]:
        """The channel of the process."""
        return self._chan

    @property
    def logger(self) -> Any:
        """The logger of the channel."""
        return self._chan.logger

    @property
    def command(self) -> str | None:
        """The command that the client asked for, or None."""
        return self._chan.get_command()

    @property
    def subsystem(self) -> str | None:
        """The subsystem that the client asked for, or None."""
        return self._chan.get_subsystem()

    @property
    def env(self) -> Mapping[str, str]:
        """The environment variables that the client set."""
        return self._chan.get_environment()

    @property
    def term_type(self) -> str | None:
        """The client's TERM, or None when it asked for no terminal."""
        return self._chan.get_terminal_type()

    @property
    def term_size(self) -> TermSize:
        """Columns, rows, width and height in pixels; zeros when unknown."""
        return self._chan.get_terminal_size()

    @property
    def term_modes(self) -> Mapping[int, int]:
        """Terminal modes: opcode to value."""
        return self._chan.get_terminal_modes()

    def get_terminal_type(self) -> str | None:
        """Return `term_type`."""
        return self.term_type

    def get_terminal_size(self) -> TermSize:
        """Return `term_size`."""
        return self.term_size

    def get_terminal_mode(self, mode: int) -> int | None:
        """Return one of `term_modes`, or None."""
        return self._chan.get_terminal_mode(mode)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return a fact about the channel or its connection."""
        return self._chan.get_extra_info(name, default)

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
            stdin: where the client's input goes: a path, a file, an asynchronous file as of `aiofiles`, a
                descriptor, a socket, an asyncio `StreamWriter`, an `SSHWriter`, or DEVNULL; PIPE: it is
                read by the program.
            stdout: what the output is fed from: the same kinds, with `StreamReader` and `SSHReader`; PIPE:
                it is written by the program.
            stderr: as `stdout`.
            bufsize: bytes of one read.
            send_eof: whether the end of the last of `stdout` and `stderr` ends the output of the channel.
            recv_eof: whether the end of the client's input closes the file or descriptor it goes to, and
                is told to the others. Paths are closed anyway; sockets and asyncio streams stay the
                caller's.

        `stdout.drain()` waits until what was redirected to it has ended.

        Raises:
            OSError: something cannot be opened.
            TypeError, ValueError: something cannot be a source or target.
        """
        plan = Plan(bufsize, send_eof, recv_eof)
        await plan.open({"stdout": stdout, "stderr": stderr}, {"stdin": stdin})
        pumps = self._pumps
        if pumps is None:
            pumps = self._pumps = Pumps(self._codec, self._notice, self._broken, self._pump_failed)
        for name in plan.names():
            await pumps.stop(name)
        if "stdin" in plan.names():
            self._target = stdin
            if plan.special.get("stdin") == DEVNULL:
                self._streams.drop(None)
            else:
                self._streams.send_to(None, self.stdin)
        for name, sink in plan.sinks.items():
            pumps.start(name, ChannelSource(self.stdin), sink, bufsize, recv_eof)
        writers = {"stdout": self.stdout, "stderr": self.stderr}
        for name, source in plan.sources.items():
            pumps.start(name, source, ChannelSink(writers[name]), bufsize, send_eof)
        ended = [name for name in writers if plan.special.get(name) == DEVNULL]
        if ended and send_eof and not plan.sources:
            self._chan.write_eof()

    async def redirect_stdin(self, target: Any, bufsize: int = 8192, recv_eof: bool = True) -> None:
        """Have the client's input go to something; see `redirect`."""
        await self.redirect(stdin=target, bufsize=bufsize, recv_eof=recv_eof)

    async def redirect_stdout(self, source: Any, bufsize: int = 8192, send_eof: bool = True) -> None:
        """Feed the output from something; see `redirect`."""
        await self.redirect(stdout=source, bufsize=bufsize, send_eof=send_eof)

    async def redirect_stderr(self, source: Any, bufsize: int = 8192, send_eof: bool = True) -> None:
        """Feed standard error from something; see `redirect`."""
        await self.redirect(stderr=source, bufsize=bufsize, send_eof=send_eof)

    def set_redirect_pid(self, pid: int | None) -> None:
        """Name the local process that the streams are redirected to: it gets the client's signals, INT
        for a break, and is told of changes of the terminal's size.

        Args:
            pid: of a process of ours; None: of none any more.
        """
        self._redirect_pid = pid

    def _codec(self) -> tuple[str | None, str]:
        return self._chan.get_encoding()

    def _notice(self, notice: Exception) -> None:
        """Pass a break, signal or change of size on to where the input goes."""
        if isinstance(self._target, SSHWriter):
            if isinstance(self._target.channel, SSHClientChannel):
                tell_channel(self._target.channel, notice)
        else:
            tell_process(self._target, self._redirect_pid, notice)

    def _broken(self, name: str) -> None:
        """Nobody takes the input any more: the rest of it is dropped, as a pipe's would be."""
        if name == "stdin":
            self._streams.drop(None)
            self.stdin.collected()

    def _pump_failed(self, name: str, error: Exception) -> None:
        self._chan.fail(error, f"redirecting {name}")

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the streams; there is nobody to take output any more."""
        super().connection_lost(exc)
        if self._pumps is not None:
            self._pumps.cancel("stdout", "stderr")

    # ------------------------------------------------------------ the end

    def exit(self, status: int) -> None:
        """End the process with an exit status, after what was written, and close the channel."""
        self._chan.exit(status)

    def exit_with_signal(
        self, signal: str, core_dumped: bool = False, msg: str = "", lang: str = "en-US"
    ) -> None:
        """End the process as if by a signal, named without SIG, after what was written."""
        self._chan.exit_with_signal(signal, core_dumped, msg, lang)

    def close(self) -> None:
        """Close the channel once what was written has been sent; no exit status is sent."""
        self._chan.close()

    def is_closing(self) -> bool:
        """Return whether no more can be written: the channel is closed or about to close, or `write_eof`
        was called.
        """
        return self._chan.is_closing()

    async def wait_closed(self) -> None:
        """Wait until the channel is closed, and redirected input was written."""
        await self._chan.wait_closed()
        if self._pumps is not None:
            await self._pumps.wait("stdin", "stdout", "stderr")
