"""`nacre keyscan`: print the keys that hosts show, as lines of known_hosts, with ssh-keyscan's options.

Owns: the options, the words, and how many hosts are asked at once. Must not know: the protocol.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
from pathlib import Path
from typing import Any, Final

from nacre.cli.parser import Commands, Parser, port

__all__ = ["add"]

_TYPES: Final = {
    "ed25519": ("ssh-ed25519",),
    "ecdsa": ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    "rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
_FAMILIES: Final = {None: socket.AF_UNSPEC, "inet": socket.AF_INET, "inet6": socket.AF_INET6}
_AT_ONCE: Final = 16


def add(commands: Commands) -> None:
    """Add the command."""
    parser: Parser = commands.add_parser(
        "keyscan",
        help="print the keys that hosts show",
        description=(
            "Print the keys that hosts show, as lines of known_hosts. Nobody vouches for them: compare their "
            "fingerprints with what the host's owner says. The options are those of ssh-keyscan(1)."
        ),
    )
    parser.set_defaults(run=_run)
    parser.add_argument(
        "hosts",
        nargs="*",
        metavar="HOST",
        help="names or addresses; several of one host with commas between them",
    )
    parser.add_argument("-4", dest="family", action="store_const", const="inet", help="IPv4 alone")
    parser.add_argument("-6", dest="family", action="store_const", const="inet6", help="IPv6 alone")
    parser.add_argument("-p", dest="port", type=port, default=22, help="the port (22)")
    parser.add_argument(
        "-t", dest="types", type=_types, default=tuple(_TYPES), help="ed25519,ecdsa,rsa (all)"
    )
    parser.add_argument("-T", dest="timeout", type=float, default=5.0, help="seconds for each key (5)")
    parser.add_argument("-H", dest="hashed", action="store_true", help="write names and addresses as hashes")
    parser.add_argument("-D", dest="dns", action="store_true", help="print SSHFP records for the DNS")
    parser.add_argument(
        "-f",
        dest="file",
        help="a file of hosts, one a line, with the names to write behind; - is standard input",
    )


def _types(text: str) -> tuple[str, ...]:
    types = tuple(text.split(","))
    for name in types:
        if name not in _TYPES:
            raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(_TYPES)}")
    return types


def _run(options: argparse.Namespace) -> int:
    from nacre.hub.problem import HubProblem, os_problem

    hosts = list(options.hosts)
    if options.file is not None:
        try:
            text = sys.stdin.read() if options.file == "-" else Path(options.file).read_text(encoding="utf-8")
        except OSError as error:
            raise HubProblem(f"{options.file}: {os_problem(error)}") from None
        hosts += [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not hosts:
        raise HubProblem("no host to ask", "name one, or a file of them with -f")
    return asyncio.run(_scan(hosts, options))


async def _scan(hosts: list[str], options: argparse.Namespace) -> int:
    turns = asyncio.Semaphore(_AT_ONCE)
    found = await asyncio.gather(*(_host(host, options, turns) for host in hosts))
    return 0 if all(found) else 1


async def _host(host: str, options: argparse.Namespace, turns: asyncio.Semaphore) -> bool:
    """Print the keys of one host; return whether there was one.

    Args:
        host: its addresses with commas between them, of which the first that answers counts, and behind a blank the names
            to write, if they are not the addresses.
        options: of the command.
        turns: taken for each connection.
    """
    addresses, _, rest = host.replace("\t", " ").partition(" ")
    names = (rest.strip() or addresses).split(",")
    failure = ""
    for address in addresses.split(","):
        found, why = await _address(address, names, options, turns)
        if found:
            return True
        failure = why or failure
    sys.stderr.write(f"nacre: {host}: {failure or 'it has no key of these types'}\n")
    return False


async def _address(
    address: str, names: list[str], options: argparse.Namespace, turns: asyncio.Semaphore
) -> tuple[bool, str]:
    """Print the keys that an address shows; return whether there was one, and else why there is none."""
    from nacre.cli.output import say

    found = False
    failure = ""
    for name in options.types:
        async with turns:
            key, why = await _key(address, name, options)
        if key is not None:
            found = True
            for line in (line for shown in names for line in _lines(shown, key, options)):
                say(line)
        failure = why or failure
    return found, failure


def _lines(host: str, key: Any, options: argparse.Namespace) -> list[str]:
    """Return what is printed for a key."""
    from nacre import known_hosts, sshfp

    if options.dns:
        return sshfp.record_lines(host, key)
    salt = known_hosts.salt() if options.hashed else None
    return [known_hosts.known_hosts_line(host, options.port, key, salt)]


async def _key(host: str, name: str, options: argparse.Namespace) -> tuple[Any, str]:
    """Return the key of one type, or None and why there is none."""
    import nacre
    from nacre.hub.problem import one_line, os_problem

    try:
        async with asyncio.timeout(options.timeout):
            return await nacre.get_server_host_key(
                host,
                options.port,
                server_host_key_algs=list(_TYPES[name]),
                config=None,
                family=_FAMILIES[options.family],
            ), ""
    except TimeoutError:
        return None, f"no answer within {options.timeout:g} s"
    except nacre.KeyExchangeFailed:
        return None, ""
    except OSError as error:
        # asyncio has words of its own for what the system says; a resolver's numbers are below zero.
        number = error.errno or 0
        return None, os.strerror(number) if number > 0 else os_problem(error)
    except nacre.Error as error:
        return None, one_line(str(error))
