"""What the user's OpenSSH configuration says of a host, as options of a connection.

Owns: the option that each keyword stands for, and `resolved`, which shows what `ssh -G` shows. Must not know: lines,
Host and Match (`nacre.trust.config`), what is not done at all (`nacre.config_standing`), or connections.

A keyword that nacre does not do is an error, not a silence: who wrote `ForwardAgent` or `LocalForward` relies on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nacre.aio.log import logger
from nacre.aio.traffic import code
from nacre.config_alone import ALONE, AgentKeys, Alone
from nacre.config_begin import configuration_files
from nacre.config_machine import Machine, argv, plain_names_only
from nacre.config_options import ConfiguredOptions
from nacre.config_reading import CANONICAL, YES, Reading
from nacre.config_standing import CLIENT_RULES, check, told
from nacre.crypto.registry import Family
from nacre.dialing import parse_hops
from nacre.errors import ConfigParseError
from nacre.host_trust import KnownHostsFiles
from nacre.keys.files import expand, read_file
from nacre.keys.identity_files import identity_files, read_identity
from nacre.option_values import encodable
from nacre.options import SSHClientConnectionOptions, default_version
from nacre.signature_lists import AUTHORITIES, HOSTS, USERS
from nacre.trust.config_lines import Setting
from nacre.trust.config_tokens import ALL, substituted

if TYPE_CHECKING:
    from nacre.host_commands import KnownHostsCommand

__all__ = ["configured", "resolved"]

_ANSWERS: Final = {"true": "yes", "false": "no"}
#: What may stand behind a version.
_ADDENDUM: Final = r"[\x20-\x7e]{1,150}"


def configured(
    options: SSHClientConnectionOptions, without: Collection[str] = (), machine: Machine | None = None
) -> SSHClientConnectionOptions:
    """Return options with what the configuration says of their host, where they do not say it themselves.

    Args:
        options: their `config` names the files; not given: `~/.ssh/config`, if there is one; None: none.
        without: options that are not taken from there.
        machine: what resolves names and runs programs.

    Raises:
        ConfigParseError: a line is wrong, or asks for what nacre does not do; it names file, line and keyword.
        OSError: a file that was named cannot be read, or CanonicalizeHostname finds no name that it may take.
    """
    files = configuration_files(options)
    if not files and not options.canonicalize_hostname:
        return options
    return _Interpretation(options, files, machine or Machine(options.config_exec)).options(without)


def resolved(options: SSHClientConnectionOptions) -> dict[str, list[str]]:
    """Return what the configuration says of a host, keyword by keyword, as `ssh -G` shows it.

    Args:
        options: host, config, and what else the program says.

    Returns:
        The lines of each keyword that was set, by its name in lower case; and hostname, user and port.

    Raises:
        ConfigParseError, OSError: as `configured`, but for what nacre does not do.
    """
    return _Interpretation(options, configuration_files(options), Machine(options.config_exec)).shown()


class _Interpretation(ConfiguredOptions, Reading):
    """Makes options of what the files say."""

    _given: SSHClientConnectionOptions
    #: What there are no options for, by the names of `Alone`.
    beside: dict[str, Any]

    def options(self, without: Collection[str]) -> SSHClientConnectionOptions:
        """Return the options that come of it."""
        self.begin(self._given)
        self.beside = {}
        if self.user:
            self.put(self.seen["user"][0], "username", self.user)
        if self.host != self._subject.host:
            self.found["host"] = self.host
        problems = []
        for name, setting in [
            (name, setting) for name, settings in self.seen.items() for setting in settings
        ]:
            try:
                self._take(name, setting)
            except ConfigParseError as error:
                problems.append(str(error))
        try:
            self._finish()
        except ConfigParseError as error:
            problems.append(str(error))
        if problems:
            raise ConfigParseError(told(problems))
        if self.beside:
            self.found[ALONE] = Alone(**self.beside)
        values = {name: value for name, value in self.found.items() if name not in without}
        return self._given.completed(values, ("host",))

    def _take(self, name: str, setting: Setting) -> None:
        """Do what a line says, or say that it is not done."""
        rule, handler = CLIENT_RULES.get(name), _KEYWORDS.get(name)
        if handler is not None:
            handler(self, setting)
        elif rule is not None and not self._is_taken_back(name):
            check(setting, rule)

    def _is_taken_back(self, name: str) -> bool:
        """Return whether ClearAllForwardings makes a keyword void."""
        return name in ("localforward", "remoteforward", "dynamicforward") and (
            self.text("clearallforwardings") == "yes"
        )

    def _chosen(self, option: str, default: Any) -> Any:
        if self._given.is_given(option):
            return getattr(self._given, option)
        return self.found.get(option, default)

    # ------------------------------------------------------------ keywords

    def keep_in_agent(self, setting: Setting) -> None:
        """Take yes, no, confirm, a time, or confirm and a time; nobody is there who could be asked."""
        first, *more = setting.arguments
        if first == "ask":
            raise setting.error("nobody is asked here: confirm has the agent ask before each use of a key")
        # What the program gives is its own affair: no key of it comes to the user's agent, and none of the user's to
        # an agent of it, which may be that of somebody else who lends it.
        if first == "false" or self._given.gives_any({"client_keys", "agent_path"}):
            return
        times = [first, *more] if first.isdecimal() else more
        # To ssh-agent, a time of 0 is none.
        lifetime = int(times[0]) or None if times else None
        self.beside["agent_keys"] = AgentKeys(lifetime, confirm=first == "confirm")

    def attempts(self, setting: Setting) -> None:
        """Take how often a server is called."""
        number = int(setting.arguments[0])
        if not number:
            raise setting.error("1 is the least")
        self.beside["attempts"] = number

    def interface(self, setting: Setting) -> None:
        """Take the interface to call from; an address goes before."""
        self.beside["interface"] = setting.arguments[0]

    def devices(self, setting: Setting) -> None:
        """Take the devices of keyboard-interactive; a program may name others."""
        self.beside["kbdint_devices"] = encodable(setting.arguments[0])

    def traffic(self, setting: Setting) -> None:
        """Take a class of traffic, or one for who types and one for everything else."""
        interactive, bulk = map(code, setting.arguments)
        self.beside["traffic"] = interactive, bulk

    def socket_of_proxy(self, setting: Setting) -> None:
        """Take yes, which is about a ProxyCommand and not about one of the program, or no."""
        self.beside["passes_socket"] = YES[setting.arguments[0]] and not self._given.is_given("proxy_command")

    def rsa_bits(self, setting: Setting) -> None:
        """Take the least length of RSA keys; nothing is taken anyway that is shorter than 2048 bits."""
        self.beside["rsa_bits"] = int(setting.arguments[0])

    def fingerprints(self, setting: Setting) -> None:
        """Take the hash by which keys of hosts are shown."""
        self.beside["fingerprint_hash"] = setting.arguments[0].lower()

    def gss_identity(self, setting: Setting) -> None:
        """Take the principal to log in as."""
        self.beside["gss_identity"] = encodable(setting.arguments[0])

    def gss_by_dns(self, setting: Setting) -> None:
        """Take yes, which is about servers that have no name said for GSS-API, or no."""
        if not YES[setting.arguments[0]]:
            return
        named = self.text("gssapiserveridentity") or self._given.is_given("gss_host")
        if not named and (self.text("gssapikeyexchange") == "yes" or self._given.gss_kex):
            # A key exchange is offered where there is a ticket, which must be known before there is an address.
            raise setting.error("a key exchange needs the server's name before: GSSAPIServerIdentity")
        self.beside["gss_trusts_dns"] = not named

    def trust_loopback(self, setting: Setting) -> None:
        """Take yes, which is about hosts that known_hosts would be asked about under their own names, or no.

        A program that says itself which keys it believes believes no other.
        """
        self.beside["trusts_loopback"] = YES[setting.arguments[0]] and not self._given.is_given("known_hosts")

    def addendum(self, setting: Setting) -> None:
        """Take what stands behind the version, or none."""
        text = setting.text.strip()
        if text.lower() == "none":
            return
        if not re.fullmatch(_ADDENDUM, text):
            raise setting.error("printable ASCII is expected, 150 characters at most")
        # RFC 4253 section 4.2: the version, a blank, and a comment.
        self.found["client_version"] = f"{default_version()} {text}"

    def time(self, setting: Setting, option: str) -> None:
        """Take seconds, or none."""
        text = setting.arguments[0]
        self.put(setting, option, None if text == "none" else text)

    def compression(self, setting: Setting) -> None:
        """Take yes, which asks for compression where the server has it, or no."""
        wanted = YES[setting.arguments[0]]
        self.put(setting, "compression_algs", "zlib@openssh.com,none" if wanted else "none")

    def public_key_auth(self, setting: Setting) -> None:
        """Take yes, no, or yes with or without a signature that names the host."""
        self.put(setting, "public_key_auth", setting.arguments[0] != "false")

    def rekey(self, setting: Setting) -> None:
        """Take bytes, and a time after them."""
        size, after, *_ = (*map(int, setting.arguments), 0)
        if size:
            self.put(setting, "rekey_bytes", size)
        if after:
            self.put(setting, "rekey_seconds", after)

    def set_environment(self, setting: Setting) -> None:
        """Take variables for every session."""
        self.put(setting, "env", self.lines("setenv", setting))

    def send_environment(self, setting: Setting) -> None:
        """Take names of variables to pass on, besides those before."""
        self.put(setting, "send_env", self.sent_names())

    def agent(self, setting: Setting) -> None:
        """Take the agent's socket, none, or a variable that names it."""
        text = setting.arguments[0]
        if text == "SSH_AUTH_SOCK":
            return
        if text.startswith("$") and not text.startswith("${"):
            text = f"${{{text[1:]}}}"
        self.put(setting, "agent_path", None if text.lower() == "none" else self.path(setting, text))

    def forward_agent(self, setting: Setting) -> None:
        """Take yes, no, the socket of an agent, or a variable that names it."""
        text = setting.arguments[0]
        if text.startswith("$") and not text.startswith("${"):
            text = f"${{{text[1:]}}}"
        self.put(setting, "agent_forwarding", YES[text] if text in YES else self.path(setting, text))

    def provider(self, setting: Setting) -> None:
        """Take the library of a token, or none."""
        text = setting.arguments[0]
        self.put(setting, "pkcs11_provider", None if text.lower() == "none" else str(expand(text)))

    def revoked(self, setting: Setting) -> None:
        """Take the file of host keys that are not believed, or none."""
        text = setting.arguments[0]
        self.put(setting, "revoked_host_keys", None if text.lower() == "none" else self.path(setting, text))

    def command(self, setting: Setting) -> None:
        """Take the command of sessions, the name of a subsystem, or none."""
        text = setting.arguments[0]
        if text.lower() != "none":
            command = substituted(setting, text, ALL, self.tokens)
            self.put(setting, "subsystem" if self.text("sessiontype") == "subsystem" else "command", command)

    def session_type(self, setting: Setting) -> None:
        """Take default, none, or subsystem, whose name is then that of RemoteCommand."""
        has_name = self.text("remotecommand") or self._given.subsystem or self._given.command
        if setting.arguments[0] == "subsystem" and not has_name:
            raise setting.error("subsystem needs its name: RemoteCommand")

    def terminal(self, setting: Setting) -> None:
        """Take yes, no, force or auto."""
        text = setting.arguments[0]
        self.put(setting, "request_pty", YES.get(text, text))

    def refuse(self, setting: Setting) -> None:
        """Take the reason for which nobody connects."""
        raise setting.error(f"the configuration refuses this connection: {setting.text}")

    def way(self, setting: Setting) -> None:
        """Take hosts to go through, or a command: whichever comes first."""
        if {"tunnel", "proxy_command"} & self.found.keys() or any(
            self._given.is_given(option) for option in ("tunnel", "proxy_command")
        ):
            return
        jump = setting.name == "proxyjump"
        option = "tunnel" if jump else "proxy_command"
        if setting.text.strip().lower() == "none":
            self.found[option] = None
        elif jump:
            hops = []
            for hop in self.jump(setting).split(","):
                plain_names_only(setting, hop, self.tokens)
                if "@" in self.tokens.by_letter["h"] + self.tokens.by_letter["n"] and re.search("%[hn]", hop):
                    raise setting.error(
                        f"{self.tokens.by_letter['n']!r} cannot stand there: it would name a user"
                    )
                hops.append(
                    substituted(setting, hop, "%hnpr", self.tokens).removeprefix("ssh://").rstrip("/")
                )
            try:
                parse_hops(",".join(hops))
            except ValueError as error:
                raise setting.error(str(error)) from None
            self.put(setting, option, ",".join(hops))
        else:
            self.put(setting, option, argv(setting, setting.text, "%hnpr", self.tokens))

    def answer(self, setting: Setting, option: str) -> None:
        """Take yes, no, or another word that the option knows."""
        self.put(setting, option, _ANSWERS.get(setting.arguments[0], setting.arguments[0]))

    def remember(self, setting: Setting) -> None:
        """Take note: several keywords together make the option."""

    # ------------------------------------------------------------ several keywords together

    def _finish(self) -> None:
        command = self._known_hosts_command()
        if {"userknownhostsfile", "globalknownhostsfile"} & self.seen.keys() or command:
            files = self._files("userknownhostsfile", "~/.ssh/known_hosts")
            self.found["known_hosts"] = KnownHostsFiles(files, self._files("globalknownhostsfile"), command)
        identities = [
            Path(self.path(setting, setting.arguments[0]))
            for setting in self.seen.get("identityfile", ())
            if setting.arguments[0].lower() != "none"
        ]
        if "identityfile" in self.seen:
            self.found["ignore_encrypted"] = True
            self.found["client_keys"] = [path for path in dict.fromkeys(identities) if _is_private(path)]
        if "certificatefile" in self.seen:
            self.found["client_certs"] = self._certificates()
        if "client_host_keysign" in self.found and not self._logs_in_by_host():
            del self.found["client_host_keysign"]
        if self.text("identitiesonly") == "yes":
            self._restrict(identities if "identityfile" in self.seen else identity_files())

    def _known_hosts_command(self) -> KnownHostsCommand | None:
        """Return the program that prints lines of known_hosts, or None."""
        for setting in self.seen.get("knownhostscommand", ()):
            if setting.text.strip().lower() != "none":
                from nacre.host_commands import KnownHostsCommand  # few clients ask one

                hashed = self.text("fingerprinthash").lower() or "sha256"
                return KnownHostsCommand.of(setting, self.tokens, self._environment, hashed)
        return None

    def _logs_in_by_host(self) -> bool:
        """Return whether anybody asks for login by host: ssh-keysign need not be there otherwise."""
        if self._given.is_given("host_based_auth"):
            return bool(self._given.host_based_auth)
        return self.text("hostbasedauthentication") == "yes" or self._given.is_given("client_host_keys")

    def _files(self, name: str, *default: str) -> tuple[Path, ...]:
        """Return the files of a keyword, or its default."""
        settings = self.seen.get(name)
        if not settings:
            return tuple(expand(path) for path in default)
        found = [self.path(settings[0], word) for word in settings[0].arguments]
        return tuple(Path(path) for path in found if path.lower() != "none")

    def _certificates(self) -> list[Path]:
        """Return the certificates that are there, as OpenSSH has it; "none" names none."""
        found = []
        for setting in self.seen["certificatefile"]:
            path = expand(self.path(setting, setting.arguments[0]))
            if path.name.lower() != "none" and path.exists():
                found.append(path)
        return found

    def _restrict(self, files: Iterable[Path]) -> None:
        """Leave of the agent's keys those of these files."""
        keys = []
        for path in files:
            try:
                keys.append(read_identity(path))
            except (OSError, ValueError) as error:
                logger.info("%s names no key of the agent: %s", path, error)
        if keys:
            self.found["agent_identities"] = tuple(keys)
        else:
            self.found["agent_path"] = None


