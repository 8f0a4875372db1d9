"""The options of a connection: checked when they are given, never changed afterwards.

Owns: `SSHClientConnectionOptions` and `SSHServerConnectionOptions`, and what the protocol is told of
them. Must not know: how a connection uses them. The table of all options is `nacre.option_table`.

`()` stands for "not given" everywhere. A client takes what is not given from the user's OpenSSH
configuration when it connects (`nacre.client_config`), and else the default.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, ClassVar, Final, Self

from nacre import gss
from nacre._version import __version__
from nacre.config_server_alone import server_alone
from nacre.crypto.registry import Family, default_names
from nacre.errors import NotSupportedYet
from nacre.keys import X509_ALGORITHMS, default_signature_algorithms
from nacre.option_table import Option, Sides, as_given, table
from nacre.profiles import with_profile
from nacre.protocol.gss import GssApi
from nacre.protocol.settings import HostKey, Settings
from nacre.signature_lists import announced_algorithms
from nacre.x509_login import takes_x509

_NOT_GIVEN: tuple[()] = ()
#: What a converter raises for a value that is wrong.
_WRONG: Final = (ValueError, TypeError, LookupError)


def accept(option: Option, value: Any) -> Any:
    """Return the checked value of an option.

    Raises:
        NotSupportedYet: its feature is absent.
        ValueError, TypeError, LookupError: it is wrong; the message names the option.
    """
    if not option.built:
        honoured = (option.default, *option.honoured)
        if any(value is known or value == known for known in honoured):
            return option.default
        if value is None and any(not known for known in honoured):
            return option.default  # none of what may be none
        raise NotSupportedYet(f"the option {option.name}={value!r}", option.hint)
    try:
        return option.convert(value)
    except _WRONG as error:
        raise _naming(option, error) from None


def _naming(option: Option, error: Exception) -> Exception:
    """Return the error of a converter with the option's name before it."""
    return type(error)(f"{option.name}: {error}")


