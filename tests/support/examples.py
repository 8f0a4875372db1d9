"""Running the programs of examples/ as anybody would: in processes of their own.

Owns: how they are started and ended, and where they say their port. Must not know: what they do.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
EXAMPLES: Final = ROOT / "examples"


def _environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "src"), **more}


@asynccontextmanager
async def running(name: str, *arguments: str, log: Path | None = None) -> AsyncIterator[int]:
    """Run a server on a free port, which it gets as its last argument; gives the port.

    Args:
        name: of the program.
        arguments: before the port.
        log: a file for its standard error.
    """
    with (log or Path(os.devnull)).open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(EXAMPLES / name),
            *arguments,
            "0",
            stdout=asyncio.subprocess.PIPE,
            stderr=errors if log else None,
            env=_environment(),
        )
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        yield int(line.split()[1].rstrip(","))
    finally:
        process.terminate()
        await process.communicate()


async def run(name: str, *arguments: str, **environment: str) -> tuple[int | None, str, str]:
    """Run a program to its end; return its status, output and errors."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(EXAMPLES / name),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=_environment(**environment),
    )
    output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()
