"""Every keyword of OpenSSH's client configuration (ssh_config(5)), as a table: what may follow it, and how often it counts.

Owns: the table. Must not know: which of them nacre does; that is in `nacre.client_config`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from enum import Enum
from typing import Final

from nacre.trust import config_values as values
from nacre.trust.config_lines import Setting
from nacre.trust.config_values import Kind
from nacre.wire.record import record

__all__ = [
    "CLIENT",
    "CLIENT_IGNORED",
    "CLIENT_NAMES",
    "Counts",
    "Keyword",
    "Scope",
    "by_name",
    "count",
    "ignored",
]


class Counts(Enum):
    """Which lines of a keyword count."""

    FIRST = "first"
    EVERY = "every"
    NEW = "every one that says something new"
    PARTS = "the first, and what it leaves out from those behind it"


class Scope(Enum):
    """Where a server's keyword may stand."""

    ANYWHERE = "anywhere"
    GLOBAL = "global"


@record
class Keyword:
    """One keyword.

    Attributes:
        name: as the manual writes it.
        read: what may follow it.
        counts: which of its lines count.
        aliases: other names for it, in lower case.
        scope: where it may stand, in a server's file.
    """

    name: str
    read: Kind
    counts: Counts = Counts.FIRST
    aliases: tuple[str, ...] = ()
    scope: Scope = Scope.ANYWHERE


def count(keyword: Keyword, known: list[Setting], taken: Setting) -> None:
    """Add a line to those of its keyword, as far as it counts."""
    said = len(known[0].arguments) if known else 0
    if (
        not known
        or keyword.counts is Counts.EVERY
        or (keyword.counts is Counts.NEW and all(taken.arguments != other.arguments for other in known))
    ):
        known.append(taken)
    elif keyword.counts is Counts.PARTS and len(taken.arguments) > said:
        first = known[0]
        whole = (*first.arguments, *taken.arguments[said:])
        known[0] = Setting(first.keyword, first.text, whole, first.where)


def _all(read: Kind, names: str, counts: Counts = Counts.FIRST) -> tuple[Keyword, ...]:
    return tuple(Keyword(name, read, counts) for name in names.split())


def _also(name: str, read: Kind, aliases: str) -> Keyword:
    return Keyword(name, read, aliases=tuple(aliases.split()))


_TRI: Final = ("true", "false", "yes=true", "no=false")

#: What says where lines apply, and reads other files.
CONDITIONS: Final = frozenset({"host", "match", "include"})

