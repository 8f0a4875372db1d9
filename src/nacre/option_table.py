"""Every option of a connection, once: its name, who has it, its default, and whether it is built.

Owns: the table. Must not know: what becomes of the values; `nacre.options` reads it.

A feature that is absent leaves its options here with the values that it honours by being absent:
those are taken, anything else raises `NotSupportedYet` and names the option.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Flag, auto
from typing import Any, Final

from nacre import option_values as values
from nacre.aio import limits as aio_limits
from nacre.aio.admission import LOOPBACK, Startups
from nacre.aio.sources import Networks
from nacre.crypto.kex.gss import DEFAULT_GSS_METHODS
from nacre.crypto.registry import Family
from nacre.protocol import limits
from nacre.trust.policy import HostKeyChecking, Wish
from nacre.wire.record import record


class Sides(Flag):
    """Whose option it is; SESSION: of one session too, where it overrides the connection's."""

    CLIENT = auto()
    SERVER = auto()
    SESSION = auto()
    BOTH = CLIENT | SERVER


def as_given(value: Any) -> Any:
    """Take a value as it is."""
    return value


@record
class Option:
    """One option.

    Attributes:
        name: as programs write it.
        sides: who has it.
        default: what it is when it was not given.
        convert: checks and converts what was given; raises ValueError or TypeError with one line.
        built: False: its feature is absent from this version.
        honoured: values that an absent feature honours, besides the default.
        hint: what to do in the meantime.
    """

    name: str
    sides: Sides
    default: Any
    convert: Callable[[Any], Any] = as_given
    built: bool = True
    honoured: tuple[Any, ...] = ()
    hint: str = ""


def _client(name: str, default: Any, convert: Callable[[Any], Any] = as_given) -> Option:
    return Option(name, Sides.CLIENT, default, convert)


def _server(name: str, default: Any, convert: Callable[[Any], Any] = as_given) -> Option:
    return Option(name, Sides.SERVER, default, convert)


def _both(name: str, default: Any, convert: Callable[[Any], Any] = as_given) -> Option:
    return Option(name, Sides.BOTH, default, convert)


def _session(name: str, default: Any, convert: Callable[[Any], Any] = as_given) -> Option:
    return Option(name, Sides.CLIENT | Sides.SESSION, default, convert)


def _channel(name: str, default: Any, convert: Callable[[Any], Any] = as_given) -> Option:
    return Option(name, Sides.BOTH | Sides.SESSION, default, convert)


def _absent(sides: Sides, name: str, default: Any, *honoured: Any, hint: str = "") -> Option:
    return Option(name, sides, default, built=False, honoured=honoured, hint=hint)


_C, _S, _B = Sides.CLIENT, Sides.SERVER, Sides.BOTH
_CANONICAL_HINT: Final = "host names are used as they are given"

