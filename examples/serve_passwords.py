"""An SSH server with passwords, kept as slow hashes, and checked beside the event loop.

    python serve_passwords.py [port]

Then, in another terminal, with the password "pearl":  ssh -p 8022 guest@127.0.0.1
"""

import asyncio
import hashlib
import hmac
import sys

import nacre


def slow_hash(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)


# A real server reads names, salts and hashes from a file; each user has a salt of their own.
USERS = {"guest": (b"a salt for guest", slow_hash("pearl", b"a salt for guest"))}
NOBODY = (b"a salt for nobody", bytes(64))


class Server(nacre.SSHServer):
    """Lets in who knows a password."""

    def password_auth_supported(self) -> bool:
        """Passwords are asked for, and so are dialogues that ask for the password."""
        return True

    async def validate_password(self, username: str, password: str) -> bool:
        """Hash what was given, for a name that does not exist as well: neither takes less time."""
        salt, expected = USERS.get(username, NOBODY)
        given = await asyncio.to_thread(slow_hash, password, salt)
        return hmac.compare_digest(given, expected)


def greet(process: nacre.SSHServerProcess[str]) -> None:
    process.stdout.write(f"welcome, {process.get_extra_info('username')}\n")
    process.exit(0)


async def main(port: int) -> None:
    key = nacre.generate_private_key("ssh-ed25519")  # a real server keeps its key in a file
    listener = await nacre.listen(
        "127.0.0.1", port, server_factory=Server, server_host_keys=[key], process_factory=greet
    )
    async with listener:
        print(f"port {listener.get_port()}, host key {key.get_fingerprint()}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8022))
    except (KeyboardInterrupt, OSError) as error:
        sys.exit(str(error))
