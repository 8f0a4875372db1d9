"""What an OpenSSH server configuration says, as options of a server, and for each one who logs in.

Owns: the option that each keyword stands for, and which lines hold for a login. Must not know: lines and Match
(`nacre.trust.config_server`), how a login is judged (`nacre.config_login`), or sockets.

What a login has to look up (users, groups, files: of names that strangers choose) is looked up in a thread: a
directory service or a disk that is slow to answer is waited for by that login, and by no other connection.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final

from nacre import config_accounts as accounts
from nacre._version import __version__
from nacre.aio.tasks import settle
from nacre.aio.waiting import Waiters
from nacre.config_commands import LoginCommands, command_problems, login_commands
from nacre.config_login import LoginPolicy, login_policy
from nacre.config_server_alone import SERVER_ALONE
from nacre.config_server_handlers import ValuesAlone
from nacre.config_server_standing import SERVER_RULES
from nacre.config_standing import check, told
from nacre.crypto.registry import Family
from nacre.errors import ConfigParseError
from nacre.keys.files import read_file
from nacre.options import SSHServerConnectionOptions
from nacre.server_auth import read_authorized, read_revoked
from nacre.signature_lists import ANNOUNCED, AUTHORITIES, HOSTS, USERS, announced_by
from nacre.trust.config import Found
from nacre.trust.config_keywords import Counts
from nacre.trust.config_lines import Setting
from nacre.trust.config_server import Arrival, ServerFiles, read_server_files
from nacre.trust.config_server_keywords import SERVER
from nacre.wire.record import record

__all__ = [
    "Login",
    "ServerConfiguration",
    "configuration_of",
    "configured_server",
    "resolved_server",
    "updated_server",
]

#: Where options keep the configuration that they come of: no option, and so of no name that one may have.
_KEPT: Final = "(configuration)"


@lru_cache(1)
def _threads(process: int) -> Waiters:
    """Return the threads of all servers of a process; one that is forked off has none of them."""
    return Waiters("nacre-login")


@record
class Login:
    """What holds for one who logs in.

    Attributes:
        options: of the connection, from here on.
        policy: what else is asked of the login.
        banner: the text that is shown before the login; "": none.
        commands: the programs that are asked for keys; None: there are none.
    """

    options: SSHServerConnectionOptions
    policy: LoginPolicy
    banner: str
    commands: LoginCommands | None = None


class ServerConfiguration:
    """Files that have been read and checked; a login changes nothing in it.

    Args:
        given: what the program says, which goes before.
    """

    def __init__(self, given: SSHServerConnectionOptions) -> None:
        self.given = given
        self._files: ServerFiles = read_server_files(given.config)
        self._check()

    def _check(self) -> None:
        """Refuse what is not done, wherever it stands: nobody is to find out at a login, nor line by line."""
        problems = []
        for name, setting, _ in self._files.anywhere():
            try:
                self._check_line(name, setting)
            except ConfigParseError as error:
                problems.append(str(error))
        problems += map(str, command_problems(self._files))
        if problems:
            raise ConfigParseError(told(problems, _HERE))
        self._files.for_arrival(Arrival("", "", "", "", 0, accounts.is_known, lambda user: (), _VERSION))
        if any(word.lower() == "group" for line in self._files.conditions() for word in line.arguments):
            accounts.require_groups()

    def _check_line(self, name: str, setting: Setting) -> None:
        rule = SERVER_RULES.get(name)
        if rule is not None:
            check(setting, rule, _HERE)
        elif name in _KEYWORDS:
            _KEYWORDS[name](_Values(self.given), setting)
        if name in _FILES and setting.arguments[0].lower() != "none":
            _require_file(setting)

    def options(self) -> SSHServerConnectionOptions:
        """Return the options of the server, with what holds for everybody."""
        found = self._files.everywhere()
        options = self._completed(found)
        for setting in found.get("authenticationmethods", ()):
            _require_a_way_in(setting, options)
        return options.completed({ANNOUNCED: announced_by(options, self._lists_of_users())})

    def _lists_of_users(self) -> list[tuple[str, ...]]:
        """Return every list of PubkeyAcceptedAlgorithms, those of Match blocks among them."""
        values = _Values(self.given)
        found = []
        for name, setting, _ in self._files.anywhere():
            if name == "pubkeyacceptedalgorithms":
                values.signatures(setting, USERS)
                found.append(values.found[USERS])
        return found

    def _completed(self, found: Found) -> SSHServerConnectionOptions:
        values = _Values(self.given)
        for name, settings in found.items():
            handler = _KEYWORDS.get(name)
            if handler is not None:
                for setting in settings:
                    handler(values, setting)
        values.settle_listeners()
        if values.beside:
            values.found[SERVER_ALONE] = values.alone()
        return self.given.completed({**values.found, _KEPT: self})

    async def look_up(
        self, user: str, addresses: tuple[Any, Any], host: str | None = None, source: Hashable = None
    ) -> Login:
        """Return what holds for a login, as `login` does, while other connections are served.

        Args:
            user: as for `login`.
            addresses: as for `login`.
            host: as for `login`.
            source: whom the client is counted with: for one of them, as for one name, a few are looked up at the
                same time. None: it is not counted.

        Raises:
            ConfigParseError, OSError, ValueError: as `login`.
            RuntimeError: the system has no thread left.
        """
        about = (("user", user),) if source is None else (("user", user), ("source", source))
        login = partial(self.login, user, addresses, host, about)
        return await settle(_threads(os.getpid()).call(login, about))

    def login(
        self,
        user: str,
        addresses: tuple[Any, Any],
        host: str | None = None,
        about: tuple[Hashable, ...] = (),
    ) -> Login:
        """Return what holds for a login; this may block.

        Args:
            user: the name that the client gives.
            addresses: the client's address and ours, as sockets have them.
            host: the client's name, if it is known.
            about: whom programs that are asked are counted for.

        Raises:
            ConfigParseError, OSError, ValueError: it cannot be told; nobody may log in by what is not known.
        """
        peer, own = (end if isinstance(end, tuple) else ("", 0) for end in addresses)
        arrival = Arrival(
            user, host or peer[0], peer[0], own[0], own[1], accounts.is_known, accounts.groups, _VERSION
        )
        found = self._files.for_arrival(arrival)
        policy = login_policy(found, arrival)
        options = self._completed(found)
        keys, commands = options.authorized_client_keys, None
        if not self.given.is_given("authorized_client_keys") and policy.names_keys:
            keys = policy.authorized_keys(user)
            commands = login_commands(found, user, addresses, policy.authorities, about)
        # Files that the program names are read here too: whoever judges has no file to wait for.
        read = {
            "authorized_client_keys": read_authorized(keys),
            "revoked_keys": read_revoked(options.revoked_keys),
        }
        options = options.completed(
            {name: value for name, value in read.items() if value is not None}, tuple(read)
        )
        return Login(options, policy, policy.banner(), commands)


_VERSION: Final = f"nacre_{__version__}"
#: Where lines are to be taken out.
_HERE: Final = "for this server"


def configured_server(options: SSHServerConnectionOptions) -> SSHServerConnectionOptions:
    """Return options with what the configuration says where they do not say it themselves.

    Args:
        options: their `config` names the files; not given or None: none.

    Raises:
        ConfigParseError: a line is wrong, or asks for what nacre does not do; it names file and line.
        OSError: a file cannot be read.
    """
    return ServerConfiguration(options).options() if options.config else options


def updated_server(
    options: SSHServerConnectionOptions, changes: Mapping[str, Any]
) -> SSHServerConnectionOptions:
    """Return options with changes; a configuration that they come of is read anew."""
    known = configuration_of(options)
    base = options if known is None else known.given
    return configured_server(SSHServerConnectionOptions(base, **changes))


def configuration_of(options: SSHServerConnectionOptions) -> ServerConfiguration | None:
    """Return the configuration that options come of."""
    found: ServerConfiguration | None = options.__dict__.get(_KEPT)
    return found


def resolved_server(files: Iterable[str | Path], arrival: Arrival | None = None) -> dict[str, list[str]]:
    """Return what files say, keyword by keyword, as `sshd -T` shows it.

    Args:
        files: one or several.
        arrival: who logs in; None: what holds before.

    Raises:
        ConfigParseError, OSError: as `configured_server`, but for what nacre does not do.
    """
    read = read_server_files(tuple(files))
    found = read.everywhere() if arrival is None else read.for_arrival(arrival)
    shown: dict[str, list[str]] = {}
    for keyword in SERVER:
        name = keyword.name.lower()
        for setting in found.get(name, ()):
            each = keyword.counts is Counts.EVERY and name not in ("subsystem", "persourcepenalties")
            each = each or name == "setenv"
            words = [_listener(setting)] if name == "listenaddress" else list(setting.arguments)
            words = [*words, "0"][:2] if name == "rekeylimit" else words
            shown.setdefault(name, []).extend(words if each else [" ".join(words)])
    return shown


def _listener(setting: Setting) -> str:
    host, port = setting.arguments
    return f"{f'[{host}]' if ':' in host else host}:{port or '*'}"


class _Values(ValuesAlone):
    """Options that a server's configuration makes."""

    def __init__(self, given: SSHServerConnectionOptions) -> None:
        self.begin(given)
        self.beside = {}
        self.forwards = True

    def add_file(self, setting: Setting, option: str) -> None:
        """Take a file besides those before; none: no file."""
        if setting.arguments[0].lower() != "none":
            self.found[option] = [*self.found.get(option, ()), setting.arguments[0]]

    def file(self, setting: Setting, option: str) -> None:
        """Take a file, or none."""
        text = setting.arguments[0]
        self.put(setting, option, None if text.lower() == "none" else text)

    def compression(self, setting: Setting) -> None:
        """Take yes: a client that asks for compression has it; or no."""
        self.put(
            setting, "compression_algs", "none,zlib@openssh.com" if setting.arguments[0] == "yes" else "none"
        )

    def rekey(self, setting: Setting) -> None:
        """Take bytes, and a time after them."""
        size, after, *_ = (*map(int, setting.arguments), 0)
        if size:
            self.put(setting, "rekey_bytes", size)
        if after:
            self.put(setting, "rekey_seconds", after)

    def per_source(self, setting: Setting) -> None:
        """Take a number of connections, or none."""
        text = setting.arguments[0]
        self.put(setting, "max_per_source", 0 if text == "none" else int(text))

    def penalties(self, setting: Setting) -> None:
        """Take yes or no, unless a line before has said so; or seconds by name, the first of each, which are a yes."""
        if setting.arguments[0] in ("yes", "no"):
            if "source_penalties" not in self.found:
                self.put(setting, "source_penalties", setting.arguments[0] == "yes")
            return
        said = dict(word.split(":") for word in reversed(setting.arguments))
        unknown = said.keys() - _PENALTIES.keys()
        if unknown:
            raise setting.error(
                f"nacre has no penalty {', '.join(sorted(unknown))}; it has {', '.join(_PENALTIES)}"
            )
        before = self.found.get("(penalties)", {})
        self.found["(penalties)"] = known = {
            **{
                _PENALTIES[name]: value if name.startswith("overflow") else int(value)
                for name, value in said.items()
            },
            **before,
        }
        self.put(setting, "source_penalties", known)

    def exempt(self, setting: Setting) -> None:
        """Take networks, or none."""
        text = setting.arguments[0]
        self.put(setting, "exempt_sources", () if text.lower() == "none" else text)

    def no_forwarding(self, setting: Setting) -> None:
        """Take yes: whatever else says of forwarding is void (row 74 of the history); or no."""
        if setting.arguments[0] == "yes":
            self.put(setting, "agent_forwarding", False)
            self.forwards = False

    def forward_agent(self, setting: Setting) -> None:
        """Take yes or no, unless nothing is forwarded at all."""
        if self.forwards:
            self.switch(setting, "agent_forwarding")

    def remember(self, setting: Setting) -> None:
        """Take note: it is asked of each login."""


