"""SSH keys: types and signatures, file formats, loading.

Owns: the names that the rest of nacre imports from here, and that every key type and file format
is registered. Must not know: connections, trust.
"""

from __future__ import annotations

from nacre.keys import ecdsa, ed25519, openssh, pem, public, rsa, sk  # noqa: F401  # for what they register
from nacre.keys.algorithms import (
    MADE_ELSEWHERE,
    SIGNATURE_ALGORITHMS,
    SignatureAlgorithm,
    certificate_algorithms,
    default_host_key_algorithms,
    default_signature_algorithms,
    select_host_key_algorithms,
    select_signature_algorithms,
    signature_algorithms,
    signature_of,
    with_certificate,
)
from nacre.keys.base import (
    KEY_FORMATS,
    KEY_TYPES,
    ExportOptions,
    KeyFormat,
    SignatureFault,
    SSHKey,
    register_key_format,
)
from nacre.keys.certificate import CertificateType, SSHCertificate, decode_certificate, decode_shown_key
from nacre.keys.certificate_files import (
    Certified,
    import_certificate,
    load_certificates,
    load_certified,
    read_certificate,
    read_certificate_list,
)
from nacre.keys.generate import generate_private_key
from nacre.keys.keypair import SSHKeyPair
from nacre.keys.load import (
    BesideRefused,
    KeyArgument,
    KeyListArgument,
    certificates_of,
    import_private_key,
    import_public_key,
    load_keypairs,
    load_pairs,
    load_public_keys,
    read_private_key,
    read_private_key_list,
    read_public_key,
    read_public_key_list,
    set_default_skip_rsa_key_validation,
)
from nacre.keys.passphrase import Passphrase, PassphraseNeeded
from nacre.keys.proof import Proof
from nacre.keys.public import decode_public_key
from nacre.keys.x509 import X509_ALGORITHMS, SSHX509Certificate, X509Chain, decode_chain

__all__ = [
    "KEY_FORMATS",
    "KEY_TYPES",
    "MADE_ELSEWHERE",
    "SIGNATURE_ALGORITHMS",
    "X509_ALGORITHMS",
    "BesideRefused",
    "CertificateType",
    "Certified",
    "KeyArgument",
    "KeyListArgument",
    "Passphrase",
    "PassphraseNeeded",
    "Proof",
    "SSHCertificate",
    "SSHKey",
    "SSHKeyPair",
    "SSHX509Certificate",
    "SignatureAlgorithm",
    "SignatureFault",
    "X509Chain",
    "certificate_algorithms",
    "certificates_of",
    "decode_certificate",
    "decode_chain",
    "decode_public_key",
    "decode_shown_key",
    "default_host_key_algorithms",
    "default_signature_algorithms",
    "generate_private_key",
    "import_certificate",
    "import_private_key",
    "import_public_key",
    "load_certificates",
    "load_certified",
    "load_keypairs",
    "load_pairs",
    "load_public_keys",
    "read_certificate",
    "read_certificate_list",
    "read_private_key",
    "read_private_key_list",
    "read_public_key",
    "read_public_key_list",
    "select_host_key_algorithms",
    "select_signature_algorithms",
    "set_default_skip_rsa_key_validation",
    "signature_algorithms",
    "signature_of",
    "with_certificate",
]


def _export_ppk(key: SSHKey, options: ExportOptions) -> bytes:
    from nacre.keys.ppk import export_ppk  # few keys are PuTTY's

    return export_ppk(key, options)


register_key_format(KeyFormat("ppk", export_private=_export_ppk, export_public=None))
