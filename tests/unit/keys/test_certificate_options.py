"""Options of certificates: what they mean, and what is refused (PROTOCOL.certkeys, "Critical options")."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from nacre.errors import KeyImportError, WireError
from nacre.keys.certificate_options import (
    MAX_OPTIONS,
    decode_options,
    encode_options,
    restrictions,
    user_options,
)
from nacre.wire.fields import encode_string
from tests.support.cases import each_case


def option(name: bytes, value: bytes = b"") -> bytes:
    return encode_string(name) + encode_string(value)


def test_a_list_is_written_in_the_order_of_names():
    options = (("permit-pty", b""), ("force-command", encode_string(b"ls")), ("a@example.com", b"x"))
    data = encode_options(options)
    assert decode_options(data) == tuple(sorted(options))
    assert decode_options(option(b"b") + option(b"a")) == (("b", b""), ("a", b"")), "AsyncSSH does not sort"
    assert decode_options(b"") == ()


@each_case(
    "data",
    [
        option(b"force-command", encode_string(b"ls")) * 2,
        option(b""),
        option(b"\x00"),
        option(b"permit-pty")[:-1],
        encode_string(b"permit-pty"),
        b"\xff\xff\xff\xff",
        b"".join(option(b"o%d" % number) for number in range(MAX_OPTIONS + 1)),
    ],
)
def test_damaged_lists_are_refused(data):
    with pytest.raises(WireError):
        decode_options(data)


def test_what_they_say():
    critical = (
        ("force-command", encode_string(b"ls \xff")),
        ("source-address", encode_string(b"192.0.2.1,10.0.0.0/8,2001:db8::/32")),
    )
    said = restrictions(critical, (("permit-pty", b""), ("x@example.com", b"value")))
    assert said.force_command == "ls \udcff"
    networks = [ip_network("192.0.2.1/32"), ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")]
    assert said.as_options() == {
        "force-command": "ls \udcff",
        "source-address": networks,
        "permit-pty": True,
        "x@example.com": b"value",
    }
    assert not said.unknown
    assert not said.verify_required
    assert said.permits("pty")
    assert said.permits("PTY")
    assert not said.permits("port-forwarding")
    assert restrictions((), ()).source_address is None
    assert restrictions((("verify-required", b""),), ()).as_options() == {"verify-required": True}


def test_one_list_does_not_stand_in_for_the_other():
    """Row 53: what is critical restricts there only, and what permits does so there only."""
    said = restrictions(
        (("permit-pty", b""), ("no-touch-required", b"")), (("force-command", encode_string(b"ls")),)
    )
    assert said.unknown == ("permit-pty", "no-touch-required")
    assert said.force_command is None
    assert "force-command" not in said.as_options()
    assert not said.permits("pty")


@each_case(("critical", "extensions"), [
        ([("force-command", b"")], []),
        ([("force-command", b"ls")], []),
        ([("force-command", encode_string(b"ls") + b"x")], []),
        ([("source-address", b"")], []),
        ([("source-address", encode_string(b""))], []),
        ([("source-address", encode_string(b"10.0.0.0/8,"))], []),
        ([("source-address", encode_string(b"10.0.0.1/8"))], []),
        ([("source-address", encode_string(b"host.example.com"))], []),
        ([("source-address", encode_string(b"10.*"))], []),
        ([("source-address", encode_string(b"!10.0.0.0/8"))], []),
        ([("source-address", encode_string(b"\xff"))], []),
        ([("source-address", encode_string(b"10.0.0.1," * 1024 + b"10.0.0.1"))], []),
        ([("verify-required", b"x")], []),
        ([], [("permit-pty", b"x")]),
    ])  # fmt: skip
def test_values_that_are_wrong_are_refused(critical, extensions):
    with pytest.raises((WireError, KeyImportError)):
        _ = restrictions(tuple(critical), tuple(extensions)).source_address


def test_networks_are_taken_apart_when_they_are_asked_for():
    wrong = restrictions((("source-address", encode_string(b"10.*")),), ())
    assert not wrong.permits("pty")
    for _ in range(2):
        with pytest.raises(KeyImportError, match="source-address of the certificate is not a list"):
            _ = wrong.source_address


def test_making_them():
    critical, extensions = user_options(
        "ls", "192.0.2.1, 10.0.0.0/8", {"permit-pty": True, "permit-user-rc": False}
    )
    assert critical == (
        ("force-command", encode_string(b"ls")),
        ("source-address", encode_string(b"192.0.2.1/32,10.0.0.0/8")),
    )
    assert extensions == (("permit-pty", b""),)
    assert user_options(None, None, {}) == ((), ())
    assert user_options(None, None, {}, verify_required=True) == ((("verify-required", b""),), ())
    for wrong in ("", [], "host", "10.0.0.1/8"):
        with pytest.raises(ValueError):
            user_options(None, wrong, {})
