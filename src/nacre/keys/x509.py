"""X.509 certificates for keys of SSH, and chains of them as they go over the wire (RFC 6187).

Owns: what such a certificate says, its file formats, and the chain. Must not know: whom to trust
(`nacre.keys.x509_trust`), how one is made (`nacre.keys.x509_making`).

Unlike OpenSSH's certificates, one of these that was read is believed by nobody yet: only a trusted root tells
whether what it says is true. That is why they are no `SSHCertificate`: what takes those must not take these.
`x509v3-ssh-rsa` signs with SHA-1: as a name of a key format it is understood, as an algorithm it does not exist.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from nacre.errors import KeyExportError, KeyImportError, WireError
from nacre.keys.base import KEY_TYPES, SSHKey
from nacre.keys.comment import Commented
from nacre.keys.files import FilePath, append_file, replace_file
from nacre.keys.proof import Proof
from nacre.wire.fields import Reader, encode_string, encode_text, encode_uint32

if TYPE_CHECKING:
    from cryptography import x509

__all__ = [
    "MAX_CHAIN",
    "X509_ALGORITHMS",
    "SSHX509Certificate",
    "X509Chain",
    "decode_chain",
    "load_der",
    "name_text",
]

#: The algorithms, by the type of the key; and how each is named in a signature, and by nacre's keys.
_ALGORITHMS: Final = {
    "ssh-ed25519": ("x509v3-ssh-ed25519", "ssh-ed25519", "ssh-ed25519"),
    "ecdsa-sha2-nistp256": ("x509v3-ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"),
    "ecdsa-sha2-nistp384": ("x509v3-ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"),
    "ecdsa-sha2-nistp521": ("x509v3-ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"),
    "ssh-rsa": ("x509v3-rsa2048-sha256", "rsa2048-sha256", "rsa-sha2-256"),
}
#: The algorithms with X.509 certificates, best first. None is offered unless a program trusts or has some.
X509_ALGORITHMS: Final = tuple(names[0] for names in _ALGORITHMS.values())
#: The other name that RSA keys have in front of a chain (section 3.2).
_RSA_FORMAT: Final = "x509v3-ssh-rsa"

#: Certificates of one chain, and its bytes: it must fit a packet before authentication.
MAX_CHAIN: Final = 8
MAX_CHAIN_SIZE: Final = 32768


def name_text(name: x509.Name) -> str:
    """Return a distinguished name in the order of the certificate, as "O=Org,CN=user"."""
    return ",".join(part.rfc4514_string() for part in name.rdns)


def load_der(data: bytes) -> x509.Certificate:
    """Return the certificate in DER, of which every part was decoded. KeyImportError: it is damaged."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    wrong = (
        ValueError,
        TypeError,
        UnsupportedAlgorithm,
        x509.DuplicateExtension,
        x509.InvalidVersion,
        x509.UnsupportedGeneralNameType,
        Warning,  # what the library takes for now, and says is wrong
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return _decoded(data)
    except wrong as error:
        raise KeyImportError(f"the X.509 certificate is damaged: {str(error).partition(' {')[0]}") from None


def _decoded(data: bytes) -> x509.Certificate:
    """Return a certificate whose parts were all looked at: else that is when somebody asks, and expects no error."""
    from cryptography import x509

    certificate = x509.load_der_x509_certificate(data)
    for extension in certificate.extensions:
        repr(extension.value)
    names = (certificate.subject, certificate.issuer)
    times = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    repr((names, times, certificate.signature_algorithm_oid))
    certificate.public_key()
    return certificate


