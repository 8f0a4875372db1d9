"""Every message is encoded as the standard lays it out, and decoded as what it was: of SSH, and of agents."""

from __future__ import annotations

import importlib
import pkgutil
import struct
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nacre
import nacre.wire
from nacre.agent import messages, requests
from nacre.agent.bindings import BindingRefused, Bindings, Session
from nacre.agent.constraints import Constraints
from nacre.keys.sk import _KINDS, Credential, SecurityKey
from nacre.protocol.ident import IdentReader
from nacre.protocol.settings import Role
from nacre.wire.fields import Reader
from nacre.wire.message import Message, Structure
from tests.property.makers import KEYS, OTHER, a_key

FEW = settings(deadline=None, max_examples=20)

# ---------------------------------------------------------------- every message of SSH


def _string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def _text(value: str) -> bytes:
    return _string(value.encode())


def _raw(value: str) -> bytes:
    return _string(value.encode("utf-8", "surrogateescape"))


def _mpint(value: int) -> bytes:
    """RFC 4251 section 5: the shortest form of two's complement."""
    return _string(value.to_bytes((value.bit_length() + 8) // 8, "big") if value else b"")


def _many(each: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    return lambda values: struct.pack(">I", len(values)) + b"".join(map(each, values))


a_text = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
some_bytes = st.binary(max_size=30)
#: RFC 4251 section 6: printable US-ASCII, at most 64 characters, without commas in lists of names.
_PRINTABLE: Final = [chr(code) for code in range(0x21, 0x7F)]
a_name = st.text(_PRINTABLE, max_size=64)
some_names = st.lists(
    st.text([each for each in _PRINTABLE if each != ","], min_size=1, max_size=64), max_size=3
).map(tuple)
some_texts = st.lists(a_text, max_size=3).map(tuple)
some_strings = st.lists(some_bytes, max_size=3).map(tuple)

#: By the name of a type: its values, and what the standards make of one (RFC 4251 section 5, and where the type is).
TYPES: Final[dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], bytes]]]] = {
    "byte": (st.integers(0, 255), lambda value: bytes((value,))),
    "boolean": (st.booleans(), lambda value: b"\1" if value else b"\0"),
    "uint32": (st.integers(0, 2**32 - 1), lambda value: struct.pack(">I", value)),
    "uint64": (st.integers(0, 2**64 - 1), lambda value: struct.pack(">Q", value)),
    "string": (some_bytes, _string),
    "string (UTF-8)": (a_text, _text),
    "string (UTF-8, lenient)": (a_text, _text),
    "string (raw)": (some_bytes.map(lambda value: value.decode("utf-8", "surrogateescape")), _raw),
    "string (US-ASCII)": (a_name, _text),
    "mpint": (st.integers(0, 2**300), _mpint),
    "name-list": (some_names, lambda value: _text(",".join(value))),
    "string[]": (some_texts, _many(_text)),
    "string[] (bytes)": (some_strings, _many(_string)),
    "string… to the end": (some_strings, lambda value: b"".join(map(_string, value))),
    "prompt[]": (
        st.lists(st.tuples(a_text, st.booleans()), max_size=3).map(tuple),
        _many(lambda prompt: _text(prompt[0]) + (b"\1" if prompt[1] else b"\0")),
    ),
    "extension[]": (
        st.lists(st.tuples(a_name, some_bytes), max_size=3).map(tuple),
        _many(lambda pair: _text(pair[0]) + _string(pair[1])),
    ),
    "byte[16]": (st.binary(min_size=16, max_size=16), bytes),
    "byte[]": (some_bytes, bytes),
}


def _declared() -> dict[str, type[Structure]]:
    modules = [
        importlib.import_module(f"nacre.wire.{each.name}")
        for each in pkgutil.iter_modules(nacre.wire.__path__)
    ]
    classes = {
        f"{module.__name__}.{name}": found
        for module in modules
        for name, found in vars(module).items()
        if isinstance(found, type) and issubclass(found, Structure) and found.__module__ == module.__name__
    }
    return {name: found for name, found in classes.items() if found not in (Structure, Message)}


DECLARED = _declared()


@pytest.mark.parametrize("name", sorted(DECLARED))
@settings(deadline=None, max_examples=4)
@given(data=st.data())
def test_messages(name: str, data: st.DataObject) -> None:
    kind = DECLARED[name]
    values = [data.draw(TYPES[codec.name][0]) for _, codec in kind.codecs]
    message = kind(*values)
    fields = [TYPES[codec.name][1](value) for (_, codec), value in zip(kind.codecs, values, strict=True)]
    number = bytes((kind.number,)) if issubclass(kind, Message) else b""
    assert message.encode() == number + b"".join(fields)
    assert kind.decode(message.encode()) == message
    assert kind.decode(memoryview(bytearray(message.encode()))) == message


def test_every_message_is_there() -> None:
    assert len(DECLARED) > 70
    assert {codec.name for kind in DECLARED.values() for _, codec in kind.codecs} <= TYPES.keys()


