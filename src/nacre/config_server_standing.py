"""What becomes of each keyword of OpenSSH's server configuration here.

Owns: the table of those that are not done, and which option does the others. Must not know: how.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nacre.config_standing import Rule, meaningless, refused

__all__ = ["SERVER_OPTIONS", "SERVER_RULES"]

_SYSTEM: Final = "sessions are the program's: it gives nobody a login shell"
_FORWARD: Final = "it says how something is forwarded that another keyword allows, which is refused"

SERVER_RULES: Final[Mapping[str, Rule]] = {
    **meaningless(_SYSTEM, "permituserrc printlastlog printmotd pamservicename"),
    **meaningless("there is one process, and it is the program's", "pidfile sshdauthpath sshdsessionpath"),
    **meaningless("groups are not taken from a file", "modulifile"),
    **meaningless("what is logged is up to the program's logging", "loglevel logverbose syslogfacility"),
    **meaningless(
        _FORWARD,
        "gatewayports permitopen permitlisten streamlocalbindmask streamlocalbindunlink x11displayoffset "
        "x11uselocalhost xauthlocation",
    ),
    **meaningless(
        "Kerberos goes through GSS-API, and credentials end with their connection",
        "gssapicleanupcredentials kerberosgetafstoken kerberosorlocalpasswd kerberosticketcleanup",
    ),
    **refused("a user's .rhosts decides nothing", "ignorerhosts", "yes", "shosts-only"),
    **refused("a user's known_hosts decides nothing", "ignoreuserknownhosts", "yes"),
    **refused("credentials are kept as they came", "gssapistorecredentialsonrekey", "no"),
    **refused("the name of the service is the option gss_host", "gssapistrictacceptorcheck", "yes"),
    **meaningless("the version is the option server_version", "debianbanner"),
    **refused("PAM is not asked", "usepam", "no"),
    **refused("forwarding is not built", "allowtcpforwarding", "no"),
    **refused("forwarding is not built", "allowstreamlocalforwarding", "no"),
    **refused("forwarding is not built", "permittunnel", "no"),
    **refused("the program has its own root", "chrootdirectory", "none"),
    **refused("fingerprints are shown in SHA256", "fingerprinthash", "sha256"),
    **refused("keys are in files", "hostkeyagent", "none"),
    **refused("Kerberos goes through GSS-API", "kerberosauthentication", "no"),
    **refused("routing domains are not known here", "rdomain", "none"),
    **refused("keys on tokens are verified here", "securitykeyprovider", "internal"),
    **refused("the program serves subsystems", "subsystem"),
}

#: The options that a keyword stands for; "": it is asked of each login.
SERVER_OPTIONS: Final[Mapping[str, str]] = {
    "acceptenv": "",
    "addressfamily": "family",
    "allowagentforwarding": "agent_forwarding",
    "allowgroups": "",
    "allowusers": "",
    "authenticationmethods": "",
    "authorizedkeyscommand": "authorized_client_keys",
    "authorizedkeyscommanduser": "authorized_client_keys",
    "authorizedkeysfile": "authorized_client_keys",
    "authorizedprincipalscommand": "authorized_client_keys",
    "authorizedprincipalscommanduser": "authorized_client_keys",
    "authorizedprincipalsfile": "authorized_client_keys",
    "banner": "",
    "casignaturealgorithms": "",
    "channeltimeout": "",
    "ciphers": "encryption_algs",
    "clientalivecountmax": "keepalive_count_max",
    "clientaliveinterval": "keepalive_interval",
    "compression": "compression_algs",
    "disableforwarding": "agent_forwarding",
    "denygroups": "",
    "denyusers": "",
    "exposeauthinfo": "",
    "forcecommand": "",
    "gssapiauthentication": "gss_auth",
    "gssapikexalgorithms": "gss_kex_algs",
    "gssapikeyexchange": "gss_kex",
    "hostbasedacceptedalgorithms": "",
    "hostbasedauthentication": "host_based_auth",
    "hostbasedusesnamefrompacketonly": "trust_client_host",
    "hostcertificate": "server_host_certs",
    "hostkey": "server_host_keys",
    "hostkeyalgorithms": "",
    "ipqos": "",
    "kbdinteractiveauthentication": "kbdint_auth",
    "kexalgorithms": "kex_algs",
    "listenaddress": "host port",
    "logingracetime": "login_timeout",
    "macs": "mac_algs",
    "maxauthtries": "max_auth_tries",
    "maxsessions": "max_sessions",
    "maxstartups": "max_unauthenticated",
    "passwordauthentication": "password_auth",
    "permitemptypasswords": "",
    "permitrootlogin": "",
    "permittty": "allow_pty",
    "permituserenvironment": "",
    "persourcemaxstartups": "max_per_source",
    "persourcenetblocksize": "",
    "persourcepenalties": "source_penalties",
    "persourcepenaltyexemptlist": "exempt_sources",
    "port": "port",
    "pubkeyacceptedalgorithms": "",
    "pubkeyauthentication": "public_key_auth",
    "pubkeyauthoptions": "",
    "refuseconnection": "",
    "rekeylimit": "rekey_bytes rekey_seconds",
    "requiredrsasize": "",
    "revokedkeys": "revoked_keys",
    "setenv": "",
    "strictmodes": "",
    "tcpkeepalive": "tcp_keepalive",
    "trustedusercakeys": "authorized_client_keys",
    "unusedconnectiontimeout": "",
    "usedns": "rdns_lookup",
    "versionaddendum": "",
    "x11forwarding": "x11_forwarding",
}
