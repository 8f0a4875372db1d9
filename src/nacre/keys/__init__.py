"""SSH keys: types and signatures, file formats, loading.

Owns: the names that the rest of nacre imports from here, and that every key type and file format
is registered. Must not know: connections, trust.
"""

from __future__ import annotations

from nacre.keys import ecdsa, ed25519, openssh, pem, ppk, public, rsa  # noqa: F401  # for what they register
from nacre.keys.algorithms import (
    SIGNATURE_ALGORITHMS,
    SignatureAlgorithm,
    default_host_key_algorithms,
    default_signature_algorithms,
    select_host_key_algorithms,
    select_signature_algorithms,
    signature_algorithms,
)
from nacre.keys.base import KEY_FORMATS, KEY_TYPES, SignatureFault, SSHKey
from nacre.keys.generate import generate_private_key
from nacre.keys.keypair import SSHKeyPair
from nacre.keys.load import (
    KeyArgument,
    KeyListArgument,
    import_private_key,
    import_public_key,
    load_keypairs,
    load_public_keys,
    read_private_key,
    read_private_key_list,
    read_public_key,
    read_public_key_list,
    set_default_skip_rsa_key_validation,
)
from nacre.keys.passphrase import Passphrase, PassphraseNeeded
from nacre.keys.public import decode_public_key

__all__ = [
    "KEY_FORMATS",
    "KEY_TYPES",
    "SIGNATURE_ALGORITHMS",
    "KeyArgument",
    "KeyListArgument",
    "Passphrase",
    "PassphraseNeeded",
    "SSHKey",
    "SSHKeyPair",
    "SignatureAlgorithm",
    "SignatureFault",
    "decode_public_key",
    "default_host_key_algorithms",
    "default_signature_algorithms",
    "generate_private_key",
    "import_private_key",
    "import_public_key",
    "load_keypairs",
    "load_public_keys",
    "read_private_key",
    "read_private_key_list",
    "read_public_key",
    "read_public_key_list",
    "select_host_key_algorithms",
    "select_signature_algorithms",
    "set_default_skip_rsa_key_validation",
    "signature_algorithms",
]
