"""Key exchanges of GSS-API between two ends: what both agree on, and all that must not pass for it."""

from __future__ import annotations

import pytest

from nacre.crypto.kex.gss import GSS_METHODS, with_mechanism
from nacre.crypto.registry import Family, default_names
from nacre.errors import GssError, HostKeyNotVerifiable, KeyExchangeFailed, ProtocolError
from nacre.protocol import limits
from nacre.protocol.events import AuthSucceeded, GssStepNeeded, HostKeyQuestion, KeysExchanged, Verdict
from nacre.protocol.negotiate import negotiate, our_kexinit
from nacre.protocol.settings import Role, Settings
from nacre.wire.gss import KexGssComplete, KexGssContinue, KexGssError, KexGssHostKey, KexGssInit
from tests.pair.ends import HOST_KEY, LATER, Pair
from tests.support.cases import each_case
from tests.support.gss import ANSWERS, MECHANISM, client_gss, server_gss
from tests.support.protocol import changed, failure, talk

CURVE = with_mechanism("gss-curve25519-sha256", MECHANISM)


def gss_pair(
    kex=(CURVE,),
    *,
    client=None,
    server=None,
    keys=(HOST_KEY,),
    client_kex=None,
    answers=(),
    server_answers=(),
):
    """Return a pair that has GSS-API; the server has a host key unless told otherwise."""
    return Pair(
        client=Settings(username="alice", kex_algorithms=client_kex or kex, gss=client or client_gss()),
        server=Settings(host_keys=keys, kex_algorithms=kex, gss=server or server_gss()),
        client_answers={**ANSWERS, **dict(answers)},
        server_answers={**ANSWERS, **dict(server_answers)},
    )


@pytest.mark.parametrize("name", [name for name in GSS_METHODS if name not in ("gss-group17-sha512", "gss-group18-sha512")])  # fmt: skip
def test_every_method_whose_group_takes_no_seconds(name):
    kex = with_mechanism(name, MECHANISM)
    pair = gss_pair((kex,)).start()
    assert pair.client.of(AuthSucceeded)
    infos = [end.connection.info for end in (pair.client, pair.server)]
    assert {info.negotiated.kex for info in infos} == {kex}
    assert infos[0].session_id == infos[1].session_id != b""
    assert all(info.gss is not None for info in infos)


def test_the_key_that_is_shown_is_asked_about_as_one_that_gss_vouches_for():
    pair = gss_pair().start()
    (asked,) = pair.client.of(HostKeyQuestion)
    assert asked.by_gss
    assert asked.key_blob == HOST_KEY.public_data
    assert pair.client.connection.info.host_key_blob == HOST_KEY.public_data


def test_a_key_that_is_refused_all_the_same_ends_the_login():
    pair = gss_pair(answers={HostKeyQuestion: Verdict.REFUSED}).start()
    assert isinstance(failure(pair.client), HostKeyNotVerifiable)
    assert not pair.server.of(AuthSucceeded)


def test_a_server_without_a_host_key():
    pair = gss_pair(keys=()).start()
    assert pair.client.of(AuthSucceeded)
    assert not pair.client.of(HostKeyQuestion)
    assert pair.client.connection.info.negotiated.host_key == "null"
    assert pair.client.connection.info.host_key_blob == b""


def test_a_client_that_does_not_say_that_it_needs_no_host_key():
    """As AsyncSSH's: what it offers is no use to a server without a key, and it wants none."""
    ours = our_kexinit(
        Role.SERVER, Settings(kex_algorithms=(CURVE,), gss=server_gss()), bytes(16), first=True
    )
    client = Settings(kex_algorithms=(CURVE, "curve25519-sha256"))
    theirs = our_kexinit(Role.CLIENT, client, bytes(16), first=True)
    assert "null" not in theirs.server_host_key_algorithms
    assert negotiate(Role.SERVER, ours, theirs, strict=True).host_key == "null"
    with pytest.raises(KeyExchangeFailed):
        negotiate(Role.CLIENT, theirs, ours, strict=True)
    with pytest.raises(KeyExchangeFailed):  # of no use without GSS-API
        negotiate(Role.SERVER, changed(ours, kex_algorithms=("curve25519-sha256",)), theirs, strict=True)


def test_null_is_for_gss_alone():
    """A server that has no key and a client that cannot use its GSS-API: nothing in common."""
    other = ("curve25519-sha256",)
    pair = gss_pair((CURVE, *other), keys=(), client_kex=(*other, CURVE)).start()
    assert isinstance(failure(pair.client), KeyExchangeFailed)
    assert "host key" in str(failure(pair.client))


def test_a_server_with_keys_does_not_offer_null():
    pair = gss_pair()
    settings = pair.server.connection._core.settings
    assert "null" not in our_kexinit(Role.SERVER, settings, bytes(16), first=True).server_host_key_algorithms
    client = pair.client.connection._core.settings
    assert our_kexinit(Role.CLIENT, client, bytes(16), first=True).server_host_key_algorithms[-1] == "null"


def test_without_gss_nothing_of_it_is_offered():
    for role in Role:
        made = our_kexinit(role, Settings(host_keys=(HOST_KEY,)), bytes(16), first=True)
        assert "null" not in made.server_host_key_algorithms
        assert not any(name.startswith("gss-") for name in made.kex_algorithms)


