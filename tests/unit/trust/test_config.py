"""Which lines of an OpenSSH configuration apply to a host; tests/interop/test_config.py asks ssh itself."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from nacre.errors import ConfigParseError
from nacre.trust import config
from nacre.trust.config import Setting, Subject, Surroundings, applying
from nacre.trust.config_tokens import Tokens


def read(folder: Path, text: str, host: str = "h", user: str = "") -> list[tuple[str, tuple[str, ...]]]:
    path = folder / "config"
    path.write_text(text)
    subject = Subject(host, user, "local", folder, environment={"PART": "d"})
    found, _ = applying([path], subject)
    return [(setting.name, setting.arguments) for settings in found.values() for setting in settings]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("Match exec true", "line 1: Match: exec runs a program: give config_exec=True"),
        ("Match localnetwork 127.0.0.1", "line 1: Match: localnetwork: the addresses"),
        ("Match localnetwork x", "line 1: Match: 'x' is no network"),
        ("Match localnetwork 10.0.0.1/8", "line 1: Match: '10.0.0.1/8' is no network"),
        ("Match host", "line 1: Match: 'host' needs an argument"),
        ("Match host ''", "line 1: Match: 'host' needs an argument"),
        ("Match other x", "line 1: Match: there is no criterion 'other'"),
        ("Match host h user b all", "line 1: Match: 'all' stands alone"),
        ("Match all host h", "line 1: Match: 'all' stands alone"),
        ("Host " + "*" * 5000, "line 1: Host: a pattern of 5000 characters"),
        ("Host ''", "line 1: Host: an empty pattern"),
        ("Host x\nUnheard y", "line 2: Unheard: there is no such keyword"),
        ("Host x\nPort y", "line 2: Port: 'y' is no number"),
        ("Include %f", "line 1: Include: the token %f"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(ConfigParseError, match=error):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("condition", "applies"),
    [
        ("Host h", True),
        ("Host H", False),
        ("Host other h", True),
        ("Host other", False),
        ("Host ?", True),
        ("Host *", True),
        ("Host * !h", False),
        ("Host !other", False),
        ("Host !other *", True),
        ("Host h,other", False),
        ("Match all", True),
        ("Match ALL", True),
        ("Match host h", True),
        ("Match host=h", True),
        ("Match host H", True),
        ("Match host other,h", True),
        ("Match host *,!h", False),
        ("Match !host other", True),
        ("Match !host h", False),
        ("Match host h user local", True),
        ("Match host h !user local", False),
        ("Match host h all", True),
        ("Match !all", False),
        ("Match final", False),
        ("Match !canonical all", True),
        ("Match user LOCAL", False),
        ("Match tagged '' command \"\"", True),
        ("Match sessiontype shell,exec", True),
        ("Match tagged x", False),
        ("Match host h user root", False),
        ("Match originalhost h localuser l*", True),
        ("Match host other exec false", False),  # not for this host, whatever the rest would be
    ],
)
def test_conditions(tmp_path: Path, condition: str, applies: bool) -> None:
    found = read(tmp_path, f"User local\n{condition}\nPort 1\n Compression no\nHost h\nTag x\n")
    assert (("port", ("1",)) in found) is applies
    assert (("compression", ("no",)) in found) is applies
    assert ("tag", ("x",)) in found


def test_conditions_see_what_was_set_so_far(tmp_path: Path) -> None:
    text = "Match host real.example\nPort 1\nHost h\nHostName r%%al.example\nHostName no\nUser bob\nMatch all\nHostName %h\n"
    text = text.replace("r%%al", "real")
    text += "Match host real.example user bob originalhost h\nPort 2\n"
    assert ("port", ("2",)) in read(tmp_path, text)
    assert ("port", ("1",)) not in read(tmp_path, text)
    assert ("port", ("2",)) not in read(tmp_path, text, user="alice")  # who logs in is who was named
    assert ("port", ("3",)) in read(tmp_path, "HostName %h.example\nMatch host h.example\nPort 3\n")


def test_what_does_not_apply_is_checked_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "part").write_text("Match exec false\nPort 5\nHost h\nPort 6\n")
    assert read(tmp_path, "Host other\nInclude part missing*\nInclude %f\n") == []
    (tmp_path / "part").write_text("Port x\n")
    with pytest.raises(ConfigParseError, match="part line 1"):
        read(tmp_path, "Host other\nInclude part\n")


def test_include(tmp_path: Path) -> None:
    (tmp_path / "d" / "folder").mkdir(parents=True)
    (tmp_path / "d" / "2").write_text("SendEnv 2\nHost other\nSendEnv 3\n")
    (tmp_path / "d" / "1").write_text("SendEnv 1\n")
    text = f"Include ${{PART}}/*\nSendEnv 4\nHost other\nInclude d/*\nHost h\nInclude {tmp_path}/d/1 none*\n"
    # What an included file's conditions were ends with it.
    assert [arguments for _, arguments in read(tmp_path, text)] == [("1",), ("2",), ("4",), ("1",)]


def test_include_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigParseError, match="16 files include each other"):
        read(tmp_path, "Include config\n")
    monkeypatch.setattr(config, "MAX_FILES", 3)
    for number in range(3):
        (tmp_path / f"part{number}").write_text("Port 1\n")
    with pytest.raises(ConfigParseError, match="more than 3 files"):
        read(tmp_path, "Include part*\n")


def test_files(tmp_path: Path) -> None:
    for name, text in (("a", "Host x\n"), ("b", "Port 2\n")):
        (tmp_path / name).write_text(text)
    subject = Subject("h", "", "local", tmp_path)
    found, again = applying([tmp_path / "a", str(tmp_path / "b")], subject)
    (setting,) = found["port"]
    assert not again
    assert setting.where == f"{tmp_path / 'b'} line 1"  # the condition of a file ends with it
    with pytest.raises(OSError):
        applying([tmp_path / "missing"], subject)
    with pytest.raises(ConfigParseError, match="not a regular file"):
        applying([tmp_path], subject)


def test_a_second_reading_adds_to_the_first(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(
        "Port 1\nSendEnv A\nMatch final host h.x\nPort 2\nUser u\nMatch !final\nCompression no\nHost h.x\nTag t\n"
    )
    subject = Subject("h", "", "local", tmp_path)
    found, again = applying([path], subject)
    assert again
    assert found.keys() == {"port", "sendenv", "compression"}
    found, _ = applying([path], subject, canonical=("h.x", found))
    assert {name: [setting.arguments[0] for setting in settings] for name, settings in found.items()} == {
        "port": ["1"], "sendenv": ["A", "A"], "compression": ["no"], "user": ["u"], "tag": ["t"],
    }  # fmt: skip


def test_lines_that_add_to_each_other(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(
        "RekeyLimit 1G\nRekeyLimit 2G 1h\nRekeyLimit 3G 2h\nIdentityFile a\nIdentityFile b\nIdentityFile a\n"
        "CertificateFile a\nCertificateFile a\n"
    )
    found, _ = applying([path], Subject("h", "", "local", tmp_path))
    words = {name: [setting.arguments for setting in found[name]] for name in found}
    assert words["rekeylimit"] == [(str(1 << 30), "3600")]
    assert words["identityfile"] == [("a",), ("b",)]
    assert words["certificatefile"] == [("a",)]


def test_what_is_asked_of_the_machine(tmp_path: Path) -> None:
    ran: list[tuple[str, str]] = []

    def run(setting: Setting, command: str, tokens: Tokens) -> bool:
        ran.append((command, tokens.by_letter["h"] + tokens.by_letter["p"]))
        return command == "good"

    surroundings = Surroundings(run, lambda setting: [ip_address("10.1.2.3")])
    path = tmp_path / "config"
    path.write_text(
        "HostName real\nMatch host nobody exec never\nPort 1\nMatch exec good\nSendEnv a\nMatch !exec=bad\nPort 3\n"
        "Match exec bad\nPort 4\nMatch localnetwork 10.9.0.0/16,10.0.0.0/8\nSendEnv b\n"
        "Match !localnetwork 10.0.0.0/8\nSendEnv c\nMatch localnetwork 10.9.0.0/16\nSendEnv d\n"
        "Match localnetwork ::1,10.1.2.3\nSendEnv e\n"
    )
    found, _ = applying([path], Subject("h", "", "local", tmp_path), surroundings)
    assert ran == [("good", "real22"), ("bad", "real22"), ("bad", "real3")]
    assert [setting.arguments[0] for setting in found["sendenv"]] == ["a", "b", "e"]
