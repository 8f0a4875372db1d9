"""A visit without a connection: the channel is made up, and what the client would see is kept.

Owns: `FakeChannel`, `FakeConnection`, `visit`. Must not know: sockets.
"""

from __future__ import annotations

from typing import Any

import nacre
from nacre.hub.visit import Visit


class FakeChannel:
    """A session channel that keeps what is done with it."""

    def __init__(self, command: str | None = None, subsystem: str | None = None) -> None:
        self.command, self.subsystem = command, subsystem
        self.said: list[tuple[bytes, int | None]] = []
        self.ended: list[int | str] = []
        self.reading = True
        self.broken = False

    def write(self, data: bytes, datatype: int | None = None) -> None:
        if self.broken:
            raise BrokenPipeError
        self.said.append((data, datatype))

    def is_closing(self) -> bool:
        return bool(self.ended)

    def exit(self, status: int) -> None:
        self.ended.append(status)

    def exit_with_signal(self, name: str) -> None:
        self.ended.append(name)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def get_command(self) -> str | None:
        return self.command

    def get_subsystem(self) -> str | None:
        return self.subsystem

    def get_environment(self) -> dict[str, str]:
        return {}

    @property
    def screen(self) -> str:
        """What was said on the terminal."""
        return b"".join(data for data, datatype in self.said if datatype is None).decode()

    @property
    def errors(self) -> str:
        """What was said on standard error."""
        return b"".join(
            data for data, datatype in self.said if datatype == nacre.EXTENDED_DATA_STDERR
        ).decode()


class FakeConnection:
    """A server's connection that keeps what is done with it."""

    def __init__(self, username: str = "", blob: bytes | None = None) -> None:
        self.info: dict[str, Any] = {
            "username": username, "client_key_blob": blob, "peername": ("192.0.2.1", 4711),
        }  # fmt: skip
        self.banners: list[str] = []
        self.disconnected: list[str] = []
        self.closed = False

    def get_extra_info(self, name: str) -> Any:
        return self.info.get(name)

    def send_auth_banner(self, text: str) -> None:
        self.banners.append(text)

    def disconnect(self, code: int, reason: str) -> None:
        self.disconnected.append(reason)

    def create_server_channel(self, **options: Any) -> FakeChannel:
        return FakeChannel()

    def close(self) -> None:
        self.closed = True


def made(
    *, terminal: bool = True, command: str | None = None, typed: bytes = b""
) -> tuple[Visit, FakeChannel]:
    """Return a visit that has begun, and its channel."""
    visit = Visit(lambda visit: None, lambda visit: None)
    channel = FakeChannel(command)
    visit.connection_made(channel)  # type: ignore[arg-type]  # all of it that a visit uses
    if terminal:
        visit.pty_requested("xterm", (100, 30, 0, 0), {})
    visit.session_started()
    if typed:
        visit.data_received(typed, None)
    return visit, channel
