"""Keyword, quoting and words of a line; tests/interop/test_config.py asks ssh itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from nacre.errors import ConfigParseError
from nacre.trust import config_lines
from nacre.trust.config_lines import Setting, included, matches_one, settings, whole_words


def read(folder: Path, text: str) -> list[Setting]:
    path = folder / "config"
    path.write_text(text)
    return list(settings(path))


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
    (found,) = read(tmp_path, f"# comment\n\n  \n{line}\n")
    assert (found.name, found.arguments) == ("port", arguments)
    assert found.where == f"{tmp_path / 'config'} line 4"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("Port 'a", "line 1: Port: the quote ' is not closed"),
        ("\n  Port", "line 2: Port: nothing follows it"),
        ("Port # 22", "line 1: Port: nothing follows it"),
        ("=22", "line 1: a line begins with a keyword"),
        ("Port a\0b", "line 1: Port: a NUL"),
        pytest.param("Port " + "1" * config_lines.MAX_LINE, "line 1: longer than", id="a long line"),
        pytest.param("\n" * config_lines.MAX_LINES, "lines; 10000 is the most", id="many lines"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, error: str) -> None:
    with pytest.raises(ConfigParseError, match=error):
        read(tmp_path, text)


def test_files_that_are_included(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).touch()
    (tmp_path / "c").mkdir()
    assert included("*", tmp_path) == [tmp_path / "a", tmp_path / "b"]
    assert included(str(tmp_path / "a"), Path("/elsewhere")) == [tmp_path / "a"]
    assert included("none", tmp_path) == []


def test_patterns() -> None:
    setting = Setting("Host", "", (), "here")
    assert matches_one(setting, ["x", "a*"], "abc")
    assert not matches_one(setting, ["a*", "!ab?"], "abc")
    assert not matches_one(setting, ["!x"], "abc")
    assert str(setting.error("wrong")) == "here: Host: wrong"


def test_words_of_a_command() -> None:
    setting = Setting("K", "/a 'b c' # \\x \\' it", (), "here")
    assert whole_words(setting) == ("/a", "b c", "#", "\\x", "'", "it")
    with pytest.raises(ConfigParseError, match="not closed"):
        whole_words(Setting("K", "/a # 'b", (), "here"))


def test_what_an_editor_of_windows_has_saved(tmp_path: Path) -> None:
    assert [found.keyword for found in read(tmp_path, "\ufeffPort 22\n")] == ["Port"]
    path = tmp_path / "config"
    path.write_bytes("Port 22\n".encode("utf-16"))
    with pytest.raises(ConfigParseError, match=f"{path}: this is UTF-16"):
        list(settings(path))
