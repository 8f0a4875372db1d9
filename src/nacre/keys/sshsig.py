"""SSHSIG: signatures of data that is not a login (OpenSSH PROTOCOL.sshsig).

Owns: the blob and its armour, what is hashed and signed, and `create_sshsig`. Must not know: who may
sign; that is `nacre.trust.allowed_signers`.

The signature names its namespace, so that one made for mail is none for a file, and none for a login.
"""

from __future__ import annotations

import hashlib
from pathlib import PurePath
from typing import Final

from nacre.errors import KeyImportError, WireError
from nacre.keys.armor import armor, blocks, decode_base64
from nacre.keys.base import SSHKey
from nacre.keys.certificate import SSHCertificate, decode_shown_key
from nacre.keys.files import FilePath, expand
from nacre.keys.load import KeyListArgument, load_keypairs
from nacre.keys.x509 import X509Chain
from nacre.wire.fields import Reader, encode_string, encode_uint32
from nacre.wire.record import record

__all__ = ["MAGIC", "MAX_SSHSIG", "SSHSignature", "create_sshsig", "hash_data"]

#: What is signed begins with it, and what is written.
MAGIC: Final = b"SSHSIG"
_VERSION: Final = 1
_LABEL: Final = "SSH SIGNATURE"
#: The digest sizes of the hashes that PROTOCOL.sshsig has.
_HASHES: Final = {"sha256": 32, "sha512": 64}
#: The largest signature that is looked at, in bytes with its armour: RSA of 16384 bits, twice.
MAX_SSHSIG: Final = 32768
_MAX_NAMESPACE: Final = 1024


def hash_data(data: bytes | FilePath, hash_name: str, is_hashed: bool) -> bytes:
    """Return the digest of what is signed.

    Args:
        data: the bytes, or the name of a file, which is read in pieces; with `is_hashed` the digest.
        hash_name: "sha256" or "sha512".
        is_hashed: `data` is the digest already.

    Raises:
        ValueError: the hash is another one, or the digest has not its size.
        OSError: the file cannot be read.
    """
    size = _HASHES.get(hash_name)
    if size is None:
        raise ValueError(f"hash {hash_name[:40]!r} is not one of SSHSIG's: {', '.join(_HASHES)}")
    if is_hashed:
        if not isinstance(data, bytes):
            raise TypeError("is_hashed takes the digest as bytes, not the name of a file")
        if len(data) != size:
            raise ValueError(f"a digest of {len(data)} bytes; {hash_name} has {size}")
        return data
    if isinstance(data, (str, PurePath)):
        with expand(data).open("rb") as file:
            return hashlib.file_digest(file, hash_name).digest()
    return hashlib.new(hash_name, data).digest()


def _signed(namespace: bytes, hash_name: bytes, digest: bytes) -> bytes:
    return MAGIC + b"".join(encode_string(part) for part in (namespace, b"", hash_name, digest))


