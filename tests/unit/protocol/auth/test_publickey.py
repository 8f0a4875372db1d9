"""The publickey method (RFC 4252 section 7, RFC 8332): what is signed, and whose key counts."""

from __future__ import annotations

import pytest

from nacre.errors import LocalProtocolError, PermissionDenied, ProtocolError
from nacre.keys import generate_private_key
from nacre.protocol import limits
from nacre.protocol.auth.publickey import signed_data
from nacre.protocol.events import (
    AuthBegin,
    AuthNeeded,
    AuthPolicy,
    AuthSucceeded,
    KeyRefused,
    Partial,
    PublicKeyAttempt,
    PublicKeyQuestion,
    SignatureNeeded,
)
from nacre.wire.auth import HOSTBOUND, PublicKeyQuery, UserauthPkOk, UserauthRequest
from nacre.wire.fields import encode_string
from nacre.wire.transport import ExtInfo
from tests.pair.ends import LATER, USER_KEY, Pair
from tests.support.certificates import by_hand
from tests.support.protocol import failure, server_settings, talk

ED25519 = "ssh-ed25519"


def signing(key):
    return lambda event: key.sign(event.data, event.algorithm)


def login(
    key=USER_KEY, algorithm=ED25519, *, query=True, sign=None, blob=None, server=None, **answers
) -> Pair:
    tries = iter([PublicKeyAttempt(algorithm, blob or key.public_data, query=query)])
    return Pair(
        client_answers={AuthNeeded: lambda event: next(tries, None), SignatureNeeded: sign or signing(key)},
        server_answers=answers.get("server_answers", {}),
        server=server,
    ).start()


@pytest.fixture
def pair():
    """A client that has asked for the methods and now does what the test says."""
    return Pair(client_answers={AuthNeeded: LATER}).start()


def request(
    pair: Pair, *, signature: bytes | None, algorithm=ED25519, blob=USER_KEY.public_data, user="alice"
) -> bytes:
    data = PublicKeyQuery(signature is not None, algorithm, blob).encode()
    return UserauthRequest(user, "ssh-connection", "publickey", data).encode() + (
        encode_string(signature) if signature is not None else b""
    )


@pytest.mark.parametrize("answer", [1, "yes", (), object(), None, False])
def test_only_true_says_that_a_key_would_do(answer):
    pair = login(server_answers={PublicKeyQuestion: answer})
    assert [event.verified for event in pair.server.of(PublicKeyQuestion)] == [False]
    assert not pair.client.of(SignatureNeeded)


@pytest.mark.parametrize("number", [60, 61, 62, 79])
def test_no_message_but_a_request_follows_a_query(number):
    pair = login(sign=LATER)
    assert pair.client.of(SignatureNeeded)
    talk(pair, pair.client, bytes((number, 0, 0, 0, 0)))
    assert isinstance(failure(pair.server), ProtocolError)


@pytest.mark.parametrize("signature", [None, b"x" * 64])
def test_what_follows_the_fields_of_a_request_is_a_fault(pair, signature):
    """Row 32."""
    talk(pair, pair.client, request(pair, signature=signature) + b"!")
    assert isinstance(failure(pair.server), ProtocolError)
    assert not pair.server.of(PublicKeyQuestion)


def test_what_is_signed_is_what_the_standard_says():
    assert signed_data(b"ID", "al", "x", b"K") == bytes.fromhex(
        "00000002 4944 32 00000002 616c 0000000e 7373682d636f6e6e656374696f6e"
        "00000009 7075626c69636b6579 01 00000001 78 00000001 4b"
    )


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [
        ("ssh-ed25519", "ssh-ed25519"),
        ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"),
        ("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"),
        ("ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"),
        ("ssh-rsa", "rsa-sha2-256"),
        ("ssh-rsa", "rsa-sha2-512"),
    ],
)
@pytest.mark.parametrize("query", [True, False])
def test_every_kind_of_key(kind, algorithm, query):
    key = generate_private_key(kind)
    pair = login(key, algorithm, query=query)
    asked = pair.server.of(PublicKeyQuestion)
    assert [event.verified for event in asked] == ([False, True] if query else [True])
    assert {event.key_blob for event in asked} == {key.public_data}
    succeeded = pair.server.of(AuthSucceeded)[0]
    assert (succeeded.method, succeeded.key_blob) == ("publickey", key.public_data)
    assert pair.client.of(AuthSucceeded)[0].key_blob == key.public_data


PLAIN, CERTIFIED = ED25519, "ssh-ed25519-cert-v01@openssh.com"


