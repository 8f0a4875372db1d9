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
    **refused(
        "no file of a user says which hosts vouch for it: known_client_hosts and the program do",
        "ignorerhosts",
        "yes",
        "shosts-only",
    ),
    **refused(
        "no file of a user says whose host keys count: known_client_hosts does", "ignoreuserknownhosts", "yes"
    ),
    **refused("credentials are kept as they came", "gssapistorecredentialsonrekey", "no"),
    **meaningless("the version is the option server_version", "debianbanner"),
    **refused("PAM is not asked: the program checks passwords (validate_password)", "usepam", "no"),
    **refused("forwarding is not built", "allowtcpforwarding", "no"),
    **refused("forwarding is not built", "allowstreamlocalforwarding", "no"),
    **refused("forwarding is not built", "permittunnel", "no"),
    **refused("the whole program has one root, and sessions are its own", "chrootdirectory", "none"),
    **refused("host keys sign in this process: everybody would wait for an agent", "hostkeyagent", "none"),
    **refused(
        "no password is checked with Kerberos: tickets come by GSSAPIAuthentication",
        "kerberosauthentication",
        "no",
    ),
    **refused("routing domains are not known here", "rdomain", "none"),
    **refused("keys on tokens are verified here", "securitykeyprovider", "internal"),
    **refused(
        "the program serves subsystems (subsystem_requested), no command; SFTP is not built", "subsystem"
    ),
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
    "fingerprinthash": "",
    "forcecommand": "",
    "gssapiauthentication": "gss_auth",
    "gssapikexalgorithms": "gss_kex_algs",
    "gssapikeyexchange": "gss_kex",
    "gssapistrictacceptorcheck": "",
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
