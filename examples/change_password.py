"""Log in to an SSH server and change a password that has expired.

    python change_password.py [user@]host[:port]

Asks for the passwords, or takes them from $SSH_PASSWORD and $SSH_NEW_PASSWORD. The host's key must be in
~/.ssh/known_hosts, and the message says what to add when it is not.
"""

import asyncio
import getpass
import os
import sys

import nacre


async def ask(prompt: str, variable: str) -> str:
    """Ask for a password beside the event loop, so that the connection stays alive meanwhile."""
    return os.environ.pop(variable, None) or await asyncio.to_thread(getpass.getpass, prompt)


class Client(nacre.SSHClient):
    """Asks the person at the terminal."""

    def __init__(self) -> None:
        self._password = ""

    async def password_auth_requested(self) -> str | None:
        """Give a password, once: an empty one gives up."""
        if self._password:
            return None
        self._password = await ask("Password: ", "SSH_PASSWORD")
        return self._password or None

    async def password_change_requested(self, prompt: str, lang: str) -> tuple[str, str]:
        """Give the old and a new one; asked again where the server does not like it."""
        print("".join(filter(str.isprintable, prompt)))  # the server's text moves no cursor
        return self._password, await ask("New password: ", "SSH_NEW_PASSWORD")

    def password_changed(self) -> None:
        """Say so."""
        print("the password is changed")

    def password_change_failed(self) -> None:
        """Say so; another question follows, or the end."""
        print("the password is not changed")


async def main(where: str) -> int:
    user, _, address = where.rpartition("@")
    host, _, port = address.partition(":")
    try:
        async with nacre.connect(
            host,
            int(port) if port else (),
            username=user or (),
            client_factory=Client,
            preferred_auth="password",
        ) as connection:
            result = await connection.run(stdin=nacre.DEVNULL)
    except (OSError, nacre.Error) as error:
        print(error, file=sys.stderr)
        return 255
    print(result.stdout, end="")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(asyncio.run(main(sys.argv[1])))
