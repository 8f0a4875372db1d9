"""Key exchanges between two ends: what both agree on, what a client refuses, when new keys come."""

from __future__ import annotations

from unittest import mock

import pytest

from nacre.crypto.registry import Family, default_names, names
from nacre.errors import (
    ConnectionLost,
    DisconnectError,
    HostKeyNotVerifiable,
    KeyExchangeFailed,
    LocalProtocolError,
    ProtocolError,
)
from nacre.keys import generate_private_key
from nacre.protocol import limits
from nacre.protocol.events import (
    AuthBegin,
    AuthNeeded,
    AuthPolicy,
    AuthSucceeded,
    Disconnected,
    HostKeyQuestion,
    KeysExchanged,
    Verdict,
)
from nacre.protocol.handshake import Handshake
from nacre.protocol.settings import Settings
from nacre.wire.auth import UserauthRequest
from nacre.wire.kex import KexInit, NewKeys
from nacre.wire.transport import ExtInfo, Ignore
from tests.pair.ends import HOST_KEY, LATER, Pair
from tests.support.cases import each_case
from tests.support.protocol import changed, failure, inject, payloads, server_settings, talk


@pytest.mark.parametrize("kex", names(Family.KEX))
def test_every_method(kex):
    client = Settings(username="alice", kex_algorithms=(kex,))
    pair = Pair(client=client, server=server_settings(kex_algorithms=names(Family.KEX))).start()
    assert pair.client.of(AuthSucceeded)
    for end in (pair.client, pair.server):
        assert end.connection.info.negotiated.kex == kex
        assert end.connection.info.negotiated.strict
    assert pair.client.connection.info.session_id == pair.server.connection.info.session_id != b""
    assert pair.client.connection.info.host_key_blob == HOST_KEY.public_data


@each_case("cipher", names(Family.CIPHER))
@each_case("mac", names(Family.MAC))
def test_every_cipher_and_mac(cipher, mac):
    pair = Pair(server=server_settings(ciphers=(cipher,), macs=(mac,)),
                client=Settings(username="alice", macs=(mac,))).start()  # fmt: skip
    assert pair.client.of(AuthSucceeded)
    assert pair.server.connection.info.negotiated.cipher_client_to_server == cipher


@pytest.mark.parametrize(
    ("kind", "size", "algorithm"),
    [
        ("ssh-rsa", 2048, "rsa-sha2-512"),
        ("ssh-rsa", 2048, "rsa-sha2-256"),
        ("ecdsa-sha2-nistp256", None, "ecdsa-sha2-nistp256"),
        ("ecdsa-sha2-nistp384", None, "ecdsa-sha2-nistp384"),
        ("ecdsa-sha2-nistp521", None, "ecdsa-sha2-nistp521"),
    ],
)
def test_every_kind_of_host_key(kind, size, algorithm):
    key = generate_private_key(kind, **({"key_size": size} if size else {}))
    settings = Settings(username="alice", host_key_algorithms=(algorithm,))
    pair = Pair(client=settings, server=Settings(host_keys=(key,))).start()
    assert pair.client.of(HostKeyQuestion)[0].key_blob == key.public_data
    assert pair.server.connection.info.negotiated.host_key == algorithm
    assert pair.client.of(AuthSucceeded)


def test_the_lines_between_are_counted_from_the_versions():
    pair = Pair(client=Settings(username="alice", software_version="c_1")).start()
    assert pair.server.connection.info.peer_version == "SSH-2.0-c_1"
    assert pair.client.connection.info.peer_version == "SSH-2.0-nacre"


@pytest.mark.parametrize(
    ("cipher", "most"),
    [
        ("chacha20-poly1305@openssh.com", 1 << 30),
        ("aes128-gcm@openssh.com", 1 << 36),
        ("aes256-ctr", 1 << 36),
    ],
)
def test_no_option_takes_a_key_beyond_what_its_cipher_bears(cipher, most):
    """RFC 4253 section 9, RFC 4344 section 3.2: 2^32 blocks; row 33."""
    client = Settings(username="alice", ciphers=(cipher,), rekey_bytes=1 << 40)
    pair = Pair(client=client).start()
    handshake = pair.client.connection._handshake
    assert (handshake.sealer_limit, handshake._opener_limit) == (most, most)
    for direction in ("outbound", "inbound"):
        core = pair.client.connection._core
        assert not handshake.due()
        getattr(core, direction).octets += most
        assert handshake.due()
        getattr(core, direction).octets -= most


