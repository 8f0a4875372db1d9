"""The line editor by its keys: the exact bytes of the terminal, and the lines that come of it."""

from __future__ import annotations

from typing import Any

import pytest

from nacre.aio.line_editor import EditorSettings, LineEditor
from tests.support.cases import each_case


class Listener:
    """Writes down what the editor tells."""

    def __init__(self) -> None:
        self.screen = ""
        self.told: list[Any] = []
        self.breaks = True
        self.stop_after: int | None = None

    def show(self, text: str) -> None:
        self.screen += text

    def deliver(self, text: str) -> None:
        self.told.append(text)

    def interrupt(self) -> bool:
        self.told.append("^C")
        return self.breaks

    def end(self) -> None:
        self.told.append("^D")

    def signal(self, name: str) -> None:
        self.told.append(f"SIG{name}")

    def stopped(self) -> bool:
        return self.stop_after is not None and len(self.told) >= self.stop_after

    def taken(self) -> str:
        """What was shown since the last time."""
        screen, self.screen = self.screen, ""
        return screen


def make(width: int = 20, **settings: Any) -> tuple[LineEditor, Listener]:
    listener = Listener()
    return LineEditor(listener, EditorSettings(**settings), width), listener


def typed(steps: list[tuple[str, str]], *, told: list[str], width: int = 20, **settings: Any) -> None:
    """Type keys, each with what is then written; at the end these lines were told."""
    editor, listener = make(width, **settings)
    for key, written in steps:
        assert editor.feed(key) == ""
        assert (key, listener.taken()) == (key, written)
    assert listener.told == told


@pytest.mark.parametrize("enter", ["\r", "\n"])
def test_a_line(enter: str) -> None:
    typed([("a", "a"), ("bc", "bc"), (enter, "\r\n"), (enter, "\r\n")], told=["abc\n", "\n"])


def test_the_bell_is_rung_on_the_line_that_it_is_about() -> None:
    typed([("ab\x06\r", "ab\x07\r\n"), ("\x06", "\x07")], told=["ab\n"])


def test_several_lines_at_once() -> None:
    typed([("a\rb\nc", "a\r\nb\r\nc")], told=["a\n", "b\n"])


def test_moving_and_changing() -> None:
    typed(
        [
            ("abc", "abc"),
            ("\x02", "\x1b[1D"),
            ("X", "Xc\x1b[1D"),
            ("\x1b[D\x1bOD", "\x1b[2D"),
            ("Y", "YbXc\x1b[3D"),
            ("\x1b[C", "\x1b[1C"),
            ("\x05", "\x1b[2C"),
            ("\x06", "\x07"),
            ("Z", "Z"),
            ("\x01", "\x1b[6D"),
            ("\x08", "\x07"),
            ("W", "WaYbXcZ\x1b[6D"),
            ("\x04", "YbXcZ\x1b[J\x1b[5D"),
            ("\x1b[3~", "bXcZ\x1b[J\x1b[4D"),
            ("\x1b[F", "\x1b[4C"),
            ("\x7f\x08", "\x1b[2D\x1b[J"),
            ("\x1b[H", "\x1b[3D"),
            ("\r", "\x1b[3C\r\n"),
        ],
        told=["WbX\n"],
    )


def test_cutting_and_putting_back() -> None:
    typed(
        [
            ("one two", "one two"),
            ("\x17", "\x1b[3D\x1b[J"),
            ("\x19\x19", "twotwo"),
            ("\x1bb", "\x1b[6D"),
            ("\x1bb", "\x1b[4D"),
            ("\x1bf", "\x1b[3C"),
            ("\x0b", "\x1b[J"),
            ("\x0b", "\x07"),
            ("\x15", "\x1b[3D\x1b[J"),
            ("\x19", "one"),
            ("\x1b\x7f", "\x1b[3D\x1b[J"),
            ("\x19\x01", "one\x1b[3D"),
            ("\x1bd", "\x1b[J"),
            ("\x1bd", "\x07"),
            ("\r", "\r\n"),
        ],
        told=["\n"],
    )


def test_words_end_at_punctuation_and_spaced_words_do_not() -> None:
    editor, listener = make(80)
    editor.feed("see a-b.c, ")
    editor.feed("\x1b\x7f")
    assert editor.take() == "see a-b."
    editor.feed("see a-b.c, \x17\r")
    assert listener.told == ["see \n"]


