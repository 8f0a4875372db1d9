"""The page that compares nacre with AsyncSSH, made from the code: what works, what is refused, what deviates.

Owns: the words about deviations, and the layout of docs/parity.md. Must not know: how anything works. What
AsyncSSH has is in surface.txt and in tests/unit/test_init.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import nacre
from nacre.option_table import Option, Sides, table

SURFACE: Final = Path(__file__).with_name("surface.txt")
_REFUSED: Final = re.compile(r"not in this version|not built yet", re.IGNORECASE)

_MACS: Final = (
    "the MACs that are made before the encryption (`hmac-sha2-256`) only where their full names are given; "
    "an empty list is refused"
)
_NOT_CANONICAL: Final = (
    "has no effect: names of hosts stay as they are given (`canonicalize_hostname` is refused)"
)

#: What differs although the name is there: `name`, `Class.method` or `client:option`, `server:option`.
DEVIATIONS: Final[dict[str, str]] = {
    "SSHAcceptor": "has its own accept loop: `sockets`, `is_serving`, `get_loop` and `serve_forever` of asyncio's server",
    "SSHAgentClient": "what an agent signs must be of the algorithm that was asked for: SHA-1 is refused",
    "SSHKnownHosts": "a certificate of X.509 may be the host's own, and a damaged line with one is an error; `[host]:22` is for no port, as for ssh",
    "SSHAuthorizedKeys": "`restrict` and `expiry-time` are known too; `principals=` has names, no patterns",
    "SSHAllowedSigners": "a line with an option that is not known admits nobody; AsyncSSH passes over the option",
    "validate_sshsig": "`namespace=` asks for one, as `ssh-keygen -n` does; an unreadable line admits nobody",
    "create_sshsig": "no certificates, no keys of an agent",
    "SSHKey": "PKCS#8 is encrypted with `aes256-cbc` and `sha256` alone, PKCS#1 not at all; RSA from 2048 bits, signatures with SHA-2 only; no DSA, Ed448 or secp256k1",
    "connect": "a `~/.ssh/config` with a keyword that nacre does not do is an error; AsyncSSH passes over it",
    "generate_private_key": "`ssh-ed25519`, `ecdsa-sha2-nistp256/384/521` and `ssh-rsa` (2048 bits or more, "
    "`exponent=65537` alone: FIPS 186-5 has none that is smaller)",
    "get_server_host_key": "never uses the user's keys",
    "import_private_key": "OpenSSH's format, PKCS#8, PKCS#1 and PuTTY's; no DES, RC4 or Blowfish",
    "listen": "a loop of its own accepts; strangers are bounded (`max_unauthenticated` and its kin)",
    "listen_reverse": "reads no configuration unless `config` names one",
    "client:x509_trusted_certs": "only what is named: no `~/.ssh/ca-bundle.crt`; without any, certificates in known_hosts count all the same",
    "client:x509_trusted_cert_paths": "only what is named: no `~/.ssh/crt`",
    "server:x509_trusted_cert_paths": "only what is named: no `~/.ssh/crt`",
    "server:x509_trusted_certs": "a certificate that stands in authorized_keys needs no root; a line of an authority with `subject=` names its users by that",
    "SSHCertificate": "one without principals is for nobody; those of X.509 are `SSHX509Certificate`, no subclass of it",
    "SSHClientChannel.write": "raises `LocalProtocolError` where 64 MiB wait that the peer has not taken: await `drain`",
    "SSHClientConnection.create_session": "a callback that raises closes its own channel, not the connection",
    "SSHClientProcess.redirect": "input that is no text in the encoding is a `UnicodeDecodeError`, not `ProtocolError`",
    "SSHClientProcess.wait": "with `check`, a process that ended without a status is an error too",
    "SSHReader.readexactly": "a negative size is a `ValueError`, as in asyncio",
    "SSHSubprocessProtocol.process_exited": "always after the data that came before the end",
    "SSHSubprocessReadPipe.pause_reading": "stops this pipe alone",
    "SSHServerChannel.get_command": "what is not UTF-8 comes with `surrogateescape`; AsyncSSH refuses the command",
    "SSHServerChannel.get_environment": "what is not UTF-8 comes with `surrogateescape`; AsyncSSH leaves it out",
    "SSHClientConnection.disconnect": "with another code than BY_APPLICATION, `connection_lost` is told of it here too",
    "read_public_key_list": "each line is a key, a comment or empty; AsyncSSH passes over what is none of these",
    "ProtocolNotSupported": "its code is 8, as in RFC 4253; AsyncSSH's is 2",
    "SSHServer.session_requested": "what is refused has the code OPEN_ADMINISTRATIVELY_PROHIBITED, as in RFC 4254; "
    "AsyncSSH's is OPEN_CONNECT_FAILED",
    "SSHServer.begin_auth": "only False lets a user in, nothing that merely looks like it",
    "server:known_client_hosts": "the name of the client's address counts if it leads back there; else the address",
    "SSHServer.connection_requested": "never called: there is no forwarding",
    "SSHServer.unix_connection_requested": "never called: there is no forwarding",
    "SSHServer.server_requested": "never called: there is no forwarding",
    "SSHServer.unix_server_requested": "never called: there is no forwarding",
    "SSHServer.tun_requested": "never called: there is no forwarding",
    "SSHServer.tap_requested": "never called: there is no forwarding",
    "client:gss_kex": "False by default: it is offered where it, or a method of GSS-API in `kex_algs`, is given, and where "
    "there is a ticket; then `gss-curve25519-sha256`, the others by name (`gss_kex_algs`), those with SHA-1 never",
    "client:gss_host": "Kerberos 5 is the one mechanism; a login by it is tried where the server offers it, as by AsyncSSH",
    "server:gss_kex": "False by default; then `gss-curve25519-sha256`, the others by name in `gss_kex_algs` or `kex_algs`, those with SHA-1 never",
    "server:gss_host": "a server takes GSS-API where one of the options `gss_…` is given, never because there is a keytab",
    "server:config": "the keywords of sshd, and none that it has not (`BindAddress`); `Include` is below "
    "/etc/ssh; what holds for one user (`Match`) is asked at each login; what nacre does not do is an error when the "
    "server starts",
    "client:config": "`Match exec` only with `config_exec=True`, and without a shell; read when a connection is made; "
    "what it asks for and nacre does not do is an error",
    "client:client_keys": "of the user's own files `id_ed25519`, `id_ecdsa`, `id_rsa`, with the certificates beside them",
    "client:known_hosts": "`/etc/ssh/ssh_known_hosts` only if the configuration names it; `UserKnownHostsFile none` and "
    "an empty value trust nobody, where AsyncSSH trusts anybody; a line of a file that is not understood is passed "
    "over, as ssh does (`read_known_hosts` raises ValueError)",
    "server:authorized_client_keys": "a line of a file that cannot be used admits nobody, and is a warning of `listen`; "
    "AsyncSSH raises where no line can be used, as `read_authorized_keys` does",
    "client:encryption_algs": "no CBC, 3DES, RC4: they are not built",
    "server:encryption_algs": "no CBC, 3DES, RC4: they are not built",
    "client:kex_algs": "no SHA-1, no group below 2048 bits; a pattern never reaches an optional algorithm",
    "server:kex_algs": "no SHA-1, no group below 2048 bits; a pattern never reaches an optional algorithm",
    "client:compression_algs": "no `zlib`, which would begin before the login; `none` alone by default",
    "server:compression_algs": "no `zlib`, which would begin before the login; `none` alone by default, where "
    "AsyncSSH takes `zlib@openssh.com` too",
    "client:mac_algs": _MACS,
    "server:mac_algs": _MACS,
    "client:server_host_key_algs": "ECDSA by default only where such a key is known for the host: `ssh-ed25519` and RSA; "
    "besides the keys that are known the others are offered, so that a changed key is told as one",
    "set_debug_level": "for the connections that begin afterwards; 3 has the fields of messages, never their data",
    "client:signature_algs": "RSA with SHA-1 does not exist; `CASignatureAlgorithms` is about authorities; AsyncSSH takes this option from it; `PubkeyAcceptedAlgorithms` holds beside it",
    "server:signature_algs": "RSA with SHA-1 does not exist; `CASignatureAlgorithms` is about authorities; AsyncSSH takes this option from it; `PubkeyAcceptedAlgorithms` holds beside it",
    "client:proxy_command": "started without a shell",
    "client:rekey_bytes": "at least 96 KiB and a packet",
    "server:rekey_bytes": "at least 96 KiB and a packet",
    "client:server_host_keys_handler": "not called where `known_hosts=None` turned the check off, "
    "nor where the server cannot prove a key that is new (AsyncSSH leaves that key out)",
    "client:window": "an upper bound: windows begin small and grow while a transfer is limited by them",
    "server:window": "an upper bound: windows begin small and grow while a transfer is limited by them",
    "TerminalSizeChanged": "sizes in a row that nobody has read are one, the last",
    "server:max_line_length": "a number; AsyncSSH takes None for no limit",
    "server:login_timeout": "60 seconds by default; AsyncSSH: 120",
    "server:canonical_domains": _NOT_CANONICAL,
    "server:canonicalize_fallback_local": _NOT_CANONICAL,
    "server:canonicalize_max_dots": _NOT_CANONICAL,
    "server:canonicalize_permitted_cnames": _NOT_CANONICAL,
    "client:tunnel": "also what a hop's own configuration says; a way of more than 8 hops is refused",
}

_HEAD: Final = """\
# Parity with AsyncSSH

