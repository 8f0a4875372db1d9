"""How a process ended: the result, and the errors that carry it.

Owns: `SSHCompletedProcess`, `ProcessError`, `TimeoutError`. Must not know: how a process runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from nacre.aio.client_channel import ExitSignal
from nacre.errors import Error
from nacre.wire.record import record

BytesOrStr = bytes | str


@record
class SSHCompletedProcess:
    """What `run` and `wait` return.

    Attributes:
        env: the environment variables that were asked for.
        command: the command, or None for a shell or subsystem.
        subsystem: the subsystem, if any.
        exit_status: the status; -1 after a signal; None when the server sent neither.
        exit_signal: name, core dumped, message and language, after a signal.
        returncode: the status, or minus the number of the signal.
        stdout: the output that was not read before; None when it was redirected.
        stderr: the same of standard error.
    """

    env: Mapping[str, str] | None = None
    command: str | None = None
    subsystem: str | None = None
    exit_status: int | None = None
    exit_signal: ExitSignal | None = None
    returncode: int | None = None
    stdout: BytesOrStr | None = None
    stderr: BytesOrStr | None = None


class ProcessError(Error):
    """A process ended with a status other than 0, or by a signal; fields as `SSHCompletedProcess`.

    Its `code` is the status, -1 after a signal; its `lang` that of the signal's message.
    """

    def __init__(
        self,
        env: Mapping[str, str] | None,
        command: str | None,
        subsystem: str | None,
        exit_status: int | None,
        exit_signal: ExitSignal | None,
        returncode: int | None,
        stdout: BytesOrStr | None,
        stderr: BytesOrStr | None,
        reason: str = "",
        lang: str = "en-US",
    ) -> None:
        self.env = env
        self.command = command
        self.subsystem = subsystem
        self.exit_status = exit_status
        self.exit_signal = exit_signal
        self.returncode = returncode
        self.stdout = stdout
        self.stderr = stderr
        if exit_signal is not None:
            lang = exit_signal[3]
        super().__init__(exit_status or 0, reason or self._describe(), lang)

    def _describe(self) -> str:
        if self.exit_signal is not None:
            name, core_dumped, message, _ = self.exit_signal
            details = (f": {message}" if message else "") + (" (core dumped)" if core_dumped else "")
            return f"the process was ended by signal {name}{details}"
        return f"the process ended with status {self.exit_status}"


class TimeoutError(ProcessError, asyncio.TimeoutError):  # noqa: A001 - the name that programs expect
    """A process did not end in time; it has what was read until then."""
