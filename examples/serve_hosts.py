"""An SSH server that lets in the users of hosts that it knows, as whom they are there.

    python serve_hosts.py known_hosts [port]

KNOWN_HOSTS has the hosts and their keys, as ssh-keyscan writes them. A host is who its address says: the name of
the address, if that name leads back to it, or else the address itself.
"""

import asyncio
import logging
import sys

import nacre


class Server(nacre.SSHServer):
    """Takes a host's word for its users, but for one."""

    def validate_host_based_user(self, username: str, client_host: str, client_username: str) -> bool:
        """Let users in as themselves. Root of another machine is nobody here."""
        return client_username == username and username != "root"


def greet(process: nacre.SSHServerProcess[str]) -> None:
    conn = process.channel.get_connection()
    process.stdout.write(f"welcome, {conn.get_extra_info('username')}\n")
    process.exit(0)


async def main(known_hosts: str, port: int) -> None:
    key = nacre.generate_private_key("ssh-ed25519")  # a real server keeps its key in a file
    listener = await nacre.listen(
        "127.0.0.1",
        port,
        server_factory=Server,
        server_host_keys=[key],
        known_client_hosts=known_hosts,
        process_factory=greet,
    )
    async with listener:
        print(f"port {listener.get_port()}, host key {key.get_fingerprint()}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    logging.basicConfig(level=logging.INFO)
    try:
        asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 8022))
    except (KeyboardInterrupt, OSError, ValueError) as error:
        sys.exit(str(error))
