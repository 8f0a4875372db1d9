"""`make bench-scale`: what one more connection, channel or byte costs nacre when there are few, and when there are many.

Owns: the sizes, what is told of each, and its table. Must not know: how a workload is done.

    python -m bench.scale [--small] [--only TEXT] [--report ROWS]

Nothing is compared with peers here: a row is to be compared with the one above it. Costs are to stay as they
are from row to row, and memory with them.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench import measure
from bench.__main__ import machine
from bench.plan import GCM, NACRE, X25519
from bench.report import number, read
from bench.sides import ROOT, Failed, Place, Worker, versions

_BEGIN: Final = "<!-- scale: begin -->"
_END: Final = "<!-- scale: end -->"
#: Seconds for one size, on a machine that is slow.
_PATIENCE: Final = 900.0
#: Seconds that connections and channels are left alone while their CPU is looked at.
_REST: Final = 3.0
_MIB: Final = 1 << 20

Metrics = dict[str, float]


@dataclass(frozen=True)
class Part:
    """One of the three tables.

    Attributes:
        name: what there is more and more of.
        sizes: of its rows; the small ones show that it works.
        columns: metric and title.
    """

    name: str
    measure: Callable[[Place, int], Metrics]
    sizes: tuple[int, ...]
    small: tuple[int, ...]
    columns: tuple[tuple[str, str], ...]


def _settings(place: Place, workload: str, **more: Any) -> dict[str, Any]:
    chosen = {"encryption_algs": [GCM], "kex_algs": X25519, "workload": workload}
    return place.settings(NACRE, NACRE, **chosen, **more)


def _rest(pid: int) -> float:
    """Return the cores that a process uses while nothing is asked of it."""
    begin, cpu = time.monotonic(), measure.cpu(pid)
    time.sleep(_REST)
    return (measure.cpu(pid) - cpu) / (time.monotonic() - begin)


def _next(client: Worker) -> dict[str, Any]:
    return client.line(_PATIENCE)


def connections(place: Place, count: int) -> Metrics:
    """Hold connections with a terminal each."""
    with place.serving(NACRE, _settings(place, "hold", count=count)) as told:
        pid = told["server_pid"]
        with place.running("face_client", told) as client:
            _next(client)
            before = measure.memory_kib(pid, shared=False)
            client.go_on()
            _next(client)
            busy = _rest(pid)
            after = measure.memory_kib(pid, shared=False)
            client.go_on()
            found: Metrics = _next(client)["metrics"]
    if found["alive"] != count:
        raise Failed(f"{found['alive']:.0f} of {count} connections were left")
    return found | {"kib_each": (after - before) / count, "idle_cores": busy, "all_mib": after / 1024}


def channels(place: Place, count: int) -> Metrics:
    """Hold sessions of one connection, and type on each."""
    with place.serving(NACRE, _settings(place, "channels", count=count)) as told:
        pid = told["server_pid"]
        with place.running("face_client", told) as client:
            _next(client)
            before = measure.memory_kib(pid, shared=False)
            client.go_on()
            _next(client)
            busy = _rest(pid)
            after = measure.memory_kib(pid, shared=False)
            client.go_on()
            found: Metrics = _next(client)["metrics"]
    return found | {"kib_each": (after - before) / count, "idle_cores": busy}


def octets(place: Place, size: int) -> Metrics:
    """Move so many bytes each way, with new keys after each GiB."""
    with (
        place.serving(
            NACRE, _settings(place, "amount", size=size, data="/dev/zero", rekey_bytes=1 << 30)
        ) as told,
        place.running("face_client", told) as client,
    ):
        found: Metrics = _next(client)["metrics"]
        found["server_peak_kib"] = measure.peak_kib(told["server_pid"])
    return found


PARTS: Final = (
    Part(
        "connections", connections, (100, 500, 2000, 8000), (10, 20),
        (("per_s", "established/s"), ("login_server_cpu_ms", "server CPU a login, ms"), ("login_client_cpu_ms", "client CPU, ms"),
         ("kib_each", "KiB each"), ("all_mib", "server in all, MiB"), ("idle_cores", "idle CPU, cores")),
    ),
    Part(
        "channels", channels, (1, 64, 1024), (1, 8),
        (("open_server_cpu_us", "server CPU an open, µs"), ("open_client_cpu_us", "client CPU, µs"), ("kib_each", "KiB each"),
         ("key_server_cpu_us", "server CPU a key, µs"), ("key_client_cpu_us", "client CPU, µs"), ("idle_cores", "idle CPU, cores")),
    ),
    Part(
        "bytes", octets, (_MIB, 1 << 30, 20 << 30), (_MIB, 8 * _MIB),
        (("down_MBps", "down, MB/s"), ("up_MBps", "up, MB/s"), ("down_sender_us", "down: sender, µs/32 KiB"),
         ("down_receiver_us", "receiver"), ("up_sender_us", "up: sender"), ("up_receiver_us", "receiver"),
         ("server_peak_kib", "server peak, KiB"), ("client_peak_kib", "client peak, KiB")),
    ),
)  # fmt: skip


def size_of(part: Part, size: int) -> str:
    """Return how the table calls a size."""
    if part.name != "bytes":
        return f"{size:,}"
    return f"{size >> 30} GiB" if size >= 1 << 30 else f"{size >> 20} MiB"


def text(results: Path) -> str:
    """Return the tables as Markdown."""
    head, rows = read(results)
    who = ", ".join(f"{name} {head['versions'][name]}" for name in ("python", "cryptography", "nacre"))
    lines = [
        f"Measured {head['date'][:16].replace('T', ' ')} UTC on {head['machine']}; load before: {head['load']:.1f}.",
        f"Versions: {who}.",
    ]  # fmt: skip
    for part in PARTS:
        found = [row for row in rows if row["part"] == part.name]
        if not found:
            continue
        lines += ["", f"| {part.name} | " + " | ".join(title for _, title in part.columns) + " |"]
        lines.append("|---|" + "---|" * len(part.columns))
        for row in found:
            metrics = row.get("metrics", {})
            cells = [number(metrics[name]) if name in metrics else "–" for name, _ in part.columns]
            lines.append(f"| {size_of(part, row['size'])} | " + " | ".join(cells) + " |")
    failures = [
        f"{row['part']}, {row['size']}: {row['failed'].splitlines()[0]}" for row in rows if "failed" in row
    ]
    if failures:
        lines += ["", "Not measured: " + "; ".join(failures) + "."]
    return "\n".join(lines) + "\n"


def write(document: Path, results: Path) -> None:
    """Put the tables of a run into the document, between the marks."""
    before, _, rest = document.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    rows = results.relative_to(document.parent.parent)
    document.write_text(f"{before}{_BEGIN}\n{text(results)}\nThe raw rows are in `{rows}`.\n{_END}{after}")


def run(parts: Sequence[Part], results: Path, *, small: bool) -> bool:
    """Measure each size once, write the rows; return whether all went well."""
    well = True
    measure.allow_many_files()
    with Place() as place, results.open("a") as file:
        for part in parts:
            for size in part.small if small else part.sizes:
                begin = time.monotonic()
                row: dict[str, Any] = {"part": part.name, "size": size}
                try:
                    row["metrics"] = part.measure(place, size)
                except (Failed, OSError, ValueError) as error:
                    row["failed"] = str(error)
                    well = False
                row["seconds"] = round(time.monotonic() - begin, 2)
                measure.say(f"{row['seconds']:6.1f} s  {part.name}, {size:,} {row.get('failed', '')}")
                file.write(json.dumps(row) + "\n")
                file.flush()
    return well


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--small", action="store_true", help="small sizes: whether it works")
    parser.add_argument("--only", default="", metavar="TEXT", help="connections, channels or bytes")
    parser.add_argument("--report", metavar="ROWS", type=Path, help="write the table of rows that are there")
    chosen = parser.parse_args()
    document = ROOT / "docs" / "benchmarks.md"
    if chosen.report:
        write(document, chosen.report.resolve())
        return 0
    parts = [part for part in PARTS if chosen.only in part.name]
    if not parts:
        parser.error(f"there is no {chosen.only!r}: connections, channels, bytes")
    now = dt.datetime.now(dt.UTC)
    kind = "-part" if chosen.only or chosen.small else ""
    results = ROOT / "bench" / "results" / f"{now:%Y%m%d-%H%M%S}-scale{kind}.jsonl"
    head = {
        "date": now.isoformat(timespec="seconds"), "machine": machine(), "versions": versions(),
        "load": os.getloadavg()[0],
    }  # fmt: skip
    results.write_text(json.dumps(head) + "\n")
    well = run(parts, results, small=chosen.small)
    sys.stdout.write(text(results))
    measure.say(f"\nrows: {results.relative_to(ROOT)}")
    if not kind:
        write(document, results)
        measure.say(f"table: {document.relative_to(ROOT)}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
