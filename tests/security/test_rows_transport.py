"""Rows 1 to 34 of the history: transport and key exchange.

One test a row, without arguments: `test_faults.py` runs them again with a fault put back.
"""

from __future__ import annotations

import os
import re
import zlib
from contextlib import suppress
from itertools import product
from pathlib import Path
from unittest import mock

import pytest

import nacre
from nacre.aio.powers import Budget, work
from nacre.crypto import Compressor, Decompressor, derive, make_exchange
from nacre.crypto.kex.dh import DhExchange
from nacre.crypto.kex.groups import Group, check_size, modp
from nacre.crypto.kex.gss import with_mechanism
from nacre.crypto.registry import Family, default_names, names, select
from nacre.errors import (
    CompressionError,
    DisconnectError,
    KeyExchangeFailed,
    LocalProtocolError,
    ProtocolNotSupported,
    WireError,
)
from nacre.keys import decode_public_key, generate_private_key
from nacre.keys.base import SignatureFault
from nacre.protocol import limits
from nacre.protocol.events import AuthNeeded, Disconnected, KeysExchanged, PasswordAttempt
from nacre.protocol.settings import Role, Settings
from nacre.wire.fields import Reader, encode_mpint
from nacre.wire.kex import KexInit
from tests.pair import test_packets as packets
from tests.pair.damage import SHAPES, string, uint32
from tests.pair.ends import HOST_KEY, LATER, PASSWORD, End, Pair
from tests.pair.stage import Stage
from tests.pair.talk import end_of, opened, reason
from tests.security import expectations
from tests.security.drive import play_row
from tests.security.exchange_steps import only_the_next_message_passes
from tests.security.expectations import Phase
from tests.security.foreign_shares import group_given, refuse_group, refuse_shares, refuse_sizes
from tests.security.registry import covers
from tests.support.gss import ANSWERS as GSS_ANSWERS
from tests.support.gss import MECHANISM, client_gss, server_gss
from tests.support.protocol import failure, inject, server_settings

MODES = [
    ("aes128-gcm@openssh.com", "hmac-sha2-256-etm@openssh.com"),
    ("chacha20-poly1305@openssh.com", "hmac-sha2-256-etm@openssh.com"),
    ("aes128-ctr", "hmac-sha2-256-etm@openssh.com"),
    ("aes128-ctr", "hmac-sha2-256"),
]
SOURCES = Path(nacre.__file__).parent


@covers(1)
def test_cve_2023_48795_terrapin_strict_key_exchange() -> None:
    play_row(1)


@covers(2)
def test_strict_key_exchange_leaves_one_path() -> None:
    play_row(2)
    only_the_next_message_passes()


@covers(3)
def test_cve_2023_46445_ext_info_has_its_times() -> None:
    play_row(3)


@covers(4)
def test_cve_2023_46446_rogue_userauth_never_counts() -> None:
    play_row(4)


@covers(5)
def test_cve_2025_14942_nothing_of_the_user_before_a_verified_host() -> None:
    play_row(5)


@covers(6)
def test_cve_2025_11625_host_verification_is_not_bypassed() -> None:
    play_row(6)


@covers(7)
def test_cve_2025_26465_an_exception_in_verification_is_a_refusal() -> None:
    play_row(7)


@covers(8)
def test_cve_2023_2283_no_result_of_cryptography_goes_unchecked() -> None:
    for role in Role:
        for mode in MODES:
            for place in (4, 20, -1):
                stage = packets.keyed(role, mode)
                events = len(stage.end.events)
                stage.raw.send(b"\x50" + string(b"x@example.com") + b"\1" + bytes(20))
                altered = bytearray(stage.raw.output())
                altered[place] ^= 1
                stage.end.feed(bytes(altered))
                stage.end.connection.receive_eof(0.0)
                stage.end.pump()
                assert [type(event) for event in stage.end.events[events:]] == [Disconnected], (mode, place)
        for name in ("derive_all", "make_opener", "make_sealer"):
            for error in (ValueError, MemoryError):
                with mock.patch(f"nacre.protocol.handshake.{name}", side_effect=error):
                    stage = Stage(role)
                    with pytest.raises((error, StopIteration)):
                        stage.to(Phase.AFTER_FIRST_NEWKEYS)
                assert stage.end.connection.closed, name
    # What a library of GSS-API says of a signature is a yes or it is none.
    for verdict in (None, False, 0, 1, "yes"):
        gss = client_gss()
        with mock.patch("tests.support.gss.Context.verify", return_value=verdict):
            kex = {"kex_algorithms": (with_mechanism("gss-curve25519-sha256", MECHANISM),)}
            pair = Pair(
                client=Settings(username="alice", gss=gss, **kex),
                server=Settings(host_keys=(HOST_KEY,), gss=server_gss(), **kex),
                client_answers=GSS_ANSWERS,
                server_answers=GSS_ANSWERS,
            ).start()
        assert not pair.client.of(KeysExchanged), verdict
        assert pair.client.connection.closed


