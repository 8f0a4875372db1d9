"""An SSH server whose passwords have expired: each user must choose another one to come in.

    python serve_expired_passwords.py [port]

Then, in another terminal, with the password "pearl":  ssh -p 8022 guest@127.0.0.1
or:  python change_password.py guest@127.0.0.1:8022
"""

import asyncio
import hmac
import sys

import nacre

#: Passwords, and who has chosen theirs; see serve_passwords.py for how a real server keeps them.
PASSWORDS = {"guest": "pearl"}
CHOSEN: set[str] = set()
SHORTEST = 8


class Server(nacre.SSHServer):
    """Has a password changed at the first login."""

    def password_auth_supported(self) -> bool:
        """Passwords are asked for."""
        return True

    def kbdint_auth_supported(self) -> bool:
        """No dialogues: a password cannot be changed in one."""
        return False

    def validate_password(self, username: str, password: str) -> bool:
        """Let in who has chosen a password, and ask the others for one, if the old one is right."""
        if not self._is_right(username, password):
            return False
        if username not in CHOSEN:
            raise nacre.PasswordChangeRequired(f"Choose a password of {SHORTEST} characters or more.", "en")
        return True

    def change_password(self, username: str, old_password: str, new_password: str) -> bool:
        """Take a new password, or ask for a better one."""
        if not self._is_right(username, old_password):
            return False
        if len(new_password) < SHORTEST or new_password == old_password:
            raise nacre.PasswordChangeRequired(f"Not that one: {SHORTEST} characters or more.", "en")
        PASSWORDS[username] = new_password
        CHOSEN.add(username)
        return True

    def _is_right(self, username: str, password: str) -> bool:
        expected = PASSWORDS.get(username, "")
        return hmac.compare_digest(expected.encode(), password.encode()) and username in PASSWORDS


def greet(process: nacre.SSHServerProcess[str]) -> None:
    process.stdout.write("welcome\n")
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
