"""A prompt with completion by the Tab key, and a password that is not shown.

    python serve_prompt.py authorized_keys [port]

Then, in another terminal:  ssh -p 8022 127.0.0.1
"""

import asyncio
import sys

import nacre

WORDS = ["help", "hello", "login", "quit"]


def complete(line: str, position: int) -> bool | tuple[str, int]:
    """Return the line with the word completed, or False to have the bell rung."""
    found = [word for word in WORDS if word.startswith(line[:position])]
    if not found:
        return False
    word = found[0]
    while not all(other.startswith(word) for other in found):
        word = word[:-1]
    return word + line[position:], len(word)


async def read_line(process: nacre.SSHServerProcess[str]) -> str:
    """Return a line, or nothing for Ctrl-D and Ctrl-C."""
    while True:
        try:
            return (await process.stdin.readline()).rstrip("\n")
        except nacre.TerminalSizeChanged:
            pass  # the editor has drawn the line anew
        except nacre.BreakReceived:
            return ""


async def prompt(process: nacre.SSHServerProcess[str]) -> None:
    channel = process.channel
    if not isinstance(channel, nacre.SSHLineEditorChannel) or process.term_type is None:
        process.stderr.write("there is no terminal: use ssh -t\n")
        process.exit(1)
        return
    channel.register_key("\t", complete)
    line = ""
    while line != "quit":
        process.stdout.write("> ")
        line = await read_line(process) or "quit"
        if line == "login":
            process.stdout.write("Secret: ")
            channel.set_echo(False)
            secret = await read_line(process)
            channel.set_echo(True)
            process.stdout.write(f"It has {len(secret)} characters.\n")
        elif line == "hello":
            process.stdout.write(f"Hello, {process.get_extra_info('username')}.\n")
        elif line != "quit":
            process.stdout.write(f"There are: {', '.join(WORDS)}\n")
    process.exit(0)


async def main(authorized_keys: str, port: int) -> None:
    key = nacre.generate_private_key("ssh-ed25519")  # a real server keeps its key in a file
    listener = await nacre.listen(
        "127.0.0.1",
        port,
        server_host_keys=[key],
        authorized_client_keys=authorized_keys,
        process_factory=prompt,
    )
    async with listener:
        print(f"port {listener.get_port()}, host key {key.get_fingerprint()}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        asyncio.run(main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 8022))
    except (KeyboardInterrupt, OSError, ValueError) as error:
        sys.exit(str(error))
