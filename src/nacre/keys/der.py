"""Just enough DER to know how much work an encrypted PKCS#8 key asks for (RFC 5958, RFC 8018).

Owns: a bounded reader of DER headers, `is_encrypted` and `check_work`. Must not know: decryption,
which is done by `cryptography`; it would compute whatever number of rounds the file names.
"""

from __future__ import annotations

from typing import Final

from nacre.errors import KeyEncryptionError, KeyImportError

__all__ = ["MAX_PBKDF2_ROUNDS", "check_work", "is_encrypted"]

_SEQUENCE: Final = 0x30
_INTEGER: Final = 0x02
_OID: Final = 0x06

#: About two seconds of PBKDF2 on the machines of 2026.
MAX_PBKDF2_ROUNDS: Final = 2_000_000
#: 128 MiB of memory at 128 bytes each, eight times what OpenSSL writes.
_MAX_SCRYPT_MEMORY: Final = 1 << 20
_MAX_SCRYPT_LANES: Final = 16

_PBES2: Final = bytes.fromhex("2a864886f70d01050d")
_PBKDF2: Final = bytes.fromhex("2a864886f70d01050c")
_SCRYPT: Final = bytes.fromhex("2b06010401da47040b")


def _take(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """Return the content of the value at the front, which must have that tag, and what follows."""
    if len(data) < 2 or data[0] != tag:
        raise KeyImportError("the private key is not encoded as DER should be")
    size, start = data[1], 2
    if size & 0x80:
        octets = size & 0x7F
        start = 2 + octets
        if not 1 <= octets <= 4 or len(data) < start:
            raise KeyImportError("the private key is not encoded as DER should be")
        size = int.from_bytes(data[2:start], "big")
    if len(data) - start < size:
        raise KeyImportError("the private key is cut off")
    return data[start : start + size], data[start + size :]


def _integer(data: bytes) -> tuple[int, bytes]:
    content, rest = _take(data, _INTEGER)
    return int.from_bytes(content, "big", signed=True), rest


def _skip(data: bytes) -> bytes:
    """Return what follows the value at the front, whatever it is."""
    return _take(data, data[0] if data else 0)[1]


def is_encrypted(data: bytes) -> bool:
    """Tell an EncryptedPrivateKeyInfo from the other private keys, which begin with a version.

    Raises:
        KeyImportError: it is none of them.
    """
    info, _ = _take(data, _SEQUENCE)
    return info[:1] == bytes([_SEQUENCE])


def check_work(data: bytes) -> None:
    """Refuse an EncryptedPrivateKeyInfo whose key derivation asks for too much work.

    Args:
        data: the DER.

    Raises:
        KeyEncryptionError: too many rounds, too much memory, or a derivation that is not known.
        KeyImportError: it is not an EncryptedPrivateKeyInfo.
    """
    info, _ = _take(data, _SEQUENCE)
    algorithm, _ = _take(info, _SEQUENCE)
    oid, parameters = _take(algorithm, _OID)
    parameters, _ = _take(parameters, _SEQUENCE)
    if oid != _PBES2:
        # PBES1 and the PKCS#12 schemes: salt, iterations (RFC 8018 appendix A.3).
        rounds, _ = _integer(_skip(parameters))
        return _check_rounds(rounds)
    derivation, _ = _take(parameters, _SEQUENCE)
    oid, parameters = _take(derivation, _OID)
    parameters, _ = _take(parameters, _SEQUENCE)
    after_salt = _skip(parameters)
    if oid == _PBKDF2:
        rounds, _ = _integer(after_salt)
        return _check_rounds(rounds)
    if oid == _SCRYPT:
        cost, rest = _integer(after_salt)
        block_size, rest = _integer(rest)
        lanes, _ = _integer(rest)
        if not (0 < cost * block_size <= _MAX_SCRYPT_MEMORY and 0 < lanes <= _MAX_SCRYPT_LANES):
            raise KeyEncryptionError("this key asks for more work (scrypt) than nacre does to open one")
        return None
    raise KeyEncryptionError("this PKCS#8 key is encrypted in a way that nacre does not take (ssh-keygen -p)")


def _check_rounds(rounds: int) -> None:
    if not 1 <= rounds <= MAX_PBKDF2_ROUNDS:
        raise KeyEncryptionError(f"{rounds} rounds of key derivation; nacre takes 1 to {MAX_PBKDF2_ROUNDS}")
