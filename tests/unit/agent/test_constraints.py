"""What keys of an agent are restricted to: as bytes, and as a verdict (PROTOCOL.agent 2)."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nacre
from nacre.agent.constraints import (
    MAX_DESTINATIONS,
    MAX_HOP_KEYS,
    RESTRICT_DESTINATION,
    ConstraintRefused,
    Constraints,
    Destination,
    Hop,
    HopKey,
    decode_constraints,
    encode_constraints,
    permitted,
    permitted_way,
)
from nacre.errors import WireError
from nacre.wire.fields import Reader, encode_string, encode_text
from tests.support.cases import each_case

A, B, C, CA = (nacre.generate_private_key("ssh-ed25519") for _ in range(4))
NOW = time.time()


def hop(host: str, key: nacre.SSHKey, user: str = "", *, authority: bool = False) -> Hop:
    return Hop(host, (HopKey(key.public_data, authority),), user)


TO_A = Destination(hop("a", A))
A_TO_B = Destination(hop("b", B, "al*"), hop("a", A))


@pytest.mark.parametrize(
    "constraints",
    [
        Constraints(),
        Constraints(lifetime=1),
        Constraints(lifetime=2**32 - 1, confirm=True),
        Constraints(destinations=(TO_A, A_TO_B)),
        Constraints(5, True, (Destination(hop("*.example", CA, authority=True)),)),
    ],
    ids=["none", "shortest", "longest", "way", "all"],
)
def test_there_and_back(constraints: Constraints) -> None:
    assert decode_constraints(Reader(encode_constraints(constraints))) == constraints


@pytest.mark.parametrize("lifetime", [0, -1, 2**32])
def test_a_lifetime_that_is_none(lifetime: int) -> None:
    with pytest.raises(ValueError, match="lifetime"):
        encode_constraints(Constraints(lifetime))


@each_case(
    "step",
    [
        Destination(Hop()),
        Destination(Hop("a")),
        Destination(Hop("", (HopKey(b"key"),))),
        Destination(hop("a", A), Hop("b")),
        Destination(hop("a", A), Hop("", (HopKey(b"key"),))),
        Destination(hop("a", A), hop("b", B, "user")),
    ],
)
def test_steps_that_are_not_complete(step: Destination) -> None:
    with pytest.raises(ConstraintRefused):
        encode_constraints(Constraints(destinations=(step,)))

    def raw(end: Hop) -> bytes:
        keys = b"".join(encode_string(key.public_data) + b"\0" for key in end.keys)
        return encode_string(encode_text(end.user) + encode_text(end.host) + bytes(4) + keys)

    steps = encode_string(encode_string(raw(step.origin) + raw(step.to) + bytes(4)))
    with pytest.raises(ConstraintRefused):
        decode_constraints(Reader(b"\xff" + encode_text(RESTRICT_DESTINATION) + steps))


def test_what_is_not_known_or_given_twice_refuses() -> None:
    way = encode_constraints(Constraints(destinations=(TO_A,)))
    for data in (
        b"\x03\0\0\0\5",
        b"\x00",
        b"\xff" + encode_text("other@example.com"),
        b"\xff" + encode_text("sk-provider@openssh.com") + encode_text("/lib/x.so"),
        b"\xff" + encode_text(RESTRICT_DESTINATION) + bytes(4),
        b"\x01\0\0\0\5\x01\0\0\0\5",
        b"\x02\x02",
        way + way,
    ):
        with pytest.raises(ConstraintRefused):
            decode_constraints(Reader(data))


def test_every_byte_counts() -> None:
    whole = encode_constraints(Constraints(5, True, (A_TO_B,)))
    for size in range(1, len(whole)):
        if size not in (5, 6):  # where one ends, and the next may be missing
            with pytest.raises((WireError, ConstraintRefused)):
                decode_constraints(Reader(whole[:size]))


def test_what_is_reserved_refuses_and_counts_are_bounded() -> None:
    def restricted(*steps: bytes) -> bytes:
        joined = b"".join(map(encode_string, steps))
        return b"\xff" + encode_text(RESTRICT_DESTINATION) + encode_string(joined)

    origin = encode_string(bytes(12))
    to = encode_text("") + encode_text("a") + bytes(4) + encode_string(b"key") + b"\0"
    good = origin + encode_string(to) + bytes(4)
    assert len(decode_constraints(Reader(restricted(good))).destinations) == 1
    more = encode_string(b"more")
    reserved = encode_text("") + encode_text("a") + more + encode_string(b"key") + b"\0"
    keys = to + (encode_string(b"key") + b"\0") * MAX_HOP_KEYS
    for wrong in (origin + encode_string(to) + more, origin + encode_string(reserved) + bytes(4)):
        with pytest.raises(ConstraintRefused, match="not known"):
            decode_constraints(Reader(restricted(wrong)))
    for many in ([good] * (MAX_DESTINATIONS + 1), [origin + encode_string(keys) + bytes(4)]):
        with pytest.raises(ConstraintRefused, match="more than"):
            decode_constraints(Reader(restricted(*many)))


def test_steps() -> None:
    way = (TO_A, A_TO_B)
    assert permitted(way, None, A, "anybody", NOW)
    assert not permitted(way, None, B, "alice", NOW)
    assert permitted(way, A, B, "alice", NOW)
    assert permitted(way, A, B, None, NOW)
    assert not permitted(way, A, B, "bob", NOW)
    assert not permitted(way, B, A, "alice", NOW)
    assert not permitted(way, A, A, "alice", NOW)
    assert permitted(way, A, None, None, NOW)
    assert not permitted(way, B, None, None, NOW)
    assert not permitted((), None, A, None, NOW)


def test_ways() -> None:
    way = (TO_A, A_TO_B)
    assert permitted_way(way, [A], "x", NOW)
    assert permitted_way(way, [A, B], "alice", NOW)
    assert not permitted_way(way, [A, B], "bob", NOW)
    assert not permitted_way(way, [B], "alice", NOW)
    assert not permitted_way(way, [A, C], "alice", NOW)
    assert not permitted_way(way, [C, B], "alice", NOW)
    # The user counts at the end alone.
    assert permitted_way((Destination(hop("a", A, "root")), A_TO_B), [A, B], "alice", NOW)


def test_hosts_with_certificates() -> None:
    destinations = (Destination(hop("h.example", CA, authority=True)),)
    good = CA.generate_host_certificate(A, "id", principals=["*.example"])
    assert permitted(destinations, None, good, None, NOW)
    for wrong in (
        CA.generate_host_certificate(A, "id", principals=["other"]),
        CA.generate_host_certificate(A, "id", principals=["h.example"], valid_before=5),
        CA.generate_user_certificate(A, "id", principals=["h.example"]),
        B.generate_host_certificate(A, "id", principals=["h.example"]),
    ):
        assert not permitted(destinations, None, wrong, None, NOW)
    # An authority is no host, and a host's own key no authority; the key in a certificate is not looked at.
    assert not permitted(destinations, None, CA, None, NOW)
    assert not permitted((Destination(hop("h.example", CA)),), None, good, None, NOW)
    assert not permitted((Destination(hop("h.example", A)),), None, good, None, NOW)


def test_how_a_security_key_is_reached() -> None:
    """Nothing is loaded for whoever asks (CVE-2023-38408): the agent's own way is the only one."""
    whole = encode_constraints(Constraints(5, sk_provider="internal"))
    assert decode_constraints(Reader(whole)) == Constraints(5, sk_provider="internal")
    named = encode_constraints(Constraints(sk_provider="/usr/lib/evil.so"))
    assert named == b"\xff" + encode_text("sk-provider@openssh.com") + encode_text("/usr/lib/evil.so")
    for refused in (named, whole + named, encode_constraints(Constraints(sk_provider="internal")) * 2):
        with pytest.raises(ConstraintRefused):
            decode_constraints(Reader(refused))


HOP_KEYS = st.lists(
    st.builds(HopKey, st.binary(min_size=1, max_size=40), st.booleans()), min_size=1, max_size=3
).map(tuple)
HOSTS = st.builds(Hop, st.text(min_size=1, max_size=20), HOP_KEYS)
STEPS = st.builds(
    lambda to, user, origin: Destination(Hop(to.host, to.keys, user), origin),
    HOSTS,
    st.text(max_size=10),
    st.one_of(st.just(Hop()), HOSTS),
)


@settings(max_examples=25)
@given(
    st.builds(
        Constraints,
        st.one_of(st.none(), st.integers(1, 2**32 - 1)),
        st.booleans(),
        st.lists(STEPS, max_size=3).map(tuple),
    )
)
def test_any_there_and_back(constraints: Constraints) -> None:
    assert decode_constraints(Reader(encode_constraints(constraints))) == constraints


@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    for whole in (data, b"\xff" + encode_text(RESTRICT_DESTINATION) + encode_string(data)):
        with contextlib.suppress(WireError, ConstraintRefused):
            decode_constraints(Reader(whole))
