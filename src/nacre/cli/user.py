"""`nacre hub user add|list|remove`.

Owns: the options and the words. Must not know: how it is done; `nacre.hub.operations` does.
"""

from __future__ import annotations

import argparse

from nacre.cli.parser import Commands, add_command, add_json

__all__ = ["add"]


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser("user", help="add, list and remove users", description="Who may come in.")
    below = parser.add_subparsers(metavar="COMMAND", required=True)

    adding = add_command(below, "add", "let somebody in", _add)
    adding.add_argument("name", metavar="NAME", help="1 to 32 of a-z, 0-9, '_', '.' and '-'")
    adding.add_argument(
        "--key",
        metavar="FILE|LINE",
        action="append",
        default=[],
        help="a public key: a .pub file, its line in quotes, or - (may be given again)",
    )
    adding.add_argument("--role", metavar="ROLE", default="user", help="user or admin (user)")

    listing = add_command(below, "list", "list the users", _list)
    add_json(listing)

    removing = add_command(below, "remove", "end a user's sessions and let the user in no more", _remove)
    removing.add_argument("name", metavar="NAME")
    removing.add_argument("--delete-home", action="store_true", help="delete the user's files as well")


def _add(options: argparse.Namespace) -> int:
    from nacre.cli.backend import perform
    from nacre.cli.key import key_arguments
    from nacre.cli.output import say

    keys = key_arguments(options.key)
    arguments = {"name": options.name, "role": options.role, "keys": keys}
    user = perform(options, "user.add", arguments, make_state=True)
    say(f"added {user['name']}, role {user['role']}, {len(keys)} key{'' if len(keys) == 1 else 's'}")
    if user["returned"]:
        say(f"  {user['name']} was here before, and has the home of then again")
    if not keys:
        say(f"  no way in yet: nacre hub key add {user['name']} FILE")
    return 0


def _list(options: argparse.Namespace) -> int:
    from nacre.cli.backend import perform
    from nacre.cli.output import say_json, say_table, when

    users = perform(options, "user.list", {})
    if options.json:
        say_json(users)
        return 0
    rows = [{**user, "created": when(user["created"])} for user in users]
    say_table(rows, ("name", "role", "keys", "uid", "created"), "no user yet")
    return 0


def _remove(options: argparse.Namespace) -> int:
    from nacre.cli.backend import perform
    from nacre.cli.output import say

    arguments = {"name": options.name, "delete_home": options.delete_home}
    removed = perform(options, "user.remove", arguments)
    count = removed["sessions"]
    say(f"removed {removed['name']}; sessions ended: {count}")
    if removed["home"] is None:
        say("  there was no home")
    elif removed["deleted"]:
        say(f"  deleted the home {removed['home']}")
    else:
        say(f"  the home stays: {removed['home']}")
    return 0
