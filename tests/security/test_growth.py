"""What a peer can make an end hold, in bytes: every queue has an end (issue of the threat model, class C).

`tracemalloc` counts what the end under test allocates; what is sent was made before. A flood is so large
that it would show several times over if it were kept.
"""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, ClassVar

import pytest

import nacre
from nacre.errors import LocalProtocolError
from nacre.protocol import events, limits
from nacre.protocol.settings import Role
from tests.pair.damage import string, uint32, userauth
from tests.pair.ends import LATER
from tests.pair.stage import Stage
from tests.pair.talk import data, lent, opened, request
from tests.security.expectations import Phase
from tests.support.cases import each_case
from tests.support.face import asynctest, connect, connected, serving

MOST = 8 << 20
UNAUTHENTICATED = 300 << 10
ROLES = list(Role)
BIG = bytes(30_000)


class Growth:
    """How many bytes are held now, and were at the most, beyond what was held at the beginning."""

    def __init__(self) -> None:
        gc.collect()
        self._base = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()

    @property
    def now(self) -> int:
        return tracemalloc.get_traced_memory()[0] - self._base

    @property
    def peak(self) -> int:
        return tracemalloc.get_traced_memory()[1] - self._base


@contextmanager
def growth() -> Iterator[Growth]:
    """Trace the memory that the block takes."""
    tracemalloc.start()
    try:
        yield Growth()
    finally:
        tracemalloc.stop()


def flood(stage: Stage, payloads: Iterable[bytes], *, reads: bool = True, most: int = MOST) -> int:
    """Send payloads until the end has enough; returns what it holds at the end, and checks the peak.

    Args:
        stage: the end under test.
        payloads: what is sent.
        reads: whether the peer takes what comes back.
        most: bytes that the end may ever hold.
    """
    connection = stage.end.connection
    events_of = stage.end.events
    events_of.clear()
    if not reads:
        connection.hold_output(True)
    with growth() as grown:
        for payload in payloads:
            if connection.closed:
                break
            stage.raw.send(payload)
            stage.end.feed(stage.raw.output())
            if reads:
                stage.end.output()
            # An application keeps what it has not done with.
            events_of[:] = [
                event for event in events_of if isinstance(event, events.Question) and stage.later
            ]
        kept = grown.now
        assert grown.peak <= most
    return kept


def at(phase: Phase, role: Role, *later: type[events.Event], **settings: Any) -> Stage:
    """An end in a phase, whose application never answers the questions `later`."""
    stage = Stage(role, answers=dict.fromkeys(later, LATER), **settings).to(phase)
    stage.later = later
    return stage


FLOODS: dict[str, Callable[[int], bytes]] = {
    "ignore": lambda n: b"\x02" + string(BIG),
    "debug": lambda n: b"\x04\0" + string(BIG) + string(b""),
    "unimplemented": lambda n: b"\x03" + uint32(n),
    "ping": lambda n: b"\xc0" + string(BIG),
    "pong": lambda n: b"\xc1" + string(BIG),
    "unknown": lambda n: b"\xc8" + BIG,
    "global-request": lambda n: b"\x50" + string(b"x@example.com") + b"\1" + BIG,
    "global-request-unanswered": lambda n: b"\x50" + string(b"x@example.com") + b"\0" + BIG,
    "keepalive": lambda n: b"\x50" + string(b"keepalive@openssh.com") + b"\1" + BIG,
    "refused-open": lambda n: b"\x5a" + string(b"x@example.com") + uint32(n, 1000, 0) + BIG,
    "userauth": lambda n: userauth(b"password", b"\0" + string(BIG)),
}
#: Half as much again as an end may hold.
#: What an end may keep afterwards: its buffers have grown to the size of a packet.
KEPT = 512 << 10
COUNT = MOST * 3 // 2 // len(BIG)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_leaves_nothing(name: str, role: Role) -> None:
    stage = at(Phase.AUTHENTICATED, role)
    kept = flood(stage, (FLOODS[name](number) for number in range(COUNT)))
    assert kept < KEPT


