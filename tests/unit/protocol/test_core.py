"""What the parts share: where a message goes during a key exchange, and when too much waits."""

from __future__ import annotations

from nacre.errors import ConnectionLost
from nacre.protocol import limits
from nacre.protocol.events import KeysExchanged
from nacre.protocol.settings import Role
from nacre.protocol.state import Phase
from nacre.wire.connection import ChannelClose
from nacre.wire.transport import Debug, Disconnect, Ignore, Ping
from tests.support.protocol import make_core, sent


def test_a_new_core():
    core = make_core(Role.CLIENT, software_version="x_1", username="alice")
    assert core.phase is Phase.KEYS
    assert (core.info.own_version, core.info.username) == ("SSH-2.0-x_1", "alice")
    assert core.info.session_id == b""
    assert core.fault is None


def test_messages_are_sent_in_order():
    core = make_core()
    core.send(ChannelClose(1))
    core.send_payload(b"\x50")
    assert sent(core) == [ChannelClose(1).encode(), b"\x50"]


def test_a_key_exchange_holds_back_what_may_not_be_sent_during_it():
    core = make_core()
    core.outbound.in_exchange = True
    core.send(ChannelClose(1))
    core.send(Ping(b""))
    core.send(Ignore(b""))
    core.send(Debug(False, "", ""))
    core.send(Disconnect(11, "", ""))
    assert [payload[0] for payload in sent(core)] == [2, 4, 1]
    core.outbound.release()
    assert [payload[0] for payload in sent(core)] == [97, 192]


def test_too_much_held_back_is_a_fault_that_the_pump_finds():
    core = make_core()
    core.outbound.in_exchange = True
    for _ in range(limits.HELD_MESSAGES):
        core.send(ChannelClose(1))
    assert core.fault is None
    core.send(ChannelClose(1))
    assert isinstance(core.fault, ConnectionLost)


def test_too_much_sealed_and_not_taken_is_a_fault():
    core = make_core()
    for _ in range(limits.OUTPUT_CEILING // 30_000 + 1):
        core.send_payload(bytes(30_000))
    assert isinstance(core.fault, ConnectionLost)


def test_events_are_kept_in_order():
    core = make_core()
    core.emit(KeysExchanged(True))
    core.emit(KeysExchanged(False))
    assert list(core.events) == [KeysExchanged(True), KeysExchanged(False)]
