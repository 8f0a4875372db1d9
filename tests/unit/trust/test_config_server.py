"""Which lines of a server's configuration hold; tests/interop/test_server_config.py asks sshd itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nacre.errors import ConfigParseError
from nacre.trust import config_server
from nacre.trust.config_server import Arrival, matches_any_group, read_server_files


def arriving(**changes: Any) -> Arrival:
    return Arrival(
        **{
            "user": "bob",
            "host": "pc.example",
            "address": "10.1.2.3",
            "local_address": "127.0.0.1",
            "local_port": 22,
            "is_known": lambda name: name == "bob",
            "groups": lambda name: ("staff",),
            "version": "nacre_1",
            **changes,
        }
    )


BOB = arriving()


def holds(folder: Path, text: str, arrival: Arrival | None = BOB) -> list[str]:
    path = folder / "config"
    path.write_text(text)
    files = read_server_files([path])
    found = files.everywhere() if arrival is None else files.for_arrival(arrival)
    return [" ".join(setting.arguments) for settings in found.values() for setting in settings]


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        ("all", True),
        ("user bob", True),
        ("user=bob", True),
        ("user BOB", False),
        ("user a*,b*", True),
        ("user *,!bob", False),
        ("group staff", True),
        ("group !staff,*", False),
        ("host *.Example", True),
        ("address 10.0.0.0/8", True),
        ("address 10.1.2.*", True),
        ("address 10.0.0.0/8,!10.1.2.3", False),
        ("address ::/0", False),
        ("localaddress 127.0.0.1 localport 22", True),
        ("localport 23", False),
        ("version nacre_*", True),
        ("invalid-user", False),
        ("user bob host other", False),
    ],
)
def test_conditions(tmp_path: Path, condition: str, met: bool) -> None:
    text = f"Banner /g\nMatch {condition}\nBanner /m\n"
    assert holds(tmp_path, text) == ["/m" if met else "/g"]


def test_who_is_not_known(tmp_path: Path) -> None:
    assert holds(tmp_path, "Match invalid-user\nBanner /x\n", arriving(user="eve")) == ["/x"]
    both = "Match user e* invalid-user host *\nBanner /x\n"
    assert holds(tmp_path, both, arriving(user="eve")) == ["/x"]
    assert holds(tmp_path, both) == holds(tmp_path, both, arriving(user="zoe")) == []
    nowhere = arriving(address="", local_address="", local_port=0)
    assert holds(tmp_path, "Match address 0.0.0.0/0,*\nBanner /x\n", nowhere) == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("Match made-up x", "line 1: Match: there is no criterion 'made-up'"),
        ("Match !user x", "line 1: Match: there is no criterion"),
        ("Match user", "line 1: Match: 'user' needs an argument"),
        ("Match all user x", "line 1: Match: 'all' stands alone"),
        ("Match localport x", "line 1: Match: 'x' is no number of a port"),
        ("Match address 10.0.0.1/8", "line 1: Match: '10.0.0.1/8' is no network"),
        ("Match user x\nPort 1", "line 2: Port: it may not stand in a Match block"),
        ("Match user x\nUnheard y", "line 2: Unheard: there is no such keyword"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(ConfigParseError, match=error):
        holds(tmp_path, text)


def test_which_line_counts(tmp_path: Path) -> None:
    text = (
        "AcceptEnv Z\nBanner /g\nMatch user bob\nAcceptEnv A\nBanner /1\nMatch all\nAcceptEnv B\nBanner /2\n"
    )
    assert holds(tmp_path, text) == ["A", "B", "/1"]
    assert holds(tmp_path, text, arriving(user="eve")) == ["B", "/2"]
    assert holds(tmp_path, text, None) == ["Z", "B", "/g"]
    assert holds(tmp_path, "Match all\nPort 3\nUseLogin x\n", None) == ["3"]


def test_what_a_block_leaves_out_of_a_limit_is_as_for_all(tmp_path: Path) -> None:
    text = "RekeyLimit 1G 1h\nMatch user bob\nRekeyLimit 2G none\nMatch user *\nRekeyLimit 3G 2h\n"
    assert holds(tmp_path, text) == [f"{2 << 30} 7200"]
    assert holds(tmp_path, text.partition("Match user *")[0]) == [f"{2 << 30} 3600"]
    assert holds(tmp_path, text, None) == [f"{1 << 30} 3600"]


def test_include(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "part").write_text("AcceptEnv P\nMatch user bob\nAcceptEnv Q\n")
    text = f"Include {tmp_path}/part\nAcceptEnv Z\nMatch user eve\nInclude {tmp_path}/part\nAcceptEnv E\n"
    assert holds(tmp_path, text) == ["Q"]
    assert holds(tmp_path, text, None) == ["P", "Z"]
    assert holds(tmp_path, text, arriving(user="eve")) == ["P", "E"]
    with pytest.raises(ConfigParseError, match="16 files include each other"):
        holds(tmp_path, f"Include {tmp_path}/config\n")
    monkeypatch.setattr(config_server, "MAX_FILES", 1)
    with pytest.raises(ConfigParseError, match="more than 1 files"):
        holds(tmp_path, f"Include {tmp_path}/part\n")


def test_every_line_can_be_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("Banner /g\nMatch user a\nPermitTTY no\nMatch all\nMaxSessions 3\n")
    files = read_server_files([path])
    assert [(name, in_match) for name, _, in_match in files.anywhere()] == [
        ("banner", False), ("permittty", True), ("maxsessions", False),
    ]  # fmt: skip
    assert [condition.text for condition in files.conditions()] == ["user a", "all"]


def test_groups(tmp_path: Path) -> None:
    setting = next(iter(read_server_files([_written(tmp_path)]).conditions()))
    assert matches_any_group(setting, ["a", "b"], ["b"])
    assert not matches_any_group(setting, ["*", "!b"], ["a", "b"])
    assert not matches_any_group(setting, ["*"], [])


def _written(folder: Path) -> Path:
    path = folder / "config"
    path.write_text("Match all\n")
    return path
