"""Running the programs of examples/ as anybody would: in processes of their own.

Owns: how they are started and ended, and where they say their port. Must not know: what they do.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import runpy
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from unittest import mock

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


async def run_here(name: str, *arguments: str, **environment: str) -> tuple[int | None, str, str]:
    """Run a program to its end in this process, which is cheaper than `run`; one at a time."""
    return await asyncio.to_thread(_run_here, name, arguments, environment)


def _run_here(
    name: str, arguments: tuple[str, ...], environment: dict[str, str]
) -> tuple[int | None, str, str]:
    output, errors = io.StringIO(), io.StringIO()
    status: int | None = 0
    with (
        mock.patch.dict(os.environ, environment),
        mock.patch.object(sys, "argv", [str(EXAMPLES / name), *arguments]),
        mock.patch.object(sys, "stdin", io.StringIO()),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
    ):
        try:
            runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
            if status != end.code:
                print(end.code, file=errors)
    return status, output.getvalue(), errors.getvalue()
