"""RSA keys and signatures with SHA-2 (RFC 8332).

Owns: the key type `ssh-rsa`, the bounds of its numbers, and the signature algorithms rsa-sha2-512
and rsa-sha2-256. Must not know: files.

The key type keeps its old name; the signature algorithm of that name (SHA-1) does not exist here.
`cryptography` takes moduli from 512 to 32768 bits and any odd exponent, so the bounds are ours.
"""

from __future__ import annotations

from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from nacre.crypto.registry import Status
from nacre.errors import KeyGenerationError, KeyImportError
from nacre.keys.algorithms import SignatureAlgorithm, register_signature_algorithm
from nacre.keys.base import KeyType, SignatureFault, SSHKey, register_key_type, require_private
from nacre.wire.fields import Reader, encode_mpint

__all__ = ["MAX_MODULUS_BITS", "MIN_MODULUS_BITS", "RSAKey"]

MIN_MODULUS_BITS: Final = 2048
MAX_MODULUS_BITS: Final = 16384
_DEFAULT_MODULUS_BITS: Final = 3072
_EXPONENT: Final = 65537
_MAX_EXPONENT_BITS: Final = 33

# The library tests both primes: half a second for 4096 bits, minutes for 16384. Above this size
# only the relations between the numbers are checked.
_MAX_PRIME_TEST_BITS: Final = 4096

_NAME = "ssh-rsa"
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "rsa-sha2-512": hashes.SHA512(),
    "rsa-sha2-256": hashes.SHA256(),
}


class RSAKey(SSHKey):
    """An RSA key; it signs with SHA-2 only."""

    algorithm = _NAME
    sig_algorithms = tuple(_HASHES)

    def __init__(self, public: rsa.RSAPublicKey, private: rsa.RSAPrivateKey | None = None) -> None:
        super().__init__()
        self._public = public
        self._private = private

    @property
    def library_public_key(self) -> rsa.RSAPublicKey:
        """The public key as an object of `cryptography`."""
        return self._public

    @property
    def library_private_key(self) -> rsa.RSAPrivateKey | None:
        """The private key as an object of `cryptography`, or None."""
        return self._private

    def encode_ssh_public(self) -> bytes:
        """Return e and n (RFC 4253 section 6.6)."""
        numbers = self._public.public_numbers()
        return encode_mpint(numbers.e) + encode_mpint(numbers.n)

    def encode_ssh_private(self) -> bytes:
        """Return n, e, d, iqmp, p and q, as OpenSSH writes them."""
        private = require_private(self._private)
        numbers = private.private_numbers()
        public = numbers.public_numbers
        fields = (public.n, public.e, numbers.d, numbers.iqmp, numbers.p, numbers.q)
        return b"".join(encode_mpint(value) for value in fields)

    def _public_part(self) -> Self:
        return type(self)(self._public)

    def _sign(self, data: bytes, sig_algorithm: str) -> bytes:
        private = require_private(self._private)
        signature = private.sign(data, padding.PKCS1v15(), _HASHES[sig_algorithm])
        # A signature with a fault in one half of the CRT gives the key away to whoever sees it.
        if not self._verify(data, signature, sig_algorithm):
            raise SignatureFault(
                "an RSA signature was miscalculated and is not sent; check this machine's hardware"
            )
        return signature

    def _verify(self, data: bytes, signature: bytes, sig_algorithm: str) -> bool:
        size = (self._public.key_size + 7) // 8
        if len(signature) > size:
            return False
        # RFC 8332 section 3 has the length of the modulus; PuTTY up to 0.81 and others leave out
        # leading zeros, one signature in 256, and OpenSSH takes those too.
        try:
            self._public.verify(
                signature.rjust(size, b"\0"), data, padding.PKCS1v15(), _HASHES[sig_algorithm]
            )
        except InvalidSignature:
            return False
        return True


