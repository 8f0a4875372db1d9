"""The client's end of a session channel (RFC 4254 section 6).

Owns: what a client asks of a session (terminal, environment, command), what it sends later, and how
the command ended. Must not know: streams, processes, options.
"""

from __future__ import annotations

import asyncio
import signal as signals
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, AnyStr, Final, NoReturn, TypeVar

from nacre.aio.channel import SSHChannel
from nacre.errors import ChannelOpenError
from nacre.protocol import limits as protocol_limits
from nacre.wire import requests
from nacre.wire.record import fresh, record

if TYPE_CHECKING:
    from nacre.aio.link import Link

T = TypeVar("T")

#: Open failure codes that no peer sends, for what failed after the channel was open.
OPEN_REQUEST_X11_FAILED: Final = 0xFFFFFFFD
OPEN_REQUEST_PTY_FAILED: Final = 0xFFFFFFFE
OPEN_REQUEST_SESSION_FAILED: Final = 0xFFFFFFFF

#: What `get_returncode` says of a signal that this system has no number for.
UNKNOWN_SIGNAL: Final = -99

_OPEN: Final = requests.SessionOpen().encode()

ExitSignal = tuple[str, bool, str, str]


@record
class SessionRequest:
    """What to ask of a session once its channel is open.

    Attributes:
        command: run this; with `subsystem` None too: a shell.
        subsystem: run this subsystem.
        environment: variables to set; servers may ignore them.
        term_type: ask for a terminal of this type; None: for none.
        term_size: columns, rows, width and height in pixels.
        term_modes: opcode to value (RFC 4254 section 8).
        agent_forwarding: whether the user's agent may be used there.
    """

    command: bytes | None = None
    subsystem: str | None = None
    environment: Mapping[str, str] = fresh(default_factory=dict)
    term_type: str | None = None
    term_size: tuple[int, int, int, int] = (0, 0, 0, 0)
    term_modes: Mapping[int, int] = fresh(default_factory=dict)
    agent_forwarding: bool = False


_NOTHING: Final = SessionRequest()