def _is_private(path: Path) -> bool:
    """Return whether an identity file is a private key: its public part alone is for the agent."""
    if not path.exists():
        logger.info("%s is not there", path)
        return False
    try:
        return b"PRIVATE KEY-----" in read_file(path)
    except (OSError, ValueError) as error:
        logger.warning("%s is not used: %s", path, error)
        return False


def _of(method: Callable[[_Interpretation, Setting, str], None], option: str) -> Handler:
    return lambda found, setting: method(found, setting, option)


def _algorithms(option: str, kind: Family | str) -> Handler:
    return lambda found, setting: found.algorithms(setting, option, kind)


Handler = Callable[[_Interpretation, Setting], None]
_I = _Interpretation
_KEYWORDS: Final[dict[str, Handler]] = {
    "addkeystoagent": _I.keep_in_agent,
    "addressfamily": _I.family,
    "bindaddress": lambda found, setting: found.put(setting, "local_addr", (setting.arguments[0], 0)),
    "bindinterface": _I.interface,
    "certificatefile": _I.remember,
    "casignaturealgorithms": _of(_I.signatures, AUTHORITIES),
    "ciphers": _algorithms("encryption_algs", Family.CIPHER),
    "compression": _I.compression,
    "connectionattempts": _I.attempts,
    "connecttimeout": _of(_I.time, "connect_timeout"),
    "enablesshkeysign": _of(_I.switch, "client_host_keysign"),
    "fingerprinthash": _I.fingerprints,
    "forwardagent": _I.forward_agent,
    "forwardx11": _of(_I.switch, "x11_forwarding"),
    "globalknownhostsfile": _I.remember,
    "gssapiauthentication": _of(_I.switch, "gss_auth"),
    "gssapiclientidentity": _I.gss_identity,
    "gssapidelegatecredentials": _of(_I.switch, "gss_delegate_creds"),
    "gssapikexalgorithms": _I.gss_methods,
    "gssapikeyexchange": _of(_I.switch, "gss_kex"),
    "gssapiserveridentity": _of(_I.word, "gss_host"),
    "gssapitrustdns": _I.gss_by_dns,
    "hostbasedacceptedalgorithms": _of(_I.signatures, HOSTS),
    "hostbasedauthentication": _of(_I.switch, "host_based_auth"),
    "hashknownhosts": _of(_I.switch, "hash_known_hosts"),
    "hostkeyalgorithms": _algorithms("server_host_key_algs", "host key"),
    "hostkeyalias": lambda found, setting: found.put(setting, "host_key_alias", setting.arguments[0].lower()),
    "hostname": _I.remember,
    "identitiesonly": _I.remember,
    "ignoreunknown": _I.remember,
    "identityagent": _I.agent,
    "revokedhostkeys": _I.revoked,
    "identityfile": _I.remember,
    "ipqos": _I.traffic,
    "kbdinteractiveauthentication": _of(_I.switch, "kbdint_auth"),
    "kbdinteractivedevices": _I.devices,
    "kexalgorithms": _algorithms("kex_algs", Family.KEX),
    "knownhostscommand": _I.remember,
    "macs": _algorithms("mac_algs", Family.MAC),
    "nohostauthenticationforlocalhost": _I.trust_loopback,
    "passwordauthentication": _of(_I.switch, "password_auth"),
    "pkcs11provider": _I.provider,
    "port": _of(_I.number, "port"),
    "preferredauthentications": _of(_I.word, "preferred_auth"),
    "proxycommand": _I.way,
    "proxyjump": _I.way,
    "proxyusefdpass": _I.socket_of_proxy,
    "pubkeyacceptedalgorithms": _of(_I.signatures, USERS),
    "pubkeyauthentication": _I.public_key_auth,
    "refuseconnection": _I.refuse,
    "rekeylimit": _I.rekey,
    "remotecommand": _I.command,
    "requesttty": _I.terminal,
    "requiredrsasize": _I.rsa_bits,
    "sendenv": _I.send_environment,
    "serveralivecountmax": _of(_I.number, "keepalive_count_max"),
    "serveraliveinterval": _of(_I.time, "keepalive_interval"),
    "sessiontype": _I.session_type,
    "setenv": _I.set_environment,
    "stricthostkeychecking": _of(_I.answer, "strict_host_key_checking"),
    "tag": _I.remember,
    "tcpkeepalive": _of(_I.switch, "tcp_keepalive"),
    "updatehostkeys": _of(_I.answer, "update_host_keys"),
    "user": _I.remember,
    "userknownhostsfile": _I.remember,
    "versionaddendum": _I.addendum,
    "verifyhostkeydns": _of(_I.answer, "verify_host_key_dns"),
    **dict.fromkeys(CANONICAL, _I.remember),
}
