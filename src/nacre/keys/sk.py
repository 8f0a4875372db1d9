"""Security keys: keys whose private part is in a FIDO authenticator (OpenSSH's PROTOCOL.u2f).

Owns: the key types `sk-ssh-ed25519@openssh.com` and `sk-ecdsa-sha2-nistp256@openssh.com`, what they sign,
and how a browser's signature is checked. Must not know: files, how one talks to an authenticator.

A private key here is no secret: it is the handle by which the authenticator finds (or computes) its own key,
and without that authenticator worth nothing. A signature is over the hash of the application, the flags, a
counter and the hash of the data; that the application is part of the public key is what keeps a signature
made for a web site from being one for a login. The counter is read and not kept: two servers of one user do
not know of each other, and OpenSSH does the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Self

from nacre.crypto.registry import Status
from nacre.errors import KeyGenerationError, KeyImportError
from nacre.keys import ecdsa, ed25519  # noqa: F401  # for the key types inside
from nacre.keys.algorithms import SignatureAlgorithm, register_signature_algorithm
from nacre.keys.base import KEY_TYPES, KeyType, SSHKey, register_key_type, require_private
from nacre.keys.proof import Proof
from nacre.keys.webauthn import WEBAUTHN, read_client_data
from nacre.wire.fields import Reader, encode_byte, encode_string, encode_uint32
from nacre.wire.record import hidden, record

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from nacre.keys.authenticator import Enrolled

__all__ = ["SK_ECDSA", "SK_ED25519", "Credential", "SecurityKey", "key_of_authenticator"]

SK_ED25519: Final = "sk-ssh-ed25519@openssh.com"
SK_ECDSA: Final = "sk-ecdsa-sha2-nistp256@openssh.com"

#: Flags in a signature (CTAP 2.1 section 6.1).
_USER_PRESENT: Final = 0x01
_USER_VERIFIED: Final = 0x04

#: Flags in a private key (OpenSSH's sk-api.h).
PRESENCE_REQUIRED: Final = 0x01
VERIFICATION_REQUIRED: Final = 0x04
RESIDENT: Final = 0x20

#: A name such as "ssh:"; it is a host name for keys of web sites.
_MAX_APPLICATION: Final = 1024


@record
class _Kind:
    """One of the key types.

    Attributes:
        name: of the key type and of its signature algorithm.
        inner: the type of the key that the authenticator has.
        checked_only: another algorithm, which only a browser makes.
        rank: its place in the order of preference.
    """

    name: str
    inner: str
    checked_only: tuple[str, ...]
    rank: int


_KINDS: Final = (
    _Kind(SK_ED25519, "ssh-ed25519", (), 23),
    _Kind(SK_ECDSA, "ecdsa-sha2-nistp256", (WEBAUTHN,), 24),
)


@record
class Credential:
    """How an authenticator finds its key again.

    Attributes:
        flags: whether its user must touch it, and so on (sk-api.h).
        key_handle: what it gave when the key was made.
        reserved: kept as it was read.
        pin: opens it where it asks for that; never written anywhere.
    """

    flags: int
    key_handle: bytes = hidden()
    reserved: bytes = b""
    pin: str | bytes | None = hidden(default=None)


class SecurityKey(SSHKey):
    """A key in a FIDO authenticator.

    `verify` takes no signature that nobody has touched the authenticator for, until `set_touch_required`
    says otherwise.

    Args:
        kind: its type.
        inner: the public key that the authenticator signs with.
        application: what the key is for, such as b"ssh:".
        credential: for a private key.
    """

    possible_proof = Proof.KEY | Proof.PRESENCE | Proof.VERIFICATION

    def __init__(
        self, kind: _Kind, inner: SSHKey, application: bytes, credential: Credential | None = None
    ) -> None:
        super().__init__()
        self._kind = kind
        self._inner = inner
        self._application = application
        self._credential = credential
        self.algorithm = kind.name
        self.sig_algorithms = (kind.name, *kind.checked_only)
        self.required_proof = Proof.KEY | Proof.PRESENCE
        self.waits = credential is not None

    @property
    def application(self) -> str:
        """What the key is for: "ssh:", or what was chosen when it was made."""
        return self._application.decode("utf-8", "surrogateescape")

    @property
    def library_public_key(self) -> PublicKeyTypes:
        """The key inside as an object of `cryptography`; it is not all that there is to a security key."""
        return self._inner.library_public_key

    @property
    def library_private_key(self) -> None:
        """None: the private part is in the authenticator."""
        return

    @property
    def is_private(self) -> bool:
        """Whether it can sign, with the authenticator that it was made with."""
        return self._credential is not None

    @property
    def signing_algorithms(self) -> tuple[str, ...]:
        """The algorithm of its type: a browser makes the other."""
        return (self._kind.name,)

    def set_touch_required(self, touch_required: bool) -> None:
        """Say whether `verify` takes only signatures for which the authenticator was touched."""
        self.required_proof = Proof.KEY | Proof.PRESENCE if touch_required else Proof.KEY

    def encode_ssh_public(self) -> bytes:
        """Return the fields of the key inside, then the application."""
        return self._inner.encode_ssh_public() + encode_string(self._application)

    def encode_ssh_private(self) -> bytes:
        """Return the public fields, then flags, key handle and what is reserved."""
        credential = require_private(self._credential)
        return (
            self.encode_ssh_public()
            + encode_byte(credential.flags)
            + encode_string(credential.key_handle)
            + encode_string(credential.reserved)
        )

    def _public_part(self) -> Self:
        return type(self)(self._kind, self._inner, self._application)

    # ------------------------------------------------------------ signatures

    def _signed(self, flags: int, counter: int, extensions: bytes, digest: bytes) -> bytes:
        """Return what an authenticator signs."""
        application = hashlib.sha256(self._application).digest()
        return application + encode_byte(flags) + encode_uint32(counter) + extensions + digest

    def _proof(self, data: bytes, reader: Reader, sig_algorithm: str) -> Proof:
        inner, flags, counter = reader.string(), reader.byte(), reader.uint32()
        if sig_algorithm == WEBAUTHN:
            extensions, digest = read_client_data(reader, data, flags)
        else:
            reader.end()
            extensions, digest = b"", hashlib.sha256(data).digest()
        if not self._verify(self._signed(flags, counter, extensions, digest), inner, sig_algorithm):
            return Proof.NOTHING
        proof = Proof.KEY
        if flags & _USER_PRESENT:
            proof |= Proof.PRESENCE
        if flags & _USER_VERIFIED:
            proof |= Proof.VERIFICATION
        return proof

    def _verify(self, data: bytes, signature: bytes, sig_algorithm: str) -> bool:
        return self._inner._verify(data, signature, self._inner.algorithm)

    def _sign(self, data: bytes, sig_algorithm: str) -> bytes:
        raise NotImplementedError("a security key signs in `_signature`: there is more in it than one field")

    def _signature(self, data: bytes, sig_algorithm: str) -> bytes:
        """Have the authenticator sign; this waits until somebody touches it."""
        credential = require_private(self._credential)
        from nacre.keys import authenticator  # needs a package that few have

        made = authenticator.sign(
            self.application,
            hashlib.sha256(data).digest(),
            credential.key_handle,
            touch=bool(credential.flags & PRESENCE_REQUIRED),
            verify=bool(credential.flags & VERIFICATION_REQUIRED),
            pin=credential.pin,
        )
        inner = authenticator.encode_signature(self._inner.algorithm, made.signature)
        fields = encode_string(inner) + encode_byte(made.flags) + encode_uint32(made.counter)
        if Proof.KEY not in self._proof(data, Reader(fields), sig_algorithm):
            raise ValueError("the security key has signed with another key than this one")
        return fields


# ---------------------------------------------------------------- reading and making


def _read_public(kind: _Kind, reader: Reader) -> tuple[SSHKey, bytes]:
    inner = KEY_TYPES[kind.inner].decode_public(reader)
    application = reader.string()
    _check_application(application, KeyImportError)
    return inner, application


def _check_application(application: bytes, error: type[KeyImportError | KeyGenerationError]) -> None:
    # A C string in OpenSSH: none with a NUL can be read again.
    if not application or len(application) > _MAX_APPLICATION or b"\0" in application:
        raise error(f"the application of this key is not one of 1 to {_MAX_APPLICATION} bytes without a NUL")


def _public_decoder(kind: _Kind) -> Callable[[Reader], SSHKey]:
    def decode_public(reader: Reader) -> SSHKey:
        return SecurityKey(kind, *_read_public(kind, reader))

    return decode_public


def _private_decoder(kind: _Kind) -> Callable[[Reader, bool], SSHKey]:
    def decode_private(reader: Reader, unsafe_skip_rsa_key_validation: bool) -> SSHKey:
        public = _read_public(kind, reader)
        return SecurityKey(kind, *public, Credential(reader.byte(), reader.string(), reader.string()))

    return decode_private


def _no_library_key(key: object, unsafe_skip_rsa_key_validation: bool) -> None:
    """No file format but OpenSSH's holds a security key."""


