"""Run a command on many hosts, a few of them at once, and say what each of them said.

    python run_on_hosts.py command host[:port]…

Logs in with the keys in ~/.ssh; the hosts' keys must be in ~/.ssh/known_hosts.
"""

import asyncio
import sys

import nacre

AT_ONCE = 10


async def run(where: str, command: str, turn: asyncio.Semaphore) -> nacre.SSHCompletedProcess:
    host, _, port = where.partition(":")
    async with turn, nacre.connect(host, int(port or 22), connect_timeout=10) as connection:
        return await connection.run(command, check=True, timeout=60)


async def main(command: str, hosts: list[str]) -> int:
    turn = asyncio.Semaphore(AT_ONCE)
    # One host that fails must not end the others: what was raised is an answer like any other.
    answers = await asyncio.gather(*(run(host, command, turn) for host in hosts), return_exceptions=True)
    failed = 0
    for host, answer in zip(hosts, answers, strict=True):
        if isinstance(answer, nacre.SSHCompletedProcess):
            print(f"{host}: {str(answer.stdout).strip()}")
        elif isinstance(answer, (nacre.Error, OSError)):
            failed += 1
            print(f"{host}: failed: {answer}")
        else:
            raise answer
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2:])))
    except (OSError, nacre.Error) as error:
        sys.exit(str(error))
