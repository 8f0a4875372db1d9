"""How keywords of a server's configuration become what there is no option for.

Owns: the reading of those values, `nacre.config_server_alone` has them. Must not know: Match, logins, or how any of it
is done.
"""

from __future__ import annotations

import re
from typing import Any, Final

from nacre.aio.traffic import code
from nacre.config_algorithms import known_here
from nacre.config_options import ConfiguredOptions
from nacre.config_reading import YES
from nacre.config_server_alone import ServerAlone
from nacre.keys import Proof
from nacre.options import SSHServerConnectionOptions, server_version
from nacre.signature_lists import HOSTS, SELECT
from nacre.trust.config_lines import Setting
from nacre.trust.config_values import seconds
from nacre.trust.pattern import Glob

__all__ = ["ValuesAlone"]

#: An identification has 255 bytes (RFC 4253 section 4.2), with CR LF and what stands before the version.
_VERSION_ROOM: Final = 255 - len("SSH-2.0- \r\n")
_PROOFS: Final = {"touch-required": Proof.PRESENCE, "verify-required": Proof.VERIFICATION}


class ValuesAlone(ConfiguredOptions):
    """What a server's configuration says beside options.

    Attributes:
        beside: by the names of `ServerAlone`.
    """

    beside: dict[str, Any]
    _given: SSHServerConnectionOptions
    _ports: tuple[int, ...] = ()
    _hosts: tuple[tuple[str, int | None], ...] = ()

    def alone(self) -> ServerAlone:
        """Return all of it."""
        return ServerAlone(**self.beside)

    def port(self, setting: Setting) -> None:
        """Take one port more."""
        self.put(setting, "port", int(setting.arguments[0]))
        self._ports += (self.found["port"],)

    def listener(self, setting: Setting) -> None:
        """Take one address more, with a port of its own or without."""
        host, port = setting.arguments
        self.put(setting, "host", "" if host == "*" else host)
        self._hosts += ((self.found["host"], int(port) if port else None),)

    def settle_listeners(self) -> None:
        """Say what is listened on, once all is read: an address without a port has each; what the program gives goes before."""
        given = self._given
        if not (self._ports or self._hosts):
            return
        ports = (given.port,) if given.is_given("port") else self._ports or (given.port,)
        hosts = ((given.host, None),) if given.is_given("host") else self._hosts or ((given.host, None),)
        ends = dict.fromkeys(
            (host, own)
            for host, port in hosts
            for own in ((port,) if port is not None and not given.is_given("port") else ports)
        )
        self.found["host"], self.found["port"] = next(iter(ends))
        if len(ends) > 1:
            self.beside["listeners"] = tuple(ends)

    def acceptor_check(self, setting: Setting) -> None:
        """Take whether GSS-API answers by the name of this host alone."""
        self.beside["any_acceptor"] = not YES[setting.arguments[0]]

    def fingerprints(self, setting: Setting) -> None:
        """Take the hash that keys are shown by."""
        self.beside["fingerprint_hash"] = setting.arguments[0].lower()

    def host_keys(self, setting: Setting) -> None:
        """Take what host keys sign with; what a sign changes is everything that they can."""
        try:
            self.beside["host_key_algorithms"] = SELECT[HOSTS](known_here(setting, HOSTS))
        except ValueError as error:
            raise setting.error(str(error)) from None

    def addendum(self, setting: Setting) -> None:
        """Take what stands behind the version, or none."""
        text = setting.arguments[0].strip()
        if text.lower() == "none":
            return
        room = _VERSION_ROOM - len(server_version(self._given))
        if not re.fullmatch(r"[\x20-\x7e]+", text) or len(text) > room:
            raise setting.error(f"printable ASCII is expected, {room} characters at most")
        self.beside["addendum"] = text

    def rsa_bits(self, setting: Setting) -> None:
        """Take the least length of an RSA key."""
        self.beside["rsa_bits"] = int(setting.arguments[0])

    def key_proof(self, setting: Setting) -> None:
        """Take what every security key must show."""
        proof = Proof.NOTHING
        for word in setting.arguments:
            proof |= _PROOFS.get(word, Proof.NOTHING)
        self.beside["key_proof"] = proof

    def channel_timeouts(self, setting: Setting) -> None:
        """Take patterns of channels, each with a time; or none."""
        pairs = [word.partition("=") for word in setting.arguments if word.lower() != "none"]
        try:
            for pattern, _, _ in pairs:
                Glob(pattern)
        except ValueError as error:
            raise setting.error(str(error)) from None
        self.beside["channel_timeouts"] = tuple(
            (pattern, float(seconds(setting, text))) for pattern, _, text in pairs
        )

    def unused_timeout(self, setting: Setting) -> None:
        """Take seconds, or none."""
        text = setting.arguments[0]
        self.beside["unused_timeout"] = 0.0 if text == "none" else float(text)

    def auth_info(self, setting: Setting) -> None:
        """Take whether sessions are told how their user has logged in."""
        self.beside["exposes_auth"] = YES[setting.arguments[0]]

    def traffic(self, setting: Setting) -> None:
        """Take a class of traffic, or one for who types and one for everything else."""
        interactive, bulk = map(code, setting.arguments)
        self.beside["traffic"] = interactive, bulk

    def net_blocks(self, setting: Setting) -> None:
        """Take the bits of an IPv4 and of an IPv6 address."""
        first, second = setting.arguments[0].split(":")
        self.beside["net_blocks"] = (int(first), int(second))