def test_history() -> None:
    typed(
        [
            ("one\r", "one\r\n"),
            ("\r", "\r\n"),
            ("two\r", "two\r\n"),
            ("dr", "dr"),
            ("\x1b[A", "\x1b[2Dtwo"),
            ("\x10", "\x1b[3Done"),
            ("\x1bOA", "\x07"),
            ("x", "x"),
            ("\x1b[B", "\x1b[4Dtwo\x1b[J"),
            ("\x0e", "\x1b[3Ddr\x1b[J"),
            ("\x1bOB", "\x07"),
            ("\x10\r", "\x1b[2Dtwo\r\n"),
            ("\x10\x10\x10\r", "one\r\n"),
        ],
        told=["one\n", "\n", "two\n", "two\n", "one\n"],
    )


def test_history_is_bounded() -> None:
    typed(
        [("a\rb\rc\r", "a\r\nb\r\nc\r\n"), ("\x10", "c"), ("\x10", "\x1b[1Db"), ("\x10", "\x07")],
        told=["a\n", "b\n", "c\n"],
        history=2,
    )
    typed([("a\r", "a\r\n"), ("\x10", "\x07")], told=["a\n"], history=0)


def test_the_longest_line() -> None:
    typed(
        [
            ("abcdefgh", "abcde\x07"),
            ("\x02x", "\x1b[1D\x07"),
            ("\x05\x08xy\r", "x\x07\r\n"),
        ],
        told=["abcdx\n"],
        longest=5,
    )


def test_breaks_and_ends() -> None:
    typed(
        [("\x04", ""), ("ab\x03", "ab"), ("\x04", "\x07"), ("\x02\x04", "\x1b[1D\x1b[J"),
         ("\x7f", "\x1b[1D\x1b[J"), ("\x04", ""), ("\r", "\r\n")],
        told=["^D", "^C", "^D", "\n"],
    )  # fmt: skip
    editor, listener = make()
    listener.breaks = False
    editor.feed("\x03")
    assert listener.taken() == "\x07"


@each_case("key", ["\x00", "\x07", "\t", "\x1a", "\x1f", "\x85", "\u200b", "\udc80", "\x1bc", "\x1b[99~",
                                 "\x1b[1;2P", "\x1b[200~", "\x1bOP"])  # fmt: skip
def test_what_is_no_key_rings_and_leaves_nothing(key: str) -> None:
    typed([(key, "\x07"), ("a\r", "a\r\n")], told=["a\n"])
    editor, listener = make()
    for character in key:
        editor.feed(character)
    assert listener.taken() == "\x07"


def test_a_sequence_without_end_is_given_up() -> None:
    editor, listener = make()
    editor.feed("\x1b[" + "1" * 100)
    assert "\x07" in listener.taken()
    assert len(editor.take()) < 100


def test_rows_wide_and_combining_characters() -> None:
    typed(
        [("x" * 19, "x" * 19), ("x", "x \r"), ("y", "y"), ("\x02", "\x1b[1D"), ("\x02", "\x1b[1A\x1b[19C"),
         ("\x7f", "y \r\x1b[J\x1b[1A\x1b[18C"), ("\r", "\x1b[1B\x1b[18D")],
        told=["x" * 18 + "xy\n"],
    )  # fmt: skip
    typed(
        [("日本", "日本"), ("\x02", "\x1b[2D"), ("x", "x本\x1b[2D"), ("\x7f\x7f", "\x1b[3D本\x1b[J\x1b[2D")],
        told=[],
    )
    typed([("e\u0301", "e\u0301"), ("\x02", "\x1b[1D"), ("\x05\x7f", "\x1b[J")], told=[])


def test_without_echo_nothing_is_shown_and_nothing_remembered() -> None:
    editor, listener = make()
    listener.screen += "".join(editor.output("Password: "))
    editor.set_echo(False)
    editor.feed("secret\r")
    assert listener.taken() == "Password: \r\n"
    editor.set_echo(True)
    editor.feed("\x10")
    assert listener.taken() == "\x07"
    assert listener.told == ["secret\n"]
    editor.feed("ab")
    editor.set_echo(False)
    editor.feed("c\x10")
    editor.set_echo(True)
    assert listener.taken() == "ab\x1b[2D\x1b[J\x07abc"


def test_lines_that_the_program_echoes() -> None:
    typed([("ab\r", ""), ("cd", "cd"), ("\r", "\x1b[2D\x1b[J")], told=["ab\n", "cd\n"], line_echo=False)


def test_output_while_a_line_is_typed() -> None:
    editor, listener = make()
    assert editor.output("> ") == ("", "> ", "")
    editor.feed("abc\x02")
    assert listener.taken() == "abc\x1b[1D"
    assert editor.output("news\n") == ("\x1b[2D\x1b[J", "news\r\n", "abc\x1b[1D")
    editor.resize(10)
    assert listener.taken() == "\x1b[2D\x1b[Jabc\x1b[1D"
    editor.feed("\x0c")
    assert listener.taken() == "\x1b[2D\x1b[Jabc\x1b[1D"


