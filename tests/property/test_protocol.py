"""Whatever a peer sends, a protocol end lives or ends: no exception leaves it, and nothing follows the end."""

import functools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nacre.protocol.events import ChannelData, Disconnected
from nacre.protocol.settings import Role, Settings
from nacre.wire.connection import ChannelOpen
from nacre.wire.message import MESSAGES
from tests.pair.copies import Frozen
from tests.pair.ends import HOST_KEY, End, Pair
from tests.pair.stage import Stage
from tests.security.expectations import Phase, minimal_payload, needs_supplied
from tests.security.expectations import Role as TableRole

RELAXED = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def fresh(role):
    plain = Settings(username="alice") if role is Role.CLIENT else Settings(host_keys=(HOST_KEY,))
    end = End(role, plain, None, {})
    end.connection.start(0.0)
    return end


@functools.cache
def at(role, phase):
    """A conversation that has come so far, of which each example has a copy."""
    return Frozen(Stage(role).to(phase))


def sound(end):
    """Nothing follows the end, and it comes once."""
    ends = end.of(Disconnected)
    assert len(ends) <= 1
    assert bool(ends) == end.connection.closed
    if ends:
        assert end.events[-1] is ends[0]
        assert end.connection.next_event() is None
        end.output()
        assert end.connection.data_to_send() == []


@pytest.mark.parametrize("role", Role)
@RELAXED
@given(data=st.binary(max_size=2000))
def test_any_bytes_at_first(role, data):
    end = fresh(role)
    end.feed(data)
    sound(end)


@pytest.mark.parametrize("role", Role)
@RELAXED
@given(data=st.binary(max_size=2000))
def test_any_bytes_after_the_identification(role, data):
    end = fresh(role)
    end.feed(b"SSH-2.0-x\r\n" + data)
    sound(end)


@pytest.mark.parametrize("role", Role)
@RELAXED
@given(at=st.integers(0, 5000), change=st.integers(1, 255))
def test_any_octet_of_a_login_changed(role, at, change):
    """An octet changed on its way: the ends agree on nothing, or agree although it did not matter."""
    pair = Pair()
    left = [at]

    def flip(data):
        if left[0] is not None and left[0] < len(data):
            data = data[: left[0]] + bytes((data[left[0]] ^ change,)) + data[left[0] + 1 :]
            left[0] = None
        elif left[0] is not None:
            left[0] -= len(data)
        return (data,)

    pair.split = flip
    pair.start()
    sound(pair.client)
    sound(pair.server)


ENCRYPTED = [phase for phase in Phase if phase is not Phase.INITIAL_BEFORE_KEXINIT]


@pytest.mark.parametrize("phase", ENCRYPTED)
@pytest.mark.parametrize("role", Role)
@settings(RELAXED, max_examples=30)
@given(payloads=st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=4))
def test_any_payload_in_any_phase(role, phase, payloads):
    stage = at(role, phase).copy()
    for payload in payloads:
        if not stage.end.connection.closed:
            stage.send(payload)
    sound(stage.end)


KNOWN = sorted({number for _, number in MESSAGES})


@pytest.mark.parametrize("phase", [Phase.WAIT_AUTH, Phase.AUTHENTICATED, Phase.REKEY_WAIT_NEWKEYS])
@pytest.mark.parametrize("role", Role)
@settings(RELAXED, max_examples=60)
@given(data=st.data())
def test_known_messages_cut_short_made_longer_or_changed(role, phase, data):
    stage = at(role, phase).copy()
    if phase is Phase.AUTHENTICATED:
        stage.send(ChannelOpen("session", 0, 1 << 20, 1 << 15, b"").encode())
    table_role = TableRole(role.value)
    for _ in range(data.draw(st.integers(1, 6))):
        number = data.draw(st.sampled_from(KNOWN))
        if needs_supplied(table_role, phase, number) or stage.end.connection.closed:
            continue
        payload = bytearray(
            minimal_payload(
                table_role, phase, number, method=data.draw(st.sampled_from(["none", "password"]))
            )
        )
        match data.draw(st.sampled_from(["cut", "longer", "changed", "whole"])):
            case "cut":
                del payload[data.draw(st.integers(1, len(payload))) :]
            case "longer":
                payload += data.draw(st.binary(min_size=1, max_size=20))
            case "changed" if len(payload) > 1:
                payload[data.draw(st.integers(1, len(payload) - 1))] = data.draw(st.integers(0, 255))
        stage.send(bytes(payload))
    sound(stage.end)


@settings(RELAXED, max_examples=40)
@given(
    sizes=st.lists(st.integers(1, 100_000), min_size=1, max_size=12),
    pieces=st.lists(st.integers(1, 70_000), min_size=1, max_size=8),
    rekey=st.sampled_from([200_000, 1 << 30]),
)
def test_no_window_and_no_byte_is_ever_lost(sizes, pieces, rekey):
    pair = Pair(client=Settings(username="alice", rekey_bytes=rekey))
    counter = [0]

    def split(data):
        while data:
            # Small pieces for long, and then no more: a megabyte in single bytes shows nothing new.
            size = pieces[counter[0] % len(pieces)] if counter[0] < 2000 else 70_000
            counter[0] += 1
            yield data[:size]
            data = data[size:]

    pair.split = split
    pair.start()
    on_client, on_server = pair.open()
    total, seen = 0, 0
    for size in sizes:
        left = bytes((size % 251,)) * size
        while left:
            taken = pair.client.connection.channel_write(on_client, left)
            left = left[taken:]
            total += taken
            pair.run()
            arrived = sum(len(event.data) for event in pair.server.of(ChannelData))
            pair.server.connection.consumed(on_server, arrived - seen)
            seen = arrived
            pair.run()
            window = pair.server.connection._mux.channels[on_server].receive
            send_left = pair.client.connection._mux.channels[on_client].send_left
            assert window.left == send_left >= 0
    assert seen == total == sum(sizes)