def _lengths(role: Role) -> None:
    for mode in MODES:
        # with and without the four bytes of the field itself, so that one of them fits the block size
        for length in (0, 1, 4, 5, 35_008, 35_004, 262_160, 262_156, 2**31, 2**31 - 4, 2**32 - 16, 2**32 - 4):
            stage = packets.keyed(role, mode, Phase.WAIT_AUTH)
            before = packets.kept(stage)
            stage.end.feed(packets.packet(stage, b"\x02" + string(bytes(40)), length=length))
            assert stage.end.connection.closed, (mode, length)
            assert packets.kept(stage) <= before


@covers(9)
def test_cve_2024_43410_a_length_is_judged_before_anything_is_allocated() -> None:
    _lengths(Role.SERVER)


@covers(10)
def test_cve_2026_55200_a_client_judges_lengths_too() -> None:
    _lengths(Role.CLIENT)


@covers(11)
def test_cve_2026_46597_paddings_that_do_not_fit() -> None:
    for role, mode, padding in product(Role, MODES, (0, 1, 3, 17, 30, 200, 255)):
        stage = packets.keyed(role, mode)
        payload = b"\x04\0" + string(b"") + string(b"")
        if padding != packets._filler(stage, payload):
            stage.end.feed(packets.packet(stage, payload, padding=padding))
            stage.exchange()
            assert reason(stage) == 2, (mode, padding)


@covers(12)
def test_cve_2021_43565_an_empty_packet() -> None:
    for role in Role:
        for mode in MODES:
            stage = packets.keyed(role, mode)
            stage.end.feed(packets.packet(stage, b""))
            stage.exchange()
            assert reason(stage) == 2


@covers(13)
def test_cve_2020_1730_cut_at_every_byte_of_the_handshake() -> None:
    for role in Role:
        heard = _heard(role)
        for cut in range(0, len(heard), 3):
            end = _idents(role, heard[:cut])
            end.connection.receive_eof(0.0)
            end.pump()
            assert len(end.of(Disconnected)) == 1, cut
            assert end.connection.closed


def _heard(role: Role) -> bytes:
    """What an end hears up to the first authentication request."""
    heard = bytearray()
    feed = End.feed

    def listen(end: End, data: bytes, now: float = 0.0) -> None:
        heard.extend(data)
        feed(end, data, now)

    with mock.patch.object(End, "feed", listen):
        Stage(role).to(Phase.WAIT_AUTH)
    return bytes(heard)


@covers(14)
def test_cve_2025_30211_huge_name_lists() -> None:
    for role in Role:
        for listed in (b",".join([b"a"] * 20_000), b",".join([b"a"] * 100_000), b"x" * 65):
            stage = Stage(role)
            kexinit = stage.raw.kexinit()
            size = int.from_bytes(kexinit[17:21], "big")
            stage.send(kexinit[:17] + string(kexinit[21 : 21 + size] + b"," + listed) + kexinit[21 + size :])
            assert reason(stage) == 2
            assert len(str(end_of(stage).error)) < 400


@covers(15)
def test_cve_2025_8277_wrong_guesses_are_dropped_once_and_leave_nothing() -> None:
    play_row(15)
    for guesses in range(3):  # a server may guess too
        stage = Stage(Role.CLIENT)
        stage.send(stage.raw.kexinit(follows=True, kex=("wrong@example.com", stage.raw.kex)))
        for _ in range(guesses):
            stage.send(b"\x1f" + string(b"for another method"))
        stage.raw.send(stage.next_method())
        stage.raw.newkeys()
        stage.exchange()
        assert bool(stage.end.of(KeysExchanged)) is (guesses == 1), guesses


@covers(16)
def test_cve_2023_1667_rekeys_through_all_methods() -> None:
    play_row(16)


@covers(17)
def test_cve_2025_22869_a_rekey_that_is_never_answered() -> None:
    play_row(17)


