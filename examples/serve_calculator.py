"""An SSH server whose sessions add up numbers: a process factory, and passwords from a table.

    python serve_calculator.py [port]

Then, in another terminal, with the password "pearl":  ssh -p 8022 guest@127.0.0.1
"""

import asyncio
import hmac
import sys

import nacre

USERS = {"guest": "pearl"}


class Server(nacre.SSHServer):
    """Lets in who is in the table."""

    def password_auth_supported(self) -> bool:
        """Passwords are asked for."""
        return True

    def validate_password(self, username: str, password: str) -> bool:
        """Whether it is the password in the table."""
        # The same work for names that do not exist.
        expected = USERS.get(username, "")
        return hmac.compare_digest(expected.encode(), password.encode()) and username in USERS


async def calculator(process: nacre.SSHServerProcess[str]) -> None:
    process.stdout.write("Numbers to add, one a line; end with Ctrl-D.\n")
    total = 0.0
    while True:
        try:
            line = await process.stdin.readline()
        except nacre.TerminalSizeChanged:
            continue
        except nacre.BreakReceived:  # Ctrl-C
            break
        if not line:
            break
        try:
            total += float(line)
        except ValueError:
            process.stderr.write(f"{line.strip()!r} is no number\n")
    process.stdout.write(f"total {total:g}\n")
    process.exit(0)


async def main(port: int) -> None:
    key = nacre.generate_private_key("ssh-ed25519")  # a real server keeps its key in a file
    listener = await nacre.listen(
        "127.0.0.1", port, server_factory=Server, server_host_keys=[key], process_factory=calculator
    )
    async with listener:
        print(f"port {listener.get_port()}, host key {key.get_fingerprint()}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8022))
    except (KeyboardInterrupt, OSError) as error:
        sys.exit(str(error))