@each_case("answer", [Verdict.REFUSED, None, False, True, "trusted", 1])
def test_only_the_token_of_trust_is_trust(answer):
    pair = Pair(client_answers={HostKeyQuestion: answer}).start()
    assert isinstance(failure(pair.client), HostKeyNotVerifiable)
    assert not pair.server.of(AuthSucceeded)
    assert pair.server.connection.info.username == ""  # not one byte of authentication left


def test_a_refusal_with_its_own_reason():
    why = HostKeyNotVerifiable("the key is revoked")
    pair = Pair(client_answers={HostKeyQuestion: why}).start()
    assert failure(pair.client) is why
    assert failure(pair.server).reason == "the key is revoked"


def test_nothing_is_read_and_nothing_sent_while_the_key_is_undecided():
    pair = Pair(client_answers={HostKeyQuestion: LATER}).start()
    assert not pair.server.connection.closed
    assert not pair.client.of(KeysExchanged)
    pair.client.connection.answer(pair.client.of(HostKeyQuestion)[0].token, Verdict.TRUSTED)
    pair.run()
    assert pair.client.of(AuthSucceeded)


class Forger:
    """A host key that signs something else."""

    public_data = HOST_KEY.public_data
    sig_algorithms = HOST_KEY.sig_algorithms
    host_key_algorithms = HOST_KEY.sig_algorithms

    def sign(self, data: bytes, sig_algorithm: str) -> bytes:
        return HOST_KEY.sign(data + b"!", sig_algorithm)


class Stranger(Forger):
    """Somebody who shows a key of another's."""

    def sign(self, data: bytes, sig_algorithm: str) -> bytes:
        return generate_private_key("ssh-ed25519").sign(data, sig_algorithm)


class Rubbish(Forger):
    """A key that is none."""

    public_data = b"\0\0\0\x0bssh-ed25519\0\0\0\x01x"


@pytest.mark.parametrize("key", [Forger(), Stranger(), Rubbish()], ids=["forged", "stranger", "rubbish"])
def test_a_wrong_signature_is_not_even_asked_about(key):
    pair = Pair(server=Settings(host_keys=(key,))).start()
    assert isinstance(failure(pair.client), HostKeyNotVerifiable)
    assert not pair.client.of(HostKeyQuestion)


def test_nothing_in_common_tells_both():
    pair = Pair(server=server_settings(ciphers=("aes128-ctr",)),
                client=Settings(username="alice", ciphers=("aes256-ctr",))).start()  # fmt: skip
    for end in (pair.client, pair.server):
        assert failure(end).code == KeyExchangeFailed.disconnect_reason
    assert "aes256-ctr" in failure(pair.server).reason


def test_a_server_without_a_key():
    pair = Pair(server=Settings()).start()
    assert isinstance(failure(pair.client), DisconnectError)
    assert failure(pair.client).code == KeyExchangeFailed.disconnect_reason


# ------------------------------------------------------------ re-keying


@pytest.mark.parametrize("side", ["client", "server"])
def test_either_side_asks_for_new_keys(side):
    pair = Pair().start()
    number, _ = pair.open()
    session_id = pair.client.connection.info.session_id
    for _ in range(3):
        getattr(pair, side).connection.rekey()
        pair.run()
    for end in (pair.client, pair.server):
        assert [event.first for event in end.of(KeysExchanged)] == [True, False, False, False]
        assert end.connection.info.session_id == session_id
    assert len(pair.client.of(HostKeyQuestion)) == 1
    assert pair.client.connection.channel_write(number, b"still there") == 11


def test_both_at_once():
    pair = Pair().start()
    pair.client.connection.rekey()
    pair.server.connection.rekey()
    pair.run()
    assert [len(end.of(KeysExchanged)) for end in (pair.client, pair.server)] == [2, 2]


def test_no_new_keys_before_authentication():
    pair = Pair(client_answers={HostKeyQuestion: LATER}).start()
    with pytest.raises(LocalProtocolError):
        pair.client.connection.rekey()


