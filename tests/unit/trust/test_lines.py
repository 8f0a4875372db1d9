"""What is a line."""

from __future__ import annotations

import os

import pytest

from nacre.keys.files import MAX_FILE
from nacre.trust.lines import MAX_LINE, MAX_LINES, as_text, numbered_lines, once_for_each, read_texts, words
from tests.support.cases import each_case


def lines(text):
    problems = []
    return list(numbered_lines(text, problems)), problems


def test_comments_and_blanks():
    found, problems = lines("first\r\n\n# comment\n   # too\n\t second \nthird")
    assert found == [(1, "first"), (5, "second"), (6, "third")]
    assert problems == []


@each_case("separator", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\r"])
def test_only_a_line_feed_ends_a_line(separator):
    found, _ = lines(f"a{separator}b")
    assert found == [(1, f"a{separator}b")]


def test_an_overlong_line_is_refused_whole():
    found, (problem,) = lines("before\n" + "x" * MAX_LINE + " ssh-ed25519 AAAA\nafter")
    assert [line for _, line in found] == ["before", "after"]
    assert problem.line == 2
    assert str(MAX_LINE) in problem.reason


def test_the_number_of_lines_is_bounded():
    assert len(lines("a\n" * MAX_LINES)[0]) == MAX_LINES
    with pytest.raises(ValueError, match=str(MAX_LINES)):
        lines("a\n" * (MAX_LINES + 1))


def test_text_of_any_bytes():
    assert as_text(b"\xff\n").encode("utf-8", "surrogateescape") == b"\xff\n"
    assert as_text(b"\xef\xbb\xbfhost") == "host"
    with pytest.raises(ValueError, match="the most"):
        as_text("x" * (MAX_FILE + 1))


def test_words():
    assert words("a  b\tc d", 3) == ["a", "b", "c d"]
    assert words("a", 3) == ["a"]
    assert words(" \t ", 3) == []
    assert words("a\u00a0b c", 3) == ["a\u00a0b", "c"]


@pytest.mark.timeout(120)
def test_cve_2026_0965_files(tmp_path):
    (tmp_path / "a").write_text("one\n")
    (tmp_path / "b").write_text("two\n")
    assert read_texts(tmp_path / "a") == ["one\n"]
    assert read_texts([tmp_path / "a", str(tmp_path / "b")]) == ["one\n", "two\n"]
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "huge").write_bytes(bytes(MAX_FILE + 1))
    for name, said in (("fifo", "regular"), ("huge", "larger")):
        with pytest.raises(ValueError, match=said):
            read_texts(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        read_texts(tmp_path / "none")


def test_the_same_texts_are_looked_into_once_and_changed_ones_anew():
    seen = []

    @once_for_each
    def find(texts, word):
        seen.append(texts)
        return word in texts[0]

    assert [find(("a b",), "a"), find(("a b",), "a"), find(("b",), "a")] == [True, True, False]
    assert seen == [("a b",), ("b",)]
    long = ("a" * 100_000,)
    assert find(long, "a")
    assert find(long, "a")
    assert seen[2:] == [long, long]  # not remembered


def test_what_is_no_name_of_a_file(tmp_path):
    for wrong in (b"ssh-ed25519 AAAA", object(), [tmp_path, b"x"], 5):
        with pytest.raises(TypeError, match="names of files are expected"):
            read_texts(wrong)


def test_what_an_editor_of_windows_has_saved(tmp_path):
    path = tmp_path / "known_hosts"
    for text in (b"\xef\xbb\xbfa line", "\ufeffa line", b"a line"):
        assert as_text(text) == "a line"
    path.write_bytes("a line".encode("utf-16"))
    with pytest.raises(ValueError, match=f"{path}: this is UTF-16"):
        read_texts(path)
