"""`nacre hub session list|end`.

Owns: the options and the words. Must not know: how it is done; `nacre.hub.operations` does.
"""

from __future__ import annotations

import argparse

from nacre.cli.parser import Commands, add_command, add_json

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("session", help="list and end running sessions", description="What runs.")
    below = parser.add_subparsers(metavar="COMMAND", required=True)
    listing = add_command(below, "list", "list the running sessions", _list)
    add_json(listing)
    ending = add_command(below, "end", "end a running session", _end)
    ending.add_argument("id", metavar="ID", help="as listed")


def _list(options: argparse.Namespace) -> int:
    from nacre.cli.backend import perform
    from nacre.cli.output import say_json, say_table, when

    sessions = perform(options, "session.list", {})
    if options.json:
        say_json(sessions)
        return 0
    rows = [{**session, "started": when(session["started"])} for session in sessions]
    say_table(rows, ("id", "user", "app", "state", "started", "pid"), "no session runs")
    return 0


def _end(options: argparse.Namespace) -> int:
    from nacre.cli.backend import perform
    from nacre.cli.output import say

    ended = perform(options, "session.end", {"id": options.id})
    say(f"ended session {ended['id']}")
    return 0