def test_new_keys_come_after_so_many_bytes():
    pair = Pair(client=Settings(username="alice", rekey_bytes=100_000)).start()
    number, _ = pair.open()
    left = 400_000
    while left:
        taken = pair.client.connection.channel_write(number, bytes(min(left, 30_000)))
        left -= taken
        for event in pair.run().server.events:
            if type(event).__name__ == "ChannelData":
                pair.server.connection.consumed(event.channel, len(event.data))
        pair.server.events = [event for event in pair.server.events if type(event).__name__ != "ChannelData"]
        pair.run()
    assert len(pair.client.of(KeysExchanged)) >= 4


def test_new_keys_come_after_an_hour():
    pair = Pair().start()
    assert pair.client.connection.next_deadline() == limits.REKEY_SECONDS
    pair.client.connection.tick(limits.REKEY_SECONDS - 1)
    assert not pair.client.output()
    pair.client.connection.tick(limits.REKEY_SECONDS)
    pair.now = limits.REKEY_SECONDS
    pair.run()
    assert len(pair.server.of(KeysExchanged)) == 2


def test_an_exchange_left_unanswered_ends_the_connection():
    pair = Pair().start()
    pair.client.connection.rekey()
    deadline = pair.client.connection.next_deadline()
    assert deadline == limits.REKEY_TIMEOUT
    pair.client.connection.tick(deadline)
    assert isinstance(failure(pair.client), ConnectionLost)


def test_a_flood_of_key_exchanges_is_a_fault():
    pair = Pair().start()
    with_floor = limits.REKEY_FLOOD + 1
    for _ in range(with_floor):
        if pair.server.connection.closed:
            break
        pair.client.connection.rekey()
        pair.run()
    assert isinstance(failure(pair.server), ProtocolError)


def test_new_keys_each_hour_are_no_flood_though_nobody_types():
    pair = Pair().start()
    for _ in range(3 * limits.REKEY_FLOOD):
        pair.now += 3600
        pair.client.connection.tick(pair.now)
        pair.client.connection.rekey()
        pair.run()
        assert not pair.server.connection.closed


@pytest.mark.parametrize("idle", ["client", "server"])
def test_new_keys_for_each_packet_of_data_are_no_flood(idle):
    # As OpenSSH's of either side with a RekeyLimit of 100K or less.
    pair = Pair().start()
    ours, theirs = pair.open()
    reader, writer, number = pair.client, pair.server, theirs
    if idle == "server":
        reader, writer, number = writer, reader, ours
    for _ in range(3):
        for _ in range(limits.REKEY_FLOOD):
            assert writer.connection.channel_write(number, bytes(32768), None) == 32768
            pair.run()
            reader.connection.consumed(theirs if reader is pair.server else ours, 32768)
            writer.connection.rekey()
            pair.run()
            assert not reader.connection.closed


def test_another_host_key_in_a_later_exchange_is_refused():
    other = generate_private_key("ssh-ed25519")
    pair = Pair().start()
    core = pair.server.connection._core
    core.settings = changed(core.settings, host_keys=(other,))
    pair.client.connection.rekey()
    pair.run()
    assert "another host key" in failure(pair.client).reason


# ------------------------------------------------------------ strictness, guesses, extensions


def test_a_packet_slipped_in_before_kexinit_breaks_strictness():
    pair = Pair()
    pair.client.connection.start(0)
    pair.server.connection.start(0)
    data = pair.client.output()
    line, end = data.split(b"\r\n", 1)
    ignore = Pair().client.connection._core
    ignore.outbound.send_now(Ignore(b"").encode())
    slipped = b"".join(bytes(part) for part in ignore.outbound.take())
    pair.server.feed(line + b"\r\n" + slipped + end)
    assert isinstance(failure(pair.server), ProtocolError)


def test_a_wrong_guess_is_dropped_and_a_right_one_counts():
    # The server prefers what the client does not: the packet after a guessing KEXINIT is ignored.
    pair = Pair(server=server_settings(kex_algorithms=("curve25519-sha256",)))
    handshake = pair.client.connection._handshake
    made = Handshake._send_kexinit

    def guessing(self: Handshake) -> None:
        made(self)
        if self is not handshake:
            return
        core = pair.client.connection._core
        core.outbound.take()
        ours = changed(handshake._ours, first_kex_packet_follows=True)
        handshake._ours, handshake._ours_payload = ours, ours.encode()
        core.outbound.sequence = 0
        core.outbound.send_line(core.info.own_version.encode() + b"\r\n")
        core.outbound.send_now(ours.encode())
        core.outbound.send_now(b"\x1e\0\0\0\x04junk")

    with mock.patch.object(Handshake, "_send_kexinit", guessing):
        pair.start()
    assert pair.server.of(AuthSucceeded)


