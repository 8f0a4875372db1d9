"""Say what the client has asked for: command, terminal, environment.

    python serve_environment.py authorized_keys [port]

Then, in another terminal:  ssh -p 8022 -t -o SetEnv=COLOUR=blue 127.0.0.1 anything
"""

import asyncio
import sys

import nacre


def tell(process: nacre.SSHServerProcess[str]) -> None:
    write = process.stdout.write
    write(f"user {process.get_extra_info('username')}\n")
    write(f"from {process.get_extra_info('peername')[0]}\n")
    write(f"command {process.command!r}\n")
    write(f"terminal {process.term_type!r}\n")
    # Names and values are the client's: shown, and never passed on to a program unseen.
    for name, value in sorted(process.env.items()):
        write(f"{name} = {value!r}\n")
    process.exit(0)


async def main(authorized_keys: str, port: int) -> None:
    key = nacre.generate_private_key("ssh-ed25519")  # a real server keeps its key in a file
    listener = await nacre.listen(
        "127.0.0.1",
        port,
        server_host_keys=[key],
        authorized_client_keys=authorized_keys,
        process_factory=tell,
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
