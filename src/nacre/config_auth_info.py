"""How somebody has logged in, for the programs of the session: ExposeAuthInfo of sshd_config(5).

Owns: the lines, the file that has them, and its end. Must not know: who is let in, or environments.

One line for each method that has said yes, as sshd writes them. The file is this process's alone to read and goes with
the connection; where it cannot be made, sessions are told of none, by nobody else either.
"""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nacre.aio.log import logger, plain
from nacre.gss import Context
from nacre.protocol import events
from nacre.wire.fields import Reader

__all__ = ["VARIABLE", "AuthInfo"]

#: What names the file to a session.
VARIABLE: Final = "SSH_USER_AUTH"


class AuthInfo:
    """What a login has shown so far, and the file that tells of it.

    Attributes:
        lines: one for each method that has said yes.
        variable: what names the file to a session.
    """

    variable: Final = VARIABLE

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._path: Path | None = None
        self._over = False

    def note(self, event: Any, verdict: Any) -> None:
        """Take note of the verdict on a credential; no by anything but a clear yes, or a first part of one."""
        if verdict is True or isinstance(verdict, events.Partial):
            line = _line(event)
            if line:
                self.lines.append(line)

    def write(self) -> None:
        """Make the file; the login is complete."""
        if not self.lines or self._over:
            return
        try:
            descriptor, name = tempfile.mkstemp(prefix="nacre-auth-")  # of mode 0600
            self._path = Path(name)
            with open(descriptor, "w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in self.lines)
        except OSError as error:
            logger.warning("sessions are not told how their user has logged in: %s", plain(error))
            self.close()

    def environment(self, said: Mapping[str, str]) -> dict[str, str]:
        """Return variables with the one that names the file; without it if there is no file, whoever says it."""
        found = {name: value for name, value in said.items() if name != self.variable}
        return found if self._path is None or self._over else {**found, self.variable: str(self._path)}

    def close(self) -> None:
        """Remove the file."""
        self._over = True
        if self._path is None:
            return
        path, self._path = self._path, None
        try:
            os.unlink(path)
        except OSError as error:
            logger.warning("%s could not be removed: %s", path, plain(error))

    async def wait_closed(self) -> None:
        """Nothing is left after `close`."""


def _line(event: Any) -> str:
    """Return what is said of a credential; "" for what proves nothing."""
    match event:
        case events.PublicKeyQuestion(verified=True):
            return f"publickey {_key(event.key_blob)}"
        case events.HostbasedQuestion():
            user, host = plain(event.client_username), plain(event.client_host.removesuffix("."))
            return f'hostbased {_key(event.key_blob)} client user "{user}", client host "{host}"'
        case events.PasswordQuestion():
            return "password"
        case events.KbdintQuestion() | events.KbdintResponses():
            return "keyboard-interactive"
        case events.GssPrincipalQuestion():
            context = event.context
            return (
                f"{event.method} {plain(context.initiator)}" if isinstance(context, Context) else event.method
            )
    return ""


def _key(blob: bytes) -> str:
    """Return a key or certificate as a line of authorized_keys has it."""
    return (
        f"{plain(Reader(blob).string().decode('ascii', 'replace'))} {base64.b64encode(blob).decode('ascii')}"
    )
