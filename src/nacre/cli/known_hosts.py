"""What `nacre keygen` does with known_hosts files and host keys: find, hash, forget, print DNS records.

Owns: the options and the words, which are ssh-keygen's. Must not know: the format of the file; the library does.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

__all__ = ["ACTIONS", "add_options"]

#: The keys of a host, where -r is told no file.
_HOST_KEYS: Final = tuple(f"/etc/ssh/ssh_host_{kind}_key.pub" for kind in ("rsa", "ecdsa", "ed25519"))


class _OfHost(argparse.Action):
    """Chooses the action of the option's letter, and keeps its host."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        assert option_string is not None
        namespace.action, namespace.host = option_string[1], values


def add_options(parser: argparse.ArgumentParser, does: Any) -> None:
    """Add the options.

    Args:
        parser: of `nacre keygen`.
        does: its group of options of which there is one.
    """
    parser.add_argument(
        "-F",
        dest="find",
        metavar="HOST",
        help="print the lines of known_hosts for HOST, with -l their fingerprints; 1 if there is none",
    )
    does.add_argument(
        "-R", dest="host", action=_OfHost, metavar="HOST", help="take the keys of HOST out of known_hosts"
    )
    parser.add_argument(
        "-r",
        dest="records",
        metavar="HOST",
        help="print the SSHFP records of a host key, to be put into the DNS under HOST; -Y verify: a revocation list",
    )
    does.add_argument(
        "-H",
        dest="action",
        action="store_const",
        const="H",
        help="replace the names of hosts in known_hosts by hashes",
    )
    parser.add_argument("-g", dest="generic", action="store_true", help="-r: in the form of any DNS server")


def _path(options: argparse.Namespace) -> Path:
    return Path(options.file or "~/.ssh/known_hosts").expanduser()


def _find(options: argparse.Namespace, nacre: Any) -> int:
    from nacre import known_hosts
    from nacre.cli.output import say

    found = known_hosts.find_host(known_hosts.read_text(_path(options)), options.find)
    marks = {"@cert-authority": "CA", "@revoked": "REVOKED"}
    for entry in found:
        assert entry.line is not None  # it was found for what it says
        mark = marks.get(entry.line.marker.value, "")
        say(f"# Host {options.find} found: line {entry.number} {mark}")
        key = entry.line.key()
        if options.action != "l":
            say(entry.text)
        elif key is not None:
            kind = key.get_algorithm().removeprefix("ssh-").partition("-")[0].upper()
            comment = entry.comment()
            shown = f"{options.find} {kind} {key.get_fingerprint(options.hash)}"
            say(f"{shown} {comment}" if comment else shown)
    return 0 if found else 1


def _tell_changed(path: Path, old: Path) -> None:
    from nacre.cli.output import say

    say(f"{path} updated.")
    say(f"Original contents retained as {old}")


def _forget(options: argparse.Namespace, nacre: Any) -> int:
    from nacre import known_hosts
    from nacre.cli.output import say

    path = _path(options)
    gone, old = known_hosts.forget_host(path, options.host)
    for number in gone:
        say(f"# Host {options.host} found: line {number}")
    if old is None:
        say(f"Host {options.host} not found in {path}")
    else:
        _tell_changed(path, old)
    return 0


def _hash(options: argparse.Namespace, nacre: Any) -> int:
    from nacre import known_hosts
    from nacre.cli.output import say

    path = _path(options)
    kept, old = known_hosts.hash_names(path)
    for number in kept:
        say(f"{path}:{number}: a pattern cannot be hashed, and stays as it is")
    if old is not None:
        _tell_changed(path, old)
        say(f"WARNING: {old} still has the names; delete it")
    return 0


def _records(options: argparse.Namespace, nacre: Any) -> int:
    from nacre import sshfp
    from nacre.cli.output import say

    files = [options.file] if options.file else [name for name in _HOST_KEYS if Path(name).exists()]
    if not files:
        raise ValueError("-r takes the host's public key from -f: there is none in /etc/ssh")
    for name in files:
        for line in sshfp.record_lines(options.records, nacre.read_public_key(name), options.generic):
            say(line)
    return 0


ACTIONS: Final[dict[str | None, Callable[[argparse.Namespace, Any], int]]] = {
    "F": _find,
    "H": _hash,
    "R": _forget,
    "r": _records,
}
