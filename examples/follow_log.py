"""Show the lines of a log on another host as they are written, until a line has a word in it.

python follow_log.py host[:port] file word
"""

import asyncio
import shlex
import sys

import nacre


async def main(where: str, path: str, word: str) -> int:
    host, _, port = where.partition(":")
    # The file's name is data: quoted, it cannot become a command of the remote shell.
    command = f"tail -n +1 -F {shlex.quote(path)}"
    async with (
        nacre.connect(host, int(port or 22)) as connection,
        await connection.create_process(command) as process,
    ):
        async for line in process.stdout:
            print(line, end="", flush=True)
            if word in line:
                return 0
        print(await process.stderr.read(), end="", file=sys.stderr)
    return 1


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    try:
        sys.exit(asyncio.run(main(*sys.argv[1:4])))
    except (OSError, nacre.Error) as error:
        sys.exit(str(error))