def _check_public(e: int, n: int) -> None:
    bits = n.bit_length()
    if not MIN_MODULUS_BITS <= bits <= MAX_MODULUS_BITS:
        raise KeyImportError(
            f"an RSA key of {bits} bits; nacre takes {MIN_MODULUS_BITS} to {MAX_MODULUS_BITS} bits"
        )
    if n % 2 == 0:
        raise KeyImportError("the modulus of this RSA key is even")
    if e < 3 or e % 2 == 0 or e.bit_length() > _MAX_EXPONENT_BITS:
        raise KeyImportError("the exponent of this RSA key is not an odd number from 3 to 2^33")


def _load_public(e: int, n: int) -> rsa.RSAPublicKey:
    _check_public(e, n)
    try:
        return rsa.RSAPublicNumbers(e, n).public_key()
    except ValueError:
        raise KeyImportError("the numbers of this RSA public key are not valid") from None


def _check_private(numbers: rsa.RSAPrivateNumbers) -> None:
    """The relations of RFC 8017 section 3.2, without testing that p and q are primes."""
    n, e = numbers.public_numbers.n, numbers.public_numbers.e
    p, q, d = numbers.p, numbers.q, numbers.d
    right = (
        1 < p < n
        and 1 < q < n
        and 1 < d < n
        and p * q == n
        and (d * e) % (p - 1) == 1
        and (d * e) % (q - 1) == 1
        and numbers.dmp1 == d % (p - 1)
        and numbers.dmq1 == d % (q - 1)
        and (numbers.iqmp * q) % p == 1
    )
    if not right:
        raise KeyImportError("the numbers of this RSA private key do not belong together")


def _load_private(numbers: rsa.RSAPrivateNumbers, unsafe_skip_rsa_key_validation: bool) -> RSAKey:
    n = numbers.public_numbers.n
    _check_public(numbers.public_numbers.e, n)
    skip = unsafe_skip_rsa_key_validation
    if not skip:
        _check_private(numbers)
        skip = n.bit_length() > _MAX_PRIME_TEST_BITS
    try:
        private = numbers.private_key(unsafe_skip_rsa_key_validation=skip)
    except ValueError:
        raise KeyImportError("the numbers of this RSA private key are not valid") from None
    return RSAKey(private.public_key(), private)


def _decode_public(reader: Reader) -> SSHKey:
    e = reader.mpint()
    n = reader.mpint()
    return RSAKey(_load_public(e, n))


def _decode_private(reader: Reader, unsafe_skip_rsa_key_validation: bool) -> SSHKey:
    n, e, d, iqmp, p, q = (reader.mpint() for _ in range(6))
    if min(p, q) < 2:
        raise KeyImportError("the numbers of this RSA private key do not belong together")
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), iqmp, rsa.RSAPublicNumbers(e, n))
    return _load_private(numbers, unsafe_skip_rsa_key_validation)


def _from_library(key: object, unsafe_skip_rsa_key_validation: bool) -> SSHKey | None:
    if isinstance(key, rsa.RSAPrivateKey):
        return _load_private(key.private_numbers(), unsafe_skip_rsa_key_validation)
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return RSAKey(_load_public(numbers.e, numbers.n))
    return None


def _generate(key_size: int = _DEFAULT_MODULUS_BITS, exponent: int = _EXPONENT) -> SSHKey:
    if not MIN_MODULUS_BITS <= key_size <= MAX_MODULUS_BITS:
        raise KeyGenerationError(
            f"key_size is {key_size}; an RSA key has {MIN_MODULUS_BITS} to {MAX_MODULUS_BITS} bits"
        )
    if exponent != _EXPONENT:
        raise KeyGenerationError(f"exponent is {exponent}; nacre makes RSA keys with {_EXPONENT} only")
    private = rsa.generate_private_key(_EXPONENT, key_size)
    return RSAKey(private.public_key(), private)


register_key_type(KeyType(_NAME, _decode_public, _decode_private, _from_library, _generate))
for _rank, _algorithm in enumerate(_HASHES, start=30):
    register_signature_algorithm(
        SignatureAlgorithm(_algorithm, _NAME, _rank, host=Status.DEFAULT, user=Status.DEFAULT)
    )
