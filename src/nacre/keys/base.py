"""What every SSH key is: `SSHKey`, and the registries of key types and of file formats.

Owns: the public class, the framing of public key and signature blobs (RFC 4253 section 6.6), the
fingerprint, the comment, and the two registries that the other modules of this package fill. Must
not know: any one algorithm or file format.
"""

from __future__ import annotations

import base64
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from nacre.errors import KeyExportError, WireError
from nacre.keys.certificate_options import user_options
from nacre.keys.comment import Commented
from nacre.keys.files import FilePath, append_file, replace_file
from nacre.keys.proof import Proof
from nacre.keys.validity import FOREVER, TimeArgument
from nacre.wire.fields import Reader, encode_string
from nacre.wire.record import hidden, record

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

    from nacre.keys.certificate import SSHCertificate
    from nacre.keys.x509 import SSHX509Certificate

__all__ = [
    "DEFAULT_BCRYPT_ROUNDS",
    "KEY_FORMATS",
    "KEY_TYPES",
    "ExportOptions",
    "KeyFormat",
    "KeyType",
    "SSHKey",
    "SignatureFault",
    "register_key_format",
    "register_key_type",
    "require_private",
]

PrivateT = TypeVar("PrivateT")

#: About a second of work on the machines of 2026.
DEFAULT_BCRYPT_ROUNDS: Final = 128


class SignatureFault(RuntimeError):
    """A signature that was just made does not verify, and was not handed out.

    The machine or its library miscalculated; such a signature could give the key away.
    """


@record
class KeyType:
    """One kind of key, as its public key format is named (RFC 4253 section 6.6).

    Attributes:
        name: the name of the public key format.
        decode_public: reads what follows the name in a public key blob; KeyImportError.
        decode_private: reads what follows the name in an OpenSSH private key; the second argument
            is true to leave the slow checks of RSA numbers out; KeyImportError.
        from_library: makes the key from an object of `cryptography`, or None when it is of
            another kind; the second argument as for `decode_private`; KeyImportError.
        generate: makes a new key; its keywords are those of `generate_private_key`.
    """

    name: str
    decode_public: Callable[[Reader], SSHKey]
    decode_private: Callable[[Reader, bool], SSHKey]
    from_library: Callable[[object, bool], SSHKey | None]
    generate: Callable[..., SSHKey]


@record
class ExportOptions:
    """How a private key is to be encrypted; see `SSHKey.export_private_key`."""

    passphrase: bytes | None = hidden(default=None)
    cipher_name: str | None = None
    hash_name: str = "sha256"
    pbe_version: int = 2
    rounds: int = DEFAULT_BCRYPT_ROUNDS
    ignore_few_rounds: bool = False


@record
class KeyFormat:
    """One file format; a None is a direction that does not exist. KeyExportError when it cannot be."""

    name: str
    export_private: Callable[[SSHKey, ExportOptions], bytes] | None
    export_public: Callable[[SSHKey], bytes] | None


#: Every key type that is built, by name.
KEY_TYPES: dict[str, KeyType] = {}

#: Every file format that is built, by the name that `export_private_key` takes.
KEY_FORMATS: dict[str, KeyFormat] = {}


def register_key_type(key_type: KeyType) -> None:
    """Add a key type; a name can be registered once."""
    if key_type.name in KEY_TYPES:
        raise ValueError(f"key type {key_type.name} is registered twice")
    KEY_TYPES[key_type.name] = key_type


def register_key_format(key_format: KeyFormat) -> None:
    """Add a file format; a name can be registered once."""
    if key_format.name in KEY_FORMATS:
        raise ValueError(f"key format {key_format.name} is registered twice")
    KEY_FORMATS[key_format.name] = key_format


def _key_format(name: str) -> KeyFormat:
    try:
        return KEY_FORMATS[name]
    except KeyError:
        known = ", ".join(sorted(KEY_FORMATS))
        raise KeyExportError(f"unknown key format {name!r}; nacre writes {known}") from None


def require_private(private: PrivateT | None) -> PrivateT:
    """Return the private part; ValueError when there is none."""
    if private is None:
        raise ValueError("this takes a private key, and this is a public one")
    return private


