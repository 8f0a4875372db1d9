"""Run a command on a host with a ticket of Kerberos: no key, no password, no known_hosts.

python run_with_ticket.py [-n NAME] [USER@]HOST[:PORT] COMMAND

The realm's key distribution centre says that the host is NAME (without it: HOST) and who you are.
"""

import argparse
import asyncio
import sys

import nacre


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-n", "--name", default=())
    parser.add_argument("host")
    parser.add_argument("command")
    args = parser.parse_args()
    user, _, place = args.host.rpartition("@")
    host, _, port = place.partition(":")
    try:
        async with await nacre.connect(
            host,
            int(port or 22),
            username=user or (),
            gss_host=args.name,
            gss_kex=True,
            known_hosts=b"",  # nobody is believed but the key distribution centre
            preferred_auth="gssapi-keyex",
        ) as connection:
            result = await connection.run(args.command)
            print(result.stdout, end="")
            return result.exit_status if result.exit_status is not None else 255
    except (nacre.Error, OSError) as error:
        print(error, file=sys.stderr)
        return 255


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