@covers(18)
def test_openssh_10_4_nothing_but_keys_during_a_rekey() -> None:
    play_row(18)


@covers(19)
def test_cve_2025_26466_pings_during_a_key_exchange() -> None:
    play_row(19)


#: Points of X25519 whose multiple is zero (RFC 7748; the list of curve25519.cr.yp.to).
LOW_ORDER = [
    bytes(32),
    b"\1" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    bytes.fromhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]


@covers(20)
def test_cve_2002_20001_no_finite_field_is_offered_unasked() -> None:
    for role in Role:
        kexinit = KexInit.decode(Stage(role).last(20))
        assert not [name for name in kexinit.kex_algorithms if name.startswith("diffie-hellman")]
    assert not [name for name in default_names(Family.KEX) if name.startswith("diffie-hellman")]
    for spec in ("*", "+*", "diffie-hellman-*"):  # a pattern reaches none either
        with suppress(ValueError):
            assert not [name for name in select(Family.KEX, spec) if name.startswith("diffie-hellman")]
    # Where one is named, the exponent is no longer than the strength asks for, and a source has a budget.
    exchange = make_exchange("diffie-hellman-group18-sha512")
    assert isinstance(exchange, DhExchange)
    exchange.draw(bytes)
    login = (exchange.share_power(), exchange.secret_power(12345))
    assert {power.exponent.bit_length() for power in login} == {512}
    budget = Budget(lambda: 0.0)
    budget.charge("192.0.2.1", 10 * work(login) + 0.1)
    with pytest.raises(DisconnectError):
        budget.charge("192.0.2.1", 0.0)


@covers(21)
def test_group_exchange_gives_and_takes_no_small_group() -> None:
    for least, wanted, most in ((1024, 1024, 8192), (1024, 1536, 4096), (2048, 2048, 8192)):
        assert group_given(least, wanted, most) >= 3072
    for sizes in ((1024, 1024, 1024), (1024, 1024, 2047), (2048, 0, 8192), (8192, 4096, 2048), (0, 0, 0)):
        refuse_sizes(*sizes)
    for bits in (1023, 1024, 2047):  # a client refuses what is too small, whoever offers it
        refuse_group(Group((1 << bits) - 1, 2))
        with pytest.raises(KeyExchangeFailed, match="bits"):  # before it is asked whether it is prime
            check_size(Group((1 << bits) - 1, 2))


@covers(22)
def test_points_of_low_order_and_of_other_forms() -> None:
    prime = modp(2048).prime
    refuse_shares("diffie-hellman-group14-sha256", (0, 1, prime - 1, prime))
    finite = DhExchange("sha256", modp(2048))
    finite.draw(bytes)
    for number in (0, 1, prime - 1, prime):  # before anything is computed with it
        with pytest.raises(KeyExchangeFailed):
            finite.secret_power(number)
    refuse_shares("curve25519-sha256", (*LOW_ORDER, b"", bytes(31), bytes(33)))
    client = make_exchange("mlkem768x25519-sha256").client_share()
    ours, _ = make_exchange("mlkem768x25519-sha256").server_respond(client)
    for share in (client, ours):
        wrong = (share[:-32] + bytes(32), share[:-1], share + b"\0")
        refuse_shares("mlkem768x25519-sha256", wrong)
    # Coefficients that are not below the modulus: of a client alone, whose share is a key.
    refuse_shares("mlkem768x25519-sha256", [b"\xff" * 1184 + client[1184:]], [Role.SERVER])
    for name in ("ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521"):
        right = make_exchange(name).client_share()
        size = len(right) // 2
        compressed, mixed = (
            bytes([2 + right[-1] % 2]) + right[1 : 1 + size],
            bytes([6 + right[-1] % 2]) + right[1:],
        )
        off_the_curve = right[:-1] + bytes([right[-1] ^ 1])
        infinity = (b"\0", b"\4" + bytes(2 * size))
        refuse_shares(name, (compressed, mixed, *infinity, off_the_curve, right + b"\0", b""))
    key = generate_private_key("ecdsa-sha2-nistp256")
    blob = key.public_data
    point = blob[-65:]
    head = blob[: -65 - 4]
    compressed = bytes([2 + point[-1] % 2]) + point[1:33]
    hybrid_form = bytes([6 + point[-1] % 2]) + point[1:]
    for other in (compressed, hybrid_form, b"\0", b"\4" + b"\1" * 64):
        with pytest.raises(ValueError):
            decode_public_key(head + string(other))


