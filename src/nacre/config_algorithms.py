"""Lists of algorithms in OpenSSH's configuration files, which name what nacre has not.

Owns: which names OpenSSH has, and what is left of a list here. Must not know: how a list is chosen from
(`nacre.crypto.registry.choose`), or what is offered by default.

To leave a name out of a list is to offer less, and to take away what is not there is done already: both are safe, and
logged. A name that OpenSSH does not have either is an error, also after `-`: a slip there would leave on what was to go.
"""

from __future__ import annotations

from typing import Final

from nacre.aio.log import logger
from nacre.crypto.kex.gss import GSS_METHODS
from nacre.crypto.registry import Family, default_names, names
from nacre.keys import (
    certificate_algorithms,
    default_host_key_algorithms,
    signature_algorithms,
)
from nacre.keys.algorithms import CERTIFICATE_SUFFIX
from nacre.signature_lists import (
    AUTHORITIES,
    HOSTS,
    USERS,
    default_accepted_algorithms,
    default_authority_algorithms,
)
from nacre.trust.config_lines import Setting
from nacre.trust.pattern import Glob

__all__ = ["gss_known_here", "known_here"]

_SIGNATURES: Final = """ssh-ed25519 sk-ssh-ed25519@openssh.com ecdsa-sha2-nistp256 ecdsa-sha2-nistp384
    ecdsa-sha2-nistp521 sk-ecdsa-sha2-nistp256@openssh.com webauthn-sk-ecdsa-sha2-nistp256@openssh.com ssh-dss ssh-rsa
    rsa-sha2-256 rsa-sha2-512 ssh-mldsa44-ed25519@openssh.com ssh-ed25519-cert-v01@openssh.com
    sk-ssh-ed25519-cert-v01@openssh.com ecdsa-sha2-nistp256-cert-v01@openssh.com
    ecdsa-sha2-nistp384-cert-v01@openssh.com ecdsa-sha2-nistp521-cert-v01@openssh.com
    sk-ecdsa-sha2-nistp256-cert-v01@openssh.com webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com
    ssh-dss-cert-v01@openssh.com ssh-rsa-cert-v01@openssh.com rsa-sha2-256-cert-v01@openssh.com
    rsa-sha2-512-cert-v01@openssh.com ssh-mldsa44-ed25519-cert-v01@openssh.com""".split()

#: What OpenSSH has of each kind, default or not.
_OPENSSH: Final = {
    Family.KEX: """diffie-hellman-group1-sha1 diffie-hellman-group14-sha1 diffie-hellman-group14-sha256
        diffie-hellman-group16-sha512 diffie-hellman-group18-sha512 diffie-hellman-group-exchange-sha1
        diffie-hellman-group-exchange-sha256 ecdh-sha2-nistp256 ecdh-sha2-nistp384 ecdh-sha2-nistp521
        curve25519-sha256 curve25519-sha256@libssh.org sntrup761x25519-sha512
        sntrup761x25519-sha512@openssh.com mlkem768x25519-sha256 mlkem768nistp256-sha256""".split(),
    Family.CIPHER: """3des-cbc aes128-cbc aes192-cbc aes256-cbc rijndael-cbc@lysator.liu.se aes128-ctr aes192-ctr
        aes256-ctr aes128-gcm@openssh.com aes256-gcm@openssh.com chacha20-poly1305@openssh.com""".split(),
    Family.MAC: [
        f"{name}{suffix}"
        for name in "hmac-sha1 hmac-sha1-96 hmac-sha2-256 hmac-sha2-512 hmac-md5 hmac-md5-96".split()
        for suffix in ("", "-etm@openssh.com")
    ]
    + [f"umac-{size}{suffix}@openssh.com" for size in (64, 128) for suffix in ("", "-etm")],
    "host key": _SIGNATURES,
    HOSTS: _SIGNATURES,
    USERS: _SIGNATURES,
    AUTHORITIES: [name for name in _SIGNATURES if not name.endswith(CERTIFICATE_SUFFIX)],
}

#: What OpenSSH has of GSS-API and nacre has not: SHA-1.
_GSS_OF_OPENSSH: Final = ("gss-gex-sha1-", "gss-group1-sha1-", "gss-group14-sha1-")


def _here(kind: Family | str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what nacre offers of a kind by default, and every name that it has."""
    if isinstance(kind, Family):
        return default_names(kind), names(kind)
    if kind == "host key":
        return default_host_key_algorithms(), (*certificate_algorithms(), *signature_algorithms())
    if kind == AUTHORITIES:
        return default_authority_algorithms(), signature_algorithms()
    return default_accepted_algorithms(), (*certificate_algorithms(), *signature_algorithms())


def known_here(setting: Setting, kind: Family | str) -> str | tuple[()]:
    """Return a list without the names and patterns that only OpenSSH has something for.

    Args:
        setting: the line.
        kind: a family of the transport, "host key", or one of `nacre.signature_lists`.

    Returns:
        The option as a program would write it; `()`: the default, since nothing is left of what changes it.

    Raises:
        ConfigParseError: nothing is left of a list that stands by itself.
    """
    text = setting.arguments[0]
    sign = text[0] if text[0] in "+-^" else ""
    default, known = _here(kind)
    kept, passed = [], []
    for entry in text.removeprefix(sign).split(","):
        only_there = entry not in known and any(_fits(setting, entry, name) for name in _OPENSSH[kind])
        if only_there and not any(_fits(setting, entry, name) for name in default):
            passed.append(entry)
        else:
            kept.append(entry)
    if passed:
        logger.info("%s: %s: nacre has nothing of %s", setting.where, setting.keyword, ",".join(passed))
    if kept:
        return sign + ",".join(kept)
    if sign:
        return ()
    raise setting.error(f"nacre has none of {text}; it has {', '.join(known)}")


def gss_known_here(setting: Setting) -> tuple[str, ...]:
    """Return a list of key exchanges of GSS-API, which has neither sign nor pattern, as the option has them.

    Args:
        setting: the line; each name ends with the hyphen before the mechanism.

    Raises:
        ConfigParseError: OpenSSH has no such method either, or nothing is left of the list.
    """
    entries = setting.arguments[0].split(",")
    known = [f"{name}-" for name in GSS_METHODS]
    for entry in entries:
        if entry not in known and entry not in _GSS_OF_OPENSSH:
            raise setting.error(f"{entry!r} is no key exchange of GSS-API; nacre has {', '.join(known)}")
    kept = tuple(entry.removesuffix("-") for entry in dict.fromkeys(entries) if entry in known)
    passed = [entry for entry in entries if entry not in known]
    if not kept:
        raise setting.error(f"nacre has none of {setting.arguments[0]}; it has {', '.join(known)}")
    if passed:
        logger.info("%s: %s: nacre has nothing of %s", setting.where, setting.keyword, ",".join(passed))
    return kept


def _fits(setting: Setting, pattern: str, name: str) -> bool:
    try:
        return Glob(pattern).matches(name)
    except ValueError as error:
        raise setting.error(str(error)) from None