def test_line_mode_off_and_on() -> None:
    editor, listener = make()
    editor.feed("ab\x1b[")
    listener.taken()
    editor.set_line_mode(False)
    editor.set_line_mode(False)
    editor.feed("A\x03\r\x1b[A")
    assert editor.output("a\nb") == ("", "a\r\nb", "")
    assert listener.taken() == ""
    editor.set_line_mode(True)
    editor.feed("cd\r")
    assert listener.taken() == "cd\r\n"
    assert listener.told == ["ab\x1b[", "A\x03\r\x1b[A", "cd\n"]


def test_a_line_may_turn_line_mode_off() -> None:
    editor, listener = make()
    deliver = listener.deliver

    def raw_after_the_first(text: str) -> None:
        deliver(text)
        editor.set_line_mode(False)

    listener.deliver = raw_after_the_first  # type: ignore[method-assign] # a program that reacts
    editor.feed("a\rb\rc")
    assert listener.told == ["a\n", "b\rc"]


def test_keys_of_the_program() -> None:
    editor, listener = make()
    seen: list[tuple[str, int]] = []

    def complete(line: str, position: int) -> tuple[str, int]:
        seen.append((line, position))
        return f"{line}plete", 99

    editor.register_key("\t", complete)
    editor.register_key("z", lambda line, position: True)
    editor.register_key("q", lambda line, position: False)
    editor.register_key("\x01", lambda line, position: True)
    editor.register_key("\x1b[15~", lambda line, position: (line.upper(), 0))
    editor.register_key("jk", lambda line, position: ("", 0))
    editor.unregister_key("\x03")
    editor.unregister_key("not there")
    for key, written in [
        ("com\x02", "com\x1b[1D"), ("\t", "\x1b[1Cplete"), ("z", "z"), ("q", "\x07"), ("\x01", "\x07"),
        ("\x1b[15~", "\x1b[9DCOMPLETEZ\x1b[9D"), ("\x03", "\x07"), ("j", ""), ("x", "jxCOMPLETEZ\x1b[9D"),
        ("jk", "\x1b[2D\x1b[J"),
    ]:  # fmt: skip
        editor.feed(key)
        assert (key, listener.taken()) == (key, written)
    assert seen == [("com", 2)]
    editor.unregister_key("z")
    editor.feed("z\r")
    assert listener.told == ["z\n"]
    with pytest.raises(ValueError, match="at least one"):
        editor.register_key("", complete)


def test_a_key_that_stands_for_a_signal() -> None:
    editor, listener = make()
    editor.register_key("\x1b[Z", lambda line, position: ("USR1", -1))
    editor.feed("ab\x1b[Z")
    assert (listener.taken(), listener.told) == ("ab", ["SIGUSR1"])
    editor.feed("c\r")
    assert listener.told == ["SIGUSR1", "abc\n"]


def test_characters_that_str_calls_unprintable_are_typed_too() -> None:
    editor, listener = make()
    editor.feed("a\u3000b\u200dc\u00a0\U0010fffd\x85\ud800\r")
    assert listener.told == ["a\u3000b\u200dc\u00a0\U0010fffd\n"]


def test_what_is_left_on_the_terminal_is_counted() -> None:
    editor, listener = make(width=10)
    editor.feed("12345678")
    editor.set_line_mode(False)
    editor.set_line_mode(True)
    listener.taken()
    editor.feed("abc\x01")
    assert listener.taken() == "abc\x1b[1A\x1b[7C"


def test_input_of_the_program() -> None:
    editor, listener = make(longest=5)
    editor.set_input("hello", 2)
    assert listener.taken() == "hello\x1b[3D"
    editor.set_input("hello world", -5)
    assert listener.taken() == "\x1b[2D\x07"
    with pytest.raises(ValueError, match="printable"):
        editor.set_input("a\nb", 0)
    editor.set_input("", 0)
    assert listener.taken() == "\x1b[J"


def test_nothing_is_taken_while_the_listener_has_stopped() -> None:
    editor, listener = make()
    listener.stop_after = 2
    assert editor.feed("a\rb\rc\rd") == "c\rd"
    assert listener.taken() == "a\r\nb\r\n"
    listener.stop_after = None
    assert editor.feed("c\rd") == ""
    assert listener.told == ["a\n", "b\n", "c\n"]
