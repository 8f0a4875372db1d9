"""Keys from bytes and from files, and every form in which a program may name them.

Owns: telling the formats apart, `import_*`, `read_*`, `load_keypairs` and `load_public_keys`. Must
not know: any one format or key type.

Files are read however their permissions are set, as AsyncSSH does; a program that wants to be
strict checks before. A key with a certificate becomes two pairs, the one with the certificate first: where
its authority is not trusted, the key itself may be.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final
from weakref import WeakValueDictionary

from nacre.errors import KeyImportError
from nacre.keys import openssh, pem, public
from nacre.keys.armor import PPK_BEGIN, blocks, decode_base64
from nacre.keys.base import KEY_TYPES, SSHKey
from nacre.keys.certificate import SSHCertificate
from nacre.keys.certificate_files import (
    X509_LABELS,
    CertificateArgument,
    CertificateListArgument,
    Certified,
    certificate_beside,
    certified_within,
    load_certified,
)
from nacre.keys.files import MAX_FILE, FilePath, naming, read_file, unmarked
from nacre.keys.keypair import SSHKeyPair
from nacre.keys.passphrase import Passphrase, PassphraseNeeded, PassphraseSource
from nacre.keys.x509 import SSHX509Certificate, X509Chain

__all__ = [
    "BesideRefused",
    "KeyArgument",
    "KeyListArgument",
    "certificates_of",
    "import_private_key",
    "import_public_key",
    "load_keypairs",
    "load_pairs",
    "load_public_keys",
    "read_private_key",
    "read_private_key_list",
    "read_public_key",
    "read_public_key_list",
    "set_default_skip_rsa_key_validation",
]

KeyArgument = FilePath | bytes | SSHKey | SSHKeyPair
KeyListArgument = KeyArgument | Sequence[KeyArgument | tuple[KeyArgument, CertificateArgument | None]]

_DER: Final = b"\x30"

#: Private keys from files without a passphrase, by the hash of the file's whole content, as long as somebody has one:
#: whoever connects to a thousand hosts does not take the same key apart a thousand times. Nothing is kept by this.
_held: WeakValueDictionary[tuple[bytes, bool], SSHKey] = WeakValueDictionary()


class _PublicKeyGiven(KeyImportError):
    """A public key where a private one is needed."""

    def __init__(self) -> None:
        super().__init__("this is a public key, and a private key is needed")


class BesideRefused(KeyImportError):
    """The certificate that lies beside a key, or in its file, cannot be used."""


class _Defaults:
    """What `set_default_skip_rsa_key_validation` sets."""

    skip_rsa_key_validation = False


def set_default_skip_rsa_key_validation(skip_validation: bool) -> None:
    """Choose whether the numbers of RSA private keys are checked when a call does not say.

    Args:
        skip_validation: true leaves the checks out; keys of unknown origin are then a danger.
    """
    _Defaults.skip_rsa_key_validation = bool(skip_validation)


def _skips(unsafe_skip_rsa_key_validation: bool | None) -> bool:
    if unsafe_skip_rsa_key_validation is None:
        return _Defaults.skip_rsa_key_validation
    return unsafe_skip_rsa_key_validation


def _as_bytes(data: str | bytes) -> bytes:
    if not isinstance(data, (str, bytes, bytearray, memoryview)):
        raise TypeError(f"a key is text or bytes, not {type(data).__name__}")
    encoded = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else bytes(data)
    if len(encoded) > MAX_FILE:
        raise KeyImportError(f"the key data is larger than {MAX_FILE} bytes")
    return _text(encoded)


def _text(data: bytes) -> bytes:
    try:
        return unmarked(data)
    except ValueError as exc:
        raise KeyImportError(str(exc)) from None


def _read(filename: FilePath) -> bytes:
    try:
        data = read_file(filename)
    except ValueError as exc:
        raise KeyImportError(str(exc)) from None
    with naming(filename):
        return _text(data)


# ---------------------------------------------------------------- private keys


def _private_keys(data: bytes, passphrase: PassphraseSource, skip: bool) -> list[SSHKey]:
    """Return every private key in `data`, at least one."""
    if data.startswith(_DER):
        return [pem.import_private_der(data, passphrase, skip)]
    if data.startswith(PPK_BEGIN):
        from nacre.keys import ppk  # few keys are PuTTY's

        return [ppk.import_ppk(data, passphrase, skip)]
    keys = []
    for block in blocks(data):
        if block.label == openssh.LABEL:
            keys.append(openssh.import_openssh(decode_base64(block.body), passphrase, skip))
        elif block.label in pem.PRIVATE_LABELS:
            keys.append(pem.import_private_pem(block, passphrase, skip))
        elif block.label in pem.PUBLIC_LABELS:
            raise _PublicKeyGiven
        elif block.label.endswith("PRIVATE KEY"):
            raise KeyImportError(f"private keys of the form {block.label!r} are not supported")
    if not keys:
        start = data.lstrip()
        first_word = start[:64].split(b" ", 1)[0].decode("ascii", "replace")
        if first_word in KEY_TYPES or start.startswith(public.RFC4716_BEGIN):
            raise _PublicKeyGiven
        raise KeyImportError("no private key found; nacre reads OpenSSH, PKCS#8, PKCS#1 and PuTTY files")
    return keys


def _only(keys: list[SSHKey]) -> SSHKey:
    if len(keys) != 1:
        raise KeyImportError(f"{len(keys)} keys where one is expected")
    return keys[0]


def import_private_key(
    data: str | bytes, passphrase: Passphrase = None, unsafe_skip_rsa_key_validation: bool | None = None
) -> SSHKey:
    """Return the private key in `data`.

    Args:
        data: an OpenSSH, PKCS#8, PKCS#1 (these two also as DER) or PuTTY private key.
        passphrase: opens an encrypted key; a function is called with "" when it is needed.
        unsafe_skip_rsa_key_validation: leave out the checks of RSA numbers; None is the default
            set by `set_default_skip_rsa_key_validation`.

    Raises:
        KeyImportError: there is not exactly one, it is refused, or a passphrase is missing.
        KeyEncryptionError: the passphrase does not open it, or its encryption is not taken.
    """
    source = PassphraseSource(passphrase)
    return _only(_private_keys(_as_bytes(data), source, _skips(unsafe_skip_rsa_key_validation)))


def read_private_key_list(
    filename: FilePath, passphrase: Passphrase = None, unsafe_skip_rsa_key_validation: bool | None = None
) -> list[SSHKey]:
    """Return the private keys in a file, at least one.

    Args:
        filename: a regular file of at most 1 MiB.
        passphrase: opens encrypted keys; a function is called with the file's name when it is needed.
        unsafe_skip_rsa_key_validation: as for `import_private_key`.

    Raises:
        OSError: the file cannot be read.
        KeyImportError, KeyEncryptionError: as for `import_private_key`.
    """
    return _keys_of(filename, _read(filename), passphrase, unsafe_skip_rsa_key_validation)


def _keys_of(
    filename: FilePath, data: bytes, passphrase: Passphrase, unsafe_skip_rsa_key_validation: bool | None
) -> list[SSHKey]:
    """Return the private keys in what a file was found to contain."""
    skip = _skips(unsafe_skip_rsa_key_validation)
    name = (hashlib.sha256(data).digest(), skip)
    source = PassphraseSource(passphrase, str(filename))
    held = _held.get(name)
    if held is not None:
        keys = [_twin(held)]
    else:
        with naming(filename):
            keys = _private_keys(data, source, skip)
    for key in keys:
        key.set_filename(filename)
    if len(keys) == 1 and not source.asked:
        _held[name] = keys[0]
    return keys


def _twin(key: SSHKey) -> SSHKey:
    """Return another object of the same key: comments and names of files are each one's own."""
    made: SSHKey = object.__new__(type(key))
    vars(made).update(vars(key))
    return made


