"""`nacre hub`: run the hub. Below it stand the commands that administer one.

Owns: the options of the hub itself. Must not know: how the hub works.
"""

from __future__ import annotations

import argparse

from nacre.cli import check, invite, key, session, user
from nacre.cli.parser import Commands, Parser, add_state, port

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the command and all below it."""
    parser: Parser = commands.add_parser(
        "hub",
        help="run the hub, or administer it",
        description="Run the hub in the foreground, until Ctrl-C or TERM; or, with a command, administer it.",
    )
    parser.set_defaults(run=_run, linux_only=True)
    add_state(parser)
    parser.add_argument("--listen", metavar="HOST[:PORT]", help="the address to listen on (127.0.0.1:8022)")
    parser.add_argument("--port", metavar="PORT", type=port, help="the port to listen on")
    below = parser.add_subparsers(title="administration", metavar="COMMAND")
    for module in (user, key, invite, session, check):
        module.add(below)


def _run(options: argparse.Namespace) -> int:
    from nacre.hub.app import run
    from nacre.hub.ground import HubOptions

    return run(
        HubOptions(
            state=getattr(options, "state", None),
            listen=options.listen,
            port=options.port,
            config=getattr(options, "config", None),
        )
    )