@pytest.mark.parametrize("role", ROLES)
def test_answers_to_a_peer_that_does_not_read_are_bounded(role: Role) -> None:
    """Small answers too: tests/pair/test_bounds.py."""
    stage = at(Phase.AUTHENTICATED, role)
    flood(stage, (FLOODS["ping"](number) for number in range(COUNT)), reads=False)
    assert stage.end.connection.closed


@each_case("role", ROLES)
@each_case("number", [81, 82, 91, 92, 93, 99, 100])
def test_unsolicited_answers_end_the_connection(number: int, role: Role) -> None:
    stage = at(Phase.AUTHENTICATED, role)
    payload = bytes([number]) + (BIG if number == 81 else uint32(0) * (number < 93) + uint32(0, 1) * 2)
    kept = flood(stage, (payload for _ in range(COUNT)))
    assert stage.end.connection.closed
    assert kept < KEPT


@pytest.mark.parametrize("role", ROLES)
def test_opens_that_nobody_decides_about(role: Role) -> None:
    stage = at(Phase.AUTHENTICATED, role, events.ChannelOpenQuestion)
    content = bytes(limits.LANE_REQUEST_BYTES)
    flood(stage, (b"\x5a" + string(b"x@example.com") + uint32(n, 1000, 1000) + content for n in range(300)))
    assert not stage.end.connection.closed  # more than enough are refused
    flood(stage, [b"\x5a" + string(b"x@example.com") + uint32(0, 1000, 1000) + content + b"x"])
    assert stage.end.connection.closed


@pytest.mark.parametrize("role", ROLES)
def test_global_requests_that_nobody_decides_about(role: Role) -> None:
    stage = at(Phase.AUTHENTICATED, role, events.GlobalRequestQuestion)
    content = bytes(limits.LANE_REQUEST_BYTES)
    flood(stage, (b"\x50" + string(b"x@example.com") + b"\1" + content for _ in range(300)))
    assert stage.end.connection.closed


@pytest.mark.parametrize("role", ROLES)
def test_requests_of_many_channels_that_nobody_decides_about(role: Role) -> None:
    stage = at(Phase.AUTHENTICATED, role, events.ChannelRequestQuestion)
    channels = [opened(stage, raw=number) for number in range(150)]
    content = bytes(limits.LANE_REQUEST_BYTES - 100)
    flood(stage, (request(number, b"x@example.com", content) for _ in range(2) for number in channels))
    assert stage.end.connection.closed


def test_small_messages_behind_undecided_ones_of_many_channels() -> None:
    """They have hardly any bytes to count, and each is an object: as many as may wait are not too much."""
    stage = at(Phase.AUTHENTICATED, Role.SERVER, events.ChannelRequestQuestion)
    channels = [opened(stage, raw=number) for number in range(16)]
    for number in channels:
        for count in range(limits.LANE_MESSAGES):
            stage.raw.send(data(number, b"x") if count % 2 else request(number, b"x" * 60))
    sent = stage.raw.output()
    with growth() as grown:
        stage.end.feed(sent)
        assert not stage.end.connection.closed
        assert grown.peak * limits.LANES_MESSAGES // (16 * limits.LANE_MESSAGES) <= MOST


@pytest.mark.parametrize("role", ROLES)
def test_requests_that_are_decided_about_make_room_for_others(role: Role) -> None:
    stage = at(Phase.AUTHENTICATED, role)
    channels = [opened(stage, raw=number) for number in range(3)]
    content = bytes(limits.LANE_REQUEST_BYTES - 100)
    count = 3 * limits.LANES_REQUEST_BYTES // len(content)
    kept = flood(stage, (request(channels[n % 3], b"x@example.com", content) for n in range(count)))
    assert not stage.end.connection.closed
    assert kept < KEPT


