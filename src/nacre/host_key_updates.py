"""Host keys that a server announces beside the one it has shown: both ends (OpenSSH PROTOCOL 2.5).

Owns: the announcement of a server and its proofs; what a client makes of an announcement, and the call of
`server_host_keys_handler`; whether the user's known_hosts is changed (ssh_config(5), UpdateHostKeys). Must not
know: what is written there.

Known_hosts is changed where the host was believed for a key in the user's file under its own name, or one that
the program has confirmed; not for a certificate, a key by a pattern or by the DNS, nor a key that was new.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from nacre.aio.link import Link
from nacre.aio.log import plain
from nacre.aio.tasks import settle
from nacre.config_alone import is_too_short
from nacre.errors import DisconnectError, KeyImportError
from nacre.host_policy import Grounds, Judgement
from nacre.host_trust import HostTrust, Standing
from nacre.keys import SSHKey, decode_public_key
from nacre.protocol import limits
from nacre.protocol.events import GlobalRequestQuestion
from nacre.protocol.host_keys import ANNOUNCE, PROVE, prove, proven
from nacre.protocol.settings import HostKey
from nacre.trust.known_hosts_rotation import Plan, plan_for, read_known, update_files
from nacre.trust.policy import Wish
from nacre.wire.record import record
from nacre.wire.requests import HostKeys

if TYPE_CHECKING:
    from nacre.options import SSHClientConnectionOptions

#: Turns of the loop that what is awaited takes to come to the program, through tasks of its own too.
_TURNS: Final = 8

#: Called with the keys that are new, gone, still there and revoked, as lists of `SSHKey`; a true answer lets
#: known_hosts be changed where `update_host_keys` is "ask".
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


@record
class _Update:
    """What is to be changed: the plan, and every announced key by its blob."""

    plan: Plan
    announced: dict[bytes, SSHKey]


class HostKeyUpdates:
    """A client's end.

    Args:
        link: the connection.
        trust: returns what was believed of the host when it was connected to.
        options: the connection's.
        established: done when the login is complete.
    """

    def __init__(
        self,
        link: Link,
        trust: Callable[[], HostTrust | None],
        options: SSHClientConnectionOptions,
        established: asyncio.Future[None],
    ) -> None:
        self._established = established
        self._link = link
        self._trust = trust
        self._handler: HostKeysHandler | None = options.server_host_keys_handler
        self._wish: Wish = options.update_host_keys
        self._hashed: bool = options.hash_known_hosts
        self._options = options
        self._allowed = options.server_host_key_algs
        self._heard = False
        self._judgement: Judgement | None = None

    def believed(self, judgement: Judgement) -> None:
        """Take note of why the host was believed."""
        self._judgement = judgement

    async def announced(self, event: GlobalRequestQuestion) -> bool:
        """Take an announcement; the first one counts, as with OpenSSH."""
        trust = self._trust()
        if self._heard or trust is None or trust.anything:
            return False
        if self._handler is None and not self._may_update(trust):
            return False
        self._heard = True
        self._link.tasks.spawn(self._update(event.payload.keys, trust), "server_host_keys_handler")
        return True

    def _may_update(self, trust: HostTrust) -> bool:
        """Return whether the user's files may be changed."""
        asks = self._wish is Wish.YES or (self._wish is Wish.ASK and self._handler is not None)
        grounds = self._judgement.grounds if self._judgement is not None else Grounds.OTHER
        return asks and bool(trust.files) and grounds in (Grounds.USERS, Grounds.CONFIRMED)

    async def _update(self, blobs: Sequence[bytes], trust: HostTrust) -> None:
        if len(blobs) > limits.HOST_KEYS:
            self._link.logger.warning("an announcement of %d host keys is passed over", len(blobs))
            return
        # As by ssh, keys that would not do are neither learned nor kept.
        keys = [
            key
            for key in _known_kinds(dict.fromkeys(blobs))
            if not is_too_short(key.public_data, self._options)
        ]
        known = {key.public_data for key in trust.trusted}
        revoked = [key for key in keys if trust.standing(key) is Standing.REVOKED]
        here = [key for key in keys if key not in revoked]
        added = [key for key in here if key.public_data not in known]
        retained = [key for key in here if key.public_data in known]
        announced = {key.public_data for key in keys}
        removed = [key for key in trust.trusted if key.public_data not in announced]
        update = await self._planned(keys, here, trust) if self._may_update(trust) else None
        unproven = [*added, *(key for key in (update.plan.new if update else ()) if key not in added)]
        if unproven and not await self._proven(unproven):
            if not self._link.active:
                return
            self._link.logger.warning("the server announced host keys that it could not prove: passed over")
            return
        # An announcement may come with the end of the login. A handler works with the connection, so that
        # whoever awaits it is to have it first.
        await asyncio.wait((self._established,))
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        if update is not None and self._wish is Wish.YES:
            await self._write(update, trust)
        if self._handler is not None:
            answer = await settle(self._handler(added, removed, retained, revoked))
            if update is not None and self._wish is Wish.ASK and answer:
                await self._write(update, trust)

    async def _planned(
        self, keys: Sequence[SSHKey], here: Sequence[SSHKey], trust: HostTrust
    ) -> _Update | None:
        """Return what is to be changed; None: nothing is, or may be."""
        if not here:
            return None
        announced = {key.public_data: key for key in keys}
        # As ssh has it, keys of kinds that would not be taken are not learned either.
        allowed = set(trust.algorithms(self._allowed))
        wanted = frozenset(key.public_data for key in here if allowed & set(key.sig_algorithms))
        try:
            texts = await asyncio.to_thread(read_known, trust.files)
            plan = plan_for(texts, trust.host, trust.port, announced, wanted)
        except (OSError, ValueError) as error:
            self._link.logger.warning("known_hosts is not updated: %s", plain(str(error)))
            return None
        if plan.obstacle:
            self._link.logger.info("known_hosts is not updated: %s", plan.obstacle)
        return None if plan.is_idle() else _Update(plan, announced)

    async def _write(self, update: _Update, trust: HostTrust) -> None:
        """Change the files. What was not new when the proofs were asked for is not added."""
        proven_ones = {key.public_data for key in update.plan.new}
        try:
            done = await asyncio.to_thread(
                update_files, trust.files, trust.host, trust.port, update.announced, proven_ones, self._hashed
            )
        except (OSError, ValueError) as error:
            self._link.logger.warning("known_hosts is not updated: %s", plain(str(error)))
            return
        if not done.is_idle():
            self._link.logger.info(
                "known_hosts: %d new keys of %s, and %d gone", len(done.new), trust.name(), len(done.old)
            )

    async def _proven(self, keys: Sequence[SSHKey]) -> bool:
        """Have the server sign with each key that is new; one failure is enough to believe none."""
        asked = HostKeys(tuple(key.public_data for key in keys))
        try:
            success, reply = await self._link.global_request(PROVE, asked.encode())
        except DisconnectError:  # it is over, and whoever uses the connection is told
            return False
        return success and proven(keys, self._link.protocol.info, reply)


def _known_kinds(blobs: Iterable[bytes]) -> Iterator[SSHKey]:
    """Return the keys of the kinds that nacre has."""
    for blob in blobs:
        try:
            yield decode_public_key(blob)
        except KeyImportError:
            continue
