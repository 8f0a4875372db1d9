"""The command line `nacre`: its parser, and how a command ends.

Owns: the top of the parser, exit statuses, and that a person's mistake costs one line and no
traceback. Must not know: what the commands do; each has a file of its own here.

Exit status: 0 done, 1 refused or failed, 2 not understood, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final

from nacre._version import __version__
from nacre.cli import agent, hub, keygen, keyscan
from nacre.cli.parser import Parser

__all__ = ["main", "make_parser"]

#: What a shell reports for a program that SIGINT ended.
INTERRUPTED: Final = 130


def make_parser() -> Parser:
    """Return the parser of the whole command line."""
    parser = Parser(
        prog="nacre", description="SSH for Python, and a hub that serves terminal programs over it."
    )
    parser.add_argument("--version", action="version", version=f"nacre {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (agent, hub, keygen, keyscan):
        module.add(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: without the program's name; None takes them from the process.

    Returns:
        The exit status.
    """
    parser = make_parser()
    try:
        options = parser.parse_args(arguments)
    except SystemExit as end:
        # argparse has said what there is to say.
        return end.code if isinstance(end.code, int) else 2
    try:
        return _run(options)
    except BrokenPipeError:
        # The reader of our output has seen enough; the interpreter must not fail at its last flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(options: object) -> int:
    if getattr(options, "linux_only", False) and sys.platform != "linux":
        sys.stderr.write("nacre: the hub runs on Linux only; the library, import nacre, runs here too\n")
        return 1
    from nacre.hub.problem import HubProblem

    try:
        status = options.run(options)  # type: ignore[attr-defined]  # each command sets it on its parser
    except HubProblem as problem:
        sys.stderr.write(f"nacre: {problem}\n")
        return 1
    sys.stdout.flush()
    return int(status)