@pytest.mark.parametrize("role", ROLES)
def test_unread_data_of_all_channels_has_one_budget(role: Role) -> None:
    stage = at(Phase.AUTHENTICATED, role, events.ChannelData)
    windows = {opened(stage, raw=raw): lent(stage) for raw in range(200)}
    assert sum(windows.values()) <= MOST + len(windows) * limits.WINDOW_MINIMUM
    filled = (
        data(number, bytes(min(limits.MAX_PACKET, window - sent)))
        for number, window in windows.items()
        for sent in range(0, window, limits.MAX_PACKET)
    )
    flood(stage, filled, most=MOST + (2 << 20))
    assert not stage.end.connection.closed
    stage.send(data(next(iter(windows)), b"x"))
    assert stage.end.connection.closed


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", ["ping", "global-request", "keepalive", "refused-open", "unknown"])
def test_a_rekey_that_is_never_answered(name: str, role: Role) -> None:
    stage = at(Phase.REKEY_OUR_KEXINIT_SENT, role)
    flood(stage, (FLOODS[name](number) for number in range(COUNT)))
    connection = stage.end.connection
    if not connection.closed:  # nothing waited: the time ends it
        connection.tick(limits.REKEY_TIMEOUT + 1)
    assert connection.closed


@pytest.mark.parametrize("role", ROLES)
def test_a_writer_against_a_closed_window_or_an_unanswered_rekey(role: Role) -> None:
    for rekey in (False, True):
        stage = at(Phase.AUTHENTICATED, role)
        number = opened(stage, window=1000 if not rekey else 1 << 30)
        if rekey:
            stage.end.connection.rekey()
        block = bytes(1 << 20)
        with growth() as grown:
            taken = sum(stage.end.connection.channel_write(number, block, None) for _ in range(1000))
            assert taken == (0 if rekey else 1000)
            assert grown.peak < 64 << 10


# ---------------------------------------------------------------- before authentication


@pytest.mark.parametrize("role", ROLES)
def test_a_connection_that_is_not_authenticated_holds_little(role: Role) -> None:
    for phase in (Phase.INITIAL_BEFORE_KEXINIT, Phase.INITIAL_AFTER_KEXINIT, Phase.WAIT_AUTH):
        for payload in (_long_kexinit(65_000), b"\x02" + string(bytes(34_900))):
            stage = at(phase, role)
            stage.raw.send(payload)
            stage.raw.send(payload)
            sent = stage.raw.output()[:-10]
            with growth() as grown:
                stage.end.feed(sent)
                assert grown.now <= UNAUTHENTICATED, (phase, payload[0])