@covers(23)
def test_russh_a7fc1eb_shared_secrets_as_mpint_and_as_string() -> None:
    for secret, encoded in (
        (b"\x80" + bytes(31), b"\0\0\0\x21\0\x80" + bytes(31)),
        (b"\0\0\x7f" + bytes(29), b"\0\0\0\x1e\x7f" + bytes(29)),
        (b"\0\x80" + bytes(30), b"\0\0\0\x20\0\x80" + bytes(30)),
        (bytes(32), b"\0\0\0\0"),
    ):
        assert encode_mpint(int.from_bytes(secret, "big")) == encoded
        if any(secret):
            with mock.patch("nacre.crypto.kex.curve25519.X25519Share.agree", return_value=secret):
                assert make_exchange("curve25519-sha256").server_respond(bytes(32))[1] == encoded
    client, server = make_exchange("mlkem768x25519-sha256"), make_exchange("mlkem768x25519-sha256")
    share, secret = server.server_respond(client.client_share())
    assert secret == client.client_finish(share)
    assert secret[:4] == b"\0\0\0\x20"  # a string of 32 bytes, whatever its first bit is
    assert len(secret) == 36
    for wrong in (b"\xff", b"\0\x01", b"\0", b"\x80\0"):
        with pytest.raises(WireError):
            Reader(string(wrong)).mpint()
    assert derive("sha256", b"K", b"H", b"A", b"S", 48)[:32] == derive("sha256", b"K", b"H", b"A", b"S", 32)


@covers(24)
def test_passive_rsa_lattice_a_faulty_signature_is_not_sent() -> None:
    key = _rsa()
    with (
        mock.patch.object(key, "_private", mock.Mock(sign=mock.Mock(return_value=b"\x42" * 256))),
        pytest.raises(SignatureFault),
    ):
        key.sign(b"exchange hash", "rsa-sha2-512")
    assert key.verify(b"x", key.sign(b"x", "rsa-sha2-512"), "rsa-sha2-512")


_KEYS: dict[str, nacre.SSHKey] = {}


def _rsa() -> nacre.SSHKey:
    if "rsa" not in _KEYS:
        _KEYS["rsa"] = generate_private_key("ssh-rsa", key_size=2048)
    return _KEYS["rsa"]


@covers(25)
def test_cve_2024_31497_p521_nonces_are_of_full_range() -> None:
    key = generate_private_key("ecdsa-sha2-nistp521")
    largest = 0
    for number in range(24):
        reader = Reader(key.sign(bytes([number]), "ecdsa-sha2-nistp521"))
        reader.string()
        inner = Reader(reader.string())
        largest = max(largest, inner.mpint(), inner.mpint())
    assert largest.bit_length() >= 519  # of 521; a nonce of 512 bits would leave its mark on neither
    own = [path.name for path in SOURCES.rglob("*.py") if "deterministic_signing" in path.read_text()]
    assert not own  # how a nonce is made is the library's affair


@covers(26)
def test_cve_2008_5161_no_cbc_in_any_list() -> None:
    assert not [name for name in names(Family.CIPHER) if "cbc" in name or "3des" in name or "arcfour" in name]
    with pytest.raises(ValueError, match="aes128-cbc"):
        nacre.SSHClientConnectionOptions(encryption_algs=["aes128-cbc"])


@covers(27)
def test_cve_2026_23943_nothing_is_compressed_unasked_or_before_authentication() -> None:
    for role in Role:
        kexinit = KexInit.decode(Stage(role).last(20))
        assert kexinit.compression_client_to_server == kexinit.compression_server_to_client == ("none",)
    assert "zlib" not in names(Family.COMPRESSION)  # it would begin before authentication
    for spec in ("zlib", "*"):
        with suppress(ValueError):
            assert select(Family.COMPRESSION, spec) == ("none",)
    # Where it is named it begins after authentication, and what comes out of it is bounded.
    both = {"compressions": ("zlib@openssh.com",)}
    answers = {AuthNeeded: LATER}
    client = Settings(username="alice", **both)
    pair = Pair(client=client, server=server_settings(**both), client_answers=answers).start()
    for end in (pair.client, pair.server):
        assert end.connection._core.inbound.decompressor is None
    [*_, question] = pair.client.of(AuthNeeded)
    pair.client.connection.answer(question.token, PasswordAttempt(PASSWORD))
    pair.run()
    assert pair.server.connection._core.inbound.decompressor is not None
    # What one turn of a loop takes is little: it becomes a thousand times as much.
    inject(pair.client, b"\x02" + string(os.urandom(100_000)))
    pair.run()
    assert 0 < len(pair.server.connection.receive_buffer()) <= limits.READ_COMPRESSED
    pair.server.connection._core.inbound.received(0)
    inject(pair.client, b"\x02" + string(bytes(1 << 20)))
    pair.run()
    assert isinstance(failure(pair.server), CompressionError)
    for data in (b"", b"not compressed", zlib.compress(b"the end"), Compressor().compress(b"")):
        with pytest.raises(CompressionError):
            Decompressor(limits.PACKET).decompress(data)


