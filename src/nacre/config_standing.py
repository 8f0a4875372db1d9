"""What becomes of each keyword of OpenSSH's configuration here: done, refused by name, or without meaning in a library.

Owns: the words for it, the table of the client's keywords, and which options do one. Must not know: how.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import Final

from nacre.aio.log import logger, plain
from nacre.trust.config_lines import Setting
from nacre.wire.record import record

__all__ = [
    "CLIENT_OPTIONS",
    "CLIENT_RULES",
    "Rule",
    "Standing",
    "check",
    "meaningless",
    "noted",
    "refused",
    "remedy",
    "told",
]


#: Where lines of a client's configuration are to be taken out.
_HOST: Final = "for this host"


class Standing(Enum):
    """What becomes of a keyword."""

    HONOURED = "done"
    REFUSED = "refused"
    NOTED = "noted in the log"
    MEANINGLESS = "without meaning here"


@record
class Rule:
    """Why a keyword is not done.

    Attributes:
        standing: what becomes of it.
        note: why, for the documentation and the message.
        harmless: first words that ask for what is done anyway, in lower case, and so are taken.
    """

    standing: Standing
    note: str
    harmless: tuple[str, ...] = ()


def check(setting: Setting, rule: Rule, where: str = _HOST) -> None:
    """Raise an error for a line that asks for what is not done, to be taken out `where`, or say so in the log."""
    word = setting.arguments[0].lower()
    if rule.standing is Standing.MEANINGLESS or any(_is_covered(word, known) for known in rule.harmless):
        return
    if rule.standing is Standing.NOTED:
        _note(setting.where, setting.keyword, rule.note)
        return
    shown = [{"true": "yes", "false": "no"}.get(word, word) for word in rule.harmless]
    only = f" but for {' or '.join(shown)}" if shown else ""
    raise setting.error(f"this keyword is not supported{only}: {rule.note}{remedy(where)}")


def remedy(where: str = "") -> str:
    """Return the end of what is said of one line: what to do about it."""
    return f". Take it out{f' {where}' if where else ''}, or give config=None"


def told(problems: Sequence[str], where: str = _HOST) -> str:
    """Return everything that is wrong with lines as one text: nobody is to learn it line by line."""
    if len(problems) == 1:
        return problems[0]
    lines = "".join(
        f"\n  {problem.removesuffix(remedy(where)).removesuffix(remedy())}" for problem in problems
    )
    return f"{len(problems)} lines cannot be kept:{lines}\nTake them out {where} or correct them, or give config=None"


@lru_cache(256)
def _note(where: str, keyword: str, note: str) -> None:
    """Say once what becomes of a line: programs connect often, and it stays as it is."""
    logger.info("%s: %s: %s", plain(where), keyword, note)


def _is_covered(word: str, harmless: str) -> bool:
    """Return whether a word is one that is harmless, or a number no greater than "at most" says."""
    bound = harmless.removeprefix("at most ")
    return word == harmless if bound == harmless else word.isdecimal() and int(word) <= int(bound)


def meaningless(note: str, names: str) -> dict[str, Rule]:
    """Return the rule of keywords without a meaning here."""
    return {name: Rule(Standing.MEANINGLESS, note) for name in names.split()}


def refused(note: str, names: str, *harmless: str) -> dict[str, Rule]:
    """Return the rule of keywords that are not done, but for what is done anyway."""
    return {name: Rule(Standing.REFUSED, note, harmless) for name in names.split()}


def noted(note: str, names: str, *harmless: str) -> dict[str, Rule]:
    """Return the rule of keywords without which a program gets the same, in another way: the log says so."""
    return {name: Rule(Standing.NOTED, note, harmless) for name in names.split()}


_FORWARD: Final = "it says how something is forwarded that another keyword asks for, which is refused"
_NO_FORWARDING: Final = "forwarding is not built; another alias of the host can have it for ssh"
#: As by ssh where no master runs. Many have it for every host, and lose nothing but time, and a login that is asked for.
_SHARED: Final = "the program has a connection and a login of its own, and shares it with nobody"

CLIENT_RULES: Final[Mapping[str, Rule]] = {
    **meaningless("nobody is asked anything but by the program", "batchmode numberofpasswordprompts"),
    **meaningless(
        "the program has the terminal", "enableescapecommandline escapechar forkafterauthentication"
    ),
    **meaningless("the program has the streams of a session", "stdinnull visualhostkey"),
    **meaningless("what is logged is up to the program's logging", "loglevel logverbose syslogfacility"),
    **meaningless(
        _FORWARD,
        """exitonforwardfailure forwardx11timeout forwardx11trusted gatewayports permitremoteopen
        streamlocalbindmask streamlocalbindunlink tunneldevice xauthlocation""",
    ),
    **meaningless("it counts with PermitLocalCommand yes, which is refused", "localcommand"),
    **noted(_SHARED, "controlmaster", "false"),
    **noted(_SHARED, "controlpath", "none"),
    **meaningless("there is no master that could stay", "controlpersist"),
    **meaningless("it takes forwardings back", "clearallforwardings"),
    **meaningless("algorithms that are weak are refused, not warned of", "warnweakcrypto"),
    **refused("channels have no time limit: close what is idle in the program", "channeltimeout", "none"),
    **refused(_NO_FORWARDING, "dynamicforward localforward remoteforward"),
    **refused(_NO_FORWARDING, "tunnel", "false"),
    **refused(
        "keys that are known for an address count for its name, and are not compared with it",
        "checkhostip",
        "no",
    ),
    **refused(
        "keystrokes are sent when they are typed: ssh hides their rhythm, nacre does not",
        "obscurekeystroketiming",
        "no",
    ),
    **refused(
        "no shell is given text with names in it: run the command in the program, once it is connected",
        "permitlocalcommand",
        "no",
    ),
    **refused(
        "no library is loaded for security keys: they sign through the agent, or with nacre[fido2]",
        "securitykeyprovider",
        "internal",
    ),
    **refused(
        "new tickets are used by the next connection, and not handed on with a key exchange",
        "gssapirenewalforcesrekey",
        "no",
    ),
}

#: The options that a keyword stands for; "": it is done by the reading itself.
CLIENT_OPTIONS: Final[Mapping[str, str]] = {
    "addkeystoagent": "",
    "addressfamily": "family",
    "bindaddress": "local_addr",
    "bindinterface": "",
    "canonicaldomains": "canonical_domains",
    "canonicalizefallbacklocal": "canonicalize_fallback_local",
    "canonicalizehostname": "canonicalize_hostname",
    "canonicalizemaxdots": "canonicalize_max_dots",
    "canonicalizepermittedcnames": "canonicalize_permitted_cnames",
    "certificatefile": "client_certs",
    "casignaturealgorithms": "",
    "ciphers": "encryption_algs",
    "compression": "compression_algs",
    "connectionattempts": "",
    "connecttimeout": "connect_timeout",
    "enablesshkeysign": "client_host_keysign",
    "fingerprinthash": "",
    "forwardagent": "agent_forwarding",
    "forwardx11": "x11_forwarding",
    "globalknownhostsfile": "known_hosts",
    "gssapiauthentication": "gss_auth",
    "gssapiclientidentity": "",
    "gssapidelegatecredentials": "gss_delegate_creds",
    "gssapikexalgorithms": "gss_kex_algs",
    "gssapikeyexchange": "gss_kex",
    "gssapiserveridentity": "gss_host",
    "gssapitrustdns": "",
    "hashknownhosts": "hash_known_hosts",
    "hostbasedacceptedalgorithms": "",
    "hostbasedauthentication": "host_based_auth",
    "hostkeyalgorithms": "server_host_key_algs",
    "hostkeyalias": "host_key_alias",
    "hostname": "host",
    "identitiesonly": "agent_identities",
    "identityagent": "agent_path",
    "identityfile": "client_keys",
    "ignoreunknown": "",
    "ipqos": "",
    "kbdinteractiveauthentication": "kbdint_auth",
    "kbdinteractivedevices": "",
    "kexalgorithms": "kex_algs",
    "knownhostscommand": "known_hosts",
    "macs": "mac_algs",
    "nohostauthenticationforlocalhost": "",
    "passwordauthentication": "password_auth",
    "pkcs11provider": "pkcs11_provider",
    "port": "port",
    "preferredauthentications": "preferred_auth",
    "proxycommand": "proxy_command",
    "proxyjump": "tunnel",
    "proxyusefdpass": "",
    "pubkeyacceptedalgorithms": "",
    "pubkeyauthentication": "public_key_auth",
    "refuseconnection": "",
    "rekeylimit": "rekey_bytes rekey_seconds",
    "remotecommand": "command",
    "requesttty": "request_pty",
    "requiredrsasize": "",
    "revokedhostkeys": "revoked_host_keys",
    "sendenv": "send_env",
    "serveralivecountmax": "keepalive_count_max",
    "serveraliveinterval": "keepalive_interval",
    "sessiontype": "subsystem",
    "setenv": "env",
    "stricthostkeychecking": "strict_host_key_checking",
    "tag": "",
    "tcpkeepalive": "tcp_keepalive",
    "updatehostkeys": "update_host_keys",
    "user": "username",
    "userknownhostsfile": "known_hosts",
    "versionaddendum": "client_version",
    "verifyhostkeydns": "verify_host_key_dns",
}
