"""The parser of the command line, and the options that several commands share.

Owns: that a mistake in the usage costs one line, and how a value of an option is read. Must not
know: any command.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

__all__ = ["Command", "Commands", "Parser", "add_command", "add_json", "add_state", "duration", "port"]

Command = Callable[[argparse.Namespace], int]
#: What `add_subparsers` returns; argparse gives it no public name.
Commands = Any


class Parser(argparse.ArgumentParser):
    """A parser that takes options in full only, and complains in one line."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("allow_abbrev", False)
        super().__init__(**settings)

    #: Options of one letter whose value may begin with a dash, as for getopt(3).
    takes_dashes: frozenset[str] = frozenset()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Read the arguments; a value of `takes_dashes` is one whatever it begins with."""
        if args is not None and self.takes_dashes:
            joined: list[str] = []
            words = iter(args)
            for word in words:
                value = next(words, None) if word in self.takes_dashes else None
                joined.append(word if value is None or not value.startswith("-") else word + value)
                if value is not None and not value.startswith("-"):
                    joined.append(value)
            args = joined
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """End with status 2 and one line."""
        line = " ".join(message.split())
        self.exit(2, f"nacre: {line}; see {self.prog} --help\n")


def add_state(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which hub is meant.

    They can stand before or behind the name of a subcommand, so an absent one leaves no default
    that would cover the other place.
    """
    parser.add_argument(
        "--state", metavar="DIR", default=argparse.SUPPRESS, help="where the hub keeps its state"
    )
    parser.add_argument(
        "--config", metavar="FILE", default=argparse.SUPPRESS, help="the configuration (STATE/hub.toml)"
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json` to a command that lists."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def add_command(commands: Commands, name: str, text: str, run: Command) -> Parser:
    """Add a command that does something, with the options of `add_state`.

    Args:
        commands: to add it to.
        name: of the command.
        text: its help, a sentence without a full stop.
        run: takes the parsed options and returns the exit status.
    """
    parser: Parser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.set_defaults(run=run)
    add_state(parser)
    return parser


def duration(text: str) -> float:
    """Read the value of an option that is a duration."""
    from nacre.hub.durations import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}: write 90s, 2h or 7d") from None


def port(text: str) -> int:
    """Read the value of an option that is a port."""
    if text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= 65535:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port: write a number from 0 to 65535")
