"""Plays an attack of several steps against a live end, and compares what it does with what it must do.

Owns: `Play`, which gives the words of `steps` their meaning, and `play`. Must not know: any single attack.

Floods are shortened to `FLOOD` messages or `FLOOD_BYTES` bytes, and what they may hold with them: what grows
with each message shows with a few hundred.
"""

from __future__ import annotations

import asyncio
import builtins
import mmap
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final
from unittest import mock

from nacre.crypto.registry import Family, names
from nacre.errors import DisconnectReason, OpenFailureReason
from nacre.protocol import limits
from nacre.protocol.events import (
    AuthBegin,
    AuthPolicy,
    AuthSucceeded,
    Challenge,
    ChannelData,
    ChannelOpenQuestion,
    ChannelRequestQuestion,
    DebugReceived,
    Disconnected,
    Event,
    GlobalRequestQuestion,
    HostKeyQuestion,
    KbdintQuestion,
    KbdintResponses,
    KeysExchanged,
    OpenAccept,
    OpenRefuse,
    Partial,
    PasswordQuestion,
    PublicKeyQuestion,
    Question,
    Verdict,
)
from nacre.protocol.handshake import Trust
from nacre.protocol.settings import Role, Settings
from nacre.protocol.state import KexStep, Phase
from tests.pair.damage import string
from tests.pair.ends import HOST_KEY, LATER, PASSWORD
from tests.pair.stage import Stage
from tests.pair.talk import opened
from tests.security import hostile, restricted
from tests.security.expectations import NAMES
from tests.security.held import held_bytes
from tests.security.steps import AttackSequence, Step
from tests.support.protocol import changed

__all__ = ["Play", "play", "play_row"]

FLOOD: Final = 400
#: What the raw peer can do: one share each way.
_METHODS: Final = tuple(name for name in names(Family.KEX) if not name.startswith("diffie-hellman"))
FLOOD_BYTES: Final = 4 << 20
BATCH: Final = 16
METHODS: Final = ("publickey", "password", "keyboard-interactive")
#: A budget of which the first window is 2 MiB, as the vocabulary has it.
BUDGET: Final = 128 << 20

QUESTIONS: Final[Mapping[str, type[Question]]] = {
    "password": PasswordQuestion,
    "publickey": PublicKeyQuestion,
    "kbdint": KbdintResponses,
    "host-key": HostKeyQuestion,
    "open": ChannelOpenQuestion,
}
CALLBACKS: Final[Mapping[str, tuple[type[Event], ...]]] = {
    "app:authenticated": (AuthSucceeded,),
    "app:host-key-accepted": (HostKeyQuestion,),
    "app:validate-password": (PasswordQuestion,),
    "app:begin-kbdint": (KbdintQuestion,),
    "app:validate-kbdint": (KbdintResponses,),
    "app:data": (ChannelData,),
    "app:request": (ChannelRequestQuestion, GlobalRequestQuestion),
    "app:open": (ChannelOpenQuestion,),
}
#: What the protocol end tells its driver, and no application.
OWN_EVENTS: Final = (KeysExchanged, Disconnected, DebugReceived)
SENT: Final[Mapping[str, int]] = {
    **{name: number for number, name in NAMES.items()},
    "PK_OK": 60,
    "INFO_REQUEST": 60,
}


def _answers(settings: Mapping[str, Any]) -> dict[type[Event], Any]:
    """What a well-meaning application says, as far as the sequence configures nothing else."""

    def session(event: Any) -> OpenAccept | OpenRefuse:
        if event.kind == "session":
            return OpenAccept(window=2 << 20, max_packet=1 << 15)
        return OpenRefuse(OpenFailureReason.UNKNOWN_CHANNEL_TYPE, "no such type")

    methods = settings.get("methods", METHODS)
    return {
        HostKeyQuestion: Verdict.TRUSTED,
        AuthBegin: AuthPolicy(required=True, methods=methods),
        PublicKeyQuestion: lambda event: event.key_blob != hostile.KEYS["refused"].public_data,
        PasswordQuestion: lambda event: event.password == PASSWORD,
        KbdintQuestion: Challenge(prompts=(("?", False),)),
        KbdintResponses: False,
        ChannelOpenQuestion: session,
        ChannelRequestQuestion: True,
        GlobalRequestQuestion: False,
    }


