"""What a hub stands on, opened in the right order and closed in the reverse one.

Owns: the way from the command line's options to an open state: directory, lock, configuration,
database, host key, apps. Must not know: SSH, sessions.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from nacre.hub import apps as app_catalogue
from nacre.hub import hostkey
from nacre.hub.apps import App
from nacre.hub.config import HubConfig, load
from nacre.hub.hostkey import HostKey
from nacre.hub.paths import (
    LockRole,
    StateLock,
    StatePaths,
    absolute,
    choose_state_dir,
    choose_uid_registry,
    prepare,
)
from nacre.hub.state import State
from nacre.hub.uid_claims import AREA, GivenUids, UidRange, UidRegistry

__all__ = ["Ground", "HubOptions", "StateUids", "find_config", "open_ground"]

#: How long a starting hub waits for an administration command to be done, in seconds.
COMMAND_WAIT: Final = 5.0


@dataclass(frozen=True, slots=True)
class HubOptions:
    """The options of `nacre hub`; None is what was not given.

    Attributes:
        state: the state directory.
        listen: "host" or "host:port".
        port: the port alone.
        config: the configuration file.
    """

    state: str | None = None
    listen: str | None = None
    port: int | None = None
    config: str | None = None


class StateUids:
    """The uids of one state: out of the machine's registry where the hub is root, else of no meaning.

    Args:
        paths: the state.
        config: says where new uids come from, or does not.
        environ: the environment, or None for the process's own.
    """

    def __init__(
        self, paths: StatePaths, config: HubConfig, environ: Mapping[str, str] | None = None
    ) -> None:
        self._paths = paths
        self._wanted = None if config.uid_range is None else UidRange(*config.uid_range)
        self._registry = UidRegistry(choose_uid_registry(os.environ if environ is None else environ))

    def claim(self, given: GivenUids) -> UidRange:
        """Claim what has been given out and what may be; return where new uids come from. StateError."""
        if not self._paths.as_root:
            return self._wanted or AREA
        return self._registry.claim(self._paths.root, given, self._wanted).ranges[0]

    def preview(self, given: GivenUids) -> UidRange:
        """Return what `claim` would, without claiming. StateError."""
        if not self._paths.as_root:
            return self._wanted or AREA
        return self._registry.preview(self._paths.root, given, self._wanted).ranges[0]

    def owns(self, uid: int) -> bool:
        """Tell whether a uid is this state's alone, so that whatever runs under it is. StateError."""
        return self._paths.as_root and self._registry.owns(self._paths.root, uid)


@dataclass(slots=True)
class Ground:
    """An open state and all that was read beside it.

    Attributes:
        paths: the state directory.
        config: the effective configuration, the command line's address in it.
        state: users, keys and invites.
        apps: all, also those that cannot be offered.
        host_key: of this hub.
        uids: of its users.
    """

    paths: StatePaths
    config: HubConfig
    state: State
    apps: tuple[App, ...]
    host_key: HostKey
    uids: StateUids
    _stack: ExitStack = field(repr=False)

    def close(self) -> None:
        """Close the database and give the lock back. A second call does nothing."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def find_config(option: str | None, paths: StatePaths) -> Path | None:
    """Return the configuration file to read: the one named, else STATE/hub.toml if there is one."""
    if option is not None:
        return absolute(option) if option.startswith("~") else Path(option)
    return paths.config if os.path.lexists(paths.config) else None


def open_ground(options: HubOptions, environ: Mapping[str, str] | None = None) -> Ground:
    """Open everything that a hub needs before it listens.

    Args:
        options: from the command line.
        environ: the environment, or None for the process's own.

    Raises:
        HubProblem: with one line, for everything that a person can put right.
    """
    environ = os.environ if environ is None else environ
    root = choose_state_dir(options.state, environ, os.geteuid())
    with ExitStack() as stack:
        paths = prepare(root)
        config = load(find_config(options.config, paths)).replace_listen(options.listen, options.port)
        apps = app_catalogue.catalogue(config)
        stack.enter_context(StateLock.acquire(paths, LockRole.HUB, COMMAND_WAIT))
        uids = StateUids(paths, config, environ)
        state = stack.enter_context(State.open(paths, uids.claim))
        uids.claim(state.given_uids())  # also where nobody is to be added: its users are to be safe
        host_key = hostkey.load_or_make(paths)
        return Ground(paths, config, state, apps, host_key, uids, stack.pop_all())
