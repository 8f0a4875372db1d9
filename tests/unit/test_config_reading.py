"""What a configuration says of a host; tests/interop/test_config.py asks `ssh -G` for the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

import nacre
from nacre.config_begin import local_user
from nacre.config_machine import Machine
from nacre.config_reading import Reading


class NamedMachine(Machine):
    """A machine that knows one name."""

    def resolve(self, name: str) -> tuple[bool, str]:
        return name == "web.one.example.", ""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LOGNAME", "local")


def shown(folder: Path, text: str, **given: object) -> dict[str, list[str]]:
    path = folder / "config"
    path.write_text(text)
    options = nacre.SSHClientConnectionOptions(**{"host": "web", "config": path, **given})
    return Reading(options, (path,), NamedMachine()).shown()


def test_a_canonical_name_is_read_for_again(tmp_path: Path) -> None:
    text = "CanonicalizeHostname yes\nCanonicalDomains one.example\nHost *.one.example\nPort 7\nMatch canonical\nUser %n\n"
    found = shown(tmp_path, text)
    assert (found["hostname"], found["port"], found["user"]) == (["web.one.example"], ["7"], ["web"])
    # What the program says goes before; a way through a proxy is the proxy's to resolve.
    assert shown(tmp_path, text, canonicalize_hostname=False)["hostname"] == ["web"]
    assert shown(tmp_path, text + "Match all\nProxyJump x\n")["hostname"] == ["web"]
    assert shown(tmp_path, text, proxy_command="x")["hostname"] == ["web"]
    always = shown(tmp_path, text, proxy_command="x", canonicalize_hostname="always")
    assert always["hostname"] == ["web.one.example"]
    by_program = shown(tmp_path, "", canonicalize_hostname=True, canonical_domains=["one.example"])
    assert by_program["hostname"] == ["web.one.example"]
    with pytest.raises(OSError, match="CanonicalizeHostname: 'db' is in none of the domains"):
        shown(tmp_path, text, host="db", canonicalize_fallback_local=False)


def test_the_program_goes_before(tmp_path: Path) -> None:
    found = shown(tmp_path, "Port 1\nUser other\nMatch user me\nTag x\n", port=2, username="me")
    assert (found["port"], found["user"], found["tag"]) == (["2"], ["me"], ["x"])
    assert shown(
        tmp_path, "Match tagged y command ls sessiontype exec\nPort 3\n", config_tag="y", command="ls"
    )["port"] == ["3"]


def test_whose_process_this_is() -> None:
    assert local_user() == "local"
