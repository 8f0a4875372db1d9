"""What `nacre keygen -Y` does: sign files, check signatures, find who may have signed.

Owns: the words, which are ssh-keygen's, since git and others read them. Must not know: the format of signatures; the
library does.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from nacre.keygen import SSHSignature

__all__ = ["ACTIONS", "NAMES"]


def _wishes(options: argparse.Namespace, *known: str) -> dict[str, str]:
    """Return what the -O options say. ValueError: one is not known."""
    found: dict[str, str] = {}
    for text in options.asked:
        name, _, value = text.partition("=")
        if name.lower() not in known:
            raise ValueError(
                f"-O {text} is not for -Y {options.action}; it takes {', '.join(known) or 'none'}"
            )
        found[name.lower()] = value
    return found


def _needed(options: argparse.Namespace, example: str, *names: str) -> None:
    if any(getattr(options, name) is None for name in names):
        raise ValueError(f"-Y {options.action} takes {example}")


def _time_of(wishes: dict[str, str]) -> datetime | None:
    from nacre.keygen import parse_timestamp

    return parse_timestamp(wishes["verify-time"]) if "verify-time" in wishes else None


def _key(options: argparse.Namespace, nacre: Any) -> Any:
    """Return the key to sign with: -f names its file, its public one, or its certificate."""

    def passphrase(name: str) -> str:
        return getpass.getpass(f"Passphrase of {name}: ") if options.old is None else str(options.old)

    name = str(Path(options.file).expanduser())
    certificate = name if name.endswith("-cert.pub") else None
    private = name.removesuffix(".pub").removesuffix("-cert" if certificate else "")
    key = nacre.read_private_key(private, passphrase)
    return key if certificate is None else [(key, certificate)]


def _sign(options: argparse.Namespace, nacre: Any) -> int:
    _needed(options, "the key from -f and the namespace from -n, such as -n file", "file", "namespace")
    hash_name = _wishes(options, "hashalg").get("hashalg", "sha512")
    key = _key(options, nacre)
    for name in options.files or ["-"]:
        data = sys.stdin.buffer.read() if name == "-" else name
        signature = nacre.create_sshsig(key, data, namespace=options.namespace, hash_name=hash_name)
        if name == "-":
            sys.stdout.write(signature.decode("ascii"))
        else:
            Path(f"{name}.sig").write_bytes(signature)
    return 0


def _signature(options: argparse.Namespace) -> tuple[bytes, SSHSignature]:
    from nacre.keygen import MAX_SSHSIG, SSHSignature

    with Path(options.signature).expanduser().open("rb") as file:
        data = file.read(MAX_SSHSIG + 1)
    return data, SSHSignature.decode(data)


def _say_good(signature: SSHSignature, whose: str = "") -> None:
    from nacre.cli.certificates import kind_of
    from nacre.cli.output import say

    kind = kind_of(signature.key.algorithm) + ("-CERT" if signature.certificate is not None else "")
    say(f'Good "{signature.namespace}" signature{whose} with {kind} key {signature.key.get_fingerprint()}')


def _verify(options: argparse.Namespace, nacre: Any) -> int:
    needed = "-f allowed_signers, -I who, -n namespace and -s signature"
    _needed(options, needed, "file", "namespace", "identity", "signature")
    moment = _time_of(_wishes(options, "verify-time"))
    raw, signature = _signature(options)
    shown = signature.certificate or signature.key
    if options.records is not None and nacre.read_krl(Path(options.records)).revokes(shown):
        raise ValueError(f"the key of the signature is revoked by {options.records}")
    good = nacre.validate_sshsig(
        sys.stdin.buffer.read(),
        raw,
        options.identity,
        Path(options.file),
        namespace=options.namespace,
        verify_time=moment,
    )
    if not good:
        raise ValueError(f"this is no good signature of {options.identity!r} for {options.namespace!r}")
    _say_good(signature, f" for {options.identity}")
    return 0


def _check(options: argparse.Namespace, nacre: Any) -> int:
    from nacre.keygen import hash_data

    _needed(options, "-n namespace and -s signature", "namespace", "signature")
    _wishes(options, "verify-time")
    _, signature = _signature(options)
    digest = hash_data(sys.stdin.buffer.read(), signature.hash_name, is_hashed=False)
    if signature.namespace != options.namespace or not signature.verify(digest):
        raise ValueError(f"this is no good signature for {options.namespace!r}")
    _say_good(signature)
    return 0


def _find(options: argparse.Namespace, nacre: Any) -> int:
    from nacre.cli.output import say

    _needed(options, "-s signature and -f allowed_signers", "file", "signature")
    moment = _time_of(_wishes(options, "verify-time")) or datetime.now(UTC)
    _, signature = _signature(options)
    found = nacre.read_allowed_signers(Path(options.file)).find_principals(signature, moment)
    if not found:
        raise ValueError("no line of allowed_signers has the key of this signature")
    for name in found:
        say(name)
    return 0


def _match(options: argparse.Namespace, nacre: Any) -> int:
    from nacre.cli.output import say

    _needed(options, "-I who and -f allowed_signers", "file", "identity")
    _wishes(options)
    found = nacre.read_allowed_signers(Path(options.file)).match_principals(options.identity)
    if not found:
        raise ValueError(f"no line of allowed_signers is about {options.identity!r}")
    for name in found:
        say(name)
    return 0


ACTIONS: Final[dict[str | None, Callable[[argparse.Namespace, Any], int]]] = {
    "sign": _sign,
    "verify": _verify,
    "check-novalidate": _check,
    "find-principals": _find,
    "match-principals": _match,
}
NAMES: Final = tuple(str(name) for name in ACTIONS)
