"""The ciphers and the key derivation of OpenSSH's private key files.

Owns: the table of ciphers as PROTOCOL.key uses them, with keys and IV from bcrypt. Must not know:
the container, SSH packets.

The work that a file may ask for is bounded: whoever is handed one should not wait for minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import bcrypt
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.poly1305 import Poly1305

from nacre.errors import KeyEncryptionError, KeyImportError
from nacre.wire.record import hidden, record

__all__ = [
    "BCRYPT",
    "CIPHERS",
    "DEFAULT_CIPHER",
    "MAX_ROUNDS",
    "SALT_SIZE",
    "FileCipher",
    "KeyMaterial",
    "decrypt",
    "derive",
    "encrypt",
]

BCRYPT: Final = "bcrypt"
DEFAULT_CIPHER: Final = "aes256-ctr"
SALT_SIZE: Final = 16

#: The most rounds of bcrypt; each is about 10 ms on the machines of 2026, OpenSSH writes 16 or 24.
MAX_ROUNDS: Final = 2048
_MAX_SALT: Final = 64


@record
class FileCipher:
    """One cipher.

    Attributes:
        name: as in the file.
        key_size, iv_size, block_size, tag_size: in bytes; the tag stands behind the container.
        seal: encrypts whole blocks; the tag is the end of what it returns.
        open: the reverse; InvalidTag or InvalidSignature when the tag is not right.
    """

    name: str
    key_size: int
    iv_size: int
    block_size: int
    tag_size: int
    seal: Callable[[KeyMaterial, bytes], bytes]
    open: Callable[[KeyMaterial, bytes], bytes]


@record
class KeyMaterial:
    """What bcrypt gave for one file."""

    key: bytes = hidden()
    iv: bytes = hidden()


def _run(context: CipherContext, data: bytes) -> bytes:
    return context.update(data) + context.finalize()


def _ctr(material: KeyMaterial, data: bytes) -> bytes:
    cipher = Cipher(algorithms.AES(material.key), modes.CTR(material.iv))
    return _run(cipher.encryptor(), data)


def _seal_cbc(material: KeyMaterial, data: bytes) -> bytes:
    return _run(Cipher(algorithms.AES(material.key), modes.CBC(material.iv)).encryptor(), data)


def _open_cbc(material: KeyMaterial, data: bytes) -> bytes:
    return _run(Cipher(algorithms.AES(material.key), modes.CBC(material.iv)).decryptor(), data)


def _seal_gcm(material: KeyMaterial, data: bytes) -> bytes:
    return AESGCM(material.key).encrypt(material.iv, data, None)


def _open_gcm(material: KeyMaterial, data: bytes) -> bytes:
    return AESGCM(material.key).decrypt(material.iv, data, None)


def _chacha(material: KeyMaterial, counter: int, data: bytes) -> bytes:
    """ChaCha20 with the first half of the key and sequence number 0 (PROTOCOL.chacha20poly1305)."""
    nonce = counter.to_bytes(8, "little") + bytes(8)
    return _run(Cipher(algorithms.ChaCha20(material.key[:32], nonce), mode=None).encryptor(), data)


def _seal_chacha(material: KeyMaterial, data: bytes) -> bytes:
    sealed = _chacha(material, 1, data)
    return sealed + Poly1305.generate_tag(_chacha(material, 0, bytes(32)), sealed)


def _open_chacha(material: KeyMaterial, data: bytes) -> bytes:
    sealed, tag = data[:-16], data[-16:]
    Poly1305.verify_tag(_chacha(material, 0, bytes(32)), sealed, tag)
    return _chacha(material, 1, sealed)


#: Every cipher that is built, by the name in the file.
CIPHERS: Final[dict[str, FileCipher]] = {
    cipher.name: cipher
    for cipher in (
        *(FileCipher(f"aes{bits}-ctr", bits // 8, 16, 16, 0, _ctr, _ctr) for bits in (256, 192, 128)),
        *(
            FileCipher(f"aes{bits}-cbc", bits // 8, 16, 16, 0, _seal_cbc, _open_cbc)
            for bits in (256, 192, 128)
        ),
        *(
            FileCipher(f"aes{bits}-gcm@openssh.com", bits // 8, 12, 16, 16, _seal_gcm, _open_gcm)
            for bits in (256, 128)
        ),
        FileCipher("chacha20-poly1305@openssh.com", 64, 0, 8, 16, _seal_chacha, _open_chacha),
    )
}


def derive(
    cipher: FileCipher, passphrase: bytes, salt: bytes, rounds: int, ignore_few_rounds: bool = True
) -> KeyMaterial:
    """Return key and IV for a passphrase (PROTOCOL.key section 2).

    Raises:
        KeyEncryptionError: the rounds or the salt are out of bounds; nothing was computed.
    """
    if not 1 <= rounds <= MAX_ROUNDS:
        raise KeyEncryptionError(f"{rounds} rounds of bcrypt; nacre takes 1 to {MAX_ROUNDS}")
    if not 1 <= len(salt) <= _MAX_SALT:
        raise KeyEncryptionError(f"a salt of {len(salt)} bytes; nacre takes 1 to {_MAX_SALT}")
    size = cipher.key_size + cipher.iv_size
    material = bcrypt.kdf(passphrase, salt, size, rounds, ignore_few_rounds=ignore_few_rounds)
    return KeyMaterial(material[: cipher.key_size], material[cipher.key_size :])


def encrypt(cipher: FileCipher, material: KeyMaterial, data: bytes) -> tuple[bytes, bytes]:
    """Return the encrypted whole blocks and the tag, which is empty for a cipher without."""
    sealed = cipher.seal(material, data)
    return sealed[: len(data)], sealed[len(data) :]


def decrypt(cipher: FileCipher, material: KeyMaterial, data: bytes, tag: bytes) -> bytes:
    """Return the decrypted data.

    Raises:
        KeyImportError: a length is not right.
        KeyEncryptionError: the tag is not right: another passphrase, or a damaged file.
    """
    if len(tag) != cipher.tag_size or not data or len(data) % cipher.block_size:
        raise KeyImportError(
            f"the encrypted part of the private key has not the length that {cipher.name} gives"
        )
    try:
        return cipher.open(material, data + tag)
    except (InvalidTag, InvalidSignature):
        raise KeyEncryptionError("the passphrase does not open this private key") from None
