"""Run one command on an SSH server and print what it says.

    python run_command.py [user@]host[:port] command…

Logs in with the keys in ~/.ssh, or with the password in $SSH_PASSWORD; the host's key must be in
~/.ssh/known_hosts, and the message says what to add when it is not.
"""

import asyncio
import os
import sys

import nacre


async def main(where: str, command: str) -> int:
    user, _, address = where.rpartition("@")
    host, _, port = address.partition(":")
    try:
        async with nacre.connect(
            host, int(port) if port else (), username=user or (), password=os.environ.get("SSH_PASSWORD")
        ) as connection:
            result = await connection.run(command, stdin=nacre.DEVNULL)
    except (OSError, nacre.Error) as error:
        print(error, file=sys.stderr)
        return 255
    print(result.stdout, end="")
    print(result.stderr, end="", file=sys.stderr)
    return 255 if result.exit_status is None else result.exit_status


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(asyncio.run(main(sys.argv[1], " ".join(sys.argv[2:]))))
