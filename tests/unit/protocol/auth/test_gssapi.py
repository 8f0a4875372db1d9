"""gssapi-with-mic and gssapi-keyex between two ends: who gets in, and all that must not pass for it."""

from __future__ import annotations

import pytest

from nacre.crypto.kex.gss import with_mechanism
from nacre.errors import GssError, PermissionDenied, ProtocolError
from nacre.protocol import limits
from nacre.protocol.auth.gssapi import signed_data
from nacre.protocol.events import (
    AuthBegin,
    AuthNeeded,
    AuthPolicy,
    AuthSucceeded,
    GssAttempt,
    GssPrincipalQuestion,
    GssStepNeeded,
    Partial,
    PasswordAttempt,
    PasswordQuestion,
)
from nacre.protocol.settings import Settings
from nacre.wire.auth import UserauthFailure, UserauthRequest
from nacre.wire.fields import encode_string, encode_uint32
from nacre.wire.gss import (
    KEYEX,
    WITH_MIC,
    GssKeyexData,
    GssMechanisms,
    UserauthGssapiErrtok,
    UserauthGssapiExchangeComplete,
    UserauthGssapiMic,
    UserauthGssapiResponse,
    UserauthGssapiToken,
)
from tests.pair.ends import HOST_KEY, LATER, PASSWORD, Pair
from tests.support.cases import each_case
from tests.support.gss import ANSWERS, MECHANISM, client_gss, server_gss
from tests.support.protocol import failure, talk

CURVE = with_mechanism("gss-curve25519-sha256", MECHANISM)
BOTH = AuthPolicy(required=True, methods=(KEYEX, WITH_MIC, "password"))
TOKEN = UserauthGssapiToken(b"token").encode()


class Tries:
    """Answers `AuthNeeded` with one attempt after the other, and keeps what the server offered."""

    def __init__(self, *attempts):
        self._attempts = list(attempts)
        self.offered = []

    def __call__(self, event):
        self.offered.append((event.methods, event.partial))
        return self._attempts.pop(0) if self._attempts else None


def login(*attempts, kex=(), client=None, server=None, policy=BOTH, without=(), client_answers=(), **answers):
    """Have a client try these attempts; return the pair, and what it was offered."""
    tries = Tries(*attempts)
    algorithms = {"kex_algorithms": kex} if kex else {}
    pair = Pair(
        client=Settings(username="alice", gss=client or client_gss(), **algorithms),
        server=Settings(
            host_keys=(HOST_KEY,), gss=None if "server" in without else server or server_gss(), **algorithms
        ),
        client_answers={**ANSWERS, AuthNeeded: tries, **dict(client_answers)},
        server_answers={
            **ANSWERS,
            AuthBegin: policy,
            **{KINDS[name]: value for name, value in answers.items()},
        },
    ).start()
    return pair, tries.offered


KINDS = {"principal": GssPrincipalQuestion, "step": GssStepNeeded, "password": PasswordQuestion}


def raw(policy=BOTH, *, server=None, kex=(), step=None):
    """Return a pair whose client has asked for nothing yet but what there is, and stays silent."""
    answers = {"step": step} if step is not None else {}
    return login(LATER, policy=policy, server=server, kex=kex, **answers)[0]


def request(method, data):
    return UserauthRequest("alice", "ssh-connection", method, data).encode()


WITH_MIC_REQUEST = request(WITH_MIC, GssMechanisms((MECHANISM,)).encode())


def refused(pair):
    """Return whether the server has said no, and goes on."""
    assert not pair.server.of(AuthSucceeded)
    return not pair.server.connection.closed


# ---------------------------------------------------------------- what works


def test_with_mic():
    pair, _ = login(GssAttempt(WITH_MIC))
    (succeeded,) = pair.server.of(AuthSucceeded)
    assert (succeeded.username, succeeded.method, succeeded.key_blob) == ("alice", WITH_MIC, None)
    (asked,) = pair.server.of(GssPrincipalQuestion)
    assert (asked.username, asked.method) == ("alice", WITH_MIC)
    assert asked.context.complete
    assert pair.client.of(AuthSucceeded)[0].method == WITH_MIC


