"""PEM-like blocks."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nacre.errors import KeyImportError
from nacre.keys.armor import armor, blocks, decode_base64, strict_base64
from tests.support.cases import each_case


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=500))
def test_armour_round_trip(data):
    (block,) = blocks(b"text before\n" + armor("OPENSSH PRIVATE KEY", data) + b"after\n")
    assert block.label == "OPENSSH PRIVATE KEY"
    assert decode_base64(block.body) == data


def test_lines_have_seventy_characters():
    lines = armor("X", bytes(200)).split(b"\n")
    assert [len(line) for line in lines[1:-2]] == [70, 70, 70, 58]


def test_several_blocks_and_carriage_returns():
    found = blocks((armor("A", b"1") + armor("B", b"2")).replace(b"\n", b"\r\n"))
    assert [(block.label, decode_base64(block.body)) for block in found] == [("A", b"1"), ("B", b"2")]


@pytest.mark.parametrize(
    "text", [b"-----BEGIN A-----\nAAAA\n", b"-----BEGIN A-----\nAAAA\n-----END B-----\n"]
)
def test_a_block_without_its_end_is_refused(text):
    with pytest.raises(KeyImportError, match="end"):
        blocks(text)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_decode_or_raise_key_import_error(data):
    for function in (blocks, decode_base64):
        with contextlib.suppress(KeyImportError):
            function(data)


def test_the_body_is_not_in_the_repr():
    (block,) = blocks(armor("OPENSSH PRIVATE KEY", b"secret secret"))
    assert "c2Vjc" not in repr(block)


@each_case("text", ["AAAA=", "AAAA==", "AAAA====", "AA===", "AA", "AAA=A", "A A=", "=AAA", "A\u00e9=="])
def test_base64_has_the_padding_that_it_needs_and_no_more(text):
    """Two texts for one key are one too many; OpenSSH refuses these too."""
    with pytest.raises(ValueError, match=r"\w"):
        strict_base64(text)
    assert strict_base64("AA==") == strict_base64(b"AA==") == b"\0"
    assert strict_base64("AAAA") == bytes(3)
    assert strict_base64("") == b""
