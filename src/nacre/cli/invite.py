"""`nacre hub invite`: a code for somebody to come in with, once.

Owns: the options and the words. Must not know: how it is done; `nacre.hub.operations` does.
"""

from __future__ import annotations

import argparse
import sys

from nacre.cli.parser import Commands, add_command, duration

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "invite", "make a code for somebody to come in with", _invite)
    parser.add_argument("--user", metavar="NAME", help="who it is for (its user chooses a name)")
    parser.add_argument("--role", metavar="ROLE", default="user", help="user or admin (user)")
    parser.add_argument("--uses", metavar="N", type=int, default=1, help="how many may use it (1)")
    parser.add_argument(
        "--expires", metavar="TIME", type=duration, default=7 * 86400.0, help="how long it is valid (7d)"
    )


def _invite(options: argparse.Namespace) -> int:
    from nacre.cli.backend import perform
    from nacre.cli.output import say
    from nacre.hub.durations import format_duration

    arguments = {
        "user": options.user,
        "role": options.role,
        "uses": options.uses,
        "expires": options.expires,
        # The first one makes the administrator: not into a file, a log or a pipe.
        "terminal": sys.stdout.isatty(),
    }
    invite = perform(options, "invite.create", arguments, make_state=True)
    valid = format_duration(round(invite["expires"] - invite["created"]))
    if invite["first"]:
        say(f"Become the administrator, within {valid}:   {invite['type']}")
        return 0
    who = "a user of any name" if invite["user"] is None else invite["user"]
    say(f"For {who}, role {invite['role']}, uses: {invite['uses']}, valid {valid}:   {invite['type']}")
    return 0