Every public name and option of AsyncSSH 2.24, and what becomes of it here. This page is made from the code:
`pytest tests/golden --update-goldens` writes it anew.

**Works** means: under this name, with these semantics. **Refused** means: the name is known and raises an
error that says so (`NotSupportedYet`, or `AttributeError` for a function or class); nothing is passed over.
**Deviates** means: works, and is different on purpose.
"""


def surface() -> dict[str, list[str]]:
    """Return the methods and attributes of AsyncSSH's classes."""
    text = SURFACE.read_text().replace("\n    ", " ")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: methods.split() for name, _, methods in (line.partition(":") for line in lines)}


def page(ecosystem: Sequence[str], client: Sequence[str], server: Sequence[str]) -> str:
    """Return the page.

    Args:
        ecosystem: the public names of AsyncSSH.
        client: the names of its options of a client.
        server: those of a server.
    """
    options = [_options("client", Sides.CLIENT, client), _options("server", Sides.SERVER, server)]
    return "\n".join([_HEAD, _names(ecosystem), _methods(), *options, _own(ecosystem)])


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _code(names: Sequence[str]) -> str:
    return " ".join(f"`{name}`" for name in names)


def _names(ecosystem: Sequence[str]) -> str:
    works = [name for name in ecosystem if name in nacre.__all__]
    absent: dict[str, list[str]] = {}
    for name in ecosystem:
        if name not in nacre.__all__:
            absent.setdefault(nacre._ABSENT[name], []).append(name)
    plain = [name for name in works if name not in DEVIATIONS]
    rows = [_row("works", _code(plain), "")]
    rows += [_row("deviates", f"`{name}`", DEVIATIONS[name]) for name in works if name in DEVIATIONS]
    rows += [
        _row("refused", _code(names), f"there is no support for {what} yet") for what, names in absent.items()
    ]
    return "## Functions and classes\n\n" + _row("", "names", "") + _row("---", "---", "---") + "".join(rows)