class SSHX509Certificate(Commented):
    """An X.509 certificate for a key that SSH knows.

    Made by `SSHKey.generate_x509_user_certificate` and its like, `import_certificate` and the `read_*`
    functions; never directly. Two are equal when they are the same, byte for byte, but for the comment.

    Args:
        x509_cert: the certificate.
        comment: what it is called.

    Attributes:
        x509_cert: the certificate as an object of `cryptography`.
        public_data: the certificate in DER.
        key: the key that it is about.
        algorithm: its type here, such as "x509v3-ssh-ed25519".
        is_x509: True.
        is_x509_chain: False: it is one certificate.

    Raises:
        KeyImportError: it is about a key that is not taken.
    """

    is_x509 = True
    is_x509_chain = False

    def __init__(self, x509_cert: x509.Certificate, comment: bytes | None = None) -> None:
        from cryptography.hazmat.primitives.serialization import Encoding

        self._comment = comment
        self.x509_cert = x509_cert
        self.public_data = x509_cert.public_bytes(Encoding.DER)
        self.key = _key_of(x509_cert)
        self.algorithm = f"x509v3-{self.key.algorithm}"

    @property
    def subject(self) -> str:
        """Whose it is: the distinguished name, in the order of the certificate."""
        return name_text(self.x509_cert.subject)

    @property
    def issuer(self) -> str:
        """Who has signed it."""
        return name_text(self.x509_cert.issuer)

    @property
    def is_authority(self) -> bool:
        """Whether it says that its key may vouch for others."""
        from cryptography import x509

        extensions = self.x509_cert.extensions
        return any(isinstance(each.value, x509.BasicConstraints) and each.value.ca for each in extensions)

    @cached_property
    def user_principals(self) -> list[str]:
        """The users that it is for: its mail names, without any its common names."""
        from cryptography import x509

        return self._alternatives(x509.RFC822Name) or self._common_names()

    @cached_property
    def host_principals(self) -> list[str]:
        """The hosts that it is for: its DNS names and addresses, without any its common names."""
        from cryptography import x509

        found = self._alternatives(x509.DNSName) + self._alternatives(x509.IPAddress)
        return found or self._common_names()

    def _alternatives(self, kind: type[x509.GeneralName]) -> list[str]:
        from cryptography import x509

        try:
            found = self.x509_cert.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except x509.ExtensionNotFound:
            return []
        return [str(name.value) for name in found.value if isinstance(name, kind)]

    def _common_names(self) -> list[str]:
        from cryptography.x509.oid import NameOID

        return [
            str(entry.value) for entry in self.x509_cert.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        ]

    def get_algorithm(self) -> str:
        """Return its type here, such as "x509v3-ssh-ed25519"."""
        return self.algorithm

    def export_certificate(self, format_name: str = "pem") -> bytes:
        """Return the certificate in a file format: "pem", "der", or "openssh" (a line).

        Raises:
            KeyExportError: the format is unknown, or for OpenSSH's certificates.
        """
        from cryptography.hazmat.primitives.serialization import Encoding

        if format_name == "pem":
            return self.x509_cert.public_bytes(Encoding.PEM)
        if format_name == "der":
            return self.public_data
        if format_name == "openssh":
            from nacre.keys.public import export_public_line

            return export_public_line(self)
        raise KeyExportError(f"{format_name!r} is no format of X.509 certificates; use pem, der or openssh")

    def write_certificate(self, filename: FilePath, format_name: str = "pem") -> None:
        """Write the certificate to a file, atomically; the format as for `export_certificate`."""
        replace_file(filename, self.export_certificate(format_name), 0o644)

    def append_certificate(self, filename: FilePath, format_name: str = "pem") -> None:
        """Add the certificate to the end of a file; the format as for `export_certificate`."""
        append_file(filename, self.export_certificate(format_name), 0o644)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SSHX509Certificate):
            return NotImplemented
        return self.public_data == other.public_data

    def __hash__(self) -> int:
        return hash(self.public_data)

    def __repr__(self) -> str:
        return f"<SSHX509Certificate {self.key.algorithm} {self.subject!r:.80}>"


def _key_of(certificate: x509.Certificate) -> SSHKey:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        public = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyImportError(f"the X.509 certificate has a key that is not taken: {error}") from None
    for key_type in KEY_TYPES.values():
        key = key_type.from_library(public, False)
        if key is not None and key.algorithm in _ALGORITHMS:
            return key
    raise KeyImportError(f"the X.509 certificate is for a key that is not one of {', '.join(_ALGORITHMS)}")


