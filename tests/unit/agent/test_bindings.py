"""Sessions that connections to an agent are bound to, and what that permits (PROTOCOL.agent 1)."""

from __future__ import annotations

import time

import pytest

import nacre
from nacre.agent.bindings import MAX_BINDINGS, BindingRefused, Bindings, Session
from nacre.agent.constraints import Destination, Hop, HopKey
from nacre.errors import WireError
from nacre.wire.fields import Reader, encode_string
from tests.support.agent import login_request, proof
from tests.support.cases import each_case

A, B, KEY = (nacre.generate_private_key("ssh-ed25519") for _ in range(3))
PAIR = nacre.load_keypairs([KEY])[0]
NOW = time.time()
TO_A = Destination(Hop("a", (HopKey(A.public_data),)))
TO_B = Destination(Hop("b", (HopKey(B.public_data),), "user"), Hop("a", (HopKey(A.public_data),)))


def bound(*steps: tuple[nacre.SSHKey, bytes, bool]) -> Bindings:
    """What a connection is bound to: hosts' keys, sessions' ids, and whether the agent is forwarded there."""
    bindings = Bindings()
    for key, session_id, forwarding in steps:
        bindings.bind(Reader(proof(key, key, session_id).binding(forwarding=forwarding)))
    return bindings


def test_a_proof_is_verified() -> None:
    good = proof(A, A)
    for wrong in (
        proof(A, B),
        Session(A.public_data, b"another", good.signature),
        Session(A.public_data, b"", A.sign(b"", "ssh-ed25519")),
        Session(A.public_data, bytes(129), A.sign(bytes(129), "ssh-ed25519")),
        Session(b"no key", b"session", good.signature),
        Session(A.public_data, b"session", b"none"),
    ):
        bindings = Bindings()
        with pytest.raises(BindingRefused):
            bindings.bind(Reader(wrong.binding(forwarding=False)))
        assert bindings.attempted
        # A connection on which this failed is no local one.
        assert not bindings.shows([TO_A], NOW)
        assert bindings.shows([], NOW)
    assert "session" not in repr(good.session_id and good).replace("Session(", "")


def test_cut_short_or_too_long() -> None:
    whole = proof(A, A).binding(forwarding=True)
    for wrong in (whole[:-1], whole + b"\0", b""):
        with pytest.raises(WireError):
            Bindings().bind(Reader(wrong))


def test_what_may_follow_what() -> None:
    bindings = bound((A, b"1", True), (A, b"1", True), (A, b"2", True))  # the same once more is nothing new
    with pytest.raises(BindingRefused, match="another host key"):
        bindings.bind(Reader(proof(B, B, b"1").binding(forwarding=True)))
    bindings.bind(Reader(proof(B, B, b"3").binding(forwarding=False)))
    with pytest.raises(BindingRefused, match="login"):
        bindings.bind(Reader(proof(B, B, b"4").binding(forwarding=True)))


def test_sessions_are_counted() -> None:
    bindings = bound(*((A, bytes((number,)), True) for number in range(1, MAX_BINDINGS + 1)))
    with pytest.raises(BindingRefused, match="more than"):
        bindings.bind(Reader(proof(A, A, b"one more").binding(forwarding=True)))


def test_a_host_that_shows_a_certificate_signs_with_its_key() -> None:
    certificate = B.generate_host_certificate(A, "id", principals=["a"])
    bindings = Bindings()
    bindings.bind(Reader(proof(certificate, A).binding(forwarding=False)))
    authority = Destination(Hop("a", (HopKey(B.public_data, True),)))
    assert bindings.shows([authority], NOW)
    assert not bindings.shows([TO_A], NOW)


def test_which_keys_are_seen() -> None:
    assert Bindings().shows([TO_A], NOW)  # a local client
    assert bound((A, b"1", False)).shows([TO_A], NOW)
    assert not bound((B, b"1", False)).shows([TO_A], NOW)
    # Where the agent is forwarded to, keys are seen that lead further.
    assert not bound((A, b"1", True)).shows([TO_A], NOW)
    assert bound((A, b"1", True)).shows([TO_A, TO_B], NOW)
    assert bound((A, b"1", True), (B, b"2", False)).shows([TO_A, TO_B], NOW)
    assert not bound((A, b"1", True), (B, b"2", False)).shows([TO_B], NOW)
    assert not bound((B, b"1", True), (A, b"2", False)).shows([TO_A, TO_B], NOW)


def refused(bindings: Bindings, data: bytes, *destinations: Destination, match: str) -> None:
    with pytest.raises(BindingRefused, match=match):
        bindings.require_permitted(PAIR, destinations, data, NOW)


def test_what_may_be_signed() -> None:
    here = bound((A, b"session", False))
    here.require_permitted(PAIR, [TO_A], login_request(PAIR), NOW)
    here.require_permitted(PAIR, [TO_A], login_request(PAIR, named=A), NOW)
    refused(Bindings(), login_request(PAIR), TO_A, match="no session")
    refused(here, login_request(PAIR), TO_B, match="destinations")
    refused(here, login_request(PAIR, bound_to=b"other"), TO_A, match="another session")
    refused(here, login_request(PAIR, named=B), TO_A, match="another host")
    refused(bound((A, b"session", True)), login_request(PAIR), TO_A, match="forwarded")
    user = Destination(Hop("a", (HopKey(A.public_data),), "user"))
    here.require_permitted(PAIR, [user], login_request(PAIR), NOW)
    refused(here, login_request(PAIR, "root"), user, match="destinations")


def test_over_two_hops_the_host_is_named() -> None:
    there = bound((A, b"1", True), (B, b"session", False))
    there.require_permitted(PAIR, [TO_A, TO_B], login_request(PAIR, named=B), NOW)
    refused(there, login_request(PAIR), TO_A, TO_B, match="name the host")
    refused(there, login_request(PAIR, "root", named=B), TO_A, TO_B, match="destinations")
    refused(there, login_request(PAIR, named=A), TO_A, TO_B, match="another host")
    refused(there, login_request(PAIR, bound_to=b"1", named=B), TO_A, TO_B, match="another session")


@each_case(
    "changed",
    [
        {"session_id": encode_string(b"")},
        {"number": b"\x33"},
        {"service": encode_string(b"ssh-userauth")},
        {"method": encode_string(b"hostbased")},
        {"signed": b"\0"},
        {"signed": b"\2"},
        {"algorithm": encode_string(b"rsa-sha2-256")},
        {"key": encode_string(A.public_data)},
        {"host": b"\0"},
    ],
)
def test_nothing_but_a_login_s_request_is_signed(changed: dict[str, bytes]) -> None:
    refused(bound((A, b"session", False)), login_request(PAIR, **changed), TO_A, match="no request")


def test_data_of_another_kind_is_not_signed() -> None:
    for data in (b"", b"SSHSIG" + bytes(40), login_request(PAIR)[:-1]):
        refused(bound((A, b"session", False)), data, TO_A, match="no request")
