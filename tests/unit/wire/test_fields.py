"""SSH's data types: the examples of RFC 4251 section 5, and the refusal of whatever does not fit."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nacre.errors import WireError
from nacre.wire import fields
from nacre.wire.fields import MAX_MPINT, MAX_NAMES, Codec, Reader
from tests.support.cases import each_case


def codec(annotation: object) -> Codec:
    return next(extra for extra in get_args(annotation) if isinstance(extra, Codec))


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (0, "00000000"),
        (0x9A378F9B2E332A7, "0000000809a378f9b2e332a7"),
        (0x80, "000000020080"),
    ],
)
def test_the_mpints_of_the_standard(value, encoded):
    assert fields.encode_mpint(value) == bytes.fromhex(encoded)
    assert Reader(bytes.fromhex(encoded)).mpint() == value


@pytest.mark.parametrize(
    ("names", "encoded"),
    [((), "00000000"), (("zlib",), "000000047a6c6962"), (("zlib", "none"), "000000097a6c69622c6e6f6e65")],
)
def test_the_name_lists_of_the_standard(names, encoded):
    assert fields.encode_name_list(names) == bytes.fromhex(encoded)
    assert Reader(bytes.fromhex(encoded)).name_list() == names


def test_numbers_and_strings_of_the_standard():
    assert fields.encode_uint32(699921578) == bytes.fromhex("29b7f4aa")
    assert Reader(bytes.fromhex("29b7f4aa")).uint32() == 699921578
    assert fields.encode_text("testing") == bytes.fromhex("00000007") + b"testing"
    assert Reader(bytes.fromhex("00000007") + b"testing").text() == "testing"
    assert fields.encode_uint64(1 << 40) == bytes.fromhex("0000010000000000")
    assert Reader(bytes.fromhex("0000010000000000")).uint64() == 1 << 40


@pytest.mark.parametrize(("octet", "value"), [(0, False), (1, True), (2, True), (255, True)])
def test_every_octet_but_zero_is_true(octet, value):
    assert Reader(bytes((octet,))).boolean() is value
    assert fields.encode_boolean(value) in (b"\0", b"\1")


@pytest.mark.parametrize(
    "encoded",
    [
        "0000000180",  # negative: -128
        "00000002edcc",  # negative, from the standard
        "0000000100",  # zero has no bytes
        "00000002007f",  # a needless zero in front
        "000000010",  # cut short below
    ],
)
def test_mpints_that_are_refused(encoded):
    with pytest.raises(WireError):
        Reader(bytes.fromhex(encoded[: len(encoded) // 2 * 2])).mpint()


def test_an_mpint_larger_than_any_key_is_refused():
    largest = (1 << 16384) - 1
    assert Reader(fields.encode_mpint(largest)).mpint() == largest
    with pytest.raises(WireError):
        Reader(fields.encode_string(b"\1" * (MAX_MPINT + 1))).mpint()


@each_case("names", [b"a b", b"a,b c", b"a\n", "é".encode(), b"\0", b"a" * 65, b"b," + b"a" * 65, b"a\x7f"])
def test_name_lists_that_are_refused(names):
    with pytest.raises(WireError):
        Reader(fields.encode_string(names)).name_list()


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"aes192-ctr,aes128-ctr,", ("aes192-ctr", "aes128-ctr")),  # as libssh 0.10 lists its ciphers
        (b",a", ("a",)),
        (b"a,,b", ("a", "b")),
        (b",", ()),
    ],
)
def test_empty_names_are_passed_over(sent, read):
    assert Reader(fields.encode_string(sent)).name_list() == read


def test_a_name_list_is_bounded():
    assert len(Reader(fields.encode_string(b",".join([b"a"] * MAX_NAMES))).name_list()) == MAX_NAMES
    with pytest.raises(WireError):
        Reader(fields.encode_string(b",".join([b"a"] * (MAX_NAMES + 1)))).name_list()
    with pytest.raises(WireError):
        Reader(fields.encode_string(b"," * MAX_NAMES)).name_list()


@pytest.mark.parametrize("name", [b"a b", b"a\0", b"\xc3\xa9", b"a\x7f"])
def test_a_name_is_printable_ascii(name):
    with pytest.raises(WireError):
        Reader(fields.encode_string(name)).ascii()


def test_text_must_be_utf_8_unless_said_otherwise():
    damaged = fields.encode_string(b"a\xffb")
    with pytest.raises(WireError):
        Reader(damaged).text()
    assert codec(fields.LenientText).decode(Reader(damaged)) == "a\N{REPLACEMENT CHARACTER}b"
    raw = codec(fields.RawText)
    assert raw.encode(raw.decode(Reader(damaged))) == damaged


@each_case(
    "read",
    [
        Reader.uint32,
        Reader.uint64,
        Reader.string,
        Reader.byte,
        Reader.boolean,
        Reader.mpint,
        Reader.name_list,
    ],
)
def test_nothing_is_read_past_the_end(read):
    with pytest.raises(WireError):
        read(Reader(b""))
    if read in (Reader.string, Reader.mpint, Reader.name_list):
        with pytest.raises(WireError):
            read(Reader(bytes.fromhex("ffffffff") + b"short"))


def test_what_is_left():
    reader = Reader(memoryview(b"abcdef"))
    assert reader.take(2) == b"ab"
    assert reader.remaining == 4
    with pytest.raises(WireError):
        reader.end()
    assert reader.rest() == b"cdef"
    reader.end()


@pytest.mark.parametrize("annotation", [fields.TextList, fields.Prompts, fields.Extensions])
def test_a_count_is_compared_with_what_is_there(annotation):
    with pytest.raises(WireError):
        codec(annotation).decode(Reader(bytes.fromhex("ffffffff00000000")))


@pytest.mark.parametrize(
    ("annotation", "value", "encoded"),
    [
        (fields.TextList, ("a", ""), "00000002000000016100000000"),
        (fields.Prompts, (("PIN: ", False), ("x", True)), "000000020000000550494e3a2000000000017801"),
        (fields.Extensions, (("e", b"\0"),), "0000000100000001650000000100"),
        (fields.Cookie, bytes(range(16)), "000102030405060708090a0b0c0d0e0f"),
    ],
)
def test_compound_fields(annotation, value, encoded):
    assert codec(annotation).encode(value) == bytes.fromhex(encoded)
    assert codec(annotation).decode(Reader(bytes.fromhex(encoded))) == value


@each_case(
    ("encode", "value"),
    [
        (fields.encode_uint32, -1),
        (fields.encode_uint32, 1 << 32),
        (fields.encode_uint64, 1 << 64),
        (fields.encode_mpint, -1),
        (codec(fields.Cookie).encode, bytes(15)),
        (codec(fields.Name).encode, "é"),
        (fields.encode_byte, 256),
    ],
)
def test_our_own_mistakes_raise(encode, value):
    with pytest.raises(ValueError):
        encode(value)


@given(st.integers(0, (1 << 16384) - 1))
def test_mpints_come_back(value):
    assert Reader(fields.encode_mpint(value)).mpint() == value


@given(st.binary(max_size=200))
def test_whatever_decodes_as_an_mpint_is_encoded_the_same(data):
    try:
        value = Reader(fields.encode_string(data)).mpint()
    except WireError:
        return
    assert fields.encode_mpint(value) == fields.encode_string(data)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data):
    for annotation in (
        fields.Byte, fields.Boolean, fields.UInt32, fields.UInt64, fields.String, fields.Text, fields.LenientText,
        fields.RawText, fields.Name, fields.MPInt, fields.NameList, fields.TextList, fields.Prompts,
        fields.Extensions, fields.Cookie, fields.Rest,
    ):  # fmt: skip
        reader = Reader(data)
        try:
            codec(annotation).decode(reader)
        except WireError:
            continue
        assert 0 <= reader.remaining <= len(data)


def test_a_name_is_no_longer_than_64():
    """RFC 4251 section 6; whatever field the name is in."""
    assert Reader(fields.encode_string(b"x" * 64)).ascii() == "x" * 64
    with pytest.raises(WireError):
        Reader(fields.encode_string(b"x" * 65)).ascii()
