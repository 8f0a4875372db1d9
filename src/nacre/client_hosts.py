"""Login by host on a server: whether the host that vouches for a user is the one it claims to be.

Owns: what the host is called, and whether its key or certificate is believed (RFC 4252 section 9). Must not
know: messages, signatures (the protocol has verified them), or whom the host may vouch for.

The name counts that the client's address has, in both directions, or the address where it has none; what
the client says counts where the option `trust_client_host` says so. Nobody is believed by default.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from nacre.aio.host_names import confirmed_name, is_host_name
from nacre.aio.log import logger, plain
from nacre.aio.tasks import settle
from nacre.config_server_alone import is_too_short
from nacre.errors import KeyImportError
from nacre.host_certificates import misfit
from nacre.host_trust import HostTrust, Standing, look_up, require_files
from nacre.keys import SSHCertificate, SSHKey, decode_shown_key
from nacre.profiles import takes_user_key
from nacre.protocol import events
from nacre.trust.pattern import parse_address

if TYPE_CHECKING:
    from nacre.options import SSHServerConnectionOptions
    from nacre.server import SSHServer
    from nacre.trust.revocation import KeyRevocationList

__all__ = ["ClientHosts", "warn_of_client_hosts"]

#: In known_hosts, a name without a port stands for this one; where a client calls from means nothing.
_PORT: Final = 22


def _knows_any(known: Any) -> bool:
    return known is not None and not (isinstance(known, (str, bytes, list, tuple)) and not known)


def warn_of_client_hosts(options: SSHServerConnectionOptions) -> None:
    """Say so now if a file of `known_client_hosts` is not there: it is read at each login, and may come yet."""
    if not _knows_any(options.known_client_hosts):
        return
    try:
        require_files(options.known_client_hosts, None)
    except OSError as error:
        logger.warning("known_client_hosts admits nobody: %s", plain(error))


class ClientHosts:
    """What a server believes of the host at the other end of one connection.

    Args:
        options: the options of the connection.
        server: the program's callbacks.
        client_addr: the client's address.
        client_port: its port.
        yes: tells whether what a callback answers is a clear yes.
        logger: where refusals are explained.
    """

    def __init__(
        self,
        options: SSHServerConnectionOptions,
        server: SSHServer,
        client_addr: str | None,
        client_port: int,
        yes: Callable[[Any], Awaitable[bool]],
        logger: Any,
    ) -> None:
        self._options = options
        self._server = server
        self._addr = client_addr or ""
        self._port = client_port
        self._yes = yes
        self._logger = logger
        self._looked_up = False
        self._name: str | None = None

    async def supported(self) -> bool:
        """Return whether any host could be believed."""
        if not self._options.host_based_auth:
            return False
        if _knows_any(self._options.known_client_hosts):
            return True
        supported = self._server.host_based_auth_supported()
        return supported if type(supported) is bool else await self._yes(supported)

    async def name(self) -> str | None:
        """Return the name of the client's address, looked up once, or None."""
        if not self._looked_up:
            self._looked_up = True
            try:
                self._name = await settle(confirmed_name(self._addr), self._options.login_timeout / 2 or None)
            except TimeoutError:
                self._logger.info("no name server has told the name of %s in time", self._addr)
        return self._name

    async def believed(
        self, event: events.HostbasedQuestion, revoked: KeyRevocationList | None
    ) -> str | None:
        """Return the name of the host that has signed, or None if it is not believed to be that."""
        try:
            shown = decode_shown_key(event.key_blob)
        except KeyImportError as error:
            self._refuse(event, str(error))
            return None
        if not takes_user_key(self._options.profile, shown):
            self._refuse(event, "its key is too short for the profile")
            return None
        if is_too_short(shown, self._options):
            self._refuse(event, "its key has fewer bits than RequiredRSASize")
            return None
        host = await self._host(event.client_host)
        if not host:
            self._refuse(event, "it has no name that could be looked up")
            return None
        trust = self._trust(host)
        if trust.is_revoked(shown) or (revoked is not None and revoked.revokes(shown)):
            self._refuse(event, "its key is revoked")
            return None
        why = await (
            self._judge_certificate(trust, shown)
            if isinstance(shown, SSHCertificate)
            else self._judge_key(trust, shown)
        )
        if why:
            self._refuse(event, why)
            return None
        return host

    async def _host(self, claimed: str) -> str:
        """Return what the client's host is called, in lower case; "" if that cannot be said."""
        # RFC 4252 section 9 has the whole name, and OpenSSH says so by the dot at its end.
        claimed = claimed.lower().removesuffix(".")
        if self._options.trust_client_host:
            # A name that is an address would be any machine's that known_hosts has by its address.
            return claimed if is_host_name(claimed) or claimed == self._addr else ""
        host = await self.name() or str(parse_address(self._addr) or "")
        if claimed != host:
            self._logger.info(
                "the client calls its host %s; by its address it is %s", plain(claimed), plain(host)
            )
        return host

    def _trust(self, host: str) -> HostTrust:
        known = self._options.known_client_hosts
        if not _knows_any(known):
            return HostTrust(host, _PORT, "known_client_hosts")
        # The address is the client's own. A name that the client has chosen itself is looked up alone: a key
        # known for the address would vouch for the name.
        addr = "" if self._options.trust_client_host else self._addr
        return look_up(known, host, addr, _PORT, None)

    async def _judge_key(self, trust: HostTrust, key: SSHKey) -> str:
        """Return why a key is not believed to be the host's; "" if it is."""
        if trust.standing(key) is Standing.TRUSTED:
            return ""
        asked = self._server.validate_host_public_key(trust.host, self._addr, self._port, key)
        return "" if await self._yes(asked) else "its key is not known"

    async def _judge_certificate(self, trust: HostTrust, shown: SSHCertificate) -> str:
        """Return why a certificate does not show that the key is the host's; "" if it does."""
        signer = shown.signing_key
        if not any(signer.public_data == known.public_data for known in trust.authorities):
            asked = self._server.validate_host_ca_key(trust.host, self._addr, self._port, signer)
            if not await self._yes(asked):
                return "the authority of its certificate is not known"
        # As for sshd, and unlike what a client takes of a server: no principal is a pattern.
        if trust.host not in shown.principals:
            return "its certificate is for other names"
        return misfit(trust, shown, time.time(), self._options)

    def _refuse(self, event: events.HostbasedQuestion, why: str) -> None:
        self._logger.info(
            "host %s was refused for %s: %s",
            plain(event.client_host), plain(event.username), plain(why),
        )  # fmt: skip