def key_of_authenticator(
    name: str, enrolled: Enrolled, application: str, flags: int, pin: str | bytes | None
) -> SecurityKey:
    """Return the private key for what an authenticator has told of one of its own.

    Raises:
        KeyImportError: it is no key of this type.
    """
    kind = next(kind for kind in _KINDS if kind.name == name)
    inner = KEY_TYPES[kind.inner].decode_public(Reader(enrolled.public_fields))
    credential = Credential(flags, enrolled.key_handle, b"", pin)
    return SecurityKey(kind, inner, application.encode("utf-8"), credential)


def _generator(kind: _Kind) -> Callable[..., SSHKey]:
    def generate(
        application: str = "ssh:",
        user: str = "nacre",
        pin: str | bytes | None = None,
        resident: bool = False,
        touch_required: bool = True,
        verify_required: bool = False,
    ) -> SSHKey:
        from nacre.keys import authenticator

        # Before the authenticator is asked: what it enrols may stay in it.
        _check_application(application.encode("utf-8"), KeyGenerationError)
        try:
            enrolled = authenticator.enroll(
                kind.inner, application, user, pin, resident=resident, verified=verify_required
            )
        except ValueError as error:
            raise KeyGenerationError(str(error)) from None
        flags = (PRESENCE_REQUIRED if touch_required else 0) | (RESIDENT if resident else 0)
        flags |= VERIFICATION_REQUIRED if verify_required else 0
        return key_of_authenticator(kind.name, enrolled, application, flags, pin)

    return generate


for _kind in _KINDS:
    register_key_type(
        KeyType(
            _kind.name,
            _public_decoder(_kind),
            _private_decoder(_kind),
            _no_library_key,
            _generator(_kind),
        )
    )
    for _name in (_kind.name, *_kind.checked_only):
        register_signature_algorithm(
            SignatureAlgorithm(
                _name,
                _kind.name,
                _kind.rank + (_name == WEBAUTHN),
                host=Status.OPTIONAL,
                user=Status.DEFAULT,
            )
        )
