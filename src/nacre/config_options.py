"""How a keyword of a configuration, a client's or a server's, becomes an option.

Owns: what both kinds do alike: `ConfiguredOptions`. Must not know: which keyword stands for which option, lines or Match.
"""

from __future__ import annotations

import socket
from typing import Any, Final

from nacre.config_algorithms import gss_known_here, known_here
from nacre.config_reading import YES
from nacre.config_standing import remedy
from nacre.crypto.registry import Family
from nacre.errors import NotSupportedYet
from nacre.options import SSHConnectionOptions, accept
from nacre.signature_lists import SELECT, USERS, require_some
from nacre.trust.config_lines import Setting

_FAMILIES: Final = {"any": socket.AF_UNSPEC, "inet": socket.AF_INET, "inet6": socket.AF_INET6}


class ConfiguredOptions:
    """Options that a configuration makes.

    Attributes:
        found: the options so far, by name.
    """

    found: dict[str, Any]
    _given: SSHConnectionOptions

    def begin(self, given: SSHConnectionOptions) -> None:
        """Begin with nothing: `given` has what the program says itself, and which options there are."""
        self._given = given
        self.found = {}

    def put(self, setting: Setting, option: str, value: Any) -> None:
        """Set an option, checked as if a program had given it.

        Raises:
            ConfigParseError: the value is wrong, or its feature is absent: also where a program may say yes to that.
        """
        wanted = self._given.options[option]
        if not wanted.built and value not in (False, None):
            raise setting.error(f"this keyword is not supported yet but for no: {wanted.hint}{remedy()}")
        try:
            self.found[option] = accept(wanted, value)
        except (ValueError, TypeError, NotSupportedYet) as error:
            raise setting.error(str(error)) from None

    def number(self, setting: Setting, option: str) -> None:
        """Take a whole number."""
        self.put(setting, option, int(setting.arguments[0]))

    def switch(self, setting: Setting, option: str) -> None:
        """Take yes or no."""
        self.put(setting, option, YES[setting.arguments[0]])

    def word(self, setting: Setting, option: str) -> None:
        """Take one word as it is."""
        self.put(setting, option, setting.arguments[0])

    def algorithms(self, setting: Setting, option: str, kind: Family | str) -> None:
        """Take algorithms: OpenSSH's own that nacre has not are left out."""
        wanted = known_here(setting, kind)
        if wanted != ():
            self.put(setting, option, wanted)

    def signatures(self, setting: Setting, kind: str) -> None:
        """Take a list of `nacre.signature_lists`, for which there is no option."""
        wanted = known_here(setting, kind)
        try:
            found = SELECT[kind](wanted)
            if kind == USERS:
                require_some(self._given, found)
        except ValueError as error:
            raise setting.error(str(error)) from None
        self.found[kind] = found

    def gss_methods(self, setting: Setting) -> None:
        """Take key exchanges of GSS-API: OpenSSH's own that nacre has not are left out."""
        self.put(setting, "gss_kex_algs", gss_known_here(setting))

    def family(self, setting: Setting) -> None:
        """Take any, inet or inet6."""
        self.put(setting, "family", _FAMILIES[setting.arguments[0]])