@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_contexts_that_take_more_or_fewer_steps(steps):
    """Client and server take turns; who is complete first says nothing more."""
    pair = gss_pair(
        client=client_gss(steps=steps, silent=False),
        server=server_gss(steps=steps, silent=True),
    ).start()
    assert pair.client.of(AuthSucceeded)
    assert len(pair.server.of(GssStepNeeded)) == steps


@each_case("end", ["client", "server"])
@each_case("lacks", ["mutual", "integrity"])
@each_case("value", [False, None, 0])
def test_mutual_authentication_and_integrity_are_required(end, lacks, value):
    make = client_gss if end == "client" else server_gss
    pair = gss_pair(**{end: make(**{lacks: value})}).start()
    at_fault = getattr(pair, end)
    assert isinstance(failure(at_fault), KeyExchangeFailed)
    assert "lacks mutual authentication or integrity" in str(failure(at_fault))
    assert not pair.client.of(KeysExchanged)
    assert not pair.server.of(KeysExchanged)


def test_a_wrong_signature_is_no_key_exchange():
    pair = gss_pair(server=server_gss(secret=b"another")).start()
    assert isinstance(failure(pair.client), KeyExchangeFailed)
    assert "signature" in str(failure(pair.client))
    assert not pair.client.of(HostKeyQuestion)
    assert not pair.client.of(KeysExchanged)


def test_a_step_that_fails_ends_the_connection_and_says_why_at_home_alone():
    secret = "no key for host/x in /etc/secret.keytab"
    pair = gss_pair(server=server_gss(fails=GssError(secret, b"an error token"))).start()
    assert secret in str(failure(pair.server))
    assert secret not in str(failure(pair.client))
    assert b"an error token" in pair.client.connection._core.settings.gss.made[0].received


@pytest.mark.parametrize("answer", [None, True, "token", ValueError("x"), b"x" * (limits.GSS_TOKEN + 1)])
def test_what_is_no_token_of_ours_is_a_failed_step(answer):
    pair = gss_pair(answers={GssStepNeeded: lambda event: answer}).start()
    assert isinstance(failure(pair.client), KeyExchangeFailed)


def waiting_client(**changes):
    """Return a pair whose client has sent its KEXGSS_INIT, and whose server never answers."""
    return gss_pair(client=client_gss(**changes), server_answers={GssStepNeeded: LATER}).start()


COMPLETE = KexGssComplete(bytes(32), b"mic", False, b"")


@each_case(("messages", "why"), [
        ([COMPLETE], "which it is not"),
        ([KexGssHostKey(b"another")], "comes first, and once"),
        ([KexGssComplete(bytes(32), b"mic", False, b"x")], ""),
        ([KexGssComplete(bytes(32), b"mic", True, b"")], ""),
        ([KexGssComplete(bytes(32), b"mic", True, b"\0\0\0\1ab")], ""),
        ([KexGssContinue(b"t"), KexGssContinue(b"t")], "nothing to say"),
        ([KexGssContinue(b"t" * (limits.GSS_TOKEN + 1))], "too long"),
        ([KexGssError(1, 2, "one\r\n\x1b[2Jtwo", "en")], r"one\r\n\x1b[2Jtwo"),
    ])  # fmt: skip
def test_what_a_server_may_not_answer(messages, why):
    pair = waiting_client()
    talk(pair, pair.server, *(message.encode() for message in messages))
    assert why in str(failure(pair.client))
    assert not pair.client.of(KeysExchanged)


@pytest.mark.parametrize("shown", [HOST_KEY.public_data, b""], ids=["key", "nothing"])
def test_a_host_key_where_there_is_none(shown):
    """RFC 4462 section 2.1: with "null", the message "MUST NOT be sent"."""
    pair = gss_pair(keys=(), server_answers={GssStepNeeded: LATER}).start()
    talk(pair, pair.server, KexGssHostKey(shown).encode())
    assert "where there is no host key" in str(failure(pair.client))


def test_tokens_without_end():
    pair = waiting_client(steps=1000, silent=False)
    for _ in range(limits.GSS_STEPS):
        talk(pair, pair.server, KexGssContinue(b"more").encode())
    assert isinstance(failure(pair.client), ProtocolError)
    assert "too many tokens" in str(failure(pair.client))


@pytest.mark.parametrize("message", [KexGssContinue(b"t"), KexGssInit(b"", bytes(32)), KexGssInit(b"t", b"short"),
                                     KexGssComplete(b"", b"", False, b""), KexGssHostKey(b"k")])  # fmt: skip
def test_what_a_client_may_not_begin_with(message):
    pair = gss_pair(answers={GssStepNeeded: LATER}).start()
    talk(pair, pair.client, message.encode())
    assert failure(pair.server) is not None
    assert not pair.server.of(KeysExchanged)


def test_new_keys_need_no_ticket_where_a_host_key_was_shown():
    other = default_names(Family.KEX)
    pair = gss_pair((CURVE, *other)).start()
    pair.client.connection.rekey()
    pair.run()
    assert [event.first for event in pair.client.of(KeysExchanged)] == [True, False]
    assert pair.client.connection.info.negotiated.kex == other[0]


def test_new_keys_without_a_host_key_take_a_new_context():
    gss = client_gss()
    pair = gss_pair((CURVE, *default_names(Family.KEX)), keys=(), client=gss).start()
    first = pair.server.connection.info.gss
    pair.client.connection.rekey()
    pair.run()
    assert [event.first for event in pair.server.of(KeysExchanged)] == [True, False]
    assert len(gss.made) == 2
    # RFC 4462 section 4: the context of a login stays that of the initial key exchange.
    assert pair.server.connection.info.gss is first
