"""What `nacre keygen` does with certificates: -s makes them, -L shows them, as ssh-keygen does.

Owns: the options -h, -n, -O, -V and -z, and the words. Must not know: how a certificate is made; the library does.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nacre.cli.output import say

if TYPE_CHECKING:
    from nacre import SSHCertificate, SSHKey

__all__ = ["kind_of", "options_of", "serial_of", "show", "sign", "validity"]

_FOREVER: Final = (1 << 64) - 1
_PERMISSIONS: Final = {
    "agent-forwarding": "permit_agent_forwarding",
    "port-forwarding": "permit_port_forwarding",
    "pty": "permit_pty",
    "user-rc": "permit_user_rc",
    "x11-forwarding": "permit_x11_forwarding",
}
_VALUES: Final = {"force-command": "force_command", "source-address": "source_address"}
_FLAGS: Final = {"no-touch-required": ("touch_required", False), "verify-required": ("verify_required", True)}


def kind_of(algorithm: str) -> str:
    """Return what ssh-keygen calls a type of key, such as "ED25519" or "ECDSA-SK"."""
    inner = algorithm.removeprefix("sk-").removeprefix("ssh-").partition("@")[0].split("-")[0].upper()
    return f"{inner}-SK" if algorithm.startswith("sk-") else inner


def options_of(words: Iterable[str]) -> dict[str, Any]:
    """Return what -O says of a user's certificate, by the names of `generate_user_certificate`.

    Raises:
        ValueError: it is none of ssh-keygen's options, or none that is made.
    """
    found: dict[str, Any] = {}
    for word in words:
        name, sign, value = word.partition("=")
        name = name.lower()
        if name == "clear" and not sign:
            found.update(dict.fromkeys(_PERMISSIONS.values(), False))
        elif name in _VALUES and value:
            found[_VALUES[name]] = value
        elif name in _FLAGS and not sign:
            keyword, wanted = _FLAGS[name]
            found[keyword] = wanted
        elif name.removeprefix("no-") in _PERMISSIONS and name.startswith("no-") and not sign:
            found[_PERMISSIONS[name.removeprefix("no-")]] = False
        elif name.removeprefix("permit-") in _PERMISSIONS and name.startswith("permit-") and not sign:
            found[_PERMISSIONS[name.removeprefix("permit-")]] = True
        else:
            both = ", ".join(f"no-{name}, permit-{name}" for name in _PERMISSIONS)
            raise ValueError(
                f"-O {word} is not known for certificates; there are clear, force-command=…, "
                f"source-address=…, {', '.join(_FLAGS)}, {both}"
            )
    return found


def validity(text: str | None) -> tuple[int | str, int | str]:
    """Return when a certificate begins and stops to be valid, as -V says: "[from:]to"; None: for ever."""
    if text is None:
        return 0, _FOREVER
    after, sign, before = text.rpartition(":")
    # As ssh-keygen: clocks differ by some seconds.
    start: int | str = (0 if after.lower() == "always" else after) if sign else "-1m"
    return start, _FOREVER if before.lower() == "forever" else before


def serial_of(text: str | None) -> tuple[int, int]:
    """Return the first serial number, and by how much it grows, as -z says: "7", or "+7"."""
    if text is None:
        return 0, 0
    digits = text.removeprefix("+")
    if not (digits.isascii() and digits.isdecimal()):
        raise ValueError(f"-z {text} is no number")
    return int(digits), int(text.startswith("+"))


def sign(options: argparse.Namespace, nacre: Any, authority: SSHKey) -> int:
    """Certify the public keys in files, each into the file of its name and -cert.pub."""
    if options.identity is None or options.namespace is None or not options.files:
        raise ValueError(
            "-s takes from -I what the certificate is called in logs, from -n whom it is for (without "
            "names it is for nobody), and the public keys, such as id_ed25519.pub"
        )
    if options.for_host and options.asked:
        raise ValueError("-O is for certificates of users: those of hosts have no options")
    serial, step = serial_of(options.version)
    after, before = validity(options.validity)
    make = authority.generate_host_certificate if options.for_host else authority.generate_user_certificate
    for number, name in enumerate(options.files):
        certificate = make(
            nacre.read_public_key(name),
            options.identity,
            serial=serial + number * step,
            principals=options.namespace,
            valid_after=after,
            valid_before=before,
            **options_of(options.asked),
        )
        path = Path(f"{name.removesuffix('.pub')}-cert.pub").expanduser()
        certificate.write_certificate(path)
        if not options.quiet:
            say(
                f"{path}: {'host' if options.for_host else 'user'} certificate {options.identity!r}, serial "
                f"{certificate.serial}, for {','.join(certificate.principals)}, valid {_valid(certificate)}"
            )
    return 0


def show(nacre: Any, path: Path) -> int:
    """Print what the certificates of a file say, as ssh-keygen -L does."""
    found = nacre.read_certificate_list(path)
    if not found:
        raise ValueError(f"{path}: there is no certificate in it")
    say(f"{path}:")
    for certificate in found:
        if certificate.is_x509:
            raise ValueError(f"{path}: -L shows certificates of OpenSSH, not of X.509")
        for line in _lines(certificate):
            say(f"        {line}")
    return 0


def _lines(certificate: SSHCertificate) -> Iterator[str]:
    key, authority = certificate.key, certificate.signing_key
    yield f"Type: {certificate.algorithm} {certificate.cert_type.name.lower()} certificate"
    yield f"Public key: {kind_of(key.algorithm)}-CERT {key.get_fingerprint()}"
    yield (
        f"Signing CA: {kind_of(authority.algorithm)} {authority.get_fingerprint()} "
        f"(using {certificate.signature_algorithm})"
    )
    yield f'Key ID: "{certificate.key_id}"'
    yield f"Serial: {certificate.serial}"
    yield f"Valid: {_valid(certificate)}"
    said = certificate.restrictions
    critical = [f"force-command {said.force_command}"] if said.force_command is not None else []
    if said.source_address is not None:
        critical.append(f"source-address {','.join(map(str, said.source_address))}")
    if said.verify_required:
        critical.append("verify-required")
    critical += [f"{name} (not known)" for name in said.unknown]
    yield from _listed("Principals", certificate.principals)
    yield from _listed("Critical Options", critical)
    yield from _listed("Extensions", said.extensions)


def _listed(heading: str, entries: Iterable[str]) -> Iterator[str]:
    listed = list(entries)
    yield f"{heading}: " if listed else f"{heading}: (none)"
    for entry in listed:
        yield f"        {entry}"


def _valid(certificate: SSHCertificate) -> str:
    start = _when(certificate.valid_after) if certificate.valid_after else ""
    end = _when(certificate.valid_before) if certificate.valid_before != _FOREVER else ""
    if start and end:
        return f"from {start} to {end}"
    return f"after {start}" if start else f"before {end}" if end else "forever"


def _when(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds).isoformat(timespec="seconds")  # noqa: DTZ006 - as ssh-keygen -L
    except (OverflowError, ValueError, OSError):
        return str(seconds)
