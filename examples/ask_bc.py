"""A conversation with a remote program: a question is written, its answer is read, one after the other.

python ask_bc.py host[:port] expression…
"""

import asyncio
import sys

import nacre


async def main(where: str, expressions: list[str]) -> int:
    host, _, port = where.partition(":")
    async with (
        nacre.connect(host, int(port or 22)) as connection,
        await connection.create_process("bc", stderr=nacre.STDOUT) as process,
    ):
        for expression in expressions:
            process.stdin.write(f"{expression}\n")
            answer = await process.stdout.readline()
            if not answer:
                break  # it has ended
            print(f"{expression} = {answer}", end="")
        process.stdin.write_eof()
        result = await process.wait()
    return result.exit_status or 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2:])))
    except (OSError, nacre.Error) as error:
        sys.exit(str(error))
