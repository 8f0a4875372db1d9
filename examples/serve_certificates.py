"""An SSH server that lets in whoever an authority vouches for.

    python serve_certificates.py authority.pub [port]

A user's certificate comes in when the authority has signed it for the user's name, for now, and for where the
user comes from: `ssh-keygen -s authority -I "who it is" -n guest id_ed25519.pub` makes one. What it says is
enforced: a forced command is what the session gets, and without `permit-pty` there is no terminal.
"""

import asyncio
import logging
import sys

import nacre


class Server(nacre.SSHServer):
    """Trusts one authority to say who may log in, as whom."""

    def __init__(self, authority: nacre.SSHKey) -> None:
        self.authority = authority

    def public_key_auth_supported(self) -> bool:
        """Keys and certificates are taken at all."""
        return True

    def validate_ca_key(self, username: str, key: nacre.SSHKey) -> bool:
        """Trust one authority; that its certificate is for this user was checked before."""
        return key == self.authority


def greet(process: nacre.SSHServerProcess[str]) -> None:
    conn = process.channel.get_connection()
    process.stdout.write(f"welcome {conn.get_extra_info('username')}, to {process.command or 'a shell'}\n")
    process.exit(0)


async def main(authority: str, port: int) -> None:
    trusted = nacre.read_public_key(authority)
    key = nacre.generate_private_key("ssh-ed25519")  # a real server keeps its key in a file
    listener = await nacre.listen(
        "127.0.0.1",
        port,
        server_factory=lambda: Server(trusted),
        server_host_keys=[key],
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
