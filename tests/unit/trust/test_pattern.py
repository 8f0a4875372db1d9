"""Patterns: what they match, and how long that takes."""

from __future__ import annotations

import pytest

from nacre.trust.pattern import MAX_PATTERN, Glob, HostPatterns, parse_address
from tests.support.cases import each_case


def test_patterns_have_a_limit():
    with pytest.raises(ValueError, match=str(MAX_PATTERN)):
        Glob("a" * (MAX_PATTERN + 1))
    with pytest.raises(ValueError, match="not a valid pattern"):
        HostPatterns("a*" * MAX_PATTERN)


def match(patterns: str, *subjects: str, address: str | None = None) -> bool:
    hosts = HostPatterns(patterns)
    parsed = parse_address(address)
    return hosts.includes(subjects, parsed) and not hosts.excludes(subjects, parsed)


def test_lists_and_negation():
    assert match("a,b", "b")
    assert not match("a,b", "c")
    assert match("*.example.com,!secret.example.com", "www.example.com")
    assert not match("*.example.com,!secret.example.com", "secret.example.com")
    assert not match("!secret.example.com,*.example.com", "secret.example.com")
    assert not match("!a", "b"), "nothing but exclusions includes nothing"
    assert match("EXAMPLE.com", "example.com")


def test_networks():
    assert match("10.0.0.0/8", address="10.1.2.3")
    assert not match("10.0.0.0/8", address="11.1.2.3")
    assert not match("10.0.0.0/8", "10.1.2.3"), "a network is compared with an address, not with a name"
    assert match("2001:db8::/32", address="2001:db8::1")
    assert not match("10.0.0.0/8,!10.1.0.0/16", address="10.1.2.3")
    assert match("10.0.0.0/8", address="::ffff:10.1.2.3"), "an IPv4 address in IPv6 clothes"
    assert not match("*,!10.0.0.0/8", "x", address="::ffff:10.1.2.3")


@each_case("patterns", ["", "a,", ",a", "a,,b", "!", "a,!", "10.0.0.1/8", "10.0.0.0/33", "a/b"])
def test_lists_that_are_wrong_are_refused_whole(patterns):
    with pytest.raises(ValueError, match="pattern"):
        HostPatterns(patterns)


def test_parse_address():
    assert str(parse_address("10.0.0.1")) == "10.0.0.1"
    assert str(parse_address("0:0:0:0:0:0:0:1")) == "::1"
    assert str(parse_address("::ffff:10.0.0.1")) == "10.0.0.1"
    for text in (None, "", "example.com", "10.0.0.1/8", "10.0.0"):
        assert parse_address(text) is None
