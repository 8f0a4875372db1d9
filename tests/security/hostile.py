"""The packets that the sequences name: from a word of `steps` and its options to a payload.

Owns: the bytes of every `send` but those of the key exchange, which `drive` makes with the raw peer.
Must not know: what the end under test does with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from nacre.keys import SSHKey, generate_private_key
from nacre.protocol.auth.publickey import signed_data
from tests.pair.damage import string, uint32, userauth
from tests.pair.ends import PASSWORD
from tests.pair.talk import RAW_CHANNEL
from tests.security.expectations import NAMES, Phase, Role, minimal_payload

__all__ = ["KEYS", "payload"]

NUMBERS: Final[Mapping[str, int]] = {name: number for number, name in NAMES.items()}
#: The client's keys, by the name that the sequences have for them.
KEYS: Final[Mapping[str, SSHKey]] = {
    name: generate_private_key("ssh-ed25519") for name in ("A", "B", "refused", "restricted")
}
_ED25519: Final = "ssh-ed25519"

Options = Mapping[str, Any]


def _many(index: int) -> bytes:
    """Another key each time; every 32 bytes are a public key to those who do not verify."""
    return string(_ED25519.encode()) + string(index.to_bytes(2, "big") + bytes(29) + b"\1")


def _blob(options: Options, index: int) -> bytes:
    name = options.get("key", "A")
    return _many(index) if name == "many" else KEYS[name].public_data


def _user(options: Options, index: int) -> bytes:
    user = str(options.get("user", "alice"))
    return (b"alice", b"bob")[index % 2] if user == "alternating" else user.encode()


def _request(method: bytes, data: bytes, options: Options, index: int) -> bytes:
    made = userauth(method, data, _user(options, index))
    service = str(options.get("service", "ssh-connection")).encode()
    return made.replace(string(b"ssh-connection"), string(service), 1)


def _query(options: Options, index: int, session_id: bytes) -> bytes:
    data = b"\0" + string(_ED25519.encode()) + string(_blob(options, index))
    return _request(b"publickey", data, options, index)


def _signed(options: Options, index: int, session_id: bytes) -> bytes:
    blob = _blob(options, index)
    user = "alice" if options.get("signature") == "over-alice" else _user(options, index).decode()
    over = b"\x5a" * 32 if options.get("signature") == "other-session-id" else session_id
    signer = KEYS[options.get("signed_by", options.get("key", "A"))]
    signature = signer.sign(signed_data(over, user, _ED25519, blob), _ED25519)
    data = b"\1" + string(_ED25519.encode()) + string(blob) + string(signature)
    return _request(b"publickey", data, options, index)


def _password(options: Options, index: int, session_id: bytes) -> bytes:
    text = PASSWORD if options.get("right") else "wrong"
    return _request(b"password", b"\0" + string(text.encode()), options, index)


def _kbdint(options: Options, index: int, session_id: bytes) -> bytes:
    submethods = str(options.get("submethods", "")).encode()
    return _request(b"keyboard-interactive", string(b"") + string(submethods), options, index)


def _method(options: Options, index: int, session_id: bytes) -> bytes:
    made = {"publickey": _signed, "password": _password, "keyboard-interactive": _kbdint}
    method = str(options["method"])
    if method in made:
        return made[method](options, index, session_id)
    return _request(method.encode(), b"", options, index)


def _none(options: Options, index: int, session_id: bytes) -> bytes:
    return _request(b"none", b"", options, index)


def _info_response(options: Options, index: int, session_id: bytes) -> bytes:
    answers = int(options.get("answers", 1))
    return b"\x3d" + uint32(answers) + string(b"wrong") * answers


def _info_request(options: Options, index: int, session_id: bytes) -> bytes:
    prompts = int(options.get("prompts", 1))
    return b"\x3c" + string(b"") * 3 + uint32(prompts) + (string(b"?") + b"\0") * prompts


def _pk_ok(options: Options, index: int, session_id: bytes) -> bytes:
    return b"\x3c" + string(_ED25519.encode()) + string(_blob(options, index))


_WORDS: Final[Mapping[str, Callable[[Options, int, bytes], bytes]]] = {
    "PUBLICKEY_QUERY": _query,
    "PUBLICKEY_SIGNED": _signed,
    "PASSWORD": _password,
    "KBDINT": _kbdint,
    "KBDINT_ROUND": _kbdint,
    "METHOD": _method,
    "NONE": _none,
    "INFO_RESPONSE": _info_response,
    "INFO_REQUEST": _info_request,
    "PK_OK": _pk_ok,
    "KEX_GUESS": lambda *_: b"\x1e" + string(b"a guess for another method"),
    "GEX_GROUP": lambda *_: b"\x1f" + string(b"\0" + b"\xff" * 256) + string(b"\2"),
}


def _channel_message(what: str, options: Options) -> bytes | None:
    """A message about a channel, or one that is filled to a size; None: the plain one will do."""
    size = int(options.get("size", 4))
    number = uint32(int(options.get("channel", 0)))
    window, most = int(options.get("window", 1 << 20)), int(options.get("max_packet", 1 << 15))
    made = {
        "IGNORE": b"\x02" + string(bytes(size)),
        "PING": b"\xc0" + string(bytes(size)),
        "SERVICE_REQUEST": b"\x05" + string(str(options.get("service", "ssh-userauth")).encode()),
        "CHANNEL_OPEN": b"\x5a" + string(str(options.get("kind", "session")).encode())
        + uint32(RAW_CHANNEL, window, most),
        "CHANNEL_OPEN_CONFIRMATION": b"\x5b" + number + uint32(RAW_CHANNEL, window, most),
        "CHANNEL_OPEN_FAILURE": b"\x5c" + number + uint32(1) + string(b"no") + string(b""),
        "CHANNEL_WINDOW_ADJUST": b"\x5d" + number + uint32(int(options.get("adjust", 1))),
        "CHANNEL_DATA": b"\x5e" + number + string(bytes(size)),
        "CHANNEL_EXTENDED_DATA": b"\x5f" + number + uint32(int(options.get("datatype", 1)))
        + string(bytes(size)),
        "CHANNEL_EOF": b"\x60" + number,
        "CHANNEL_CLOSE": b"\x61" + number,
        "CHANNEL_REQUEST": b"\x62" + number + string(b"x@example.com") + b"\1",
        "CHANNEL_SUCCESS": b"\x63" + number,
        "CHANNEL_FAILURE": b"\x64" + number,
    }  # fmt: skip
    return made.get(what)


def payload(
    role: Role, phase: Phase, what: str, options: Options, *, index: int = 0, session_id: bytes = b""
) -> bytes:
    """Make the payload of one `send`.

    Args:
        role: of the end under test.
        phase: where the sequence started.
        what: the word of the step.
        options: those of the step.
        index: how often it was sent before.
        session_id: what a signature is over.
    """
    if what in _WORDS:
        return _WORDS[what](options, index, session_id)
    found = _channel_message(what, options)
    if found is not None:
        return found
    number = int(options["number"]) if what == "MESSAGE" else NUMBERS[what]
    return minimal_payload(role, phase, number, supplied=bytes([number]) + bytes(36))
