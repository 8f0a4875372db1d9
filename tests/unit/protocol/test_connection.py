"""One end as a whole: the pump, the clock, and an end that comes once and has a reason."""

from __future__ import annotations

import gc
from types import FunctionType, ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nacre.errors import (
    ConnectionLost,
    DisconnectError,
    LocalProtocolError,
    ProtocolError,
    ProtocolNotSupported,
)
from nacre.protocol.connection import Connection
from nacre.protocol.events import (
    AuthBegin,
    AuthSucceeded,
    ChannelClosed,
    ChannelData,
    ChannelOpenFailed,
    ChannelRequestQuestion,
    DebugReceived,
    Disconnected,
    HostKeyQuestion,
    KeysExchanged,
    PublicKeyAttempt,
)
from nacre.protocol.settings import Role, Settings
from nacre.wire.transport import Debug, Disconnect, Ping
from tests.pair.ends import LATER, USER_KEY, End, Pair
from tests.support.protocol import changed, failure, server_settings, talk


@pytest.fixture
def pair():
    return Pair().start()


def ends_once(end: End) -> Disconnected:
    """The one `Disconnected`, which is the last event."""
    assert end.connection.closed
    (event,) = end.of(Disconnected)
    assert end.events[-1] is event
    assert end.connection.next_event() is None
    return event


def test_a_login_gives_both_ends_the_same_picture(pair):
    for end in (pair.client, pair.server):
        assert end.connection.authenticated
        assert end.of(AuthSucceeded)[0].username == "alice"
        assert end.connection.info.username == "alice"


def test_other_settings_hold_from_then_on(pair):
    connection = pair.server.connection
    changes = {"max_sessions": 1, "rekey_bytes": 200_000, "rekey_seconds": 5.0}
    connection.change_settings(changed(connection.settings, **changes))
    pair.open()
    second = pair.client.connection.open_channel("session", b"", 1 << 21, 1 << 15)
    (refused,) = pair.run().client.of(ChannelOpenFailed)
    assert (refused.channel, refused.reason) == (second, "too many sessions")
    handshake = connection._handshake
    assert (handshake.sealer_limit, handshake._opener_limit) == (200_000, 200_000)
    before = len(pair.client.of(KeysExchanged))
    connection.tick(6.0)
    pair.now = 6.0
    pair.run()
    assert len(pair.client.of(KeysExchanged)) == before + 1
    assert pair.client.connection.authenticated


def test_settings_may_change_before_there_are_keys():
    end = Connection(Role.SERVER, server_settings())
    end.change_settings(changed(end.settings, max_sessions=1))
    assert end.settings.max_sessions == 1


def test_a_connection_starts_once(pair):
    with pytest.raises(LocalProtocolError):
        pair.client.connection.start(0)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_any_split_of_the_stream_gives_the_same_events(size):
    whole, cut = Pair(), Pair()
    cut.split = lambda data: [data[at : at + size] for at in range(0, len(data), size)]
    for one in (whole, cut):
        one.start()
        ours, _ = one.open()
        one.client.connection.channel_write(ours, bytes(1000))
        one.client.connection.channel_eof(ours)
        one.run()
    for side in ("client", "server"):
        kinds = [[type(event) for event in getattr(one, side).events] for one in (whole, cut)]
        assert kinds[0] == kinds[1]


# ------------------------------------------------------------ the end


def test_our_goodbye(pair):
    pair.client.connection.disconnect(11, "bye")
    pair.run()
    assert ends_once(pair.client) == Disconnected(None, by_peer=False)
    assert ends_once(pair.server) == Disconnected(None, by_peer=True)
    assert pair.client.connection.failure is None


def test_a_goodbye_with_a_reason(pair):
    pair.server.connection.disconnect(12, "too many of you")
    pair.run()
    event = ends_once(pair.client)
    assert event.by_peer
    assert (event.error.code, event.error.reason) == (12, "too many of you")
    assert ends_once(pair.server).error.code == 12


def test_a_second_goodbye_says_nothing(pair):
    pair.client.connection.disconnect(11, "bye")
    pair.client.output()
    pair.client.connection.disconnect(11, "bye")
    assert not pair.client.output()
    ends_once(pair.client)


def test_channels_are_told_first_and_can_ask_why(pair):
    pair.open()
    told = []
    client = pair.client.connection
    pair.server.connection.disconnect(12, "enough")
    pair.server.pump()
    data = pair.server.output()
    room = client.receive_buffer()
    room[: len(data)] = data
    client.received(len(data), 0)
    while (event := client.next_event()) is not None:
        told.append((type(event), client.failure.reason))
    assert told == [(ChannelClosed, "enough"), (Disconnected, "enough")]


def test_a_fault_tells_the_peer_why(pair):
    talk(pair, pair.client, b"\x15")  # NEWKEYS out of nowhere
    assert isinstance(ends_once(pair.server).error, ProtocolError)
    told = ends_once(pair.client)
    assert (told.error.code, told.by_peer) == (2, True)


