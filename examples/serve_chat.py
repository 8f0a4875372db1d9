"""A chat room: what one person types is shown to all others, above the line that they are typing.

    python serve_chat.py authorized_keys [port]

Then, in several terminals:  ssh -p 8022 alice@127.0.0.1
"""

import asyncio
import sys

import nacre

room: dict[nacre.SSHServerProcess[str], str] = {}


def say(text: str, *, but: nacre.SSHServerProcess[str] | None = None) -> None:
    for process in room:
        if process is not but and not process.is_closing():
            process.stdout.write(f"{text}\n")


async def chat(process: nacre.SSHServerProcess[str]) -> None:
    name = process.get_extra_info("username")
    process.stdout.write(f"Hello {name}. Here are: {', '.join(room.values()) or 'nobody'}. Ctrl-D leaves.\n")
    say(f"* {name} comes")
    room[process] = name
    try:
        while True:
            try:
                line = await process.stdin.readline()
            except nacre.TerminalSizeChanged:
                continue  # the line editor has drawn the line anew
            if not line:
                break
            say(f"{name}: {line.rstrip()}", but=process)
    except nacre.BreakReceived:  # Ctrl-C leaves as well
        pass
    finally:
        # The person may have gone with the connection; the others stay.
        del room[process]
        say(f"* {name} goes")
    process.exit(0)


async def main(authorized_keys: str, port: int) -> None:
    key = nacre.generate_private_key("ssh-ed25519")  # a real server keeps its key in a file
    listener = await nacre.listen(
        "127.0.0.1",
        port,
        server_host_keys=[key],
        authorized_client_keys=authorized_keys,
        process_factory=chat,
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
