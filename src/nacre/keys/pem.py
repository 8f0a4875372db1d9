"""PKCS#8 and PKCS#1 keys, as PEM and as DER (RFC 5958, RFC 5280, RFC 8017, RFC 5915).

Owns: the formats "pkcs8-pem", "pkcs8-der", "pkcs1-pem" and "pkcs1-der", read and written by
`cryptography` within our bounds; its module for them is slow to import, and most logins need none of it.
Must not know: any key type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InternalError, UnsupportedAlgorithm

from nacre.errors import KeyEncryptionError, KeyExportError, KeyImportError
from nacre.keys.armor import ArmorBlock, decode_base64
from nacre.keys.base import KEY_TYPES, ExportOptions, KeyFormat, SSHKey, register_key_format
from nacre.keys.der import check_work, is_encrypted
from nacre.keys.passphrase import PassphraseSource
from nacre.keys.sk import SecurityKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization import Encoding, KeySerializationEncryption

__all__ = ["PRIVATE_LABELS", "PUBLIC_LABELS", "import_private_der", "import_private_pem", "import_public_der"]

PRIVATE_LABELS: Final = frozenset(
    {"PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"}
)
PUBLIC_LABELS: Final = frozenset({"PUBLIC KEY", "RSA PUBLIC KEY"})

_CIPHER: Final = "aes256-cbc"

# What the library raises for bytes that are no key; the last for keys of a wrong length.
_DAMAGED: Final = (ValueError, TypeError, OverflowError, InternalError)


#: id-RSASSA-PSS (RFC 4055), and where it stands: the library takes such a key for one of plain RSA.
_PSS: Final = bytes.fromhex("06092a864886f70d01010a")
_HEADER: Final = 40


def _require_plain_rsa(data: bytes) -> None:
    """Refuse a key that may sign with RSA-PSS alone, as ssh-keygen does: SSH has no such signature."""
    if _PSS in data[:_HEADER]:
        raise KeyImportError(
            "the key is for RSA-PSS alone, with which SSH does not sign; make one of plain RSA"
        )


def _adopt(key: object, unsafe_skip_rsa_key_validation: bool) -> SSHKey:
    for key_type in KEY_TYPES.values():
        adopted = key_type.from_library(key, unsafe_skip_rsa_key_validation)
        if adopted is not None:
            return adopted
    raise KeyImportError(
        f"the file holds a kind of key that nacre does not take; it takes {', '.join(KEY_TYPES)}"
    )


def import_private_pem(
    block: ArmorBlock, passphrase: PassphraseSource, unsafe_skip_rsa_key_validation: bool
) -> SSHKey:
    """Return the private key of a PEM block whose label is one of `PRIVATE_LABELS`.

    Raises:
        KeyImportError: the key is refused, or it is encrypted and there is no passphrase.
        KeyEncryptionError: the passphrase does not open it, or it asks for too much work.
    """
    # RFC 1421 section 4.6.1.1, of which OpenSSL's traditional encryption is what is left.
    if b"Proc-Type: 4,ENCRYPTED" in block.body:
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        return _load(load_pem_private_key, block.text, passphrase.get(), unsafe_skip_rsa_key_validation)
    return import_private_der(decode_base64(block.body), passphrase, unsafe_skip_rsa_key_validation)


def import_private_der(
    data: bytes, passphrase: PassphraseSource, unsafe_skip_rsa_key_validation: bool
) -> SSHKey:
    """Return the private key of a DER file: PKCS#8, encrypted or not, or PKCS#1.

    Raises:
        KeyImportError: the key is refused, or it is encrypted and there is no passphrase.
        KeyEncryptionError: the passphrase does not open it, or it asks for too much work.
    """
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    _require_plain_rsa(data)
    secret = None
    if is_encrypted(data):
        check_work(data)
        secret = passphrase.get()
    return _load(load_der_private_key, data, secret, unsafe_skip_rsa_key_validation)


def _load(load: Callable[..., object], data: bytes, passphrase: bytes | None, skip: bool) -> SSHKey:
    try:
        # The library's own RSA checks have no bound on size; those of nacre.keys.rsa come after it.
        key = load(data, passphrase, unsafe_skip_rsa_key_validation=True)
    except UnsupportedAlgorithm:
        raise KeyImportError("the private key uses an algorithm that nacre does not take") from None
    except _DAMAGED as exc:
        # The library's words for it; there is no class of its own.
        if passphrase and "unknown" in str(exc).lower():
            raise KeyEncryptionError(
                "this private key is encrypted in a way that nacre does not take, whatever the passphrase"
                " (ssh-keygen -p changes it, or openssl pkcs8 -topk8 -v2 aes256)"
            ) from None
        if passphrase:
            raise KeyEncryptionError("the passphrase does not open this private key") from None
        raise KeyImportError("the private key is damaged or not in a form that nacre reads") from None
    return _adopt(key, skip)


def import_public_der(label: str, data: bytes) -> SSHKey:
    """Return the public key of a SubjectPublicKeyInfo or of a PKCS#1 RSAPublicKey.

    Args:
        label: one of `PUBLIC_LABELS`, or "" for a file without label.
        data: the DER.

    Raises:
        KeyImportError: the key is refused.
    """
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    _require_plain_rsa(data)
    try:
        key = load_der_public_key(data)
    except UnsupportedAlgorithm:
        raise KeyImportError("the public key uses an algorithm that nacre does not take") from None
    except _DAMAGED:
        raise KeyImportError(
            f"the {label or 'public key'} is damaged or not in a form that nacre reads"
        ) from None
    return _adopt(key, False)


def _encoding(name: str) -> Encoding:
    from cryptography.hazmat.primitives.serialization import Encoding

    return Encoding.PEM if name == "PEM" else Encoding.DER


def _require_holdable(key: SSHKey) -> None:
    if isinstance(key, SecurityKey):
        raise KeyExportError(f"PKCS#8 and PKCS#1 cannot hold a key of type {key.algorithm}; use openssh")


def _encryption(options: ExportOptions) -> KeySerializationEncryption:
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, NoEncryption

    if not options.passphrase:
        return NoEncryption()
    wanted = (options.cipher_name or _CIPHER, options.hash_name, options.pbe_version)
    if wanted != (_CIPHER, "sha256", 2):
        raise KeyEncryptionError(
            f"nacre encrypts PKCS#8 with cipher_name {_CIPHER!r}, hash_name 'sha256' and pbe_version 2 only"
        )
    return BestAvailableEncryption(options.passphrase)


def _pkcs8_private(encoding: str) -> Callable[[SSHKey, ExportOptions], bytes]:
    def export(key: SSHKey, options: ExportOptions) -> bytes:
        _require_holdable(key)
        private = key.library_private_key
        if private is None:
            raise KeyExportError("this key has no private part to export")
        from cryptography.hazmat.primitives.serialization import PrivateFormat

        return private.private_bytes(_encoding(encoding), PrivateFormat.PKCS8, _encryption(options))

    return export


def _pkcs8_public(encoding: str) -> Callable[[SSHKey], bytes]:
    def export(key: SSHKey) -> bytes:
        _require_holdable(key)
        from cryptography.hazmat.primitives.serialization import PublicFormat

        return key.library_public_key.public_bytes(_encoding(encoding), PublicFormat.SubjectPublicKeyInfo)

    return export


def _pkcs1_private(encoding: str) -> Callable[[SSHKey, ExportOptions], bytes]:
    def export(key: SSHKey, options: ExportOptions) -> bytes:
        _require_holdable(key)
        private = key.library_private_key
        if private is None:
            raise KeyExportError("this key has no private part to export")
        if options.passphrase:
            # It would be one round of MD5 between the passphrase and the key.
            raise KeyExportError("nacre does not encrypt PKCS#1; use openssh or pkcs8-pem")
        from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat

        try:
            return private.private_bytes(
                _encoding(encoding), PrivateFormat.TraditionalOpenSSL, NoEncryption()
            )
        except ValueError:
            raise KeyExportError(f"PKCS#1 cannot hold a key of type {key.algorithm}; use pkcs8-pem") from None

    return export


def _pkcs1_public(encoding: str) -> Callable[[SSHKey], bytes]:
    def export(key: SSHKey) -> bytes:
        _require_holdable(key)
        from cryptography.hazmat.primitives.serialization import PublicFormat

        try:
            return key.library_public_key.public_bytes(_encoding(encoding), PublicFormat.PKCS1)
        except ValueError:
            raise KeyExportError(f"PKCS#1 cannot hold a key of type {key.algorithm}; use pkcs8-pem") from None

    return export


for _name in ("PEM", "DER"):
    register_key_format(KeyFormat(f"pkcs8-{_name.lower()}", _pkcs8_private(_name), _pkcs8_public(_name)))
    register_key_format(KeyFormat(f"pkcs1-{_name.lower()}", _pkcs1_private(_name), _pkcs1_public(_name)))
