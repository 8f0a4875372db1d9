"""What the user's OpenSSH configuration says of a host, as options of a connection.

Owns: which keywords there are and the option that each stands for, tokens, and what is refused. Must not
know: lines, Host and Match (`nacre.trust.config`), or connections.

A keyword that nacre does not do is an error, not a silence: who wrote `ForwardAgent`
or `ControlPath` relies on it.
"""

from __future__ import annotations

import getpass
import os
import re
import shlex
import socket
import stat
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, Final

from nacre.aio.log import logger
from nacre.dialing import parse_hops
from nacre.errors import ConfigParseError, NotSupportedYet
from nacre.host_trust import KnownHostsFiles
from nacre.keys.files import expand, read_file
from nacre.keys.identity_files import identity_files, read_identity
from nacre.options import SSHClientConnectionOptions, accept
from nacre.trust.config import Setting, Subject, applying
from nacre.trust.pattern import Glob

_DEFAULT_FILE: Final = "~/.ssh/config"
_DEFAULT_PORT: Final = 22
_YES_NO: Final = {"yes": True, "true": True, "no": False, "false": False}
_FAMILIES: Final = {"any": socket.AF_UNSPEC, "inet": socket.AF_INET, "inet6": socket.AF_INET6}
_TOKEN: Final = re.compile(r"%(.?)", re.DOTALL)
_VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")
#: What only a shell would understand in a command, which is started without one.
_SHELL: Final = frozenset("|&;<>`$(){}*?")
#: A host's or user's name that a way to somewhere may be made of: neither an option nor another word or hop.
_PLAIN_NAME: Final = re.compile(r"(?!-)[^\s,'\"\\|&;<>`$(){}*?]*")

#: Values of keywords without an option here which ask for what is done anyway.
_DONE_ANYWAY: Final[dict[str, frozenset[str]]] = {
    name: frozenset(allowed.split())
    for name, allowed in {
        "addkeystoagent": "no false",
        "batchmode": "yes no true false",  # nobody is asked anything but by the program
        "canonicalizehostname": "no false",
        "checkhostip": "no false",
        "clearallforwardings": "yes no true false",
        "connectionattempts": "1",
        "controlmaster": "no false",
        "controlpath": "none",
        "controlpersist": "no false",
        "exitonforwardfailure": "yes no true false",
        "forwardagent": "no false",
        "forwardx11": "no false",
        "forwardx11trusted": "yes no true false",
        "gssapiauthentication": "no false",
        "gssapidelegatecredentials": "no false",
        "gssapikeyexchange": "no false",
        "hostbasedauthentication": "no false",
        "permitlocalcommand": "no false",
        "visualhostkey": "no false",
    }.items()
}
#: Keywords that OpenSSH knows and that are not done here: IgnoreUnknown does not cover them.
_NOT_DONE: Final = frozenset(
    """bindinterface canonicaldomains canonicalizefallbacklocal canonicalizemaxdots canonicalizepermittedcnames
casignaturealgorithms channeltimeout dynamicforward enableescapecommandline enablesshkeysign
escapechar fingerprinthash forkafterauthentication forwardx11timeout gatewayports gssapiclientidentity
gssapikexalgorithms gssapirenewalforcesrekey gssapiserveridentity gssapitrustdns hostbasedacceptedalgorithms
hostbasedkeytypes ipqos kbdinteractivedevices keepalive knownhostscommand localcommand localforward loglevel
logverbose nohostauthenticationforlocalhost numberofpasswordprompts obscurekeystroketiming permitremoteopen
pkcs11provider proxyusefdpass pubkeyacceptedalgorithms pubkeyacceptedkeytypes refuseconnection remotecommand
remoteforward requesttty requiredrsasize securitykeyprovider sessiontype smartcarddevice
stdinnull streamlocalbindmask streamlocalbindunlink syslogfacility tag tunnel tunneldevice versionaddendum
warnweakcrypto xauthlocation""".split()
)
#: Keywords of which every line counts, not the first alone.
_EVERY: Final = frozenset({"identityfile", "sendenv"})


def user_of(options: SSHClientConnectionOptions) -> str:
    """Return whom to log in as: the user of the options, even one without a name, else the local one."""
    return options.username if options.is_given("username") else local_user()


