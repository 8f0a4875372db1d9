"""Every keyword of OpenSSH's server configuration (sshd_config(5)), as a table: what may follow it, and where it may stand.

Owns: the table. Must not know: which of them nacre does; that is in `nacre.server_config`.
"""

from __future__ import annotations

from typing import Final

from nacre.trust import config_server_values as own
from nacre.trust import config_values as values
from nacre.trust.config_keywords import Counts, Keyword, Scope, by_name
from nacre.trust.config_values import Kind

__all__ = ["SERVER", "SERVER_IGNORED", "SERVER_NAMES"]

_GLOBAL, _ANYWHERE = Scope.GLOBAL, Scope.ANYWHERE


def _all(scope: Scope, read: Kind, names: str, counts: Counts = Counts.FIRST) -> tuple[Keyword, ...]:
    return tuple(Keyword(name, read, counts, scope=scope) for name in names.split())


_FORWARDING: Final = values.choice("yes", "all=yes", "no", "remote", "local")

SERVER: Final[tuple[Keyword, ...]] = (
    *_all(
        _ANYWHERE,
        own.flag,
        """AllowAgentForwarding DisableForwarding ExposeAuthInfo GSSAPIAuthentication HostbasedAuthentication
        HostbasedUsesNameFromPacketOnly KerberosAuthentication PasswordAuthentication PermitEmptyPasswords PermitTTY
        PermitUserRC RefuseConnection StreamLocalBindUnlink X11Forwarding X11UseLocalhost""",
    ),
    Keyword("PubkeyAuthentication", own.flag, aliases=("dsaauthentication",)),
    Keyword("PubkeyAcceptedAlgorithms", values.one, aliases=("pubkeyacceptedkeytypes",)),
    Keyword("HostbasedAcceptedAlgorithms", values.one, aliases=("hostbasedacceptedkeytypes",)),
    Keyword(
        "KbdInteractiveAuthentication",
        own.flag,
        aliases=("challengeresponseauthentication", "skeyauthentication"),
    ),
    *_all(
        _GLOBAL,
        own.flag,
        """DebianBanner GSSAPICleanupCredentials GSSAPIKeyExchange GSSAPIStoreCredentialsOnRekey
        GSSAPIStrictAcceptorCheck IgnoreUserKnownHosts KerberosGetAFSToken KerberosOrLocalPasswd
        KerberosTicketCleanup PrintLastLog PrintMotd StrictModes UseDNS UsePAM""",
    ),
    Keyword("TCPKeepAlive", own.flag, aliases=("keepalive",), scope=_GLOBAL),
    Keyword("IgnoreRhosts", values.choice("yes", "no", "shosts-only")),
    Keyword("AddressFamily", values.choice("any", "inet", "inet6"), scope=_GLOBAL),
    *_all(_ANYWHERE, _FORWARDING, "AllowStreamLocalForwarding AllowTcpForwarding"),
    Keyword("Compression", values.choice("yes", "delayed=yes", "no"), scope=_GLOBAL),
    Keyword("FingerprintHash", values.FINGERPRINTS, scope=_GLOBAL),
    Keyword("GatewayPorts", values.choice("yes", "no", "clientspecified")),
    Keyword("LogLevel", values.LOG_LEVELS),
    Keyword("SyslogFacility", values.FACILITIES, scope=_GLOBAL),
    Keyword(
        "PermitRootLogin",
        values.choice(
            "yes", "no", "without-password", "prohibit-password=without-password", "forced-commands-only"
        ),
    ),
    Keyword("PermitTunnel", values.choice("yes", "no", "point-to-point", "ethernet")),
    *_all(
        _ANYWHERE,
        values.integer,
        "ClientAliveCountMax MaxAuthTries MaxSessions RequiredRSASize X11DisplayOffset",
    ),
    Keyword("ClientAliveInterval", values.time),
    Keyword("LoginGraceTime", values.time, scope=_GLOBAL),
    Keyword("UnusedConnectionTimeout", values.time_or("none", "0=none")),
    *_all(
        _ANYWHERE,
        values.one,
        """AuthorizedKeysCommandUser AuthorizedPrincipalsCommandUser AuthorizedPrincipalsFile Banner
        CASignatureAlgorithms ChrootDirectory PAMServiceName RDomain RevokedKeys TrustedUserCAKeys""",
    ),
    *_all(
        _GLOBAL,
        values.one,
        """Ciphers GSSAPIKexAlgorithms HostKeyAgent HostKeyAlgorithms KexAlgorithms MACs ModuliFile
        PerSourcePenaltyExemptList PidFile SecurityKeyProvider SshdAuthPath
        SshdSessionPath XAuthLocation""",
    ),
    *_all(_ANYWHERE, values.rest, "ForceCommand"),
    *_all(_GLOBAL, values.rest, "VersionAddendum"),
    *_all(_ANYWHERE, own.program, "AuthorizedKeysCommand AuthorizedPrincipalsCommand"),
    *_all(_ANYWHERE, own.users, "AllowUsers DenyUsers", Counts.EVERY),
    *_all(_ANYWHERE, values.words(), "AllowGroups DenyGroups", Counts.EVERY),
    Keyword("AcceptEnv", values.environment_names, Counts.EVERY),
    Keyword("AuthenticationMethods", own.methods),
    Keyword("AuthorizedKeysFile", values.words()),
    Keyword("ChannelTimeout", values.channel_timeouts),
    Keyword("HostCertificate", values.one, Counts.EVERY, scope=_GLOBAL),
    Keyword("HostKey", values.one, Counts.EVERY, ("hostdsakey",), _GLOBAL),
    Keyword("IPQoS", values.quality),
    Keyword("ListenAddress", own.listener, Counts.EVERY, scope=_GLOBAL),
    Keyword("LogVerbose", values.words("none")),
    Keyword("MaxStartups", own.startups, scope=_GLOBAL),
    Keyword("PerSourceMaxStartups", values.number_or("none"), scope=_GLOBAL),
    Keyword("PerSourceNetBlockSize", own.net_blocks, scope=_GLOBAL),
    Keyword("PerSourcePenalties", own.penalties, Counts.EVERY, scope=_GLOBAL),
    Keyword("PermitListen", own.permitted_listeners),
    Keyword("PermitOpen", values.permitted_targets),
    Keyword("Port", values.port, Counts.EVERY, scope=_GLOBAL),
    Keyword("PermitUserEnvironment", own.environment, scope=_GLOBAL),
    Keyword("PubkeyAuthOptions", own.key_options),
    Keyword("RekeyLimit", values.rekey, Counts.PARTS),
    Keyword("SetEnv", values.variables),
    Keyword("StreamLocalBindMask", values.mask),
    Keyword("Subsystem", own.subsystem, Counts.EVERY),
)

#: What sshd still knows by name and does nothing about.
SERVER_IGNORED: Final = frozenset(
    """afstokenpassing authorizedkeysfile2 checkmail gssusesessionccache gssapiusesessioncredcache
    kerberostgtpassing keyregenerationinterval pamauthenticationviakbdint permitblacklistedkeys protocol
    reversemappingcheck rhostsauthentication rhostsrsaauthentication rsaauthentication serverkeybits uselogin
    useprivilegeseparation verifyreversemapping""".split()
)

SERVER_NAMES: Final = by_name(SERVER)
