"""An SSH server that asks: lines are edited, a secret is hidden, one key is taken as it is pressed.

    python serve_questions.py [port]

Then, in another terminal:  ssh -p 8022 anybody@127.0.0.1
"""

import asyncio
import sys

import nacre

NAMES = ["ammonite", "cowrie", "limpet", "nautilus", "periwinkle", "whelk"]


class Server(nacre.SSHServer):
    """Lets everybody in."""

    def begin_auth(self, username: str) -> bool:
        """Nothing has to be proved."""
        return False


def complete(line: str, position: int) -> "tuple[str, int] | bool":
    """Complete a name; the bell rings where there are several, or none."""
    found = [name for name in NAMES if line and name.startswith(line[:position])]
    return (found[0], len(found[0])) if len(found) == 1 else False


async def read(process: nacre.SSHServerProcess[str], one_key: bool = False) -> str:
    """Read a line, or one key, whatever becomes of the window meanwhile."""
    while True:
        try:
            return await process.stdin.read(1) if one_key else (await process.stdin.readline()).rstrip("\n")
        except nacre.TerminalSizeChanged:
            pass  # the editor has drawn its line again


async def ask(process: nacre.SSHServerProcess[str]) -> None:
    channel = process.channel
    if process.term_type is None or not isinstance(channel, nacre.SSHLineEditorChannel):
        process.stderr.write("This needs a terminal: ssh -t\n")
        process.exit(1)
        return
    try:
        channel.register_key("\t", complete)
        process.stdout.write("Which shell? (Tab completes) ")
        shell = await read(process)
        channel.unregister_key("\t")
        channel.set_echo(False)
        process.stdout.write("A secret: ")
        secret = await read(process)
        channel.set_line_mode(False)
        process.stdout.write("Any key: ")
        key = await read(process, one_key=True)
        process.stdout.write(f"\nshell {shell!r}, a secret of {len(secret)} characters, key {key!r}\n")
        process.exit(0)
    except nacre.BreakReceived:
        process.stdout.write("\nStopped.\n")
        process.exit(130)


async def main(port: int) -> None:
    key = nacre.generate_private_key("ssh-ed25519")  # a real server keeps its key in a file
    listener = await nacre.listen(
        "127.0.0.1", port, server_factory=Server, server_host_keys=[key], process_factory=ask
    )
    async with listener:
        print(f"port {listener.get_port()}, host key {key.get_fingerprint()}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8022))
    except (KeyboardInterrupt, OSError) as error:
        sys.exit(str(error))