def read_private_key(
    filename: FilePath, passphrase: Passphrase = None, unsafe_skip_rsa_key_validation: bool | None = None
) -> SSHKey:
    """Return the only private key in a file; all else as for `read_private_key_list`."""
    with naming(filename):
        return _only(read_private_key_list(filename, passphrase, unsafe_skip_rsa_key_validation))


# ---------------------------------------------------------------- public keys


def _public_keys(data: bytes) -> list[SSHKey]:
    """Return every public key in `data`, at least one; of a private key its public part."""
    if data.startswith(_DER):
        return [_public_der(data)]
    if data.startswith(PPK_BEGIN):
        from nacre.keys import ppk

        return [ppk.ppk_public_part(data)]
    if b"-----BEGIN " in data:
        keys = []
        for block in blocks(data):
            if block.label in pem.PUBLIC_LABELS:
                keys.append(pem.import_public_der(block.label, decode_base64(block.body)))
            elif block.label == openssh.LABEL:  # its public part is in the clear
                keys.append(openssh.openssh_public_part(decode_base64(block.body)))
            elif block.label in pem.PRIVATE_LABELS:
                keys.append(pem.import_private_pem(block, PassphraseSource(), True).convert_to_public())
            elif block.label in X509_LABELS:
                continue  # the certificate of the key in this file
            else:
                raise KeyImportError(f"public keys of the form {block.label!r} are not supported")
    elif data.lstrip().startswith(public.RFC4716_BEGIN):
        pieces = data.split(public.RFC4716_BEGIN)[1:]
        keys = [public.import_rfc4716(public.RFC4716_BEGIN + piece) for piece in pieces]
    else:
        lines = [line.strip() for line in data.split(b"\n")]
        keys = [public.import_public_line(line) for line in lines if line and not line.startswith(b"#")]
    if not keys:
        raise KeyImportError("no public key found; nacre reads OpenSSH, RFC 4716, PKCS#8 and PKCS#1 keys")
    return keys


