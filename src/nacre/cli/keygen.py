"""`nacre keygen`: make, show and change keys and certificates, and sign files, with ssh-keygen's options.

Owns: the options, the questions and the words. Must not know: formats of keys; the library does.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nacre.cli import certificates, fingerprints, known_hosts, revocation, security_key, signatures
from nacre.cli.parser import Commands, Parser

if TYPE_CHECKING:
    from nacre import SSHKey

__all__ = ["add"]

#: The names of ssh-keygen for types of keys, with the bits that each may have; the first is the default.
_ALGORITHMS: Final = {
    "ed25519": {256: "ssh-ed25519"},
    "ecdsa": {256: "ecdsa-sha2-nistp256", 384: "ecdsa-sha2-nistp384", 521: "ecdsa-sha2-nistp521"},
    "rsa": {},
    **security_key.ALGORITHMS,
}
_FORMATS: Final = {"RFC4716": "rfc4716", "PKCS8": "pkcs8-pem", "PEM": "pkcs1-pem"}
_PRIVATE_FORMATS: Final = {"OPENSSH": "openssh", "PKCS8": "pkcs8-pem", "PEM": "pkcs1-pem", "PPK": "ppk"}


def add(commands: Commands) -> None:
    """Add the command."""
    parser: Parser = commands.add_parser(
        "keygen",
        help="make, show and change keys and certificates, and sign files",
        description="Make a key; or do with one what an option says. The options are those of ssh-keygen(1).",
        add_help=False,  # -h is another option of ssh-keygen
    )
    parser.add_argument("--help", action="help", help="show this")
    parser.takes_dashes = frozenset(("-C", "-I", "-N", "-O", "-P", "-V", "-n"))
    parser.set_defaults(run=_run, parser=parser)
    does = parser.add_mutually_exclusive_group()
    for option, text in (
        ("-p", "change the passphrase of a private key"),
        ("-y", "print the public key of a private one"),
        ("-c", "change the comment of a private key and of its .pub file"),
        ("-e", "print the public key of a file in the format of -m"),
        ("-i", "print the public key of a file of another format in OpenSSH's"),
        ("-k", "write a revocation list of the keys and certificates in FILEs"),
        ("-K", "write the keys that lie in a FIDO security key into files here"),
        ("-L", "print what the certificates of a file say"),
        ("-Q", "tell which keys and certificates in FILEs a revocation list revokes; with -l print the list"),
    ):
        does.add_argument(option, dest="action", action="store_const", const=option[1], help=text)
    known_hosts.add_options(parser, does)
    does.add_argument(
        "-Y",
        dest="action",
        choices=signatures.NAMES,
        help="sign files, or check a signature, or find who may have signed",
    )
    parser.add_argument(
        "-l", dest="lists", action="store_true", help="print the fingerprints of the keys of a file"
    )
    parser.add_argument(
        "-t", dest="type", choices=tuple(_ALGORITHMS), default="ed25519", help="the type of key"
    )
    parser.add_argument(
        "-O",
        dest="asked",
        metavar="OPTION",
        action="append",
        default=[],
        help="of a key in a FIDO security key: application=…, user=…, resident, no-touch-required, verify-required; "
        "of a user's certificate: force-command=…, source-address=…, clear, no-pty, …; of -Y: hashalg=…, verify-time=…",
    )
    parser.add_argument("-b", dest="bits", type=int, help="bits of an RSA or ECDSA key")
    parser.add_argument("-C", dest="comment", help="the comment")
    parser.add_argument("-f", dest="file", help="the key's file; for -Y verify the allowed signers")
    parser.add_argument("-N", dest="new", metavar="PASSPHRASE", help="the new passphrase; '' for none")
    parser.add_argument("-P", dest="old", metavar="PASSPHRASE", help="the passphrase that the key has")
    parser.add_argument("-a", dest="rounds", type=int, default=None, help="rounds of the key derivation")
    parser.add_argument("-Z", dest="cipher", help="the cipher of the file")
    parser.add_argument(
        "-m",
        dest="format",
        type=str.upper,
        choices=("OPENSSH", "RFC4716", "PKCS8", "PEM", "PPK"),
        help="a file format",
    )
    parser.add_argument(
        "-E",
        dest="hash",
        default="sha256",
        choices=("sha256", "sha384", "sha512", "md5"),
        help="of a fingerprint",
    )
    parser.add_argument(
        "-n", dest="namespace", help="what a signature is for, such as file or git; whom a certificate is for"
    )
    parser.add_argument(
        "-I", dest="identity", help="who is said to have signed; what a certificate is called in logs"
    )
    parser.add_argument(
        "-s",
        dest="signature",
        metavar="FILE",
        help="the authority's key, to certify the public keys in FILEs; with -k the one whose certificates are meant, or "
        "none; with -Y the signature",
    )
    parser.add_argument("-h", dest="for_host", action="store_true", help="with -s: a certificate for a host")
    parser.add_argument("-V", dest="validity", help="with -s: [from:]to, such as +52w or 20260101:20270101")
    parser.add_argument("-q", dest="quiet", action="store_true", help="say nothing of a new key")
    parser.add_argument("-u", dest="update", action="store_true", help="-k adds to a list that is there")
    parser.add_argument(
        "-z", dest="version", help="the number of a revocation list or certificate; +7: the next has 8"
    )
    parser.add_argument(
        "files", nargs="*", metavar="FILE", help="what -Y sign signs (- is standard input), -s, -k, -Q"
    )


def _run(options: argparse.Namespace) -> int:
    import nacre
    from nacre.hub.problem import HubProblem, os_problem

    if options.lists and options.action != "Q":
        if options.action is not None:
            raise HubProblem(f"-l and -{options.action} do not go together", "give one of them")
        options.action = "l"
    if options.records is not None and options.action != "verify":
        if options.action is not None:
            raise HubProblem(f"-r and -{options.action} do not go together", "give one of them")
        options.action = "r"
    if options.action is None and options.signature is not None and options.find is None:
        options.action = "s"
    if options.for_host and options.action != "s":
        options.parser.print_help()
        return 0
    if options.files and options.action not in ("sign", "s", "k", "Q"):
        raise HubProblem(f"{options.files[0]!r} is too much", "name the key's file with -f")
    if options.find is not None and options.action not in (None, "l"):
        raise HubProblem(f"-F and -{options.action} do not go together", "give one of them")
    makes_key = options.action is None and options.find is None
    if options.asked and not (
        options.action in ("K", "s", *signatures.NAMES)
        or (makes_key and options.type in security_key.ALGORITHMS)
    ):
        raise HubProblem(
            "-O is for keys in a FIDO security key and for certificates",
            "give it with -t ed25519-sk, -K, -s or -Y",
        )
    action: Callable[[argparse.Namespace, Any], int] = _ACTIONS[
        options.action if options.find is None else "F"
    ]
    try:
        return action(options, nacre)
    except EOFError:
        raise HubProblem(
            "nobody is there to be asked for a passphrase", "give it with -P, a new one with -N"
        ) from None
    except OSError as error:
        raise HubProblem(f"{error.filename or options.file}: {os_problem(error)}") from None
    except (nacre.Error, ValueError) as error:
        raise HubProblem(str(error)) from None


# ---------------------------------------------------------------- questions


def _ask_passphrase(question: str, given: str | None) -> str:
    return getpass.getpass(f"{question}: ") if given is None else given


def _new_passphrase(options: argparse.Namespace) -> str:
    if options.new is not None:
        return str(options.new)
    while True:
        first = getpass.getpass("Passphrase for the key (empty for none): ")
        if getpass.getpass("The same again: ") == first:
            return first
        sys.stderr.write("They differ; try again.\n")


def _file(options: argparse.Namespace, default: str = "~/.ssh/id_ed25519") -> Path:
    if options.file is None:
        answer = input(f"The key's file ({default}): ") if sys.stdin.isatty() else ""
        return Path(answer or default).expanduser()
    return Path(options.file).expanduser()


def _private_key(options: argparse.Namespace, nacre: Any, path: Path) -> SSHKey:
    def passphrase(name: str) -> str:
        return _ask_passphrase(f"Passphrase of {name}", options.old)

    key: SSHKey = nacre.read_private_key(path, passphrase)
    return key


def _write(options: argparse.Namespace, key: SSHKey, path: Path, passphrase: str) -> None:
    wanted = options.format or "OPENSSH"
    if wanted not in _PRIVATE_FORMATS:
        raise ValueError(f"-m {wanted} does not hold private keys; it takes {', '.join(_PRIVATE_FORMATS)}")
    settings = {"rounds": options.rounds, "cipher_name": options.cipher}
    given = {name: value for name, value in settings.items() if value is not None}
    # Few rounds are what was asked for, if they are few.
    key.write_private_key(path, _PRIVATE_FORMATS[wanted], passphrase or None, ignore_few_rounds=True, **given)


# ---------------------------------------------------------------- what it does


def _generate(options: argparse.Namespace, nacre: Any) -> int:
    path = _file(options, f"~/.ssh/id_{options.type.replace('-', '_')}")
    sizes = _ALGORITHMS[options.type]
    arguments: dict[str, Any] = {}
    if options.type == "rsa":
        algorithm = "ssh-rsa"
        if options.bits is not None:
            arguments["key_size"] = options.bits
    else:
        bits = min(sizes) if options.bits is None else options.bits
        if bits not in sizes:
            raise ValueError(f"an {options.type} key has {' or '.join(map(str, sizes))} bits, not {bits}")
        algorithm = sizes[bits]
    _keep_what_is_there(path)
    comment = _default_comment() if options.comment is None else options.comment
    if options.type in security_key.ALGORITHMS:
        if options.format not in (None, "OPENSSH"):
            raise ValueError("-m OPENSSH is the one format that holds keys in a security key")
        arguments = {**security_key.asked_of(options.asked), "pin": security_key.pin()}
        security_key.tell_of_touch(quiet=options.quiet)
    key = nacre.generate_private_key(algorithm, comment=comment, **arguments)
    passphrase = _new_passphrase(options)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write(options, key, path, passphrase)
    key.write_public_key(f"{path}.pub")
    if not options.quiet:
        sys.stdout.write(
            f"The private key is in {path}, the public one in {path}.pub.\n{fingerprints.described(key, 'sha256')}\n"
        )
    return 0


def _keep_what_is_there(path: Path) -> None:
    for existing in (path, Path(f"{path}.pub")):
        if existing.exists() and not _overwrites(existing):
            raise ValueError(f"{existing} is there already, and was left as it is")


def _download(options: argparse.Namespace, nacre: Any) -> int:
    if options.file is not None:
        raise ValueError("-K names the files itself, in the working directory; leave out -f")
    asked = security_key.asked_of(options.asked)
    if asked.pop("resident", None) is not None:
        raise ValueError("-K finds resident keys alone; leave out -O resident")
    asked.setdefault("application", "ssh:")
    found = nacre.load_resident_keys(security_key.pin(), **asked)
    if not found:
        raise ValueError(f"there are no resident keys for {asked['application']} in the security key")
    passphrase = _new_passphrase(options)
    for key in found:
        path = Path(security_key.file_of(key, asked["application"]))
        _keep_what_is_there(path)
        key.set_comment(asked["application"] if options.comment is None else options.comment)
        _write(options, key, path, passphrase)
        key.write_public_key(f"{path}.pub")
        if not options.quiet:
            sys.stdout.write(f"The private key is in {path}, the public one in {path}.pub.\n")
    return 0


def _overwrites(path: Path) -> bool:
    return (
        sys.stdin.isatty() and input(f"{path} is there already. Overwrite it (y/n)? ").strip().lower() == "y"
    )


def _default_comment() -> str:
    import platform

    return f"{getpass.getuser()}@{platform.node()}"


def _change_passphrase(options: argparse.Namespace, nacre: Any) -> int:
    path = _file(options)
    key = _private_key(options, nacre, path)
    _write(options, key, path, _new_passphrase(options))
    sys.stdout.write("The key has its new passphrase.\n")
    return 0


def _change_comment(options: argparse.Namespace, nacre: Any) -> int:
    if options.comment is None:
        raise ValueError("-c takes the new comment from -C")
    path = _file(options)
    asked: list[str] = []

    def passphrase(name: str) -> str:
        asked.append(_ask_passphrase(f"Passphrase of {name}", options.old))
        return asked[-1]

    key = nacre.read_private_key(path, passphrase)
    key.set_comment(options.comment)
    _write(options, key, path, asked[-1] if asked else "")
    key.write_public_key(f"{path}.pub")
    return 0


def _print_public(options: argparse.Namespace, nacre: Any) -> int:
    key = _private_key(options, nacre, _file(options)).convert_to_public()
    sys.stdout.write(key.export_public_key().decode("utf-8", "replace"))
    return 0


def _public_keys(options: argparse.Namespace, nacre: Any) -> list[SSHKey]:
    """Return the public keys of a file, of a private key's .pub file, or of the private key itself."""
    path = _file(options)
    beside = Path(f"{path}.pub")
    try:
        keys: list[SSHKey] = nacre.read_public_key_list(path)
    except nacre.KeyImportError:
        keys = [nacre.read_public_key(beside)] if beside.exists() else [_private_key(options, nacre, path)]
    return [key.convert_to_public() for key in keys]


