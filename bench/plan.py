"""What is run: workloads, between whom, how much of it, and how often.

Owns: the tables of both programmes. Must not know: how anything is started or measured.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

from bench.sides import Side

GCM: Final = "aes128-gcm@openssh.com"
CHACHA: Final = "chacha20-poly1305@openssh.com"
CTR: Final = "aes128-ctr"
ETM: Final = "hmac-sha2-256-etm@openssh.com"
X25519: Final = ["curve25519-sha256", "curve25519-sha256@libssh.org"]
MLKEM: Final = ["mlkem768x25519-sha256"]

NACRE: Final = Side("nacre")
NACRE_STREAMS: Final = Side("nacre", "streams")
ASYNCSSH: Final = Side("asyncssh")
ASYNCSSH_STREAMS: Final = Side("asyncssh", "streams")
PARAMIKO: Final = Side("paramiko")
OPENSSH: Final = Side("openssh")


@dataclass(frozen=True)
class Pair:
    """A server, a client, and what differs from the workload's settings for them."""

    server: Side
    client: Side
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return what the table calls it."""
        style = " streams" if "streams" in (self.server.style, self.client.style) else ""
        if self.server.peer == self.client.peer:
            return self.server.peer + style
        return f"{self.client.peer} to {self.server.peer}{style}"


def own(side: Side, **settings: Any) -> Pair:
    """Return a side with itself."""
    return Pair(side, side, settings)


@dataclass(frozen=True)
class Workload:
    """One thing that is measured.

    Attributes:
        name: of the rows.
        does: the method of the clients; "idle", "import" and "paint" are the runner's.
        pairs: in the order of each round.
        settings: for the processes.
        rounds: how often, at the most.
    """

    name: str
    does: str
    pairs: tuple[Pair, ...]
    settings: dict[str, Any]
    rounds: int


def _algorithms(cipher: str = GCM, mac: str | None = None, kex: list[str] = X25519) -> dict[str, Any]:
    return {"encryption_algs": [cipher], "kex_algs": kex} | ({"mac_algs": [mac]} if mac else {})


def _bulk(rounds: int) -> list[Workload]:
    everyone = (
        own(NACRE), own(ASYNCSSH), own(OPENSSH), own(NACRE_STREAMS), own(ASYNCSSH_STREAMS), own(PARAMIKO),
    )  # fmt: skip
    size = {"trial": 32 << 20, "size": 2 << 30, "seconds": 0.6}
    mixed = (Pair(NACRE, OPENSSH), Pair(OPENSSH, NACRE))
    return [
        Workload("bulk aes128-gcm", "bulk", (*everyone, *mixed), size | _algorithms(), rounds),
        # Paramiko has no chacha20-poly1305.
        Workload("bulk chacha20-poly1305", "bulk", everyone[:5], size | _algorithms(CHACHA), rounds - 1),
        Workload("bulk aes128-ctr hmac-etm", "bulk", everyone, size | _algorithms(CTR, ETM), rounds - 1),
    ]


def full() -> list[Workload]:
    """Return the programme of `make bench`: at most eight minutes."""
    peers = (own(NACRE), own(ASYNCSSH), own(PARAMIKO))
    login = {"count": 60, "count_at_once": 96}
    slow = {"count": 12, "count_at_once": 32}  # a process and more for each
    by_ssh = {"count": 15, "count_at_once": 0}
    keys = {"count": 1500}
    load = {"count": 150, "pause": 0.01, "load": 200, "rate": 5}
    return [
        Workload(
            "logins", "logins",
            (*peers, own(OPENSSH, **slow), Pair(NACRE, OPENSSH, by_ssh), Pair(ASYNCSSH, OPENSSH, by_ssh)),
            login | _algorithms(), 5,
        ),
        Workload("logins mlkem768x25519", "logins", peers, login | _algorithms(kex=MLKEM), 3),
        Workload(
            "sessions", "sessions", (*peers, own(OPENSSH, count=20, count_at_once=64)),
            {"count": 400, "count_at_once": 1280} | _algorithms(), 5,
        ),
        *_bulk(4),
        Workload("one-byte messages", "messages", (own(NACRE), own(ASYNCSSH, count=20_000), own(PARAMIKO, count=10_000)),
                 {"count": 100_000} | _algorithms(), 4),
        Workload(
            "key echo", "echo",
            (own(NACRE), own(NACRE_STREAMS), own(ASYNCSSH), own(PARAMIKO), own(OPENSSH)),
            keys | _algorithms(), 5,
        ),
        Workload(
            "key echo beside 200 typing", "echo",
            tuple(Pair(server, OPENSSH) for server in (NACRE, ASYNCSSH, PARAMIKO, OPENSSH)),
            load | _algorithms(), 3,
        ),
        Workload(
            "500 idle connections", "idle",
            tuple(Pair(side, NACRE) for side in (NACRE, NACRE_STREAMS, ASYNCSSH, ASYNCSSH_STREAMS, PARAMIKO, OPENSSH)),
            {"count": 500} | _algorithms(), 1,
        ),
        Workload(
            # How fast they are established is a matter of both ends; how much the server holds is not.
            "2,000 idle connections", "idle",
            (own(NACRE), own(ASYNCSSH), Pair(ASYNCSSH, NACRE), Pair(PARAMIKO, NACRE)),
            {"count": 2000} | _algorithms(), 2,
        ),
        Workload("import", "import", peers, {"count": 5}, 3),
        Workload("first paint of the hub", "paint", (Pair(NACRE, OPENSSH),), {"count": 7}, 1),
    ]  # fmt: skip


def quick() -> list[Workload]:
    """Return the programme of `make bench-quick`: at most two minutes."""
    smaller = {"count": 20, "count_at_once": 32, "seconds": 0.3, "size": 1 << 30, "load": 50}
    chosen = []
    for workload in full():
        if workload.name.startswith(("500", "2,000")):
            pairs = tuple(pair for pair in workload.pairs if pair.server.peer in ("nacre", "asyncssh"))
            if workload.name.startswith("2,000"):
                continue
            chosen.append(replace(workload, pairs=pairs[:3], settings=workload.settings | {"count": 200}))
            continue
        settings = dict(workload.settings)
        for name in settings.keys() & smaller.keys():
            settings[name] = smaller[name]
        if workload.does == "echo":
            settings["count"] = 100 if "load" in settings else 500
        if workload.does == "messages":
            settings["count"] = 50_000
        if workload.does == "sessions":
            settings |= {"count": 100, "count_at_once": 320}
        pairs = tuple(replace(pair, settings=_less(pair.settings)) for pair in workload.pairs)
        if workload.name != "bulk aes128-gcm" and workload.does == "bulk":
            pairs = pairs[:3]
        chosen.append(replace(workload, pairs=pairs, settings=settings, rounds=1))
    return chosen


def _less(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: max(value // 3, 1) if value else value for name, value in settings.items()}
