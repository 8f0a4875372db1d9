"""Which lines of an OpenSSH configuration apply to a host; tests/interop/test_config.py asks ssh itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from nacre.errors import ConfigParseError
from nacre.trust import config
from nacre.trust.config import Subject, applying


def read(folder: Path, text: str, host: str = "h", user: str = "") -> list[tuple[str, tuple[str, ...]]]:
    path = folder / "config"
    path.write_text(text)
    subject = Subject(host, user, "local", folder)
    return [(setting.name, setting.arguments) for setting in applying([path], subject)]


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("Port 22", ("22",)),
        ("  pOrT\t22 \r", ("22",)),
        ("Port=22", ("22",)),
        ("Port = 22", ("22",)),
        ("Port =22", ("22",)),
        ('"Port" 22', ("22",)),
        ("Port 22 # a comment", ("22",)),
        ("Port 2#2", ("2#2",)),
        ("Port a=b", ("a=b",)),
        ('Port "a b" c', ("a b", "c")),
        ("Port 'a \"b' c", ('a "b', "c")),
        ('Port a\\ b \\"c\\" \\\\ "d\\e"', ("a b", '"c"', "\\", "d\\e")),
        ('Port a"b c"d', ("ab cd",)),
        ('Port ""', ("",)),
    ],
)
def test_a_line(tmp_path: Path, line: str, arguments: tuple[str, ...]) -> None:
    assert read(tmp_path, f"# comment\n\n  \n{line}\n") == [("port", arguments)]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("Port 'a", "line 1: Port: the quote ' is not closed"),
        ("\n  Port", "line 2: Port: nothing follows it"),
        ("Port # 22", "line 1: Port: nothing follows it"),
        ("=22", "line 1: a line begins with a keyword"),
        ("Host", "line 1: Host: nothing follows it"),
        ("Match exec true", "line 1: Match: 'exec' is not supported yet"),
        ("Match host", "line 1: Match: 'host' needs a pattern"),
        ("Match host h all", "line 1: Match: 'all' stands alone"),
        ("Host " + "*" * 5000, "line 1: Host: a pattern of 5000 characters"),
        ("Port " + "1" * config.MAX_LINE, "line 1: longer than"),
        ("\n" * config.MAX_LINES, "lines; 10000 is the most"),
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


def test_what_does_not_apply_is_not_looked_at(tmp_path: Path) -> None:
    assert read(tmp_path, "Host other\nNonsense 'open\nInclude /missing/*\nPort\n") == []


def test_include(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "2").write_text("Port 2\nHost other\nPort 3\n")
    (tmp_path / "d" / "1").write_text("Port 1\n")
    found = read(
        tmp_path, f"Include d/*\nPort 4\nHost other\nInclude d/*\nHost h\nInclude {tmp_path}/d/1 none*\n"
    )
    # What an included file's conditions were ends with it.
    assert [arguments for _, arguments in found] == [("1",), ("2",), ("4",), ("1",)]


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
    (setting,) = applying([tmp_path / "a", str(tmp_path / "b")], subject)
    assert setting.where == f"{tmp_path / 'b'} line 1"  # the condition of a file ends with it
    with pytest.raises(OSError):
        applying([tmp_path / "missing"], subject)
    with pytest.raises(ConfigParseError, match="not a regular file"):
        applying([tmp_path], subject)
