"""Logins in vain, with each method, of a user who is there and of one who is not, against the clock.

Owns: how each method is tried in vain, the order of the samples, and what they come to. Must not know: how servers
are made, or the table.

That the same work is done is a test (`tests/security/test_equal_work.py`); this is what a clock sees of the rest.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import nacre
from bench.security_actors import Server
from nacre.keys import SSHKeyPair

__all__ = ["HOST", "METHODS", "compared", "in_turn", "refused"]

#: A key that opens nothing, and that of a host which is believed.
STRANGER: Final = nacre.generate_private_key("ssh-ed25519")
HOST: Final = nacre.generate_private_key("ssh-ed25519")
#: Seconds that the samples of one method may take.
LONGEST: Final = 6.0
#: Pairs that there are even where these are over: of fewer there is no spread to speak of.
FEWEST: Final = 5


def _asked_first(key: nacre.SSHKey) -> SSHKeyPair:
    """Return a key as an agent has it: the client asks whether it would do, and does not sign at once."""
    return SSHKeyPair(key.algorithm, key.public_data, key.signing_algorithms, key.sign)


#: What a client has to log in with, all of it wrong: by method, as the table calls it.
METHODS: Final[dict[str, dict[str, Any]]] = {
    "public key query": {"preferred_auth": "publickey", "client_keys": [_asked_first(STRANGER)]},
    "public key signed": {"preferred_auth": "publickey", "client_keys": [STRANGER]},
    "password": {"preferred_auth": "password", "password": "wrong"},
    "keyboard-interactive": {"preferred_auth": "keyboard-interactive", "password": "wrong"},
    "login by host": {
        "preferred_auth": "hostbased",
        "client_host_keys": [HOST],
        "client_host": "h.example",
        "client_username": "mallory",
    },
    # Whose ticket it is, and where, the realm says.
    "GSS-API with a ticket": {"preferred_auth": "gssapi-with-mic"},
    "GSS-API of the key exchange": {"preferred_auth": "gssapi-keyex", "gss_kex": True},
}
_NOTHING: Final[dict[str, Any]] = {
    "known_hosts": None, "agent_path": None, "config": None, "client_keys": None, "gss_host": None,
}  # fmt: skip


async def refused(server: Server, told: dict[str, Any], method: str, name: str) -> float:
    """Try to log in under a name; return how long it took, in seconds.

    Args:
        server: where.
        told: options besides those of the method, of a client that belongs to a realm.
        method: by its name in the table.
        name: of the user.

    Raises:
        nacre.Error: it was no refusal of a login.
        RuntimeError: the login succeeded.
    """
    options = {**_NOTHING, **told, **METHODS[method]}
    began = time.perf_counter()
    try:
        connection = await nacre.connect("127.0.0.1", server.port, username=name, **options)
    except nacre.PermissionDenied:
        return time.perf_counter() - began
    async with connection:
        raise RuntimeError(f"{method} was to be refused")


async def in_turn(
    sample: Callable[[str], Awaitable[float]], known: str, count: int
) -> list[tuple[float, float]]:
    """Return pairs of samples, of the name and of another one of its length; each comes first in every other pair."""
    unknown = f"x{known[1:]}"
    pairs: list[tuple[float, float]] = []
    await sample(known)  # what is loaded once is loaded now
    until = time.monotonic() + LONGEST
    while len(pairs) < count and (len(pairs) < FEWEST or time.monotonic() < until):
        if len(pairs) % 2:
            one = await sample(known)
            pairs.append((one, await sample(unknown)))
        else:
            two = await sample(unknown)
            pairs.append((await sample(known), two))
    return pairs


def compared(pairs: list[tuple[float, float]]) -> str:
    """Return how far the medians are apart, and the mean of the differences with its 95 % interval."""
    medians = [statistics.median(values) for values in zip(*pairs, strict=True)]
    differences = [one - two for one, two in pairs]
    half = 1.96 * statistics.stdev(differences) / len(differences) ** 0.5
    share = abs(medians[0] - medians[1]) / min(medians)
    mean = f"mean {1e6 * statistics.mean(differences):+.0f} ± {1e6 * half:.0f} µs"
    return f"{100 * share:.1f} % of {1e3 * min(medians):.1f} ms, {len(pairs)} pairs ({mean})"