def local_user() -> str:
    """Return the name of the user that this process belongs to."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        raise ValueError("the local user has no name here: give one as username=…") from None


def configured(
    options: SSHClientConnectionOptions, without: Collection[str] = ()
) -> SSHClientConnectionOptions:
    """Return options with what the configuration says of their host, where they do not say it themselves.

    Args:
        options: their `config` names the files; not given: `~/.ssh/config`, if there is one; None: none.
        without: options that are not taken from there.

    Raises:
        ConfigParseError: a line is wrong, or asks for what nacre does not do; it names file, line and keyword.
        OSError: a file that was named cannot be read.
    """
    files = options.config
    if files == ():
        default = expand(_DEFAULT_FILE)
        if not default.exists():
            return options
        _check_owner(default)
        files = (default,)
    if not files:
        return options
    return _Interpretation(options, files).options(without)


def _check_owner(path: Path) -> None:
    """Refuse a default file that somebody else can write to, as OpenSSH does."""
    status = path.stat()
    own = not hasattr(os, "getuid") or status.st_uid in (0, os.getuid())
    if not own or (hasattr(os, "getuid") and status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
        raise ConfigParseError(f"{path}: others can write to it; type: chmod go-w {path}")


class _Interpretation:
    def __init__(self, options: SSHClientConnectionOptions, files: Iterable[str | Path]) -> None:
        self._given = options
        self._values: dict[str, Any] = {}
        self._seen: dict[str, list[Setting]] = {}
        try:
            self._local_user = local_user()
        except ValueError:
            self._local_user = ""
        subject = Subject(options.host, options.username, self._local_user, expand("~/.ssh"))
        for setting in applying(tuple(files), subject):
            self._seen.setdefault(setting.name, []).append(setting)

    def options(self, without: Collection[str]) -> SSHClientConnectionOptions:
        """Return the options that come of it."""
        self._tokens = {"%": "%", "h": self._given.host, "n": self._given.host}
        if "hostname" in self._seen:
            setting = self._seen["hostname"][0]
            self._values["host"] = self._tokens["h"] = self._expand(setting, self.only(setting), "%h")
        for name in ("port", "user"):
            if name in self._seen:
                _KEYWORDS[name](self, self._seen[name][0])
        self._tokens |= {
            "p": str(self._chosen("port", _DEFAULT_PORT)),
            "r": self._chosen("username", self._local_user),
            "u": self._local_user,
            "d": str(expand("~")),
        }
        for name, settings in self._seen.items():
            if name in ("hostname", "port", "user"):
                continue
            handler = _KEYWORDS.get(name)
            if handler is None:
                if not self._may_be_ignored(settings[0]):
                    self._check_done_anyway(settings[0])
            else:
                for setting in settings if name in _EVERY else settings[:1]:
                    handler(self, setting)
        self._finish()
        values = {name: value for name, value in self._values.items() if name not in without}
        return self._given.completed(values, ("host",))

    def _chosen(self, option: str, default: Any) -> Any:
        if self._given.is_given(option):
            return getattr(self._given, option)
        return self._values.get(option, default)

    def _may_be_ignored(self, setting: Setting) -> bool:
        """Return whether the configuration itself says that this keyword may mean nothing here."""
        if "ignoreunknown" not in self._seen or setting.name in _NOT_DONE | _DONE_ANYWAY.keys():
            return False
        patterns = self.only(self._seen["ignoreunknown"][0]).lower().split(",")
        return any(Glob(pattern).matches(setting.name) for pattern in patterns)

    @staticmethod
    def _check_done_anyway(setting: Setting) -> None:
        allowed = _DONE_ANYWAY.get(setting.name, frozenset())
        if len(setting.arguments) > 1 or setting.arguments[0].lower() not in allowed:
            only = f" but for {' or '.join(sorted(allowed))}" if allowed else ""
            raise setting.error(
                f"this keyword is not supported yet{only}: take it out for this host, or give config=None"
            )

    def put(self, setting: Setting, option: str, value: Any) -> None:
        """Set an option, checked as if a program had given it."""
        try:
            self._values[option] = accept(self._given.options[option], value)
        except (ValueError, TypeError, NotSupportedYet) as error:
            raise setting.error(str(error)) from None

    def only(self, setting: Setting) -> str:
        """Return the only word of a line."""
        if len(setting.arguments) != 1:
            raise setting.error(f"one word is expected, not {len(setting.arguments)}")
        return setting.arguments[0]

    def _expand(self, setting: Setting, text: str, allowed: str = "%hnprud") -> str:
        def replaced(found: re.Match[str]) -> str:
            if not found[1] or found[1] not in allowed:
                raise setting.error(
                    f"the token {found[0]!r} is not supported: {', '.join('%' + known for known in allowed)} are"
                )
            return str(self._tokens[found[1]])

        return _TOKEN.sub(replaced, text)

    def _path(self, setting: Setting, text: str) -> str:
        """Return a path with ~, tokens and variables resolved."""

        def variable(found: re.Match[str]) -> str:
            value = os.environ.get(found[1])
            if value is None:
                raise setting.error(f"the variable {found[1]} is not set")
            return value

        return self._expand(setting, _VARIABLE.sub(variable, str(expand(text))))

    # ------------------------------------------------------------ keywords

    def number(self, setting: Setting, option: str) -> None:
        """Take a whole number."""
        text = self.only(setting)
        if not text.isascii() or not text.isdigit():
            raise setting.error(f"{text!r} is no number")
        self.put(setting, option, int(text))

    def yes(self, setting: Setting) -> bool:
        """Return whether a line says yes."""
        value = _YES_NO.get(self.only(setting).lower())
        if value is None:
            raise setting.error(f"yes or no is expected, not {setting.arguments[0]!r}")
        return value

    def switch(self, setting: Setting, option: str) -> None:
        """Take yes or no."""
        self.put(setting, option, self.yes(setting))

    def compression(self, setting: Setting) -> None:
        """Take yes, which asks for compression where the server has it, or no."""
        self.put(setting, "compression_algs", "zlib@openssh.com,none" if self.yes(setting) else "none")

    def public_key_auth(self, setting: Setting) -> None:
        """Take yes, no, or yes with or without a signature that names the host."""
        self.put(setting, "public_key_auth", self.only(setting).lower() not in ("no", "false"))

    def time(self, setting: Setting, option: str) -> None:
        """Take a time as "90" or "1m30s", or none."""
        text = self.only(setting).lower()
        self.put(setting, option, None if text == "none" else text)

    def word(self, setting: Setting, option: str) -> None:
        """Take one word as it is."""
        self.put(setting, option, self.only(setting))

    def family(self, setting: Setting) -> None:
        """Take any, inet or inet6."""
        found = _FAMILIES.get(self.only(setting).lower())
        if found is None:
            raise setting.error(f"{', '.join(_FAMILIES)} are expected, not {setting.arguments[0]!r}")
        self.put(setting, "family", found)

    def rekey(self, setting: Setting) -> None:
        """Take bytes, and a time after them."""
        size, *more = (word.lower() for word in setting.arguments)
        if size != "default":
            self.put(setting, "rekey_bytes", size)
        if len(more) > 1:
            raise setting.error("a size and a time are expected")
        if more and more[0] != "none":
            self.put(setting, "rekey_seconds", more[0])

    def set_environment(self, setting: Setting) -> None:
        """Take variables for every session."""
        self.put(setting, "env", setting.arguments)

    def send_environment(self, setting: Setting) -> None:
        """Take names of variables to pass on, besides those before."""
        if any(name.startswith("-") for name in setting.arguments):
            raise setting.error("taking names away is not supported yet")
        self.put(setting, "send_env", (*self._values.get("send_env", ()), *setting.arguments))

    def agent(self, setting: Setting) -> None:
        """Take the agent's socket, none, or a variable that names it."""
        text = self.only(setting)
        if text == "SSH_AUTH_SOCK":
            return
        if text.startswith("$") and not text.startswith("${"):
            text = f"${{{text[1:]}}}"
        self.put(setting, "agent_path", None if text.lower() == "none" else self._path(setting, text))

    def revoked(self, setting: Setting) -> None:
        """Take the file of host keys that are not believed, or none."""
        text = self.only(setting)
        self.put(setting, "revoked_host_keys", None if text.lower() == "none" else self._path(setting, text))

    def way(self, setting: Setting) -> None:
        """Take hosts to go through, or a command: whichever comes first."""
        if {"tunnel", "proxy_command"} & self._values.keys() or any(
            self._given.is_given(option) for option in ("tunnel", "proxy_command")
        ):
            return
        jump = setting.name == "proxyjump"
        option = "tunnel" if jump else "proxy_command"
        if setting.text.strip().lower() == "none":
            self._values[option] = None
        elif jump:
            hops = (self._step(setting, hop) for hop in self.only(setting).split(","))
            text = ",".join(hop.removeprefix("ssh://") for hop in hops)
            try:
                parse_hops(text)
            except ValueError as error:
                raise setting.error(str(error)) from None
            self.put(setting, option, text)
        else:
            if _SHELL & set(setting.text):
                raise setting.error("the command is started without a shell: write it without shell syntax")
            try:
                words = shlex.split(setting.text.removeprefix("exec "))
            except ValueError as error:
                raise setting.error(str(error)) from None
            # In words first: what a token stands for is never more than a part of one.
            self.put(setting, option, [self._step(setting, word) for word in words])

    def _step(self, setting: Setting, text: str) -> str:
        """Return a hop, or a word of a command, with tokens resolved."""
        for token in "hnr":
            if f"%{token}" in text and not _PLAIN_NAME.fullmatch(str(self._tokens[token])):
                raise setting.error(f"{self._tokens[token]!r} cannot stand there for %{token}")
        return self._expand(setting, text, "%hnpr")

    def answer(self, setting: Setting, option: str) -> None:
        """Take yes, no, or another word that the option knows."""
        text = self.only(setting).lower()
        words = {"true": "yes", "false": "no", "off": "no"}
        self.put(setting, option, words.get(text, text))

    def remember(self, setting: Setting) -> None:
        """Take note: several keywords together make the option."""

    # ------------------------------------------------------------ several keywords together

    def _finish(self) -> None:
        if {"userknownhostsfile", "globalknownhostsfile"} & self._seen.keys():
            files = self._files("userknownhostsfile", "~/.ssh/known_hosts")
            self._values["known_hosts"] = KnownHostsFiles(files, self._files("globalknownhostsfile"))
        identities = [
            Path(self._path(setting, self.only(setting)))
            for setting in self._seen.get("identityfile", ())
            if self.only(setting).lower() != "none"
        ]
        restrict = "identitiesonly" in self._seen and self.yes(self._seen["identitiesonly"][0])
        if "identityfile" in self._seen:
            self._values["ignore_encrypted"] = True
            self._values["client_keys"] = [path for path in identities if _is_private(path)]
        if "certificatefile" in self._seen:
            self._values["client_certs"] = self._certificates()
        if restrict:
            self._restrict(identities if "identityfile" in self._seen else identity_files())

    def _files(self, name: str, *default: str) -> tuple[Path, ...]:
        """Return the files of a keyword, or its default."""
        settings = self._seen.get(name)
        if not settings:
            return tuple(expand(path) for path in default)
        found = [self._path(settings[0], word) for word in settings[0].arguments]
        return tuple(Path(path) for path in found if path.lower() != "none")

    def _certificates(self) -> list[Path]:
        """Return the certificates that are there, as OpenSSH has it; "none" names none."""
        found = []
        for setting in self._seen["certificatefile"]:
            path = expand(self._path(setting, self.only(setting)))
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
            self._values["agent_identities"] = tuple(keys)
        else:
            self._values["agent_path"] = None


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


