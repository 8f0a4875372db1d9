"""Whether a client has a configuration at all, and whom it logs in as: what every connection asks.

Owns: which files are read, and the local user's name. Must not know: what a file says (`nacre.client_config`,
which is loaded where there is one).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final

from nacre.keys.files import expand

if TYPE_CHECKING:
    from nacre.options import SSHClientConnectionOptions

__all__ = ["configuration_files", "configured_later", "local_user", "user_of"]

_DEFAULT_FILE: Final = "~/.ssh/config"


def local_user() -> str:
    """Return the name of the user that this process belongs to."""
    import getpass  # loads more than a name is worth where the program gives it

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        raise ValueError("the local user has no name here: give one as username=…") from None


def user_of(options: SSHClientConnectionOptions) -> str:
    """Return whom to log in as: the user of the options, even one without a name, else the local one."""
    return options.username if options.is_given("username") else local_user()


def configuration_files(options: SSHClientConnectionOptions) -> tuple[Any, ...]:
    """Return the files that `config` names; not given: `~/.ssh/config`, if there is one; None: none."""
    files = options.config
    if files == ():
        default = expand(_DEFAULT_FILE)
        if not default.exists():
            return ()
        return (default,)
    return files or ()


async def configured_later(
    options: SSHClientConnectionOptions, without: Collection[str] = ()
) -> SSHClientConnectionOptions:
    """Return what `configured` does; a name that is looked up, or a program that is run, keeps a thread and not the loop."""
    if not configuration_files(options) and not options.canonicalize_hostname:
        return options
    from nacre.client_config import configured  # for those who have one
    from nacre.config_machine import MustWait, NoMachine

    try:
        return configured(options, without, NoMachine(options.config_exec))
    except MustWait:
        return await asyncio.to_thread(configured, options, without)