@pytest.mark.parametrize(
    ("taken", "comes_in"),
    [
        (None, {PLAIN, CERTIFIED}),
        ((PLAIN,), {PLAIN}),
        ((CERTIFIED,), {CERTIFIED}),
        ((CERTIFIED, PLAIN), {PLAIN, CERTIFIED}),
        (("rsa-sha2-512", "rsa-sha2-512-cert-v01@openssh.com"), set()),
        ((), set()),
    ],
)
@pytest.mark.parametrize("query", [True, False])
def test_a_policy_takes_algorithms_by_whole_names(taken, comes_in, query):
    policy = AuthPolicy(required=True, methods=("publickey",), publickey_algorithms=taken)
    for algorithm, blob in ((PLAIN, USER_KEY.public_data), (CERTIFIED, by_hand(USER_KEY, USER_KEY))):
        pair = login(
            algorithm=algorithm,
            blob=blob,
            query=query,
            sign=lambda event: USER_KEY.sign(event.data, ED25519),
            server_answers={AuthBegin: policy},
        )
        assert bool(pair.server.of(AuthSucceeded)) is (algorithm in comes_in), algorithm
        assert bool(pair.server.of(PublicKeyQuestion)) is (algorithm in comes_in)
        reasons = [event.reason for event in pair.server.of(KeyRefused)]
        assert reasons == ([] if algorithm in comes_in else ["it is not taken here"])


def test_another_user_has_another_policy(pair):
    of = {"carol": (CERTIFIED,), "bob": (PLAIN,)}
    pair.server.answers[AuthBegin] = lambda event: AuthPolicy(True, ("publickey",), of[event.username])
    pair.server.answers[PublicKeyQuestion] = False
    for user, asked in (("carol", 0), ("bob", 1), ("carol", 1)):
        talk(pair, pair.client, request(pair, signature=None, user=user))
        assert len(pair.server.of(PublicKeyQuestion)) == asked


def test_a_signature_of_another_key_is_refused_without_a_question():
    pair = login(query=False, sign=signing(generate_private_key(ED25519)))
    assert not pair.server.of(PublicKeyQuestion)
    assert isinstance(failure(pair.client), PermissionDenied)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-1] + bytes((data[-1] ^ 1,)),
        lambda data: data + b"\0",
        lambda data: b"",
    ],
)
def test_a_signature_over_something_else_is_refused(change):
    pair = login(query=False, sign=lambda event: USER_KEY.sign(change(event.data), event.algorithm))
    assert not pair.server.of(AuthSucceeded)


def test_a_signature_for_another_user_or_session_does_not_count(pair):
    session_id = pair.server.connection.info.session_id
    for user, over in (("root", session_id), ("alice", bytes(32))):
        data = signed_data(over, "alice" if user == "root" else user, ED25519, USER_KEY.public_data)
        talk(pair, pair.client, request(pair, signature=USER_KEY.sign(data, ED25519), user=user))
    assert not pair.server.of(PublicKeyQuestion)
    assert not pair.server.of(AuthSucceeded)


@pytest.mark.parametrize("signature", [b"", b"\0\0\0\0", bytes(64), encode_string(b"ssh-ed25519") + encode_string(bytes(64)),
                                       encode_string(b"rsa-sha2-256") + encode_string(bytes(256))])  # fmt: skip
def test_signatures_that_are_none(pair, signature):
    talk(pair, pair.client, request(pair, signature=signature))
    assert not pair.server.connection.closed
    assert not pair.server.of(PublicKeyQuestion)


def test_a_query_never_lets_in(pair):
    pair.server.answers[PublicKeyQuestion] = True
    talk(pair, pair.client, request(pair, signature=None))
    assert pair.server.of(PublicKeyQuestion)[0].verified is False
    assert not pair.server.of(AuthSucceeded)


@pytest.mark.parametrize("answer", [False, None])
def test_a_query_that_is_refused_is_no_failure(answer):
    pair = login(server_answers={PublicKeyQuestion: answer})
    assert not pair.client.of(SignatureNeeded)
    assert len(pair.client.of(AuthNeeded)) == 2


def test_queries_have_their_own_bound(pair):
    pair.server.answers[PublicKeyQuestion] = False
    for count in range(limits.AUTH_QUERIES + 1):
        assert not pair.server.connection.closed, count
        talk(pair, pair.client, request(pair, signature=None))
    assert isinstance(failure(pair.server), PermissionDenied)


@pytest.mark.parametrize(
    ("algorithm", "blob"),
    [
        ("ssh-rsa", None),  # SHA-1
        ("rsa-sha2-512", None),  # not this key's
        ("ssh-dss", None),
        ("x@example", None),
        (ED25519, b""),
        (ED25519, b"\0\0\0\x0bssh-ed25519\0\0\0\x01x"),
        (ED25519, USER_KEY.public_data + b"\0"),
    ],
    ids=["sha-1", "rsa", "dss", "unknown", "no blob", "short blob", "long blob"],
)
@pytest.mark.parametrize("signature", [None, bytes(80)], ids=["query", "signed"])
def test_keys_and_algorithms_that_do_not_fit_are_not_asked_about(pair, algorithm, blob, signature):
    blob = USER_KEY.public_data if blob is None else blob
    talk(pair, pair.client, request(pair, signature=signature, algorithm=algorithm, blob=blob))
    assert not pair.server.of(PublicKeyQuestion)
    assert not pair.server.connection.closed


