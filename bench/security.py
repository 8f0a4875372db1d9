"""`make bench-security`: what strangers can do to a server, as figures beside their aims and beside peers.

Owns: the command, the table, and the marks in docs/benchmarks.md between which it is ours. Must not know: what
is measured.

    python -m bench.security [--scale full|tenth|quick] [NAME…]

The full scale takes some seven minutes; with it, and all measurements, the table gets into docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import nacre
from bench import measure
from bench.security_measured import MEASUREMENTS, SCALES, Row, Scale, percent
from bench.sides import ROOT, program

__all__ = ["MEASUREMENTS", "Row", "document", "percent", "table", "write"]

DOCUMENT: Final = ROOT / "docs" / "benchmarks.md"
#: Seconds that one measurement may take.
PATIENCE: Final = 240.0


def table(rows: list[Row]) -> str:
    """Return the rows as text."""
    width = max(len(row.what) for row in rows)
    return "\n".join(f"{row.what:{width}}  {row.who:10} {row.figure:34} {row.aim}".rstrip() for row in rows)


def document(rows: list[Row], said: str) -> str:
    """Return the rows as a table of a document, one column for each server, below a line that says when."""
    servers = [name for name in ("nacre", "asyncssh", "sshd") if any(row.who == name for row in rows)]
    lines = [said, "", f"| | aim | {' | '.join(servers)} |", "|---|---|" + "---|" * len(servers)]
    for what in dict.fromkeys(row.what for row in rows):
        there = {row.who: row for row in rows if row.what == what}
        aim = next((row.aim for row in there.values() if row.aim), "")
        cells = (there[name].figure if name in there else "" for name in servers)
        lines.append(f"| {what} | {aim} | {' | '.join(cells)} |")
    lines += ["", *(f"Not measured: {row.what}, {row.figure}." for row in rows if not row.who)]
    return "\n".join(lines).rstrip() + "\n"


def write(path: Path, text: str, mark: str = "security") -> None:
    """Put a text into a file, between the two comments with that mark."""
    begin, end = f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"
    before, found, rest = path.read_text().partition(begin)
    _, also, after = rest.partition(end)
    if not (found and also):
        raise ValueError(f"{path} has no {begin} with {end} behind it")
    path.write_text(f"{before}{begin}\n{text}{end}{after}")


def said(scale: str, seconds: float) -> str:
    """Return what was measured, when, on what."""
    versions = [f"nacre {nacre.__version__}"]
    try:
        versions.append(f"AsyncSSH {importlib.metadata.version('asyncssh')}")
    except importlib.metadata.PackageNotFoundError:
        versions.append("no AsyncSSH")
    sshd = program("sshd")
    if sshd is None:
        versions.append("no sshd")
    else:
        told = subprocess.run([sshd, "-V"], capture_output=True, text=True, check=False).stderr
        versions.append(told.partition(",")[0].strip().splitlines()[-1] if told else "sshd")
    day = dt.datetime.now(dt.UTC).date()
    machine = f"{os.cpu_count()} processors, Linux {platform.release()}, Python {platform.python_version()}"
    return (
        f"{day}, {scale} scale, {seconds:.0f} s; {machine}; {', '.join(versions)}. The load of the machine "
        f"was {os.getloadavg()[2]:.1f} over the 15 minutes to its end."
    )


async def _measured(name: str, scale: Scale) -> list[Row]:
    try:
        async with asyncio.timeout(PATIENCE):
            return await MEASUREMENTS[name](scale)
    except Exception as error:  # noqa: BLE001 - one measurement that fails leaves the others
        return [Row(name, "", f"failed: {type(error).__name__}: {error}")]


def main(arguments: list[str] | None = None) -> int:
    """Measure what the command line says; returns the exit status, 1 when a measurement failed."""
    parser = argparse.ArgumentParser(prog="python -m bench.security", description="What strangers can do.")
    parser.add_argument("names", nargs="*", help=f"some of: {', '.join(MEASUREMENTS)}")
    parser.add_argument(
        "--scale", choices=SCALES, default="full", help="how much is done; quick: does it work"
    )
    parser.add_argument("--quick", dest="scale", action="store_const", const="quick", help="--scale quick")
    parser.add_argument(
        "--document", type=Path, help="where the table goes; else with everything in full only"
    )
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(MEASUREMENTS):
        parser.error(
            f"no such measurement: {', '.join(sorted(unknown))}; there are {', '.join(MEASUREMENTS)}"
        )
    measure.allow_many_files()
    rows: list[Row] = []
    began = time.monotonic()
    for name in options.names or MEASUREMENTS:
        before = time.monotonic()
        found = asyncio.run(_measured(name, SCALES[options.scale]))
        print(f"{table(found)}\n({name}: {time.monotonic() - before:.0f} s)", flush=True)
        rows += found
    text = document(rows, said(options.scale, time.monotonic() - began))
    print(f"\n{text}")
    everything = options.scale == "full" and not options.names
    if path := options.document or (DOCUMENT if everything else None):
        write(path, text)
    return int(any(not row.who for row in rows))


if __name__ == "__main__":
    sys.exit(main())