def _flight(pair: Pair) -> list[int]:
    """Return the numbers of what a client sends before it has heard anything."""
    pair.client.connection.start(0)
    return [payload[0] for payload in payloads(pair.client.output().split(b"\r\n", 1)[1])]


def test_a_client_that_knows_what_the_server_prefers_does_not_wait_for_it():
    prefers = Pair().start().client.connection.info.peer_prefers
    assert prefers == (default_names(Family.KEX)[0], "ssh-ed25519")
    pair = Pair()
    pair.client.connection.expect(prefers)
    sent = []
    pair.client.connection._core.outbound.trace = lambda payload: sent.append(bytes(payload))
    pair.start()
    assert [payload[0] for payload in sent[:3]] == [KexInit.number, 30, NewKeys.number]
    assert KexInit.decode(sent[0]).first_kex_packet_follows
    assert pair.server.of(AuthSucceeded)
    sent.clear()
    pair.client.connection.rekey()
    pair.run()
    assert not KexInit.decode(sent[0]).first_kex_packet_follows
    assert len(pair.client.of(KeysExchanged)) == 2


@pytest.mark.parametrize(
    ("prefers", "guesses"),
    [
        (("curve25519-sha256", "ssh-ed25519"), True),
        (("mlkem768x25519-sha256", "ssh-ed25519"), False),
        (("curve25519-sha256", "rsa-sha2-512"), False),
        (("", ""), False),
        (None, False),
    ],
)
def test_a_guess_is_made_where_it_is_likely_to_be_right(prefers, guesses):
    ours = Settings(
        username="alice", kex_algorithms=("curve25519-sha256",), host_key_algorithms=("ssh-ed25519",)
    )
    pair = Pair(client=ours)
    pair.client.connection.expect(prefers)
    assert _flight(pair) == ([KexInit.number, 30] if guesses else [KexInit.number])


@pytest.mark.parametrize("name", ["diffie-hellman-group14-sha256", "diffie-hellman-group-exchange-sha256"])
def test_what_is_computed_elsewhere_is_not_guessed(name):
    ours = Settings(username="alice", kex_algorithms=(name,), host_key_algorithms=("ssh-ed25519",))
    pair = Pair(client=ours, server=server_settings(kex_algorithms=(name,)))
    pair.client.connection.expect((name, "ssh-ed25519"))
    assert _flight(pair) == [KexInit.number]


def test_a_server_that_prefers_something_else_by_now_ignores_the_guess():
    ours = Settings(username="alice", kex_algorithms=("curve25519-sha256", "mlkem768x25519-sha256"))
    theirs = server_settings(kex_algorithms=("mlkem768x25519-sha256", "curve25519-sha256"))
    pair = Pair(client=ours, server=theirs)
    pair.client.connection.expect(("curve25519-sha256", "ssh-ed25519"))
    sent = []
    pair.client.connection._core.outbound.trace = lambda payload: sent.append(payload[0])
    pair.start()
    assert sent[:3] == [KexInit.number, 30, 30]
    assert pair.server.of(AuthSucceeded)
    assert pair.client.connection.info.negotiated.kex == "curve25519-sha256"


def test_an_answer_to_a_guess_comes_behind_a_kexinit():
    pair = Pair()
    pair.client.connection.expect(Pair().start().client.connection.info.peer_prefers)
    assert _flight(pair) == [KexInit.number, 30]
    inject(pair.server, b"\x1f" + bytes(12))
    pair.client.feed(b"SSH-2.0-x\r\n" + pair.server.output())
    assert isinstance(failure(pair.client), ProtocolError)


