"""OpenSSH's own private key format, `openssh-key-v1` (OpenSSH's PROTOCOL.key).

Owns: the container, its two check numbers, its padding, and the format "openssh". Must not know:
any key type, the ciphers (`nacre.keys.openssh_cipher`).
"""

from __future__ import annotations

import os
from typing import Final

from nacre.errors import KeyEncryptionError, KeyImportError, WireError
from nacre.keys.armor import armor
from nacre.keys.base import KEY_TYPES, ExportOptions, KeyFormat, SSHKey, register_key_format
from nacre.keys.passphrase import PassphraseSource
from nacre.keys.public import decode_public_key, export_public_line, unknown_key_type
from nacre.wire.fields import Reader, encode_string, encode_text, encode_uint32

__all__ = ["LABEL", "export_openssh", "import_openssh", "openssh_public_part"]

LABEL: Final = "OPENSSH PRIVATE KEY"
_MAGIC: Final = b"openssh-key-v1\0"
#: What stands in place of the names of a cipher and a derivation.
_NO_CIPHER: Final = "none"
_PLAIN_BLOCK: Final = 8


def import_openssh(data: bytes, passphrase: PassphraseSource, unsafe_skip_rsa_key_validation: bool) -> SSHKey:
    """Return the private key in the binary form of the container.

    Args:
        data: what the base64 between the BEGIN and END lines stands for.
        passphrase: opens an encrypted key; not asked for another.
        unsafe_skip_rsa_key_validation: leave out the slow checks of RSA numbers.

    Raises:
        KeyImportError: it is not such a container, the key is refused, or it is encrypted and
            there is no passphrase.
        KeyEncryptionError: the passphrase does not open it, or it is encrypted in a way that
            nacre does not take.
    """
    if not data.startswith(_MAGIC):
        raise KeyImportError("the OpenSSH private key does not begin with openssh-key-v1")
    try:
        return _read_container(Reader(data[len(_MAGIC) :]), passphrase, unsafe_skip_rsa_key_validation)
    except WireError as exc:
        raise KeyImportError(f"the OpenSSH private key is not encoded as it should be: {exc}") from None


def openssh_public_part(data: bytes) -> SSHKey:
    """Return the public part of the container, which is in the clear also where the key is encrypted.

    Raises:
        KeyImportError: it is not such a container.
    """
    if not data.startswith(_MAGIC):
        raise KeyImportError("the OpenSSH private key does not begin with openssh-key-v1")
    reader = Reader(data[len(_MAGIC) :])
    try:
        for _ in range(3):  # the cipher, the derivation, its parameters
            reader.string()
        if reader.uint32() != 1:
            raise KeyImportError("an OpenSSH private key file with several keys; nacre reads those with one")
        return decode_public_key(reader.string())
    except WireError as exc:
        raise KeyImportError(f"the OpenSSH private key is not encoded as it should be: {exc}") from None


def _read_container(reader: Reader, passphrase: PassphraseSource, skip: bool) -> SSHKey:
    cipher_name = reader.ascii()
    kdf_name = reader.ascii()
    kdf_options = reader.string()
    count = reader.uint32()
    if count != 1:
        raise KeyImportError(f"an OpenSSH private key file with {count} keys; nacre reads those with one")
    public = decode_public_key(reader.string())
    secret = reader.string()
    tag = reader.rest()
    if cipher_name == _NO_CIPHER:
        if kdf_name != _NO_CIPHER or kdf_options or tag:
            raise KeyImportError("an OpenSSH private key without cipher has parameters of one")
        block_size = _PLAIN_BLOCK
    else:
        from nacre.keys import openssh_cipher as ciphers  # for the few files that are encrypted

        cipher = ciphers.CIPHERS.get(cipher_name)
        if cipher is None or kdf_name != ciphers.BCRYPT:
            raise KeyEncryptionError(
                f"this key is encrypted with {cipher_name[:64]} and {kdf_name[:64]}; nacre opens "
                f"{', '.join(ciphers.CIPHERS)} with {ciphers.BCRYPT} (ssh-keygen -p changes it)"
            )
        options = Reader(kdf_options)
        salt = options.string()
        rounds = options.uint32()
        options.end()
        material = ciphers.derive(cipher, passphrase.get(), salt, rounds)
        secret = ciphers.decrypt(cipher, material, secret, tag)
        block_size = cipher.block_size
    return _read_secret(secret, block_size, public, cipher_name != _NO_CIPHER, skip)


def _read_secret(secret: bytes, block_size: int, public: SSHKey, encrypted: bool, skip: bool) -> SSHKey:
    if not secret or len(secret) % block_size:
        raise KeyImportError("the private part of the OpenSSH key has not the length of whole blocks")
    reader = Reader(secret)
    if reader.take(4) != reader.take(4):
        if encrypted:
            raise KeyEncryptionError("the passphrase does not open this private key")
        raise KeyImportError("the check numbers of the OpenSSH private key differ; it is damaged")
    name = reader.ascii()
    key_type = KEY_TYPES.get(name)
    if key_type is None:
        raise unknown_key_type(name)
    key = key_type.decode_private(reader, skip)
    comment = reader.string()
    padding = reader.rest()
    if len(padding) > 255 or padding != bytes(range(1, len(padding) + 1)):
        raise KeyImportError("the padding of the OpenSSH private key is not right; it is damaged")
    if key.public_data != public.public_data:
        raise KeyImportError("the OpenSSH private key file has another key's public part")
    key.set_comment(comment)
    return key


def export_openssh(key: SSHKey, options: ExportOptions) -> bytes:
    """Return the private key as an OpenSSH private key file.

    Raises:
        KeyEncryptionError: the cipher is unknown or the rounds are out of bounds.
    """
    check = os.urandom(4)
    secret = check + check + key.private_data + encode_string(key.get_comment_bytes() or b"")
    if options.passphrase:
        from nacre.keys import openssh_cipher as ciphers

        cipher_name = options.cipher_name or ciphers.DEFAULT_CIPHER
        cipher = ciphers.CIPHERS.get(cipher_name)
        if cipher is None:
            raise KeyEncryptionError(
                f"unknown cipher_name {cipher_name!r}; there are {', '.join(ciphers.CIPHERS)}"
            )
        salt = os.urandom(ciphers.SALT_SIZE)
        material = ciphers.derive(cipher, options.passphrase, salt, options.rounds, options.ignore_few_rounds)
        kdf_name = ciphers.BCRYPT
        kdf_options = encode_string(salt) + encode_uint32(options.rounds)
        secret, tag = ciphers.encrypt(cipher, material, _pad(secret, cipher.block_size))
    else:
        cipher_name = kdf_name = _NO_CIPHER
        kdf_options = tag = b""
        secret = _pad(secret, _PLAIN_BLOCK)
    container = b"".join(
        (
            _MAGIC,
            encode_text(cipher_name),
            encode_text(kdf_name),
            encode_string(kdf_options),
            encode_uint32(1),
            encode_string(key.public_data),
            encode_string(secret),
            tag,
        )
    )
    return armor(LABEL, container)


def _pad(secret: bytes, block_size: int) -> bytes:
    return secret + bytes(range(1, -len(secret) % block_size + 1))


register_key_format(KeyFormat("openssh", export_private=export_openssh, export_public=export_public_line))