def test_what_came_before_a_fault_is_delivered(pair):
    ours, theirs = pair.open()
    pair.client.connection.channel_write(ours, b"before")
    talk(pair, pair.client, b"\x15")
    assert pair.server.of(ChannelData)[0].data == b"before"
    assert theirs == 0
    ends_once(pair.server)


@pytest.mark.parametrize("end", ["close", "disconnect"])
def test_who_takes_data_may_end_it_all(pair, end):
    ours, theirs = pair.open()
    server = pair.server.connection
    calls = []

    def deliver(data: bytes, datatype: int | None) -> bool:
        calls.append(len(data))
        if end == "close":
            server.channel_close(theirs)
        else:
            server.disconnect(11, "enough")
        return True

    server.deliver_to(theirs, deliver)
    pair.client.connection.channel_write(ours, bytes(100_000))
    pair.run()
    assert calls == [32768]
    if end == "disconnect":
        ends_once(pair.server)
        ends_once(pair.client)
    else:
        assert pair.client.of(ChannelClosed)


def test_what_takes_data_and_raises_ends_the_connection(pair):
    ours, theirs = pair.open()

    def deliver(data: bytes, datatype: int | None) -> bool:
        raise ZeroDivisionError

    pair.server.connection.deliver_to(theirs, deliver)
    pair.client.connection.channel_write(ours, b"x")
    with pytest.raises(ZeroDivisionError):
        pair.run()
    assert pair.server.connection.closed


@pytest.mark.parametrize("moment", ["before", "during", "after"])
def test_a_transport_that_goes(moment):
    pair = Pair()
    if moment == "after":
        pair.start()
        pair.open()
    else:
        pair.client.connection.start(0)
        if moment == "during":
            pair.server.connection.start(0)
            pair.client.feed(pair.server.output())
    pair.client.connection.receive_eof(1)
    pair.client.pump()
    assert isinstance(ends_once(pair.client).error, ConnectionLost)


def test_an_answer_counts_once_and_after_the_end_not_at_all():
    pair = Pair(server_answers={AuthBegin: LATER}).start()
    token = pair.server.of(AuthBegin)[0].token
    pair.server.connection.disconnect(11, "")
    pair.server.connection.answer(token, True)
    with pytest.raises(LocalProtocolError):
        pair.server.connection.answer(token, True)


class Broken:
    """A host key that cannot sign."""

    public_data = USER_KEY.public_data
    sig_algorithms = USER_KEY.sig_algorithms
    host_key_algorithms = USER_KEY.sig_algorithms

    def sign(self, data: bytes, sig_algorithm: str) -> bytes:
        raise MemoryError


def test_a_fault_of_ours_ends_the_connection_and_passes_on():
    pair = Pair(server=Settings(host_keys=(Broken(),)))
    pair.client.connection.start(0)
    pair.server.connection.start(0)
    pair.server.feed(b"")
    with pytest.raises(MemoryError):
        pair.run()
    server = pair.server.connection
    assert server.closed
    pair.server.pump()
    assert ends_once(pair.server).error.reason == "internal error"
    assert "Memory" not in repr(pair.server.output())


# ------------------------------------------------------------ bytes before the handshake


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", ProtocolNotSupported),
        (b"SSH-1.5-x\r\n", ProtocolNotSupported),
        (b"SSH-2.0-x\r\n" + b"\xff" * 100, ProtocolError),
        (b"SSH-2.0-x\r\n" + bytes(100), ProtocolError),
        (b"\0" * 300, ProtocolNotSupported),
    ],
)
def test_bytes_that_are_no_ssh(data, error):
    end = End(Role.SERVER, server_settings(), None, {})
    end.connection.start(0)
    end.feed(data)
    assert type(ends_once(end).error) is error


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(Role)), st.booleans(), st.binary(max_size=300))
def test_any_bytes_end_or_wait_and_never_raise(role, introduced, data):
    end = End(role, server_settings(), None, {})
    end.connection.start(0)
    end.feed((b"SSH-2.0-x\r\n" if introduced else b"") + data)
    end.output()
    end.connection.receive_eof(0)
    end.pump()
    ends_once(end)


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=100))
def test_any_payload_of_an_authenticated_peer_is_taken_or_a_fault(payload):
    pair = Pair().start()
    pair.open()
    talk(pair, pair.client, payload)
    if pair.server.connection.closed:
        assert ends_once(pair.server).error is None or isinstance(
            pair.server.connection.failure, DisconnectError
        )


# ------------------------------------------------------------ transport messages


def test_debug_and_ping(pair):
    talk(pair, pair.client, Debug(True, "look", "en").encode(), Ping(b"echo").encode())
    assert pair.server.of(DebugReceived) == [DebugReceived("look", "en", True)]
    pair.server.connection.send_debug("here")
    pair.run()
    assert pair.client.of(DebugReceived)[0].message == "here"
    assert not pair.client.connection.closed  # the PONG was nothing to it


