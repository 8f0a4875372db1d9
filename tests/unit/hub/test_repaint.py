"""Following a terminal program's modes, and bringing a terminal back."""

import pytest

from nacre.hub.repaint import SCROLLBACK, Screen


def seen(*chunks: bytes) -> Screen:
    screen = Screen()
    for chunk in chunks:
        screen.feed(chunk)
    return screen


def test_a_fresh_screen_needs_nothing():
    assert seen().enter() == b""
    assert seen().leave() == b""
    assert seen(b"plain text\r\n\xff\xfe").leave() == b""


def test_the_normal_screen_comes_back_byte_for_byte():
    text = b"\x1b[31mred\xff\x00\r\nline two\r\n"
    assert seen(text).enter() == b"\x1b[0m" + text + b"\x1b[0m"


@pytest.mark.parametrize("mode", [1, 1000, 1002, 1003, 1004, 1006, 1015, 2004])
def test_private_modes_are_followed(mode):
    on, off = b"\x1b[?%dh" % mode, b"\x1b[?%dl" % mode
    assert on in seen(b"a" + on).enter()
    assert off in seen(b"a" + on).leave()
    assert on not in seen(b"a" + on + off).enter()
    assert seen(b"a" + on + off).leave() == b""


@pytest.mark.parametrize("mode", [47, 1047, 1049])
def test_the_alternate_screen(mode):
    screen = seen(b"shell$ app\r\n\x1b[?%dh picture" % mode)
    assert screen.alternate
    entered = screen.enter()
    assert entered.index(b"shell$ app") < entered.index(b"\x1b[?%dh" % mode)
    assert b"picture" not in entered  # the program paints it again
    assert screen.leave().startswith(b"\x1b[?%dl" % mode)
    screen.feed(b"\x1b[?%dlback" % mode)
    assert not screen.alternate
    assert b"shell$ app\r\nback" in screen.enter()


def test_several_modes_in_one_sequence():
    leave = seen(b"\x1b[?1049;1000;25l\x1b[?1049;1000h").leave()
    assert b"\x1b[?1000l" in leave
    assert b"\x1b[?1049l" in leave
    assert b"\x1b[?25h" in leave


def test_cursor_keypad_and_keyboard_protocol():
    screen = seen(b"\x1b[?25l\x1b=\x1b[>1u\x1b[>5u\x1b[>4;2m")
    for piece in (b"\x1b[?25l", b"\x1b=", b"\x1b[>1u\x1b[>5u"):
        assert piece in screen.enter()
    leave = screen.leave()
    for piece in (b"\x1b[?25h", b"\x1b>", b"\x1b[<1u\x1b[<1u", b"\x1b[>m"):
        assert piece in leave
    screen.feed(b"\x1b[<2u\x1b>\x1b[?25h\x1b[>m")
    assert screen.leave() == b""


def test_a_reset_forgets_everything():
    assert seen(b"\x1b[?1049h\x1b[?1000h\x1b[?25l\x1b=\x1bc").leave() == b""


def test_sequences_may_be_split_anywhere():
    data = b"x\x1b[?1049h\x1b[?2004;1006hy\x1b=\x1b[?25l"
    whole = seen(data)
    for cut in range(len(data) + 1):
        assert seen(data[:cut], data[cut:]).enter() == whole.enter()
    assert seen(*(bytes((octet,)) for octet in data)).leave() == whole.leave()


def test_the_scrollback_is_bounded_and_begins_with_a_line():
    screen = Screen()
    line = b"0123456789" * 10 + b"\r\n"
    for _ in range(2 * SCROLLBACK // len(line)):
        screen.feed(line)
    tail = screen.enter().removeprefix(b"\x1b[0m").removesuffix(b"\x1b[0m")
    assert SCROLLBACK // 2 < len(tail) <= SCROLLBACK
    assert tail.startswith(b"0123456789" * 10)
    screen.feed(b"z" * (3 * SCROLLBACK))
    assert len(screen.enter()) <= SCROLLBACK + 8


def test_an_endless_unfinished_sequence_is_not_kept():
    screen = seen(*(b"\x1b[?" + b"1" * 100 for _ in range(1000)))
    assert len(screen.enter()) <= SCROLLBACK + 8
