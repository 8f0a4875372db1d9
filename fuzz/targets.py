"""All targets, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fuzz import machines, parsers, stores

PARSERS: Final = (
    parsers.ident,
    parsers.framing,
    parsers.kexinit,
    parsers.key_exchange,
    parsers.transport_messages,
    parsers.userauth_messages,
    parsers.connection_messages,
    parsers.public_key,
    parsers.certificate,
    parsers.private_key,
    parsers.authorized_keys,
    parsers.known_hosts,
    parsers.agent_answers,
    parsers.proxy_header,
    parsers.configurations,
    stores.revocation_list,
    stores.detached_signature,
    stores.agent_requests,
)
MACHINES: Final = (
    machines.server_before,
    machines.server_after,
    machines.client_before,
    machines.client_after,
)
TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    target.__name__: target for target in (*PARSERS, *MACHINES)
}
