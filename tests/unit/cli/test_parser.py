"""The parser's rules: options in full, values read once, options at either place."""

from __future__ import annotations

import argparse

import pytest

from nacre.cli.parser import Parser, add_command, add_json, add_state, duration, port


def parser() -> Parser:
    top = Parser(prog="nacre")
    add_state(top)
    command = add_command(top.add_subparsers(), "list", "list things", lambda options: 0)
    add_json(command)
    return top


@pytest.mark.parametrize("arguments", [["--state", "/s", "list"], ["list", "--state", "/s"]])
def test_the_state_can_stand_before_or_behind(arguments: list[str]) -> None:
    assert parser().parse_args(arguments).state == "/s"


def test_what_was_not_given_is_not_there() -> None:
    options = parser().parse_args(["list"])
    assert not hasattr(options, "state")
    assert not hasattr(options, "config")
    assert options.json is False
    assert options.run(options) == 0


def test_the_nearer_one_wins() -> None:
    assert parser().parse_args(["--state", "/a", "list", "--state", "/b"]).state == "/b"


def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parser().parse_args(["list", "--js"])
    assert caught.value.code == 2
    assert capsys.readouterr().err == "nacre: unrecognized arguments: --js; see nacre --help\n"
    with pytest.raises(SystemExit):
        parser().error("several\nlines")
    assert capsys.readouterr().err == "nacre: several lines; see nacre --help\n"


def test_values() -> None:
    assert duration("1h30m") == 5400.0
    assert (port("0"), port("65535")) == (0, 65535)
    for text in ("", "-1", "65536", "٣", "8022x", "999999"):
        with pytest.raises(argparse.ArgumentTypeError, match="is not a port"):
            port(text)
    with pytest.raises(argparse.ArgumentTypeError, match="'x' is not a duration: write 90s"):
        duration("x")
