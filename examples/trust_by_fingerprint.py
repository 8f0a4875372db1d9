"""Run a command on a host whose fingerprint somebody has told us, and keep its key from then on.

    python trust_by_fingerprint.py [user@]host[:port] SHA256:… command…

The fingerprint is what `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints on the host itself. It is looked at
once: from then on ~/.ssh/known_hosts has the key, follows when the host gets a new one, and a key that has
changed is refused whatever the fingerprint says. The password is in $SSH_PASSWORD, if there is one.
"""

import asyncio
import os
import sys

import nacre


class Client(nacre.SSHClient):
    """Trusts a host that is not known yet if its key has the fingerprint that we were told."""

    told = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: nacre.SSHKey) -> bool:
        """The key is not known; returns whether to trust it, and keep it."""
        return key.get_fingerprint() == self.told


async def main(where: str, fingerprint: str, command: str) -> int:
    user, _, address = where.rpartition("@")
    host, _, port = address.partition(":")
    Client.told = fingerprint
    try:
        async with nacre.connect(
            host,
            int(port) if port else (),
            username=user or (),
            password=os.environ.get("SSH_PASSWORD"),
            client_factory=Client,
            strict_host_key_checking="ask",
            update_host_keys="yes",
        ) as connection:
            result = await connection.run(command, stdin=nacre.DEVNULL)
    except (OSError, nacre.Error) as error:
        print(error, file=sys.stderr)
        return 255
    print(result.stdout, end="")
    return 0 if result.exit_status is None else result.exit_status


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2], " ".join(sys.argv[3:]))))