Handler = Callable[[_Interpretation, Setting], None]
_I = _Interpretation
_KEYWORDS: Final[dict[str, Handler]] = {
    "addressfamily": _I.family,
    "bindaddress": lambda found, setting: found.put(setting, "local_addr", (found.only(setting), 0)),
    "certificatefile": _I.remember,
    "challengeresponseauthentication": _of(_I.switch, "kbdint_auth"),
    "ciphers": _of(_I.word, "encryption_algs"),
    "compression": _I.compression,
    "connecttimeout": _of(_I.time, "connect_timeout"),
    "globalknownhostsfile": _I.remember,
    "hashknownhosts": _of(_I.switch, "hash_known_hosts"),
    "hostkeyalgorithms": _of(_I.word, "server_host_key_algs"),
    "hostkeyalias": _of(_I.word, "host_key_alias"),
    "hostname": _I.remember,
    "identitiesonly": _I.remember,
    "ignoreunknown": _I.remember,
    "identityagent": _I.agent,
    "revokedhostkeys": _I.revoked,
    "identityfile": _I.remember,
    "kbdinteractiveauthentication": _of(_I.switch, "kbdint_auth"),
    "kexalgorithms": _of(_I.word, "kex_algs"),
    "macs": _of(_I.word, "mac_algs"),
    "passwordauthentication": _of(_I.switch, "password_auth"),
    "port": _of(_I.number, "port"),
    "preferredauthentications": _of(_I.word, "preferred_auth"),
    "proxycommand": _I.way,
    "proxyjump": _I.way,
    "pubkeyauthentication": _I.public_key_auth,
    "rekeylimit": _I.rekey,
    "sendenv": _I.send_environment,
    "serveralivecountmax": _of(_I.number, "keepalive_count_max"),
    "serveraliveinterval": _of(_I.time, "keepalive_interval"),
    "setenv": _I.set_environment,
    "stricthostkeychecking": _of(_I.answer, "strict_host_key_checking"),
    "tcpkeepalive": _of(_I.switch, "tcp_keepalive"),
    "updatehostkeys": _of(_I.answer, "update_host_keys"),
    "user": _of(_I.word, "username"),
    "userknownhostsfile": _I.remember,
    "verifyhostkeydns": _of(_I.answer, "verify_host_key_dns"),
}
