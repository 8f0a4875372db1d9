"""Rows to the table of docs/benchmarks.md, and to its plot.

Owns: which metrics are shown, and how; the marks between which the document is ours. Must not know: how they
were measured.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bench import plot

_BEGIN: Final = "<!-- measured: begin -->"
_END: Final = "<!-- measured: end -->"

#: For each kind of workload, by the beginning of its name: the columns, metric and title.
COLUMNS: Final[tuple[tuple[str, tuple[tuple[str, str], ...]], ...]] = (
    ("logins", (
        ("p50_ms", "p50, ms"), ("p99_ms", "p99, ms"), ("login_server_cpu_ms", "server CPU, ms"),
        ("login_client_cpu_ms", "client CPU, ms"), ("at_once_per_s", "16 at once, /s"),
        ("server_peak_kib", "server peak, KiB"),
    )),
    ("sessions", (
        ("per_s", "in sequence, /s"), ("at_once_per_s", "32 in flight, /s"), ("session_server_cpu_us", "server CPU, µs"),
        ("session_client_cpu_us", "client CPU, µs"), ("server_peak_kib", "server peak, KiB"),
    )),
    ("bulk", (
        ("down_MBps", "down, MB/s"), ("up_MBps", "up, MB/s"), ("down_sender_us", "down: sender, µs/32 KiB"),
        ("down_receiver_us", "receiver"), ("up_sender_us", "up: sender"), ("up_receiver_us", "receiver"),
        ("server_peak_kib", "server peak, KiB"), ("client_peak_kib", "client peak, KiB"),
    )),
    ("one-byte", (
        ("per_s", "messages/s"), ("message_client_cpu_us", "sender CPU, µs"), ("message_server_cpu_us", "receiver CPU, µs"),
    )),
    ("key echo", (
        ("p50_us", "p50, µs"), ("p99_us", "p99, µs"), ("key_server_cpu_us", "server CPU a key, µs"),
        ("key_client_cpu_us", "client CPU a key, µs"),
    )),
    ("500", (("kib_each", "KiB each"), ("per_s", "established/s"), ("idle_cores", "idle CPU, cores"),
             ("login_server_cpu_ms", "server CPU a login, ms"))),
    ("2,000", (("kib_each", "KiB each"), ("per_s", "established/s"), ("idle_cores", "idle CPU, cores"),
               ("all_mib", "server in all, MiB"), ("login_server_cpu_ms", "server CPU a login, ms"),
               ("login_client_cpu_ms", "client CPU, ms"))),
    ("import", (("wall_ms", "import, ms"), ("cpu_ms", "CPU, ms"), ("used_wall_ms", "and the names a program begins with, ms"),
                ("used_cpu_ms", "CPU, ms"))),
    ("first paint", (("new_p50_ms", "new session, ms"), ("back_p50_ms", "back to a session, ms"),
                     ("new_server_cpu_ms", "hub CPU, ms"))),
)  # fmt: skip


def read(results: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what was said of a run, and its rows."""
    head, *rows = [json.loads(line) for line in results.read_text().splitlines()]
    return head, rows


def number(value: float) -> str:
    """Return a number with three digits that count."""
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}"


def cell(values: Sequence[float]) -> str:
    """Return the median, and the range where there is more than one value."""
    if not values:
        return "–"
    middle = number(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({number(min(values))}–{number(max(values))})"


def collect(rows: list[dict[str, Any]]) -> dict[str, dict[str, list[dict[str, float]]]]:
    """Return the metrics of all rounds by workload and pair, in the order they came."""
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    for row in rows:
        rounds = found.setdefault(row["workload"], {}).setdefault(row["pair"], [])
        if "metrics" in row:
            rounds.append(row["metrics"])
    return found


def columns_of(workload: str) -> tuple[tuple[str, str], ...]:
    """Return what is shown of a workload."""
    return next(columns for begin, columns in COLUMNS if workload.startswith(begin))


def text(results: Path) -> str:
    """Return the tables as Markdown."""
    head, rows = read(results)
    versions = ", ".join(f"{name} {value}" for name, value in head["versions"].items())
    lines = [
        f"Measured {head['date'][:16].replace('T', ' ')} UTC on {head['machine']}; load before: {head['load']:.1f}.",
        f"Versions: {versions}.",
        f"Left out: {'; '.join(head['left_out'])}.",
    ]
    absent = [f"{name} ({value})" for name, value in head["versions"].items() if value == "missing"]
    if absent:
        lines.append(f"**Not there, and so not in the tables:** {', '.join(absent)}.")
    for workload, pairs in collect(rows).items():
        columns = columns_of(workload)
        most = max((len(rounds) for rounds in pairs.values()), default=0)
        disturbed = [
            value
            for rounds in pairs.values()
            for found in rounds
            for name, value in found.items()
            if name.endswith("_others")
        ]
        aside = f"; others used {statistics.median(disturbed):.1f} cores meanwhile" if disturbed else ""
        lines += ["", f"### {workload}", "", f"{most} round{'s' if most != 1 else ''}{aside}.", ""]
        lines.append("| | " + " | ".join(title for _, title in columns) + " |")
        lines.append("|---|" + "---|" * len(columns))
        for pair, rounds in pairs.items():
            cells = [cell([found[name] for found in rounds if name in found]) for name, _ in columns]
            lines.append(f"| {pair} | " + " | ".join(cells) + " |")
    failures = [
        f"{row['workload']}, {row['pair']}, round {row['round']}: {row['failed'].splitlines()[0]}"
        for row in rows
        if "failed" in row
    ]
    if failures:
        lines += ["", "Not measured: " + "; ".join(failures) + "."]
    skipped = sum("skipped" in row for row in rows)
    if skipped:
        lines += ["", f"Time was up before the last {skipped} of {len(rows)} measurements."]
    return "\n".join(lines) + "\n"


def write(document: Path, results: Path) -> None:
    """Put the tables and the plot of a run into the document, between the marks."""
    before, _, rest = document.read_text().partition(_BEGIN)
    _, _, after = rest.partition(_END)
    picture = document.with_name("benchmarks.svg")
    plot.draw(picture, collect(read(results)[1]))
    rows = results.relative_to(document.parent.parent)
    measured = (
        f"![nacre and its peers, medians]({picture.name})\n\n{text(results)}\nThe raw rows are in `{rows}`.\n"
    )
    document.write_text(f"{before}{_BEGIN}\n{measured}{_END}{after}")