Handler = Callable[[_Values, Setting], None]
#: By the names of sshd, those of nacre.
_PENALTIES: Final = {
    "crash": "crash",
    "authfail": "authfail",
    "noauth": "noauth",
    "grace-exceeded": "grace_exceeded",
    "max": "most",
    "min": "least",
    "refuseconnection": "refuseconnection",
    "max-sources4": "sources",
    "max-sources6": "sources6",
    "overflow": "overflow",
    "overflow6": "overflow6",
}


def _of(method: Callable[[_Values, Setting, str], None], option: str) -> Handler:
    return lambda values, setting: method(values, setting, option)


def _algorithms(option: str, kind: Family | str) -> Handler:
    return lambda values, setting: values.algorithms(setting, option, kind)


#: Files that every login reads: one that is not there is told when the server starts.
_FILES: Final = frozenset({"banner", "revokedkeys", "trustedusercakeys"})


def _require_file(setting: Setting) -> None:
    try:
        read_file(setting.arguments[0])
    except (OSError, ValueError) as error:
        raise setting.error(f"the file cannot be used: {error}") from None


#: The option without which there is no method of that name.
_METHOD_OPTIONS: Final = {
    "publickey": "public_key_auth",
    "password": "password_auth",
    "keyboard-interactive": "kbdint_auth",
    "hostbased": "host_based_auth",
    "gssapi-with-mic": "gss_auth",
    "gssapi-keyex": "gss_kex",
}


