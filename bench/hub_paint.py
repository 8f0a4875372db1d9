"""From starting ssh to the first screen of an app in a hub.

Owns: that measurement, with the hub that the tests start too. Must not know: the other workloads.

A new session each time: the login, the process that holds the session, its terminal and the program in it.
The program paints one word, so that what is measured is the hub and not an app. Then the same for coming back
to a session that runs.
"""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
import time
from pathlib import Path

from bench import measure
from bench.sides import Failed
from tests.support.hub import RunningHub

_PATIENCE = 30.0
_WORD = b"painted"
_APP = f'[apps.screen]\ncommand = ["/bin/sh", "-c", "printf \'{_WORD.decode()} \'; read x"]\n'
_USER = "painter"


def first_paint(count: int) -> dict[str, float]:
    """Return medians for a new session and for one that runs."""
    with tempfile.TemporaryDirectory(prefix="nacre-bench-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        directory.chmod(0o711)  # programs of the hub's users go through it
        with RunningHub(directory, _APP) as hub:
            hub.add_user(_USER)
            command = hub.ssh(f"{_USER}+screen").command("-tt", "--")
            _paint(command, answer=True)
            cpu = measure.cpu(hub.pid)
            new = [_paint(command, answer=True) for _ in range(count)]
            cpu = (measure.cpu(hub.pid) - cpu) / count
            _paint(command, answer=False)
            back = [_paint(command, answer=False) for _ in range(count)]
            peak = measure.peak_kib(hub.pid)
    return {
        "new_p50_ms": measure.percentile(new, 50) * 1e3,
        "back_p50_ms": measure.percentile(back, 50) * 1e3,
        "new_server_cpu_ms": cpu * 1e3,
        "server_peak_kib": float(peak),
    }


def _paint(command: list[str], *, answer: bool) -> float:
    """Return the seconds from a start of ssh to the word; `answer`: then end the program, else leave it."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        seen = b""
        while _WORD not in seen:
            ready, _, _ = select.select([process.stdout], [], [], _PATIENCE)
            more = os.read(process.stdout.fileno(), 65536) if ready else b""
            if not more:
                raise Failed(f"the hub painted no {_WORD.decode()!r}: {seen[-500:]!r}")
            seen += more
        seconds = time.perf_counter() - begin
        if answer:
            process.stdin.write(b"\r")
            process.wait(_PATIENCE)
        return seconds
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
