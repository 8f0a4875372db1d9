"""Keys of a terminal for the menu and the dialogues."""

import pytest

from nacre.hub.keystrokes import Keystrokes


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"aB 1", ["a", "B", " ", "1"]),
        (b"\x1b[A\x1b[B\x1bOA\x1bOB", ["up", "down", "up", "down"]),
        (b"\r\n\x7f\x08\x03\x04", ["enter", "enter", "backspace", "backspace", "ctrl-c", "ctrl-d"]),
        (b"\x1b[5~\x1b[6~\x1b[H\x1b[4~", ["page-up", "page-down", "home", "end"]),
        (b"\x1b[1;5A\x1b[99~x", ["x"]),  # sequences that mean nothing here are dropped whole
        (b"\xc3\xa9", ["é"]),
        (b"\xff\x1fz", ["z"]),
        (b"\x1bx", ["escape", "x"]),
    ],
)
def test_keys(data, keys):
    decoded = Keystrokes().feed(data)
    assert [key for key in decoded if key != "\N{REPLACEMENT CHARACTER}"] == keys


def test_split_anywhere():
    data = b"q\x1b[A\xe2\x82\xac\x1bOB\r"
    whole = Keystrokes().feed(data)
    assert whole == ["q", "up", "€", "down", "enter"]
    for cut in range(len(data) + 1):
        keys = Keystrokes()
        assert keys.feed(data[:cut]) + keys.feed(data[cut:]) == whole


def test_a_lone_escape_is_a_key_after_a_while():
    keys = Keystrokes()
    assert keys.feed(b"\x1b") == []
    assert keys.unfinished
    assert keys.flush() == ["escape"]
    assert not keys.unfinished
    assert keys.flush() == []


def test_an_unfinished_sequence_is_bounded():
    keys = Keystrokes()
    for _ in range(100):
        keys.feed(b"\x1b[" + b"1" * 30)
    assert len(keys._rest) < 64
