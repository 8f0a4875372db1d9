"""The server's end of a session channel (RFC 4254 section 6).

Owns: what the client asked for (terminal, environment, command) and how the session ends. Must not
know: streams, processes, options; what the login permits is asked of a policy.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, AnyStr, Protocol

from nacre.aio import limits
from nacre.aio.channel import EXTENDED_DATA_STDERR, SSHChannel
from nacre.aio.phases import Phase, Sending
from nacre.aio.tasks import settle
from nacre.errors import WireError
from nacre.protocol import limits as protocol_limits
from nacre.wire import requests

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine, Iterable, Mapping

    from nacre.aio.link import Link

#: The exit status of a session whose callback or handler raised.
FAILED_STATUS = 1

_STARTING = frozenset(("shell", "exec", "subsystem"))


class SessionPolicy(Protocol):
    """What the login that a session belongs to permits."""

    def pty_allowed(self) -> bool:
        """Whether terminals are granted."""

    def forced_command(self) -> str | None:
        """The command to run whatever the client asks for, or None."""

    def session_environment(self) -> Mapping[str, str]:
        """Variables that every session of this login starts with."""

    async def forward_agent(self) -> bool:
        """Make the client's agent usable from here, which it has offered; whether it is."""

    def get_agent_path(self) -> str | None:
        """The socket of the client's agent, or None."""

    def variable_allowed(self, name: str) -> bool:
        """Whether the client may set a variable."""