def test_an_unknown_number_is_answered_with_its_sequence_number(pair):
    sequence = pair.client.connection._core.outbound.sequence
    talk(pair, pair.client, b"\xc8whatever")
    assert not pair.server.connection.closed
    assert not pair.client.connection.closed  # UNIMPLEMENTED tells it nothing
    assert pair.server.connection._core.inbound.sequence == sequence + 1


def test_a_long_reason_is_cut(pair):
    pair.client.connection.disconnect(2, "x" * 10_000)
    pair.run()
    assert len(failure(pair.server).reason) == 1024


def test_disconnect_is_heard_in_the_middle_of_a_question(pair):
    pair.server.answers[ChannelRequestQuestion] = LATER
    ours, _ = pair.open()
    pair.client.connection.channel_request(ours, "shell", b"", True)
    talk(pair, pair.client, Disconnect(11, "", "").encode())
    assert ends_once(pair.server).by_peer


def test_the_role_is_asked_for_nothing_that_it_has_not(pair):
    with pytest.raises(LocalProtocolError):
        pair.client.connection.send_banner("hi")


# ------------------------------------------------------------ time


@pytest.mark.parametrize("role", Role)
def test_an_end_before_the_start_says_nothing(role):
    """RFC 4253 section 4.2: nothing comes before the identification."""
    end = End(role, server_settings() if role is Role.SERVER else Settings(username="x"), None, {})
    end.connection.disconnect(12, "too many")
    assert end.output() == b""
    assert ends_once(end).error.code == 12
    with pytest.raises(LocalProtocolError, match="not after its end"):
        end.connection.start(0.0)


def test_a_reason_that_is_no_unicode_is_sent_all_the_same(pair):
    pair.server.connection.disconnect(2, "no file \udcff", "en\udcff")
    pair.run()
    assert ends_once(pair.client).error.reason == "no file ?"


def test_a_code_that_is_none_raises_and_changes_nothing(pair):
    for code in (-1, 1 << 32):
        with pytest.raises(ValueError):
            pair.server.connection.disconnect(code, "")
    assert not pair.server.connection.closed


def test_a_verdict_that_cannot_be_sent_is_a_no_and_the_end_all_the_same():
    pair = Pair(client_answers={HostKeyQuestion: LATER}).start()
    client = pair.client.connection
    with pytest.raises(ValueError):
        client.answer(pair.client.of(HostKeyQuestion)[0].token, DisconnectError(-1, "no"))
    assert client.closed
    pair.run()
    assert ends_once(pair.client).error.reason == "no"
    assert ends_once(pair.server).by_peer


def test_a_server_begins_with_no_key(pair):
    with pytest.raises(LocalProtocolError):
        pair.server.connection.begin_with(PublicKeyAttempt("ssh-ed25519", USER_KEY.public_data))


@pytest.mark.parametrize("role", list(Role))
def test_what_was_released_is_free_without_a_collector_of_garbage(role):
    told = server_settings() if role is Role.SERVER else Settings(username="x")
    gc.collect()
    gc.disable()
    try:
        connection = Connection(role, told)
        connection.start(0.0)
        connection.receive_buffer()[:9] = b"SSH-1.0\r\n"
        connection.received(9, 0.0)
        while connection.next_event() is not None:
            pass
        assert connection.closed
        connection.release()
        del connection
        assert gc.collect() == 0
    finally:
        gc.enable()


def _reached(connection: Connection) -> dict[int, object]:
    """Return what a connection holds, and what it shares with others, but for code."""
    found: dict[int, object] = {id(connection): connection}
    waiting: list[object] = [connection]
    while waiting:
        for one in gc.get_referents(waiting.pop()):
            if id(one) not in found and not isinstance(one, (type, ModuleType, FunctionType, End)):
                found[id(one)] = one
                waiting.append(one)
    return found


def test_an_idle_connection_is_made_of_few_objects(pair):
    """Its figure beside AsyncSSH's is in docs/benchmarks.md; here is what does not depend on the machine."""
    pair.open()
    others = Pair().start()
    others.open()
    server = pair.server.connection
    server.rest()
    shared = _reached(others.server.connection).keys()
    own = [one for key, one in _reached(server).items() if key not in shared]
    assert len(own) <= 54, sorted(type(one).__name__ for one in own)
    assert not [one for one in own if isinstance(one, (list, bytearray)) and len(one) > 12]


def test_what_was_sent_unasked_leaves_no_buffer(pair):
    connection = pair.server.connection
    connection.send_debug("a program writes by itself")
    assert connection.data_to_send()
    connection.settle()
    outbound = connection._core.outbound
    assert not outbound._scratch
    assert outbound._segment is None