def test_an_algorithm_that_is_switched_off_is_refused():
    settings = server_settings(signature_algorithms=("rsa-sha2-512",))
    pair = login(query=False, server=settings)
    assert not pair.server.of(AuthSucceeded)
    assert not pair.server.of(PublicKeyQuestion)


def test_more_is_needed_after_a_key():
    pair = login(query=False, server_answers={PublicKeyQuestion: Partial(("password",))})
    assert pair.client.of(AuthNeeded)[-1].partial
    assert not pair.server.of(AuthSucceeded)


def test_a_key_that_would_be_a_part_passes_its_query():
    pair = login(server_answers={PublicKeyQuestion: Partial(("password",))})
    assert pair.client.of(SignatureNeeded)


@pytest.mark.parametrize(
    "answer", [UserauthPkOk(ED25519, b"other"), UserauthPkOk("rsa-sha2-512", USER_KEY.public_data)]
)
def test_a_server_that_accepts_another_key_is_at_fault(answer):
    pair = login(server_answers={PublicKeyQuestion: LATER})
    talk(pair, pair.server, answer.encode())
    assert isinstance(failure(pair.client), ProtocolError)
    assert not pair.client.of(SignatureNeeded)


def test_a_server_may_name_the_type_of_the_key_in_place_of_the_algorithm():
    key = generate_private_key("ssh-rsa")
    pair = login(key, "rsa-sha2-512", server_answers={PublicKeyQuestion: LATER})
    talk(pair, pair.server, UserauthPkOk("ssh-rsa", key.public_data).encode())  # as npm's ssh2 does
    assert [event.algorithm for event in pair.client.of(SignatureNeeded)] == ["rsa-sha2-512"]


def test_a_second_pk_ok_is_a_fault():
    pair = login(sign=LATER)
    talk(pair, pair.server, UserauthPkOk(ED25519, USER_KEY.public_data).encode())
    pair.client.answers[SignatureNeeded] = LATER
    client = pair.client
    if client.of(SignatureNeeded) and not client.connection.closed:
        token = client.of(SignatureNeeded)[0].token
        if not token.answered:
            client.connection.answer(token, USER_KEY.sign(client.of(SignatureNeeded)[0].data, ED25519))
            pair.run()
    assert isinstance(failure(client), ProtocolError)


@pytest.mark.parametrize("answer", [None, KeyError("the agent has gone")])
def test_without_a_signature_something_else_is_tried(answer):
    pair = login(sign=lambda event: answer)
    assert len(pair.client.of(AuthNeeded)) == 2
    assert not pair.server.of(AuthSucceeded)


def test_a_signature_that_is_no_bytes_is_our_mistake():
    pair = Pair(
        client_answers={AuthNeeded: PublicKeyAttempt(ED25519, USER_KEY.public_data), SignatureNeeded: LATER}
    )
    pair.start()
    with pytest.raises(LocalProtocolError):
        pair.client.connection.answer(pair.client.of(SignatureNeeded)[0].token, "signature")


@pytest.mark.parametrize("end", [b"", b"\0", b"\0\0\0\5x"])
def test_a_signed_request_without_its_signature_is_a_fault(pair, end):
    data = PublicKeyQuery(True, ED25519, USER_KEY.public_data).encode() + end
    talk(pair, pair.client, UserauthRequest("alice", "ssh-connection", "publickey", data).encode())
    assert isinstance(failure(pair.server), ProtocolError)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("algorithm", ["ssh-rsa", "ssh-ed25519-cert-v01@openssh.com", "rsa-sha2-512"])
def test_a_key_that_is_refused_for_what_it_is_is_told_and_not_asked_about(pair, algorithm, signed):
    talk(pair, pair.client, request(pair, signature=b"x" if signed else None, algorithm=algorithm))
    assert [event.algorithm for event in pair.server.of(KeyRefused)] == [algorithm]
    assert not pair.server.of(PublicKeyQuestion)


def test_a_wrong_signature_is_told(pair):
    talk(pair, pair.client, request(pair, signature=USER_KEY.sign(b"other", ED25519)))
    assert [event.reason for event in pair.server.of(KeyRefused)] == ["its signature is wrong"]
    assert not pair.server.of(PublicKeyQuestion)


# ---------------------------------------------------------------- bound to the server's host key


