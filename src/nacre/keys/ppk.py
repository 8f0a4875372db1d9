"""PuTTY's private key files, versions 2 and 3 (PuTTY manual, appendix C).

Owns: the format "ppk": its lines, key derivation, encryption and MAC, and how its private fields stand to
OpenSSH's. Must not know: passphrases beyond asking for one, other formats.

A file says itself how much work opens it, so the work is bounded before it is begun. Nothing of the private
part is looked at before the MAC is right.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.argon2 import Argon2d, Argon2i, Argon2id

from nacre.errors import KeyEncryptionError, KeyExportError, KeyImportError, WireError
from nacre.keys.armor import PPK_BEGIN, decode_base64
from nacre.keys.base import KEY_TYPES, ExportOptions, SSHKey
from nacre.keys.passphrase import PassphraseSource
from nacre.keys.public import decode_public_key, unknown_key_type
from nacre.wire.fields import Reader, encode_mpint, encode_string
from nacre.wire.record import hidden, record

__all__ = ["export_ppk", "import_ppk", "ppk_public_part"]

_CIPHER: Final = "aes256-cbc"
_NO_CIPHER: Final = "none"
_BLOCK: Final = 16
_KEY: Final = 32
_MAC_KEY: Final = 32
_LINE: Final = 64
#: A key of 16384 bits has 2,100 octets of public part, and fewer than 8,000 private ones.
_MAX_LINES: Final = 256
_DERIVATIONS: Final[dict[str, type[Argon2d | Argon2i | Argon2id]]] = {
    "Argon2d": Argon2d,
    "Argon2i": Argon2i,
    "Argon2id": Argon2id,
}
#: In KiB. puttygen asks for 8 MiB and about 0.1 s; to go over a gigabyte in all takes about a second.
_MAX_MEMORY: Final = 256 * 1024
_MAX_WORK: Final = 1024 * 1024
_MAX_PARALLELISM: Final = 16
_MAX_SALT: Final = 64
_OUR_MEMORY: Final = 8192
_OUR_PASSES: Final = 21
_OUR_SALT: Final = 16


@record
class _Argon2:
    """How a passphrase becomes keys; memory in KiB."""

    name: str
    memory: int
    passes: int
    parallelism: int
    salt: bytes

    def derive(self, passphrase: bytes) -> bytes:
        """Return the key, the initialization vector and the MAC key, one behind the other."""
        if (
            not 8 * self.parallelism <= self.memory <= _MAX_MEMORY
            or not 1 <= self.parallelism <= _MAX_PARALLELISM
            or not 1 <= self.passes * self.memory <= _MAX_WORK
            or not 8 <= len(self.salt) <= _MAX_SALT
        ):
            raise KeyEncryptionError(
                f"this key asks for {self.passes} passes over {self.memory} KiB to be opened, with "
                f"{self.parallelism} lanes and a salt of {len(self.salt)} bytes; nacre takes up to "
                f"{_MAX_WORK} KiB in all, {_MAX_PARALLELISM} lanes and {_MAX_SALT} bytes"
            )
        derivation = _DERIVATIONS[self.name](
            salt=self.salt,
            length=_KEY + _BLOCK + _MAC_KEY,
            iterations=self.passes,
            lanes=self.parallelism,
            memory_cost=self.memory,
        )
        return derivation.derive(passphrase)


@record
class _File:
    """The lines of a file, decoded and not yet believed."""

    version: int
    algorithm: bytes
    encryption: bytes
    comment: bytes
    public: bytes
    argon2: _Argon2 | None
    private: bytes = hidden()
    mac: bytes

    @property
    def encrypted(self) -> bool:
        """Whether a passphrase is needed."""
        return self.encryption != _NO_CIPHER.encode("ascii")


class _Lines:
    """The lines of a file from the front; each is what it must be, or the file is refused."""

    def __init__(self, data: bytes) -> None:
        self._lines = iter(data.replace(b"\r\n", b"\n").split(b"\n"))

    def value(self, name: bytes) -> bytes:
        line = next(self._lines, b"")
        if not line.startswith(name + b": "):
            raise KeyImportError(f"the PuTTY key has no line {name.decode('ascii')!r} where it belongs")
        return line[len(name) + 2 :]

    def number(self, name: bytes) -> int:
        text = self.value(name)
        if not text.isdigit() or len(text) > 9:
            raise KeyImportError(f"the line {name.decode('ascii')!r} of the PuTTY key is not a number")
        return int(text)

    def hex(self, name: bytes) -> bytes:
        text = self.value(name)
        try:
            return bytes.fromhex(text.decode("ascii"))
        except ValueError:
            raise KeyImportError(
                f"the line {name.decode('ascii')!r} of the PuTTY key is not hexadecimal"
            ) from None

    def base64(self, name: bytes) -> bytes:
        count = self.number(name)
        if count > _MAX_LINES:
            raise KeyImportError(f"a part of {count} lines in a PuTTY key; {_MAX_LINES} is the most")
        return decode_base64(b"".join(next(self._lines, b"") for _ in range(count)))

    def end(self) -> None:
        if any(line.strip() for line in self._lines):
            raise KeyImportError("something follows the PuTTY key; one file holds one key")


def _read(data: bytes) -> _File:
    version, colon, _ = data[len(PPK_BEGIN) : len(PPK_BEGIN) + 4].partition(b":")
    if not colon or version not in (b"2", b"3"):
        raise KeyImportError("a PuTTY key of a version that nacre does not read; puttygen writes 2 and 3")
    lines = _Lines(data)
    algorithm = lines.value(PPK_BEGIN + version)
    encryption = lines.value(b"Encryption")
    if encryption not in (_CIPHER.encode("ascii"), _NO_CIPHER.encode("ascii")):
        raise KeyEncryptionError(f"a PuTTY key is encrypted with {_CIPHER}, or not at all")
    comment = lines.value(b"Comment")
    public = lines.base64(b"Public-Lines")
    argon2 = None
    if version == b"3" and encryption == _CIPHER.encode("ascii"):
        name = lines.value(b"Key-Derivation").decode("ascii", "replace")
        if name not in _DERIVATIONS:
            raise KeyEncryptionError(f"{name[:40]!r} is not one of the derivations of a PuTTY key")
        argon2 = _Argon2(
            name,
            lines.number(b"Argon2-Memory"),
            lines.number(b"Argon2-Passes"),
            lines.number(b"Argon2-Parallelism"),
            lines.hex(b"Argon2-Salt"),
        )
    private = lines.base64(b"Private-Lines")
    mac = lines.hex(b"Private-MAC")
    lines.end()
    return _File(int(version), algorithm, encryption, comment, public, argon2, private, mac)


def _cbc(key: bytes, vector: bytes) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(key), modes.CBC(vector))


def _sha1(data: bytes) -> bytes:
    # Version 2 has nothing else; what it protects is a file of the user's own.
    return hashlib.sha1(data, usedforsecurity=False).digest()


def _keys(file: _File, passphrase: bytes) -> tuple[bytes, bytes, bytes]:
    """Return the cipher's key, its initialization vector, and the MAC's key."""
    if file.version == 2:
        material = _sha1(bytes(4) + passphrase) + _sha1(b"\0\0\0\1" + passphrase)
        return material[:_KEY], bytes(_BLOCK), _sha1(b"putty-private-key-file-mac-key" + passphrase)
    if file.argon2 is None:
        return b"", b"", b""
    material = file.argon2.derive(passphrase)
    return material[:_KEY], material[_KEY : _KEY + _BLOCK], material[_KEY + _BLOCK :]


def _mac(file: _File, mac_key: bytes, plain: bytes) -> bytes:
    parts = (file.algorithm, file.encryption, file.comment, file.public, plain)
    signed = b"".join(encode_string(part) for part in parts)
    return hmac.digest(mac_key, signed, "sha1" if file.version == 2 else "sha256")


def import_ppk(data: bytes, passphrase: PassphraseSource, unsafe_skip_rsa_key_validation: bool) -> SSHKey:
    """Return the private key of a PuTTY key file.

    Args:
        data: the whole file, of version 2 or 3.
        passphrase: asked when the file is encrypted.
        unsafe_skip_rsa_key_validation: leave out the checks of RSA numbers.

    Raises:
        KeyImportError: it is damaged, of another version or key type, or there is no passphrase.
        KeyEncryptionError: the passphrase does not open it, or opening it asks for too much work.
    """
    file = _read(data)
    cipher_key, vector, mac_key = _keys(file, passphrase.get() if file.encrypted else b"")
    plain = file.private
    if file.encrypted:
        if not plain or len(plain) % _BLOCK:
            raise KeyImportError("the private part of the PuTTY key has not the length of whole blocks")
        decryptor = _cbc(cipher_key, vector).decryptor()
        plain = decryptor.update(plain) + decryptor.finalize()
    if not hmac.compare_digest(_mac(file, mac_key, plain), file.mac):
        if file.encrypted:
            raise KeyEncryptionError("the passphrase does not open this PuTTY key, or the file was changed")
        raise KeyImportError("the MAC of the PuTTY key is not right; the file was changed")
    try:
        key = _decode(file, plain, unsafe_skip_rsa_key_validation)
    except WireError as exc:
        raise KeyImportError(f"the PuTTY key is not encoded as it should be: {exc}") from None
    key.set_comment(file.comment)
    return key


def ppk_public_part(data: bytes) -> SSHKey:
    """Return the public key that a PuTTY key file names, without opening it. KeyImportError."""
    return decode_public_key(_read(data).public)


def _decode(file: _File, plain: bytes, skip: bool) -> SSHKey:
    public_key = decode_public_key(file.public)
    public, private = Reader(file.public), Reader(plain)
    name = public.ascii()
    if file.algorithm != name.encode("ascii"):
        raise KeyImportError("the PuTTY key says that it is of another type than its public part")
    shape = _SHAPES.get(name)
    if shape is None:
        raise unknown_key_type(name)
    fields = shape.join(public, private)
    # An encrypted part is filled up to a whole block.
    if private.remaining >= (_BLOCK if file.encrypted else 1):
        raise KeyImportError("something follows the private part of the PuTTY key")
    reader = Reader(fields)
    key = KEY_TYPES[name].decode_private(reader, skip)
    reader.end()
    if key.public_data != public_key.public_data:
        raise KeyImportError("the parts of the PuTTY key do not belong together")
    return key


# ---------------------------------------------------------------- the fields of each type of key


@record
class _Shape:
    """How a type of key stands there: `join` makes OpenSSH's private fields, `split` takes PuTTY's of them."""

    join: Callable[[Reader, Reader], bytes]
    split: Callable[[Reader], bytes]


def _join_ed25519(public: Reader, private: Reader) -> bytes:
    point, seed = public.string(), private.string()
    return encode_string(point) + encode_string(seed + point)


def _split_ed25519(openssh: Reader) -> bytes:
    point = openssh.string()
    return encode_string(openssh.string()[: -len(point)])


def _join_ecdsa(public: Reader, private: Reader) -> bytes:
    return encode_string(public.string()) + encode_string(public.string()) + encode_mpint(private.mpint())


def _split_ecdsa(openssh: Reader) -> bytes:
    openssh.string()
    openssh.string()
    return openssh.rest()


def _join_rsa(public: Reader, private: Reader) -> bytes:
    e, n = public.mpint(), public.mpint()
    d, p, q, iqmp = (private.mpint() for _ in range(4))
    return b"".join(map(encode_mpint, (n, e, d, iqmp, p, q)))


def _split_rsa(openssh: Reader) -> bytes:
    _, _, d, iqmp, p, q = (openssh.mpint() for _ in range(6))
    return b"".join(map(encode_mpint, (d, p, q, iqmp)))


_ECDSA: Final = _Shape(_join_ecdsa, _split_ecdsa)
_SHAPES: Final = {
    "ssh-ed25519": _Shape(_join_ed25519, _split_ed25519),
    "ecdsa-sha2-nistp256": _ECDSA,
    "ecdsa-sha2-nistp384": _ECDSA,
    "ecdsa-sha2-nistp521": _ECDSA,
    "ssh-rsa": _Shape(_join_rsa, _split_rsa),
}


# ---------------------------------------------------------------- writing


def _base64_lines(name: str, data: bytes) -> bytes:
    text = base64.b64encode(data)
    lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
    return b"\n".join((f"{name}: {len(lines)}".encode("ascii"), *lines)) + b"\n"


def export_ppk(key: SSHKey, options: ExportOptions) -> bytes:
    """Return the private key as a PuTTY key file of version 3.

    Raises:
        KeyExportError: PuTTY's files do not hold this type of key, or its comment.
        KeyEncryptionError: another cipher than aes256-cbc is asked for.
    """
    shape = _SHAPES.get(key.algorithm)
    if shape is None:
        raise KeyExportError(f"a PuTTY key file does not hold keys of type {key.algorithm}")
    if options.cipher_name not in (None, _CIPHER):
        raise KeyEncryptionError(f"a PuTTY key is encrypted with {_CIPHER}, not {options.cipher_name!r}")
    comment = key.get_comment_bytes() or b""
    if b"\n" in comment or b"\r" in comment:
        raise KeyExportError("a PuTTY key file has its comment on one line; this one has several")
    plain = shape.split(Reader(key.encode_ssh_private()))
    encryption, argon2, derivation = _NO_CIPHER, None, b""
    if options.passphrase:
        encryption = _CIPHER
        argon2 = _Argon2("Argon2id", _OUR_MEMORY, _OUR_PASSES, 1, os.urandom(_OUR_SALT))
        plain += os.urandom(-len(plain) % _BLOCK)
        derivation = (
            f"Key-Derivation: {argon2.name}\nArgon2-Memory: {argon2.memory}\nArgon2-Passes: {argon2.passes}\n"
            f"Argon2-Parallelism: {argon2.parallelism}\nArgon2-Salt: {argon2.salt.hex()}\n"
        ).encode("ascii")
    algorithm = key.algorithm.encode("ascii")
    file = _File(3, algorithm, encryption.encode("ascii"), comment, key.public_data, argon2, plain, b"")
    cipher_key, vector, mac_key = _keys(file, options.passphrase or b"")
    private = plain
    if argon2 is not None:
        encryptor = _cbc(cipher_key, vector).encryptor()
        private = encryptor.update(plain) + encryptor.finalize()
    return b"".join(
        (
            PPK_BEGIN + b"3: " + algorithm + b"\n",
            b"Encryption: " + file.encryption + b"\n",
            b"Comment: " + comment + b"\n",
            _base64_lines("Public-Lines", file.public),
            derivation,
            _base64_lines("Private-Lines", private),
            b"Private-MAC: " + _mac(file, mac_key, plain).hex().encode("ascii") + b"\n",
        )
    )
