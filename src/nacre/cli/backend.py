"""How a command reaches the state: through the hub that runs or, while none does, by itself.

Owns: the choice between the two, and the lock in between. Must not know: what an operation does.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Mapping
from typing import Any, Final

from nacre.hub.config import HubConfig, load
from nacre.hub.control import HubNotRunning, call
from nacre.hub.ground import StateUids, find_config
from nacre.hub.operations import Operations
from nacre.hub.paths import LockRole, StateBusy, StateLock, StatePaths, choose_state_dir, prepare
from nacre.hub.problem import HubProblem, StateError
from nacre.hub.remains import remaining_sessions
from nacre.hub.state import State

__all__ = ["perform", "state_paths"]

#: The operations that concern sessions, which may have outlived their hub.
_WITH_SESSIONS: Final = ("session.", "user.remove")

#: How long to wait for a hub that starts or ends, or for another command, in seconds.
BUSY_WAIT: Final = 5.0
BUSY_POLL: Final = 0.1


def state_paths(options: argparse.Namespace) -> StatePaths:
    """Return the names in the state directory that the options mean; nothing is made."""
    uid = os.geteuid()
    root = choose_state_dir(getattr(options, "state", None), os.environ, uid)
    return StatePaths(root, as_root=uid == 0)


def perform(
    options: argparse.Namespace, operation: str, arguments: Mapping[str, object], *, make_state: bool = False
) -> Any:
    """Do an operation and return its answer.

    Args:
        options: with `state` and `config`, where they were given.
        operation: see `nacre.hub.operations`.
        arguments: of the operation.
        make_state: make the state directory where there is none; else that is refused.

    Raises:
        HubProblem: the operation was refused, or the state cannot be used.
    """
    paths = state_paths(options)
    deadline = time.monotonic() + BUSY_WAIT
    while True:
        try:
            return call(paths, operation, arguments)
        except HubNotRunning:
            pass
        try:
            return _perform_here(options, paths, operation, arguments, make_state=make_state)
        except StateBusy as busy:
            # A hub has taken the lock and does not listen yet, or listens no more.
            if busy.role is not LockRole.HUB:
                raise
            if time.monotonic() >= deadline:
                raise HubProblem(
                    f"the hub on {paths.root} (process {busy.pid}) does not answer", "look at its log"
                ) from None
        time.sleep(BUSY_POLL)


def _perform_here(
    options: argparse.Namespace,
    paths: StatePaths,
    operation: str,
    arguments: Mapping[str, object],
    *,
    make_state: bool,
) -> Any:
    if not make_state and not os.path.lexists(paths.database):
        raise StateError(
            f"there is no state of a hub in {paths.root}", "name it with --state, or make one: nacre hub"
        )
    prepare(paths.root)
    config = load(find_config(getattr(options, "config", None), paths))
    uids = StateUids(paths, config)
    with (
        StateLock.acquire(paths, LockRole.COMMAND, BUSY_WAIT),
        State.open(paths, uids.claim) as state,
    ):
        return asyncio.run(_finish(paths, state, config, uids, operation, arguments))


async def _finish(
    paths: StatePaths,
    state: State,
    config: HubConfig,
    uids: StateUids,
    operation: str,
    arguments: Mapping[str, object],
) -> object:
    if not operation.startswith(_WITH_SESSIONS):
        return await Operations(paths, state, config).handlers()[operation](arguments)
    async with remaining_sessions(paths, uids.owns) as sessions:
        return await Operations(paths, state, config, sessions).handlers()[operation](arguments)