def _methods() -> str:
    rows = []
    for class_name, methods in surface().items():
        if class_name not in nacre.__all__:
            continue
        kind = getattr(nacre, class_name)
        different = {name: DEVIATIONS.get(f"{class_name}.{name}") for name in methods}
        refused = [name for name in methods if _is_refused(getattr(kind, name, None)) and not different[name]]
        works = [name for name in methods if name not in refused and different[name] is None]
        rows.append(_row(f"`{class_name}`", "works", _code(works)))
        rows += [
            _row(f"`{class_name}`", "deviates", f"`{name}`: {text}")
            for name, text in different.items()
            if text
        ]
        if refused:
            rows.append(_row(f"`{class_name}`", "refused", _code(refused)))
    return "## Methods and attributes\n\n" + _row("class", "", "") + _row("---", "---", "---") + "".join(rows)


def _is_refused(method: Any) -> bool:
    return callable(method) and bool(_REFUSED.search((method.__doc__ or "").split("\n\n")[0]))


def _options(side: str, sides: Sides, ecosystem: Sequence[str]) -> str:
    rows = []
    for name, option in sorted(table(sides).items()):
        text = DEVIATIONS.get(f"{side}:{name}", "")
        if name not in ecosystem:
            rows.append(_row(f"`{name}`", "nacre's own", ""))
        elif not option.built:
            rows.append(_row(f"`{name}`", "refused", _honoured(option)))
        else:
            rows.append(_row(f"`{name}`", "deviates" if text else "works", text))
    return f"## Options of a {side}\n\n" + _row("option", "", "") + _row("---", "---", "---") + "".join(rows)


def _honoured(option: Option) -> str:
    values = dict.fromkeys(repr(value) for value in (option.default, *option.honoured))
    taken = ", ".join(f"`{value}`" for value in values)
    return f"but for {taken}" + (f"; {option.hint}" if option.hint else "")


def _own(ecosystem: Sequence[str]) -> str:
    names: Mapping[str, None] = dict.fromkeys(name for name in nacre.__all__ if name not in ecosystem)
    return f"## nacre's own\n\n{_code(sorted(names))} and the modules [`nacre.blocking`](blocking.md) and [`nacre.agent`](agent.md).\n"
