"""Sessions that outlived their hub, for administration while none runs.

Owns: the way from the command line to holders that no hub is attached to. Must not know: who asks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from nacre.hub.isolation import Isolation, Mode
from nacre.hub.operations import SessionRow
from nacre.hub.paths import StatePaths
from nacre.hub.sessions import SessionManager

__all__ = ["Remains", "remaining_sessions"]


class Remains:
    """The sessions that are left, as the operations see them.

    Args:
        manager: one that has found them.
    """

    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    async def sessions(self) -> list[SessionRow]:
        """Return all that run."""
        return [
            SessionRow(info.id, info.user, info.app, info.started, info.state, info.pid)
            for info in self._manager.sessions()
        ]

    async def end_session(self, session_id: str) -> bool:
        """End one and wait for its end; False when there is no such session."""
        return await self._manager.end(session_id)

    async def end_user_sessions(self, name: str) -> int:
        """End a user's sessions and return how many these were."""
        return await self._manager.end_user(name)


@asynccontextmanager
async def remaining_sessions(paths: StatePaths, owns_uid: Callable[[int], bool]) -> AsyncIterator[Remains]:
    """Find the sessions that run without a hub; the caller holds the lock of the state.

    Those that are not ended go on when this is left.

    Args:
        paths: the state.
        owns_uid: see `SessionManager`.
    """
    # Nothing is started here, so nobody has to be kept apart from anybody.
    manager = SessionManager(paths, Isolation(Mode.NONE, by_admin=False), owns_uid=owns_uid)
    await manager.recover()
    try:
        yield Remains(manager)
    finally:
        await manager.close()