def _public_der(data: bytes) -> SSHKey:
    try:
        return pem.import_public_der("", data)
    except KeyImportError:
        try:
            return pem.import_private_der(data, PassphraseSource(), True).convert_to_public()
        except PassphraseNeeded:
            raise
        except ValueError:
            pass
        raise


def import_public_key(data: str | bytes) -> SSHKey:
    """Return the public key in `data`.

    Args:
        data: an OpenSSH line, an RFC 4716 file, or PKCS#8 or PKCS#1 as PEM or DER; or a private key,
            of which the public part is taken, without a passphrase where that is in the clear.

    Raises:
        KeyImportError: there is not exactly one, or it is refused.
    """
    return _only(_public_keys(_as_bytes(data)))


def read_public_key_list(filename: FilePath) -> list[SSHKey]:
    """Return the public keys in a file, at least one.

    Raises:
        OSError: the file cannot be read.
        KeyImportError: as for `import_public_key`, or it is no regular file or above 1 MiB.
    """
    with naming(filename):
        keys = _public_keys(_read(filename))
    for key in keys:
        key.set_filename(filename)
    return keys


def read_public_key(filename: FilePath) -> SSHKey:
    """Return the only public key in a file; all else as for `read_public_key_list`."""
    with naming(filename):
        return _only(read_public_key_list(filename))


# ---------------------------------------------------------------- what programs pass


def is_certified_key(keylist: Any) -> bool:
    """Return whether an argument is one key with its certificate, and no sequence of keys."""
    kinds = (SSHCertificate, SSHX509Certificate)
    return isinstance(keylist, tuple) and len(keylist) == 2 and isinstance(keylist[1], kinds)


def _entries(keylist: KeyListArgument) -> Iterator[tuple[KeyArgument, CertificateArgument | None]]:
    """Return the entries of an argument that may be one key, or a sequence of keys, each with its certificate."""
    if not isinstance(keylist, list) and isinstance(keylist, (str, bytes, PurePath, SSHKey, SSHKeyPair)):
        yield keylist, None
        return
    entries: Sequence[Any] = (
        [keylist] if isinstance(keylist, tuple) and is_certified_key(keylist) else keylist
    )
    for entry in entries:
        if not isinstance(entry, tuple):
            yield entry, None
        elif len(entry) == 2:
            yield entry
        else:
            raise TypeError(f"a key with its certificate is a pair, not a tuple of {len(entry)}")