def bound(pair: Pair, *, host_key: bytes | None = None, signed_for: bytes | None = None, signed: bool = True):
    """A request that is bound to a host key, by default the server's own."""
    own = pair.client.connection.info.host_key_blob

    def body(key: bytes) -> bytes:
        data = PublicKeyQuery(signed, ED25519, USER_KEY.public_data).encode() + encode_string(key)
        return UserauthRequest("alice", "ssh-connection", HOSTBOUND, data).encode()

    sent = body(own if host_key is None else host_key)
    if not signed:
        return sent
    session_id = pair.client.connection.info.session_id
    over = sent if signed_for is None else body(signed_for)
    return sent + encode_string(USER_KEY.sign(encode_string(session_id) + over, ED25519))


@pytest.mark.parametrize("query", [True, False])
def test_a_signature_is_bound_to_the_host_key_where_the_server_says_so(query):
    pair = login(query=query)
    own = pair.client.connection.info.host_key_blob
    assert pair.client.connection.info.hostbound
    signed = pair.client.of(SignatureNeeded)[0].data
    assert signed.endswith(encode_string(own))
    assert encode_string(HOSTBOUND.encode()) in signed
    assert pair.server.of(AuthSucceeded)[0].method == "publickey"
    assert pair.client.of(AuthSucceeded)[0].method == "publickey"


def test_without_the_announcement_it_is_not():
    pair = Pair(client_answers={AuthNeeded: LATER, SignatureNeeded: signing(USER_KEY)}).start()
    pair.client.connection.info.hostbound = False
    attempt = PublicKeyAttempt(ED25519, USER_KEY.public_data)
    pair.client.connection.answer(pair.client.of(AuthNeeded)[0].token, attempt)
    pair.run()
    assert HOSTBOUND.encode() not in pair.client.of(SignatureNeeded)[0].data
    assert pair.server.of(AuthSucceeded)


def test_another_version_of_the_announcement_is_not_understood(pair):
    for value, taken in ((b"1", False), (b"", False), (b"00", False), (b"0", True)):
        info = pair.client.connection.info
        info.hostbound = False
        extension = ExtInfo((("publickey-hostbound@openssh.com", value),)).encode()
        pair.client.connection._handshake.received_ext_info(extension)
        assert info.hostbound is taken


def test_a_bound_request_lets_in_as_publickey_does(pair):
    talk(pair, pair.client, bound(pair, signed=False))
    assert pair.server.of(PublicKeyQuestion)
    talk(pair, pair.client, bound(pair))
    assert pair.server.of(AuthSucceeded)[0].key_blob == USER_KEY.public_data


@pytest.mark.parametrize("host_key", [b"", b"junk", USER_KEY.public_data], ids=["none", "junk", "another"])
@pytest.mark.parametrize("signed", [True, False])
def test_one_that_is_bound_to_another_host_is_refused(pair, host_key, signed):
    talk(pair, pair.client, bound(pair, host_key=host_key, signed=signed))
    assert not pair.server.of(PublicKeyQuestion)
    assert "another host key" in pair.server.of(KeyRefused)[0].reason


def test_a_server_without_a_host_key_takes_none_that_is_bound(pair):
    pair.server.connection.info.host_key_blob = b""
    talk(pair, pair.client, bound(pair, host_key=b""))
    assert not pair.server.of(PublicKeyQuestion)


def test_what_was_signed_for_another_host_does_not_count(pair):
    talk(pair, pair.client, bound(pair, signed_for=USER_KEY.public_data))
    assert not pair.server.of(PublicKeyQuestion)


def test_a_plain_signature_is_no_bound_one(pair):
    session_id = pair.client.connection.info.session_id
    plain = USER_KEY.sign(signed_data(session_id, "alice", ED25519, USER_KEY.public_data), ED25519)
    talk(
        pair,
        pair.client,
        bound(pair, signed=False).replace(
            b"\0" + encode_string(ED25519.encode()), b"\1" + encode_string(ED25519.encode())
        )
        + encode_string(plain),
    )
    assert not pair.server.of(PublicKeyQuestion)


@pytest.mark.parametrize("signed", [True, False])
def test_what_follows_a_bound_request_is_a_fault(pair, signed):
    talk(pair, pair.client, bound(pair, signed=signed) + b"!")
    assert isinstance(failure(pair.server), ProtocolError)


def test_where_keys_are_not_offered_bound_ones_are_not_either():
    policy = AuthPolicy(required=True, methods=("password",))
    pair = Pair(server_answers={AuthBegin: policy}, client_answers={AuthNeeded: LATER}).start()
    talk(pair, pair.client, bound(pair))
    assert not pair.server.of(PublicKeyQuestion)
    assert not pair.server.of(AuthSucceeded)