class SSHKey(Commented, ABC):
    """A public key, or a private key with its public part.

    Made by `generate_private_key`, `import_private_key`, `import_public_key`, the `read_*`
    functions and `decode_public_key`; never directly. Two keys are equal when they have the same
    public part and both or neither have the private one; the comment does not count.

    Attributes:
        algorithm: the name of the public key format, such as "ssh-ed25519".
        sig_algorithms: the signature algorithms that the key can make and check, best first.
        required_proof: what `verify` asks of a signature.
        possible_proof: what a signature of such a key can prove at most.
        waits: whether `sign` waits for somebody, as for who is to touch a security key.
    """

    algorithm: str
    sig_algorithms: tuple[str, ...]
    required_proof: Proof = Proof.KEY
    possible_proof: Proof = Proof.KEY
    waits: bool = False

    def __init__(self) -> None:
        self._comment: bytes | None = None
        self._filename: str | None = None
        self._public_data = b""

    # ------------------------------------------------------------ what a key type implements

    @property
    @abstractmethod
    def library_public_key(self) -> PublicKeyTypes:
        """The public key as an object of `cryptography`."""

    @property
    @abstractmethod
    def library_private_key(self) -> PrivateKeyTypes | None:
        """The private key as an object of `cryptography`, or None."""

    @abstractmethod
    def encode_ssh_public(self) -> bytes:
        """Return what follows the name in the public key blob."""

    @abstractmethod
    def encode_ssh_private(self) -> bytes:
        """Return what follows the name in an OpenSSH private key (PROTOCOL.key)."""

    @abstractmethod
    def _public_part(self) -> Self:
        """Return a new key of the same class without the private part."""

    @abstractmethod
    def _sign(self, data: bytes, sig_algorithm: str) -> bytes:
        """Return the inner signature; the key has its private part."""

    @abstractmethod
    def _verify(self, data: bytes, signature: bytes, sig_algorithm: str) -> bool:
        """Tell whether the inner signature is right; WireError when it does not decode."""

    # ------------------------------------------------------------ blobs and signatures

    @property
    def host_key_algorithms(self) -> tuple[str, ...]:
        """The names of `sig_algorithms` in a key exchange or a login: without a certificate, the same."""
        return self.sig_algorithms

    @property
    def signing_algorithms(self) -> tuple[str, ...]:
        """Those of `sig_algorithms` that the key can make."""
        return self.sig_algorithms

    @property
    def is_private(self) -> bool:
        """Whether the private part is there."""
        return self.library_private_key is not None

    @property
    def public_data(self) -> bytes:
        """The public key blob (RFC 4253 section 6.6)."""
        if not self._public_data:  # asked for again and again, and always the same
            self._public_data = encode_string(self.algorithm.encode("ascii")) + self.encode_ssh_public()
        return self._public_data

    @property
    def private_data(self) -> bytes:
        """The private key as an agent takes it, without the comment. KeyExportError on a public key."""
        self._require_private()
        return encode_string(self.algorithm.encode("ascii")) + self.encode_ssh_private()

    def sign(self, data: bytes, sig_algorithm: str | bytes) -> bytes:
        """Sign `data`.

        Args:
            data: what is signed.
            sig_algorithm: one of `sig_algorithms`. The key type "ssh-rsa" is not one of them: it
                would be SHA-1.

        Returns:
            The signature blob: the name of the algorithm and the signature, each as a string
            (RFC 4253 section 6.6).

        Raises:
            ValueError: the algorithm does not belong to this key, or there is no private part.
            SignatureFault: the signature was miscalculated.
        """
        name = sig_algorithm if isinstance(sig_algorithm, str) else sig_algorithm.decode("ascii", "replace")
        if name not in self.signing_algorithms:
            known = " or ".join(self.signing_algorithms)
            raise ValueError(f"a key of type {self.algorithm} signs with {known}, not {name!r}")
        return encode_string(name.encode("ascii")) + self._signature(data, name)

    def _signature(self, data: bytes, sig_algorithm: str) -> bytes:
        """Return what follows the name in the signature blob."""
        return encode_string(self._sign(data, sig_algorithm))

    def verify(self, data: bytes, signature: bytes, sig_algorithm: str | bytes | None = None) -> bool:
        """Tell whether `signature` is this key's signature of `data`.

        Args:
            data: what was signed.
            signature: the signature blob, as the peer sent it.
            sig_algorithm: the algorithm that was agreed on: the one in the blob must be the same,
                name for name. None takes any of `sig_algorithms`.

        Returns:
            True only for a signature that was checked, is right, and shows what `required_proof` asks for;
            whatever is wrong with the blob, the answer is False.
        """
        return self.required_proof in self.proof(data, signature, sig_algorithm)

    def proof(self, data: bytes, signature: bytes, sig_algorithm: str | bytes | None = None) -> Proof:
        """Return what `signature` proves of `data`; the arguments are those of `verify`.

        For those who judge by themselves whether it is enough: of a security key, whether its user was there.
        """
        if isinstance(sig_algorithm, bytes):
            sig_algorithm = sig_algorithm.decode("ascii", "replace")
        try:
            reader = Reader(signature)
            name = reader.ascii()
            if name not in self.sig_algorithms or sig_algorithm not in (None, name):
                return Proof.NOTHING
            return self._proof(data, reader, name)
        except WireError:
            return Proof.NOTHING

    def _proof(self, data: bytes, reader: Reader, sig_algorithm: str) -> Proof:
        """Return what a signature proves of which `reader` has read the name; WireError when it does not decode."""
        inner = reader.string()
        reader.end()
        return Proof.KEY if self._verify(data, inner, sig_algorithm) else Proof.NOTHING

    # ------------------------------------------------------------ the public face

    def get_algorithm(self) -> str:
        """Return the name of the public key format, such as "ssh-ed25519"."""
        return self.algorithm

    def get_filename(self) -> str | None:
        """Return the name of the file that the key was read from, or None."""
        return self._filename

    def set_filename(self, filename: FilePath | None) -> None:
        """Remember the name of the file that the key comes from."""
        self._filename = None if filename is None else str(filename)

    def set_touch_required(self, touch_required: bool) -> None:
        """Say whether `verify` takes signatures of a security key that nobody has touched.

        Of other keys nothing changes: they cannot be touched.
        """

    def get_fingerprint(self, hash_name: str = "sha256") -> str:
        """Return the fingerprint as `ssh-keygen -l` shows it.

        Args:
            hash_name: "sha256" gives "SHA256:" and base64, "md5" gives "MD5:" and pairs of hex
                digits; any other name that hashlib knows is written like SHA-256.

        Raises:
            ValueError: hashlib does not know the name.
        """
        digest = hashlib.new(hash_name, self.public_data, usedforsecurity=False).digest()
        if hash_name.lower() == "md5":
            text = digest.hex(":")
        else:
            text = base64.b64encode(digest).decode("ascii").rstrip("=")
        return f"{hash_name.upper()}:{text}"

    def convert_to_public(self) -> SSHKey:
        """Return the public part as a key of its own, with the same comment."""
        key = self._public_part()
        key.set_comment(self._comment)
        key.set_filename(self._filename)
        return key

    def export_private_key(
        self,
        format_name: str = "openssh",
        passphrase: str | bytes | None = None,
        cipher_name: str | None = None,
        hash_name: str = "sha256",
        pbe_version: int = 2,
        rounds: int = DEFAULT_BCRYPT_ROUNDS,
        ignore_few_rounds: bool = False,
    ) -> bytes:
        """Return the private key in a file format.

        Args:
            format_name: "openssh", "pkcs8-pem", "pkcs8-der", "pkcs1-pem", "pkcs1-der" or "ppk"
                (PuTTY's, version 3).
            passphrase: encrypts the key; None or an empty one writes it in the clear.
            cipher_name: None takes the format's default: aes256-ctr for "openssh", aes256-cbc
                for PKCS#8 (which has no other here).
            hash_name: for PKCS#8: "sha256" only.
            pbe_version: for PKCS#8: 2 only.
            rounds: of bcrypt for "openssh", 1 to 2048.
            ignore_few_rounds: do not warn about fewer than 50 rounds.

        Raises:
            KeyExportError: the key is public, or the format is unknown or cannot hold it.
            KeyEncryptionError: the cipher or its parameters are unknown or out of bounds.
        """
        export = _key_format(format_name).export_private
        if export is None:
            raise KeyExportError(f"format {format_name} does not hold private keys; use openssh or pkcs8-pem")
        self._require_private()
        if isinstance(passphrase, str):
            passphrase = passphrase.encode("utf-8")
        options = ExportOptions(
            passphrase or None, cipher_name, hash_name, pbe_version, rounds, ignore_few_rounds
        )
        return export(self, options)

    def export_public_key(self, format_name: str = "openssh") -> bytes:
        """Return the public key in a file format.

        Args:
            format_name: "openssh" (a line), "rfc4716", "pkcs8-pem", "pkcs8-der", "pkcs1-pem" or
                "pkcs1-der".

        Raises:
            KeyExportError: the format is unknown or cannot hold this key.
        """
        export = _key_format(format_name).export_public
        if export is None:
            raise KeyExportError(f"format {format_name} does not hold public keys; use openssh or pkcs8-pem")
        return export(self)

    def write_private_key(self, filename: FilePath, *args: Any, **kwargs: Any) -> None:
        """Write the private key to a file of mode 0600, atomically; the rest as `export_private_key`."""
        replace_file(filename, self.export_private_key(*args, **kwargs), 0o600)

    def write_public_key(self, filename: FilePath, *args: Any, **kwargs: Any) -> None:
        """Write the public key to a file, atomically; the rest as for `export_public_key`."""
        replace_file(filename, self.export_public_key(*args, **kwargs), 0o644)

    def append_private_key(self, filename: FilePath, *args: Any, **kwargs: Any) -> None:
        """Add the private key to the end of a file; the rest as for `export_private_key`."""
        append_file(filename, self.export_private_key(*args, **kwargs), 0o600)

    def append_public_key(self, filename: FilePath, *args: Any, **kwargs: Any) -> None:
        """Add the public key to the end of a file; the rest as for `export_public_key`."""
        append_file(filename, self.export_public_key(*args, **kwargs), 0o644)

    def generate_user_certificate(
        self,
        user_key: SSHKey,
        key_id: str,
        version: int = 1,
        serial: int = 0,
        principals: str | Iterable[str | bytes] = (),
        valid_after: TimeArgument = 0,
        valid_before: TimeArgument = FOREVER,
        force_command: str | None = None,
        source_address: str | Sequence[str] | None = None,
        permit_x11_forwarding: bool = True,
        permit_agent_forwarding: bool = True,
        permit_port_forwarding: bool = True,
        permit_pty: bool = True,
        permit_user_rc: bool = True,
        touch_required: bool = True,
        sig_alg: str | tuple[()] = (),
        comment: str | bytes | tuple[()] | None = (),
        *,
        verify_required: bool = False,
    ) -> SSHCertificate:
        """Return a certificate with which a user can log in where this key is trusted as an authority.

        Args:
            user_key: the user's key.
            key_id: what the certificate is called in logs.
            version: 1.
            serial: its number, 0 to 2^64 - 1.
            principals: the users that it is for, one `str` with commas between them or several. Without
                any it is for nobody.
            valid_after: when it begins to be valid: seconds since 1970, a datetime, "20301231",
                "20301231120000", "now", or from now on as "-5m".
            valid_before: when it stops to be valid.
            force_command: the command that runs whatever the user asks for.
            source_address: addresses and networks that the user may come from.
            permit_x11_forwarding: whether X11 may be forwarded; and so on.
            permit_agent_forwarding: whether an agent may be forwarded.
            permit_port_forwarding: whether ports may be forwarded.
            permit_pty: whether there may be a terminal.
            permit_user_rc: whether the user's rc file may be run.
            touch_required: whether a security key must be touched.
            sig_alg: one of `sig_algorithms`; `()` is the best.
            comment: of the certificate; `()` is the one of the user's key.
            verify_required: whether a security key must have verified its user. AsyncSSH refuses such a certificate.

        Raises:
            KeyGenerationError: another version.
            ValueError: this is a public key, or a value is wrong.
        """
        permissions = {
            "permit-X11-forwarding": permit_x11_forwarding,
            "permit-agent-forwarding": permit_agent_forwarding,
            "permit-port-forwarding": permit_port_forwarding,
            "permit-pty": permit_pty,
            "permit-user-rc": permit_user_rc,
            "no-touch-required": not touch_required,
        }
        critical, extensions = user_options(force_command, source_address, permissions, verify_required)
        from nacre.keys.certificate import CertificateType, Order, make_certificate

        order = Order(
            CertificateType.USER, user_key, key_id, version, serial, principals, valid_after, valid_before,
            sig_alg, comment, critical, extensions,
        )  # fmt: skip
        return make_certificate(self, order)

    def generate_host_certificate(
        self,
        host_key: SSHKey,
        key_id: str,
        version: int = 1,
        serial: int = 0,
        principals: str | Iterable[str | bytes] = (),
        valid_after: TimeArgument = 0,
        valid_before: TimeArgument = FOREVER,
        sig_alg: str | tuple[()] = (),
        comment: str | bytes | tuple[()] | None = (),
    ) -> SSHCertificate:
        """Return a certificate for a host's key; principals are its names, or patterns of names.

        All else is as for `generate_user_certificate`.
        """
        from nacre.keys.certificate import CertificateType, Order, make_certificate

        order = Order(
            CertificateType.HOST, host_key, key_id, version, serial, principals, valid_after, valid_before,
            sig_alg, comment,
        )  # fmt: skip
        return make_certificate(self, order)

    def generate_x509_user_certificate(
        self,
        user_key: SSHKey,
        subject: str,
        issuer: str | None = None,
        serial: int | None = None,
        principals: str | Iterable[str] = (),
        valid_after: TimeArgument = 0,
        valid_before: TimeArgument = FOREVER,
        purposes: str | Iterable[str] | None = "secureShellClient",
        hash_alg: str | tuple[()] = (),
        comment: str | bytes | tuple[()] | None = (),
    ) -> SSHX509Certificate:
        """Return an X.509 certificate with which a user can log in where this key's own is trusted (RFC 6187).

        Args:
            user_key: the user's key.
            subject: whose it is: "O=Org,CN=user".
            issuer: the subject of this key's own certificate; None: a certificate that it signs for itself.
            serial: its number; None: a random one.
            principals: the users that it is for; without any, those of its common names.
            valid_after: when it begins to be valid, as for `generate_user_certificate`.
            valid_before: when it stops to be valid.
            purposes: what it is for; None: anything.
            hash_alg: "sha256", "sha384" or "sha512"; `()` is the first.
            comment: of the certificate; `()` is the one of the user's key.

        Raises:
            KeyGenerationError: this key or the hash cannot be used.
            ValueError: a name or a time is wrong.
        """
        from nacre.keys.x509_making import X509Order, make_x509_certificate

        order = X509Order(
            user_key, subject, issuer, serial, valid_after, valid_before, hash_alg, comment,
            purposes=purposes, users=principals,
        )  # fmt: skip
        return make_x509_certificate(self, order)

    def generate_x509_host_certificate(
        self,
        host_key: SSHKey,
        subject: str,
        issuer: str | None = None,
        serial: int | None = None,
        principals: str | Iterable[str] = (),
        valid_after: TimeArgument = 0,
        valid_before: TimeArgument = FOREVER,
        purposes: str | Iterable[str] | None = "secureShellServer",
        hash_alg: str | tuple[()] = (),
        comment: str | bytes | tuple[()] | None = (),
    ) -> SSHX509Certificate:
        """Return an X.509 certificate for a host's key; principals are its names and addresses."""
        from nacre.keys.x509_making import X509Order, make_x509_certificate

        order = X509Order(
            host_key, subject, issuer, serial, valid_after, valid_before, hash_alg, comment,
            purposes=purposes, hosts=principals,
        )  # fmt: skip
        return make_x509_certificate(self, order)

    def generate_x509_ca_certificate(
        self,
        ca_key: SSHKey,
        subject: str,
        issuer: str | None = None,
        serial: int | None = None,
        valid_after: TimeArgument = 0,
        valid_before: TimeArgument = FOREVER,
        ca_path_len: int | None = None,
        hash_alg: str | tuple[()] = (),
        comment: str | bytes | tuple[()] | None = (),
    ) -> SSHX509Certificate:
        """Return an X.509 certificate for an authority, with so many below it at most."""
        from nacre.keys.x509_making import X509Order, make_x509_certificate

        order = X509Order(
            ca_key, subject, issuer, serial, valid_after, valid_before, hash_alg, comment,
            is_authority=True, path_length=ca_path_len,
        )  # fmt: skip
        return make_x509_certificate(self, order)

    # ------------------------------------------------------------ plumbing

    def _require_private(self) -> None:
        if not self.is_private:
            raise KeyExportError(
                "this key has no private part to export; export_public_key() writes the rest"
            )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SSHKey):
            return NotImplemented
        return self.public_data == other.public_data and self.is_private == other.is_private

    def __hash__(self) -> int:
        return hash(self.public_data)

    def __repr__(self) -> str:
        kind = "private" if self.is_private else "public"
        return f"<{type(self).__name__} {kind} {self.algorithm} {self.get_fingerprint()}>"
