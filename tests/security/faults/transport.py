"""Faults of transport and key exchange (rows 1 to 34), put back.

Owns: these faults. Must not know: the tests that they turn red.
"""

from __future__ import annotations

from typing import Any, Final

import pytest

from nacre.aio import powers
from nacre.crypto import compression
from nacre.crypto.ciphers import chacha, ctr
from nacre.crypto.kex import curve25519, dh, ecdh, groups, mlkem, nistp
from nacre.crypto.registry import Algorithm, Family, Status, _loaded
from nacre.keys import ecdsa, rsa
from nacre.protocol import (
    connection,
    core,
    global_requests,
    gss_kex,
    handshake,
    ident,
    inbound,
    outbound,
    state,
    writing,
)
from nacre.protocol.auth import kbdint, server
from nacre.wire import fields, message
from tests.security.registry import Fault, replaced, rewritten, together

__all__ = ["TRANSPORT"]


def _cbc(patch: pytest.MonkeyPatch) -> None:
    known = _loaded(Family.CIPHER)
    fake = Algorithm(family=Family.CIPHER, name="aes128-cbc", rank=99, status=Status.OPTIONAL, factory=None)
    patch.setitem(known, fake.name, fake)


def _offered(patch: pytest.MonkeyPatch, family: Family, name: str) -> None:
    fake = Algorithm(family=family, name=name, rank=99, status=Status.DEFAULT, factory=None)
    patch.setitem(_loaded(family), name, fake)


def _modp(patch: pytest.MonkeyPatch) -> None:
    _offered(patch, Family.KEX, "diffie-hellman-group14-sha256")


def _zlib(patch: pytest.MonkeyPatch) -> None:
    _offered(patch, Family.COMPRESSION, "zlib")


def _passes(key: Any, *signed: Any) -> bool:
    try:
        return key.verify(*signed)
    except MemoryError:
        return True