@record
class SSHSignature:
    """A signature as it stands in a file.

    Attributes:
        key: the public key that it says made it; nobody has checked that it may.
        certificate: the certificate that it names in the key's place, or None; what its authority says of
            the key is no more than that.
        namespace: what it was made for.
        hash_name: "sha256" or "sha512".
        signature: the signature blob (RFC 4253 section 6.6).
    """

    key: SSHKey
    namespace: str
    hash_name: str
    signature: bytes
    certificate: SSHCertificate | None = None

    @classmethod
    def decode(cls, data: bytes) -> SSHSignature:
        """Return the signature in `data`, armoured or raw.

        Raises:
            KeyImportError: it is none, or one of a version, hash or key type that nacre does not take.
        """
        if len(data) > MAX_SSHSIG:
            raise KeyImportError(f"a signature of {len(data)} bytes is too large")
        if not data.startswith(MAGIC):
            found = blocks(data)
            if len(found) != 1 or found[0].label != _LABEL:
                raise KeyImportError(f"this is no SSH signature: it does not begin with {_LABEL!r}")
            data = decode_base64(found[0].body)
        if not data.startswith(MAGIC):
            raise KeyImportError("this is no SSH signature")
        try:
            reader = Reader(data[len(MAGIC) :])
            version = reader.uint32()
            key_blob, namespace = reader.string(), reader.string()
            reader.string()  # reserved: to be ignored
            hash_name, signature = reader.string(), reader.string()
            reader.end()
        except WireError as exc:
            raise KeyImportError(f"the SSH signature is damaged: {exc}") from None
        if version != _VERSION:
            raise KeyImportError(f"an SSH signature of version {version}; nacre reads version {_VERSION}")
        if hash_name.decode("ascii", "replace") not in _HASHES:
            raise KeyImportError("the SSH signature has a hash that is not sha256 or sha512")
        if not namespace or len(namespace) > _MAX_NAMESPACE:
            raise KeyImportError("the SSH signature has no namespace, or one that is too long")
        try:
            text = namespace.decode("utf-8")
        except UnicodeDecodeError:
            raise KeyImportError("the namespace of the SSH signature is not UTF-8") from None
        shown = decode_shown_key(key_blob)
        key, certificate = (shown.key, shown) if isinstance(shown, SSHCertificate) else (shown, None)
        return cls(key, text, hash_name.decode("ascii"), signature, certificate)

    def verify(self, digest: bytes) -> bool:
        """Tell whether the key that the signature names made it for this digest.

        Somebody must have touched a security key, unless its certificate says that nobody need.
        """
        signed = _signed(self.namespace.encode("utf-8"), self.hash_name.encode("ascii"), digest)
        wanted = (self.certificate or self.key).required_proof
        return wanted in self.key.proof(signed, self.signature)


def create_sshsig(
    key: KeyListArgument,
    data: bytes | FilePath,
    *,
    is_hashed: bool = False,
    hash_name: str = "sha512",
    namespace: str = "file",
    raw: bool = False,
) -> bytes:
    """Sign data or a file, as `ssh-keygen -Y sign` does (OpenSSH PROTOCOL.sshsig).

    Args:
        key: a private key, in any form that `client_keys` takes; of several the first. With a certificate,
            as `[(key, cert)]`, the signature names that.
        data: the bytes, or the name of a file, which is read in pieces.
        is_hashed: `data` is the digest, of `hash_name`.
        hash_name: "sha512" or "sha256".
        namespace: what the signature is for; it is valid for nothing else. Not empty.
        raw: return the blob without its armour.

    Returns:
        The signature, as `ssh-keygen -Y verify` reads it; the blob with `raw`.

    Raises:
        ValueError: the namespace is empty or too long, the hash unknown, the digest of another size.
        OSError: a file cannot be read.
        KeyImportError, KeyEncryptionError: the key cannot be used.
    """
    name = namespace.encode("utf-8")
    if not name or len(name) > _MAX_NAMESPACE:
        raise ValueError(f"a namespace has 1 to {_MAX_NAMESPACE} bytes; this one has {len(name)}")
    digest = hash_data(data, hash_name, is_hashed)
    pairs = load_keypairs(key, certlist=None)
    if not pairs:
        raise ValueError("there is no key to sign with")
    pair = pairs[0]
    if isinstance(pair.cert, X509Chain):
        raise TypeError("SSH signatures name keys and OpenSSH's certificates, none of X.509")
    hashed = hash_name.encode("ascii")
    signature = pair.sign(_signed(name, hashed, digest), pair.sig_algorithms[0])
    if not isinstance(signature, bytes):
        raise TypeError(
            "a key of an agent answers later; sign with `sign_async` of the key, or ssh-keygen -Y"
        )
    parts = (pair.public_data, name, b"", hashed, signature)
    blob = MAGIC + encode_uint32(_VERSION) + b"".join(encode_string(part) for part in parts)
    return blob if raw else armor(_LABEL, blob)
