"""An SSH server that asks in a dialogue: a menu of rooms before the login, by keyboard-interactive.

    python serve_menu.py [port]

Then, in another terminal, with the word "mellon" for the door:  ssh -p 8022 guest@127.0.0.1
"""

import asyncio
import hmac
import sys
from collections.abc import Sequence

import nacre

#: Whether that was all, or a title, what to do, the language, and prompts with whether answers are shown.
KbdIntChallenge = bool | tuple[str, str, str, list[tuple[str, bool]]]

ROOMS = ("library", "kitchen", "cellar")
WORD = "mellon"


class Server(nacre.SSHServer):
    """Asks for a word and for a room; a room that there is not is asked for again."""

    def connection_made(self, conn: nacre.SSHServerConnection) -> None:
        """Keep the connection, for the session to know the room."""
        self._conn = conn
        self._knows_the_word = False

    def kbdint_auth_supported(self) -> bool:
        """Dialogues are all there is here."""
        return True

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> KbdIntChallenge:
        """Begin; a client that begins anew has said nothing yet."""
        self._knows_the_word = False
        return "The house", "Speak, friend, and enter.", "", [("word: ", False)]

    def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> KbdIntChallenge:
        """Judge an answer: a verdict, or the next question."""
        (answer,) = responses
        if not self._knows_the_word:
            self._knows_the_word = hmac.compare_digest(answer.encode(), WORD.encode())
            return self._menu() if self._knows_the_word else False
        if answer not in ROOMS:
            return self._menu("There is no such room. ")
        self._conn.set_extra_info(room=answer)
        return True

    def _menu(self, complaint: str = "") -> KbdIntChallenge:
        return "", f"{complaint}There are: {', '.join(ROOMS)}.", "", [("room: ", True)]


def enter(process: nacre.SSHServerProcess[str]) -> None:
    process.stdout.write(f"you are in the {process.get_extra_info('room')}\n")
    process.exit(0)


async def main(port: int) -> None:
    key = nacre.generate_private_key("ssh-ed25519")  # a real server keeps its key in a file
    listener = await nacre.listen(
        "127.0.0.1", port, server_factory=Server, server_host_keys=[key], process_factory=enter
    )
    async with listener:
        print(f"port {listener.get_port()}, host key {key.get_fingerprint()}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 8022))
    except (KeyboardInterrupt, OSError) as error:
        sys.exit(str(error))