def _require_a_way_in(setting: Setting, options: SSHServerConnectionOptions) -> None:
    """Refuse lists of methods each of which needs one that is switched off: nobody could log in."""
    off = {
        name for name, option in _METHOD_OPTIONS.items() if getattr(options, option) is False
    }  # None: as the program has it
    needed = [
        off.intersection(name.partition(":")[0] for name in word.split(",")) for word in setting.arguments
    ]
    if all(needed):
        raise setting.error(f"nobody could log in: {', '.join(sorted(set.union(*needed)))} is switched off")


_KEYWORDS: Final[dict[str, Handler]] = {
    "addressfamily": _Values.family,
    "allowagentforwarding": _Values.forward_agent,
    "casignaturealgorithms": _of(_Values.signatures, AUTHORITIES),
    "channeltimeout": _Values.channel_timeouts,
    "ciphers": _algorithms("encryption_algs", Family.CIPHER),
    "clientalivecountmax": _of(_Values.number, "keepalive_count_max"),
    "clientaliveinterval": _of(_Values.word, "keepalive_interval"),
    "compression": _Values.compression,
    "disableforwarding": _Values.no_forwarding,
    "exposeauthinfo": _Values.auth_info,
    "fingerprinthash": _Values.fingerprints,
    "gssapiauthentication": _of(_Values.switch, "gss_auth"),
    "gssapikexalgorithms": _Values.gss_methods,
    "gssapistrictacceptorcheck": _Values.acceptor_check,
    "gssapikeyexchange": _of(_Values.switch, "gss_kex"),
    "hostbasedacceptedalgorithms": _of(_Values.signatures, HOSTS),
    "hostbasedauthentication": _of(_Values.switch, "host_based_auth"),
    "hostbasedusesnamefrompacketonly": _of(_Values.switch, "trust_client_host"),
    "hostcertificate": _of(_Values.add_file, "server_host_certs"),
    "hostkeyalgorithms": _Values.host_keys,
    "hostkey": _of(_Values.add_file, "server_host_keys"),
    "ipqos": _Values.traffic,
    "kbdinteractiveauthentication": _of(_Values.switch, "kbdint_auth"),
    "kexalgorithms": _algorithms("kex_algs", Family.KEX),
    "listenaddress": _Values.listener,
    "logingracetime": _of(_Values.word, "login_timeout"),
    "macs": _algorithms("mac_algs", Family.MAC),
    "maxauthtries": _of(_Values.number, "max_auth_tries"),
    "maxsessions": _of(_Values.number, "max_sessions"),
    "maxstartups": _of(_Values.word, "max_unauthenticated"),
    "passwordauthentication": _of(_Values.switch, "password_auth"),
    "permittty": _of(_Values.switch, "allow_pty"),
    "persourcenetblocksize": _Values.net_blocks,
    "persourcemaxstartups": _Values.per_source,
    "persourcepenalties": _Values.penalties,
    "persourcepenaltyexemptlist": _Values.exempt,
    "port": _Values.port,
    "pubkeyacceptedalgorithms": _of(_Values.signatures, USERS),
    "pubkeyauthoptions": _Values.key_proof,
    "pubkeyauthentication": _of(_Values.switch, "public_key_auth"),
    "rekeylimit": _Values.rekey,
    "requiredrsasize": _Values.rsa_bits,
    "revokedkeys": _of(_Values.file, "revoked_keys"),
    "tcpkeepalive": _of(_Values.switch, "tcp_keepalive"),
    "unusedconnectiontimeout": _Values.unused_timeout,
    "usedns": _of(_Values.switch, "rdns_lookup"),
    "versionaddendum": _Values.addendum,
    "x11forwarding": _of(_Values.switch, "x11_forwarding"),
    **dict.fromkeys(
        """acceptenv allowgroups allowusers authenticationmethods authorizedkeyscommand authorizedkeyscommanduser
        authorizedkeysfile authorizedprincipalscommand authorizedprincipalscommanduser authorizedprincipalsfile banner denygroups denyusers
        forcecommand permitemptypasswords permitrootlogin permituserenvironment refuseconnection setenv strictmodes trustedusercakeys""".split(),
        _Values.remember,
    ),
}
