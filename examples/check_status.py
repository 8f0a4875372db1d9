"""How a command ended: with a status, by a signal, or not in time.

python check_status.py host[:port] command [seconds]
"""

import asyncio
import sys

import nacre


async def main(where: str, command: str, seconds: float) -> int:
    host, _, port = where.partition(":")
    async with nacre.connect(host, int(port or 22)) as connection:
        try:
            result = await connection.run(command, check=True, timeout=seconds)
        except nacre.TimeoutError as error:  # a ProcessError too, so it comes first
            print(f"not done after {seconds:g} s; until then it said {error.stdout!r}")
        except nacre.ProcessError as error:
            if error.exit_signal is not None:
                name, core_dumped, message, _ = error.exit_signal
                print(f"ended by {name}{' (core dumped)' if core_dumped else ''} {message}".rstrip())
            else:
                print(f"status {error.exit_status}: {str(error.stderr).strip()}")
        else:
            print(f"well done: {str(result.stdout).strip()}")
            return 0
    return 1


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        sys.exit(
            asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 60.0))
        )
    except (OSError, nacre.Error) as error:
        sys.exit(str(error))