def test_a_client_that_is_complete_with_its_first_token():
    """Without mutual authentication of the login, as RFC 4462 section 3.4 has it: token and signature at once."""
    pair = raw(server=server_gss(silent=True))
    info = pair.client.connection.info
    mic = client_gss().context().sign(signed_data(info.session_id, "alice", WITH_MIC))
    talk(pair, pair.client, WITH_MIC_REQUEST)
    talk(pair, pair.client, TOKEN, UserauthGssapiMic(mic).encode())
    assert pair.server.of(AuthSucceeded)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_contexts_of_several_steps(steps):
    pair, _ = login(
        GssAttempt(WITH_MIC), client=client_gss(steps=steps + 1), server=server_gss(steps=steps, silent=False)
    )
    assert pair.server.of(AuthSucceeded)
    assert len(pair.server.of(GssStepNeeded)) == steps


def test_keyex_takes_the_context_of_the_key_exchange():
    server = server_gss()
    pair, offered = login(GssAttempt(KEYEX), kex=(CURVE,), server=server)
    assert offered == [((KEYEX, WITH_MIC, "password"), False)]
    assert pair.server.of(AuthSucceeded)[0].method == KEYEX
    assert pair.server.of(GssPrincipalQuestion)[0].context is server.made[0]
    assert len(server.made) == 1


def test_either_may_be_one_factor_of_two():
    pair, offered = login(
        GssAttempt(WITH_MIC), PasswordAttempt(PASSWORD), principal=Partial(("password", KEYEX))
    )
    assert offered == [((WITH_MIC, "password"), False), (("password",), True)]
    assert pair.server.of(AuthSucceeded)[0].method == "password"


# ---------------------------------------------------------------- what is refused


def test_row_38_a_server_without_gss_offers_none_and_refuses_it():
    """Security history row 38: a method that is not set up is refused, and reaches no callback."""
    pair, offered = login(
        GssAttempt(WITH_MIC), GssAttempt(KEYEX), PasswordAttempt(PASSWORD), without=("server",)
    )
    assert {methods for methods, _ in offered} == {("password",)}
    assert not pair.server.of(GssPrincipalQuestion)
    assert not pair.server.of(GssStepNeeded)
    assert pair.server.of(AuthSucceeded)[0].method == "password"


def test_keyex_is_not_offered_after_another_key_exchange():
    pair, offered = login(GssAttempt(KEYEX), PasswordAttempt(PASSWORD))
    assert offered[0] == ((WITH_MIC, "password"), False)
    assert pair.server.of(AuthSucceeded)[0].method == "password"


def test_keyex_asked_for_all_the_same_is_a_failure():
    pair = raw()
    talk(pair, pair.client, request(KEYEX, GssKeyexData(b"mic").encode()))
    assert refused(pair)
    assert not pair.server.of(GssPrincipalQuestion)


@each_case("answer", [False, None, "yes", 1])
@each_case(("method", "kex"), [(WITH_MIC, ()), (KEYEX, (CURVE,))])
def test_the_principal_decides(method, kex, answer):
    pair, _ = login(GssAttempt(method), kex=kex, principal=answer)
    assert pair.server.of(GssPrincipalQuestion)
    assert not pair.server.of(AuthSucceeded)
    assert isinstance(failure(pair.client), PermissionDenied)