class Play:
    """One attack on one live end.

    Args:
        sequence: the attack.
    """

    def __init__(self, sequence: AttackSequence) -> None:
        self.sequence = sequence
        self.configured = _configured(sequence)
        self.role = Role(sequence.role.value)
        self.sent: Counter[int] = Counter()
        self.happened: Counter[type[Event]] = Counter()
        self.latest: dict[type[Event], Any] = {}
        self.delivered = 0
        self.fresh: list[bytes] = []
        self.fault: type[BaseException] | None = None
        self.clock = 0.0
        self.most_queued = self.most_held = 0
        self.short_write = False
        self.void = False
        self.ended_within: int | None = None
        self.shrunk = 1.0
        self.sequence_before_newkeys = 0
        self.patches: list[Any] = []
        by_sequence = any("sequence" in step.options for step in sequence.steps)
        algorithms = {"cipher": "aes128-ctr"} if by_sequence else {}
        answers = _answers(self.configured)
        answers.update(restricted.answers(sequence))
        self.stage = Stage(
            self.role,
            strict=sequence.strict,
            settings=self._settings(),
            answers=answers,
            **algorithms,
        ).to(sequence.start)
        self.raw, self.end = self.stage.raw, self.stage.end
        self.connection = self.end.connection
        self._look()
        self.sent.clear()
        self.happened.clear()
        self.session_id = self.connection.info.session_id
        self.held_before = 0

    def _settings(self) -> Settings:
        return Settings(
            username="alice" if self.role is Role.CLIENT else "",
            host_keys=(HOST_KEY,) if self.role is Role.SERVER else (),
            kex_algorithms=names(Family.KEX),
            receive_budget=BUDGET,
            max_sessions=self.configured.get("max-sessions", limits.MAX_SESSIONS),
            max_channels=self.configured.get("max-channels", limits.MAX_CHANNELS),
            max_auth_tries=self.configured.get("max-failures", limits.AUTH_FAILURES),
        )

    # ------------------------------------------------------------ the conversation

    def run(self) -> None:
        """Play the whole attack."""
        growth = any(step.what == "memory-growth" for step in self.sequence.steps)
        if growth:
            self.held_before = self._held()
        try:
            for place, step in enumerate(self.sequence.steps):
                if self.void and step.verb != "check":
                    continue
                self._prepare(place)
                getattr(self, f"_{step.verb}")(step)
            for step in self.sequence.steps:
                if step.verb == "never":
                    self._judge_never(step.what)
        finally:
            for patch in self.patches:
                patch.stop()
        assert self.happened[Disconnected] <= 1
        assert self.sent[1] <= 1
        assert bool(self.happened[Disconnected]) == self.connection.closed

    def _prepare(self, place: int) -> None:
        """Set the application's decision before the step that asks for it."""
        step = self.sequence.steps[place]
        after = self.sequence.steps[place + 1 : place + 2]
        if step.verb == "send" and after and after[0].verb == "answer":
            self._decide(after[0])
        if step.verb in ("send", "do") and self.connection.closed:
            following = next((s for s in self.sequence.steps[place:] if s.verb == "expect"), None)
            assert following is not None, "it ended too early"
            assert following.what == "DISCONNECT", f"it ended before {step.what}"

    def _flow(self) -> list[bytes]:
        """Carry bytes both ways until both are silent; returns what the end sent."""
        sent: list[bytes] = []
        while True:
            to_end, to_raw = self.raw.output(), self.end.output()
            if not to_end and not to_raw:
                self.stage.seen += [payload for payload in sent if payload[0] in (30, 90)]
                del self.stage.seen[:-4]
                self.sent.update(payload[0] for payload in sent)
                return sent
            try:
                self.end.feed(to_end, self.clock)
            except BaseException as error:
                if self.fault is None or type(error) is not self.fault:
                    raise
            self._look()
            self.raw.feed(to_raw)
            sent += self.raw.take()

    def _look(self) -> None:
        """Take note of the events, act on data as a reader does, and forget them."""
        self.end.pump()
        for event in self.end.events:
            self.happened[type(event)] += 1
            self.latest[type(event)] = event
            if isinstance(event, ChannelData):
                self.delivered += len(event.data)
                if self.configured.get("application-reads", True):
                    self.connection.consumed(event.channel, len(event.data))
        self.end.events.clear()

    def _act(self, act: Callable[[], object]) -> list[bytes]:
        """Do something to the end under test and see what comes of it."""
        act()
        self._look()
        self.fresh = self._flow()
        return self.fresh

    def _send_payload(self, payload: bytes) -> list[bytes]:
        return self._act(lambda: self.raw.send(payload))

    def _held(self) -> int:
        # The receive buffer has a formula of its own (`limits.RECEIVE_CAPACITY`); what waits in it counts.
        inbound = self.connection._core.inbound
        return held_bytes(self.connection, without=(inbound,)) + len(inbound.peek())

    # ------------------------------------------------------------ send

    def _send(self, step: Step) -> None:
        if step.what == "NOTHING_OF":
            return  # a man in the middle who drops a packet sends nothing
        times = int(step.options.get("times", 1))
        count = _shortened(step, times)
        self.shrunk = min(self.shrunk, count / times)
        self.ended_within = None
        done = 0
        while done < count and not self.connection.closed:
            # One by one where it is counted; the first and the last of a flood as well.
            size = 1 if count <= 4 * BATCH or not done or count - done <= BATCH else BATCH
            for index in range(done, done + size - 1):
                self.raw.send(self._made(step, index))
            self._send_one(step, done + size - 1)
            done += size
        if self.connection.closed:
            self.ended_within = done

    def _made(self, step: Step, index: int) -> bytes:
        return hostile.payload(
            self.sequence.role,
            self.sequence.start,
            step.what,
            step.options,
            index=index,
            session_id=self.raw.session_id,
        )

    def _send_one(self, step: Step, index: int) -> None:
        what, options = step.what, step.options
        kex_step = self.connection._handshake.step
        if what == "KEXINIT":
            self._send_payload(self._kexinit(options))
        elif what in ("KEX_INIT", "KEX_REPLY") and kex_step is KexStep.AWAIT_METHOD:
            self._send_payload(self._method_message(options))
        elif what == "NEWKEYS" and kex_step is KexStep.AWAIT_NEWKEYS:
            self.sequence_before_newkeys = self.raw.outbound.sequence
            self._act(self.raw.newkeys)
        else:
            if options.get("sequence") == "continued":
                self.raw.outbound.sequence = self.sequence_before_newkeys + 1
            self._send_payload(self._made(step, index))
            if what == "KBDINT_ROUND" and not self.connection.closed:
                self._send_payload(
                    hostile.payload(self.sequence.role, self.sequence.start, "INFO_RESPONSE", {})
                )

    def _kexinit(self, options: Mapping[str, Any]) -> bytes:
        if options.get("guess") == "right":
            self._prefer(self.raw.kex)
        wanted: tuple[str, ...] = (self.raw.kex,)
        if options.get("guess") == "wrong":
            wanted = ("guessed@example.com", *wanted)
        if options.get("strict") and not self.raw.first:  # the raw peer knows that it has no place here
            side = "c" if self.raw.role is Role.CLIENT else "s"
            wanted += (f"kex-strict-{side}-v00@openssh.com",)
        return self.raw.kexinit(follows=bool(options.get("follows")), kex=wanted)

    def _prefer(self, method: str) -> None:
        """A guess is right when both ends like the same method best (RFC 4253 section 7)."""
        core = self.connection._core
        others = tuple(name for name in core.settings.kex_algorithms if name != method)
        core.settings = changed(core.settings, kex_algorithms=(method, *others))
        handshake = self.connection._handshake
        if handshake.first and handshake._ours is not None:  # its KEXINIT is out: the peer follows it
            self.raw.kex = handshake._ours.kex_algorithms[0]

    def _method_message(self, options: Mapping[str, Any]) -> bytes:
        made = self.stage.next_method()
        return restricted.spoilt_reply(made, options) if options else made

    # ------------------------------------------------------------ expect

    def _expect(self, step: Step) -> None:
        what, options = step.what, step.options
        if what == "DISCONNECT":
            self._expect_disconnect(options)
        elif what in ("ALIVE", "NOTHING"):
            assert not self.connection.closed, f"it ended: {self.latest.get(Disconnected)}"
            assert what == "ALIVE" or not self.fresh, f"it sent {[p[0] for p in self.fresh]}"
            if what == "ALIVE":
                self._expect_answer()
        elif options.get("or_ends") and self.connection.closed:
            self._expect_disconnect({})
            self.void = True
        else:
            assert self.fresh, f"nothing came where {what} must"
            found = self.fresh.pop(0)
            assert found[0] == SENT[what], f"{found[0]} came where {what} must"
            if "size" in options:
                assert int.from_bytes(found[5:9], "big") == options["size"]
            if "key" in options:
                assert hostile.KEYS[options["key"]].public_data in found
            if "open_failure" in options:
                assert int.from_bytes(found[5:9], "big") == OpenFailureReason[options["open_failure"]]

    def _expect_disconnect(self, options: Mapping[str, Any]) -> None:
        if options.get("or_lives") and not self.connection.closed:
            return
        assert self.connection.closed, "it lives"
        assert self.sent[1] == 1, f"it ended without a word: {self.latest.get(Disconnected)}"
        if "by" in options and self.ended_within is not None:
            assert self.ended_within <= options["by"], f"it ended after {self.ended_within} messages"
        if "reason" in options:
            assert self.latest[Disconnected].error.code == DisconnectReason[options["reason"]]

    def _expect_answer(self) -> None:
        """A connection that lives answers a keepalive, where there is a time for it."""
        if self.connection._core.phase is Phase.OPEN and self.connection._handshake.step is KexStep.NONE:
            request = b"\x50" + string(b"keepalive@openssh.com") + b"\1"
            self.raw.send(request)
            assert self._flow() == [b"\x52"], "it answers no more"

    # ------------------------------------------------------------ never, answer

    def _never(self, step: Step) -> None:
        """Judged at the end."""

    def _judge_never(self, what: str) -> None:
        if what == "any-userauth":
            assert not any(50 <= number < 80 for number in self.sent), "something of the user went out"
        elif what == "app:anything":
            told = {kind for kind in self.happened if kind not in OWN_EVENTS}
            assert not told, told
        elif what in CALLBACKS:
            assert not any(self.happened[kind] for kind in CALLBACKS[what]), what
        else:
            assert not self.sent[SENT[what]], f"{what} went out"

    def _answer(self, step: Step) -> None:
        self._decide(step)

    def _decide(self, step: Step) -> None:
        kind = QUESTIONS[str(step.options["question"])]
        if kind in restricted.LIVE and self.configured.get("restricted"):
            restricted.decide(self.end.answers, kind, step.what)
            return
        values = {
            "accept": True,
            "refuse": Verdict.REFUSED if kind is HostKeyQuestion else False,
            "later": LATER,
            "partial": Partial(tuple(name for name in METHODS if name != step.options["question"])),
        }
        self.end.answers[kind] = values[step.what]

    # ------------------------------------------------------------ do

    def _do(self, step: Step) -> None:
        getattr(self, "_do_" + step.what.replace("-", "_"))(step.options)

    def _do_configure(self, options: Mapping[str, Any]) -> None:
        """Done before the sequence began."""

    def _do_rekey(self, options: Mapping[str, Any]) -> None:
        self._act(self.connection.rekey)

    def _do_complete_rekey(self, options: Mapping[str, Any]) -> None:
        methods = _METHODS if options.get("method") == "each" else (self.raw.kex,)
        times = int(options.get("times", 1))
        count = min(times, 40)
        self.shrunk = min(self.shrunk, count / times)
        for _ in range(count):
            for method in methods:
                if self.connection.closed:
                    return
                self.raw.kex = method
                self._rekey_once(options)

    def _rekey_once(self, options: Mapping[str, Any]) -> None:
        for _ in range(2):  # 64 KiB and more, so that it is no flood
            self._send_payload(b"\x02" + string(bytes(int(options.get("bytes", 40_000)) // 2)))
        self._send_payload(self._kexinit(options))
        if self.connection.closed:
            return
        if options.get("guess") == "wrong":
            number = 30 if self.role is Role.SERVER else 31
            assert self._send_payload(bytes([number]) + string(b"a guess")) == []
        self._send_payload(self.stage.next_method())
        self._act(self.raw.newkeys)

    def _do_write(self, options: Mapping[str, Any]) -> None:
        size = int(options["bytes"])
        outbound = self.connection._core.outbound
        with mmap.mmap(-1, size) as huge, memoryview(huge) as view:
            taken = self.connection.channel_write(0, view)
        self.short_write = taken < size
        self.most_queued = outbound.queued + outbound._held_octets
        self.most_held = len(outbound._held or ())
        self._act(lambda: None)

    def _do_clock(self, options: Mapping[str, Any]) -> None:
        self.clock += float(options["seconds"])
        self._act(lambda: self.connection.tick(self.clock))

    def _do_preset_sequence(self, options: Mapping[str, Any]) -> None:
        self.raw.outbound.sequence = self.connection._core.inbound.sequence = int(options["value"])
        self.raw.outbound.encrypted = True  # the raw peer's own counter may wrap

    def _do_fault(self, options: Mapping[str, Any]) -> None:
        if "exception" in options:
            name = str(options["exception"]).removeprefix("asyncio.")
            self.fault = getattr(asyncio, name, None) or getattr(builtins, name)
        effect = self.fault if self.fault is not None else None
        if options["callable"] == "host-key-validate":
            self.end.answers[HostKeyQuestion] = effect() if effect else options["value"]
            return
        key = mock.Mock()
        key.verify = mock.Mock(side_effect=effect, return_value=options.get("value"))
        patch = mock.patch("nacre.protocol.handshake.decode_shown", return_value=key)
        patch.start()
        self.patches.append(patch)

    def _do_open_session(self, options: Mapping[str, Any]) -> None:
        stage_events = self.end.events
        assert opened(self.stage, window=2 << 20) == 0
        assert stage_events is self.end.events
        self._look()
        self.sent.clear()

    def _do_half_open(self, options: Mapping[str, Any]) -> None:
        self._act(lambda: self.connection.open_channel("session", b"", 2 << 20, 1 << 15))

    def _do_close_sent(self, options: Mapping[str, Any]) -> None:
        self._act(lambda: self.connection.channel_close(0))

    # ------------------------------------------------------------ check

    def _check(self, step: Step) -> None:
        getattr(self, "_check_" + step.what.replace("-", "_"))(**step.options)

    def _check_sequence_number(self, direction: str, value: int) -> None:
        core = self.connection._core
        assert (core.inbound if direction == "in" else core.outbound).sequence == value

    def _check_session_id_unchanged(self) -> None:
        assert self.connection.info.session_id == self.session_id

    def _check_memory_growth(self, **most: int) -> None:
        grown = self._held() - self.held_before
        assert grown <= max(most["bytes"] * self.shrunk, 16 * 1024), f"{grown} bytes more are held"

    def _check_queued(self, **most: int) -> None:
        assert self.most_queued <= most["bytes"]
        assert self.most_held <= most["packets"]

    def _check_write_refused(self) -> None:
        assert self.short_write

    def _check_channels(self, value: int) -> None:
        assert len(self.connection._mux.channels) == value

    def _check_authenticated_as(self, key: str) -> None:
        assert self.connection.authenticated
        assert self.latest[AuthSucceeded].key_blob == hostile.KEYS[key].public_data

    def _check_not_authenticated(self) -> None:
        assert not self.connection.authenticated
        assert not self.happened[AuthSucceeded]

    def _check_restrictions(self, key: str) -> None:
        restricted.still_hold(self.end.answers)

    def _check_partial_successes(self, value: int) -> None:
        assert value == 0, "more is not kept anywhere"
        if not self.connection.closed:
            assert self.connection._server._remaining == METHODS

    def _check_host_key_not_verified(self) -> None:
        assert self.connection._handshake.trust is not Trust.VERIFIED

    def _check_pongs(self, value: int) -> None:
        assert self.sent[193] <= value

    def _check_replies(self, value: int) -> None:
        assert self.sent[60] <= value

    def _check_delivered(self, **exactly: int) -> None:
        assert self.delivered == exactly["bytes"]

    def _check_delivered_at_most(self, **most: int) -> None:
        assert self.delivered <= most["bytes"]


def _configured(sequence: AttackSequence) -> dict[str, Any]:
    """The settings that a sequence asks for."""
    found: dict[str, Any] = {"restricted": restricted.concerns(sequence)}
    for step in sequence.steps:
        if step.what == "configure":
            found.update({key: value for key, value in step.options.items() if key == "methods"})
            if "setting" in step.options:
                found[str(step.options["setting"])] = step.options["value"]
    return found


def _shortened(step: Step, times: int) -> int:
    """How often a step of a flood is sent here."""
    size = int(step.options.get("size", 0))
    most = max(FLOOD, 70) if not size else max(65, min(FLOOD, FLOOD_BYTES // size))
    if step.what == "PING":
        most = limits.HELD_MESSAGES + 10  # the bound is what is looked for
    return min(times, most)


def play(*wanted: str | AttackSequence) -> None:
    """Play sequences, by name (`*` at the end takes all that begin so).

    Raises:
        ExceptionGroup: the end did something else in these; each has a note with the name of the sequence.
    """
    from tests.security.sequences import SEQUENCES

    chosen: list[AttackSequence] = []
    for want in wanted:
        if isinstance(want, AttackSequence):
            found = [want]
        elif want.endswith("*"):
            found = [sequence for sequence in SEQUENCES if sequence.name.startswith(want[:-1])]
        else:
            found = [sequence for sequence in SEQUENCES if sequence.name == want]
        assert found, f"no sequence {want}"
        chosen += found
    wrong = []
    for sequence in chosen:
        try:
            Play(sequence).run()
        except Exception as error:
            error.add_note(f"in {sequence.name} ({sequence.source})")
            wrong.append(error)
    if wrong:
        raise ExceptionGroup(f"{len(wrong)} of {len(chosen)} sequences", wrong)


def play_row(row: int) -> None:
    """Play every sequence of a row of the history."""
    from tests.security.sequences import SEQUENCES

    play(*(sequence for sequence in SEQUENCES if row in sequence.rows))
