"""Each session is a program of this machine: its input, output and errors are those of the session.

    python serve_subprocess.py authorized_keys [port]

Then, in another terminal:  echo '2^100' | ssh -p 8022 127.0.0.1 bc
Only what is in the table runs, and the client's words are no arguments of it.
"""

import asyncio
import sys

import nacre

PROGRAMS = {"bc": ["bc", "-q"], "sort": ["sort"], "copy": ["cat"]}


async def serve(process: nacre.SSHServerProcess[bytes]) -> None:
    program = PROGRAMS.get(process.command or "")
    if program is None:
        process.stderr.write(f"there are: {', '.join(PROGRAMS)}\n".encode())
        process.exit(127)
        return
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*program, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        process.set_redirect_pid(child.pid)  # the client's signals are for the program
        await process.redirect(child.stdin, child.stdout, child.stderr)
        await process.stdout.drain()  # until the program has said everything
        process.exit(await child.wait())
    finally:
        if child.returncode is None:  # the client has gone
            child.kill()
            await child.wait()


async def main(authorized_keys: str, port: int) -> None:
    key = nacre.generate_private_key("ssh-ed25519")  # a real server keeps its key in a file
    listener = await nacre.listen(
        "127.0.0.1",
        port,
        server_host_keys=[key],
        authorized_client_keys=authorized_keys,
        process_factory=serve,
        encoding=None,
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
