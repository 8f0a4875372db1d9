"""`python -m bench`: runs a programme, writes the rows, the table and the plot.

Owns: the command line, and where results go. Must not know: how anything is measured.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import sys
from pathlib import Path

from bench import measure, plan, report
from bench.runner import Run
from bench.sides import ROOT, versions

#: Seconds after which no measurement begins; the last one takes some more.
_FULL, _QUICK = 430.0, 100.0
#: What there is to measure, and is not built: named in every table.
LEFT_OUT = ("local forwarding: nacre has none yet", "file transfer: nacre has none yet")


def machine() -> str:
    """Return what this machine is, in one line."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{os.cpu_count()} × {model}, {platform.system()} {platform.release()}"


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of everything, two minutes")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="workloads with this in their name, or of these: A/B"
    )
    parser.add_argument("--rounds", type=int, help="of each workload")
    parser.add_argument("--seconds", type=float, help="no measurement begins after that")
    parser.add_argument(
        "--report",
        metavar="ROWS",
        type=lambda name: Path(name).resolve(),
        help="write the table of rows that are there",
    )
    chosen = parser.parse_args()
    document = ROOT / "docs" / "benchmarks.md"
    if chosen.report:
        report.write(document, chosen.report)
        return 0
    workloads = plan.quick() if chosen.quick else plan.full()
    wanted = [text for text in chosen.only.split("/") if text]
    if wanted:
        workloads = [one for one in workloads if any(text in one.name for text in wanted)]
    if not workloads:
        parser.error(f"no workload has {chosen.only!r} in its name")
    if chosen.rounds:
        workloads = [plan.replace(one, rounds=chosen.rounds) for one in workloads]
    now = dt.datetime.now(dt.UTC)
    kind = "-quick" if chosen.quick else "-part" if wanted else ""
    results = ROOT / "bench" / "results" / f"{now:%Y%m%d-%H%M%S}{kind}.jsonl"
    head = {
        "date": now.isoformat(timespec="seconds"), "machine": machine(), "versions": versions(),
        "load": os.getloadavg()[0], "left_out": LEFT_OUT, "quick": chosen.quick,
    }  # fmt: skip
    results.write_text(json.dumps(head) + "\n")
    run = Run(workloads, chosen.seconds or (_QUICK if chosen.quick else _FULL), results)
    run.run()
    measure.say("")
    sys.stdout.write(report.text(results))
    measure.say(f"\nrows: {results.relative_to(ROOT)}")
    if not (chosen.quick or wanted):
        report.write(document, results)
        measure.say(f"table: {document.relative_to(ROOT)}")
    return 1 if any("failed" in row for row in run.rows) or not run.rows else 0


if __name__ == "__main__":
    sys.exit(main())
