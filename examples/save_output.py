"""Feed a command from a local file, and put what it says into two others.

    python save_output.py host[:port] command input output errors

However large the files are, they pass in pieces: a slow disk or network slows the other side down.
"""

import asyncio
import sys
from pathlib import Path

import nacre


async def main(where: str, command: str, source: Path, output: Path, errors: Path) -> int:
    host, _, port = where.partition(":")
    async with nacre.connect(host, int(port or 22)) as connection:
        result = await connection.run(command, stdin=source, stdout=output, stderr=errors, encoding=None)
    print(f"status {result.exit_status}")
    return result.exit_status or 0


if __name__ == "__main__":
    if len(sys.argv) < 6:
        sys.exit(__doc__)
    try:
        sys.exit(asyncio.run(main(*sys.argv[1:3], *map(Path, sys.argv[3:6]))))
    except (OSError, nacre.Error) as error:
        sys.exit(str(error))