@pytest.mark.parametrize("username", ["alice", "bob"])
@pytest.mark.parametrize(("method", "kex"), [(WITH_MIC, ()), (KEYEX, (CURVE,))])
def test_a_signature_over_anything_else_is_refused_unasked(method, kex, username):
    """Of another session, another user, another method: nobody is asked about it."""
    pair = raw(kex=kex)
    session_id = pair.client.connection.info.session_id
    context = client_gss().context()
    wrong = [
        signed_data(b"another session", "alice", method),
        signed_data(session_id, "bob" if username == "alice" else "alice", method),
        signed_data(session_id, username, KEYEX if method == WITH_MIC else WITH_MIC),
        b"",
    ]
    for data in wrong:
        mic = context.sign(data)
        if method == KEYEX:
            asked = UserauthRequest(username, "ssh-connection", KEYEX, GssKeyexData(mic).encode())
            talk(pair, pair.client, asked.encode())
        else:
            asked = UserauthRequest(
                username, "ssh-connection", WITH_MIC, GssMechanisms((MECHANISM,)).encode()
            )
            talk(pair, pair.client, asked.encode())
            talk(pair, pair.client, TOKEN, UserauthGssapiMic(mic).encode())
    assert refused(pair)
    assert not pair.server.of(GssPrincipalQuestion)
    assert pair.server.connection.info.refused == len(wrong)


def test_a_signature_before_the_context_is_complete():
    pair = raw()
    mic = client_gss().context().sign(signed_data(pair.client.connection.info.session_id, "alice", WITH_MIC))
    talk(pair, pair.client, WITH_MIC_REQUEST, UserauthGssapiMic(mic).encode())
    assert refused(pair)
    assert not pair.server.of(GssPrincipalQuestion)


def test_a_context_without_integrity_logs_nobody_in():
    pair, _ = login(GssAttempt(WITH_MIC), server=server_gss(integrity=False))
    assert not pair.server.of(GssPrincipalQuestion)
    assert isinstance(failure(pair.client), PermissionDenied)


def test_nobody_logs_in_without_a_signature():
    """SSH_MSG_USERAUTH_GSSAPI_EXCHANGE_COMPLETE (RFC 4462 section 3.6) is for servers that may."""
    pair = raw(server=server_gss(integrity=False))
    talk(pair, pair.client, WITH_MIC_REQUEST)
    talk(pair, pair.client, TOKEN, UserauthGssapiExchangeComplete().encode())
    assert isinstance(failure(pair.server), ProtocolError)
    assert not pair.server.of(AuthSucceeded)


def test_row_80_the_count_of_mechanisms_is_not_trusted():
    """CVE-2025-58181: a count of OIDs that is larger than what follows, and one that is merely large."""
    pair = raw()
    talk(pair, pair.client, request(WITH_MIC, encode_uint32(0xFFFFFFFF) + encode_string(MECHANISM)))
    assert isinstance(failure(pair.server), ProtocolError)
    pair = raw()
    many = GssMechanisms((MECHANISM,) * (limits.GSS_MECHANISMS + 1)).encode()
    talk(pair, pair.client, request(WITH_MIC, many))
    assert refused(pair)
    assert not pair.server.of(GssStepNeeded)


def test_a_mechanism_that_is_not_ours():
    pair = raw()
    talk(pair, pair.client, request(WITH_MIC, GssMechanisms((b"\x06\x01\x01",)).encode()))
    talk(pair, pair.client, request(WITH_MIC, GssMechanisms(()).encode()))
    assert refused(pair)


def test_tokens_without_end_and_of_any_size():
    pair = raw(server=server_gss(steps=1000))
    talk(pair, pair.client, WITH_MIC_REQUEST)
    for _ in range(limits.GSS_STEPS):
        talk(pair, pair.client, TOKEN)
        assert not pair.server.connection.closed
    talk(pair, pair.client, TOKEN)
    assert "too many tokens" in str(failure(pair.server))
    pair = raw()
    talk(pair, pair.client, WITH_MIC_REQUEST, UserauthGssapiToken(bytes(limits.GSS_TOKEN + 1)).encode())
    assert "too long" in str(failure(pair.server))


def test_a_token_for_a_complete_context():
    pair = raw()
    talk(pair, pair.client, WITH_MIC_REQUEST, TOKEN)
    talk(pair, pair.client, TOKEN)
    assert isinstance(failure(pair.server), ProtocolError)