CLIENT: Final[tuple[Keyword, ...]] = (
    *_all(
        values.flag,
        """BatchMode CanonicalizeFallbackLocal CheckHostIP ClearAllForwardings EnableEscapecommandline
        EnableSSHKeysign ExitOnForwardFailure ForkAfterAuthentication ForwardX11 ForwardX11Trusted
        GatewayPorts GSSAPIAuthentication GSSAPIDelegateCredentials GSSAPIKeyExchange
        GSSAPIRenewalForcesRekey GSSAPITrustDns HashKnownHosts HostbasedAuthentication IdentitiesOnly
        NoHostAuthenticationForLocalhost PasswordAuthentication PermitLocalCommand ProxyUseFdpass StdinNull
        StreamLocalBindUnlink VisualHostKey WarnWeakCrypto""",
    ),
    _also("TCPKeepAlive", values.flag, "keepalive"),
    _also(
        "KbdInteractiveAuthentication",
        values.flag,
        "challengeresponseauthentication skeyauthentication tisauthentication",
    ),
    *_all(
        values.integer,
        "CanonicalizeMaxDots ConnectionAttempts NumberOfPasswordPrompts RequiredRSASize ServerAliveCountMax",
    ),
    *_all(
        values.one,
        """BindAddress BindInterface GSSAPIClientIdentity GSSAPIKexAlgorithms
        GSSAPIServerIdentity HostKeyAlias HostName IdentityAgent IgnoreUnknown KbdInteractiveDevices
        PreferredAuthentications RevokedHostKeys SecurityKeyProvider Tag User XAuthLocation ControlPath
        CASignatureAlgorithms Ciphers HostKeyAlgorithms KexAlgorithms MACs""",
    ),
    _also("PKCS11Provider", values.one, "smartcarddevice"),
    _also("PubkeyAcceptedAlgorithms", values.one, "pubkeyacceptedkeytypes"),
    _also("HostbasedAcceptedAlgorithms", values.one, "hostbasedkeytypes"),
    *_all(
        values.rest,
        "KnownHostsCommand LocalCommand ProxyCommand RefuseConnection RemoteCommand VersionAddendum",
    ),
    Keyword("ProxyJump", values.hops),
    Keyword("LogVerbose", values.words("none")),
    *_all(values.words("none"), "GlobalKnownHostsFile UserKnownHostsFile"),
    Keyword("CanonicalDomains", values.domains),
    Keyword("CanonicalizePermittedCNAMEs", values.cname_rules),
    Keyword("ChannelTimeout", values.channel_timeouts),
    Keyword("PermitRemoteOpen", values.permitted_targets),
    Keyword("Compression", values.choice("yes", "no")),
    Keyword("AddressFamily", values.choice("any", "inet", "inet6")),
    Keyword("CanonicalizeHostname", values.choice(*_TRI, "always")),
    Keyword("ControlMaster", values.choice(*_TRI, "auto", "ask", "autoask")),
    Keyword("FingerprintHash", values.FINGERPRINTS),
    Keyword("LogLevel", values.LOG_LEVELS),
    _also("PubkeyAuthentication", values.choice(*_TRI, "unbound", "host-bound"), "dsaauthentication"),
    Keyword("RequestTTY", values.choice(*_TRI, "force", "auto")),
    Keyword("SessionType", values.choice("none", "subsystem", "default")),
    Keyword("StrictHostKeyChecking", values.choice(*_TRI, "off=false", "ask", "accept-new")),
    Keyword("SyslogFacility", values.FACILITIES),
    Keyword(
        "Tunnel",
        values.choice(
            "ethernet", "point-to-point", "true=point-to-point", "yes=point-to-point", "false", "no=false"
        ),
    ),
    *_all(values.choice(*_TRI, "ask"), "UpdateHostKeys VerifyHostKeyDNS"),
    Keyword("AddKeysToAgent", values.agent_keys),
    Keyword("ConnectTimeout", values.time_or("none"), aliases=("setuptimeout",)),
    Keyword("ControlPersist", values.time_or("yes", "no", "true=yes", "false=no")),
    Keyword("EscapeChar", values.escape),
    Keyword("ForwardAgent", values.path_or_flag),
    Keyword("ForwardX11Timeout", values.time_or("none=1200")),
    Keyword("IPQoS", values.quality),
    Keyword("ObscureKeystrokeTiming", values.keystrokes),
    Keyword("Port", values.port),
    Keyword("RekeyLimit", values.rekey, Counts.PARTS),
    Keyword("ServerAliveInterval", values.time_or("none=0"), aliases=("protocolkeepalives",)),
    Keyword("SetEnv", values.variables),
    Keyword("StreamLocalBindMask", values.mask),
    Keyword("TunnelDevice", values.tunnel_device),
    Keyword("CertificateFile", values.one, Counts.NEW),
    Keyword("DynamicForward", values.forward(1, 1), Counts.EVERY),
    Keyword("IdentityFile", values.one, Counts.NEW, ("identityfile2",)),
    Keyword("LocalForward", values.forward(2, 2), Counts.EVERY),
    Keyword("RemoteForward", values.forward(1, 2, "[socks]:0"), Counts.EVERY),
    Keyword("SendEnv", values.environment_names, Counts.EVERY),
)

_IGNORED: Final = """afstokenpassing cipher compressionlevel fallbacktorsh globalknownhostsfile2 kerberosauthentication
    kerberostgtpassing protocol rhostsauthentication rhostsrsaauthentication rsaauthentication
    useprivilegedport useroaming userknownhostsfile2 usersh useblacklistedkeys"""
#: Apple's own: whether passphrases are taken from the keychain. A program gives its own (`passphrase`).
_APPLES: Final = "usekeychain"


def ignored(platform: str) -> frozenset[str]:
    """Return what a system's ssh knows by name, and what nothing is done about."""
    return frozenset((_IGNORED + (f" {_APPLES}" if platform == "darwin" else "")).split())


#: Those of this system.
CLIENT_IGNORED: Final = ignored(sys.platform)


def by_name(keywords: Iterable[Keyword]) -> dict[str, Keyword]:
    """Return keywords by each of their names, in lower case."""
    return {name: keyword for keyword in keywords for name in (keyword.name.lower(), *keyword.aliases)}


CLIENT_NAMES: Final = by_name(CLIENT)
