"""Run a command in a terminal of a certain size, with variables of its environment.

    python set_terminal.py host[:port] command [NAME=value]…

Servers take variables that they know: of OpenSSH's, AcceptEnv says which.
"""

import asyncio
import sys

import nacre


async def main(where: str, command: str, variables: list[str]) -> int:
    host, _, port = where.partition(":")
    environment = dict(variable.split("=", 1) for variable in variables)
    async with nacre.connect(host, int(port or 22)) as connection:
        process = await connection.create_process(
            command, term_type="xterm-256color", term_size=(100, 30), env=environment
        )
        process.change_terminal_size(132, 43)  # as when a window is made larger
        result = await process.wait()
    # In a terminal, errors are output, and lines end with carriage return and newline.
    print(str(result.stdout).replace("\r\n", "\n"), end="")
    return result.exit_status or 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:])))
    except (OSError, nacre.Error) as error:
        sys.exit(str(error))