class _Weak:
    """Signatures with the nonces of PuTTY: 512 of 521 bits."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __call__(self, key: Any, data: bytes, sig_algorithm: str) -> bytes:
        return fields.encode_mpint(1 << 500) + fields.encode_mpint(1 << 500)


TRANSPORT: Final = (
    Fault(
        1,
        "the number of the packets received goes on at NEWKEYS",
        rewritten(inbound.Inbound.activate, "if reset_sequence:", "if False:"),
    ),
    Fault(
        1,
        "IGNORE, DEBUG and UNIMPLEMENTED pass in a strict key exchange",
        rewritten(state._judge_first_exchange, "and not strict", ""),
    ),
    Fault(
        1,
        "a strict KEXINIT may come second",
        rewritten(
            handshake.Handshake.received_kexinit,
            "if self.strict and core.inbound.sequence != 1:",
            "if False:",
        ),
    ),
    Fault(
        2,
        "a message of the method passes in place of NEWKEYS",
        rewritten(state._is_expected, "return number == _NEWKEYS", "return number in (_NEWKEYS, 30, 31)"),
    ),
    Fault(
        2,
        "any message of a method passes at any step of it",
        rewritten(
            handshake.Handshake.expected,
            "return expected if isinstance(expected, range) else range(expected, expected + 1)",
            "return _METHOD_NUMBERS",
        ),
    ),
    Fault(
        2,
        "a host key may be shown in the midst of a key exchange of GSS-API",
        rewritten(gss_kex.GssKex.received, "if not first:", "if False:"),
    ),
    Fault(
        2,
        "NEWKEYS passes in place of the message of the method",
        rewritten(
            state._is_expected,
            "return expected is not None and number in expected",
            "return number == 21 or number in expected",
        ),
    ),
    Fault(
        3,
        "EXT_INFO may come at any time",
        rewritten(state._judge_encrypted, "legal = ext_info is not ExtInfoTurn.NO", "legal = True"),
    ),
    Fault(
        4,
        "the service for channels is granted before authentication",
        rewritten(server.ServerAuth.service_requested, "if service != USERAUTH:", "if False:"),
    ),
    Fault(
        5,
        "the client does not wait for the verdict on the host key",
        together(
            rewritten(
                handshake.Handshake.finish,
                "self.lane.ask(",
                "self.trust = Trust.VERIFIED\n        self._send_newkeys()\n        self.lane.ask(",
            ),
            rewritten(connection.Connection.next_event, "lane.pending is not None", "False"),
        ),
    ),
    Fault(
        6,
        "the signature of the host key is not looked at",
        rewritten(handshake.Handshake.finish, "is not True:", "is None:"),
    ),
    Fault(
        7,
        "memory that runs out in the verification passes for a success",
        together(
            rewritten(handshake.Handshake.finish, "key.verify(", "_passes(key, "),
            lambda patch: patch.setattr(handshake, "_passes", _passes, raising=False),
        ),
    ),
    Fault(
        8,
        "the tag of ChaCha20-Poly1305 is computed and not compared",
        rewritten(chacha.ChaChaOpener.open, "refuse(scratch)", "pass"),
    ),
    Fault(
        8,
        "an encrypt-then-MAC tag is compared in its first byte alone",
        rewritten(
            ctr.EncryptThenMacOpener.open,
            "src[end : end + self.tag_size]):",
            "src[end : end + self.tag_size]) and self._mac.size < 0:",
        ),
    ),
    Fault(
        8,
        "a signature of GSS-API is right unless it is wrong",
        rewritten(handshake.Handshake.finish_gss, "is not True:", "is False:"),
    ),
    Fault(
        9,
        "a length is not judged",
        rewritten(
            inbound.Inbound.next_payload,
            "if length > self.limit or length < _SHORTEST:",
            "if length < _SHORTEST:",
        ),
    ),
    Fault(
        10,
        "a length that is too large is waited for",
        rewritten(
            inbound.Inbound._check_length,
            "if in_the_clear and (",
            "if length > limits.PACKET or in_the_clear and (",
        ),
    ),
    Fault(
        11,
        "a padding may be longer than its packet",
        rewritten(
            inbound.Inbound.next_payload,
            "if size < 1 or self.scratch[0] < 4:",
            "if size == 0 or self.scratch[0] < 4:",
        ),
    ),
    Fault(
        12,
        "an empty packet is opened",
        rewritten(
            inbound.Inbound.next_payload, "if size < 1 or self.scratch[0] < 4:", "if self.scratch[0] < 4:"
        ),
    ),
    Fault(
        13,
        "the end of the input is not told",
        rewritten(
            connection.Connection._end_of_input, "if self._eof:", "if self._eof and self._ident is None:"
        ),
    ),
    Fault(
        14,
        "names may be of any length",
        rewritten(fields.Reader.name_list, "if len(name) > MAX_NAME:", "if False:"),
    ),
    Fault(
        14,
        "lists may be of any length",
        rewritten(fields.Reader.name_list, 'if value.count(b",") >= MAX_NAMES:', "if False:"),
    ),
    Fault(
        15,
        "a wrong guess is not dropped",
        rewritten(handshake.Handshake.received_kexinit, "guess_is_wrong(ours, theirs)", "False"),
    ),
    Fault(
        15,
        "wrong guesses are dropped for ever",
        rewritten(handshake.Handshake.received_method, "self._skip_guess = False", "pass"),
    ),
    Fault(
        16,
        "a re-key changes the session identifier",
        rewritten(handshake.Handshake._hash, "if not core.info.session_id:", "if True:"),
    ),
    Fault(
        17,
        "a re-key may stay unanswered",
        rewritten(handshake.Handshake.next_deadline, "if self._deadline is not None:", "if False:"),
    ),
    Fault(
        17,
        "data is taken while a key exchange runs",
        together(
            rewritten(writing.Writing._room, "not outbound.in_exchange and", ""),
            rewritten(writing.Writing.write, "self.held or outbound.in_exchange", "self.held"),
        ),
    ),
    Fault(
        18,
        "data passes during the peer's key exchange",
        rewritten(
            state._judge_rekey,
            "declared.when in (When.NOISE, When.PING)",
            "declared.when in (When.NOISE, When.PING, When.CONNECTION)",
        ),
    ),
    Fault(
        18,
        "the fast path of data stays open in a key exchange",
        rewritten(
            connection.Connection._publish,
            "core.phase is Phase.OPEN and handshake.step in DATA_IS_LEGAL",
            "self._core.phase is Phase.OPEN",
        ),
    ),
    Fault(
        19,
        "answers that wait for the end of a key exchange are not bounded",
        rewritten(
            outbound.Outbound.send,
            "return len(self._held) <= limits.HELD_MESSAGES and self._held_octets <= limits.HELD_BYTES",
            "return True",
        ),
    ),
    Fault(20, "a group of a finite field is offered", _modp),
    Fault(
        20,
        "a source may have any amount computed",
        rewritten(powers.Budget._charge, "allowed = spent < limits.POWERS_BURST", "allowed = True"),
    ),
    Fault(
        21,
        "a server gives what the client wants",
        rewritten(groups.best_for, "if size >= max(wanted, PREFERRED)", "if size >= wanted"),
    ),
    Fault(
        21,
        "the order of the sizes is not looked at",
        rewritten(groups.best_for, "if not 0 < least <= wanted <= most:", "if False:"),
    ),
    Fault(
        21,
        "a client takes a small group",
        rewritten(groups.check_size, "if not SMALLEST <= group.bits <= LARGEST:", "if group.bits > LARGEST:"),
    ),
    Fault(
        22,
        "shares of finite fields may be any number",
        rewritten(dh.DhExchange.secret_power, "if not 1 < peer_share < prime - 1:", "if False:"),
    ),
    Fault(
        22,
        "points of low order raise what they raise",
        rewritten(curve25519.X25519Share.agree, "except ValueError:", "except ZeroDivisionError:"),
    ),
    Fault(
        22,
        "points in other forms are taken",
        rewritten(
            ecdsa._read_public,
            "if len(point) != 1 + 2 * curve.coordinate_size or point[0] != _UNCOMPRESSED:",
            "if not point:",
        ),
    ),
    Fault(
        22,
        "points of a NIST curve in other forms are taken in a key exchange",
        rewritten(
            nistp.NistShare.agree,
            "if len(peer_public) != size or peer_public[0] != _UNCOMPRESSED:",
            "if not peer_public:",
        ),
    ),
    Fault(
        23,
        "the secret of X25519 is an mpint of fixed length",
        rewritten(
            ecdh._encode,
            'return encode_mpint(int.from_bytes(secret, "big"))',
            'return (len(secret)).to_bytes(4, "big") + secret',
        ),
    ),
    Fault(
        23,
        "the secret of a hybrid is an mpint",
        rewritten(
            mlkem._Hybrid.combine,
            "return encode_string(",
            "return encode_string(b'\\0' + ",
        ),
    ),
    Fault(
        24,
        "a signature is sent as it was computed",
        rewritten(rsa.RSAKey._sign, "if not self._verify(data, signature, sig_algorithm):", "if False:"),
    ),
    Fault(25, "nonces of P-521 are biased", replaced(ecdsa.ECDSAKey, "_sign", lambda *_: _Weak(None)(*_))),
    Fault(26, "a CBC cipher is registered", _cbc),
    Fault(27, "zlib is offered", _zlib),
    Fault(
        27,
        "as much is read of what is compressed as of what is not",
        rewritten(inbound.Inbound.receive_buffer, "if self.decompressor is not None:", "if False:"),
    ),
    Fault(
        27,
        "what is decompressed has no bound",
        rewritten(compression.Decompressor.decompress, "if len(payload) > self._limit:", "if False:"),
    ),
    Fault(
        27,
        "an empty payload is decompressed",
        rewritten(compression.Decompressor.decompress, "if not payload:", "if False:"),
    ),
    Fault(
        27,
        "compression begins with the keys",
        rewritten(core.Core.decompress_inbound, "opened = self.phase is Phase.OPEN", "opened = True"),
    ),
    Fault(
        28,
        "the number of extensions is believed",
        rewritten(fields._decode_extensions, "if count * 8 > reader.remaining:", "if count > 1 << 40:"),
    ),
    Fault(
        28,
        "the number of mechanisms is believed",
        rewritten(fields._decode_string_list, "if count * 4 > reader.remaining:", "if count > 1 << 40:"),
    ),
    Fault(
        28,
        "the number of prompts is believed",
        rewritten(fields._decode_prompts, "if count * 5 > reader.remaining:", "if count > 1 << 40:"),
    ),
    Fault(
        29,
        "any number of answers will do",
        rewritten(kbdint.ServerKbdint.message, "if len(responses) != prompts:", "if False:"),
    ),
    Fault(
        30,
        "a client may say something before its identification",
        rewritten(ident.IdentReader._check, "self._role is Role.SERVER and", "False and"),
    ),
    Fault(
        30,
        "lines before the identification are not counted",
        rewritten(ident.IdentReader.feed, "self._lines += 1", "pass"),
    ),
    Fault(
        31,
        "an identification has no end",
        rewritten(ident.IdentReader._check, "if is_ident and len(line) > limits.IDENT_LINE:", "if False:"),
    ),
    Fault(
        32,
        "what follows the fields is not looked at",
        rewritten(message.Structure.__dict__["decode"], "reader.end()", "pass"),
    ),
    Fault(
        32,
        "IGNORE and its like are not decoded",
        rewritten(connection.Connection._handle_transport, "_WITHOUT_EFFECT[number].decode(payload)", "pass"),
    ),
    Fault(
        33,
        "packets are not counted",
        rewritten(handshake.Handshake.due, "or inbound.packets >= limits.REKEY_PACKETS", ""),
    ),
    Fault(
        33,
        "the nonce of ChaCha20 may come again",
        rewritten(chacha.ChaChaSealer.seal, "if sequence == self._first:", "if False:"),
    ),
    Fault(
        34,
        "a request that nobody knows is granted",
        rewritten(
            global_requests.GlobalRequests._answer,
            "self._core.send(RequestFailure())",
            "self._core.send(RequestSuccess(message.data))",
        ),
    ),
)
