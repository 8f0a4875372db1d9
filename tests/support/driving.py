"""What stands around a driver in its tests: a transport, a protocol end and an owner that write down what is asked.

Owns: `make` and what it returns. Must not know: sockets, or any message.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, ClassVar

from nacre.aio.driver import Driver


class Transport(asyncio.Transport):
    """A transport that writes down what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.calls: list[str] = []
        self.closing = False

    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True
        self.calls.append("close")

    def abort(self) -> None:
        self.closing = True
        self.calls.append("abort")

    def pause_reading(self) -> None:
        self.calls.append("pause_reading")

    def resume_reading(self) -> None:
        self.calls.append("resume_reading")


class Protocol:
    """The protocol end as the driver sees it."""

    def __init__(self) -> None:
        self.closed = False
        self.wants_input = True
        self.output: list[bytes] = []
        self.events: list[Any] = []
        self.held: list[bool] = []
        self.deadline: float | None = None
        self.ticks: list[float] = []
        self.eof = False
        self.deadline_moved = True
        self.lose: Any = None
        self.info = SimpleNamespace(peer_version="")
        self.sent = 0
        self.queued = 0
        self.kept: list[bool] = []
        self.traffic = 0
        self.rests = 0
        self.keeps = 0
        self.released = 0

    def release(self) -> None:
        self.released += 1

    def start(self, now: float) -> None:
        self.output.append(b"hello")

    @property
    def waiting(self) -> list[Any]:
        return self.events

    def next_event(self) -> Any:
        return self.events.pop(0) if self.events else None

    def data_to_send(self) -> list[bytes]:
        taken, self.output = self.output, []
        return taken

    def receive_buffer(self) -> memoryview:
        return memoryview(bytearray(10))

    def received(self, size: int, now: float) -> None:
        self.events.append("read")

    def settle(self, keep: bool = False) -> bool:
        self.kept.append(keep)
        return self.wants_input and not self.deadline_moved

    def keep(self) -> None:
        self.keeps += 1

    def rest(self) -> None:
        self.rests += 1

    def receive_eof(self, now: float) -> None:
        self.eof = True

    def hold_output(self, held: bool) -> None:
        self.held.append(held)

    def next_deadline(self) -> float | None:
        return self.deadline

    def tick(self, now: float) -> None:
        self.ticks.append(now)
        self.deadline = None


class Owner:
    """What a driver asks of its owner."""

    table: ClassVar[dict[Any, Any]] = {}

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.handled: list[Any] = []
        self.reports: list[BaseException] = []
        self.lost = False
        self.handlers: dict[Any, Any] = {str: self.handled.append, int: self._fail}

    def handle(self, event: Any) -> None:
        self.handlers[type(event)](event)

    def _fail(self, event: int) -> None:
        raise ZeroDivisionError

    def transport_made(self, transport: Any) -> Any:
        return self.protocol

    def transport_lost(self) -> None:
        self.lost = True

    def report(self, error: BaseException, where: str) -> None:
        self.reports.append(error)


def make() -> tuple[Driver, Protocol, Owner, Transport]:
    protocol = Protocol()
    owner = Owner(protocol)
    driver = Driver(asyncio.get_running_loop(), owner)  # type: ignore[arg-type]  # what stands in for it is enough
    transport = Transport()
    driver.connection_made(transport)
    return driver, protocol, owner, transport
