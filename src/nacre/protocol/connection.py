"""One protocol end: bytes in, events out; commands in, bytes out. Composes, decides nothing.

Owns: the pump, the fast path of channel data, and the end of a connection.
Must not know: the rules of order (`state`), or any part beyond handing messages to it.

A fault of the peer never raises towards the driver: it queues DISCONNECT and emits one
`Disconnected`. A misuse by the caller raises `LocalProtocolError` at once. A fault of ours (a
signature that cannot be made, memory that is not there) ends the connection likewise, and its
exception passes on: the events that end everything can still be pulled.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from struct import Struct
from typing import Final

from nacre.errors import (
    ConnectionLost,
    DisconnectError,
    DisconnectReason,
    LocalProtocolError,
    ProtocolError,
)
from nacre.protocol import limits
from nacre.protocol.auth.client import ClientAuth
from nacre.protocol.auth.server import ServerAuth
from nacre.protocol.channel import Channel
from nacre.protocol.commands import Commands
from nacre.protocol.core import Core, farewell_of, forget_frames, internal_error
from nacre.protocol.deadlines import Deadlines, Overdue
from nacre.protocol.events import ChannelData, DebugReceived, Disconnected, Event, PublicKeyAttempt, Token
from nacre.protocol.handshake import Handshake
from nacre.protocol.ident import IdentReader
from nacre.protocol.mux import ROUTINE, Mux
from nacre.protocol.settings import Info, Role, Settings, Sources
from nacre.protocol.state import DATA_IS_LEGAL, Action, ExtInfoTurn, KexStep, Phase, judge
from nacre.wire.kex import KexInit, NewKeys
from nacre.wire.message import Message
from nacre.wire.transport import Debug, Disconnect, ExtInfo, Ignore, Ping, Pong, Unimplemented

_DATA: Final = Struct(">II")
_CHANNEL_DATA: Final = 94
#: For each packet: to look up a member of an enum costs as much as to call a function.
_OPEN: Final = Phase.OPEN
_NEXT: Final = ExtInfoTurn.NEXT
_NEWKEYS: Final = NewKeys.number
_CLOSED: Final = Phase.CLOSED
_NOTHING: Final[dict[int, Channel]] = {}
_SOURCES: Final = Sources()
_NOBODY: Final[Mapping[int, Callable[[Mux, bytes], None]]] = {}
_WITHOUT_EFFECT: Final[dict[int, type[Message]]] = {cls.number: cls for cls in (Ignore, Unimplemented, Pong)}


@functools.lru_cache(16)
def _shared(version: str) -> str:
    """Return one object for equal versions, since most peers are of few kinds.

    `sys.intern` would keep for ever, in some versions of Python, what strangers say.
    """
    return version


class Connection(Commands):
    """The SSH state machine of one connection.

    Args:
        role: which end this is.
        settings: what it is told.
        sources: where randomness and key shares come from.

    Attributes:
        info: what is known of the connection.
        waiting: events that wait to be pulled, after those of what was received.
        failure: why it ended, from just before the channels are told on; None before, and after a
            clean end.
        closed: `Disconnected` was emitted, or is about to be.
        channel_write: sends data on a channel: `Writing.write`, without a call between.
        receive_buffer: lends room for received bytes, until `received`; never empty while `wants_input`.
    """

    __slots__ = (
        "_client",
        "_deadlines",
        "_eof",
        "_fast",
        "_ident",
        "_routine",
        "_server",
        "_writing",
        "channel_write",
        "failure",
        "receive_buffer",
        "waiting",
    )

    def __init__(self, role: Role, settings: Settings, sources: Sources | None = None) -> None:
        core = Core(role, settings, sources or _SOURCES)
        super().__init__(core, Handshake(core))
        self._ident: IdentReader | None = IdentReader(role)
        self._writing = self._mux.writing
        self.channel_write = self._writing.write
        self.receive_buffer = self._core.inbound.receive_buffer
        self._client = ClientAuth(self._core, self._handshake) if role is Role.CLIENT else None
        self._server = ServerAuth(self._core, self._handshake) if role is Role.SERVER else None
        self._fast: dict[int, Channel] = _NOTHING
        #: Who takes which message while an open connection is in no key exchange of the peer's.
        self._routine = _NOBODY
        self._eof = False
        self._deadlines = Deadlines(
            self._core, self._handshake, self._mux.global_requests, self._mux.channels
        )
        self.waiting: Sequence[Event] = self._core.events
        self.failure: DisconnectError | None = None

    @property
    def info(self) -> Info:
        """What is known of the connection."""
        return self._core.info

    @property
    def authenticated(self) -> bool:
        """Whether the user is authenticated and the connection open."""
        return self._core.phase is Phase.OPEN

    def trace(self, write: Callable[[str], None], *, fields: bool = True) -> None:
        """Have `write` take a line for each message from now on, with its `fields`; see `nacre.protocol.trace`."""
        from nacre.protocol.trace import Tracer  # for those who look

        tracer = Tracer(self._core.role, write, fields=fields)
        self._core.inbound.trace = tracer.received
        self._core.outbound.trace = tracer.sent

    # ------------------------------------------------------------ bytes

    def start(self, now: float) -> None:
        """Begin: queue our identification and our KEXINIT.

        Args:
            now: seconds of a monotonic clock, as in every other call that takes it.
        """
        if self._deadlines.started is not None or self.closed:
            raise LocalProtocolError("a connection starts once, and not after its end")
        core = self._core
        core.now = self._deadlines.started = core.heard = now
        core.outbound.send_line(core.info.own_version.encode("ascii") + b"\r\n")
        self._handshake.start()

    @property
    def wants_input(self) -> bool:
        """Whether there is room to receive; False stops the transport until events were pulled."""
        core = self._core
        if core.phase is Phase.CLOSED:
            return False
        inbound = core.inbound
        return inbound.end - inbound.start < limits.READ or inbound.has_room

    def received(self, size: int, now: float) -> None:
        """Take note that `size` bytes stand in the lent buffer."""
        core = self._core
        core.now = core.heard = now
        if core.unanswered:
            core.unanswered = 0
            core.deadline_moved = True
        core.inbound.received(size)

    def settle(self, keep: bool = False) -> bool:
        """Hold no memory for what may come much later. Not while room is lent.

        Args:
            keep: more is expected soon: the buffers stay, until `rest`.

        Returns:
            Whether input is wanted, and `next_deadline` is none but what it was: neither has to be asked.
        """
        core, inbound = self._core, self._core.inbound
        if inbound.start == inbound.end and inbound.small:
            if not keep:
                inbound.rest()
                core.outbound.rest()
            return core.phase is not _CLOSED and not core.deadline_moved
        if not keep:
            core.outbound.rest()  # what a program has sent by itself came with nothing received
        return self.wants_input and not core.deadline_moved

    def keep(self) -> None:
        """The connection is in use: hold what is costly to make anew, until `rest`."""
        self._core.inbound.keep()
        self._core.outbound.keep()

    def rest(self) -> None:
        """Hold nothing of any size that is not in use. Not while room is lent."""
        self._core.inbound.release()
        self._core.outbound.release_buffers()

    @property
    def traffic(self) -> int:
        """A number that is another one after anything was received or sent."""
        return self._core.inbound.sequence + self._core.outbound.taken

    def receive_eof(self, now: float) -> None:
        """The transport ends, or is gone. What was received before is still delivered."""
        self._core.now = now
        self._eof = True

    def data_to_send(self) -> list[bytes | memoryview]:
        """Hand out what is to be sent; it belongs to the caller. Pull events again afterwards.

        Nothing is handed out while `hold_output(True)` stands, but for the last words of a
        connection that has ended.
        """
        outbound = self._core.outbound
        if not outbound.queued or (self._writing.held and not self.closed):
            return []
        segments = outbound.take()
        if self._writing.blocked:
            self._writing.wake()
        return segments

    @property
    def queued(self) -> int:
        """How many bytes wait to be handed out by `data_to_send`."""
        return self._core.outbound.queued

    @property
    def sent(self) -> int:
        """How many bytes were handed out to be sent, in all."""
        return self._core.outbound.taken

    def hold_output(self, held: bool) -> None:
        """The transport is full, or has room again: channels are stopped, or woken."""
        self._writing.hold(held=held)

    # ------------------------------------------------------------ events

    def next_event(self) -> Event | None:  # noqa: C901 - the one loop of the hot path, in one piece
        """Return the next event; None when there is nothing more to do with what was received."""
        core = self._core
        events = core.events
        inbound = core.inbound
        lane = self._handshake.lane
        while True:
            if events:
                return events.pop(0)
            if core.phase is _CLOSED:
                return None
            try:
                if core.fault is not None:
                    raise core.fault  # noqa: TRY301 - the one place where a fault ends the connection is below
                if core.ready:
                    if not core.ready[0].advance():
                        core.ready = core.ready[1:] or None
                    continue
                if self._ident is not None:
                    if not self._read_ident(self._ident):
                        return self._end_of_input()
                    continue
                # Until the application says whether the host key is right, or has computed what the method
                # asks of it, nothing is read: all that may come next is the peer's answer, or NEWKEYS.
                if lane.pending is not None:
                    return self._end_of_input()
                size = inbound.next_payload() if inbound.end > inbound.start else -1
                if size < 0:
                    if core.phase is _OPEN and self._handshake.due():
                        self._handshake.start()
                    return self._end_of_input() if self._eof else None
                scratch = inbound.scratch
                # The fast path: data of a channel whose state needs no second look.
                if scratch[1] == _CHANNEL_DATA and size > 9:  # number and two uint32
                    number, length = _DATA.unpack_from(scratch, 2)
                    channel = self._fast.get(number)
                    if channel is not None and (window := channel.receive) is not None:
                        if length != size - 9:
                            raise ProtocolError("CHANNEL_DATA: its length does not fit its packet")  # noqa: TRY301 - as above
                        window.received(length)
                        data = bytes(scratch[10 : 10 + length])
                        deliver = channel.deliver
                        if deliver is None:
                            return ChannelData(number, data, None)
                        # What takes it may have closed the channel, or the connection.
                        if deliver(data, None) and self._fast.get(number) is channel:
                            credit = window.consumed(length)
                            if credit:
                                self._mux.credit(channel, credit)
                        continue
                if (take := self._routine.get(scratch[1])) is not None:
                    take(self._mux, bytes(scratch[1 : 1 + size]))
                else:
                    self._dispatch(bytes(scratch[1 : 1 + size]))
            except DisconnectError as error:
                self._die(error)
            except BaseException:  # a cancellation or an interrupt too: what was not verified never is
                self._die(internal_error())
                raise

    def _end_of_input(self) -> Event | None:
        if self._eof:
            self._end(ConnectionLost("the connection was lost"), by_peer=True)
            return self._core.events.pop(0)
        return None

    def _read_ident(self, ident: IdentReader) -> bool:
        inbound = self._core.inbound
        if inbound.start == inbound.end:
            return False
        used, version = ident.feed(inbound.peek())
        inbound.skip(used)
        if version is None:
            return False
        self._core.info.peer_version = _shared(version)
        self._ident = None
        return True

    # ------------------------------------------------------------ messages

    def _dispatch(self, payload: bytes) -> None:
        core, handshake = self._core, self._handshake
        number = payload[0]
        action = judge(
            number,
            core.role,
            core.phase,
            handshake.step,
            strict=handshake.strict,
            expected=handshake.expected if handshake.step is KexStep.AWAIT_METHOD else None,
            ext_info=handshake.ext_info,
        )
        match action:
            case Action.HANDLE:
                self._handle(number, payload)
            case Action.IGNORE:
                pass
            case Action.UNIMPLEMENTED:
                core.send(Unimplemented((core.inbound.sequence - 1) & limits.WINDOW_CEILING))
            case Action.DISCONNECT:
                raise ProtocolError(f"message {number} is not allowed here")
        if handshake.ext_info is _NEXT and number != _NEWKEYS:
            handshake.ext_info = ExtInfoTurn.NO  # its turn, directly after the first NEWKEYS, is over
        if core.phase is _OPEN:
            self._publish()

    def _publish(self) -> None:
        """Open the fast paths exactly while what goes there is legal."""
        core, handshake = self._core, self._handshake
        legal = core.phase is Phase.OPEN and handshake.step in DATA_IS_LEGAL
        self._fast = self._mux.flowing if legal else _NOTHING
        # The turn of an EXT_INFO ends with the next message, which must be seen to.
        waits = handshake.ext_info is ExtInfoTurn.NEXT
        self._routine = ROUTINE[core.role] if legal and not waits else _NOBODY

    def _handle(self, number: int, payload: bytes) -> None:
        if 80 <= number < 128:  # RFC 4250 section 4.1.2: the connection protocol
            self._mux.received(payload)
        elif 50 <= number < 80:  # RFC 4250 section 4.1.2: authentication
            (self._client or self._auth_server()).received(payload)
        elif 30 <= number < 50:  # RFC 4250 section 4.1.2: the key exchange method
            self._handshake.received_method(payload)
        else:
            self._handle_transport(number, payload)

    def _auth_server(self) -> ServerAuth:
        if self._server is None:
            raise LocalProtocolError("this end is no server")
        return self._server

    def _handle_transport(self, number: int, payload: bytes) -> None:
        core = self._core
        match number:
            case KexInit.number:
                self._handshake.received_kexinit(payload)
            case NewKeys.number:
                NewKeys.decode(payload)
                self._newkeys()
            case ExtInfo.number:
                self._handshake.received_ext_info(payload)
            case 5:
                self._auth_server().service_requested(payload)
            case 6:
                if self._client is not None:
                    self._client.service_accepted(payload)
            case Disconnect.number:
                self._disconnected(Disconnect.decode(payload))
            case Debug.number:
                debug = Debug.decode(payload)
                core.emit(DebugReceived(debug.message, debug.lang, debug.always_display))
            case Ping.number:
                core.send(Pong(Ping.decode(payload).data))
            case _:
                _WITHOUT_EFFECT[number].decode(payload)  # well-formed, and nothing to tell

    def _newkeys(self) -> None:
        first = self._handshake.first
        self._handshake.received_newkeys()
        if first and self._client is not None:
            self._client.begin()
        self._writing.wake()

    def _disconnected(self, message: Disconnect) -> None:
        error: DisconnectError | None = None
        if message.code != DisconnectReason.BY_APPLICATION:
            error = DisconnectError(message.code, message.description, message.lang)
        self._end(error, by_peer=True)

    # ------------------------------------------------------------ the end

    def _die(self, error: DisconnectError) -> None:
        """End the connection for a fault of the peer, and say so to it."""
        try:
            farewell = farewell_of(error)
        except Exception:  # a reason of the program's own that cannot be sent: it is told, the peer is not
            self._end(error, by_peer=False, farewell=farewell_of(internal_error()))
            raise
        self._end(error, by_peer=False, farewell=farewell)

    def _end(self, error: DisconnectError | None, *, by_peer: bool, farewell: bytes | None = None) -> None:
        """End the connection: tell the peer, every channel, and the driver, each once.

        Args:
            error: what the driver and the channels are told; None: a clean end.
            by_peer: whether the peer ended it.
            farewell: the message that tells the peer; None: it said so itself, or is gone.
        """
        core = self._core
        if core.phase is Phase.CLOSED:
            return
        self.failure = error
        if error is not None:
            forget_frames(error)
        core.outbound.drop()
        try:
            if (
                farewell is not None and self._deadlines.started is not None
            ):  # nothing comes before the identification
                core.outbound.send_now(farewell)
        finally:
            core.phase = Phase.CLOSED
            self.closed = True
            core.ready = None
            core.inbound.drop()
            self._fast = _NOTHING
            self._routine = _NOBODY
            self._mux.drop()
            core.emit(Disconnected(error, by_peer))

    def disconnect(self, code: int, reason: str, lang: str = "en-US") -> None:
        """End the connection with SSH_MSG_DISCONNECT (RFC 4253 section 11.1).

        Args:
            code: with `BY_APPLICATION`, `Disconnected.error` is None.
            reason: for a person; at most `limits.REASON` characters of it are sent.
            lang: the language of `reason`.

        Raises:
            ValueError: the code is no uint32.
        """
        error = DisconnectError(code, reason, lang)
        clean = code == DisconnectReason.BY_APPLICATION
        self._end(None if clean else error, by_peer=False, farewell=farewell_of(error))

    def lose(self, reason: str) -> None:
        """End the connection because the peer takes nothing of what is sent, so it cannot be told."""
        self._end(Overdue(reason), by_peer=True)

    def release(self) -> None:
        """Let go of all that holds itself in a circle: the end was told, and every event was pulled.

        The memory is free at once then. A wave of strangers would else stay until a collector of garbage
        comes by, and the allocator could give nothing of it back.
        """
        self._core.release()
        self._handshake.release()
        self._mux.global_requests.release()
        auth = self._client or self._server
        if auth is not None:
            auth.release()

    # ------------------------------------------------------------ answers and commands

    def answer(self, token: Token, value: object) -> None:
        """Answer a question event; see each for what it takes. A late answer is dropped.

        Raises:
            LocalProtocolError: the question was answered already, or the value is of no use.
        """
        if token.answered:
            raise LocalProtocolError("the question was answered already")
        token.answered = True
        if self.closed:
            return
        try:
            token.lane.answered(token, value)
        except DisconnectError as error:
            self._die(error)
        except LocalProtocolError:
            raise
        except BaseException:
            self._die(internal_error())
            raise
        if (
            self._routine is _NOBODY and self._core.phase is _OPEN
        ):  # the answer may have brought the connection on
            self._publish()

    def expect(self, prefers: tuple[str, str] | None) -> None:
        """Client: say what the server's lists began with the last time (`Info.peer_prefers`); before `start`.

        Where ours begin so too, the first share goes with the KEXINIT, without waiting for the server's. That it
        has other lists now costs that share.
        """
        self._handshake.peer_prefers = prefers

    def begin_with(self, attempt: PublicKeyAttempt) -> None:
        """Client: try this key in place of asking first which methods there are; before the first keys are agreed on.

        `AuthNeeded` follows where it does not do. A server counts a signature that it has no use for as a failure:
        this is for a key that is meant for it.
        """
        if self._client is None:
            raise LocalProtocolError("this end is no client")
        self._client.first = attempt

    def send_banner(self, message: str, lang: str = "en-US") -> None:
        """Server: send SSH_MSG_USERAUTH_BANNER (RFC 4252 section 5.4), before success."""
        self._auth_server().send_banner(message, lang)

    @property
    def settings(self) -> Settings:
        """What this end is told."""
        return self._core.settings

    def change_settings(self, settings: Settings) -> None:
        """Server: be told otherwise of who logs in, from here on: of another user name other things hold.

        What was agreed on with the client stays as it is, and so does what was counted. The keepalive is changed by
        `set_keepalive`.
        """
        self._core.settings = settings
        self._handshake.limits_changed()

    # ------------------------------------------------------------ time

    def set_keepalive(self, interval: float, count_max: int) -> None:
        """Change the keepalive; see `Settings`."""
        self._deadlines.set_keepalive(interval, count_max)

    @property
    def deadline_moved(self) -> bool:
        """Whether `next_deadline` may give another answer than it did the last time, but for a later one."""
        return self._core.deadline_moved

    def next_deadline(self) -> float | None:
        """When `tick` must be called at the latest; None: no need."""
        return self._deadlines.next()

    def tick(self, now: float) -> None:
        """Act on the time."""
        self._core.now = now
        self._core.deadline_moved = True
        if self.closed:
            return
        try:
            self._deadlines.check(now)
        except DisconnectError as error:
            self._die(error)
