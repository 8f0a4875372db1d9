"""How messages are declared: what a declaration makes of a class, and what it refuses."""

from __future__ import annotations

import pytest

from nacre.errors import WireError
from nacre.wire.connection import ChannelWindowAdjust
from nacre.wire.fields import SecretText, String, UInt32
from nacre.wire.message import (
    BY_NUMBER,
    MESSAGES,
    PLAIN,
    Message,
    Sender,
    Structure,
    When,
    message,
    structure,
)


@structure
class Pair(Structure):
    """Two fields."""

    count: UInt32
    word: SecretText


@pytest.fixture
def declared():
    """A message in a scope of its own, gone after the test."""

    @message(199, when=When.AUTH_METHOD, sender=Sender.CLIENT, scope="a test")
    class Example(Message):
        """One field."""

        data: String

    yield Example
    del MESSAGES["a test", 199]


def test_a_structure_is_its_fields_one_after_the_other():
    pair = Pair(7, "hi")
    assert pair.encode() == bytes.fromhex("0000000700000002") + b"hi"
    assert Pair.decode(pair.encode()) == pair


def test_a_secret_is_not_shown():
    # Not even its length.
    assert repr(Pair(7, "hunter2")) == repr(Pair(7, "")) == "Pair(count=7, word=<secret>)"
    assert "hunter2" not in str(Pair(7, "hunter2"))


def test_a_structure_has_its_fields_and_no_more():
    with pytest.raises(AttributeError):
        Pair(7, "hi").third = 8


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data + b"\0"], ids=["short", "long"])
def test_a_structure_takes_what_fits_exactly(change):
    with pytest.raises(WireError, match=r"^Pair: "):
        Pair.decode(change(Pair(7, "hi").encode()))


def test_a_message_bears_its_number(declared):
    assert declared(b"ab").encode() == bytes.fromhex("c700000002") + b"ab"
    assert declared.decode(bytes.fromhex("c700000000")) == declared(b"")
    assert (declared.number, declared.scope, declared.when, declared.sender) == (
        199, "a test", When.AUTH_METHOD, Sender.CLIENT,
    )  # fmt: skip
    assert MESSAGES["a test", 199] is declared


@pytest.mark.parametrize("data", [b"", b"\xc6\0\0\0\0"])
def test_a_message_of_another_number_is_refused(declared, data):
    with pytest.raises(WireError, match="not message 199"):
        declared.decode(data)


def test_a_number_has_one_meaning_in_a_scope(declared):
    with pytest.raises(ValueError, match="twice"):
        message(199, when=When.NOISE, scope="a test")(type("Other", (Message,), {"__annotations__": {}}))


def test_a_field_without_a_type_of_the_wire_is_refused():
    with pytest.raises(TypeError, match=r"Odd\.size"):
        structure(type("Odd", (Structure,), {"__annotations__": {"size": int}}))(1).encode()


def test_numbers_that_mean_one_thing_are_found_by_number_alone(declared):
    assert {number: kind for (scope, number), kind in MESSAGES.items() if scope == PLAIN} == BY_NUMBER
    assert 199 not in BY_NUMBER


def test_a_message_of_numbers_alone_is_packed_at_once_and_means_the_same():
    whole = [made for made in MESSAGES.values() if made.fixed is not None]
    assert {made.__name__ for made in whole} >= {"ChannelEof", "ChannelWindowAdjust", "NewKeys"}
    for made in whole:
        value = made(*range(7, 7 + len(made.codecs)))
        payload = value.encode()
        assert payload == bytes((made.number,)) + Structure.encode(value)
        assert (
            made.decode(payload)
            == made.decode(bytearray(payload))
            == made.decode(memoryview(payload))
            == value
        )
        for wrong in (payload[:-1], payload + b"\0", b"\xff" + payload[1:]):
            with pytest.raises(WireError):
                made.decode(wrong)


def test_a_number_that_is_no_uint32_is_named():
    for value in (-1, 1 << 32):
        with pytest.raises(ValueError, match=f"{value} is not a uint32"):
            ChannelWindowAdjust(0, value).encode()