def _load_private(entry: KeyArgument, content: bytes, passphrase: Passphrase, skip: bool) -> list[SSHKey]:
    if isinstance(entry, (str, PurePath)):
        return _keys_of(entry, content, passphrase, skip)
    if isinstance(entry, bytes):
        return _private_keys(_as_bytes(entry), PassphraseSource(passphrase), skip)
    if isinstance(entry, SSHKey):
        if not entry.is_private:
            raise _PublicKeyGiven
        return [entry]
    raise TypeError(f"a private key is a file name, bytes or an SSHKey, not {type(entry).__name__}")


def load_keypairs(
    keylist: KeyListArgument,
    passphrase: Passphrase = None,
    certlist: CertificateListArgument | None = (),
    skip_public: bool = False,
    ignore_encrypted: bool = False,
    unsafe_skip_rsa_key_validation: bool | None = None,
    loop: object = None,
) -> list[SSHKeyPair]:
    """Return the key pairs that an argument such as `client_keys` names.

    Args:
        keylist: one of, or a sequence of: the name of a file with one or more private keys, the
            bytes of a private key, an `SSHKey` or an `SSHKeyPair`; in a sequence, also a pair of one of
            these and its certificate.
        passphrase: opens encrypted keys; a function is called with the file's name.
        certlist: certificates, in any form of `load_certificates`, each for whichever key it is about, also where
            others are about the same. A key
            from a file without one is given that of the file's name and "-cert.pub", if that is there, or one of
            X.509 in the same PEM file; None leaves that out.
        skip_public: leave out public keys rather than refuse them.
        ignore_encrypted: leave out encrypted keys for which there is no passphrase.
        unsafe_skip_rsa_key_validation: as for `import_private_key`.
        loop: not used.

    Raises:
        OSError: a file cannot be read.
        KeyImportError, KeyEncryptionError: a key or a certificate cannot be used.
        ValueError: a certificate is about another key than the one that it was given with.
    """
    return load_pairs(
        keylist,
        passphrase,
        load_certified(certlist or ()),
        look_beside=certlist is not None,
        skip_public=skip_public,
        ignore_encrypted=ignore_encrypted,
        unsafe_skip_rsa_key_validation=unsafe_skip_rsa_key_validation,
    )


def load_pairs(
    keylist: KeyListArgument,
    passphrase: Passphrase,
    certificates: Sequence[Certified],
    *,
    look_beside: bool,
    skip_public: bool = False,
    ignore_encrypted: bool = False,
    unsafe_skip_rsa_key_validation: bool | None = None,
) -> list[SSHKeyPair]:
    """Return key pairs as `load_keypairs` does, with certificates that were read already.

    Args:
        keylist: as there, and so are the others.
        passphrase: as there.
        certificates: each for whichever key it is about.
        look_beside: whether the certificate beside a key's file is taken.
        skip_public: as there.
        ignore_encrypted: as there.
        unsafe_skip_rsa_key_validation: as there.

    Raises:
        BesideRefused: the certificate beside a file cannot be used.
    """
    known = _by_key(certificates)
    pairs: list[SSHKeyPair] = []
    skip = _skips(unsafe_skip_rsa_key_validation)
    for entry, named in _entries(keylist):
        if isinstance(entry, SSHKeyPair):
            if named is not None:
                entry.set_certificate(_only_certificate(named))
            elif entry.cert is None:
                pairs += [_certified(entry, each) for each in known.get(entry.key_data, ())]
            pairs.append(entry)
            continue
        try:
            # Read once: for the key, and for a certificate that may stand behind it.
            content = _read(entry) if isinstance(entry, (str, PurePath)) else b""
            keys = _load_private(entry, content, passphrase, skip)
        except PassphraseNeeded:
            if not ignore_encrypted:
                raise
        except _PublicKeyGiven:
            if not skip_public:
                raise
        else:
            known_here = known
            if named is not None:
                certificate = _only_certificate(named)
                known_here = {key.public_data: [certificate] for key in keys}
            elif look_beside:
                known_here = {**_beside(entry, content, keys, known), **known}
            for key in keys:
                pairs += _pairs(key, known_here.get(key.public_data, ()))
    return pairs


def _certified(pair: SSHKeyPair, certificate: Certified) -> SSHKeyPair:
    from copy import copy  # for the few keys with several certificates

    shown = copy(pair)
    shown.set_certificate(certificate)
    return shown


