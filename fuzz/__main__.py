"""Runs all targets, two at once, and prints how often each was executed.

    python -m fuzz [--seconds 5] [--jobs 2] [--keep] [TARGET…]

What a target finds is left in fuzz/found/, and the exit status is 1. `--keep` adds what is new to the corpus.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fuzz import corpus

ROOT: Final = Path(__file__).resolve().parents[1]
FOUND: Final = ROOT / "fuzz" / "found"
WORDS: Final = ROOT / "fuzz" / "words.dict"
#: One input may take so many seconds, and a process so many MiB: more is a finding.
SLOW: Final = 5
MEMORY: Final = 768
#: Bytes of base64 that the corpus of one target may have; all of them stay below 500 kB.
ROOM: Final = 24_000
#: Of the seconds for each: one run of a state machine is a hundred of a parser.
PARSER: Final = 2 / 3
MACHINE: Final = 2.5
MACHINES: Final = ("server_before", "server_after", "client_before", "client_after")
#: Seconds that a process gets for its start, on a busy machine.
START: Final = 120


@dataclass
class Result:
    """What became of a target."""

    target: str
    executions: int = 0
    seconds: float = 0.0
    inputs: int = 0
    fault: str = ""


async def run(target: str, seconds: int, keep: bool) -> Result:
    """Fuzz one target for so many seconds."""
    result = Result(target)
    FOUND.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{target}-") as place:
        fresh = corpus.folder(Path(place, "fresh"))
        seeds = corpus.unpack(target, Path(place, "seeds"))
        status, output = await _libfuzzer(
            target,
            f"-max_total_time={seconds}",
            f"-timeout={SLOW}",
            f"-rss_limit_mb={MEMORY}",
            "-print_final_stats=1",
            "-max_len=2048",
            f"-dict={WORDS}",
            f"-artifact_prefix={FOUND}/{target}-",
            str(fresh),
            str(seeds),
            seconds=seconds + START,
        )
        counted = re.search(r"stat::number_of_executed_units:\s*(\d+)", output)
        began = re.search(r"INITED", output)
        result.executions = int(counted[1]) if counted else 0
        result.seconds = seconds
        if status or not counted or not began:
            result.fault = _why(output)
        elif keep:
            corpus.pack(target, (seeds, fresh), ROOM)
        result.inputs = len(corpus.read(target))
    return result


async def _libfuzzer(target: str, *arguments: str, seconds: float) -> tuple[int | None, str]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}:{os.environ.get('PYTHONPATH', '')}"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fuzz.one", target, *arguments,
        cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(seconds):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return None, "it did not end"
    return process.returncode, output.decode("utf-8", "replace")


def _why(output: str) -> str:
    """Return the part of the fuzzer's output that says what is wrong."""
    start = output.find("=== Uncaught Python exception")
    if start < 0:
        start = max(output.find("ERROR: libFuzzer"), 0)
    return output[start : start + 3000] if start else output[-3000:]


async def run_all(targets: list[str], seconds: int, jobs: int, keep: bool) -> list[Result]:
    """Fuzz targets, some at once."""
    turn = asyncio.Semaphore(jobs)

    async def one(target: str) -> Result:
        async with turn:
            share = MACHINE if target in MACHINES else PARSER
            return await run(target, max(1, round(seconds * share)), keep)

    return await asyncio.gather(*(one(target) for target in targets))


def main() -> int:
    """Run what the command line says; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description="Fuzz nacre.")
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seconds", type=int, default=5, help="for each target, on the average (default: 5)")
    parser.add_argument("--jobs", type=int, default=2, help="targets at once (default: 2)")
    parser.add_argument("--keep", action="store_true", help="add what is new to the corpus")
    options = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print(
            f"fuzz: no atheris for Python {sys.version_info.major}.{sys.version_info.minor} on this machine "
            "(it has wheels for 3.11 to 3.13 on Linux, x86_64): nothing is fuzzed; say PYTHON=python3.11",
            file=sys.stderr,
        )
        return 1 if os.environ.get("CI") else 0
    from fuzz.targets import TARGETS

    unknown = set(options.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    began = time.monotonic()
    chosen = options.targets or list(TARGETS)
    results = asyncio.run(run_all(chosen, options.seconds, options.jobs, options.keep))
    print(f"{'target':22} {'executions':>12} {'a second':>10} {'corpus':>8}")
    for result in results:
        rate = result.executions / (result.seconds or 1)
        end = "  FOUND SOMETHING" if result.fault else ""
        print(f"{result.target:22} {result.executions:12,} {rate:10,.0f} {result.inputs:8}{end}")
    total = sum(result.executions for result in results)
    print(f"{'all':22} {total:12,}   in {time.monotonic() - began:.0f} s")
    for result in results:
        if result.fault:
            print(f"\n{result.target}: what it was given is in {FOUND}\n{result.fault}")
    return int(any(result.fault for result in results))


if __name__ == "__main__":
    sys.exit(main())
