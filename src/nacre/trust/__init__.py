"""What is believed: known_hosts and authorized_keys. Text in, verdict out.

Owns: the names that the rest of nacre imports from here. Must not know: connections, users.
"""

from __future__ import annotations

from nacre.trust.authorized_keys import (
    ENFORCED_OPTIONS,
    AuthorizedKeyVerdict,
    SSHAuthorizedKeys,
    import_authorized_keys,
    read_authorized_keys,
    remembered_authorized_keys,
)
from nacre.trust.known_hosts import (
    KnownHostsArgument,
    KnownHostsResult,
    SSHKnownHosts,
    import_known_hosts,
    known_hosts_line,
    match_known_hosts,
    read_known_hosts,
)
from nacre.trust.lines import Problem

__all__ = [
    "ENFORCED_OPTIONS",
    "AuthorizedKeyVerdict",
    "KnownHostsArgument",
    "KnownHostsResult",
    "Problem",
    "SSHAuthorizedKeys",
    "SSHKnownHosts",
    "import_authorized_keys",
    "import_known_hosts",
    "known_hosts_line",
    "match_known_hosts",
    "read_authorized_keys",
    "read_known_hosts",
    "remembered_authorized_keys",
]
