"""An SSH server with keys: each user has a file of authorized keys, and each line its restrictions.

    python serve_keys.py directory [port]

DIRECTORY/alice holds the lines of alice, as sshd's authorized_keys: no-pty ssh-ed25519 AAAA… laptop
"""

import asyncio
import sys
from pathlib import Path

import nacre


class Server(nacre.SSHServer):
    """Lets in who has a key in the file of the user."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def connection_made(self, conn: nacre.SSHServerConnection) -> None:
        """Keep the connection, to say which keys count."""
        self._conn = conn

    def begin_auth(self, username: str) -> bool:
        """Choose the file of this user. The name is the stranger's: no path is made of it."""
        for path in self._directory.iterdir():
            if path.name == username and path.is_file():
                self._conn.set_authorized_keys(str(path))
        return True

    def public_key_auth_supported(self) -> bool:
        """Keys are asked for also where there is no file: who exists is nobody's business."""
        return True


def greet(process: nacre.SSHServerProcess[str]) -> None:
    conn = process.channel.get_connection()
    process.stdout.write(f"welcome, {conn.get_extra_info('username')}\n")
    process.stdout.write(f"a terminal: {'yes' if conn.check_key_permission('pty') else 'no'}\n")
    process.exit(0)


async def main(directory: Path, port: int) -> None:
    key = nacre.generate_private_key("ssh-ed25519")  # a real server keeps its key in a file
    listener = await nacre.listen(
        "127.0.0.1",
        port,
        server_factory=lambda: Server(directory),
        server_host_keys=[key],
        process_factory=greet,
    )
    async with listener:
        print(f"port {listener.get_port()}, host key {key.get_fingerprint()}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 8022))
    except (KeyboardInterrupt, OSError) as error:
        sys.exit(str(error))
