"""What each kind of value may be, at its edges."""

from __future__ import annotations

import datetime as dt
import tomllib
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nacre.hub import config_values as values
from nacre.hub.config_values import WrongValue

ANYTHING = [None, True, 1, 1.5, "x", [], {}, dt.date(2026, 1, 1)]


class Word(StrEnum):
    A = "a"
    B = "b"


CHECKS: dict[str, Any] = {
    "boolean": values.boolean,
    "integer": values.integer(0, 1),
    "duration": values.duration(0, 10),
    "choice": values.choice(Word),
    "listen": values.listen,
    "uid_range": values.uid_range,
    "environment": values.environment,
    "networks": values.networks,
    "command": values.command,
    "description": values.description,
    "roles": values.roles,
}


@settings(max_examples=300)
@given(st.one_of(st.sampled_from(ANYTHING), st.text(), st.lists(st.text()), st.lists(st.integers())))
def test_any_value_is_taken_or_refused_with_words(value: object) -> None:
    for name, check in CHECKS.items():
        refusal = None
        try:
            check(value)
        except WrongValue as error:
            refusal = error
        assert refusal is None or (refusal.what and refusal.remedy), name


@pytest.mark.parametrize(("low", "high"), [(0, 0), (0, 1), (1, 10_000), (-3, 3)])
def test_whole_numbers_at_the_edges(low: int, high: int) -> None:
    check = values.integer(low, high)
    assert (check(low), check(high)) == (low, high)
    for wrong in (low - 1, high + 1):
        with pytest.raises(WrongValue) as caught:
            check(wrong)
        assert caught.value.remedy == f"write a number from {low} to {high}"
    for wrong in (True, 1.0, "1"):
        with pytest.raises(WrongValue, match="where a whole number is expected"):
            check(wrong)


def test_durations_at_the_edges() -> None:
    check = values.duration(1, 3600)
    assert (check(1), check("1h")) == (1.0, 3600.0)
    for wrong in (0.9, "61m"):
        with pytest.raises(WrongValue, match="out of bounds"):
            check(wrong)
    with pytest.raises(WrongValue) as caught:
        check("soon")
    assert (caught.value.what, caught.value.remedy) == (
        "'soon' is not a duration",
        'write "90s", "2h" or "7d", from 1s to 1h',
    )
    with pytest.raises(WrongValue, match="a boolean is not a duration"):
        check(True)


def test_words_of_an_enum() -> None:
    assert values.choice(Word)("b") is Word.B
    with pytest.raises(WrongValue, match="'c' is not one of its words") as caught:
        values.choice(Word)("c")
    assert caught.value.remedy == 'write one of "a", "b"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8022", ("127.0.0.1", 8022)),
        ("127.0.0.1", ("127.0.0.1", 8022)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
        ("localhost:65535", ("localhost", 65535)),
        ("hub.example.org", ("hub.example.org", 8022)),
        ("a-1.2b:22", ("a-1.2b", 22)),
        ("[::1]:22", ("::1", 22)),
        ("[::1]", ("::1", 8022)),
        ("::1", ("::1", 8022)),
        (" [fe80::1%eth0]:1 ", ("fe80::1%eth0", 1)),
    ],
)
def test_addresses(text: str, expected: tuple[str, int]) -> None:
    assert values.listen(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "", ":8022", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:٣", "127.0.0.1:ssh", "[::1", "[::1]x",
        "[::1]22", "[127.0.0.1]:22", "256.0.0.1", "127.1", "a b", "-x", "ho\nst", "*:22",
        "a..b", ".a", "a-.b", "a.-b", "a_b", "x" * 64, "a." * 126 + "bc", "a.1", "0x7f000001", "1.2.3.0x4", "a:b:c", 8022,
    ],
)  # fmt: skip
def test_what_is_no_address(text: object) -> None:
    with pytest.raises(WrongValue):
        values.listen(text)


@pytest.mark.parametrize("pair", [[1000, 1000], [1000, 65533], [70000, 99999], [65536, 2**31 - 1]])
def test_uid_ranges(pair: list[int]) -> None:
    assert values.uid_range(pair) == tuple(pair)


@pytest.mark.parametrize(
    "pair",
    [
        [0, 10],
        [999, 2000],
        [2000, 1999],
        [70000, 2**31],
        [60000, 65534],
        [65535, 70000],
        [1, 2, 3],
        ["1", "2"],
        [True, True],
        5,
    ],
)
def test_uid_ranges_that_would_do_harm(pair: object) -> None:
    with pytest.raises(WrongValue):
        values.uid_range(pair)


def test_names_of_variables() -> None:
    assert values.environment(["EDITOR", "MYLAB_*", "_x"]) == ("EDITOR", "MYLAB_*", "_x")


@pytest.mark.parametrize(
    "name",
    [
        "", "*", "1A", "A B", "A=B", "A*B", "A**", "é", "a\0",
        "PATH", "HOME", "USER", "SHELL", "IFS", "LD_PRELOAD", "LD_*", "L*", "P*", "PYTHONPATH", "PYTHON*", "BASH_ENV",
        "ENV", "E*", "XDG_CONFIG_HOME", "JUPYTER_PATH", "IPYTHONDIR", "BASH_FUNC_x",
    ],
)  # fmt: skip
def test_names_that_a_client_may_not_send(name: str) -> None:
    with pytest.raises(WrongValue):
        values.environment([name])


def test_networks() -> None:
    assert values.networks(["192.0.2.1", "192.0.2.0/24", "2001:db8::/32"]) == (
        "192.0.2.1",
        "192.0.2.0/24",
        "2001:db8::/32",
    )
    for entry in ("localhost", "192.0.2.1/24", "unix", ""):
        with pytest.raises(WrongValue, match="neither an address nor a network"):
            values.networks([entry])


def test_a_list_has_an_end() -> None:
    with pytest.raises(WrongValue, match="101 entries are too many"):
        values.environment(["A"] * 101)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("htop", ("htop",)),
        ("mutt -f '/a b'", ("mutt", "-f", "/a b")),
        (["mutt", "-f", "a|b", ""], ("mutt", "-f", "a|b", "")),
        ("echo $HOME", ("echo", "$HOME")),
    ],
)
def test_commands(value: object, expected: tuple[str, ...]) -> None:
    assert values.command(value) == expected


@pytest.mark.parametrize("value", ["", "  ", [], [""], ["", "x"], "a 'b", 5, ["a", 1], ["a\0"], "a\0"])
def test_what_is_no_command(value: object) -> None:
    with pytest.raises(WrongValue):
        values.command(value)


@pytest.mark.parametrize("text", ["a | b", "a && b", "a > f", "a ; b", "a &"])
def test_a_command_for_a_shell_is_told_how_to_get_one(text: str) -> None:
    with pytest.raises(WrongValue, match="no shell runs the command") as caught:
        values.command(text)
    assert caught.value.remedy == f'write command = ["sh", "-c", "{text}"]'


def test_descriptions() -> None:
    assert values.description("Blätter") == "Blätter"
    for wrong in ("a\nb", "\x1b[2J", "x" * 101, "\u202eabc", 1):
        with pytest.raises(WrongValue):
            values.description(wrong)


def test_roles() -> None:
    assert values.roles(["admin", "admin"]) == frozenset({"admin"})
    for wrong in ([], ["boss"], "admin", [1]):
        with pytest.raises(WrongValue):
            values.roles(wrong)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_quoted_text_is_the_same_for_tomllib(text: str) -> None:
    assert tomllib.loads(f"x = {values.quote(text)}") == {"x": text}