def _by_key(certificates: Iterable[Certified]) -> dict[bytes, list[Certified]]:
    """Return certificates by the key that they are about, of which one may have several: authorities differ."""
    found: dict[bytes, list[Certified]] = {}
    for certificate in certificates:
        found.setdefault(certificate.key.public_data, []).append(certificate)
    return found


def _only_certificate(named: CertificateArgument) -> Certified:
    found = load_certified(named)
    if found and all(isinstance(each, X509Chain) for each in found):
        return found[0]  # the others vouch for it
    if len(found) != 1:
        raise KeyImportError(f"{len(found)} certificates with a key where one is expected")
    return found[0]


def _beside(
    entry: KeyArgument,
    content: bytes,
    keys: Sequence[SSHKey],
    known: Mapping[bytes, Sequence[Certified]],
) -> dict[bytes, list[Certified]]:
    """Return the certificates beside a key's file, or else in it, unless others are known for all its keys.

    Args:
        entry: the key.
        content: of its file; b"": it has none, or it was not read.
        keys: what is in it.
        known: the others.
    """
    if not isinstance(entry, (str, bytes, PurePath)):
        return {}
    blobs = {key.public_data for key in keys}
    if not blobs - known.keys():
        return {}
    path = None if isinstance(entry, bytes) else certificate_beside(entry)
    if path is None:
        return _within(entry, content)
    try:
        found = _by_key(load_certified(path))
    except (OSError, KeyImportError) as exc:
        raise BesideRefused(f"{exc}; without it, the key itself can be used") from None
    if not blobs & found.keys():
        raise BesideRefused(f"{path} is not a certificate of the key beside it")
    return found


def _within(entry: FilePath | bytes, content: bytes) -> dict[bytes, list[Certified]]:
    """Return the certificates of X.509 in a key's file. Of several for one key the first counts; others vouch for it."""
    try:
        found = certified_within(content or entry)
        return {cert.key.public_data: [cert] for cert in reversed(found)} if found else {}
    except OSError:
        return {}  # ssh-keysign alone may read the key
    except ValueError as exc:
        where = (
            "the certificate beside the key" if isinstance(entry, bytes) else f"the certificate in {entry}"
        )
        raise BesideRefused(f"{where} is not used: {exc}; without it, the key itself can be used") from None


def certificates_of(
    entry: KeyArgument,
    public: SSHKey,
    named: CertificateArgument | None,
    certificates: Sequence[Certified],
    *,
    look_beside: bool,
) -> Sequence[Certified]:
    """Return the certificates that `load_pairs` would give a key of which the public part alone is known.

    Raises:
        BesideRefused: the certificate beside a file cannot be used.
    """
    if named is not None:
        return [_only_certificate(named)]
    known = _by_key(certificates)
    if look_beside:
        known = {**_beside(entry, b"", [public], known), **known}
    return known.get(public.public_data, ())


def _pairs(key: SSHKey, certificates: Iterable[Certified]) -> Iterator[SSHKeyPair]:
    """Return the pairs of a private key: with each of its certificates, and without."""
    for certificate in certificates:
        pair = SSHKeyPair.from_key(key)
        pair.set_certificate(certificate)
        yield pair
    yield SSHKeyPair.from_key(key)


def load_public_keys(keylist: KeyListArgument) -> list[SSHKey]:
    """Return the public keys that an argument names.

    Args:
        keylist: one of, or a sequence of: the name of a file with one or more public keys, the
            bytes of a public key, or an `SSHKey`, of which the public part is taken.

    Raises:
        OSError: a file cannot be read.
        KeyImportError: a key cannot be used.
    """
    found: list[SSHKey] = []
    for entry, _ in _entries(keylist):
        if isinstance(entry, SSHKey):
            found.append(entry.convert_to_public() if entry.is_private else entry)
        elif isinstance(entry, bytes):
            found += _public_keys(_as_bytes(entry))
        elif isinstance(entry, (str, PurePath)):
            found += read_public_key_list(entry)
        else:
            raise TypeError(f"a public key is a file name, bytes or an SSHKey, not {type(entry).__name__}")
    return found