@covers(28)
def test_cve_2026_55199_counts_are_compared_with_what_is_there() -> None:
    huge = uint32(2**32 - 1)
    from nacre.wire import auth, gss, transport

    for cls, head in (
        (gss.GssMechanisms, b""),  # CVE-2025-58181
        (transport.ExtInfo, b"\x07"),
        (auth.UserauthInfoRequest, b"\x3c" + string(b"") * 3),
        (auth.UserauthInfoResponse, b"\x3d"),
    ):
        with pytest.raises(WireError, match="cannot be in"):
            cls.decode(head + huge + string(b"x"))
    # A live client, with the one that nobody has to be logged in for.
    stage = Stage(Role.CLIENT).to(Phase.AFTER_FIRST_NEWKEYS)
    stage.send(b"\x07" + huge + string(b"x"))
    assert reason(stage) == 2


@covers(29)
def test_russh_6c3c80a_the_number_of_answers_is_that_of_the_questions() -> None:
    from tests.security.drive import play

    play("kbdint_wrong_number_of_answers")
    stage = Stage(Role.SERVER, answers=_asks(2)).to(Phase.WAIT_AUTH)
    stage.send(
        b"\x32"
        + string(b"alice")
        + string(b"ssh-connection")
        + string(b"keyboard-interactive")
        + string(b"") * 2
    )
    stage.send(b"\x3d" + uint32(2**32 - 1) + string(b"x"))
    assert reason(stage) == 2


def _asks(prompts: int) -> dict[type, object]:
    from nacre.protocol.events import Challenge, KbdintQuestion

    return {KbdintQuestion: Challenge(prompts=(("?", True),) * prompts)}


def _idents(role: Role, data: bytes) -> End:
    settings = Settings(username="alice") if role is Role.CLIENT else Settings(host_keys=(HOST_KEY,))
    end = End(role, settings, None, {})
    end.connection.start(0.0)
    end.feed(data)
    return end


@covers(30)
def test_cve_2026_48108_lines_before_the_identification() -> None:
    assert _idents(Role.SERVER, b"hello\r\n").connection.closed
    assert _idents(Role.SERVER, b"x" * 8192).connection.closed
    assert _idents(Role.SERVER, b"SSH-2.0-" + b"x" * 300).connection.closed
    lines = _idents(Role.CLIENT, b"welcome\r\n" * limits.IDENT_BANNER_LINES)
    assert not lines.connection.closed
    lines.feed(b"one more\r\n")
    assert lines.connection.closed
    assert _idents(Role.CLIENT, b"x" * (limits.IDENT_BANNER_LINE + 1)).connection.closed
    slow = _idents(Role.SERVER, b"SSH-2.0-")
    slow.connection.tick(limits.IDENT_TIMEOUT)
    assert slow.connection.closed


@covers(31)
def test_cve_2022_21716_an_identification_without_end() -> None:
    for role in Role:
        end = _idents(role, b"SSH-2.0-")
        fed = 0
        while not end.connection.closed:
            end.feed(b"x" * 100)
            fed += 100
            assert fed <= 400, "it goes on and on"
    assert isinstance(_idents(Role.SERVER, b"SSH-1.5-x\r\n").of(Disconnected)[0].error, ProtocolNotSupported)


def _after_authentication(number: int) -> bytes | None:
    """A well-formed message that both roles take now, or None."""
    if number in (1, 2, 3, 4, 80, 90, 93, 94, 95, 96, 97, 98, 192, 193):
        payload = expectations.minimal_payload(
            expectations.Role.SERVER, expectations.Phase.AUTHENTICATED, number
        )
        if number in (80, 90, 98):  # of these, one whose rest has a form
            payload = {
                80: b"\x50" + string(b"no-more-sessions@openssh.com") + b"\0",
                90: b"\x5a" + string(b"session") + uint32(9, 1000, 1000),
                98: b"\x62" + uint32(0) + string(b"shell") + b"\0",
            }[number]
        return payload
    return None