def _export(options: argparse.Namespace, nacre: Any) -> int:
    wanted = options.format or "RFC4716"
    if wanted not in _FORMATS:
        raise ValueError(f"-e prints public keys as {', '.join(_FORMATS)}, not {wanted}")
    for key in _public_keys(options, nacre):
        # As ssh-keygen: PKCS#1 holds RSA keys alone.
        form = "pkcs8-pem" if wanted == "PEM" and key.get_algorithm() != "ssh-rsa" else _FORMATS[wanted]
        sys.stdout.write(key.export_public_key(form).decode("utf-8", "replace"))
    return 0


def _import(options: argparse.Namespace, nacre: Any) -> int:
    for key in _public_keys(options, nacre):
        sys.stdout.write(key.export_public_key().decode("utf-8", "replace"))
    return 0


def _certify(options: argparse.Namespace, nacre: Any) -> int:
    authority = _private_key(options, nacre, Path(options.signature).expanduser())
    return certificates.sign(options, nacre, authority)


def _show_certificates(options: argparse.Namespace, nacre: Any) -> int:
    return certificates.show(nacre, _file(options, "~/.ssh/id_ed25519-cert.pub"))


_ACTIONS: Final[dict[str | None, Callable[[argparse.Namespace, Any], int]]] = {
    None: _generate,
    "p": _change_passphrase,
    "y": _print_public,
    "c": _change_comment,
    "e": _export,
    "i": _import,
    "K": _download,
    "s": _certify,
    "L": _show_certificates,
    **known_hosts.ACTIONS,
    **revocation.ACTIONS,
    **fingerprints.ACTIONS,
    **signatures.ACTIONS,
}
