"""The keys of agents in one session: what a client is shown there, and signs with.

Owns: that an agent is told of the session before it lists or signs, as by ssh since 8.9 (PROTOCOL.agent 1), and
that keys which it has for other hosts are not offered. Must not know: the login itself, or how keys are chosen.
"""

from __future__ import annotations

from nacre.agent.bindings import session_of
from nacre.agent.client import SSHAgentClient, SSHAgentKeyPair
from nacre.aio.log import logger, plain
from nacre.errors import ChannelOpenError
from nacre.keys import SSHKeyPair
from nacre.protocol.settings import Info


class SessionKeys:
    """The keys of agents in the session of one connection.

    Args:
        info: what is known of the connection; its keys were exchanged when a key is asked for.
    """

    def __init__(self, info: Info) -> None:
        self._info = info
        #: What each agent shows in this session; None: it does not say.
        self._shown: dict[SSHAgentClient, frozenset[bytes] | None] = {}

    async def usable(self, pair: SSHKeyPair) -> SSHKeyPair | None:
        """Return a key as it is used in this session; None: its agent does not show it there."""
        if not isinstance(pair, SSHAgentKeyPair):
            return pair
        bound = pair.bound(session_of(self._info))
        if pair.agent not in self._shown:
            self._shown[pair.agent] = await _shown_by(bound.agent)
        shown = self._shown[pair.agent]
        return bound if shown is None or pair.key_data in shown else None


async def _shown_by(agent: SSHAgentClient) -> frozenset[bytes] | None:
    try:
        return frozenset(pair.key_data for pair in await agent.get_keys())
    except (OSError, ValueError, ChannelOpenError) as error:
        logger.info("an agent does not say which keys it has for this host: %s", plain(error))
        return None