@covers(32)
def test_russh_fc6e3ab_trailing_bytes() -> None:
    before = expectations.Phase.WAIT_AUTH
    for payload in SHAPES[50]:
        stage = Stage(Role.SERVER).to(before)
        if payload[-1:] != b"e":  # "none" has no rest with a form: it ends with its name
            stage.send(payload + b"\0")
            assert stage.end.connection.closed, payload
    for payload in (b"\x06" + string(b"ssh-userauth"), b"\x33" + string(b"password") + b"\0", b"\x34"):
        stage = Stage(Role.CLIENT).to(Phase.AFTER_FIRST_NEWKEYS if payload[0] == 6 else before)
        stage.send(payload + b"\0")
        assert stage.end.connection.closed, payload
    stage = Stage(Role.SERVER).to(Phase.AFTER_FIRST_NEWKEYS)
    stage.send(b"\x05" + string(b"ssh-userauth") + b"\0")
    assert reason(stage) == 2
    for role, number in product(Role, range(1, 194)):
        payload = _after_authentication(number)
        if payload is not None and (role, number) != (
            Role.CLIENT,
            90,
        ):  # whose sessions a client refuses unread
            stage = Stage(role).to(Phase.AUTHENTICATED)
            opened(stage)
            stage.send(payload + b"\0")
            assert stage.end.connection.closed, number
            assert number == 1 or reason(stage) == 2
    for step in (Phase.INITIAL_BEFORE_KEXINIT, Phase.INITIAL_AFTER_KEXINIT, Phase.INITIAL_WAIT_NEWKEYS):
        for role in Role:
            stage = Stage(role).to(step)
            payload = {
                Phase.INITIAL_BEFORE_KEXINIT: stage.raw.kexinit,
                Phase.INITIAL_AFTER_KEXINIT: stage.next_method,
                Phase.INITIAL_WAIT_NEWKEYS: lambda: b"\x15",
            }[step]()
            stage.send(payload + b"\0")
            assert reason(stage) == 2, step


@covers(33)
def test_keys_are_not_used_beyond_their_limits() -> None:
    for role, name in product(Role, ("outbound", "inbound")):
        stage = Stage(role).to(Phase.AUTHENTICATED)
        direction = getattr(stage.end.connection._core, name)
        direction.packets = limits.REKEY_PACKETS
        assert 20 in [payload[0] for payload in stage.send(b"\xc0" + string(b""))]
    for rekey_bytes in (1000, 5000):
        settings = Settings(host_keys=(HOST_KEY,), rekey_bytes=rekey_bytes)
        stage = Stage(Role.SERVER, settings=settings).to(Phase.AUTHENTICATED)
        number = opened(stage)
        stage.end.connection.channel_write(number, bytes(200))
        stage.end.connection.channel_write(number, bytes(rekey_bytes))
        assert stage.exchange()[-1][0] == 20
    packets.test_the_sequence_number_may_wrap_later(Role.SERVER, MODES[1])
    from nacre.crypto.ciphers.chacha import ChaChaSealer

    sealer = ChaChaSealer(bytes(64))
    room = [memoryview(bytearray(64)), memoryview(bytearray(64))]
    sealer.seal(room[0], 32, room[1], 0, 7)
    with pytest.raises(LocalProtocolError):
        sealer.seal(room[0], 32, room[1], 0, 7)


@covers(34)
def test_cve_2016_0777_unknown_requests_get_a_refusal_and_nothing_else() -> None:
    from nacre.protocol.events import GlobalRequestQuestion

    for name in (b"resume@appgate.com", b"roaming@appgate.com", b"x" * 64):
        stage = Stage(Role.CLIENT).to(Phase.AUTHENTICATED)
        assert stage.send(b"\x50" + string(name) + b"\1" + bytes(100)) == [b"\x52"]
        assert stage.send(b"\x50" + string(name) + b"\0" + bytes(100)) == []
        assert stage.end.of(GlobalRequestQuestion)[0].payload == bytes(100)
    assert not [
        path.name for path in SOURCES.rglob("*.py") if re.search(r"roaming@|resume@", path.read_text())
    ]
