"""Agreement on algorithms (RFC 4253 section 7.1).

Owns: our KEXINIT, the choice from both, and whether the peer's guess was right. Must not know:
what an algorithm does.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from typing import Final

from nacre.crypto.registry import Family, Status, lookup, names
from nacre.errors import KeyExchangeFailed
from nacre.keys import default_host_key_algorithms, signature_algorithms
from nacre.protocol import limits
from nacre.protocol.settings import Negotiated, Role, Settings
from nacre.wire.kex import KexInit

#: Bytes of the cookie of a KEXINIT.
_COOKIE: Final = 16
#: RFC 8308 section 2.1: "I take EXT_INFO".
EXT_INFO: Final = {Role.CLIENT: "ext-info-c", Role.SERVER: "ext-info-s"}
#: OpenSSH PROTOCOL 1.9: "I keep to strict key exchange". In the first KEXINIT only.
STRICT: Final = {
    Role.CLIENT: "kex-strict-c-v00@openssh.com",
    Role.SERVER: "kex-strict-s-v00@openssh.com",
}
#: RFC 4462 section 5: there is no host key; with a key exchange of GSS-API alone.
NULL_HOST_KEY: Final = "null"
_GSS: Final = "gss-"


def is_gss(kex: str) -> bool:
    """Return whether a key exchange method is one that GSS-API authenticates (RFC 4462 section 2)."""
    return kex.startswith(_GSS)


def our_kexinit(role: Role, settings: Settings, cookie: bytes, *, first: bool) -> KexInit:
    """Make our KEXINIT.

    Args:
        role: ours.
        settings: what to offer.
        cookie: 16 random bytes.
        first: whether this is the first of the connection, which alone bears the markers.
    """
    return _kexinit(cookie, *_lists(role, settings, first))


#: The lists of a KEXINIT that differ: key exchange, host keys, ciphers, MACs, compression.
_Lists = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]


def _lists(role: Role, settings: Settings, first: bool, gss: bool = True) -> _Lists:
    kex = settings.kex_algorithms
    host_keys = offered_host_key_algorithms(role, settings)
    if settings.gss is not None:
        if not gss:
            kex = tuple(name for name in kex if not is_gss(name)) or kex
        # OpenSSH's place for it: the last of a client's, and a server's where it has no key.
        if any(map(is_gss, kex)) and (role is Role.CLIENT or not host_keys):
            host_keys = (*host_keys, NULL_HOST_KEY)
    if first:
        kex = (*kex, EXT_INFO[role], STRICT[role])
    return kex, host_keys, settings.ciphers, settings.macs, settings.compressions


def _kexinit(
    cookie: bytes,
    kex: tuple[str, ...],
    host_keys: tuple[str, ...],
    ciphers: tuple[str, ...],
    macs: tuple[str, ...],
    compressions: tuple[str, ...],
) -> KexInit:
    return KexInit(
        cookie=cookie,
        kex_algorithms=kex,
        server_host_key_algorithms=host_keys,
        encryption_client_to_server=ciphers,
        encryption_server_to_client=ciphers,
        mac_client_to_server=macs,
        mac_server_to_client=macs,
        compression_client_to_server=compressions,
        compression_server_to_client=compressions,
        languages_client_to_server=(),
        languages_server_to_client=(),
        first_kex_packet_follows=False,
        reserved=0,
    )


def offer(role: Role, settings: Settings, *, first: bool, gss: bool = True) -> tuple[KexInit, bytes]:
    """Return our KEXINIT with a cookie of zeros, and how it is encoded behind the cookie.

    Both are made once for many connections, which differ in their cookies alone.

    Args:
        role: ours.
        settings: what to offer.
        first: as for `our_kexinit`.
        gss: whether methods of GSS-API are among it, if there are others.
    """
    return _offer(_lists(role, settings, first, gss))


@functools.lru_cache(limits.KEXINIT_REMEMBERED)
def _offer(lists: _Lists) -> tuple[KexInit, bytes]:
    made = _kexinit(bytes(_COOKIE), *lists)
    return made, made.encode()[1 + _COOKIE :]


def read_kexinit(payload: bytes) -> KexInit:
    """Return the peer's KEXINIT with a cookie of zeros; peers of one kind send the same one again and again.

    Raises:
        WireError: it is not encoded as it should be.
    """
    if len(payload) > limits.KEXINIT_REMEMBERED_LENGTH:
        return KexInit.decode(payload)
    return _read(payload[1 + _COOKIE :]) if len(payload) > _COOKIE else KexInit.decode(payload)


@functools.lru_cache(limits.KEXINIT_REMEMBERED)
def _read(rest: bytes) -> KexInit:
    return KexInit.decode(bytes((KexInit.number, *bytes(_COOKIE))) + rest)


def offered_host_key_algorithms(role: Role, settings: Settings) -> tuple[str, ...]:
    """The host key algorithms of our KEXINIT: on a server, those that its keys can serve."""
    allowed = settings.host_key_algorithms
    if role is Role.CLIENT:
        return allowed or default_host_key_algorithms()
    have = dict.fromkeys(name for key in settings.host_keys for name in key.host_key_algorithms)
    return tuple(name for name in have if not allowed or name in allowed)


def negotiate(role: Role, ours: KexInit, theirs: KexInit, *, strict: bool) -> Negotiated:
    """Choose each algorithm: the client's first that the server has too.

    Raises:
        KeyExchangeFailed: there is none for one of them; the message has both lists, and the option
            that would connect.
    """
    client, server = (ours, theirs) if role is Role.CLIENT else (theirs, ours)
    cipher_up = _choose(
        Family.CIPHER, client.encryption_client_to_server, server.encryption_client_to_server, role
    )
    cipher_down = _choose(
        Family.CIPHER, client.encryption_server_to_client, server.encryption_server_to_client, role
    )
    kex = _choose(Family.KEX, client.kex_algorithms, server.kex_algorithms, role)
    return Negotiated(
        kex=kex,
        host_key=_choose_host_key(
            client.server_host_key_algorithms,
            server.server_host_key_algorithms,
            role,
            null=is_gss(kex),
        ),
        cipher_client_to_server=cipher_up,
        cipher_server_to_client=cipher_down,
        mac_client_to_server=_choose_mac(
            cipher_up, client.mac_client_to_server, server.mac_client_to_server, role
        ),
        mac_server_to_client=_choose_mac(
            cipher_down, client.mac_server_to_client, server.mac_server_to_client, role
        ),
        compression_client_to_server=_choose(
            Family.COMPRESSION,
            client.compression_client_to_server,
            server.compression_client_to_server,
            role,
        ),
        compression_server_to_client=_choose(
            Family.COMPRESSION,
            client.compression_server_to_client,
            server.compression_server_to_client,
            role,
        ),
        strict=strict,
    )


@functools.lru_cache(limits.KEXINIT_REMEMBERED)
def _agree(role: Role, ours: bytes, theirs: bytes, strict: bool) -> Negotiated:
    return negotiate(role, _read(ours), _read(theirs), strict=strict)


def agree(
    role: Role, ours: KexInit, theirs: KexInit, sent: tuple[bytes, bytes], *, strict: bool
) -> Negotiated:
    """Do as `negotiate` does, once for two KEXINITs that differ from others in their cookies alone.

    Args:
        role: ours.
        ours: our KEXINIT.
        theirs: the peer's.
        sent: both as they were sent, ours first.
        strict: as for `negotiate`.
    """
    if max(map(len, sent)) <= limits.KEXINIT_REMEMBERED_LENGTH:
        return _agree(role, sent[0][1 + _COOKIE :], sent[1][1 + _COOKIE :], strict)
    return negotiate(role, ours, theirs, strict=strict)


def guess_is_wrong(ours: KexInit, theirs: KexInit) -> bool:
    """Whether the packet that follows the peer's KEXINIT must be ignored (RFC 4253 section 7.1).

    The guess is right only if both sides' first key exchange method and first host key algorithm
    are the same.
    """
    return theirs.first_kex_packet_follows and preferred(ours) != preferred(theirs)


def preferred(kexinit: KexInit) -> tuple[str, str]:
    """Return the first key exchange method and the first host key algorithm; "" where there is none."""
    return (*kexinit.kex_algorithms[:1], "")[0], (*kexinit.server_host_key_algorithms[:1], "")[0]


def _choose(family: Family, client: Sequence[str], server: Sequence[str], role: Role) -> str:
    for name in client:
        if name in server and name not in _MARKERS:
            return sys.intern(name)  # one object for all connections
    ours, theirs = (client, server) if role is Role.CLIENT else (server, client)
    raise _nothing_in_common(family.value, ours, theirs, _advice(family, theirs))


def _choose_host_key(client: Sequence[str], server: Sequence[str], role: Role, *, null: bool) -> str:
    for name in client:
        # RFC 4462 section 5: "it MUST NOT be used with key exchange methods that" need a host key.
        if name in server and (null or name != NULL_HOST_KEY):
            return sys.intern(name)
    if null and role is Role.SERVER and tuple(server) == (NULL_HOST_KEY,):
        return NULL_HOST_KEY  # AsyncSSH's client does without a key, and does not say so
    what = "host key algorithm"
    if role is Role.SERVER:
        hint = "A key in server_host_keys for one that the client offers would connect."
        raise _nothing_in_common(what, server, client, hint)
    if tuple(server) == (NULL_HOST_KEY,):  # it has a key exchange of GSS-API in place of a key
        raise _nothing_in_common(what, [name for name in client if name != NULL_HOST_KEY], server, _KERBEROS)
    known = [name for name in signature_algorithms() if name in server]
    hint = _would_connect("server_host_key_algs", f"+{known[0]}", "") if known else _NONE_KNOWN
    raise _nothing_in_common(what, client, server, hint)


def _choose_mac(cipher: str, client: Sequence[str], server: Sequence[str], role: Role) -> str:
    """A cipher that authenticates by itself takes no MAC, whatever the lists say."""
    if lookup(Family.CIPHER, cipher).authenticates:
        return ""
    return _choose(Family.MAC, client, server, role)


def _nothing_in_common(what: str, ours: Sequence[str], theirs: Sequence[str], hint: str) -> KeyExchangeFailed:
    return KeyExchangeFailed(
        f"no {what} in common: we offer {_listed(ours)}; the peer offers {_listed(theirs)}", hint=hint
    )


def _advice(family: Family, theirs: Sequence[str]) -> str:
    """Return the option that would connect, with what it costs."""
    for name in names(family):  # best first
        if name in theirs:
            found = lookup(family, name)
            # What is legacy is named by itself: no sign reaches it.
            sign = "" if found.status is Status.LEGACY else "+"
            return _would_connect(_OPTIONS[family], sign + name, found.risk)
    return _NONE_KNOWN


def _would_connect(option: str, spec: str, risk: str) -> str:
    cost = f", at a risk: {risk}" if risk else ""
    return f'The option {option}="{spec}" would connect{cost}.'


def _listed(found: Sequence[str]) -> str:
    """Names for an error message, without markers and bounded."""
    shown = [name for name in found if name not in _MARKERS]
    return ", ".join(shown[:20]) + (", …" if len(shown) > 20 else "") if shown else "nothing"


_OPTIONS: Final = {
    Family.KEX: "kex_algs",
    Family.CIPHER: "encryption_algs",
    Family.MAC: "mac_algs",
    Family.COMPRESSION: "compression_algs",
}
_KERBEROS: Final = (
    "The server shows no key: gss_kex=True would connect, with a ticket and a method of GSS-API that it has "
    "(gss_kex_algs)."
)
_NONE_KNOWN: Final = "nacre has none of what the peer offers."
_MARKERS: Final = frozenset((*EXT_INFO.values(), *STRICT.values()))
