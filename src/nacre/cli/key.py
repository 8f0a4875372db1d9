"""`nacre hub key add|list|remove`.

Owns: the options and the words. Must not know: how it is done; `nacre.hub.operations` does.
"""

from __future__ import annotations

import argparse
import base64
from collections.abc import Iterable

from nacre.cli.parser import Commands, add_command, add_json

__all__ = ["add", "key_arguments"]


def add(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "key", help="add, list and remove users' keys", description="Users' public keys."
    )
    below = parser.add_subparsers(metavar="COMMAND", required=True)

    adding = add_command(below, "add", "bind a public key to a user", _add)
    adding.add_argument("user", metavar="USER")
    adding.add_argument(
        "key", metavar="FILE|-|LINE", nargs="+", help="a .pub file, standard input, or the line of a key"
    )

    listing = add_command(below, "list", "list the keys of a user, or of all", _list)
    listing.add_argument("user", metavar="USER", nargs="?")
    add_json(listing)

    removing = add_command(below, "remove", "take a key from a user", _remove)
    removing.add_argument("user", metavar="USER")
    removing.add_argument("key", metavar="KEY", help="its number or its fingerprint, as listed")


def key_arguments(sources: Iterable[str]) -> list[dict[str, str]]:
    """Return the keys of some arguments in the form that the operations take. HubProblem for a bad one."""
    from nacre.hub.keyfile import read_keys

    return [
        {"blob": base64.b64encode(key.blob).decode("ascii"), "comment": key.comment}
        for source in sources
        for key in read_keys(source)
    ]


def _add(options: argparse.Namespace) -> int:
    from nacre.cli.backend import perform
    from nacre.cli.output import say

    # A line that was not quoted comes in several words.
    sources = [" ".join(options.key)] if options.key[0].startswith(("ssh-", "ecdsa-", "sk-")) else options.key
    arguments = {"name": options.user, "keys": key_arguments(sources)}
    for key in perform(options, "key.add", arguments):
        say(f"added {key['algorithm']} {key['fingerprint']} to {key['user']}")
    return 0


def _list(options: argparse.Namespace) -> int:
    from nacre.cli.backend import perform
    from nacre.cli.output import say_json, say_table, when

    keys = perform(options, "key.list", {"name": options.user})
    if options.json:
        say_json(keys)
        return 0
    rows = [{**key, "added": when(key["added"])} for key in keys]
    say_table(rows, ("number", "user", "algorithm", "fingerprint", "added", "comment"), "no key yet")
    return 0


def _remove(options: argparse.Namespace) -> int:
    from nacre.cli.backend import perform
    from nacre.cli.output import say

    key = perform(options, "key.remove", {"name": options.user, "key": options.key})
    say(f"removed {key['algorithm']} {key['fingerprint']} from {key['user']}")
    return 0
