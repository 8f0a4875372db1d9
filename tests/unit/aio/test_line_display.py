"""Where a line stands on a terminal: what is written is played on a small terminal, and looked at there."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import pytest

from nacre.aio.line_display import LineDisplay, advance, width_of
from tests.support.cases import each_case

_SEQUENCE = re.compile(r"\x1b\[(\d*)([ABCDJ])")


class Screen:
    """As much of a terminal as a line editor uses: it waits in the last column for one more character."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.rows: list[list[str]] = [[]]
        self.row = self.column = 0

    def play(self, data: str) -> None:
        position = 0
        while position < len(data):
            if data[position] == "\x1b":
                found = _SEQUENCE.match(data, position)
                assert found is not None, data[position : position + 9]
                self._sequence(int(found[1] or 0), found[2])
                position = found.end()
            else:
                self._character(data[position])
                position += 1

    def _sequence(self, count: int, kind: str) -> None:
        self.column = min(self.column, self.width - 1)
        if kind == "J":
            del self.rows[self.row][self.column :]
            del self.rows[self.row + 1 :]
            return
        rows, columns = {"A": (-1, 0), "B": (1, 0), "C": (0, 1), "D": (0, -1)}[kind]
        self.row += rows * count
        self.column += columns * count
        assert count > 0
        assert self.row >= 0
        assert 0 <= self.column < self.width
        self._reach()

    def _reach(self) -> None:
        while len(self.rows) <= self.row:
            self.rows.append([])

    def _character(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.row += 1
        elif character == "\b":
            self.column = max(self.column - 1, 0)
        elif character == "\t":
            self.column = min(self.column // 8 * 8 + 8, self.width - 1)
        elif not width_of(character):
            self.rows[self.row][self.column - 1] += character
        else:
            cells = width_of(character)
            if self.column + cells > self.width:
                self.row, self.column = self.row + 1, 0
            self._reach()
            row = self.rows[self.row]
            row.extend([" "] * (self.column + cells - len(row)))
            row[self.column : self.column + cells] = [character, ""][:cells]
            self.column += cells
        self._reach()

    @property
    def text(self) -> list[str]:
        lines = ["".join(row).rstrip() for row in self.rows]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def cursor(self) -> tuple[int, int]:
        return divmod(self.row * self.width + self.column, self.width)


def expected(width: int, prompt: str, text: str) -> list[str]:
    screen = Screen(width)
    screen.play(prompt + text)
    return screen.text


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("alphabet", ["abc ", "aé日語x", "xe\u0301\u0301日"])
def test_whatever_changes_the_screen_shows_prompt_line_and_cursor(seed: int, alphabet: str) -> None:
    chance = random.Random(seed * 7 + len(alphabet))
    width = chance.choice((7, 10, 20))
    prompt = "p> "[: chance.randrange(4)]
    screen, display = Screen(width), LineDisplay(width)
    for piece in display.output(prompt):
        screen.play(piece)
    text, cursor = "", 0
    for _ in range(60):
        if chance.random() < 0.6:
            added = "".join(chance.choice(alphabet) for _ in range(chance.randrange(4)))
            cursor = min(cursor, len(text))
            text = text[:cursor] + added + text[cursor:]
            if text and not width_of(text[0]):
                text = f"x{text}"
            cursor = min(cursor + len(added), len(text))
        else:
            start = chance.randrange(len(text) + 1)
            text = text[:start] + text[start + chance.randrange(5) :]
            if text and not width_of(text[0]):
                text = ""
        cursor = chance.choice((len(text), min(cursor, len(text)), chance.randrange(len(text) + 1)))
        screen.play(display.show(text, cursor))
        assert screen.text == expected(width, prompt, text)
        assert screen.cursor == divmod(advance(len(prompt), text[:cursor], width), width)
    screen.play(display.hide())
    assert screen.text == expected(width, prompt, "")
    assert screen.cursor == divmod(len(prompt), width)
    assert display.hide() == ""


def test_only_what_changes_is_written() -> None:
    display = LineDisplay(20)
    states = ["a", "ab", "ab", "xab", "xa", "", "yz", "日z", "日"]
    written = [display.show(new, len(new)) for _, new in pairwise(["", *states])]
    assert written == [
        "a", "b", "", "\x1b[2Dxab", "\x1b[1D\x1b[J", "\x1b[2D\x1b[J", "yz", "\x1b[2D日z", "\x1b[1D\x1b[J",
    ]  # fmt: skip


def test_a_full_row_is_left_and_no_row_stays_empty_behind_it() -> None:
    display = LineDisplay(4)
    assert display.show("abcd", 4) == "abcd \r"
    assert display.enter("abcd") == ""
    assert display.show("abc", 3) == "abc"
    assert display.enter("abc") == "\r\n"
    assert display.enter("") == "\r\n"


@each_case(("output", "column"), [
        (["plain"], 5), (["a\nbc"], 2), (["abc\rd"], 1), (["ab\bc"], 2), (["\tx"], 9), (["日本"], 4), (["\b"], 0),
        (["\x1b[1;31m> \x1b[0m"], 2), (["\x1b]0;a title\x07> "], 2), (["\x1b]0;a title\x1b\\> "], 2),
        (["\x1b(Bab"], 2), (["\x1b[3", "1m>"], 1), (["\x1b]0;half", " title\x07ab"], 2), (["\x1b", "7ab"], 2),
        (["x" * 9000 + "\n", "ab"], 2), (["\x1b]never ends" * 1000, "\nab"], 2),
    ])  # fmt: skip
def test_where_the_output_ends(output: list[str], column: int) -> None:
    display = LineDisplay(40)
    for piece in output:
        assert display.output(piece) == ("", piece.replace("\n", "\r\n"), "")
    assert display.show("x" * 50, 0).endswith("\x1b[1A\x1b[10D")
    assert display._origin == column


def test_output_comes_before_the_line() -> None:
    display = LineDisplay(20)
    display.output("> ")
    display.show("abc", 1)
    assert display.output("news\n> ") == ("\x1b[1D\x1b[J", "news\r\n> ", "abc\x1b[2D")


def test_a_new_width() -> None:
    display = LineDisplay(20)
    display.show("x" * 25, 25)
    assert display.resize(10) == "\x1b[2A\x1b[5D\x1b[J" + "x" * 25
    assert display.resize(30) == "\x1b[25D\x1b[J" + "x" * 25
    display.hide()
    assert display.resize(0) == ""
    assert display.show("x" * 81, 0).endswith("\x1b[1A\x1b[1D")


@each_case(
    ("character", "width"), [("a", 1), ("é", 1), ("\u0301", 0), ("\u200d", 0), ("日", 2), ("👍", 2), ("ｱ", 1)]
)
def test_widths(character: str, width: int) -> None:
    assert width_of(character) == width
