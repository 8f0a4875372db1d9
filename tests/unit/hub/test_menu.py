"""The menu as a machine: keys in, a choice and a picture out."""

import pyte
import pytest

from nacre.hub.menu import ENTER, LEAVE, Entry, Menu, Outcome

ENTRIES = (
    Entry("notebook", "for 3 min, detached", True, "session"),
    Entry("notebook", "Jupyter notebooks", False, "notebook"),
    Entry("console", "a console", False, "console"),
    Entry("shell", "a shell", False, "shell"),
)


def menu(message=""):
    return Menu("nacre hub · alice", ENTRIES, message)


def after(*keys):
    made = menu()
    for key in keys:
        assert made.key(key) is Outcome.REDRAW
    return made


def screen(made, columns=80, rows=24):
    terminal = pyte.Screen(columns, rows)
    pyte.ByteStream(terminal).feed(made.draw(columns, rows))
    return [line.rstrip() for line in terminal.display]


def test_running_sessions_come_first():
    lines = screen(menu())
    text = "\n".join(lines)
    assert "alice" in lines[0]
    assert text.index("running") < text.index("3 min") < text.index("start") < text.index("Jupyter notebooks")


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ((), "session"),
        (("down",), "notebook"),
        (("down", "down", "down", "down"), "session"),
        (("up",), "shell"),
        (("j", "j"), "console"),
        (("j", "j", "k"), "notebook"),
        (("end",), "shell"),
        (("end", "home"), "session"),
        (("page-down",), "shell"),
        (("c",), "console"),
        (("s", "h"), "shell"),
        (("C", "O", "N"), "console"),
        (("s", "x", "backspace"), "shell"),
        (("s", "escape"), "session"),
        (("s", "ctrl-u", "down"), "notebook"),
    ],
)
def test_choosing(keys, value):
    made = after(*keys)
    assert made.key("enter") is Outcome.CHOSEN
    assert made.chosen.value == value


def test_nothing_matches():
    made = after("z", "z")
    assert made.chosen is None
    assert made.key("enter") is Outcome.REDRAW
    assert "nothing matches 'zz'" in "\n".join(screen(made))


@pytest.mark.parametrize("key", ["q", "ctrl-c", "ctrl-d", "escape"])
def test_leaving(key):
    assert menu().key(key) is Outcome.LEFT


def test_q_is_a_letter_once_something_is_typed():
    made = after("s", "q")
    assert made.key("ctrl-c") is Outcome.LEFT


def test_every_size_is_drawn_within_its_bounds():
    for columns, rows in ((80, 24), (20, 6), (5, 3), (1, 1), (300, 100)):
        picture = menu("a message that is long " * 10).draw(columns, rows)
        terminal = pyte.Screen(columns, rows)
        pyte.ByteStream(terminal).feed(picture)
        assert "\x1b" not in "".join(terminal.display)


def test_the_choice_is_visible_on_a_small_screen():
    made = after("end")
    assert any("shell" in line for line in screen(made, 40, 7))


def test_names_cannot_move_the_cursor():
    picture = Menu("x\x1b[2J", (Entry("a\x1b]0;b\x07", "c\r\nd", False, None),), "e\x9bf").draw(80, 24)
    assert b"\x1b]0" not in picture
    assert b"\r" not in picture
    assert "\x9b".encode() not in picture


def test_the_terminal_is_given_back():
    assert ENTER.startswith(b"\x1b[?1049h")
    assert LEAVE.endswith(b"\x1b[?1049l")
    assert b"\x1b[?25h" in LEAVE
