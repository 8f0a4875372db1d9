"""Errors carry the code that goes on the wire, and say whose fault it was by their class."""

from __future__ import annotations

import pytest

from nacre import errors
from nacre.errors import DisconnectError, DisconnectReason, OpenFailureReason
from tests.support.cases import each_case


@each_case(
    ("error", "code"),
    [
        # RFC 4253 section 11.1
        (errors.ProtocolError, 2),
        (errors.KeyExchangeFailed, 3),
        (errors.MACError, 5),
        (errors.CompressionError, 6),
        (errors.ServiceNotAvailable, 7),
        (errors.ProtocolNotSupported, 8),
        (errors.HostKeyNotVerifiable, 9),
        (errors.ConnectionLost, 10),
        (errors.PermissionDenied, 14),
        (errors.IllegalUserName, 15),
        (errors.WireError, 2),
    ],
)
def test_each_class_has_its_disconnect_code(error, code):
    raised = error("why", "de")
    assert (raised.code, raised.reason, raised.lang) == (code, "why", "de")
    assert str(raised) == "why"
    assert isinstance(raised, DisconnectError)


def test_reason_codes_are_those_of_the_standards():
    assert [reason.value for reason in DisconnectReason] == list(range(1, 16))
    assert DisconnectReason.TOO_MANY_CONNECTIONS == 12
    assert DisconnectReason.BY_APPLICATION == 11
    assert [reason.value for reason in OpenFailureReason] == [1, 2, 3, 4]
    assert OpenFailureReason.UNKNOWN_CHANNEL_TYPE == 3


def test_codes_are_plain_numbers():
    assert type(DisconnectError(DisconnectReason.BY_APPLICATION, "bye").code) is int
    assert type(errors.ChannelOpenError(OpenFailureReason.CONNECT_FAILED, "no").code) is int


def test_a_refused_channel_is_no_end_of_the_connection():
    assert issubclass(errors.ChannelOpenError, errors.Error)
    assert not issubclass(errors.ChannelOpenError, DisconnectError)


def test_our_own_misuse_is_no_fault_of_the_peer():
    assert not issubclass(errors.LocalProtocolError, errors.Error)
    assert issubclass(errors.LocalProtocolError, RuntimeError)


def test_what_programs_catch():
    assert errors.PasswordChangeRequired("new one, please").prompt == "new one, please"
    assert errors.BreakReceived(500).msec == 500
    assert errors.SignalReceived("INT").signal == "INT"
    assert errors.TerminalSizeChanged(80, 24, 640, 480).term_size == (80, 24, 640, 480)
    for error in (
        errors.KeyImportError,
        errors.KeyExportError,
        errors.KeyEncryptionError,
        errors.KeyGenerationError,
    ):
        assert issubclass(error, ValueError)


@pytest.mark.parametrize(
    ("hint", "end"), [("", "version of nacre"), ("do this", "version of nacre: do this")]
)
def test_what_is_not_built_is_named(hint, end):
    raised = errors.NotSupportedYet("x11_forwarding", hint)
    assert raised.what == "x11_forwarding"
    assert str(raised).startswith("x11_forwarding is not supported yet")
    assert str(raised).endswith(end)


def test_every_exception_is_public_here():
    kinds = {
        name for name, value in vars(errors).items() if isinstance(value, type) and not name.startswith("_")
    }
    assert kinds - {"IntEnum"} == set(errors.__all__)


@each_case("code", range(17))
def test_what_a_peer_says_has_the_class_of_its_code(code):
    said = errors.said_by_peer(DisconnectError(code, "why", "de"))
    assert (said.code, said.reason, said.lang) == (code, "why", "de")
    kind = {2: errors.ProtocolError, 9: errors.HostKeyNotVerifiable, 14: errors.PermissionDenied}
    assert type(said) is kind.get(code, type(said))
    assert (type(said) is DisconnectError) == (code in (0, 1, 4, 11, 12, 13, 16))