class X509Chain:
    """A certificate and those that vouch for it, as one end shows them to the other.

    Args:
        certificates: the first is that of the key; each of the others vouches for the one before it.
        public_data: the chain as it came over the wire; None: it is made.

    Attributes:
        algorithm: how the blob names its key format.
        key: the key of the first.
    """

    is_x509 = True
    is_x509_chain = True

    def __init__(self, certificates: Sequence[SSHX509Certificate], public_data: bytes | None = None) -> None:
        self.certificates = tuple(certificates)
        self.key = self.certificates[0].key
        self.algorithm, self._named, self._own = _ALGORITHMS[self.key.algorithm]
        self.public_data = self._encoded() if public_data is None else public_data
        if len(self.public_data) > MAX_CHAIN_SIZE or len(self.certificates) > MAX_CHAIN:
            raise KeyImportError(
                f"a chain of {MAX_CHAIN} certificates and {MAX_CHAIN_SIZE} bytes is the longest"
            )

    def _encoded(self) -> bytes:
        listed = b"".join(encode_string(each.public_data) for each in self.certificates)
        count = encode_uint32(len(self.certificates))
        return encode_text(self.algorithm) + count + listed + encode_uint32(0)

    @property
    def certificate(self) -> SSHX509Certificate:
        """The certificate of the key."""
        return self.certificates[0]

    @property
    def host_key_algorithms(self) -> tuple[str, ...]:
        """The algorithm of a key exchange or a login with this chain."""
        return (self.algorithm,)

    @property
    def sig_algorithms(self) -> tuple[str, ...]:
        """The signature algorithm of its key that goes with it."""
        return (self._own,)

    @property
    def required_proof(self) -> Proof:
        """What `verify` asks of a signature."""
        return self.key.required_proof

    def verify(self, data: bytes, signature: bytes, algorithm: str) -> bool:
        """Tell whether its key has signed `data`; whether the chain is believed is another question."""
        return self.required_proof in self.proof(data, signature, algorithm)

    def proof(self, data: bytes, signature: bytes, algorithm: str) -> Proof:
        """Return what a signature of its key proves; the arguments are those of `verify`."""
        try:
            reader = Reader(signature)
            if algorithm != self.algorithm or reader.ascii() != self._named:
                return Proof.NOTHING
        except WireError:
            return Proof.NOTHING
        return self.key.proof(data, encode_text(self._own) + reader.rest(), self._own)

    def renamed(self, signature: bytes) -> bytes:
        """Return a signature of its key under the name that it has with a chain (section 3.3)."""
        reader = Reader(signature)
        reader.ascii()
        return encode_text(self._named) + reader.rest()

    def __repr__(self) -> str:
        return f"<X509Chain of {len(self.certificates)} for {self.certificate.subject!r:.80}>"


def decode_chain(blob: bytes) -> X509Chain:
    """Return the chain of a blob (section 2.1). OCSP responses are passed over.

    Raises:
        KeyImportError: it is damaged or too long, or its key is of another type than it says.
    """
    if len(blob) > MAX_CHAIN_SIZE:
        raise KeyImportError(f"a chain of {len(blob)} bytes is too long")
    try:
        reader = Reader(blob)
        name = reader.ascii()
        count = reader.uint32()
        if not 1 <= count <= MAX_CHAIN:
            raise KeyImportError(f"a chain of {count} certificates; 1 to {MAX_CHAIN} are taken")
        encoded = [reader.string() for _ in range(count)]
        responses = reader.uint32()
        if responses > count:
            raise KeyImportError("more OCSP responses than certificates")
        for _ in range(responses):
            reader.string()
        reader.end()
    except WireError as error:
        raise KeyImportError(f"the chain of certificates is not encoded as it should be: {error}") from None
    chain = X509Chain([SSHX509Certificate(load_der(each)) for each in encoded], bytes(blob))
    if name != chain.algorithm and (name, chain.key.algorithm) != (_RSA_FORMAT, "ssh-rsa"):
        raise KeyImportError(f"a chain for a key of type {chain.key.algorithm} calls itself {name!r}")
    return chain
