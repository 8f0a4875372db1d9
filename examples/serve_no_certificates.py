"""An SSH server that was written for certificates, and what nacre says of it: they are not in this version.

    python serve_no_certificates.py authorized_keys [port]

Whoever shows a certificate is refused, and the log names the reason. Keys of the file come in. The callbacks
for certificates are never called; a warning says so as soon as the first client comes.
"""

import asyncio
import logging
import sys

import nacre


class Server(nacre.SSHServer):
    """Would let in whoever our authority vouches for, in a version that has certificates."""

    def validate_ca_key(self, username: str, key: nacre.SSHKey) -> bool:
        """Never called: no answer here lets anybody in."""
        return True


def greet(process: nacre.SSHServerProcess[str]) -> None:
    process.stdout.write("welcome, with a key\n")
    process.exit(0)


async def main(authorized_keys: str, port: int) -> None:
    key = nacre.generate_private_key("ssh-ed25519")  # a real server keeps its key in a file
    listener = await nacre.listen(
        "127.0.0.1",
        port,
        server_factory=Server,
        server_host_keys=[key],
        authorized_client_keys=authorized_keys,
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