def _long_kexinit(size: int) -> bytes:
    """A KEXINIT of that size, which is taken."""
    plain = Stage(Role.SERVER).raw.kexinit()
    kex = int.from_bytes(plain[17:21], "big")
    names = b",".join([b"n" * 60] * ((size - len(plain)) // 122))
    methods = string(plain[21 : 21 + kex] + b"," + names)
    languages = string(names) + string(b"")
    return plain[:17] + methods + plain[21 + kex : -13] + languages + plain[-5:]


def _with_names(plain: bytes, size: int, count: int) -> bytes:
    """A KEXINIT of `size` bytes: so many names in each of its lists but the last, and that as long as need be."""
    lists, at = [], 17
    for place in range(10):
        length = int.from_bytes(plain[at : at + 4], "big")
        more = b",".join(b"%c%04d" % (97 + place, number) for number in range(count))
        lists.append(b",".join(filter(None, (plain[at + 4 : at + 4 + length], more))))
        at += 4 + length
    lists[9] = b""
    left = size - len(plain[:17] + b"".join(map(string, lists)) + plain[at:])
    lists[9] = (b"n" * 40 + b",") * (left // 41) + b"n" * (left % 41)
    return plain[:17] + b"".join(map(string, lists)) + plain[at:]


@pytest.mark.parametrize("role", ROLES)
def test_a_kexinit_in_the_clear_may_have_64_kib_and_no_more(role: Role) -> None:
    """The exception of 1e, held to what keeps an unauthenticated connection below its 300 KiB (docs/design.md)."""
    # With its length field, a packet in the clear is a multiple of 8 bytes long; 5 are no payload.
    for length, taken in ((limits.KEXINIT - 4, True), (limits.KEXINIT + 4, False)):
        stage = Stage(role)
        stage.raw.send(_with_names(stage.raw.kexinit(), length - 5, 900))
        sent = stage.raw.output()
        assert int.from_bytes(sent[:4], "big") == length
        with growth() as grown:
            stage.end.feed(sent)
            gc.collect()
            assert grown.now <= UNAUTHENTICATED
            # Its ten lists are decoded at once, and not kept: one connection at a time takes this.
            assert grown.peak <= 1 << 20
        assert stage.end.connection.closed is not taken


def test_requests_behind_an_undecided_login_are_bounded() -> None:
    stage = at(Phase.WAIT_AUTH, Role.SERVER, events.PasswordQuestion)
    requests = [userauth(b"password", b"\0" + string(b"x")), *[userauth(b"x", bytes(34_000))] * 40]
    kept = flood(stage, requests, most=UNAUTHENTICATED + (100 << 10))
    assert stage.end.connection.closed
    assert kept <= UNAUTHENTICATED


# ---------------------------------------------------------------- over a socket


async def _blocked(write: Callable[[bytes], None], drain: Callable[[], Any]) -> int:
    """Write as one who waits for room; returns how much went before there was none."""
    written = 0
    with suppress(TimeoutError, LocalProtocolError):
        while written < 1 << 30:
            write(bytes(64 << 10))
            written += 64 << 10
            async with asyncio.timeout(0.5):
                await drain()
    return written


def test_a_writer_to_a_peer_that_does_not_read() -> None:
    """Both ends in one process, so that what is under way counts at the writer or at the reader."""

    async def silent(process: nacre.SSHServerProcess[bytes]) -> None:
        await process.wait_closed()

    @asynctest
    async def talk() -> None:
        async with (
            serving(process_factory=silent, encoding=None) as listener,
            connected(listener) as connection,
        ):
            process = await connection.create_process(encoding=None)
            with growth() as grown:
                written = await _blocked(process.stdin.write, process.stdin.drain)
                assert 0 < written < MOST
                assert grown.peak < MOST

    talk()


def test_a_reader_that_does_not_read_and_a_server_that_writes() -> None:
    done = asyncio.Event()
    written: list[int] = []

    async def talks(process: nacre.SSHServerProcess[bytes]) -> None:
        written.append(await _blocked(process.stdout.write, process.stdout.drain))
        done.set()

    @asynctest
    async def talk() -> None:
        async with (
            serving(process_factory=talks, encoding=None) as listener,
            connected(listener) as connection,
        ):
            with growth() as grown:
                await connection.create_process(encoding=None)
                await done.wait()
                assert 0 < written[0] < MOST
                assert grown.peak < MOST

    talk()


# ---------------------------------------------------------------- afterwards


class Watched(nacre.SSHServer):
    """Writes down what will show that a connection is still there."""

    seen: ClassVar[list[weakref.ref[Any]]] = []

    def connection_made(self, conn: nacre.SSHServerConnection) -> None:
        self.seen.extend(
            weakref.ref(each) for each in (self, conn, conn.driver, conn.driver.protocol) if each is not None
        )

    def begin_auth(self, username: str) -> bool:
        return username == "stranger"


@pytest.mark.parametrize(
    "said", [b"", b"SSH-2.0-x\r\n", b"SSH-1.5-x\r\n", b"SSH-2.0-x\r\n" + bytes(200), None]
)
@asynctest
async def test_nothing_of_a_stranger_waits_for_a_collector_of_garbage(said: bytes | None) -> None:
    """A wave of them would stay, and keep the allocator from giving back what lies between (figures of class I)."""
    Watched.seen.clear()
    gc.disable()
    try:
        limits = {"ident_timeout": 0.2, "login_timeout": 0.2} if said is not None else {}
        async with serving(server_factory=Watched, **limits) as listener:
            if said is None:
                with pytest.raises(nacre.PermissionDenied):
                    await connect(listener, username="stranger", client_keys=None, preferred_auth="password")
            else:
                reader, writer = await asyncio.open_connection("127.0.0.1", listener.get_port())
                writer.write(said)
                with suppress(ConnectionError):
                    while await reader.read(4096):
                        pass
                writer.close()
            while not Watched.seen or any(each() is not None for each in Watched.seen):
                await asyncio.sleep(0)
    finally:
        gc.enable()
