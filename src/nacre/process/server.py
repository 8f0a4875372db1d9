"""A session as a process object, on the server's side.

Owns: `SSHServerProcess`, which runs a process factory. Must not know: connections and options.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, AnyStr

from nacre.aio.server_channel import SSHServerChannel
from nacre.aio.session import TermSize
from nacre.aio.stream_session import ServerStreams
from nacre.errors import NotSupportedYet
from nacre.process.redirect import PIPE, check_plain, check_target

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
        """Send streams elsewhere; in this version they can stay as they are alone.

        Raises:
            NotSupportedYet: anything but None or PIPE.
        """
        check_plain(bufsize, send_eof, recv_eof)
        for name, target in (("stdin", stdin), ("stdout", stdout), ("stderr", stderr)):
            if target is not None:
                check_target(name, target, allowed=(PIPE,))

    def set_redirect_pid(self, pid: int) -> None:
        """Name the local process that the streams are redirected to: not in this version."""
        raise NotSupportedYet("set_redirect_pid")

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
        """Return whether the channel is closed or about to close."""
        return self._chan.is_closing()

    async def wait_closed(self) -> None:
        """Wait until the channel is closed."""
        await self._chan.wait_closed()
