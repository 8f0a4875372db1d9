"""Login by host on a client: which keys this machine has, what it is called, and who its user is here.

Owns: the keys of the options or the system, and the claim that goes with each. Must not know: messages, the
order of methods; how ssh-keysign is asked is `nacre.keysign`'s.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from nacre.aio.host_names import name_of
from nacre.aio.key_loading import load_private_keys
from nacre.config_begin import local_user
from nacre.keysign import Keysign, KeysignKeyPair, keysign_pairs

if TYPE_CHECKING:
    from nacre.keys import SSHKeyPair
    from nacre.options import SSHClientConnectionOptions

__all__ = ["HostIdentity", "host_keys_of"]


async def host_keys_of(options: SSHClientConnectionOptions) -> list[SSHKeyPair]:
    """Return the keys by which this machine can vouch for its user; see `load_client_host_keys`."""
    keys = options.client_host_keys
    if options.client_host_keysign:
        return await keysign_pairs(Keysign.find(options.client_host_keysign), keys, options.client_host_certs)
    if keys is None or (isinstance(keys, (str, bytes, list, tuple)) and not keys):
        return []
    return await load_private_keys(keys, options.passphrase, certs=options.client_host_certs)


class HostIdentity:
    """This machine, as it presents itself on one connection.

    Args:
        options: the options of the connection.
        keys: as `load_client_host_keys` returns them.
        extra_info: as the connection's `get_extra_info`.
    """

    def __init__(
        self,
        options: SSHClientConnectionOptions,
        keys: Iterable[SSHKeyPair],
        extra_info: Callable[[str], Any],
    ) -> None:
        self._options = options
        from copy import copy  # for hosts that log in

        self._keys = [copy(key) for key in keys]
        self._extra_info = extra_info
        self._host = ""
        for key in self._keys:
            if isinstance(key, KeysignKeyPair):
                key.sock = extra_info("socket")

    def next_key(self) -> SSHKeyPair | None:
        """Return the next key to try, each once."""
        return self._keys.pop(0) if self._keys else None

    async def claim(self) -> tuple[str, str]:
        """Return the name of this machine and of its user.

        ssh-keysign signs nothing but the truth: the name of the address at this end of the connection, or else
        of the machine, with a dot at its end.
        """
        if not self._host:
            self._host = self._options.client_host or await self._own_name()
            if self._options.client_host_keysign:
                self._host = self._host.removesuffix(".") + "."
        return self._host, self._user()

    async def _own_name(self) -> str:
        sockname = self._extra_info("sockname")
        name = await name_of(sockname) if isinstance(sockname, tuple) else None
        return (name or socket.gethostname().lower().removesuffix(".")) + "."

    def _user(self) -> str:
        if self._options.is_given("client_username"):
            name: str = self._options.client_username
            return name
        if self._options.client_host_keysign and hasattr(os, "getuid"):
            import pwd  # where there are such users

            return pwd.getpwuid(os.getuid()).pw_name
        return local_user()
