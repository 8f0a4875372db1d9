"""A pipe between two hosts: what a command writes on one is what a command reads on the other.

python pipe_between_hosts.py host[:port] command host[:port] command
"""

import asyncio
import sys

import nacre


async def main(here: str, writes: str, there: str, reads: str) -> int:
    (host, _, port), (other, _, other_port) = here.partition(":"), there.partition(":")
    async with (
        nacre.connect(host, int(port or 22)) as one,
        nacre.connect(other, int(other_port or 22)) as two,
    ):
        source = await one.create_process(writes, stdin=nacre.DEVNULL, encoding=None)
        # Its end ends the input of the second; a second that is slow slows the first one down.
        result = await two.run(reads, stdin=source.stdout, encoding=None)
        await source.wait(check=True)
    sys.stdout.buffer.write(bytes(result.stdout or b""))
    return result.exit_status or 0


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    try:
        sys.exit(asyncio.run(main(*sys.argv[1:5])))
    except (OSError, nacre.Error) as error:
        sys.exit(str(error))
