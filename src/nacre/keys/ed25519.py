"""Ed25519 keys and signatures (RFC 8709).

Owns: the key type `ssh-ed25519`. Must not know: files.
"""

from __future__ import annotations

from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from nacre.crypto.registry import Status
from nacre.errors import KeyImportError
from nacre.keys.algorithms import SignatureAlgorithm, register_signature_algorithm
from nacre.keys.base import KeyType, SSHKey, register_key_type, require_private
from nacre.keys.proof import Proof
from nacre.wire.fields import Reader, encode_string, encode_uint32

__all__ = ["Ed25519Key"]

_NAME = "ssh-ed25519"
_KEY_SIZE = 32
_SIGNATURE_SIZE = 64
#: What stands before the 64 bytes in a signature: both are strings, of one length each.
_SIGNATURE = encode_string(_NAME.encode("ascii")) + encode_uint32(_SIGNATURE_SIZE)
_SIGNATURE_AT = len(_SIGNATURE)
#: The same before the key itself in a blob.
_BLOB = encode_string(_NAME.encode("ascii")) + encode_uint32(_KEY_SIZE)


class Ed25519Key(SSHKey):
    """An Ed25519 key."""

    algorithm = _NAME
    sig_algorithms = (_NAME,)

    def __init__(
        self, public: Ed25519PublicKey, private: Ed25519PrivateKey | None = None, blob: bytes = b""
    ) -> None:
        # As `SSHKey` does, in one go: a login makes some of them.
        self._comment = self._filename = None
        self._public_data = blob
        self._public = public
        self._private = private

    @property
    def library_public_key(self) -> Ed25519PublicKey:
        """The public key as an object of `cryptography`."""
        return self._public

    @property
    def library_private_key(self) -> Ed25519PrivateKey | None:
        """The private key as an object of `cryptography`, or None."""
        return self._private

    def encode_ssh_public(self) -> bytes:
        """Return the 32 bytes of the public key as a string (RFC 8709 section 4)."""
        return encode_string(self._public.public_bytes_raw())

    def encode_ssh_private(self) -> bytes:
        """Return the public key, then the seed and the public key once more, as OpenSSH writes them."""
        private = require_private(self._private)
        public = self._public.public_bytes_raw()
        return encode_string(public) + encode_string(private.private_bytes_raw() + public)

    def _public_part(self) -> Self:
        return type(self)(self._public)

    def sign(self, data: bytes, sig_algorithm: str | bytes) -> bytes:
        """Sign `data`; see `SSHKey.sign`."""
        if sig_algorithm != _NAME:
            return super().sign(data, sig_algorithm)
        return _SIGNATURE + self._sign(data, _NAME)

    def proof(self, data: bytes, signature: bytes, sig_algorithm: str | bytes | None = None) -> Proof:
        """Return what `signature` proves of `data`; see `SSHKey.proof`."""
        inner = signature[_SIGNATURE_AT:]
        # As nearly every one is; what is wrong with others is said there.
        if sig_algorithm == _NAME and len(inner) == _SIGNATURE_SIZE and signature.startswith(_SIGNATURE):
            return Proof.KEY if self._verify(data, inner, _NAME) else Proof.NOTHING
        return super().proof(data, signature, sig_algorithm)

    def _sign(self, data: bytes, sig_algorithm: str) -> bytes:
        private = self._private or require_private(self._private)
        return private.sign(data)

    def _verify(self, data: bytes, signature: bytes, sig_algorithm: str) -> bool:
        # RFC 8709 section 6: the signature is 64 octets.
        if len(signature) != _SIGNATURE_SIZE:
            return False
        try:
            self._public.verify(signature, data)
        except InvalidSignature:
            return False
        return True


def _wrong_size(raw: bytes) -> KeyImportError:
    return KeyImportError(f"an Ed25519 public key has {_KEY_SIZE} bytes, not {len(raw)}")


def _decode_public(reader: Reader) -> SSHKey:
    raw = reader.string()
    if len(raw) != _KEY_SIZE:
        raise _wrong_size(raw)
    return Ed25519Key(Ed25519PublicKey.from_public_bytes(raw), None, _BLOB + raw)


def plain_key(blob: bytes) -> Ed25519Key | None:
    """Return the key of a blob that is one of this type, without a look at anything else; None: it is none."""
    if len(blob) != len(_BLOB) + _KEY_SIZE or not blob.startswith(_BLOB):
        return None
    return Ed25519Key(Ed25519PublicKey.from_public_bytes(blob[len(_BLOB) :]), None, blob)


def _decode_private(reader: Reader, unsafe_skip_rsa_key_validation: bool) -> SSHKey:
    public_raw = reader.string()
    both = reader.string()
    if len(both) != 2 * _KEY_SIZE:
        raise KeyImportError(f"an Ed25519 private key has {2 * _KEY_SIZE} bytes, not {len(both)}")
    private = Ed25519PrivateKey.from_private_bytes(both[:_KEY_SIZE])
    public = private.public_key()
    # A seed beside another key's public part would sign with the wrong one and give the seed away.
    if not public.public_bytes_raw() == public_raw == both[_KEY_SIZE:]:
        raise KeyImportError("the public and private parts of this Ed25519 key do not belong together")
    return Ed25519Key(public, private)


def _from_library(key: object, unsafe_skip_rsa_key_validation: bool) -> SSHKey | None:
    if isinstance(key, Ed25519PrivateKey):
        return Ed25519Key(key.public_key(), key)
    if isinstance(key, Ed25519PublicKey):
        return Ed25519Key(key)
    return None


def _generate() -> SSHKey:
    private = Ed25519PrivateKey.generate()
    return Ed25519Key(private.public_key(), private)


register_key_type(KeyType(_NAME, _decode_public, _decode_private, _from_library, _generate))
register_signature_algorithm(
    SignatureAlgorithm(_NAME, _NAME, rank=10, host=Status.DEFAULT, user=Status.DEFAULT)
)