OPTIONS: Final[tuple[Option, ...]] = (
    # --- who and where
    _client("config", (), values.config),
    # nacre's own: whether a configuration may have programs run (Match exec), and the tag that Match tagged sees.
    _client("config_exec", False, values.switch),
    _client("config_tag", "", values.text),
    _server("config", None, values.config),
    _client("client_factory", None, values.optional_callable),
    _server("server_factory", None, values.optional_callable),
    _client("client_version", "", values.version),
    _server("server_version", "", values.version),
    _both("host", "", values.text),
    _both("port", 22, values.port),
    _both("tunnel", None, values.tunnel),
    _both("proxy_command", None, values.proxy_command),
    _both("family", 0, values.family),
    _both("local_addr", None, values.local_addr),
    _both("tcp_keepalive", True, values.switch),
    _absent(_B, "utf8_decode_errors", "strict", hint="what is not UTF-8 in a message is an error"),
    _client("canonicalize_hostname", False, values.canonicalize),
    _absent(_S, "canonicalize_hostname", False, hint=_CANONICAL_HINT),
    # How that is done: without it they change nothing, and so a server, which does not, takes them too.
    _both("canonical_domains", (), values.names),
    _both("canonicalize_fallback_local", True, values.switch),
    _both("canonicalize_max_dots", 1, values.count),
    _both("canonicalize_permitted_cnames", (), values.cname_rules),
    # --- algorithms
    # nacre's own: a set of them by one name.
    _both("profile", None, values.profile),
    _both("kex_algs", (), values.key_exchanges),
    _both("encryption_algs", (), values.algorithms(Family.CIPHER)),
    _both("mac_algs", (), values.macs),
    _both("compression_algs", (), values.compression),
    _both("signature_algs", (), values.signature_algorithms),
    _client("server_host_key_algs", (), values.host_key_algorithms),
    # --- authentication, both sides
    _both("host_based_auth", True, values.switch),
    _both("public_key_auth", True, values.switch),
    _both("kbdint_auth", True, values.switch),
    _both("password_auth", True, values.switch),
    _both("x509_trusted_certs", None, values.x509_certificates),
    _both("x509_trusted_cert_paths", (), values.directories),
    # What such a certificate must be for: there is none that is trusted, and so they are taken.
    _client("x509_purposes", "secureShellServer", values.x509_purposes),
    _server("x509_purposes", "secureShellClient", values.x509_purposes),
    # --- GSS-API: a server has it where one of these is given, a client offers its key exchange so
    _both("gss_host", (), values.gss_host),
    _both("gss_store", None, values.gss_store),
    _both("gss_kex", False, values.switch),
    _both("gss_auth", True, values.switch),
    # nacre's own, as GSSAPIKexAlgorithms: which key exchanges gss_kex is about.
    _both("gss_kex_algs", DEFAULT_GSS_METHODS, values.gss_methods),
    _client("gss_delegate_creds", False, values.switch),
    # --- times and sizes
    _both("rekey_bytes", limits.REKEY_BYTES, values.rekey_bytes),
    _both("rekey_seconds", limits.REKEY_SECONDS, values.seconds),
    _both("connect_timeout", None, values.optional_seconds),
    _client("login_timeout", 120.0, values.seconds),
    _server("login_timeout", limits.LOGIN_TIMEOUT, values.seconds),
    # nacre's own: how long a peer's first line may take, and how many may be at their login at once.
    # A client waits as long as the login may take: a command may be on its way to the server.
    _client("ident_timeout", 0.0, values.seconds),
    _server("ident_timeout", limits.IDENT_TIMEOUT, values.seconds),
    _server("max_unauthenticated", Startups(), values.startups),
    # nacre's own: the bounds by source, and how the source is found.
    _server("max_per_source", 0, values.count),
    _server("source_penalties", None, values.penalties),
    _server("exempt_sources", Networks(LOOPBACK), values.networks),
    _server("source_of", None, values.optional_callable),
    _server("proxy_protocol_from", Networks(), values.networks),
    # nacre's own: how long a peer may take nothing of what waits for it.
    _server("write_timeout", aio_limits.WRITE_TIMEOUT, values.seconds),
    # nacre's own: what one client may have open at once.
    _server("max_channels", limits.MAX_CHANNELS, values.positive),
    _server("max_sessions", limits.MAX_SESSIONS, values.count),
    # nacre's own, as MaxAuthTries.
    _server("max_auth_tries", limits.AUTH_FAILURES, values.auth_tries),
    _both("keepalive_interval", 0.0, values.seconds),
    _both("keepalive_count_max", 3, values.count),
    # --- the host's key, and trust in it
    _client("known_hosts", (), values.known_hosts),
    # nacre's own, by OpenSSH's names: keys and certificates that are not believed, whatever else says so.
    _client("revoked_host_keys", None, values.revoked),
    _server("revoked_keys", None, values.revoked),
    # nacre's own, by OpenSSH's names: what becomes of keys that are not known.
    _client("strict_host_key_checking", HostKeyChecking.YES, values.host_key_checking),
    _client("hash_known_hosts", False, values.switch),
    _client("update_host_keys", Wish.NO, values.wish),
    _client("verify_host_key_dns", Wish.NO, values.wish),
    _client("sshfp_resolver", None, values.optional_callable),
    _client("host_key_alias", None, values.optional_text),
    _client("server_host_keys_handler", None, values.optional_callable),
    _server("server_host_keys", ()),
    _server("server_host_certs", ()),
    _server("send_server_host_keys", False, values.switch),
    # --- the user
    _client("username", "", values.username),
    _client("password", None, values.password),
    _client("client_keys", ()),
    _client("client_certs", ()),
    _both("passphrase", None),
    _client("ignore_encrypted", (), values.switch),
    _client("preferred_auth", values.METHODS, values.methods),
    _client("disable_trivial_auth", False, values.switch),
    _client("client_host_keysign", False, values.keysign),
    _client("client_host_keys", None),
    _client("client_host_certs", ()),
    _client("client_host", None, values.optional_text),
    _client("client_username", (), values.text),
    _client("agent_path", (), values.agent_path),
    _client("agent_identities", (), values.identities),
    _client("agent_forwarding", False, values.agent_forwarding),
    _server("agent_forwarding", True, values.switch),
    _client("pkcs11_provider", None, values.optional_file),
    _client("pkcs11_pin", None, values.optional_text),
    _server("authorized_client_keys", None),
    _server("known_client_hosts", None, values.known_hosts),
    _server("trust_client_host", False, values.switch),
    _server("rdns_lookup", False, values.switch),
    # --- sessions
    _session("command", None, values.command),
    _session("subsystem", None, values.optional_text),
    _session("env", (), values.environment),
    _session("send_env", (), values.variables),
    _session("request_pty", True, values.request_pty),
    _session("term_type", None, values.optional_text),
    _session("term_size", (0, 0, 0, 0), values.term_size),
    _session("term_modes", {}, values.term_modes),
    Option("x11_forwarding", _C | Sides.SESSION, False, built=False, hint="forwarding is not built"),
    Option("x11_display", _C | Sides.SESSION, None, built=False, hint="forwarding is not built"),
    Option("x11_auth_path", _C | Sides.SESSION, None, built=False, hint="forwarding is not built"),
    Option("x11_single_connection", _C | Sides.SESSION, False, built=False, hint="forwarding is not built"),
    _absent(_S, "x11_forwarding", False, hint="forwarding is not built"),
    _absent(_S, "x11_auth_path", None, hint="forwarding is not built"),
    _channel("encoding", "utf-8", values.encoding),
    _channel("errors", "strict", values.errors),
    _channel("window", limits.WINDOW, values.window),
    _channel("max_pktsize", limits.MAX_PACKET, values.packet),
    _server("allow_pty", True, values.switch),
    _server("line_editor", True, values.switch),
    _server("line_echo", True, values.switch),
    _server("line_history", 1000, values.count),
    _server("max_line_length", 1024, values.positive),
    _server("process_factory", None, values.optional_callable),
    _server("session_factory", None, values.optional_callable),
    _absent(_S, "sftp_factory", None, False, hint="SFTP and SCP are not built"),
    _absent(_S, "sftp_version", 3, hint="SFTP and SCP are not built"),
    _absent(_S, "allow_scp", False, hint="SFTP and SCP are not built"),
)


def table(side: Sides) -> dict[str, Option]:
    """Return the options of one side, by name."""
    return {option.name: option for option in OPTIONS if side in option.sides}
