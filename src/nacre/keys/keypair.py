"""A key as a connection uses it: the public blob or the certificate, and something that signs.

Owns: `SSHKeyPair`. Must not know: where the private part is; it may be in this process or behind
an agent; whether anybody trusts the certificate.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

from nacre.keys.algorithms import signature_of, with_certificate
from nacre.keys.base import SSHKey
from nacre.keys.certificate import SSHCertificate
from nacre.keys.comment import Commented
from nacre.keys.x509 import SSHX509Certificate, X509Chain

__all__ = ["SSHKeyPair"]


class SSHKeyPair(Commented):
    """A public key and the means to sign with its private part.

    Args:
        algorithm: the name of the public key format.
        public_data: the public key blob, or the certificate that is in its place.
        sig_algorithms: the signature algorithms that `signer` can make, best first.
        signer: takes the data and the name of the signature algorithm, returns the signature blob.
        comment: the comment of the key.
        key_type: where the private part is: "local", "agent", ….

    Attributes:
        key: the key itself, when its private part is in this process; else None.
        waits: whether `sign` waits for somebody or for hardware: where there is a loop, a thread calls it.
        has_cert: whether a certificate goes with the key.
        cert: the certificate, or None.
        key_data: the blob of the key itself.
    """

    def __init__(
        self,
        algorithm: str,
        public_data: bytes,
        sig_algorithms: tuple[str, ...],
        signer: Callable[[bytes, str], bytes],
        comment: bytes | None = None,
        key_type: str = "local",
    ) -> None:
        if not sig_algorithms:
            raise ValueError("a key pair needs a signature algorithm")
        self.algorithm = algorithm
        self.public_data = public_data
        self.sig_algorithms = sig_algorithms
        self.sig_algorithm = sig_algorithms[0]
        self._signer = signer
        self._comment = comment
        self._key_type = key_type
        self.key: SSHKey | None = None
        self.key_data = public_data
        self.waits = False
        self.has_cert = False
        self.cert: SSHCertificate | X509Chain | None = None

    @classmethod
    def from_key(cls, key: SSHKey) -> SSHKeyPair:
        """Return the pair of a private key in this process. ValueError for a public key."""
        if not key.is_private:
            raise ValueError(f"{key!r} has no private part; load the private key")
        pair = cls(key.algorithm, key.public_data, key.signing_algorithms, key.sign, key.get_comment_bytes())
        pair.key = key
        pair.waits = key.waits
        return pair

    def get_key_type(self) -> str:
        """Return where the private part is: "local" for one in this process."""
        return self._key_type

    def get_algorithm(self) -> str:
        """Return the name of the public key format."""
        return self.algorithm

    @property
    def host_key_algorithms(self) -> tuple[str, ...]:
        """The names of `sig_algorithms` in a key exchange or a login."""
        if isinstance(self.cert, X509Chain):
            return self.cert.host_key_algorithms
        return tuple(map(with_certificate, self.sig_algorithms)) if self.has_cert else self.sig_algorithms

    def asked(self, sig_algorithm: str | None) -> str:
        """Return what the private part is asked for where `sig_algorithm` is wanted: see `sign`."""
        if isinstance(self.cert, X509Chain):
            return self.cert.sig_algorithms[0]
        return signature_of(sig_algorithm or self.sig_algorithm)

    def answered(self, signature: bytes) -> bytes:
        """Return the signature that the private part has made as it goes with the certificate."""
        return self.cert.renamed(signature) if isinstance(self.cert, X509Chain) else signature

    def set_sig_algorithm(self, sig_algorithm: str | bytes) -> None:
        """Choose the signature algorithm of `sign`. ValueError when the key does not have it."""
        name = sig_algorithm if isinstance(sig_algorithm, str) else sig_algorithm.decode("ascii", "replace")
        if name not in self.sig_algorithms:
            raise ValueError(f"a key of type {self.algorithm} does not sign with {name!r}")
        self.sig_algorithm = name

    def sign(self, data: bytes, sig_algorithm: str | None = None) -> bytes:
        """Return the signature blob of `data`.

        Args:
            data: what is signed.
            sig_algorithm: one of `sig_algorithms` or `host_key_algorithms`; None is the one that was chosen, at
                first the best.
        """
        return self.answered(self._signer(data, self.asked(sig_algorithm)))

    async def sign_async(self, data: bytes, sig_algorithm: str | None = None) -> bytes:
        """Return the signature blob as `sign` does; for keys that answer later, as those of an agent."""
        signature = self.sign(data, sig_algorithm)
        return bytes(await signature if inspect.isawaitable(signature) else signature)

    def set_certificate(self, cert: SSHCertificate | SSHX509Certificate | X509Chain) -> None:
        """Show a certificate in place of the key. ValueError when it is another key's."""
        if isinstance(cert, SSHX509Certificate):
            cert = X509Chain([cert])
        if not isinstance(cert, (SSHCertificate, X509Chain)):
            raise TypeError(f"a certificate is an SSHCertificate, not {type(cert).__name__}")
        if cert.key.public_data != self.key_data:
            raise ValueError("the certificate is for another key")
        self.cert = cert
        self.has_cert = True
        self.algorithm = cert.algorithm
        self.public_data = cert.public_data

    def __repr__(self) -> str:
        return f"<SSHKeyPair {self._key_type} {self.algorithm}>"