def test_a_step_that_fails_is_a_failed_login_with_its_error_token():
    pair, _ = login(
        GssAttempt(WITH_MIC),
        PasswordAttempt(PASSWORD),
        server=server_gss(fails=GssError("why", b"error token")),
    )
    assert pair.server.of(AuthSucceeded)[0].method == "password"
    assert pair.server.connection.info.refused == 1


def test_a_client_whose_step_fails_tries_what_is_next():
    pair, _ = login(
        GssAttempt(WITH_MIC),
        PasswordAttempt(PASSWORD),
        client=client_gss(fails=GssError("no ticket", b"error")),
    )
    assert pair.server.of(AuthSucceeded)[0].method == "password"
    assert pair.server.connection.info.refused == 1  # it gave up, which counts


def test_why_a_step_failed_is_for_the_user_alone():
    pair, _ = login(GssAttempt(WITH_MIC), client=client_gss(fails=GssError("no ticket", b"error")))
    error = failure(pair.client)
    assert isinstance(error, PermissionDenied)
    assert "GSS-API: no ticket" in str(error)
    assert "ticket" not in error.reason


def test_giving_up_counts_and_is_not_answered():
    pair = raw()
    for _ in range(limits.AUTH_FAILURES):
        assert not pair.server.connection.closed
        talk(pair, pair.client, WITH_MIC_REQUEST, UserauthGssapiErrtok(b"no").encode())
    assert isinstance(failure(pair.server), PermissionDenied)


def test_a_new_request_abandons_the_dialogue():
    pair = raw()
    talk(pair, pair.client, WITH_MIC_REQUEST, request("password", b"\0" + encode_string(b"wrong")))
    talk(pair, pair.client, TOKEN)
    assert isinstance(failure(pair.server), ProtocolError)


# ---------------------------------------------------------------- a server that is not honest


def hostile(*payloads, client=None):
    """Return a client that has asked for gssapi-with-mic, and was answered with these payloads."""
    pair, offered = login(GssAttempt(WITH_MIC), client=client, policy=LATER)
    talk(pair, pair.server, UserauthFailure((WITH_MIC,), False).encode())
    talk(pair, pair.server, *payloads)
    return pair, offered


CHOICE = UserauthGssapiResponse(MECHANISM).encode()


@each_case("payloads", [
        (UserauthGssapiResponse(b"\x06\x01\x01").encode(),),
        (TOKEN,),
        (CHOICE, CHOICE),
        (CHOICE, TOKEN, TOKEN),
        (UserauthGssapiMic(b"mic").encode(),),
        (CHOICE, UserauthGssapiToken(bytes(limits.GSS_TOKEN + 1)).encode()),
    ])  # fmt: skip
def test_what_a_server_may_not_say(payloads):
    pair, _ = hostile(*payloads)
    assert isinstance(failure(pair.client), ProtocolError)


@pytest.mark.parametrize("lacks", ["mutual", "integrity"])
def test_a_client_signs_for_nobody_it_does_not_know(lacks):
    pair, offered = hostile(CHOICE, TOKEN, client=client_gss(**{lacks: False}))
    assert len(offered) == 2  # it gave up, and looks for another method
    assert not pair.client.connection.info.gss


def test_gss_is_a_credential():
    """`disable_trivial_auth` takes it for one."""
    for method, kex in ((WITH_MIC, ()), (KEYEX, (CURVE,))):
        tries = Tries(GssAttempt(method))
        algorithms = {"kex_algorithms": kex} if kex else {}
        pair = Pair(
            client=Settings(username="alice", gss=client_gss(), disable_trivial_auth=True, **algorithms),
            server=Settings(host_keys=(HOST_KEY,), gss=server_gss(), **algorithms),
            client_answers={**ANSWERS, AuthNeeded: tries},
            server_answers={**ANSWERS, AuthBegin: BOTH},
        ).start()
        assert pair.client.of(AuthSucceeded)
