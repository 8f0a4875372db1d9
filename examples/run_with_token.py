"""Run one command on an SSH server, logged in with the keys of a smart card.

    python run_with_token.py user@host[:port] LIBRARY command…

LIBRARY is what reaches the card, such as /usr/lib/x86_64-linux-gnu/opensc-pkcs11.so. The PIN is in $TOKEN_PIN, or
asked for. The host's key must be in ~/.ssh/known_hosts.
"""

import asyncio
import getpass
import os
import sys

import nacre


async def main(where: str, library: str, pin: str, command: str) -> int:
    user, _, address = where.rpartition("@")
    host, _, port = address.partition(":")
    try:
        async with nacre.connect(
            host,
            int(port) if port else (),
            username=user or (),
            client_keys=[],  # none but the card's
            pkcs11_provider=library,
            pkcs11_pin=pin,
        ) as connection:
            result = await connection.run(command, stdin=nacre.DEVNULL)
    except (OSError, nacre.Error, nacre.KeyImportError) as error:
        print(error, file=sys.stderr)
        return 255
    print(result.stdout, end="")
    return 255 if result.exit_status is None else result.exit_status


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    secret = os.environ.get("TOKEN_PIN") or getpass.getpass("PIN: ")
    sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2], secret, " ".join(sys.argv[3:]))))
