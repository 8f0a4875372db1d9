"""Let the users of a Kerberos realm in, without keys and passwords, and tell each who they are.

    python serve_kerberos.py [-k KEYTAB] [-n NAME] PORT

KEYTAB holds the key of host/NAME; without them it is the system's keytab, and the name of this machine. Then,
with a ticket (`kinit`):

    ssh -o GSSAPIAuthentication=yes -p PORT NAME
"""

import argparse
import asyncio
import sys

import nacre


class RealmServer(nacre.SSHServer):
    """Lets in whom the realm knows: everybody as themselves, administrators as root too."""

    def validate_gss_principal(self, username: str, user_principal: str, host_principal: str) -> bool:
        """Return whether a principal may log in under that name."""
        name, _, realm = user_principal.rpartition("@")
        if realm != host_principal.rpartition("@")[2]:
            return False  # a realm that ours trusts for something else
        return name.endswith("/admin") if username == "root" else name == username


def tell(process: nacre.SSHServerProcess[str]) -> None:
    """Say who came in."""
    principal = process.get_extra_info("gss_user_principal")
    process.stdout.write(f"You are {principal}, here as {process.get_extra_info('username')}.\n")
    process.exit(0)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-k", "--keytab")
    parser.add_argument("-n", "--name", default=())
    parser.add_argument("port", type=int)
    args = parser.parse_args()
    listener = await nacre.listen(
        "127.0.0.1",
        args.port,
        server_factory=RealmServer,
        process_factory=tell,
        # No host key: who has no ticket for this host has nothing to do here.
        gss_kex=True,
        gss_host=args.name,
        gss_store=args.keytab,
    )
    print(f"port {listener.get_port()}, for tickets", flush=True)
    await listener.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (KeyboardInterrupt, OSError, ValueError, ImportError) as error:
        sys.exit(str(error))
