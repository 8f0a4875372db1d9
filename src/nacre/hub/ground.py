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
from nacre.hub.paths import LockRole, StateLock, StatePaths, choose_state_dir, prepare
from nacre.hub.state import State

__all__ = ["Ground", "HubOptions", "find_config", "open_ground"]

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


@dataclass(slots=True)
class Ground:
    """An open state and all that was read beside it.

    Attributes:
        paths: the state directory.
        config: the effective configuration, the command line's address in it.
        state: users, keys and invites.
        apps: all, also those that cannot be offered.
        host_key: of this hub.
    """

    paths: StatePaths
    config: HubConfig
    state: State
    apps: tuple[App, ...]
    host_key: HostKey
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
        return Path(option).expanduser()
    return paths.config if os.path.lexists(paths.config) else None


def open_ground(options: HubOptions, environ: Mapping[str, str] | None = None) -> Ground:
    """Open everything that a hub needs before it listens.

    Args:
        options: from the command line.
        environ: the environment, or None for the process's own.

    Raises:
        HubProblem: with one line, for everything that a person can put right.
    """
    root = choose_state_dir(options.state, os.environ if environ is None else environ, os.geteuid())
    with ExitStack() as stack:
        paths = prepare(root)
        config = load(find_config(options.config, paths)).replace_listen(options.listen, options.port)
        apps = app_catalogue.catalogue(config)
        stack.enter_context(StateLock.acquire(paths, LockRole.HUB, COMMAND_WAIT))
        state = stack.enter_context(State.open(paths, config.uid_range))
        host_key = hostkey.load_or_make(paths)
        return Ground(paths, config, state, apps, host_key, stack.pop_all())