class SSHClientChannel(SSHChannel[AnyStr]):
    """A session channel that we opened; made by `SSHClientConnection.create_session`."""

    def __init__(
        self,
        link: Link,
        encoding: str | None = None,
        errors: str = "strict",
        window: int = protocol_limits.WINDOW,
        max_pktsize: int = protocol_limits.MAX_PACKET,
    ) -> None:
        super().__init__(link, encoding, errors, window, max_pktsize)
        self._wanted = _NOTHING
        #: The session, until whoever opens it has it: the channel may be gone by then.
        self._made: Any = None
        #: The answer that is waited for.
        self._reply: asyncio.Future[bool] | None = None
        self._exit_status: int | None = None
        self._exit_signal: ExitSignal | None = None

    async def create(self, make_session: Callable[[], T], wanted: SessionRequest) -> T:
        """Open the channel, ask for what is wanted, and start the session.

        Raises:
            ChannelOpenError: the server refused the channel, the terminal or the command.
        """
        self._wanted = wanted
        try:
            granted = await self._begin("session", _OPEN, make_session, self._ask_first)
            if wanted.term_type is not None:
                granted = await self._terminal_granted()
            if granted is not True:
                self._refused(wanted)
        except BaseException:
            reply = self._reply
            if reply is not None and not reply.cancel() and not reply.cancelled():
                reply.exception()  # nobody waits for it any more: it is taken note of
            self.abort()
            raise
        self._reply = None
        session: T = self._made
        self._made = None
        return session

    def _refused(self, wanted: SessionRequest) -> NoReturn:
        what, _ = _program(wanted)
        raise ChannelOpenError(OPEN_REQUEST_SESSION_FAILED, f"the server refused the {what} request")

    async def _terminal_granted(self) -> bool:
        """Wait for the terminal, then for what is to run in it; return whether that was granted."""
        assert self._reply is not None
        if not await self._reply:
            raise ChannelOpenError(OPEN_REQUEST_PTY_FAILED, "the server refused a terminal")
        self._reply = self._ask_to_start(None)
        return await self._reply

    def _ask_first(self, done: asyncio.Future[Any]) -> bool:
        """Ask for the terminal, or at once for what is to run in none: that answer is the one waited for."""
        wanted, self._made = self._wanted, self._session
        if wanted.agent_forwarding:  # a server that refuses runs the command all the same, as with ssh
            self.send_request("auth-agent-req@openssh.com", requests.AgentRequest().encode())
        if wanted.term_type is None:
            self._ask_to_start(done)
            return True
        modes = requests.encode_terminal_modes(wanted.term_modes)
        pty = requests.PtyRequest(wanted.term_type, *wanted.term_size, modes)
        self._reply = self.make_request("pty-req", pty.encode())
        return False

    def _ask_to_start(self, reply: asyncio.Future[bool] | None) -> asyncio.Future[bool]:
        wanted = self._wanted
        for name, value in wanted.environment.items():
            self.send_request("env", requests.EnvRequest(name, value).encode())
        # Started with the answer itself: all of the output, and the end, may stand right behind it.
        return self.make_request(*_program(wanted), self.start, reply)

    def _answer_request(self, payload: Any) -> bool:
        match payload:
            case requests.ExitStatus(status=status):
                if self._exit_status is None and self._exit_signal is None:
                    self._exit_status = status
                    self._session.exit_status_received(status)
            case requests.ExitSignal(signal=signal, core_dumped=core, message=message, lang=lang):
                if self._exit_status is None and self._exit_signal is None:
                    self._exit_signal = (signal, core, message, lang)
                    self._session.exit_signal_received(signal, core, message, lang)
            case requests.XonXoff(client_can_do=can_do):
                self._session.xon_xoff_requested(can_do)
            case _:
                return False
        return True

    def answer_eof(self) -> None:
        """End our direction, no more: the server closes, and its exit status may still be on the way."""
        self.write_eof()

    # ------------------------------------------------------------ facts

    def get_environment(self) -> dict[str, str]:
        """Return the environment variables that were asked for."""
        return dict(self._wanted.environment)

    def get_environment_bytes(self) -> dict[bytes, bytes]:
        """Return the environment variables that were asked for, encoded."""
        return {_raw(name): _raw(value) for name, value in self._wanted.environment.items()}

    def get_command(self) -> str | None:
        """Return the command that was asked for, or None for a shell or subsystem."""
        command = self._wanted.command
        return None if command is None else command.decode("utf-8", "surrogateescape")

    def get_subsystem(self) -> str | None:
        """Return the subsystem that was asked for, if any."""
        return self._wanted.subsystem

    def get_exit_status(self) -> int | None:
        """Return the exit status; -1 after a signal, None while there is none."""
        return -1 if self._exit_signal is not None else self._exit_status

    def get_exit_signal(self) -> ExitSignal | None:
        """Return the signal that ended the command: name, core dumped, message, language."""
        return self._exit_signal

    def get_returncode(self) -> int | None:
        """Return the exit status, or minus the number of the signal, as `subprocess` does."""
        if self._exit_signal is None:
            return self._exit_status
        number = getattr(signals, f"SIG{self._exit_signal[0]}", None)
        return UNKNOWN_SIGNAL if number is None else -int(number)

    # ------------------------------------------------------------ requests

    # A command may end at any time: what is sent to one that has ended is passed over.

    def change_terminal_size(self, width: int, height: int, pixwidth: int = 0, pixheight: int = 0) -> None:
        """Tell the server the terminal's new size (RFC 4254 section 6.7)."""
        self.send_request("window-change", requests.WindowChange(width, height, pixwidth, pixheight).encode())

    def send_break(self, msec: int) -> None:
        """Send a break, `msec` milliseconds long (RFC 4335)."""
        self.send_request("break", requests.BreakRequest(msec).encode())

    def send_signal(self, signal: str | int) -> None:
        """Send a signal to the command (RFC 4254 section 6.9).

        Args:
            signal: a name without SIG, or a number of this system's.

        Raises:
            ValueError: there is no signal of that number.
        """
        if isinstance(signal, int):
            signal = signals.Signals(signal).name.removeprefix("SIG")
        self.send_request("signal", requests.SignalRequest(signal).encode())

    def kill(self) -> None:
        """Send the signal KILL."""
        self.send_signal("KILL")

    def terminate(self) -> None:
        """Send the signal TERM."""
        self.send_signal("TERM")


def _program(wanted: SessionRequest) -> tuple[str, bytes]:
    """Return the request, and its payload, that starts what is wanted."""
    if wanted.subsystem is not None:
        return "subsystem", requests.SubsystemRequest(wanted.subsystem).encode()
    if wanted.command is not None:
        return "exec", requests.ExecRequest(wanted.command).encode()
    return "shell", requests.ShellRequest().encode()


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