class SSHConnectionOptions:
    """Base of the two kinds of options.

    Args:
        options: what these options start from.
        kwargs: options by name; they override those of `options`.

    Raises:
        TypeError: there is no option of that name.
        NotSupportedYet: the feature of an option is not in this version.
        ValueError: a value is wrong.
    """

    side: ClassVar[Sides]
    options: ClassVar[Mapping[str, Option]]

    def __init__(self, options: SSHConnectionOptions | None = None, **kwargs: Any) -> None:
        if options is not None and not isinstance(options, type(self)):
            raise TypeError(f"options must be {type(self).__name__}, not {type(options).__name__}")
        given: dict[str, Any] = dict(options._given) if options is not None else {}
        for name, value in kwargs.items():
            option = self.options.get(name)
            if option is None:
                raise TypeError(f"{type(self).__name__} has no option {name!r}")
            if isinstance(value, tuple) and value == _NOT_GIVEN:
                continue
            if not option.built:
                given[name] = accept(option, value)
            elif option.convert is as_given:
                given[name] = value
            else:  # as `accept`, without a call between: there are a dozen for each connection
                try:
                    given[name] = option.convert(value)
                except _WRONG as error:
                    raise _naming(option, error) from None
        self._set(with_profile(given, self.options) if given.get("profile") else given)

    def _set(self, given: dict[str, Any]) -> None:
        # As attributes, in front of the defaults of the class: options are asked for more often than made.
        self.__dict__.clear()
        self.__dict__.update(given, _given=given)

    @classmethod
    async def construct(cls, options: SSHConnectionOptions | None = None, **kwargs: Any) -> Self:
        """Return options, as the constructor does; for programs that await it."""
        return cls(options, **kwargs)

    def is_given(self, name: str) -> bool:
        """Return whether an option was given, here or in the options that these started from."""
        return name in self._given

    def gives_any(self, names: AbstractSet[str]) -> bool:
        """Return whether one of these was given."""
        return not self._given.keys().isdisjoint(names)

    def completed(self, values: Mapping[str, Any], overriding: Container[str] = ()) -> Self:
        """Return these options with values where nothing was given.

        Args:
            values: checked values, by name.
            overriding: the names of those that stand in place of what was given, too.
        """
        new = type(self)(self)
        changes = {
            name: value for name, value in values.items() if name in overriding or name not in self._given
        }
        new._set({**self._given, **changes})
        return new

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{type(self).__name__} has no option {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("options do not change: make new ones with options=…")

    def __repr__(self) -> str:
        # Values may be secrets: passwords and passphrases are options.
        return f"<{type(self).__name__} {' '.join(sorted(self._given))}>"


class SSHClientConnectionOptions(SSHConnectionOptions):
    """What `connect` and its siblings take, collected once."""

    side = Sides.CLIENT
    options = table(Sides.CLIENT)


class SSHServerConnectionOptions(SSHConnectionOptions):
    """What `listen` and its siblings take, collected once."""

    side = Sides.SERVER
    options = table(Sides.SERVER)


for _kind in (SSHClientConnectionOptions, SSHServerConnectionOptions):
    for _option in _kind.options.values():
        setattr(_kind, _option.name, _option.default)


def default_version() -> str:
    """Return the software version that is shown where nothing else is asked for."""
    return f"nacre_{__version__}"


def _common(options: SSHConnectionOptions, *, gss_kex: bool) -> dict[str, Any]:
    return {
        "kex_algorithms": gss.kex_algorithms(options, gss=gss_kex),
        "ciphers": options.encryption_algs or default_names(Family.CIPHER),
        "macs": options.mac_algs or default_names(Family.MAC),
        "compressions": options.compression_algs or ("none",),
        "signature_algorithms": options.signature_algs or default_signature_algorithms(),
        "ident_timeout": options.ident_timeout,
        "login_timeout": options.login_timeout,
        "rekey_bytes": options.rekey_bytes,
        "rekey_seconds": options.rekey_seconds,
        "keepalive_interval": options.keepalive_interval,
        "keepalive_count_max": options.keepalive_count_max,
    }


def client_settings(
    options: SSHClientConnectionOptions,
    username: str,
    host_key_algorithms: tuple[str, ...],
    contexts: GssApi | None = None,
    *,
    gss_kex: bool = False,
) -> Settings:
    """Return what the protocol end of a client is told.

    Args:
        options: of the connection.
        username: whom to log in as.
        host_key_algorithms: what is known of the host.
        contexts: makes contexts of GSS-API.
        gss_kex: whether they are for the key exchange, too.
    """
    return Settings(
        software_version=options.client_version or default_version(),
        username=username,
        host_key_algorithms=host_key_algorithms,
        disable_trivial_auth=options.disable_trivial_auth,
        gss=contexts,
        **_common(options, gss_kex=gss_kex),
    )


def server_version(options: SSHServerConnectionOptions) -> str:
    """Return the version that a server shows, and what is added to it (RFC 4253 section 4.2)."""
    version, addendum = options.server_version or default_version(), server_alone(options).addendum
    return f"{version} {addendum}" if addendum else version


def server_settings(options: SSHServerConnectionOptions, host_keys: tuple[HostKey, ...]) -> Settings:
    """Return what the protocol end of a server is told: one object for all connections with these options."""
    known = options.__dict__.get("_settings")
    if known is not None and known.host_keys is host_keys:
        found: Settings = known
        return found
    of_all = _common(options, gss_kex=gss.offers_kex(options))
    announced = announced_algorithms(options)
    if takes_x509(options):
        of_all["signature_algorithms"] += X509_ALGORITHMS
        announced = None if announced is None else announced + X509_ALGORITHMS
    settings = Settings(
        software_version=server_version(options),
        host_key_algorithms=server_alone(options).host_key_algorithms,
        host_keys=host_keys,
        max_channels=options.max_channels,
        gss=gss.of_server(options),
        announced_algorithms=announced,
        **{**of_all, **_of_login(options)},
    )
    options.__dict__["_settings"] = settings
    return settings


def _of_login(options: SSHServerConnectionOptions) -> dict[str, Any]:
    """Return what may hold for one user and not for another; nothing of it has been agreed on with the client."""
    return {
        "max_sessions": options.max_sessions,
        "max_auth_tries": options.max_auth_tries,
        "rekey_bytes": options.rekey_bytes,
        "rekey_seconds": options.rekey_seconds,
        "unused_timeout": server_alone(options).unused_timeout,
    }


def settings_of_login(settings: Settings, options: SSHServerConnectionOptions) -> Settings:
    """Return what the protocol end of a server is told once somebody has a name.

    Args:
        settings: what it was told before; these very ones are returned where nothing of them changes.
        options: of the login.
    """
    changes = _of_login(options)
    if all(getattr(settings, name) == value for name, value in changes.items()):
        return settings
    kept: dict[str, Any] = {name: getattr(settings, name) for name in Settings.__match_args__}
    return Settings(**{**kept, **changes})
