"""Why a login came to nothing: what to say of each method that the server would have taken.

Owns: the words. Must not know: the connection; who tries the methods counts what was tried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from nacre.aio.log import plain
from nacre.errors import KeyEncryptionError, KeyImportError

if TYPE_CHECKING:
    from nacre.options import SSHClientConnectionOptions

#: The option that switches a method off, by method.
_SWITCHES: Final = {
    "gssapi-keyex": "gss_auth",
    "gssapi-with-mic": "gss_auth",
    "hostbased": "host_based_auth",
    "publickey": "public_key_auth",
    "keyboard-interactive": "kbdint_auth",
    "password": "password_auth",
}
#: What was not there to be tried, by method.
_MISSING: Final = {
    "gssapi-keyex": "it follows upon a key exchange of GSS-API",
    "gssapi-with-mic": "no GSS-API",
    "hostbased": "no key of this host",
    "publickey": "no key to try",
    "keyboard-interactive": "nobody to answer",
    "password": "no password given",
}


def why_nothing_is_left(
    methods: Iterable[str],
    options: SSHClientConnectionOptions,
    tried: Counter[str],
    failed: Mapping[str, BaseException | str],
) -> str:
    """Return one line about the methods that a server takes.

    Args:
        methods: what the server takes.
        options: those of the client.
        tried: how often each method was tried since the last factor.
        failed: what callbacks raised, or what else went wrong, by method.
    """
    return "; ".join(f"{method}: {_why(method, options, tried, failed)}" for method in methods)


def _why(method: str, options: Any, tried: Counter[str], failed: Mapping[str, BaseException | str]) -> str:
    switch = _SWITCHES.get(method)
    if switch is None:
        return "nacre does not have it"
    if method not in options.preferred_auth:
        return "not in preferred_auth"
    if not getattr(options, switch):
        return f"{switch} is off"
    found = []
    if method in failed:
        found.append(_failure(failed[method]))
    if tried[method]:
        found.append("refused" if tried[method] == 1 else f"refused {tried[method]} times")
    if found:
        return ", ".join(reversed(found))
    if method == "publickey" and options.client_keys is None:
        return "client_keys is None"
    if method == "password" and options.password is not None and tried["keyboard-interactive"]:
        return "refused"  # as the answer of a dialogue
    return _MISSING[method]


def _failure(error: BaseException | str) -> str:
    """Return what was raised: its text where it is about a key, else its kind alone, as a text may tell secrets."""
    if isinstance(error, str):
        return error
    if isinstance(error, (KeyImportError, KeyEncryptionError)):
        return plain(error)
    return f"its callback raised {type(error).__name__}"
