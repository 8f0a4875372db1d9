"""Tell the size of the client's terminal, and each new one, until Ctrl-C is pressed.

    python serve_terminal_size.py authorized_keys [port]

Then, in another terminal, whose size you change:  ssh -p 8022 127.0.0.1
"""

import asyncio
import sys

import nacre


async def watch(process: nacre.SSHServerProcess[str]) -> None:
    if process.term_type is None:
        process.stderr.write("there is no terminal: use ssh -t\n")
        process.exit(1)
        return
    columns, rows, _, _ = process.term_size
    process.stdout.write(f"{process.term_type}, {columns} columns, {rows} rows\n")
    while True:
        try:
            if not await process.stdin.readline():
                break
        except nacre.TerminalSizeChanged as size:
            process.stdout.write(f"now {size.width} columns, {size.height} rows\n")
        except nacre.BreakReceived:
            break
    process.exit(0)


async def main(authorized_keys: str, port: int) -> None:
    key = nacre.generate_private_key("ssh-ed25519")  # a real server keeps its key in a file
    listener = await nacre.listen(
        "127.0.0.1",
        port,
        server_host_keys=[key],
        authorized_client_keys=authorized_keys,
        process_factory=watch,
    )
    async with listener:
        print(f"port {listener.get_port()}, host key {key.get_fingerprint()}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 8022))
    except (KeyboardInterrupt, OSError, ValueError) as error:
        sys.exit(str(error))