class SSHServerChannel(SSHChannel[AnyStr]):
    """A session channel that the client opened; see `SSHServerConnection.create_server_channel`."""

    def __init__(
        self,
        link: Link,
        policy: SessionPolicy,
        encoding: str | None = None,
        errors: str = "strict",
        window: int = protocol_limits.WINDOW,
        max_pktsize: int = protocol_limits.MAX_PACKET,
    ) -> None:
        super().__init__(link, encoding, errors, window, max_pktsize)
        self._policy = policy
        #: What every session of this login starts with, and what the client has set; None: nobody has asked yet.
        self._variables: dict[str, str] | None = None
        self._environment_size = 0
        self._command: bytes | None = None
        self._subsystem: str | None = None
        self._asked = False
        self._term_type: str | None = None
        self._term_size = (0, 0, 0, 0)
        self._term_modes: dict[int, int] | None = None
        self._exit_sent = False
        self._peer_discards = False
        self._program: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ facts

    @property
    def _environment(self) -> dict[str, str]:
        if self._variables is None:
            self._variables = dict(self._policy.session_environment())
        return self._variables

    def get_environment(self) -> dict[str, str]:
        """Return the variables that the client set: the peer's text, UTF-8 with surrogateescape."""
        return dict(self._environment)

    def get_environment_bytes(self) -> dict[bytes, bytes]:
        """Return the variables that the client set, as they came."""
        return {
            name.encode("utf-8", "surrogateescape"): value.encode("utf-8", "surrogateescape")
            for name, value in self._environment.items()
        }

    def get_command(self) -> str | None:
        """Return the command to run, decoded as UTF-8 with surrogateescape; None for a shell."""
        return None if self._command is None else self._command.decode("utf-8", "surrogateescape")

    def get_command_bytes(self) -> bytes | None:
        """Return the command to run as it came."""
        return self._command

    def get_subsystem(self) -> str | None:
        """Return the subsystem that was asked for, if any."""
        return self._subsystem

    def get_terminal_type(self) -> str | None:
        """Return the client's TERM, or None when it asked for no terminal."""
        return self._term_type

    def get_terminal_size(self) -> tuple[int, int, int, int]:
        """Return columns, rows, width and height in pixels; zeros when unknown."""
        return self._term_size

    def get_terminal_mode(self, mode: int) -> int | None:
        """Return the value of one terminal mode (RFC 4254 section 8), or None."""
        return (self._term_modes or {}).get(mode)

    def get_terminal_modes(self) -> dict[int, int]:
        """Return all terminal modes that the client sent."""
        return dict(self._term_modes or {})

    def get_x11_display(self) -> None:
        """Return the X11 display for the session: there is none in this version."""
        return

    def get_agent_path(self) -> str | None:
        """Return the socket of the agent that the client forwards, for SSH_AUTH_SOCK; None: it forwards none."""
        return self._policy.get_agent_path()

    # ------------------------------------------------------------ requests

    def _answer_request(self, payload: Any) -> bool | Coroutine[Any, Any, bool]:
        match payload:
            case requests.ShellRequest() | requests.ExecRequest() | requests.SubsystemRequest():
                return self._start_requested(payload)
            case requests.WindowChange():
                return self._window_change(payload)
            case requests.SignalRequest(name=signal):
                self._session.signal_received(signal)
                return True
            case requests.BreakRequest(milliseconds=msec):
                return bool(self._session.break_received(msec))
            case requests.EnvRequest():
                return self._env(payload)
            case requests.PtyRequest():
                return self._pty(payload)
            case requests.AgentRequest():
                return self._policy.forward_agent()
            case requests.EndOfWrite():
                return self._end_of_write()
        return False

    def request_granted(self, name: str) -> None:
        """Start the session once what runs in it was granted."""
        if name in _STARTING:
            self.start()

    def _env(self, payload: requests.EnvRequest) -> bool:
        self._environment_size += len(payload.name) + len(payload.value)
        if (
            len(self._environment) >= limits.ENVIRONMENT_NAMES
            or self._environment_size > limits.ENVIRONMENT_BYTES
            or payload.name in self._policy.session_environment()
            or not self._policy.variable_allowed(payload.name)
        ):
            return False
        self._environment[payload.name] = payload.value
        return True

    async def _pty(self, payload: requests.PtyRequest) -> bool:
        if self._asked or self._term_type is not None or not self._policy.pty_allowed():
            return False
        try:
            modes = requests.decode_terminal_modes(payload.modes)
        except WireError:
            return False
        size = (payload.columns, payload.rows, payload.width_pixels, payload.height_pixels)
        # Known before the callback is asked, so that it may look at the channel.
        self._term_type, self._term_size, self._term_modes = payload.term_type, size, modes or None
        granted = bool(await settle(self._session.pty_requested(payload.term_type, size, modes)))
        if not granted:
            self._term_type, self._term_size, self._term_modes = None, (0, 0, 0, 0), None
        return granted

    def _start_requested(
        self, payload: requests.ShellRequest | requests.ExecRequest | requests.SubsystemRequest
    ) -> bool | Coroutine[Any, Any, bool]:
        # RFC 4254 section 6.5: "Only one of these requests can succeed per channel."
        if self._asked:
            return False
        self._asked = True
        forced = self._policy.forced_command()
        if isinstance(payload, requests.ExecRequest):
            self._command = payload.command
        elif isinstance(payload, requests.SubsystemRequest):
            self._subsystem = payload.name
        if forced is not None:
            self.set_extra_info(original_command=self.get_command() or self._subsystem or "")
            self._command, self._subsystem = forced.encode("utf-8", "surrogateescape"), None
        command = self.get_command()
        if command is not None:
            answer = self._session.exec_requested(command)
        elif self._subsystem is not None:
            answer = self._session.subsystem_requested(self._subsystem)
        else:
            answer = self._session.shell_requested()
        if answer is True or not inspect.isawaitable(answer):
            return self._start_decided(bool(answer))
        return self._start_later(answer)

    async def _start_later(self, answer: Awaitable[bool]) -> bool:
        return self._start_decided(bool(await settle(answer)))

    def _start_decided(self, granted: bool) -> bool:
        if not granted:
            self._asked, self._command, self._subsystem = False, None, None
        return granted

    def _window_change(self, payload: requests.WindowChange) -> bool:
        size = (payload.columns, payload.rows, payload.width_pixels, payload.height_pixels)
        self._term_size = size
        if self._phase is Phase.STARTED:
            self._session.terminal_size_changed(*size)
        return True

    def _end_of_write(self) -> bool:
        """OpenSSH PROTOCOL 2.1: nobody reads our output any more."""
        self._peer_discards = True
        self._drop_queue()
        self._check_low()
        self._finish_sending()
        return True

    # ------------------------------------------------------------ writing and the end

    def write(self, data: AnyStr, datatype: int | None = None) -> None:
        """Send data, as every channel does.

        Raises:
            BrokenPipeError: the channel is closed for writing, or the client said that nobody
                reads its output any more.
        """
        if self._peer_discards:
            raise BrokenPipeError("the client does not read any more")
        SSHChannel.write(self, data, datatype)

    def write_stderr(self, data: AnyStr) -> None:
        """Send data to the client's standard error."""
        self.write(data, EXTENDED_DATA_STDERR)

    def writelines_stderr(self, list_of_data: Iterable[AnyStr]) -> None:
        """Send several pieces of data to the client's standard error."""
        self.writelines(list_of_data, EXTENDED_DATA_STDERR)

    def set_xon_xoff(self, client_can_do: bool) -> None:
        """Tell the client whether it may do flow control itself (RFC 4254 section 6.8)."""
        self.send_request("xon-xoff", requests.XonXoff(client_can_do).encode())

    def exit(self, status: int) -> None:
        """End the session with an exit status, after what was written, and close the channel.

        The status is that of a process: its low 8 bits. What ends a session that has ended is passed over, so
        that a `finally` may say how it ends otherwise.
        """
        self._exit("exit-status", requests.ExitStatus(status & 0xFF).encode())

    def exit_with_signal(
        self, signal: str, core_dumped: bool = False, msg: str = "", lang: str = "en-US"
    ) -> None:
        """End the session as if by a signal, named without SIG, after what was written; see `exit`."""
        self._exit("exit-signal", requests.ExitSignal(signal, core_dumped, msg, lang).encode())

    def _exit(self, name: str, payload: bytes) -> None:
        if self._exit_sent or self._phase is Phase.GONE or self._sending is Sending.CLOSED:
            return
        self._exit_sent = True
        self._last_request = (name, payload)
        if self._sending is Sending.CLOSING:
            self._finish_sending()
        else:
            self.close()

    def run(self, program: Awaitable[None]) -> None:
        """Run a handler that says how the session ends: its output may end before it does."""
        self.create_task(self._run(program), "the handler")

    async def _run(self, program: Awaitable[None]) -> None:
        self._program = asyncio.current_task()
        await program
        self._expect_no_status()

    def _status_follows(self) -> bool:
        return self._program is not None and self._sending is Sending.EOF

    def _expect_no_status(self) -> None:
        """The handler has ended, or waits for the end: a client that has closed its side is answered."""
        self._program = None
        if self._eof_sent and self._number is not None and not self._is_ending() and self._link.active:
            self._link.protocol.channel_eof(self._number)
            self._link.touch()

    async def wait_closed(self) -> None:
        """Wait until the channel is closed in both directions and its tasks have ended."""
        if self._program is not None and self._program is asyncio.current_task():
            self._expect_no_status()
        await super().wait_closed()

    def _close_failed(self) -> None:
        if self._is_ending():
            return
        if self._phase is Phase.STARTED:
            self.exit(FAILED_STATUS)
        else:
            self.close()
