"""An SSH server of callbacks: every byte comes back, and a slow client slows the echo down.

    python serve_echo.py authorized_keys [port]

Lets in the keys of an authorized_keys file, whatever the user name.
"""

import asyncio
import sys

import nacre


class Echo(nacre.SSHServerSession[bytes]):
    """Sends back what comes."""

    def connection_made(self, chan: nacre.SSHServerChannel[bytes]) -> None:
        """Keep the channel, to write to it."""
        self._chan = chan

    def shell_requested(self) -> bool:
        """Grant a shell."""
        return True

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Send it back."""
        self._chan.write(data)

    def pause_writing(self) -> None:
        """Read no more while the client does not read."""
        self._chan.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        self._chan.resume_reading()

    def eof_received(self) -> bool:
        """End with status 0, after what is still to be sent."""
        self._chan.exit(0)
        return True


async def main(authorized_keys: str, port: int) -> None:
    key = nacre.generate_private_key("ssh-ed25519")  # a real server keeps its key in a file
    listener = await nacre.listen(
        "127.0.0.1",
        port,
        server_host_keys=[key],
        authorized_client_keys=authorized_keys,
        session_factory=Echo,
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
