"""A remote command told by callbacks, as asyncio's subprocesses are: each line with the time it came.

python time_output.py host[:port] command
"""

import asyncio
import sys
import time

import nacre


class Times(nacre.SSHSubprocessProtocol[str]):
    """Prints what comes, with the seconds since the beginning."""

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: nacre.SSHSubprocessTransport[str]) -> None:
        """Keep the transport, which knows how the command ended."""
        self._transport = transport

    def pipe_data_received(self, fd: int, data: str) -> None:
        """The command has said something, on standard output (1) or error (2)."""
        print(f"{time.monotonic() - self._begin:6.2f} s  {fd}  {data!r}")

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Nothing more comes from one of the two."""
        if exc is not None and not self.done.done():
            self.done.set_exception(exc)

    def process_exited(self) -> None:
        """The command has ended."""
        if not self.done.done():
            self.done.set_result(self._transport.get_returncode())


async def main(where: str, command: str) -> int:
    host, _, port = where.partition(":")
    async with nacre.connect(host, int(port or 22)) as connection:
        transport, protocol = await connection.create_subprocess(Times, command, encoding="utf-8")
        transport.get_pipe_transport(0).write_eof()
        status: int = await protocol.done
        await transport.wait_closed()
    return status


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        sys.exit(asyncio.run(main(*sys.argv[1:3])))
    except (OSError, nacre.Error) as error:
        sys.exit(str(error))
