"""What opens and requests carry, written out by hand from RFC 4254 and RFC 4335."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nacre.errors import WireError
from nacre.wire import requests
from nacre.wire.requests import CHANNEL_REQUESTS, decode_terminal_modes, encode_terminal_modes
from tests.support.cases import each_case

CASES = [
    (
        "pty-req",
        requests.PtyRequest("vt100", 80, 24, 640, 480, b"\0"),
        "00000005 7674313030 00000050 00000018 00000280 000001e0 00000001 00",
    ),
    ("env", requests.EnvRequest("LANG", "C"), "00000004 4c414e47 00000001 43"),
    ("shell", requests.ShellRequest(), ""),
    ("exec", requests.ExecRequest(b"ls \xff"), "00000004 6c7320ff"),
    ("subsystem", requests.SubsystemRequest("sftp"), "00000004 73667470"),
    ("window-change", requests.WindowChange(1, 2, 3, 4), "00000001 00000002 00000003 00000004"),
    ("xon-xoff", requests.XonXoff(True), "01"),
    ("signal", requests.SignalRequest("INT"), "00000003 494e54"),
    ("exit-status", requests.ExitStatus(255), "000000ff"),
    ("exit-signal", requests.ExitSignal("TERM", True, "", ""), "00000004 5445524d 01 00000000 00000000"),
    ("break", requests.BreakRequest(500), "000001f4"),
    ("auth-agent-req@openssh.com", requests.AgentRequest(), ""),
    ("eow@openssh.com", requests.EndOfWrite(), ""),
]


@each_case(("name", "value", "encoded"), CASES)
def test_channel_requests(name, value, encoded):
    data = bytes.fromhex(encoded)
    assert value.encode() == data
    assert CHANNEL_REQUESTS[name].decode(data) == value


@pytest.mark.parametrize(("name", "value", "encoded"), CASES)
def test_a_payload_cut_short_or_too_long_is_refused(name, value, encoded):
    data = bytes.fromhex(encoded)
    for size in range(len(data)):
        with pytest.raises(WireError):
            CHANNEL_REQUESTS[name].decode(data[:size])
    with pytest.raises(WireError):
        CHANNEL_REQUESTS[name].decode(data + b"\0")


def test_every_request_has_its_case():
    assert [name for name, _, _ in CASES] == list(CHANNEL_REQUESTS)


def test_opens_and_global_requests_without_a_payload():
    assert requests.CHANNEL_OPENS["session"].decode(b"") == requests.SessionOpen()
    assert requests.GLOBAL_REQUESTS["no-more-sessions@openssh.com"].decode(b"") == requests.NoMoreSessions()
    with pytest.raises(WireError):
        requests.SessionOpen.decode(b"\0")


@pytest.mark.parametrize("keys", [(), (b"",), (b"one", b"two")])
def test_host_keys(keys):
    data = b"".join(len(key).to_bytes(4, "big") + key for key in keys)
    for name in ("hostkeys-00@openssh.com", "hostkeys-prove-00@openssh.com"):
        assert requests.GLOBAL_REQUESTS[name].decode(data) == requests.HostKeys(keys)
    assert requests.HostKeys(keys).encode() == data
    with pytest.raises(WireError):
        requests.HostKeys.decode(data + b"\0\0\0\1")


def test_environment_need_not_be_utf_8():
    value = requests.EnvRequest.decode(bytes.fromhex("00000001 41 00000002 ff41")).value
    assert value.encode(errors="surrogateescape") == b"\xffA"


def test_terminal_modes():
    # RFC 4254 section 8: VINTR (1) is ^C, ECHO (53) is on, then TTY_OP_END.
    data = bytes.fromhex("01 00000003 35 00000001 00")
    assert decode_terminal_modes(data) == {1: 3, 53: 1}
    assert encode_terminal_modes({1: 3, 53: 1}) == data


@each_case(
    ("data", "modes"),
    [
        ("", {}),
        ("00", {}),
        ("01 00000003", {1: 3}),  # no TTY_OP_END: some clients leave it out
        ("01 00000003 a0 ff", {1: 3}),  # "opcodes 160 to 255 … cause parsing to stop"
        ("01 00000003 00 ffff", {1: 3}),
        ("01 00000003 01 00000004", {1: 4}),
    ],
)
def test_where_terminal_modes_end(data, modes):
    assert decode_terminal_modes(bytes.fromhex(data)) == modes


def test_a_mode_cut_short_is_refused():
    with pytest.raises(WireError):
        decode_terminal_modes(bytes.fromhex("01 000000"))


@pytest.mark.parametrize("modes", [{0: 1}, {160: 1}, {1: -1}, {1: 1 << 32}])
def test_modes_that_cannot_be_sent(modes):
    with pytest.raises(ValueError):
        encode_terminal_modes(modes)


@given(st.dictionaries(st.integers(1, 159), st.integers(0, (1 << 32) - 1)))
def test_terminal_modes_come_back(modes):
    assert decode_terminal_modes(encode_terminal_modes(modes)) == modes
