"""A realm of Kerberos for the logins by GSS-API of `bench.security`, as the tests have one.

Owns: the realm while it is measured in, its principals, and what of them server and client are told. Must not
know: what is measured.

Nobody of the realm is let in: the ticket is that of a principal who is not the user, as a password is wrong.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.security_actors import Absent
from bench.sides import program

__all__ = ["STRANGER", "Told", "client_options", "realm", "server_options"]

STRANGER: Final = "mallory"
_PROGRAMS: Final = ("krb5kdc", "kdb5_util", "kadmin.local", "kinit")


@dataclass(frozen=True)
class Told:
    """What both ends are told: the options of `listen`, and those of `connect`."""

    server: dict[str, Any]
    client: dict[str, Any]


def server_options(made: Any) -> dict[str, Any]:
    """Return the options of a server that has a key in a realm."""
    return {"gss_host": "localhost", "gss_store": str(made.keytab("host/localhost")), "gss_kex": True}


def client_options(made: Any, principal: str = STRANGER) -> dict[str, Any]:
    """Return the options of a client with the ticket of a principal."""
    return {"gss_host": "localhost", "gss_store": str(made.tickets(principal))}


@contextmanager
def realm() -> Iterator[Told]:
    """Start a realm, to which this process and all that it starts belong meanwhile. Absent: it cannot be."""
    if importlib.util.find_spec("gssapi") is None or None in map(program, _PROGRAMS):
        raise Absent("Kerberos")
    from tests.support.kerberos import Realm

    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="bench-realm-") as place, Realm(Path(place)) as made:
        os.environ.update(made.environment)
        try:
            yield Told(server_options(made), client_options(made))
        finally:
            os.environ.clear()
            os.environ.update(before)