@FEW
@given(
    # RFC 4253 section 4.2: printable US-ASCII without blanks or a minus sign, and a comment behind a blank; 255
    # characters with CR LF. Lines of a server may stand before it, which do not begin with "SSH-".
    st.text([each for each in _PRINTABLE if each != "-"], min_size=1, max_size=100),
    st.none() | st.text([" ", *_PRINTABLE], max_size=100),
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=50), max_size=3),
    st.sampled_from(["\r\n", "\n"]),
    st.integers(0, 400),
)
def test_identifications(version, comment, before, end, cut) -> None:
    line = f"SSH-2.0-{version}" + ("" if comment is None else f" {comment}")
    lines = [f"{text}{end}" for text in before if not text.startswith("SSH-")]
    sent = "".join((*lines, line, end)).encode() + b"\0more"
    reader = IdentReader(Role.CLIENT)
    used, found = reader.feed(memoryview(sent)[:cut])
    if found is None:
        more, found = reader.feed(memoryview(sent)[used:])
        used += more
    assert (found, sent[used:]) == (line, b"\0more")


# ---------------------------------------------------------------- agents (RFC 9987)

#: Above this a comment is cut: it is shown to people.
a_comment = st.binary(max_size=40)
some_constraints = st.builds(Constraints, st.none() | st.integers(1, 2**32 - 1), st.booleans())


@st.composite
def a_security_key(draw: st.DrawFn) -> SecurityKey:
    kind = draw(st.sampled_from(_KINDS))
    inner = KEYS[0 if kind.inner == "ssh-ed25519" else 1].convert_to_public()
    application = draw(st.binary(min_size=1, max_size=20).filter(lambda text: 0 not in text))
    return SecurityKey(kind, inner, application, Credential(draw(st.integers(0, 255)), draw(some_bytes)))


@FEW
@given(a_key | a_security_key(), a_comment, some_constraints, st.booleans())
def test_keys_that_are_handed_over(key, comment, constraints, certified) -> None:
    data = key.private_data
    shown = key.public_data
    if certified:
        certificate = OTHER.generate_user_certificate(key, "id", principals=["a"])
        data = messages.certified(key.encode_ssh_private(), key.algorithm, certificate)
        shown = certificate.public_data
    request = messages.add_request(data, comment, constraints)
    assert request[0] == (25 if constraints != Constraints() else 17)  # sections 3.2 and 3.2.7
    added = requests.decode_added(Reader(request[1:]))
    assert (added.comment, added.constraints) == (comment, constraints)
    assert added.pair.public_data == shown
    assert added.pair.key.private_data == key.private_data


@FEW
@given(st.lists(st.tuples(some_bytes, a_comment), max_size=4))
def test_lists_of_keys(keys) -> None:
    answer = struct.pack(">I", len(keys)) + b"".join(
        _string(blob) + _string(comment) for blob, comment in keys
    )
    found = messages.identities(Reader(answer))
    assert [(one.public_data, one.comment) for one in found] == keys


@FEW
@given(a_text, a_text, some_constraints)
def test_tokens(provider, pin, constraints) -> None:
    request = messages.add_smartcard_request(provider, pin, constraints)
    assert request[0] == (26 if constraints != Constraints() else 20)
    assert requests.decode_smartcard(Reader(request[1:])) == requests.Smartcard(provider, pin, constraints)
    request = messages.remove_smartcard_request(provider, pin)
    assert (request[0], request[1:]) == (21, _text(provider) + _text(pin))


@FEW
@given(
    some_bytes, some_bytes, st.sampled_from([("ssh-ed25519", 0), ("rsa-sha2-256", 2), ("rsa-sha2-512", 4)])
)
def test_requests_to_sign(blob, data, algorithm) -> None:
    name, flags = algorithm
    request = messages.sign_request(blob, data, name)
    assert request == b"\x0d" + _string(blob) + _string(data) + struct.pack(">I", flags)
    assert messages.remove_request(blob) == b"\x12" + _string(blob)


@FEW
@given(a_text, some_bytes, st.lists(a_text, max_size=4), st.booleans())
def test_extensions(name, content, names, as_the_drafts) -> None:
    assert messages.extension_request(name, content) == b"\x1b" + _text(name) + content
    listed = b"".join(map(_text, names))
    answer, reader = (6, listed) if as_the_drafts else (29, _string(b"query") + listed)
    assert messages.extension_names(answer, Reader(reader)) == names


@FEW
@given(a_key, st.binary(min_size=1, max_size=128), st.booleans(), st.booleans())
def test_sessions_that_an_agent_is_bound_to(key: nacre.SSHKey, session_id, forwarding, wrongly) -> None:
    signature = key.sign(session_id + b"x" if wrongly else session_id, key.sig_algorithms[0])
    content = Session(key.public_data, session_id, signature).binding(forwarding=forwarding)
    assert content == _string(key.public_data) + _string(session_id) + _string(signature) + bytes(
        (forwarding,)
    )
    bindings = Bindings()
    if wrongly:
        with pytest.raises(BindingRefused):
            bindings.bind(Reader(content))
    else:
        bindings.bind(Reader(content))
        bindings.bind(Reader(content)) if forwarding else None
        assert [bound.session_id for bound in bindings._bound] == [session_id]
