"""Send a file of this machine to each client as it grows, as `tail -F` does.

    python serve_log.py authorized_keys file [port]

Then, in another terminal:  ssh -p 8022 127.0.0.1
"""

import asyncio
import sys
from functools import partial
from pathlib import Path

import nacre

PAUSE = 0.2  # seconds between two looks at the file
PIECE = 64 * 1024


async def follow(path: Path, process: nacre.SSHServerProcess[bytes]) -> None:
    with await asyncio.to_thread(path.open, "rb") as file:
        while not process.is_closing():
            data = await asyncio.to_thread(file.read, PIECE)
            if data:
                process.stdout.write(data)
                # A client that does not read keeps us waiting here, rather than its log in our memory.
                await process.stdout.drain()
            else:
                await asyncio.sleep(PAUSE)


async def main(authorized_keys: str, path: Path, port: int) -> None:
    key = nacre.generate_private_key("ssh-ed25519")  # a real server keeps its key in a file
    listener = await nacre.listen(
        "127.0.0.1",
        port,
        server_host_keys=[key],
        authorized_client_keys=authorized_keys,
        process_factory=partial(follow, path),
        encoding=None,
    )
    async with listener:
        print(f"port {listener.get_port()}, host key {key.get_fingerprint()}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 8022))
    except (KeyboardInterrupt, OSError, ValueError) as error:
        sys.exit(str(error))
