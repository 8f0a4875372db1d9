"""The agent that keeps a user's keys: a client of one, and one in memory for programs (RFC 9987).

Owns: the public names of the agent; they are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:  # the same names for type checkers; a test compares them
    from nacre.agent.client import SSHAgentClient as SSHAgentClient
    from nacre.agent.client import SSHAgentKeyPair as SSHAgentKeyPair
    from nacre.agent.client import connect_agent as connect_agent
    from nacre.agent.constraints import Constraints as Constraints
    from nacre.agent.constraints import Destination as Destination
    from nacre.agent.constraints import Hop as Hop
    from nacre.agent.constraints import HopKey as HopKey
    from nacre.agent.private_socket import PrivateSocket as PrivateSocket
    from nacre.agent.server import Agent as Agent
    from nacre.agent.server import AgentKey as AgentKey

_HOMES: Final[dict[str, str]] = {
    "Agent": "server",
    "AgentKey": "server",
    "Constraints": "constraints",
    "Destination": "constraints",
    "Hop": "constraints",
    "HopKey": "constraints",
    "PrivateSocket": "private_socket",
    "SSHAgentClient": "client",
    "SSHAgentKeyPair": "client",
    "connect_agent": "client",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'nacre.agent' has no attribute {name!r}")
    value = getattr(import_module(f"nacre.agent.{home}"), name)
    globals()[name] = value
    return value
