"""Host keys that a server announces beside the one it has shown: both ends (OpenSSH PROTOCOL 2.5).

Owns: the announcement of a server and its proofs; what a client makes of an announcement, and the call of
`server_host_keys_handler`. Must not know: files: known_hosts is never written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from nacre.aio.link import Link
from nacre.aio.tasks import settle
from nacre.errors import KeyImportError
from nacre.host_trust import HostTrust, Standing
from nacre.keys import SSHKey, decode_public_key
from nacre.protocol import limits
from nacre.protocol.events import GlobalRequestQuestion
from nacre.protocol.host_keys import ANNOUNCE, PROVE, prove, proven
from nacre.protocol.settings import HostKey
from nacre.wire.requests import HostKeys

#: Turns of the loop that what is awaited takes to come to the program, through tasks of its own too.
_TURNS: Final = 8

#: Called with the keys that are new, gone, still there and revoked, as lists of `SSHKey`.
HostKeysHandler = Callable[[list[SSHKey], list[SSHKey], list[SSHKey], list[SSHKey]], Any]


class HostKeyAnnouncer:
    """A server's end.

    Args:
        link: the connection.
        keys: its private keys.
    """

    __slots__ = (
        "_keys",
        "_left",
        "_link",
    )

    def __init__(self, link: Link, keys: Sequence[HostKey]) -> None:
        self._link = link
        self._keys = keys[: limits.HOST_KEYS]
        self._left = limits.HOST_KEY_PROOFS

    def announce(self) -> None:
        """Tell the client, which is logged in, of every key."""
        keys = HostKeys(tuple(key.public_data for key in self._keys))
        self._link.protocol.global_request(ANNOUNCE, keys.encode(), False)
        self._link.touch()

    async def prove(self, event: GlobalRequestQuestion) -> bool | bytes:
        """Sign for each of the keys that the client asks about; False: one is not ours, or it asks too much."""
        blobs = event.payload.keys
        if not event.want_reply or len(blobs) > self._left:
            return False
        self._left -= len(blobs)
        return prove(self._keys, self._link.protocol.info, blobs) or False


class HostKeyUpdates:
    """A client's end.

    Args:
        link: the connection.
        trust: returns what was believed of the host when it was connected to.
        handler: of the program; None: announcements are passed over.
        established: done when the login is complete.
    """

    def __init__(
        self,
        link: Link,
        trust: Callable[[], HostTrust | None],
        handler: HostKeysHandler | None,
        established: asyncio.Future[None],
    ) -> None:
        self._established = established
        self._link = link
        self._trust = trust
        self._handler = handler

    async def announced(self, event: GlobalRequestQuestion) -> bool:
        """Take an announcement; the first one counts, as with OpenSSH."""
        trust, handler = self._trust(), self._handler
        if handler is None or trust is None or trust.anything:
            return False
        self._handler = None
        self._link.tasks.spawn(self._update(event.payload.keys, trust, handler), "server_host_keys_handler")
        return True

    async def _update(self, blobs: Sequence[bytes], trust: HostTrust, handler: HostKeysHandler) -> None:
        if len(blobs) > limits.HOST_KEYS:
            self._link.logger.warning("an announcement of %d host keys is passed over", len(blobs))
            return
        keys = list(_known_kinds(dict.fromkeys(blobs)))
        known = {key.public_data for key in trust.trusted}
        revoked = [key for key in keys if trust.standing(key) is Standing.REVOKED]
        here = [key for key in keys if key not in revoked]
        added = [key for key in here if key.public_data not in known]
        retained = [key for key in here if key.public_data in known]
        announced = {key.public_data for key in keys}
        removed = [key for key in trust.trusted if key.public_data not in announced]
        if added and not await self._proven(added):
            self._link.logger.warning("the server announced host keys that it could not prove: passed over")
            return
        # An announcement may come with the end of the login. A handler works with the connection, so that
        # whoever awaits it is to have it first.
        await asyncio.wait((self._established,))
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        await settle(handler(added, removed, retained, revoked))

    async def _proven(self, keys: Sequence[SSHKey]) -> bool:
        """Have the server sign with each key that is new; one failure is enough to believe none."""
        asked = HostKeys(tuple(key.public_data for key in keys))
        success, reply = await self._link.global_request(PROVE, asked.encode())
        return success and proven(keys, self._link.protocol.info, reply)


def _known_kinds(blobs: Iterable[bytes]) -> Iterator[SSHKey]:
    """Return the keys of the kinds that nacre has."""
    for blob in blobs:
        try:
            yield decode_public_key(blob)
        except KeyImportError:
            continue
