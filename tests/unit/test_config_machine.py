"""What a configuration asks of this machine."""

from __future__ import annotations

import socket
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from nacre import config_machine
from nacre.config_machine import Machine, MustWait, NoMachine, argv, plain_names_only
from nacre.errors import ConfigParseError
from nacre.trust.config_lines import Setting
from nacre.trust.config_tokens import ALL, Tokens

SETTING = Setting("Match", "", (), "here")


def tokens(host: str = "h", user: str = "u") -> Tokens:
    return Tokens({"%": "%", "h": host, "n": host, "r": user, "k": host, "u": user, "j": "", "p": "22"})


def test_programs_run_without_a_shell(tmp_path: Path) -> None:
    machine = Machine(runs=True)
    assert machine.run(SETTING, "test %h = h", tokens())
    assert not machine.run(SETTING, "test %h = h", tokens("other"))
    assert machine.run(SETTING, "test 'a b' = 'a b'", tokens())
    with pytest.raises(ConfigParseError, match="exec, which needs no shell here"):
        machine.run(SETTING, "exit 0", tokens())
    with pytest.raises(ConfigParseError, match="without a shell"):
        machine.run(SETTING, f"touch {tmp_path}/x; true", tokens())
    with pytest.raises(ConfigParseError, match="cannot stand there for %h"):
        machine.run(SETTING, "test %h", tokens(f"$(touch {tmp_path}/x)"))
    assert not list(tmp_path.iterdir())


def test_a_program_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_machine, "_PATIENCE", 0.05)
    with pytest.raises(ConfigParseError, match="timed out"):
        Machine(runs=True).run(SETTING, "sleep 60", tokens())


def test_programs_are_not_run_unasked() -> None:
    for machine in (Machine(), NoMachine()):
        with pytest.raises(ConfigParseError, match="give config_exec=True"):
            machine.run(SETTING, "true", tokens())
    with pytest.raises(MustWait):
        NoMachine(runs=True).run(SETTING, "true", tokens())
    with pytest.raises(MustWait):
        NoMachine().resolve("localhost")


def test_names_and_addresses() -> None:
    assert Machine().resolve("127.0.0.1")[0]
    assert Machine().resolve("a" * 300) == (False, "")
    if sys.platform == "linux":
        assert ip_address("127.0.0.1") in Machine().addresses(SETTING)


def test_names_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "nobody")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)  # a name server may be far away, or none
    assert Machine().resolve("name.example") == (False, "")


def test_commands_in_words() -> None:
    assert argv(SETTING, "exec nc -x 'a b' %h:%p %%", ALL, tokens()) == ["nc", "-x", "a b", "h:22", "%"]
    assert argv(SETTING, "x %%h", ALL, tokens("$(y)")) == ["x", "%h"]
    for text in ("exec ", "a | b", "a 'b", "a$x"):
        with pytest.raises(ConfigParseError):
            argv(SETTING, text, ALL, tokens())


@pytest.mark.parametrize("name", ["-o", "a b", "a,b", "a'b", "a;b", "$(a)", "a\nb", "a\0b", "a\x7fb", "a\\b"])
def test_names_that_are_no_names(name: str) -> None:
    for letter in "hnrku":
        with pytest.raises(ConfigParseError, match="cannot stand there"):
            plain_names_only(SETTING, f"x%{letter}", tokens(name, name))
    plain_names_only(SETTING, "x%%h", tokens(name, name))


def test_the_addresses_of_one_interface() -> None:
    found = list(map(str, config_machine.interface_addresses("lo")))
    assert "127.0.0.1" in found
    assert config_machine.interface_addresses("no-such-interface") == []
    every = {str(address) for _, address in [*config_machine._named_4(), *config_machine._named_6()]}
    assert set(found) < every or set(found) == every


def test_where_a_system_does_not_tell_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def ioctl(*_: Any) -> bytes:
        raise OSError(25, "Inappropriate ioctl for device")

    monkeypatch.setattr("fcntl.ioctl", ioctl)  # as on macOS
    with pytest.raises(
        OSError, match=r"BindInterface: this system does not tell its addresses: .*Inappropriate"
    ):
        config_machine.interface_addresses("lo")
    monkeypatch.setitem(sys.modules, "fcntl", None)  # as on Windows
    with pytest.raises(OSError, match=r"BindInterface: this system does not tell its addresses: .*fcntl"):
        config_machine.interface_addresses("lo")


def test_what_reaches_further_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["fe80::1", "::1", "2001:db8::1"]
    monkeypatch.setattr(config_machine, "_named_6", lambda: [("x", ip_address(text)) for text in texts])
    monkeypatch.setattr(
        config_machine,
        "_named_4",
        lambda: [
            ("x", ip_address("127.0.0.1")),
            ("y", ip_address("10.0.0.1")),
            ("x", ip_address("192.0.2.1")),
        ],
    )
    found = list(map(str, config_machine.interface_addresses("x")))
    assert found == ["2001:db8::1", "192.0.2.1", "fe80::1", "::1", "127.0.0.1"]