@pytest.mark.parametrize(
    ("taken", "now"),
    [
        (None, ("ssh-ed25519", "rsa-sha2-256")),
        (("rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-512"), ("rsa-sha2-512",)),
        (("rsa-sha2-256-cert-v01@openssh.com", "ssh-ed25519"), ("ssh-ed25519", "rsa-sha2-256")),
        (("sk-ssh-ed25519-cert-v01@openssh.com",), ("sk-ssh-ed25519@openssh.com",)),
    ],
)
@pytest.mark.parametrize("listens", [True, False])
def test_a_user_who_signs_with_something_else_is_told_of_it(taken, now, listens):
    """OpenSSH's ext-info-in-auth: before the answer to the first request, to clients that announce it."""
    of_all = ("ssh-ed25519", "rsa-sha2-256")
    settings = server_settings(signature_algorithms=("ssh-ed25519",), announced_algorithms=of_all)
    pair = Pair(server=settings, client_answers={AuthNeeded: LATER})

    def begin(event):
        if event.username == "alice":
            assert pair.client.connection.info.server_sig_algs == of_all
        if not listens:
            pair.server.connection.info.updates_sig_algs = False
        return AuthPolicy(True, ("publickey",), taken if event.username == "alice" else ("ssh-ed25519",))

    pair.server.answers[AuthBegin] = begin
    pair.start()
    assert pair.client.connection.info.server_sig_algs == (now if listens else of_all)
    # Once: a client takes no third.
    talk(pair, pair.client, UserauthRequest("bob", "ssh-connection", "none", b"").encode())
    assert set(now) == set(of_all) or pair.client.connection.info.server_sig_algs == (
        now if listens else of_all
    )
    assert not pair.client.of(Disconnected)


def test_a_client_that_announces_nothing_is_told_once():
    told = ExtInfo((("ext-info-in-auth@openssh.com", b"0"),)).encode()
    for extensions, takes in ((told, True), (ExtInfo(()).encode(), False)):
        pair = Pair()
        for wanted in (True, False):
            pair.server.connection._handshake._peer_takes_ext_info = wanted
            pair.server.connection._handshake.received_ext_info(extensions)
            assert pair.server.connection.info.updates_sig_algs is (takes and wanted)


def test_ext_info_tells_the_client_which_signatures_are_taken():
    pair = Pair(server=server_settings(signature_algorithms=("ssh-ed25519", "rsa-sha2-256"))).start()
    assert pair.client.connection.info.server_sig_algs == ("ssh-ed25519", "rsa-sha2-256")
    assert pair.server.connection.info.server_sig_algs is None


@pytest.mark.parametrize("side", ["client", "server"])
def test_ext_info_out_of_turn_is_a_fault(side):
    pair = Pair().start()
    other = pair.server if side == "client" else pair.client
    talk(pair, getattr(pair, side), ExtInfo(()).encode())
    assert isinstance(failure(other), ProtocolError)


@pytest.mark.parametrize("payload", [NewKeys().encode(), b"\x1e\0\0\0\0", b"\x1f\0\0\0\0\0\0\0\0\0\0\0\0"])
def test_parts_of_an_exchange_that_nobody_began_are_a_fault(payload):
    pair = Pair().start()
    talk(pair, pair.client, payload)
    assert isinstance(failure(pair.server), ProtocolError)


def test_data_between_the_peers_kexinit_and_its_newkeys_is_a_fault():
    pair = Pair().start()
    number, _ = pair.open()
    client = pair.client.connection
    client.rekey()
    inject(pair.client, b"\x5e\0\0\0\0\0\0\0\x01x")
    pair.run()
    assert number == 0
    assert isinstance(failure(pair.server), ProtocolError)


@pytest.mark.parametrize("share", [b"", bytes(31), bytes(32), bytes(33)])
def test_a_share_that_is_none_is_refused(share):
    pair = Pair(server=server_settings(kex_algorithms=("curve25519-sha256",)))
    exchange = pair.client.connection._core.sources.exchange

    class Bad:
        def __init__(self, name):
            self.hash_name = exchange(name).hash_name

        def client_share(self):
            return share

    pair.client.connection._core.sources = changed(pair.client.connection._core.sources, exchange=Bad)
    pair.start()
    assert failure(pair.server).code in (2, 3)


def test_a_kexinit_that_does_not_decode_is_a_fault():
    pair = Pair().start()
    talk(pair, pair.client, KexInit.number.to_bytes(1, "big") + bytes(10))
    assert isinstance(failure(pair.server), ProtocolError)
